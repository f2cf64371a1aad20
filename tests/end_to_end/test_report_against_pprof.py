"""`pprofc report` beside `go tool pprof` on the same files with the same options: the same rows, the same values.

Where they differ on purpose: a frame that show_from or prune_from cuts within is whole where the same address stands elsewhere in
the stack (pprof cuts it there too, so that callers are lost), likewise with drop_frames; a module that matches --show keeps frames
without names (pprof drops them); a bare number in --tagfocus is the label's number whatever its unit, and 8kb is no number whose unit
is not known (it is for pprof); and pprof drops samples without frames whenever anything is filtered.
"""
import os
import subprocess
import unittest

import harness

import pprof_text
import test_pprof_tool
import test_report_views

# What Go's programs and the hand-made profiles have in common is little: expressions for each.
FILTERS = {
    "sample": [(), ("-focus=mapiter",), ("-ignore=mapassign|mapiter",), ("-hide=^runtime[.]",), ("-show=^main[.]|alg[.]go",),
               ("-show_from=main[.]main",), ("-prune_from=^runtime[.]map",), ("-focus=main", "-ignore=memmove", "-hide=goexit"),
               ("-noinlines",), ("-focus=hashmap[.]go",)],
    "recursive": [(), ("-focus=fib",), ("-ignore=^step$",), ("-hide=^step$",), ("-show=fib|main",), ("-hide=walk",), ("-noinlines",),
                  ("-tagfocus=name=b",), ("-tagfocus=name:b,name:c",), ("-tagignore=request=4kb:",), ("-tagfocus=request=8kb",),
                  ("-focus=fib", "-tagignore=name=a"), ("-focus=main[.]c",), ("-focus=testbinary",)],
    "cpu": [(), ("-focus=line2",), ("-hide=line300",), ("-show=line[12]",), ("-show_from=line2",), ("-tagfocus=key1=tag[12]",),
            ("-prune_from=line3001",), ("-tagroot=key1", "-hide=line"), ("-tagleaf=key2", "-focus=tag1")],
}


class Beside(test_report_views.Report):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if test_pprof_tool.GO is None:
            raise unittest.SkipTest("Go is not installed")
        cls.env = harness.clean_environment(HOME="/tmp", GOCACHE=os.environ.get("GOCACHE", "/tmp/pprofc-test-gocache"))
        # The program itself: the go command in front of it takes longer than it.
        cls.pprof = subprocess.run([test_pprof_tool.GO, "tool", "-n", "pprof"], capture_output=True, text=True, timeout=120,
                                   env=cls.env, check=True).stdout.strip()

    def setUp(self):
        super().setUp()
        corpus = test_pprof_tool.CORPUS / "google-pprof"
        if not corpus.exists():
            self.skipTest(f"no corpus at {corpus}")
        (self.folder / "sample.pb.gz").symlink_to(corpus / "sample.cpu")
        (self.folder / "large.pb.gz").symlink_to(corpus / "large.cpu")

    def theirs(self, *args):
        done = subprocess.run([self.pprof, "-symbolize=none", *args[:-1], self.folder / args[-1]], capture_output=True, text=True,
                              timeout=120, env=self.env | {"PPROF_TMPDIR": str(self.folder)})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def assert_same(self, view, name, by, *options):
        """All rows and, in trees, all calls are the same, exactly: values are shown in the smallest unit."""
        path = f"{name}.pb.gz"
        text = self.theirs(f"-{view}", f"-{by}", "-trim=false", "-unit=ns", *options, path)
        if view == "top":
            self.assert_rows(self.top(f"-{by}", *options, path), pprof_text.top(text))
        else:
            self.assert_rows(self.calls("-tree", f"-{by}", "-trim=false", *options, path), pprof_text.calls(text))

    def test_filters(self):
        """Each filter, alone and together: top by functions and their files, tree by names."""
        for name, filters in FILTERS.items():
            for options in filters:
                with self.subTest(f"{name} {' '.join(options)}"):
                    self.assert_same("tree", name, "filefunctions", *options)

    def test_granularities(self):
        """Each kind of row; a profile of 20 000 samples, all of its rows and calls."""
        for name, by in (("sample", "functions"), ("sample", "lines"), ("sample", "files"), ("recursive", "lines"),
                         ("large", "filefunctions")):
            with self.subTest(f"{name} {by}"):
                self.assert_same("tree", name, by)

    def test_limits(self):
        """What is left out of a tree, and how what is left is joined."""
        for options in (("-nodefraction=0.05",), ("-nodefraction=0.02", "-edgefraction=0.03"), ("-cum", "-nodecount=12")):
            with self.subTest(" ".join(options)):
                text = self.theirs("-tree", "-filefunctions", "-unit=ns", *options, "sample.pb.gz")
                self.assert_rows(self.calls("-tree", "-filefunctions", *options, "sample.pb.gz"), pprof_text.calls(text))

    def test_base(self):
        """Differences: the same rows and calls, and shares of the same total."""
        base, sample = self.folder / "cpu.pb.gz", "sample.pb.gz"
        for options in (("-base",), ("-diff_base",)):
            text = self.theirs("-top", "-filefunctions", "-trim=false", "-unit=ns", f"{options[0]}={base}", sample)
            self.assert_rows(self.top("-filefunctions", f"{options[0]}={base}", sample), pprof_text.top(text))
            total = self.report_json("-filefunctions", f"{options[0]}={base}", sample)["total"]
            self.assertIn(f"of {total}ns total", text)

    def test_traces_and_tags(self):
        theirs = pprof_text.traces(self.theirs("-traces", "-lines", "cpu.pb.gz"))
        ours = test_report_views.traces_of(self.report("-traces", "-lines", "cpu.pb.gz"))
        self.assertEqual([[(name.replace("  ", " "), is_inlined) for name, is_inlined in frames] for _, frames in ours],
                         [frames for _, _, frames in theirs])
        theirs = pprof_text.tags(self.theirs("-tags", "-unit=ns", "recursive.pb.gz"))
        ours = test_report_views.tags_of(self.report("-tags", "-unit=ns", "recursive.pb.gz"))
        self.assertEqual({key: sorted(value for value, _ in rows) for key, rows in ours.items()},
                         {key: sorted(int(value.number) for value in rows.values()) for key, rows in theirs.items()})


if __name__ == "__main__":
    unittest.main()
