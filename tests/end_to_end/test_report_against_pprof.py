"""`pprofc report` beside `go tool pprof` on the same files with the same options: the same rows, the same values.

Where they differ on purpose: a frame that show_from or prune_from cuts within is whole where the same address stands elsewhere in
the stack (pprof cuts it there too, so that callers are lost), likewise with drop_frames; a module that matches --show keeps frames
without names (pprof drops them); a bare number in --tagfocus is the label's number whatever its unit, and 8kb is no number whose unit
is not known (it is for pprof); and pprof drops samples without frames whenever anything is filtered.
"""
import collections
import os
import re
import shutil
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

    def test_filters_through_views(self):
        """Each filter in the other views too: top, peek, traces and tags have what pprof's have."""
        for name, filters in FILTERS.items():
            for options in filters:
                with self.subTest(f"{name} {' '.join(options)}"):
                    path = f"{name}.pb.gz"
                    self.assert_same("top", name, "filefunctions", *options)
                    theirs = self.theirs("-peek=.", "-filefunctions", "-trim=false", "-unit=ns", *options, path)
                    self.assert_rows(self.calls("-peek=.", "-filefunctions", *options, path), pprof_text.calls(theirs))
                    self.assert_same_traces(path, *options)
                    self.assert_same_tags(path, *options)

    def assert_same_traces(self, path, *options):
        """The same stacks with the same sums; pprof leaves out samples without frames."""
        sums = collections.Counter()
        for trace in self.report_json("-traces", *options, path)["traces"]:
            names = tuple(frame["name"] for frame in trace["frames"])
            if names:
                sums[names] += trace["value"]
        wanted = collections.defaultdict(list)
        for _, value, frames in pprof_text.traces(self.theirs("-traces", "-functions", "-unit=ns", *options, path)):
            wanted[tuple(name for name, _ in frames)].append(value)
        self.assertEqual(set(sums), set(wanted))
        for names, values in wanted.items():
            self.assertAlmostEqual(sum(value.number for value in values), sums[names], delta=1 + sum(value.slack for value in values))

    def assert_same_tags(self, path, *options):
        """The same keys, and for each of them the same values."""
        theirs = pprof_text.tags(self.theirs("-tags", "-unit=ns", *options, path))
        ours = {one["key"]: sorted(value["value"] for value in one["values"]) for one in self.report_json("-tags", "-unit=ns", *options, path)["tags"]}
        self.assertEqual(ours, {key: sorted(int(value.number) for value in rows.values()) for key, rows in theirs.items()})

    def test_disassembly(self):
        """Each instruction of a real program has what pprof's listing has, to the nanosecond.  pprof's ends before a last one of one byte (ret)."""
        _, path = self.run_profiled("-F", "1000", "--", self.program("two_to_one"), "0.3", output="disasm.pb.gz")
        theirs, last, where = {}, {}, ""
        for line in self.theirs("-disasm=heavy|main", "-unit=ns", "disasm.pb.gz").splitlines():
            where = line.split()[-1] if line.startswith("ROUTINE") else where
            row = re.match(r" *(\.|[\d.]+ns) +(\.|[\d.]+ns) +([0-9a-f]+): ", line)
            if row:
                last[where] = int(row.group(3), 16)
            if row and row.group(2) != ".":
                theirs[where, row.group(3)] = tuple(int(value.rstrip("ns") or 0) if value != "." else 0 for value in row.groups()[:2])
        ours, beyond, where = {}, [], ""
        for line in self.report("-disasm=^(heavy|main)$", "-unit=ns", path).splitlines():
            where = line.split()[0] if "  in /" in line else where
            row = re.match(r" *(\.|[\d]+) ?n?s? +(\.|[\d]+) ?n?s? +([0-9a-f]+):  ", line)
            if row and int(row.group(3), 16) > last[where]:
                beyond.append(where)
            elif row and row.group(2) != ".":
                ours[where, row.group(3)] = tuple(int(value) if value != "." else 0 for value in row.groups()[:2])
        theirs = {key: value for key, value in theirs.items() if key[0] in ("heavy", "main")}
        self.assertGreater(len(theirs), 5)
        self.assertEqual(ours, theirs)
        self.assertEqual(len(beyond), len(set(beyond)), "more than one instruction behind pprof's last")

    def test_mean(self):
        """What a wait was worth on average, and the flags of contention profiles."""
        for name, flag in (("cppbench.contention", "-mean_delay"), ("cppbench.contention", "-total_delay"), ("cppbench.contention", "-contentions")):
            (self.folder / "wait.pb.gz").unlink(missing_ok=True)
            (self.folder / "wait.pb.gz").symlink_to(test_pprof_tool.CORPUS / "google-pprof" / name)
            with self.subTest(flag):
                text = self.theirs("-top", "-addresses", "-trim=false", "-unit=ns", flag, "wait.pb.gz")
                theirs = {name.split(" [")[0]: values for name, values in pprof_text.top(text).items()}
                self.assert_rows(self.top("-addresses", flag, "wait.pb.gz"), theirs)
                shown = self.report_json("-addresses", flag, "wait.pb.gz")
                self.assertRegex(text, rf" of {shown['total']}(ns)? total")
                self.assertEqual(shown["total"], shown["shown"])

    def test_divide_by(self):
        """Values are shown divided, shares stay."""
        theirs = pprof_text.top(self.theirs("-top", "-functions", "-unit=ns", "-trim=false", "-divide_by=1000", "cpu.pb.gz"))
        text = self.report("-top", "-functions", "-unit=ns", "-divide_by=1000", "-compact_labels", "cpu.pb.gz")
        rows = re.findall(r"(?m) ([\d.]+) ns +[\d.]+ % +([\d.]+) ns +[\d.]+ %  (\S+)", text)
        self.assert_rows({name: (float(flat), float(cum)) for flat, cum, name in rows}, theirs)
        self.assertNotIn("Total", self.report("-compact_labels", "cpu.pb.gz"))

    def test_proto(self):
        """--proto is the profile behind the filters, which pprof reads as it would have filtered it."""
        self.report("--proto", "-focus=fib", "-hide=^step$", "-o", "left.pb.gz", "recursive.pb.gz")
        theirs = [self.theirs("-top", "-filefunctions", "-trim=false", "-unit=ns", *options)
                  for options in (("-focus=fib", "-hide=^step$", "recursive.pb.gz"), ("left.pb.gz",))]
        self.assertEqual(*({name: tuple(map(repr, values)) for name, values in pprof_text.top(text).items()} for text in theirs))

    def test_call_tree(self):
        """A function for each way to it: the same ways, and what each call weighs; whole, and with what is little left out."""
        for name in ("sample", "recursive", "cpu"):
            for options in (("-trim=false",), ("-nodefraction=0.03", "-edgefraction=0"), ("-nodecount=9", "-nodefraction=0", "-edgefraction=0", "-taghide=.")):  # a tag counts for pprof as a node
                with self.subTest(f"{name} {' '.join(options)}"):
                    words = ("-dot", "-call_tree", "-functions", "-unit=ns", *options, f"{name}.pb.gz")
                    theirs, ours = pprof_text.dot(self.theirs(*words)), pprof_text.dot(self.report(*words))
                    self.assertGreater(len(theirs[0]), 3)
                    self.assertEqual(ours, theirs)

    def test_callgrind(self):
        """Each function's own cost, and what each calls of each other: as pprof's, and as callgrind_annotate reads it."""
        for name in ("sample", "cpu"):
            for options in ((), ("-focus=main|line2",), ("-noinlines",)):
                with self.subTest(f"{name} {' '.join(options)}"):
                    theirs = self.theirs("-callgrind", "-functions", "-unit=ns", *options, f"{name}.pb.gz")
                    text = self.report("-callgrind", *options, f"{name}.pb.gz")
                    own, calls = pprof_text.callgrind(text)
                    self.assertEqual((own, calls), pprof_text.callgrind(theirs))
                    self.assertEqual(sum(own.values()), int(re.search(r"(?m)^summary: (\d+)$", text).group(1)))
                    self.assert_annotated(text, own, calls)

    def assert_annotated(self, text, own, calls):
        if shutil.which("callgrind_annotate") is None:
            return
        (self.folder / "callgrind.out.1").write_text(text)
        for inclusive in ("no", "yes"):
            wanted = dict(own)
            for (caller, callee), cost in calls.items():
                if inclusive == "yes" and caller != callee:
                    wanted[caller] += cost
            done = subprocess.run(["callgrind_annotate", f"--inclusive={inclusive}", "--threshold=100", "--auto=no", "callgrind.out.1"], cwd=self.folder,
                                  capture_output=True, text=True, timeout=60, check=True)
            self.assertEqual(done.stderr, "")
            found = {}
            for cost, name in re.findall(r"(?m)^ *([\d,]+) \([ \d.]+%\)  [^\n:]*:(.*?)(?: \[.*\])?$", done.stdout):
                found[name] = found.get(name, 0) + int(cost.replace(",", ""))
            self.assertEqual(found, {name: cost for name, cost in wanted.items() if cost > 0})

    def test_topproto(self):
        """The rows of a top as a profile: pprof's top of ours is that of its own, and the original's."""
        for options in ((), ("-nodefraction=0.05",), ("-nodecount=4",), ("-lines",), ("-focus=map", "-cum")):
            with self.subTest(" ".join(options)):
                # pprof writes values in a unit that it chooses, cut to whole ones; in ours they are whole.
                self.theirs("-topproto", "-functions"[:10 * ("-lines" not in options)] or "-lines", "-unit=ns", f"-output={self.folder / 'theirs.pb.gz'}",
                            *options, "sample.pb.gz")
                self.report("--topproto", "-f", "-o", "ours.pb.gz", *(options if "-lines" in options else ("-functions", *options)), "sample.pb.gz")
                for index in ("flat", "cum"):
                    tops = [pprof_text.top(self.theirs("-top", "-unit=ns", "-trim=false", f"-sample_index={index}", "-lines", f"{whose}.pb.gz"))
                            for whose in ("ours", "theirs")]
                    self.assertGreater(len(tops[1]), 2)
                    self.assertEqual(*({name: tuple(map(repr, values)) for name, values in top.items()} for top in tops))

    def test_add_comment(self):
        """A comment is added to those that there are, and pprof shows it."""
        for view in ("--proto", "--topproto"):
            self.report(view, "-add_comment=of build 17", "-f", "-o", "said.pb.gz", "sample.pb.gz")
            self.assertIn("of build 17\n", self.theirs("-comments", "said.pb.gz"))
            self.assertIn("of build 17\n", self.report("--comments", "said.pb.gz"))

    def test_comments(self):
        """Of a profile of ours --comments are those that pprof shows: what is known of its making too."""
        _, path = self.run_profiled("-F", "1000", "--", self.program("two_to_one"), "0.2", output="own.pb.gz")
        theirs = self.theirs("-comments", "own.pb.gz")
        self.assertRegex(theirs, "(?m)^pprofc: lost=0$")
        self.assertEqual(self.report("--comments", path), theirs)
        self.assertEqual(self.report_json("--comments", path)["comments"], theirs.splitlines())

    def test_all_options(self):
        """Each option of `pprof -help` is taken, or refused by one line that says what to do instead."""
        done = subprocess.run([self.pprof, "-help"], capture_output=True, text=True, timeout=60, env=self.env)
        names = re.findall(r"^ +-(\w+)", done.stdout + done.stderr, re.M)
        self.assertGreater(len(names), 60)
        values = {"divide_by": "2", "granularity": "lines", "sort": "cum", "unit": "ms", "sample_index": "1", "nodecount": "5",
                  "nodefraction": "0.1", "edgefraction": "0.1", "trim": "false", "symbolize": "none", "output": "-", "base": "cpu.pb.gz",
                  "diff_base": "cpu.pb.gz", "seconds": "1", "timeout": "5"}
        refused = set()
        for name in names:
            done = self.pprofc("report", f"-{name}", "cpu.pb.gz")
            if "needs a value" in done.err or done.status == 0 and name in values:
                done = self.pprofc("report", f"-{name}={values.get(name, '.')}", "cpu.pb.gz")
            self.assertNotIn("unknown option", done.err, name)
            if f"has no -{name}: " in done.err:
                refused.add(name)
                self.assertEqual((done.status, len(done.err.splitlines())), (2, 1), done.err)
        print(f"{len(names)} options of pprof, refused with what to do instead: {' '.join(sorted(refused))}")
        told = re.search(r"(?m)^\| (-buildid.*?) \|", (harness.ROOT / "docs" / "limits.md").read_text()).group(1)
        self.assertEqual(refused, {word.lstrip("-") for word in told.split(", ")}, "docs/limits.md")

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
