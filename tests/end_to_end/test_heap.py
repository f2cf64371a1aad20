"""Heap profiles: what pprofc run, report and convert make of a program whose sites are known."""
import json
import re
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

from harness import BUILD, PPROFC, ROOT, EndToEnd, built, clean_environment
from test_pprof_tool import Tool

FACTOR = 4
TYPES = ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")
# What tests/programs/heap_sites.c does: objects, their size, the share that is kept.
SITES = {"many_small": (64000, 64, 1.0), "half_freed": (8000, 1000, 0.5), "all_freed": (4000, 4096, 0.0), "few_large": (20, 1 << 20, 1.0)}
N_ALLOCS = sum(n for n, _, _ in SITES.values()) * FACTOR + 1  # and the vector, whose reallocs are counted apart
N_OTHERS = 16  # at most, of the loader and libc, at the start and the end
MIB = 1 << 20
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")


def truth(site, factor=FACTOR):
    n, size, kept = SITES[site]
    return {"alloc_objects": n * factor, "alloc_space": n * factor * size,
            "inuse_objects": n * factor * kept, "inuse_space": n * factor * size * kept}


class Recorded(EndToEnd):
    """Each test class records once."""
    OPTIONS = ("-k", "heap")
    PROGRAM, ARGUMENTS = "heap_sites", (FACTOR,)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        keeper = cls()
        cls.addClassCleanup(keeper.doCleanups)
        EndToEnd.setUp(keeper)
        cls.finished, cls.recording = keeper.run_profiled(*cls.OPTIONS, "--", keeper.program(cls.PROGRAM), *map(str, cls.ARGUMENTS),
                                                          output="it.ppc", status=None)

    def report(self, path, *args):
        finished = self.pprofc("report", *args, path)
        self.assertEqual(finished.status, 0, finished.err)
        return finished.out

    def rows(self, path, sample, *args):
        report = json.loads(self.report(path, "--json", "--sample", sample, *args))
        return report, {row["function"]: row for row in report["top"]}

    def convert(self, name, *args, source=None):
        path = self.folder / name
        finished = self.pprofc("convert", *args, source or self.recording, path)
        self.assertEqual(finished.status, 0, finished.err)
        return path


