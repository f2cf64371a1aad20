"""Profiles that other tools write as text or words: all of the corpus, the tools themselves, and where files come from.

The corpus lies beside the checkout; its README says what the totals are, as the origin's own tools found them.
"""
import gzip
import os
import re
import shutil
import struct
import subprocess
import unittest
from pathlib import Path

import harness
from harness import EndToEnd

CORPUS = harness.ROOT.parent / "shared" / "corpus"
ROW = re.compile(r"^\| (\S+) \((\d+)\) \|.*\| (.*) \|$")


def readme_rows():
    """(path, what the README expects of it) of every file that it lists."""
    folder = None
    for line in (CORPUS / "README.md").read_text().splitlines():
        if line.startswith("## "):
            folder = line[3:].split()[0].rstrip("/")
        found = ROW.match(line)
        if found and folder:
            yield CORPUS / folder / found[1], found[3]


class Files(EndToEnd):
    """Tests that read files with the command."""

    def convert(self, path, *options, status=0, **more):
        out = self.folder / "read.pb"
        self.said = self.pprofc("convert", "-f", *options, path, out, **more)
        self.assertEqual(self.said.status, status, f"{path}: {self.said.err}")
        return self.read_profile(out) if status == 0 else None

    @staticmethod
    def totals(profile):
        return [sum(sample.values[i] for sample in profile.samples) for i in range(len(profile.sample_types))]


