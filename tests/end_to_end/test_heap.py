"""Heap profiles: what pprofc run, report and convert make of a program whose sites are known."""
import json
import re
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

from harness import BUILD, PPROFC, ROOT, EndToEnd, clean_environment
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
    ARGUMENTS = (FACTOR,)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        keeper = cls()
        cls.addClassCleanup(keeper.doCleanups)
        EndToEnd.setUp(keeper)
        cls.finished, cls.recording = keeper.run_profiled(*cls.OPTIONS, "--", keeper.program("heap_sites"), *map(str, cls.ARGUMENTS),
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
        finished, files = self.run_in_folder("-k", "cpu,heap", "-F", "1000")
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
        if shutil.which("valgrind") is None or not (BUILD / "bench" / "malloc_cost").exists():
            self.skipTest("no valgrind, or bench/malloc_cost is not built")
        done = subprocess.run([ROOT / "bench" / "run", "heap-instructions"], env={**clean_environment(), "PPROFC_BUILD_DIR": str(BUILD)},
                              capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("instructions of ours in malloc and free", done.stdout)


class Fragmentation(EndToEnd):
    """Holes between objects are told from objects that stay, by the allocator's own figures."""

    def memory_of(self, *args, preload=None):
        path = self.folder / "it.pb.gz"
        env = clean_environment(LD_PRELOAD=preload) if preload else None
        finished = self.run_command(PPROFC, "run", "-f", "-k", "heap", "-o", path, "--", self.program("heap_fragments"), *args, env=env)
        self.assertEqual(finished.status, 0, finished.err)
        report = self.pprofc("report", "--json", path)
        return finished.err, json.loads(report.out)["heap"]["memory"], self.pprofc("report", path).out

    def assert_fragmented(self, allocator, preload=None):
        """10.2 MB in objects, rounded up by less than a fifth, of what 103 MB took."""
        said, memory, report = self.memory_of(preload=preload)
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

    def test_full(self):
        """All stay: nothing is said, and what is in memory is objects."""
        said, memory, report = self.memory_of("full")
        self.assertNotIn("fragmented", said)
        self.assertLess(memory["fragmentation"], 0.1)
        self.assert_costs_little(memory, report)

    def assert_costs_little(self, memory, report):
        """103 MB at 512 KiB: some 196 samples (sd 14), a KiB between objects for each; and a table of 8000 slots."""
        n_samples = memory["alignment_bytes"] / 1024
        self.assertTrue(196 - 4 * 14 <= n_samples <= 196 + 4 * 14, memory)
        self.assertTrue(64 * 1024 <= memory["tables_bytes"] <= 1024 * 1024, memory)
        self.assertIn(" of the heap unused since sampled objects are aligned", report)