class Sampled(Recorded):
    """One sample in 16 KiB: hundreds for each site."""
    OPTIONS = ("-k", "heap", "--heap-interval", "16K")

    def assert_truth(self, path):
        """Every value lies within five of its own standard errors of the truth."""
        for sample in TYPES:
            report, rows = self.rows(path, sample)
            self.assertGreater(report["total_error"], 0)
            for site in SITES:
                with self.subTest(sample=sample, site=site):
                    wanted = truth(site)[sample]
                    if wanted == 0:
                        self.assertEqual(rows.get(site, {"flat": 0})["flat"], 0)
                        continue
                    self.assertIsNotNone(rows[site]["flat_error"])
                    self.assertAlmostEqual(rows[site]["flat"], wanted, delta=5 * rows[site]["flat_error"] + 1)
                    if site == "many_small":  # w is nearly interval / size: the error is known
                        self.assertAlmostEqual(rows[site]["flat_error"] / wanted, (16384 / (256000 * 64)) ** 0.5, delta=0.006)

    def test_values_and_errors(self):
        self.assert_truth(self.recording)

    def test_file_says_the_same(self):
        """A pprof file has no errors in it, and they are the same when it is read; exact totals are in its comments."""
        path = self.convert("it.pb.gz")
        self.assert_truth(path)
        for sample in TYPES:
            ours, read = (self.rows(source, sample) for source in (self.recording, path))
            self.assertEqual(ours[0]["heap"], read[0]["heap"])
            for site, row in ours[1].items():
                self.assertEqual(row["flat"], read[1][site]["flat"])
                if row["flat_error"]:
                    self.assertAlmostEqual(row["flat_error"] / read[1][site]["flat_error"], 1, delta=0.02)

    def test_exact_totals(self):
        """Calls are counted exactly, whatever is sampled."""
        heap = json.loads(self.report(self.recording, "--json"))["heap"]
        n_frees = (SITES["half_freed"][0] // 2 + SITES["all_freed"][0]) * FACTOR
        self.assertIn(heap["n_allocs"], range(N_ALLOCS, N_ALLOCS + N_OTHERS))
        self.assertIn(heap["n_frees"], range(n_frees, n_frees + N_OTHERS))
        self.assertEqual(heap["n_reallocs"], 10)
        self.assertFalse(heap["is_behind"])
        self.assertEqual(heap["interval_bytes"], 16384)

    def test_table(self):
        """What is in use comes first, with errors; the head has the whole heap and the exact totals."""
        text = self.report(self.recording)
        self.assertRegex(text, r"(?m)^Total +[\d.]+ MiB ± [\d.]+ [KM]iB of inuse_space in [\d ]+ samples during ")
        self.assertRegex(text, r"(?m)^Heap +[\d.]+ MiB ± \S+ [KM]iB in use, [\d.]+ MiB ± \S+ [KM]iB allocated; one sample in 16 KiB on average$")
        self.assertRegex(text, r"(?m)^Exactly +304 0\d\d allocations, 10 reallocations, 32 0\d\d frees, [\d.]+ MiB asked for$")
        self.assertRegex(text, r"(?m)^ +[\d ]+ +80 MiB +± [\d.]+ [KM]?i?B +[\d.]+ % +80 MiB .* few_large +heap_sites.c:\d+$")
        self.assertRegex(text, r"(?m)^ +1 +1 MiB +few +[\d.]+ % .* grown ")
        self.assertIn("few: fewer than 10 samples", text)

    def test_each_type_in_every_format(self):
        """--sample chooses among the four; folded stacks sum up to the type's total, and the picture is the heap's."""
        for sample in TYPES:
            with self.subTest(sample):
                total = json.loads(self.report(self.recording, "--json", "--sample", sample))["total"]
                lines = self.convert(f"{sample}.folded", "--sample", sample).read_text().splitlines()
                self.assertEqual(sum(int(line.rpartition(" ")[2]) for line in lines), total)
                self.assertTrue(all(";main;" in line for line in lines), lines)
                picture = self.convert(f"{sample}.svg", "--sample", sample).read_text()
                self.assertIn("<desc>Heap memory", picture)
                self.assertIn(f" {sample}", picture)
        types = {one["type"]: one for one in json.loads(self.convert("it.json").read_text())["types"]}
        self.assertEqual(tuple(types), TYPES)
        self.assertTrue(all(one["total_error"] > 0 for one in types.values()))

    def test_no_such_type(self):
        finished = self.pprofc("report", "--sample", "cpu", self.recording)
        self.assertEqual(finished.status, 2)
        self.assertIn("no sample type is called 'cpu'; the profile has: alloc_objects, alloc_space", finished.err)


class Exact(Recorded):
    """Every allocation, and everything is freed at the end: the peak is all that was kept."""
    OPTIONS = ("-k", "heap", "--heap-interval", "1", "--heap-peak")
    ARGUMENTS = (1, "drop")

    def test_values_are_exact(self):
        """Values are those of the program to the byte, and nothing speaks of errors."""
        for sample in TYPES:
            report, rows = self.rows(self.recording, sample)
            self.assertNotIn("total_error", report)
            for site in SITES:
                wanted = truth(site, 1)[sample] if sample.startswith("alloc") else 0
                self.assertEqual(rows.get(site, {"flat": 0})["flat"], wanted, (site, sample))
        text = self.report(self.recording, "--sample", "alloc_space")
        self.assertNotIn("std. error", text)
        self.assertIn("allocated; every allocation\n", text)

    def test_peak(self):
        """At the peak all was in use that was kept until the end; what was freed before was not."""
        _, rows = self.rows(self.recording, "inuse_space", "--heap-peak")
        for site in SITES:
            wanted = truth(site, 1)["inuse_space"]
            self.assertEqual(rows.get(site, {"flat": 0})["flat"], wanted, site)
        path = self.convert("peak.pb.gz", "--heap-peak")
        self.assertIn("in use is as of the peak", " ".join(self.read_profile(path).comments))
        self.assertEqual(self.rows(path, "inuse_space")[1]["few_large"]["flat"], 20 * MIB)
        self.assertRegex(self.finished.err, r"MiB in use at the peak\n")

    def test_peak_of_what_has_none(self):
        """A pprof file has no peak to choose."""
        finished = self.pprofc("report", "--heap-peak", self.convert("it.pb.gz"))
        self.assertEqual(finished.status, 1)
        self.assertIn("is no raw recording (.ppc): --heap-peak needs one", finished.err)


class Killed(Recorded):
    """The program kills itself."""
    OPTIONS = ("-k", "heap", "--heap-interval", "16K")
    ARGUMENTS = (FACTOR, "kill")

    def test_heap_survives(self):
        """What was in use at the death is in the recording, by site, and the last lines say so."""
        self.assertEqual(self.finished.status, 128 + signal.SIGKILL)
        self.assertRegex(self.finished.err, r"heap_sites was killed by SIGKILL after .*; [\d.]+ MiB ± .* allocated, "
                                            r"[\d.]+ MiB ± .* in use when it died by [\d ]+ samples\n")
        self.assertRegex(self.finished.err, r"(?m)^ +[\d.]+ % +few_large +heap_sites.c:\d+$")
        _, rows = self.rows(self.recording, "inuse_space")
        for site in ("many_small", "half_freed", "few_large"):
            self.assertAlmostEqual(rows[site]["flat"], truth(site)["inuse_space"], delta=5 * rows[site]["flat_error"] + 1)


class Files(EndToEnd):
    """What a run writes, and what it says."""

    def run_in_folder(self, *options):
        finished = self.pprofc("run", *options, "--", self.program("heap_sites"), "2")
        self.assertEqual(finished.status, 0, finished.err)
        return finished, sorted(re.sub(r"\.\d+\.", ".PID.", path.name) for path in self.folder.iterdir())

    def test_heap_alone(self):
        finished, files = self.run_in_folder("-k", "heap")
        self.assertEqual(files, ["heap_sites.PID.heap.pb.gz", "heap_sites.PID.heap.svg"])
        self.assertRegex(finished.err, r"heap_sites exited 0 after .*; [\d.]+ MiB in 152 0\d\d allocations, "
                                       r"[\d.]+ MiB ± [\d.]+ MiB in use at the end by \d+ samples\n")
        self.assertRegex(finished.err, r"(?m)^ +[\d.]+ % +few_large +heap_sites.c:\d+$")
        self.assertRegex(finished.err, r"wrote heap_sites\.\d+\.heap\.pb\.gz .* and heap_sites\.\d+\.heap\.svg;   next:  pprofc report heap_sites")

    def test_small_and_without_an_end(self):
        """A program that asked for little is told how to see all of it; one that leaves by _exit() has not died."""
        finished = self.pprofc("run", "-k", "heap", "--", "ls", "/")
        self.assertEqual(finished.status, 0, finished.err)
        self.assertRegex(finished.err, r"only \d samples? of the heap in .* [KM]iB; for more: --heap-interval 1, which records every allocation\n")
        finished = self.pprofc("run", "-k", "heap", "--", "sh", "-c", ":")
        self.assertEqual(finished.status, 0, finished.err)
        self.assertNotIn("died", finished.err)

    def test_both(self):
        finished, files = self.run_in_folder("-k", "cpu,heap", "-F", "10000")
        self.assertEqual(files, [f"heap_sites.PID.{kind}.{end}" for kind in ("cpu", "heap") for end in ("pb.gz", "svg")])
        self.assertRegex(finished.err, r"(?m)^pprofc: heap_sites exited 0 after .* cpu samples?\b")
        self.assertRegex(finished.err, r"(?m)^pprofc: heap: [\d.]+ MiB in 152 0\d\d allocations, ")
        self.assertEqual(len(re.findall(r"(?m)^  wrote ", finished.err)), 2)
        kinds = {tuple(one for one, _ in self.read_profile(path).sample_types) for path in self.folder.glob("*.pb.gz")}
        self.assertEqual(kinds, {("samples", "cpu"), TYPES})

    def test_named(self):
        """With several kinds each has its file under -o; a recording holds all of them."""
        self.run_in_folder("-k", "cpu,heap", "-o", "a.folded")
        self.run_in_folder("-k", "heap", "-o", "b.folded")
        _, files = self.run_in_folder("-k", "cpu,heap", "-o", "c.ppc")
        self.assertEqual(files, ["a.cpu.folded", "a.heap.folded", "b.folded", "c.ppc"])
        for args, said, types in (((), "it holds the heap too: --sample inuse_space", ("samples", "cpu")),
                                  (("--sample", "alloc_space"), "it holds cpu too: --sample cpu", TYPES)):
            finished = self.pprofc("convert", "-f", *args, "c.ppc", "c.pb.gz")
            self.assertIn(said, finished.err)
            self.assertEqual(tuple(one for one, _ in self.read_profile(self.folder / "c.pb.gz").sample_types), types)
        self.assertEqual(self.pprofc("report", "--heap-peak", "c.ppc").status, 1)


class Execs(EndToEnd):
    """A program that becomes another one takes its exact counts along."""

    def heap_of(self, *argv, status=0):
        path = self.folder / "it.pb.gz"
        finished = self.pprofc("run", "-f", "-k", "heap", "-o", path, "--", *argv)
        self.assertEqual(finished.status, status, finished.err)
        return json.loads(self.pprofc("report", "--json", path).out)["heap"], finished.err

    def test_chain(self):
        """sh executes sh, which executes heap_sites: exactly what the three have counted, by each."""
        program = self.program("heap_sites")
        alone, _ = self.heap_of(program, "1")
        heap, said = self.heap_of("sh", "-c", f"exec sh -c 'exec {program} 1'")
        self.assertFalse(heap["is_behind"])
        self.assertRegex(said, r"exited 0 after .*; [\d.]+ MiB in 7\d \d{3} allocations, ")
        more = heap["n_allocs"] - alone["n_allocs"]
        self.assertIn(more, range(2, 1000))  # of the shells
        parts = [*heap["threads"], heap["other_threads"]]
        for name in ("n_allocs", "n_frees", "requested_bytes"):
            self.assertEqual(sum(part[name] for part in parts), heap[name], name)
        self.assertIn(alone["n_allocs"], [part["n_allocs"] for part in parts])

    def test_vain(self):
        """What an exec that fails is followed by is counted as ever; one that is killed then knows its last look."""
        perl = shutil.which("perl")
        if perl is None:
            self.skipTest("no perl")
        vain = '{ no warnings; exec {"/nonexistent"} "it"; } my @kept = map { "x" x $_ } 1..20000; '
        heap, _ = self.heap_of(perl, "-e", vain)
        self.assertFalse(heap["is_behind"])
        self.assertGreater(heap["n_allocs"], 20000)
        heap, _ = self.heap_of(perl, "-e", vain + "select undef, undef, undef, 0.5; kill 9, $$", status=128 + signal.SIGKILL)
        self.assertTrue(heap["is_behind"])
        self.assertGreater(heap["n_allocs"], 20000)


class HeapInPprof(Tool):
    """go tool pprof reads the four types, and makes of them what we do."""

    def test_all_four(self):
        _, path = self.run_profiled("-k", "heap", "--heap-interval", "1", "--", self.program("heap_sites"))
        for index, sample in enumerate(TYPES):
            with self.subTest(sample):
                done = self.pprof("-top", "-nodefraction=0", "-unit=B" if sample.endswith("space") else "-unit=", f"-sample_index={sample}", path)
                self.assertEqual(done.returncode, 0, done.stderr)
                flat = {line.split()[-1]: line.split()[0] for line in done.stdout.splitlines() if line.endswith(tuple(SITES))}
                for site in SITES:
                    wanted = int(truth(site, 1)[sample])
                    self.assertEqual(int(flat.get(site, "0").rstrip("B")), wanted, (index, site, done.stdout))


class FreedAll(EndToEnd):
    """Of a program that gave all back, what it had taken is shown, not an empty table."""

    def test_default_type(self):
        """sqlite3 frees what it took: the report is of alloc_space, and in use stays a choice."""
        if shutil.which("sqlite3") is None:
            self.skipTest("no sqlite3")
        path = self.folder / "it.pb.gz"
        sql = "create table t(a); with recursive n(x) as (select 1 union all select x+1 from n where x<9000) insert into t select hex(x) from n;"
        finished = self.run_command(PPROFC, "run", "-f", "-k", "heap", "--heap-interval", "4K", "-o", path, "--", "sqlite3", ":memory:", sql)
        self.assertEqual(finished.status, 0, finished.err)
        report = self.pprofc("report", path).out
        self.assertRegex(report, r"Total +[\d.]+ \wi?B ± .* of alloc_space")
        self.assertNotIn("alloc_space", self.pprofc("report", "--json", "--sample", "inuse_space", path).out)


class FastPath(EndToEnd):
    """What a call costs that is not sampled is a count of instructions, which no busy machine changes."""

    def test_instructions(self):
        """malloc and free together execute at most 24 of ours (by callgrind, in bench/run)."""
        built("bench/malloc_cost")
        if shutil.which("valgrind") is None:
            self.skipTest("no valgrind")
        done = subprocess.run([ROOT / "bench" / "run", "heap-instructions"], env={**clean_environment(), "PPROFC_BUILD_DIR": str(BUILD)},
                              capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("instructions of ours in malloc and free", done.stdout)


class Fragmentation(EndToEnd):
    """Holes between objects are told from objects that stay, by the allocator's own figures."""

    def memory_of(self, *args, preload=None, options=(), program="heap_fragments"):
        path = self.folder / "it.pb.gz"
        env = clean_environment(LD_PRELOAD=preload) if preload else None
        finished = self.run_command(PPROFC, "run", "-f", "-k", "heap", *options, "-o", path, "--", self.program(program), *args, env=env)
        self.assertEqual(finished.status, 0, finished.err)
        report = self.pprofc("report", "--json", path)
        return finished.err, json.loads(report.out)["heap"]["memory"], self.pprofc("report", path).out

    def assert_fragmented(self, allocator, preload=None, options=()):
        """10.2 MB in objects, rounded up by less than a fifth, of what 103 MB took."""
        said, memory, report = self.memory_of(preload=preload, options=options)
        self.assertEqual(memory["allocator"], allocator)
        self.assertIn("fragmented, not leaking", said)
        self.assertIn("fragmented, not leaking", report)
        self.assertGreater(memory["resident_bytes"], 90e6)
        self.assertGreater(memory["fragmentation"], 0.8)
        if allocator != "mimalloc":  # the others count their objects
            self.assertTrue(10.2e6 <= memory["object_bytes"] <= 12.3e6, memory)

    def test_glibc(self):
        """Nine objects of ten freed: fragmented, not leaking."""
        self.assert_fragmented("glibc")

    def test_others(self):
        """jemalloc, tcmalloc and mimalloc say so by calls of their own."""
        for allocator, name in (("jemalloc", "libjemalloc.so.2"), ("tcmalloc", "libtcmalloc_minimal.so.4"), ("mimalloc", "libmimalloc.so.2.0")):
            path = LIBRARIES / name
            if not path.exists():
                print(f"no {name}: not tried")
                continue
            with self.subTest(allocator=allocator):
                self.assert_fragmented(allocator, preload=path)

    def test_peak(self):
        """With --heap-peak the rows are of another moment than the allocator's figures, which stay what they are: also of one that
        does not count its objects."""
        self.assert_fragmented("glibc", options=("--heap-peak",))
        if (LIBRARIES / "libmimalloc.so.2.0").exists():
            self.assert_fragmented("mimalloc", preload=LIBRARIES / "libmimalloc.so.2.0", options=("--heap-peak",))

    def test_parts(self):
        """Every allocation followed: what is in objects is what was asked for and what it was rounded up by, to the byte, what is in
        memory those and what is free, and the report, JSON and comments say the same; whatever rows are shown."""
        _, memory, report = self.memory_of("full", options=("--heap-interval", "1"))
        self.assertEqual(memory["internal_error_bytes"], 0)
        asked = sum(self.profile_values("inuse_space"))
        self.assertGreater(asked, 100e6)
        self.assertEqual(memory["object_bytes"], asked + memory["internal_bytes"])
        self.assertTrue(0 < memory["internal_bytes"] < 16 * 200000, memory)  # 8 bytes of head each, and multiples of 16
        self.assertEqual(memory["resident_bytes"], memory["object_bytes"] + memory["external_bytes"])
        self.assertRegex(report, r"(?m)^Memory   glibc: \S+ MiB in objects \(rounding 2.\d+ MiB\) of \S+ MiB in memory")
        comments = self.read_profile(self.folder / "it.pb.gz").comments
        for key in ("external_bytes", "internal_bytes", "retained_bytes", "object_bytes", "resident_bytes", "held_bytes"):
            self.assertIn(f"pprofc: heap_{key}={memory[key]}", comments)
        self.assertIn(f"pprofc: heap_fragmentation={memory['fragmentation']:.4f}", comments)
        ignored = self.pprofc("report", "--json", "--ignore", "main", "--sample", "inuse_space", self.folder / "it.pb.gz")
        self.assertEqual(json.loads(ignored.out)["heap"]["memory"], memory)
        self.assertEqual(self.pprofc("convert", self.folder / "it.pb.gz", self.folder / "again.pb.gz").status, 0)
        self.assertEqual(self.read_profile(self.folder / "again.pb.gz").comments, comments)

    def profile_values(self, sample):
        profile = self.read_profile(self.folder / "it.pb.gz")
        index = [kind for kind, _ in profile.sample_types].index(sample)
        return [one.values[index] for one in profile.samples]

    def test_mappings_are_no_rounding(self):
        """What the program maps by itself is in use, and is no part of what malloc's objects are compared with."""
        _, memory, _ = self.memory_of(program="heap_maps", options=("--heap-interval", "1", "--heap-mmap"))
        self.assertGreater(sum(self.profile_values("inuse_space")), 10e6)
        self.assertTrue(0 < memory["internal_bytes"] < memory["object_bytes"] < 1e6, memory)

    def test_full(self):
        """All stay: nothing is said, and what is in memory is objects."""
        said, memory, report = self.memory_of("full")
        self.assertNotIn("fragmented", said)
        self.assertLess(memory["fragmentation"], 0.1)
        self.assert_costs_little(memory, report)

    def assert_costs_little(self, memory, report):
        """103 MB at 512 KiB: a table of 8000 slots, and a thousandth of the heap for the filter."""
        self.assertTrue(64 * 1024 <= memory["tables_bytes"] <= 1024 * 1024, memory)
        self.assertIn(" of the profiler's own", report)


class ByThread(Recorded):
    """Twenty threads of a few milliseconds each, and what each of them says it did."""
    N = 20
    OPTIONS = ("-k", "heap", "--heap-usable")
    COUNTS = ("n_allocs", "n_reallocs", "n_frees", "usable_allocated_bytes", "usable_freed_bytes")
    PROGRAM, ARGUMENTS = "heap_threads", (N,)

    def heap(self, path):
        return json.loads(self.report(path, "--json"))["heap"]

    def assert_threads(self, finished, heap, within_bytes=0):
        """The sixteen that asked for most, each with its own counts to the last byte; the others and main in one sum, and all in the totals."""
        truth = {one["name"]: one for one in json.loads(finished.out)}
        self.assertEqual([one["name"] for one in heap["threads"]], [f"worker-{k}" for k in range(self.N - 1, self.N - 17, -1)])
        for one in heap["threads"]:
            own = truth[one["name"]]
            self.assertEqual([one[name] for name in ("id", *self.COUNTS)], [own[name] for name in ("id", *self.COUNTS)], one["name"])
            self.assertEqual(one["usable_net_bytes"], own["usable_allocated_bytes"] - own["usable_freed_bytes"])
            # What a realloc adds is counted in usable bytes, or in those asked for where the object is followed.
            self.assertAlmostEqual(one["requested_bytes"], own["requested_bytes"] + own["n_reallocs"] * 2500, delta=own["n_reallocs"] * 2600)
        others = heap["other_threads"]
        self.assertGreaterEqual(others["n_threads"], self.N - 16)
        self.assertGreaterEqual(others["n_frees"], sum(one["n_allocs"] // 2 for one in truth.values()))
        for name in (*self.COUNTS, "requested_bytes", "usable_net_bytes"):
            self.assertEqual(heap[name], sum(one[name] for one in (*heap["threads"], others)), name)

    def test_recording_and_file(self):
        """Threads that came and went between two looks of the helper have lost nothing; a pprof file says the same as the recording."""
        self.assert_threads(self.finished, self.heap(self.recording))
        path = self.convert("it.pb.gz")
        self.assertEqual(self.heap(path), self.heap(self.recording))
        whole = json.loads(self.convert("it.json").read_text())["heap"]
        self.assertEqual(whole["threads"], self.heap(path)["threads"])
        comments = [one for one in self.read_profile(path).comments if one.startswith("pprofc: heap_thread=id=")]
        self.assertEqual(len(comments), 17, comments)

    def test_text(self):
        """The head of the table and the run's last lines name those that asked for most and sum up the others."""
        text = self.report(self.recording)
        self.assertRegex(text, r"(?m)^Exactly  [\d.]+ MiB usable allocated, [\d.]+ MiB freed, -?[\d.]+ [KM]?i?B net$")
        self.assertRegex(text, r"(?m)^Threads  worker-19 \(\d+\): [\d.]+ MiB in 400 allocations, 200 frees; [\d.]+ MiB usable allocated, ")
        self.assertRegex(text, r"(?m)^         worker-15 \(\d+\): .*\n         \d+ others: ")
        self.assertRegex(self.finished.err, r"(?m)^pprofc: [\d.]+ MiB usable allocated, [\d.]+ MiB freed, -?[\d.]+ [KM]?i?B net$")
        self.assertRegex(self.finished.err, r"(?m)^pprofc: asked for by thread: worker-19 \(\d+\) [\d.]+ MiB, worker-18 \(\d+\) .*, \d+ others [\d.]+ MiB$")

    def test_unasked(self):
        """Without the option usable bytes are not known, nowhere a 0; threads are there all the same."""
        finished, path = self.run_profiled("-k", "heap", "--", self.program("heap_threads"), "2", output="plain.pb.gz")
        heap = self.heap(path)
        self.assertEqual([heap[f"usable_{name}_bytes"] for name in ("allocated", "freed", "net")], [None] * 3)
        self.assertIn("worker-1", [one["name"] for one in heap["threads"]])
        self.assertNotIn("usable", finished.err + self.report(path))

    def test_other_allocators(self):
        """jemalloc, tcmalloc and mimalloc round in ways of their own, and every allocation can be followed beside it."""
        for name in ("libjemalloc.so.2", "libtcmalloc.so.4", "libmimalloc.so.2"):
            if not (LIBRARIES / name).exists():
                print(f"no {name}: not tried")
                continue
            with self.subTest(allocator=name):
                finished, path = self.run_profiled("-k", "heap", "--heap-interval", "1", "--heap-usable", "--", self.program("heap_threads"),
                                                   str(self.N), output=f"{name}.pb.gz", env=clean_environment(LD_PRELOAD=LIBRARIES / name))
                self.assert_threads(finished, self.heap(path))

    def test_by_the_api(self):
        """A linked program has the same sums as its own, for itself and in all; one built with the older header's shorter struct, too."""
        finished = self.run_command(self.program("heap_totals"))
        self.assertEqual((finished.status, finished.out), (0, ""), finished.err)


class UsableOperators(EndToEnd):
    """C++'s operators of tcmalloc and jemalloc do not come by malloc, and their bytes count all the same."""

    def test_net(self):
        """heap_operators frees all it takes: usable bytes allocated and freed are as many, but for what libraries keep."""
        for name in ("libjemalloc.so.2", "libtcmalloc.so.4", "libmimalloc.so.2"):
            if not (LIBRARIES / name).exists():
                print(f"no {name}: not tried")
                continue
            with self.subTest(allocator=name):
                _, path = self.run_profiled("-k", "heap", "--heap-usable", "--", self.program("heap_operators"), output=f"{name}.pb.gz", status=None,
                                            env=clean_environment(LD_PRELOAD=LIBRARIES / name))
                heap = json.loads(self.pprofc("report", "--json", path).out)["heap"]
                self.assertGreater(heap["usable_allocated_bytes"], heap["requested_bytes"] * 0.99)
                self.assertLessEqual(abs(heap["usable_net_bytes"]), 4096)
                self.assertAlmostEqual(heap["n_frees"], heap["n_allocs"], delta=N_OTHERS)


class Lifetimes(Recorded):
    """Every allocation, and how long each object lived: between what the program has measured around it."""
    OPTIONS = ("-k", "heap", "--heap-interval", "1", "--heap-lifetimes")
    PROGRAM, ARGUMENTS = "heap_lifetimes", (1,)
    BOUNDS = [1e6 * 2 ** (k - 10) for k in range(36)]

    def truth(self):
        return json.loads(self.finished.out)

    def of_site(self, profile, site):
        """(bound in nanoseconds or None, values) of the samples that a function of the program has allocated."""
        return [(one.labels.get("lifetime"), one.values) for one in profile.samples if one.frames and one.frames[0].function == site]

    def assert_lifetimes(self, profile):
        """At each bound, what lived for less is between what certainly did and what may have."""
        for site, truth in self.truth().items():
            samples = self.of_site(profile, site)
            for bound_ns, (certainly, possibly) in zip(self.BOUNDS[:-1], truth["below"]):
                below = sum(values[0] for label, values in samples if label is not None and label <= bound_ns + 1)
                self.assertTrue(certainly <= below <= possibly, (site, bound_ns, certainly, below, possibly))

    def test_exact(self):
        """Of every site at every bound, in the file that pprof reads; what is in use has no lifetime."""
        profile = self.read_profile(self.convert("it.pb.gz"))
        self.assert_lifetimes(profile)
        for site in ("temporary", "held", "kept"):
            truth = self.truth()[site]
            samples = self.of_site(profile, site)
            self.assertEqual(sum(values[0] for label, values in samples if label is not None), truth["n_freed"], site)
            self.assertEqual(sum(values[0] for _, values in samples), truth["n_allocs"], site)
            self.assertTrue(all(values[2] == 0 for label, values in samples if label is not None), site)
        self.assertEqual(sum(values[2] for _, values in self.of_site(profile, "kept")), 1000)

    def test_totals_are_the_same(self):
        """The samples that share a stack sum up to what it has allocated, in every type."""
        path = self.convert("it.pb.gz")
        for sample, wanted in (("alloc_objects", 20000), ("alloc_space", 20000 * 64), ("inuse_objects", 0)):
            for source in (self.recording, path):
                self.assertEqual(self.rows(source, sample)[1].get("temporary", {"flat": 0})["flat"], wanted, (sample, source))
        self.assertEqual(self.rows(path, "inuse_space")[1]["kept"]["flat"], 500000)

    def test_rows(self):
        """Each row has the median, the 99th percentile and the share of what it allocated that was freed within a millisecond."""
        for source in (self.recording, self.convert("it.pb.gz")):
            report, rows = self.rows(source, "alloc_objects")
            truth = self.truth()
            self.assertLess(rows["temporary"]["lifetime"]["median_ns"], 1e5)
            self.assertLessEqual(rows["temporary"]["lifetime"]["median_ns"], rows["temporary"]["lifetime"]["p99_ns"])
            certainly, possibly = truth["temporary"]["below"][10]
            self.assertTrue(certainly / 20000 <= rows["temporary"]["lifetime"]["within_1ms_share"] <= possibly / 20000)
            self.assertGreaterEqual(rows["held"]["lifetime"]["median_ns"], 2e6)
            self.assertEqual(rows["held"]["lifetime"]["within_1ms_share"], 0)
            self.assertEqual(rows["kept"]["lifetime"], {"median_ns": None, "p99_ns": None, "within_1ms_share": 0})
            lifetimes = report["heap"]["lifetimes"]
            n_freed = sum(one["objects"] for one in lifetimes["buckets"])
            self.assertTrue(sum(one["n_freed"] for one in truth.values()) <= n_freed <= sum(one["n_freed"] for one in truth.values()) + N_OTHERS)
            self.assertGreater(lifetimes["objects"]["within_1ms_share"], 0.5)
            self.assertLess(lifetimes["bytes"]["within_1ms_share"], lifetimes["objects"]["within_1ms_share"])

    def test_text(self):
        """The table has columns for it, its head and the run's last lines a summary."""
        text = self.report(self.recording, "--sample", "alloc_objects")
        self.assertRegex(text, r"(?m)^Lives    half of the freed objects lived for less than [\d.]+ [num]s, 99 % for less than [\d.]+ m?s; "
                               r"[\d.]+ % of all objects and [\d.]+ % of bytes were freed within 1 ms$")
        self.assertRegex(text, r"(?m)^ +samples +flat +flat % +cum +cum %  life 50 % +99 % +< 1 ms  function$")
        self.assertRegex(text, r"(?m) %  +[\d.]+ ms +[\d.]+ m?s +0\.0 %  held +heap_lifetimes.c:\d+$")
        self.assertRegex(text, r"(?m) %  +- +- +0\.0 %  kept +heap_lifetimes.c:\d+$")
        self.assertRegex(self.finished.err, r"(?m)^pprofc: half of the freed objects lived for less than .* were freed within 1 ms$")

    def test_sampled(self):
        """Sampled, what lived for less than any bound is as many as it should within five standard errors, and a row of few says so."""
        finished, path = self.run_profiled("-k", "heap", "--heap-interval", "4K", "--heap-lifetimes", "--", self.program("heap_lifetimes"), "10",
                                           output="sampled.pb.gz")
        profile = self.read_profile(path)
        for site, size in (("temporary", 64), ("held", 300)):
            truth = json.loads(finished.out)[site]
            weight = 1 / (1 - 2.718281828459045 ** (-size / 4096))
            samples = self.of_site(profile, site)
            for bound_ns, (certainly, possibly) in zip(self.BOUNDS[:-1], truth["below"]):
                below = sum(values[0] for label, values in samples if label is not None and label <= bound_ns + 1)
                self.assertGreaterEqual(below, certainly - 5 * (certainly * weight) ** 0.5 - weight, (site, bound_ns))
                self.assertLessEqual(below, possibly + 5 * (possibly * weight) ** 0.5 + weight, (site, bound_ns))
        _, rows = self.rows(path, "alloc_space")
        self.assertIsNotNone(rows["held"]["lifetime"]["median_ns"])
        few = [row for row in rows.values() if row["lifetime"]["median_ns"] is None]
        self.assertTrue(all(row["flat_error"] is None or row["function"] == "kept" for row in few if row["flat"]), few)

    def test_unasked(self):
        """Without the option nothing is known, and nothing is said."""
        finished, path = self.run_profiled("-k", "heap", "--heap-interval", "1", "--", self.program("heap_lifetimes"), output="plain.pb.gz")
        report, rows = self.rows(path, "alloc_objects")
        self.assertIsNone(report["heap"]["lifetimes"])
        self.assertNotIn("lifetime", rows["held"])
        self.assertFalse(any("lifetime" in one.labels for one in self.read_profile(path).samples))
        self.assertNotIn("lived", finished.err + self.report(path))


class LifetimesInPprof(Tool):
    """go tool pprof finds temporary allocations by the label."""

    def test_focus(self):
        """Its tags are ours, and what it counts below a millisecond is what we do."""
        finished, path = self.run_profiled("-k", "heap", "--heap-interval", "1", "--heap-lifetimes", "--", self.program("heap_lifetimes"))
        certainly, possibly = json.loads(finished.out)["temporary"]["below"][10]
        done = self.pprof("-top", "-nodefraction=0", "-unit=", "-sample_index=alloc_objects", "-tagfocus=lifetime=:1ms", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        flat = {line.split()[-1]: int(line.split()[0]) for line in done.stdout.splitlines() if line.endswith(("temporary", "held", "kept"))}
        self.assertTrue(certainly <= flat["temporary"] <= possibly, (certainly, flat, possibly))
        self.assertNotIn("held", flat)
        tags = self.pprof("-tags", "-sample_index=alloc_objects", path)
        self.assertIn("lifetime: Total ", tags.stdout)