@unittest.skipUnless((CORPUS / "README.md").exists(), f"no corpus at {CORPUS}")
class Corpus(Files):
    """Every file of the corpus that these readers cover has the right totals."""

    def test_perf_script(self):
        """Each record of perf's text counts, the last one too, and in one sample type; periods add up."""
        # The README counts what blank lines part: one record holds a blank line, one file has a record a line.
        others = {"empty-line.txt": 2, "single-line-stacks.txt": 2}
        n_files = 0
        for path, expected in readme_rows():
            found = re.search(r"records (\d+); Perl --all: (?:.*total=(\d+))?", expected)
            if not found or found[1] == "0":
                continue
            n_files += 1
            with self.subTest(path=path.name):
                profile = self.convert(path)
                totals, names = self.totals(profile), [name for name, _ in profile.sample_types]
                n_records = totals[0] if names[0] == "samples" else sum(totals)
                self.assertEqual(n_records, others.get(path.name, int(found[1])))
                text = (gzip.decompress if path.suffix == ".gz" else bytes)(path.read_bytes())
                if found[2] and names[0] == "samples" and text.endswith(b"\n\n"):
                    self.assertEqual(totals[1], int(found[2]))
                elif found[2]:
                    self.assertGreaterEqual(totals[1] if names[0] == "samples" else totals[0], int(found[2]))
        self.assertEqual(n_files, 29)
        # Those whose last record the README's tool loses: inferno's own results, and the period times the records.
        for name, total in (("inferno/collapse-perf/go-stacks.txt", 1250000), ("inferno/collapse-perf/java-inline.txt", 222222220),
                            ("inferno/collapse-perf/cpp-stacks-std-function.txt", 80567950),
                            ("inferno/collapse-perf/single-event.txt", 10101010),
                            ("inferno/collapse-perf/versioned-vmlinux.txt", 20834821),
                            ("FlameGraph/perf-dd-stacks-01.txt", 11 * 10101010),
                            ("speedscope/linux-perf/one-sample.linux-perf.txt", 1001001),
                            ("FlameGraph/example-perf-stacks.txt.gz", 1315)):
            with self.subTest(name=name):
                self.assertEqual(self.totals(self.convert(CORPUS / name))[-1], total)

    def test_events_apart(self):
        """Cycles and instructions of one recording are two sample types: 444 records, 333 and 111."""
        profile = self.convert(CORPUS / "FlameGraph/perf-cycles-instructions-01.txt")
        self.assertEqual(profile.sample_types, [("instructions", "count"), ("cycles", "count")])
        self.assertEqual(self.totals(profile), [333, 111])

    def test_folded_by_others(self):
        """perf's text becomes the stacks that stackcollapse-perf.pl makes of it: as many of each depth, and the last record."""
        for name in ("perf-dd-stacks-01", "perf-funcab-cmd-01", "perf-funcab-pid-01", "perf-iperf-stacks-pidtid-01",
                     "perf-mirageos-stacks-01", "perf-vertx-stacks-01", "perf-js-stacks-01"):
            with self.subTest(name=name):
                out = self.folder / "out.folded"
                self.assertEqual(self.pprofc("convert", "-f", CORPUS / "FlameGraph" / f"{name}.txt", out).status, 0)
                own = self.depths(out.read_text())
                theirs = self.depths((CORPUS / "FlameGraph/results" / f"{name}-collapsed-all.txt").read_text())
                missing = {depth: own[depth] - theirs.get(depth, 0) for depth in own if own[depth] != theirs.get(depth, 0)}
                self.assertLessEqual(len(missing), 1, "but for the record that is lost there")
                self.assertTrue(all(n > 0 for n in missing.values()), missing)

    @staticmethod
    def depths(text):
        counts = {}
        for line in text.splitlines():
            stack, count = line.rsplit(" ", 1)
            counts[stack.count(";")] = counts.get(stack.count(";"), 0) + int(count)
        return counts

    def test_legacy(self):
        """gperftools', tcmalloc's, brpc's, Go's and Java's profiles have the totals that pprof found."""
        n_files = 0
        for path, expected in readme_rows():
            found = re.search(r"types\[(.*?)\] .*totals=\[(.*?)\]", expected)
            if not found or not re.match(r"(cppbench|go|gobench|java)\.", path.name):
                continue
            n_files += 1
            with self.subTest(path=path.name):
                profile = self.convert(path)
                if path.name == "gobench.heap":  # the README's tool leaves out what has no stack
                    profile.samples = [sample for sample in profile.samples if sample.frames]
                self.assertEqual(self.totals(profile), [int(one) for one in found[2].split(",")])
                self.assertEqual(["/".join(one) for one in profile.sample_types], found[1].split())
        self.assertEqual(n_files, 19)

    def golden(self, path):
        """What the origin's dump says: ({(values, addresses or names): how often}, {address: module})."""
        samples, locations, mappings, part, labels = [], {}, {}, "", re.compile(r"^ +\w+:\[")
        for line in path.read_text().splitlines():
            if line in ("Samples:", "Locations", "Mappings"):
                part = line
            elif part == "Samples:" and re.match(r"^[ \d-]+:", line):
                values, _, ids = line.partition(":")
                samples.append((tuple(int(one) for one in values.split()), ids.split()))
            elif part == "Locations":
                number, _, text = line.strip().partition(": ")
                locations[number] = text.split()
            elif part == "Mappings":
                number, _, text = line.partition(": ")
                mappings[number] = text.split()[1] if len(text.split()) > 1 else ""
            self.assertTrue(part != "Samples:" or line == part or ":" in line or "/" in line or labels.match(line), line)
        def key(words):
            return int(words[0], 16) or words[1]
        stacks = {}
        for values, ids in samples:
            one = tuple(key(locations[i]) for i in ids)
            stacks[one] = [a + b for a, b in zip(stacks.get(one, [0] * len(values)), values)]
        modules = {int(words[0], 16): mappings[words[1][2:]] for words in locations.values() if words[1].startswith("M=")}
        return stacks, modules

    def own(self, profile):
        stacks, modules = {}, {}
        for sample in profile.samples:
            physical = [frame for frame in sample.frames if not frame.is_inlined]
            one = tuple(frame.address or frame.function for frame in physical)
            stacks[one] = [a + b for a, b in zip(stacks.get(one, [0] * len(sample.values)), sample.values)]
            modules.update({frame.address: frame.module for frame in physical})
        return stacks, modules

    def test_goldens(self):
        """Each stack of each legacy file has the addresses and the values of the origin's dump, and lies in the same modules."""
        goldens = sorted((CORPUS / "google-pprof").glob("*.string"))
        self.assertGreaterEqual(len(goldens), 10)
        for path in goldens:
            with self.subTest(path=path.name):
                stacks, modules = self.own(self.convert(path.with_suffix("")))
                wanted, wanted_modules = self.golden(path)
                self.assertEqual(stacks, wanted)
                for address, module in wanted_modules.items():
                    self.assertEqual(modules[address], module, hex(address))

    def test_jemalloc(self):
        """jemalloc's dump has the stacks and modules of the golden, whose values are a thread's each: within a hundredth."""
        stacks, modules = self.own(self.convert(CORPUS / "pprofutils/jemalloc.heap"))
        wanted, wanted_modules = self.golden(CORPUS / "pprofutils/jemalloc.heap.string")
        extra = set(stacks) - set(wanted)
        self.assertEqual((len(extra), set(wanted) - set(stacks)), (1, set()), "but for the last stack, which is lost there")
        for i in range(2):
            own, theirs = (sum(values[i] for values in one.values()) for one in (stacks, wanted))
            self.assertAlmostEqual(own / theirs, 1, delta=0.01)
        self.assertEqual({address: modules[address] for address in wanted_modules}, wanted_modules)

    def test_folded(self):
        """Folded files of all tools have their totals; lines that are no stacks are counted and said."""
        n_files = 0
        for path, expected in readme_rows():
            found = re.search(r"lines=(\d+) bad=(\d+) total=([\d.e+]+)", expected)
            if not found or float(found[3]) == 0 or path.suffix not in (".txt", ".collapsed"):
                continue
            if re.search(r"diff-folded/results|-diff.txt|austin", str(path)):
                continue  # two counts a line; lines "# duration: 23873"
            n_files += 1
            with self.subTest(path=str(path.relative_to(CORPUS))):
                profile = self.convert(path)
                scale = {"thousandths": 1e3, "millionths": 1e6}.get(profile.sample_types[0][1], 1)
                self.assertAlmostEqual(self.totals(profile)[0] / scale / float(found[3]), 1, delta=1e-5)
                skipped = re.search(r"(\d+) lines without a stack", self.said.err)
                if "." not in found[3]:
                    n_comments = sum(line.startswith(b"# ") for line in path.read_bytes().splitlines())
                    self.assertEqual((int(skipped[1]) if skipped else 0) + n_comments, int(found[2]), self.said.err)
        self.assertGreater(n_files, 90)

    def test_no_profiles(self):
        """What is none is refused in one line, with what to do."""
        for name in ("inferno/collapse-guess/unknown-format.txt", "inferno/collapse-perf/no-events.txt",
                     "inferno/flamegraph/nameattr/nameattr.txt", "inferno/flamegraph/palette-map/palette_invalid.map"):
            with self.subTest(name=name):
                self.convert(CORPUS / name, status=1)
                self.assertEqual(len(self.said.own_lines), 1, self.said.err)

    def test_rust_names(self):
        """Names that perf left mangled are read as people write them."""
        profile = self.convert(CORPUS / "speedscope/linux-perf/rust-mangled.linux-perf.txt")
        leaves = {}
        for sample in profile.samples:
            leaves[sample.frames[0].function] = leaves.get(sample.frames[0].function, 0) + sample.values[1]
        self.assertRegex(max(leaves, key=leaves.get), r"alloc::vec::Vec<f64")
        self.assertFalse([name for name in leaves if name.startswith("_R")])


