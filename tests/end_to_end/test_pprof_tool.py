"""Our pprof files in the hands of pprof itself.  Without Go ('go tool pprof') these are skipped."""
import os
import re
import shutil
import subprocess
import unittest

import harness

GO = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
CORPUS = harness.ROOT.parent / "shared" / "corpus"
# Different in what they hold: labels, many types, no types' names, unsymbolised, inlining, negative values, huge ones.
FILES = (
    "parca/parca/testdata/labels.pb.gz",
    "parca/normalizer/profile.pb.gz",
    "parca/query/testdata/fib.pb.gz",
    "parca/symbolizer/testdata/normal-cpu.stripped.pprof",
    "pprofutils/avg.in.pprof",
    "pyroscope/og/convert/pprof/testdata/pyspy-1.pb.gz",
    "pyroscope/og/convert/pprof/testdata/heap.pb.gz",
    "pyroscope/pprof/testdata/dotnet.labels.pprof",
    "pyroscope/phlaredb/testdata/profile_uncompressed",
)


class Tool(harness.EndToEnd):
    """Tests that run pprof."""

    def setUp(self):
        super().setUp()
        if GO is None:
            self.skipTest("Go is not installed")

    def pprof(self, *args):
        environment = harness.clean_environment(HOME=self.folder, PPROF_TMPDIR=self.folder,
                                                GOCACHE=os.environ.get("GOCACHE", "/tmp/pprofc-test-gocache"))
        return subprocess.run([GO, "tool", "pprof", "-symbolize=none", *map(str, args)], capture_output=True, text=True,
                              timeout=120, env=environment)


class PprofTool(Tool):
    def top(self, path, index):
        """pprof's table, whole, without its lines about the file."""
        done = self.pprof("-top", "-nodecount=1000000", "-nodefraction=0", f"-sample_index={index}", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        begin = next(i for i, line in enumerate(lines) if line.startswith("Showing nodes"))
        return sorted(lines[begin:])

    def n_types(self, path):
        done = self.pprof("-raw", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return len(re.search(r"^Samples:\n(.*)$", done.stdout, re.M).group(1).split())

    def test_same_tables(self):
        """What pprof makes of a file read and written by us is what it makes of the original, for each sample type."""
        if not CORPUS.exists():
            self.skipTest(f"no corpus at {CORPUS}")
        for name in FILES:
            with self.subTest(name):
                ours = self.folder / "ours.pb.gz"
                converted = self.pprofc("convert", "-f", CORPUS / name, ours)
                self.assertEqual(converted.status, 0, converted.err)
                for index in range(self.n_types(CORPUS / name) if name != "parca/normalizer/profile.pb.gz" else 1):
                    self.assertEqual(self.top(ours, index), self.top(CORPUS / name, index))

    def test_random_profiles(self):
        """pprof reads and ranks whatever the model can hold: 30 random profiles, 1000 with PPROFC_LONG=1."""
        subprocess.run([harness.built("tests/unit/formats/write_random"), self.folder, str(harness.long_or(1000, 30))], check=True, timeout=60)
        for path in sorted(self.folder.glob("*.pb.gz")):
            for view in ("-raw", "-top"):
                done = self.pprof(view, path)
                self.assertEqual(done.returncode, 0, f"{path.name} {view}: {done.stderr}")

    def test_folded_becomes_pprof(self):
        """Folded stacks, recursion among them, have the totals in pprof that can be counted by hand."""
        (self.folder / "in.folded").write_text("a;a 1\na;b;a;b 2\nb;c 4\n")
        self.assertEqual(self.pprofc("convert", "in.folded", "out.pb").status, 0)
        done = self.pprof("-top", self.folder / "out.pb")
        rows = {line.split()[-1]: line.split() for line in done.stdout.splitlines() if line.endswith((" a", " b", " c"))}
        self.assertEqual({name: (row[0], row[3]) for name, row in rows.items()},
                         {"a": ("1", "3"), "b": ("2", "6"), "c": ("4", "4")})


if __name__ == "__main__":
    unittest.main()