def zstd_frame(content):
    """A frame of one block that is stored as it is."""
    assert len(content) < 128 * 1024
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(content)) + struct.pack("<I", len(content) << 3 | 1)[:3] + content


class Sources(Files):
    """A profile is read from a file or from standard input, compressed or not."""
    FOLDED = b"main;parse 7\nmain;run 5\n"

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def assert_read(self, profile):
        self.assertEqual(self.totals(profile), [12])

    def test_compressed(self):
        """gzip, zstd and one within the other are taken off, whatever the name."""
        for name, content in (("a.gz", gzip.compress(self.FOLDED)), ("a.zst", zstd_frame(self.FOLDED)),
                              ("a", zstd_frame(gzip.compress(self.FOLDED))), ("b", zstd_frame(b"") + zstd_frame(self.FOLDED))):
            self.assert_read(self.convert(self.write(name, content)))
        for name, content in (("cut.zst", zstd_frame(self.FOLDED)[:-3]), ("bad.zst", zstd_frame(self.FOLDED)[:9] + b"\xff" * 9),
                              ("cut.gz", gzip.compress(self.FOLDED)[:-5])):
            self.convert(self.write(name, content), status=1)
            self.assertRegex(self.said.err, "truncated|damaged")

    def test_standard_input(self):
        """A pipe, plain, compressed, and one that has nothing."""
        for content in (self.FOLDED, gzip.compress(self.FOLDED), self.FOLDED * 20000):
            with open(self.write("in", content), "rb") as file:
                profile = self.convert("-", stdin=file)
            self.assertEqual(self.totals(profile), [12 * (20000 if len(content) > 1000 else 1)])
        self.convert("-", status=1)
        self.assertIn("is empty", self.said.err)

    def test_standard_output(self):
        """--format says what is written, whatever the name; without a name it goes to standard output, where nothing else does."""
        (self.folder / "in.folded").write_bytes(self.FOLDED)
        for words in (("--format", "folded", "in.folded"), ("--format=.folded", "in.folded", "-")):
            done = self.pprofc("convert", *words)
            self.assertEqual((done.status, done.out.encode(), done.err), (0, self.FOLDED, ""))
        for name, begin in (("speedscope", '{"$schema"'), ("json", "{"), ("csv", '"?function'), ("svg", "<"), ("txt", "")):
            done = self.pprofc("convert", "--format", name, "in.folded", "odd.name", "-f")
            self.assertEqual(done.status, 0, done.err)
            self.assertRegex((self.folder / "odd.name").read_text(), "^" + begin.replace("$", "[$]"))
        for words in (("--format", "ppc", "in.folded"), ("--format", "gif", "in.folded"), ("--format", "folded"), ("--format", "csv", "--by=thread", "in.folded")):
            done = self.pprofc("convert", *words)
            self.assertEqual((done.status, len(done.err.splitlines())), (2, 1), done.err)

    def test_perf_data(self):
        """perf's own file is not read, and the line says which command makes of it what is."""
        self.convert(self.write("perf.data", b"PERFILE2" + bytes(96)), status=1)
        self.assertRegex(self.said.err, r"run perf script -i '.*perf\.data'")

    def test_what_it_is_instead(self):
        """Files of other tools are called what they are, each with what to do; nothing is taken for folded stacks that only looks so."""
        maps = Path("/proc/self/maps").read_bytes()
        for content, said in ((b"\x7fELF\x02\x01", "is a program; pprofc run"), (b"FLR\0\0\x02", "flight recording of Java; jfrconv"),
                              (b"\xfd7zXZ\0", "packed in a way.*unpack it"), (b"# callgrind format\nevents: Ir\n", "callgrind_annotate"),
                              (b"version: 1\ncreator: x\nevents: Ir\n", "callgrind_annotate"), (maps, "/proc/PID/maps; give a profile"),
                              (b"PeriodType: cpu nanoseconds\nSamples:\nsamples/count\n 1: 1 2 3\n", "pprof has printed"),
                              (b"File: a\nType: cpu\nShowing nodes accounting for 1s\n", "pprof has printed"),
                              (b'[\n {"ph": "B", "ts": 1}\n]\n', "events in Chrome's format"), (b'{"traceEvents":[\n', "events in Chrome's format"),
                              (b'{\n "dhatFileVersion": 2\n}', "dh_view"), (b"CPU     ID   FUNCTION:NAME\n\n a`b\n 3\n", "stackcollapse.pl"),
                              (b"<svg>", "picture or a page"), (b'{"a": 1}', "JSON, but no profile.*reads .pb.gz"),
                              (b"\x01\x02\x03\x04", "no format that is known here; pprofc reads .pb.gz"), (b"", "is empty")):
            self.convert(self.write("in", content), status=1)
            self.assertRegex(self.said.err, said)
            self.assertEqual(len(self.said.own_lines), 1, self.said.err)
        self.assert_read(self.convert(self.write("in", b"events: x;positions: y 5\nPK;FLR 7\n")))

    def test_damaged(self):
        """What is damaged is said once with its place and with what to do; a text that ends within a line may have been cut short."""
        self.pprofc("convert", self.write("whole.folded", self.FOLDED), "whole.pb")
        whole = (self.folder / "whole.pb").read_bytes()
        self.convert(self.write("cut.pb", whole[:-20]), status=1)
        self.assertRegex(self.said.err, r"at byte \d+; the file is damaged or cut short: fetch or write it again\n$")
        self.convert(self.write("cut.json", b'{"$schema": "https://www.speedscope.app/", "profiles": ['), status=1)
        self.assertEqual((self.said.err.count("at byte"), self.said.err.count("; the file is damaged")), (1, 1), self.said.err)
        heap = b"heap profile: 1: 10 [1: 10] @ heapprofile\n1: 10 [1: 10] @ 0x1000 0x2000\n"
        for content, said in ((heap, ""), (heap[:-3], "ends within a line, at byte 69: it may have been cut short"),
                              (heap.replace(b"0x1000", b"0x1\xff00"), "1 words of stacks are no addresses and were left out, the first at byte 58")):
            self.convert(self.write("a.heap", content))
            self.assertIn(said, self.said.err)
            self.assertEqual(len(self.said.own_lines), 1 + int(said != ""), self.said.err)

    def test_said(self):
        """What is left out is counted, and printed as well as kept in the profile; -q keeps it from being printed."""
        path = self.write("a.folded", b"a 1\nno count\ncaf\xe9 2\n")
        for options, n_lines in (((), 3), (("-q",), 0)):
            profile = self.convert(path, *options)
            self.assertEqual(len(self.said.own_lines), n_lines, self.said.err)
            self.assertEqual(len(profile.comments), 2)

    def test_unreadable(self):
        """A file that cannot be read, a folder, and one that is not there are each one line."""
        for path in (self.folder, self.folder / "none", "ftp://127.0.0.1/x"):
            self.convert(path, status=1)
            self.assertEqual(len(self.said.own_lines), 1, self.said.err)


class Tools(Files):
    """What gperftools, tcmalloc and perf write here and now is read, and gets its names from the program."""
    LIBRARIES = "/usr/lib/x86_64-linux-gnu"

    def library(self, name):
        path = f"{self.LIBRARIES}/{name}"
        if not os.path.exists(path):
            self.skipTest(f"no {name}")
        return path

    def functions(self, profile, value=0):
        totals = {}
        for sample in profile.samples:
            for name in {frame.function for frame in sample.frames}:
                totals[name] = totals.get(name, 0) + sample.values[value]
        return totals

    def test_gperftools_cpu(self):
        """A CPU profile by libprofiler: its time is the program's, and its addresses get the program's names."""
        out = self.folder / "app.prof"
        env = harness.clean_environment(LD_PRELOAD=self.library("libprofiler.so.0"), CPUPROFILE=out, CPUPROFILE_FREQUENCY=250)
        self.assertEqual(self.run_command(self.program("two_to_one"), "1", env=env).status, 0)
        profile = self.convert(out)
        self.assertEqual(profile.period, 4000000)
        self.assertEqual(self.pprofc("symbolize", out, self.folder / "named.pb").status, 0)
        profile = self.read_profile(self.folder / "named.pb")
        functions, (n_samples, cpu_ns) = self.functions(profile), self.totals(profile)
        self.assertGreater(n_samples, 100)
        self.assertEqual(cpu_ns, n_samples * 4000000)
        self.assertTrue({"heavy", "light"} <= set(functions), functions)
        self.assertGreater(functions["main"], 0.9 * n_samples)

    def test_tcmalloc_heap(self):
        """A heap profile by tcmalloc, which is exact, has the bytes that the program took."""
        env = harness.clean_environment(LD_PRELOAD=self.library("libtcmalloc.so.4"), HEAPPROFILE=self.folder / "heap")
        program = self.folder / "taker"
        source = self.folder / "taker.c"
        source.write_text("#include <stdlib.h>\nvoid *kept[1000];\n"
                          "__attribute__((noinline)) void take(int i) { kept[i] = malloc(1000); }\n"
                          "int main(void) { for (int i = 0; i < 1000; i++) take(i); return 0; }\n")
        if shutil.which("gcc") is None:
            self.skipTest("no gcc")
        subprocess.run(["gcc", "-O1", "-fno-optimize-sibling-calls", "-g", "-o", program, source], check=True)
        self.assertEqual(self.run_command(program, env=env).status, 0)
        files = sorted(self.folder.glob("heap*.heap"))
        self.assertTrue(files)
        self.convert(files[-1])
        self.assertEqual(self.pprofc("symbolize", files[-1], self.folder / "named.pb").status, 0)
        profile = self.read_profile(self.folder / "named.pb")
        self.assertEqual(self.functions(profile, len(profile.sample_types) - 1)["take"], 1000000)

    def test_perf(self):
        """perf's own text of a run: as many samples as perf counts, with names, times and threads."""
        if shutil.which("perf") is None:
            self.skipTest("perf is not installed")
        data, text = self.folder / "perf.data", self.folder / "perf.txt"
        recorded = self.run_command("perf", "record", "-q", "-e", "cpu-clock:u", "-F", "499", "-g", "-o", data, "--",
                                    self.program("two_to_one"), "0.5")
        if recorded.status != 0:
            self.skipTest(f"perf may not record here: {recorded.err.splitlines()[:1]}")
        text.write_text(self.run_command("perf", "script", "-i", data).out)
        n_records = len(re.findall(r"^\S.*cpu-clock:u: *$", text.read_text(), re.M))
        profile = self.convert(text)
        self.assertEqual(self.totals(profile)[0], n_records)
        self.assertGreater(self.functions(profile)["heavy"], 0)
        self.assertTrue(all("thread_id" in sample.labels for sample in profile.samples))
        self.assertGreater(profile.duration_ns, 0)
        self.convert(data, status=1)
        self.assertIn("perf script", self.said.err)


if __name__ == "__main__":
    unittest.main()
