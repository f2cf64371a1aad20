"""`pprofc report`: its views, filters and differences, by the goldens of google-pprof and by hand."""
import json
import re
import shutil
import unittest
import xml.etree.ElementTree
from pathlib import Path

import pprof_inputs
import pprof_text
from harness import ROOT, EndToEnd

GOLDENS = ROOT.parent / "shared" / "corpus" / "google-pprof" / "driver" / "testdata"
RECURSION = ROOT.parent / "shared" / "corpus" / "speedscope" / "stackcollapse" / "recursion.txt"
PLACES = {"name": (), "function": ("source_file",), "line": ("source_file", "source_line"), "file": (), "module": (), "address": ()}


class Report(EndToEnd):
    """What the tests of reports have in common."""

    def setUp(self):
        super().setUp()
        for name, make in pprof_inputs.ALL.items():
            (self.folder / f"{name}.pb.gz").write_bytes(make())

    def report(self, *args, status=0):
        done = self.pprofc("report", *args)
        self.assertEqual(done.status, status, done.err)
        return done.out

    def report_json(self, *args):
        return json.loads(self.report("--json", *args))

    @staticmethod
    def named(row, by, key):
        """A row's name as pprof writes it."""
        name = row[key]
        if by == "address":
            return re.match(r"0x([0-9a-f]{16})", name).group(1)
        places = [str(row[place]) for place in PLACES[by] if row[place]]
        return " ".join([name, ":".join(places)]) if places else name

    def top(self, *args):
        """{name: (flat, cum)} of all rows."""
        shown = self.report_json("--top", "1000000", *args)
        return {self.named(row, shown["by"], shown["by"]): (row["flat"], row["cum"]) for row in shown["top"]}

    def calls(self, *args):
        """{name: (flat, cum, {caller: value}, {callee: value})}."""
        shown = self.report_json(*args)
        return {self.named(row, shown["by"], "name"): (row["flat"], row["cum"], *(
            {self.named(other, shown["by"], "name"): other["value"] for other in row[side]} for side in ("callers", "callees")))
            for row in shown["calls"]}

    def assert_rows(self, ours, theirs):
        """Both have the same rows with the same values, as far as theirs are printed."""
        self.assertEqual(set(ours), set(theirs))
        for name, values in theirs.items():
            for mine, their in zip(ours[name], values):
                if isinstance(their, dict):
                    self.assertEqual(set(mine), set(their), name)
                    for other, value in their.items():
                        self.assertEqual(value, mine[other], f"{name}: {other}")
                else:
                    self.assertEqual(their, mine, name)


class Goldens(Report):
    """google-pprof's own expected output; its tests run with nodecount 20, nodefraction 0.05 and edgefraction 0.01."""

    def setUp(self):
        super().setUp()
        if not GOLDENS.exists():
            self.skipTest(f"no corpus at {GOLDENS}")

    def golden(self, name):
        return (GOLDENS / f"pprof.{name}").read_text()

    def test_top(self):
        for golden, options in (("cpu.flat.functions.text", ("-functions", "cpu.pb.gz")),
                                ("heap.flat.inuse_objects.text", ("-functions", "-inuse_objects", "heap.pb.gz")),
                                ("long_name_funcs.text", ("-functions", "long_name_funcs.pb.gz"))):
            with self.subTest(golden):
                self.assert_rows(self.top("-nodefraction=0.05", *options), pprof_text.top(self.golden(golden)))

    def test_a_limit(self):
        """-nodecount leaves the first rows; of those with the same flat ours come by cum, theirs by name."""
        theirs = pprof_text.top(self.golden("unknown.flat.functions.call_tree.text"))
        shown = self.report_json("-nodecount=5", "-functions", "cpu.pb.gz")["top"]
        self.assertEqual([flat for flat, _ in theirs.values()], [row["flat"] for row in shown])

    def test_addresses(self):
        """Of addresses pprof has a row an inlined function; without inlines the rows are ours."""
        theirs = pprof_text.top(self.golden("cpu.flat.addresses.noinlines.text"))
        self.assert_rows(self.top("-addresses", "-noinlines", "-nodefraction=0.05", "cpu.pb.gz"),
                         {name.split()[0]: values for name, values in theirs.items()})

    def test_tree(self):
        for golden, options in (("cpusmall.flat.addresses.tree", ("-addresses", "-nodecount=4", "cpusmall.pb.gz")),
                                ("heap.cum.lines.tree.focus", ("-cum", "-lines", "-focus=[24]00", "heap.pb.gz"))):
            with self.subTest(golden):
                theirs = {name.replace(" [testbinary]", ""): values for name, values in pprof_text.calls(self.golden(golden)).items()}
                for values in theirs.values():
                    for side in values[2:]:
                        for name in list(side):
                            side[name.replace(" [testbinary]", "")] = side.pop(name)
                self.assert_rows(self.calls("-tree", "-nodefraction=0.05", "-edgefraction=0.01", *options), theirs)

    def test_peek(self):
        self.assert_rows(self.calls("-peek=line.*01", "-functions", "cpu.pb.gz"), pprof_text.calls(self.golden("cpu.peek")))

    def test_tags(self):
        for golden, unit, name in (("cpu.tags", "ns", "cpu.pb.gz"), ("heap.tags", "B", "heap.pb.gz")):
            with self.subTest(golden):
                theirs = pprof_text.tags(self.golden(golden))
                ours = tags_of(self.report("-tags", f"-unit={unit}", name))
                self.assertEqual(set(ours), set(theirs))
                for key, values in theirs.items():
                    self.assertEqual(list(values.values()), [carried for carried, _ in ours[key]], key)

    def test_traces(self):
        for golden, options in (("cpu.traces", ("cpu.pb.gz",)), ("cpu.addresses.traces", ("-addresses", "cpu.pb.gz")),
                                ("heap_tags.traces", ("heap_tags.pb.gz",))):
            with self.subTest(golden):
                theirs = pprof_text.traces(self.golden(golden))
                ours = traces_of(self.report("-traces", *options))
                self.assertEqual(len(ours), len(theirs))
                for (labels, frames), (their_labels, _, their_frames) in zip(ours, theirs):
                    self.assertEqual(set(labels), set(their_labels))
                    self.assertEqual([(re.sub("^0x", "", re.sub("  +", " ", name)), is_inlined) for name, is_inlined in frames],
                                     their_frames)


def tags_of(text):
    """{key: [(carried, text)]} of our --tags with --unit."""
    found = {}
    for line in text.partition("\n\n")[2].splitlines():
        row = re.match(r"\s+([\d ]+?) (?:ns|B) +-?[\d.]+ %  (.*)$", line)
        head = re.match(r"(\S+): ", line)
        if head:
            key = found.setdefault(head.group(1), [])
        elif row:
            key.append((int(row.group(1).replace(" ", "")), row.group(2)))
    return found


def traces_of(text):
    """[(labels, [(frame, is_inlined)])] of our --traces."""
    found = []
    for block in re.split(r"(?m)^-{5,}\+-+$", text)[1:-1]:
        labels, frames = {}, []
        for line in block.strip("\n").splitlines():
            label = re.match(r" *(\S+):  (.*)$", line)
            if label and not frames:
                labels[label.group(1)] = label.group(2)
            else:
                name = line[15:]
                frames.append((name.removesuffix(" (inlined)"), name.endswith(" (inlined)")))
        found.append((labels, frames))
    return found


class Filters(Report):
    """Each filter on profiles whose right answer is in sight."""

    def rows(self, *args):
        return self.top("--by", "name", "--sample", "samples", *args, "recursive.pb.gz")

    def test_recursion(self):
        """No total is above 100 %, of functions, lines and calls, in every view."""
        self.assertEqual(self.rows("--all-frames")["fib"], (3, 5))
        for by in ("function", "line", "file", "module"):
            shown = self.report_json("--tree", "--trim=false", "--by", by, "recursive.pb.gz")
            for row in shown["calls"]:
                for value in (row["cum"], *(other["value"] for other in row["callers"] + row["callees"])):
                    self.assertLessEqual(value, shown["total"], row["name"])
        if RECURSION.exists():
            for row in self.report_json("--tree", "--trim=false", RECURSION)["calls"]:
                for value in (row["cum"], *(other["value"] for other in row["callers"] + row["callees"])):
                    self.assertLessEqual(value, 10, row["name"])

    def test_drop_frames(self):
        """What the file says to drop counts for its caller, keep_frames are kept, a stack of nothing else stays."""
        rows = self.rows()
        self.assertEqual(rows["alloc_pool"], (5, 5))
        self.assertNotIn("alloc_inner", rows)
        self.assertEqual(rows["step"], (2 + 11, 2 + 5 + 7 + 11))
        self.assertIn("alloc", self.rows("--all-frames"))

    def test_focus_and_ignore(self):
        """Samples by the functions, files and modules on them; shares stay those of all."""
        shown = self.report_json("--focus", "fib", "--ignore", "walk[.]c", "--sample", "samples", "recursive.pb.gz")
        self.assertEqual((shown["total"], shown["shown"]), (41, 3))
        shown = self.report_json("--focus", "fib", "--relative_percentages", "--sample", "samples", "recursive.pb.gz")
        self.assertEqual((shown["total"], shown["shown"]), (5, 5))
        self.assertEqual(self.report_json("--focus", "testbinary", "--sample", "0", "recursive.pb.gz")["shown"], 41)
        text = self.report("--focus", "fib", "--sample", "samples", "recursive.pb.gz")
        self.assertRegex(text, r"Total +41 of samples\nFilter +focus=fib\nShown +5 \(12\.2 %\) in 5 samples")

    def test_hide_and_show(self):
        """Frames leave their stacks; inlined ones alone where only they match; what has no frame left goes."""
        self.assertEqual(self.rows("--hide", "^step$")["walk(int)"], (2 + 11, 25))
        self.assertEqual(self.pprofc("report", "--hide", "testbinary", "recursive.pb.gz").status, 4)
        rows = self.rows("--show", "fib|main[.]c")
        self.assertEqual({name: rows[name] for name in ("fib", "main")}, {"fib": (5, 5), "main": (12, 17)})
        self.assertEqual(set(rows), {"fib", "main"})

    def test_show_from(self):
        """Stacks begin at the first match from the root; what was inlined into it is kept, what it is inlined into is not."""
        self.assertEqual(self.rows("--show_from", "fib"), {"fib": (3, 5), "step": (2, 2), "walk(int)": (0, 2)})
        self.assertNotIn("walk(int)", self.rows("--show_from", "^step$", "--focus", "nameless"))

    def test_prune_from(self):
        """Stacks end at the first match from the leaf; arguments are no part of a name."""
        self.assertEqual(self.rows("--prune_from", "^walk$")["walk(int)"], (2 + 5 + 7 + 11, 25))
        self.assertEqual(self.rows("--prune_from", "^main$")["main"], (3 + 2 + 5 + 7, 17))

    def test_noinlines(self):
        rows = self.rows("--noinlines")
        self.assertNotIn("step", rows)
        self.assertEqual(rows["walk(int)"], (13, 25))

    def test_tags(self):
        """Samples by texts, numbers and ranges of labels, with a key and without."""
        for option, expected in (("tagfocus=thread_id=8", 7), ("tagfocus=8kb:", 2), ("tagfocus=request=1kb:4kb", 3),
                                 ("tagfocus=:4kb", 3), ("tagfocus=name=a,c", 3 + 5), ("tagfocus=name:b,name:c", 5),
                                 ("tagfocus=^name:[bc]$", 7), ("tagignore=name=.", 41 - 10), ("tagfocus=id=42", 7),
                                 ("tagfocus=request=4096", 3)):
            with self.subTest(option):
                self.assertEqual(self.report_json("--" + option, "--sample", "samples", "recursive.pb.gz")["shown"], expected)

    def test_tagshow_taghide(self):
        self.assertEqual(set(re.findall(r"(?m)^(\w+): ", self.report("--tags", "--taghide", "^name|id$", "recursive.pb.gz"))), {"request"})
        self.assertEqual(set(re.findall(r"(?m)^(\w+): ", self.report("--tags", "--tagshow", "id", "recursive.pb.gz"))), {"id", "thread_id"})

    def test_labels_as_frames(self):
        """--tagroot and --tagleaf make frames of labels, which later filters see."""
        rows = self.rows("--tagroot", "name", "--tagleaf", "request,id", "--focus", "^b")
        self.assertEqual({name: rows[name] for name in ("b", "b,c", "8 KiB", "(no id)")},
                         {"b": (0, 2), "b,c": (0, 5), "8 KiB": (0, 2), "(no id)": (7, 7)})

    def test_by_label(self):
        rows = {row["label"]: row["flat"] for row in self.report_json("--by", "label:name", "--sample", "0", "recursive.pb.gz")["top"]}
        self.assertEqual(rows, {"a": 3, "b": 2, "b,c": 5, "(no name)": 31})

    def test_told(self):
        """What matches nothing is told of, what leaves nothing ends with 4, what is no expression with 2 and the reason."""
        done = self.pprofc("report", "--hide", "no_such_function", "recursive.pb.gz")
        self.assertEqual((done.status, done.err), (0, "pprofc: --hide=no_such_function matches nothing in this profile\n"))
        done = self.pprofc("report", "--focus", "no_such_function", "recursive.pb.gz")
        self.assertEqual(done.status, 4)
        self.assertIn("no sample is left behind focus=no_such_function", done.err)
        for bad, reason in (("(", "nmatched"), (r"(a)\1", "back-references"), ("a{2000}", "thousand"), ("[b-a]", "range"),
                            ("(" * 200 + ")" * 200, "deep"), ("(?P<x>a)", "groups"), ("[a", "closed"), ("a\\", "backslash")):
            done = self.pprofc("report", "--focus", bad, "recursive.pb.gz")
            self.assertEqual(done.status, 2, bad)
            self.assertIn(reason, done.err)

    def test_expressions(self):
        """What people type for pprof: classes, groups without names, cases ignored, lazy repetition."""
        for pattern in (r"^\w+\(int\)$", r"(?i)WALK\(", r"wa(?:lk|it)\(", r"w.*?\(i\w+?\)", r"[\w]alk\([\D]", r"\bwalk\b", r"walk[(]"):
            shown = self.report_json("--focus", pattern, "--sample", "samples", "recursive.pb.gz")["shown"]
            self.assertEqual(shown, 25, pattern)
        self.assertEqual(self.report_json("--focus", r"\d{3}", "--sample", "0", "cpu.pb.gz")["shown"], 1120)


class Views(Report):
    def test_raw(self):
        """--raw has each sample with its values and locations, each location with its lines, each mapping."""
        text = self.report("--raw", "cpu.pb.gz")
        self.assertRegex(text, r"(?m)^ +1000 1000000000: 1 2 3 $")
        self.assertIn("key1:[tag1] key2:[tag1]", text)
        self.assertRegex(text, r"(?m)^ +2: 0x2000 M=1 line2001 testdata/file2000.src:9 s=0\n +line2000 testdata/file2000.src:4 s=0$")
        self.assertIn("1: 0x1000/0x8000/0x0 /path/to/testbinary  [FN][FL][LN][IN]", text)

    def test_list(self):
        """--list has the source with flat and cum beside the lines, found below --source_path, or says that it is not there."""
        source = self.folder / "src" / "file3000.src"
        source.parent.mkdir()
        source.write_text("".join(f"line {i}\n" for i in range(1, 9)))
        text = self.report("--list", "line300[12]", "--source_path", source.parent, "--unit", "ms", "cpu.pb.gz")
        self.assertRegex(text, r"(?m)^ +10 ms +1010 ms +2: line 2$")
        self.assertRegex(text, r"(?m)^ +\. +\. +3: line 3$")
        self.assertRegex(text, r"(?m)^ +\. +100 ms +8: line 8$")
        text = self.report("--list", "line1000", "cpu.pb.gz")
        self.assertIn("the file is neither where its name says nor below", text)
        self.assertRegex(text, r"(?m)^ +1\.10 s +1\.10 s +1:$")
        self.assertIn("no function matches 'nothing'", self.pprofc("report", "--list", "nothing", "cpu.pb.gz").err)

    def test_list_reads_files_only(self):
        """A name that leads to a FIFO or a device is not read: it comes from a stranger's file."""
        made = pprof_inputs.Writer([("samples", "count")])
        made.sample([made.location(0x1000, ("f", "/dev/zero", 3))], [1])
        (self.folder / "bad.pb.gz").write_bytes(made.encode())
        self.assertIn("the file is neither", self.report("--list", "f", "bad.pb.gz"))

    def test_dot(self):
        """--dot is a graph in graphviz's language, with the nodes and edges of pprof's golden."""
        text = self.report("--dot", "-functions", "-nodefraction=0.05", "-edgefraction=0.01", "cpu.pb.gz")
        self.assertEqual(len(re.findall(r"(?m)^n\d+ \[", text)), 6)
        self.assertEqual(len(re.findall(r"(?m)^n\d+ -> n\d+ \[", text)), 6)
        self.assertTrue(text.startswith("digraph"))
        self.assertIn(r'label="line1000\n1.10 s (98.2 %)"', text)

    def test_picture(self):
        """With graphviz --dot -o x.svg is a picture; without it the reason is said and what to do."""
        if shutil.which("dot"):
            for options, name, begin in ((("--dot",), "graph.svg", b"<?xml"), (("--svg",), "x.svg", b"<?xml"), (("--png",), "x.png", b"\x89PNG"),
                                         (("--dot",), "y.png", b"\x89PNG"), (("--pdf",), "x.pdf", b"%PDF"), (("--gif",), "x.gif", b"GIF8"),
                                         (("--ps",), "x.ps", b"%!PS")):
                self.report(*options, "-o", name, "cpu.pb.gz")
                self.assertTrue((self.folder / name).read_bytes().startswith(begin), name)
            # What the real dot has drawn: a node each with its name and value, and the edges between them.
            picture = (self.folder / "graph.svg").read_text()
            wanted = self.report("--dot", "cpu.pb.gz")
            for kind, pattern in (("node", r"(?m)^n\d+ \[|\{ legend \["), ("edge", r"(?m)^n\d+ -> n\d+ \[")):
                self.assertEqual(len(re.findall(f'<g id="[^"]*" class="{kind}">', picture)), len(re.findall(pattern, wanted)), kind)
            self.assertIn(">line1000</text>", picture)
            self.assertIn("1.10 s", picture)
        done = self.pprofc("report", "--dot", "-o", "none.svg", "cpu.pb.gz", env={"PATH": "/nowhere"})
        self.assertEqual(done.status, 1)
        self.assertIn("needs graphviz", done.err)
        self.assertFalse((self.folder / "none.svg").exists())

    def test_json(self):
        """Traces, labels, source lines and comments for programs: the numbers of the text, with all that it leaves out."""
        traces = self.report_json("--traces", "recursive.pb.gz")
        whole = self.report_json("--top", "recursive.pb.gz")
        self.assertEqual(sum(trace["value"] for trace in traces["traces"]), whole["total"])
        self.assertEqual((traces["total"], traces["shown"], traces["unit"]), (whole["total"], whole["total"], whole["unit"]))
        frame = next(frame for trace in traces["traces"] for frame in trace["frames"])
        self.assertEqual(set(frame), {"name", "source_file", "source_line", "module_path", "address", "is_inlined"})
        labels = [label for trace in traces["traces"] for label in trace["labels"]]
        self.assertTrue(any(label.get("text") == "b" for label in labels) and any("number" in label for label in labels), labels)
        tags = {one["key"]: one for one in self.report_json("--tags", "--tagfocus", "name=b", "recursive.pb.gz")["tags"]}
        self.assertTrue(any(value["text"] == "b" and value["value"] > 0 for value in tags["name"]["values"]), tags)
        (self.folder / "src.c").write_text("".join(f"line {i}\n" for i in range(1, 4)))
        (self.folder / "s.pb.gz").write_bytes(pprof_inputs.one_line("src.c", 2))
        (function,) = self.report_json("--list", "work", "s.pb.gz")["functions"]
        self.assertEqual((function["problem"], function["lines"]), (None, [{"line": 2, "flat": 7, "cum": 7, "text": "line 2"}]))
        (self.folder / "src.c").unlink()
        (function,) = self.report_json("--list", "work", "s.pb.gz")["functions"]
        self.assertIn("give --source_path FOLDER", function["problem"])
        self.assertIsNone(function["lines"][0]["text"])
        self.assertEqual(self.report_json("--comments", "s.pb.gz"), {"comments": ["made by hand"]})
        self.assertEqual(self.report("--comments", "s.pb.gz"), "made by hand\n")

    def test_page(self):
        """--weblist is one page without scripts, its lines by their heat; what strangers have named is text in it, not markup."""
        source = self.folder / "src.c"
        source.write_text("".join(f"if (a < {i} && b) \t<script>x</script>\n" for i in range(1, 30)))
        (self.folder / "s.pb.gz").write_bytes(pprof_inputs.one_line("src.c", 20))
        self.report("--weblist", "work", "-o", "page.html", "s.pb.gz")
        page = (self.folder / "page.html").read_text()
        self.assertEqual(re.findall(r'<tr class="h4"><td>7</td><td>7</td><td>20</td><td>(.*)</td></tr>', page),
                         ["if (a &lt; 20 &amp;&amp; b)  &lt;script&gt;x&lt;/script&gt;"])
        self.assertEqual((len(re.findall("<tr class=", page)), "<script" in page), (17, False))
        xml.etree.ElementTree.fromstring(re.sub(r"<!DOCTYPE html>|<meta [^>]*>", "", page))  # all that is opened is closed
        source.unlink()
        self.assertIn("give --source_path FOLDER", self.report("--weblist", "work", "s.pb.gz"))
        self.assertEqual(self.pprofc("report", "--weblist", "nothing", "s.pb.gz").status, 1)

    def test_disassembly(self):
        """Instructions come from objdump: in either syntax, and with a reason where they cannot be had."""
        if shutil.which("objdump") is None:
            self.skipTest("objdump is not installed")
        program = self.folder / "program"
        shutil.copy(self.program("two_to_one"), program)
        _, path = self.run_profiled("-F", "1000", "--", program, "0.2")
        text = self.report("--disasm", "^heavy$", path)
        self.assertRegex(text, r"(?m)^heavy  in /.*/program$")
        self.assertRegex(text, r"(?m) ms +[0-9a-f]+:  [a-z]+ .*%r.*  ; two_to_one\.c:\d+$")
        self.assertNotIn("%r", self.report("--disasm", "^heavy$", "--intel_syntax", path).split("total\n", 1)[1])
        for name, pattern, env, said in ((path, "nothing_like_it", None, "no function matches"), (path, "^heavy$", {"PATH": "/nowhere"}, "install binutils"),
                                         ("no_addresses.folded", "main", None, "has no addresses")):
            (self.folder / "no_addresses.folded").write_text("main;a 3\n")
            done = self.pprofc("report", "--disasm", pattern, name, env=env)
            self.assertEqual((done.status, done.out), (1, ""))
            self.assertIn(said, done.err)
        shutil.copy(self.program("bench_cases"), program)
        self.assertIn("is not the program that was profiled: its build id differs", self.report("--disasm", "^heavy$", path))
        program.unlink()
        self.assertIn("/program", self.report("--disasm", "^heavy$", path))

    def test_program_before(self):
        """A program before its profiles, as pprof takes it, is no profile; alone it is refused."""
        done = self.pprofc("report", self.program("two_to_one"), "cpu.pb.gz", "cpu.pb.gz")
        self.assertEqual((done.status, done.out), (0, self.report("cpu.pb.gz", "cpu.pb.gz")))
        self.assertIn("two_to_one is the program, not a profile", done.err)
        self.assertEqual(self.pprofc("report", self.program("two_to_one")).status, 1)

    def test_foreign_options(self):
        """What pprof has and we have not is refused in one line that says what to do, not as unknown."""
        for option in ("-web", "-showcolumns", "--no-browser", "-http=:8080", "-kcachegrind"):
            done = self.pprofc("report", option, "cpu.pb.gz")
            self.assertEqual((done.status, len(done.err.splitlines())), (2, 1))
            self.assertRegex(done.err, r"^pprofc: pprofc report has no --?[\w-]+: .*[a-z]", option)
        self.assertIn("unknown option --webb", self.pprofc("report", "--webb", "cpu.pb.gz").err)

    def test_units(self):
        self.assertRegex(self.report("--unit", "ms", "cpu.pb.gz"), r"1100 ms +98\.2 %")
        self.assertRegex(self.report("--unit", "s", "cpu.pb.gz"), r"1\.10 s +98\.2 %")
        self.assertEqual(self.pprofc("report", "--unit", "parsecs", "cpu.pb.gz").status, 2)

    def test_pprof_spelling(self):
        """-top before a file has no number; '-' stands for '_'; one dash is as good as two; two views are one too many."""
        self.assertIn("line1000", self.report("-top", "cpu.pb.gz"))
        self.assertEqual(self.report("-top", "-cum", "-nodecount=3", "cpu.pb.gz"), self.report("--top", "3", "--sort=cum", "cpu.pb.gz"))
        self.assertEqual(self.report("--show-from=line2", "cpu.pb.gz"), self.report("-show_from", "line2", "cpu.pb.gz"))
        for wrong in (("-tree", "-traces"), ("-lines", "-files"), ("-cum", "-flat"), ("-normalize",), ("-nodefraction=2",), ("-raw", "-json"), ("-mean", "-tree"),
                      ("-divide_by=0",), ("-symbolize=remote",), ("-disasm=x", "-json"), ("-call_tree",), ("-call_tree", "-traces"),
                      ("-callgrind", "-json"), ("-tls_cert=x",), ("-seconds=0",), ("-timeout=soon",)):
            done = self.pprofc("report", *wrong, "cpu.pb.gz")
            self.assertEqual((done.status, len(done.err.splitlines())), (2, 1), (wrong, done.err))

    def test_deep(self):
        """A stack of 100 000 frames is shown by every view."""
        (self.folder / "deep.folded").write_text(";".join(f"f{i % 700}" for i in range(100000)) + " 3\n")
        for view in (("--top",), ("--tree",), ("--traces",), ("--tags",), ("--raw",), ("--dot",), ("--dot", "--call_tree"), ("--callgrind",), ("--callgrind", "--call-tree"), ("--topproto",), ("--peek", "f1$"), ("--list", "f1$"),
                     ("--hide", "f[1-6]", "--show_from", "f7", "--prune_from", "f69"), ("--tagroot", "x")):
            self.assertEqual(self.pprofc("report", *view, "deep.folded").status, 0, view)


class Differences(Report):
    def setUp(self):
        super().setUp()
        (self.folder / "before.folded").write_text("main;a 60\nmain;b 30\nmain;gone 10\n")
        (self.folder / "after.folded").write_text("main;a 40\nmain;b 50\nmain;new 110\n")

    def test_base(self):
        """--base: what is more and less, the largest first, shares of the sum of the changes."""
        rows = self.top("--base", "before.folded", "after.folded")
        self.assertEqual(rows, {"new": (110, 110), "a": (-20, -20), "b": (20, 20), "gone": (-10, -10), "main": (0, 100)})
        shown = self.report_json("--base", "before.folded", "after.folded")
        self.assertEqual((shown["total"], [row["function"] for row in shown["top"]][:2]), (160, ["new", "b"]))

    def test_diff_base(self):
        """--diff_base: the same with shares of the base; the head says so; --drop_negative leaves what is more."""
        shown = self.report_json("--diff_base", "before.folded", "after.folded")
        self.assertEqual((shown["total"], shown["top"][0]["flat_share"]), (100, 1.1))
        self.assertRegex(self.report("--diff_base", "before.folded", "after.folded"),
                         r"Base +100 of samples in before.folded\nChange +100 \(100\.0 %\)\n")
        self.assertEqual(set(self.top("--diff_base", "before.folded", "--drop_negative", "after.folded")), {"new", "b", "main"})

    def test_normalize(self):
        """--normalize scales to the base first: 40 of 200 are 20 of 100."""
        rows = self.top("--diff_base", "before.folded", "--normalize", "after.folded")
        self.assertEqual((rows["a"], rows["b"], rows["new"]), ((-40, -40), (-5, -5), (55, 55)))

    def test_nothing_changed(self):
        done = self.pprofc("report", "--base", "before.folded", "before.folded")
        self.assertEqual(done.status, 4)
        self.assertIn("no sample is left of the difference", done.err)

    def test_several_files(self):
        """Several files are added up, by report and by merge, which says how many."""
        rows = self.top("before.folded", "after.folded", "before.folded")
        self.assertEqual((rows["a"], rows["main"]), ((160, 160), (0, 400)))
        done = self.pprofc("merge", "before.folded", "after.folded", "-o", "sum.pb.gz")
        self.assertEqual(done.status, 0, done.err)
        self.assertRegex(done.err, r"^pprofc: wrote sum.pb.gz \(.*\), the sum of 2 profiles\n$")
        self.assertEqual(self.top("sum.pb.gz")["new"], (110, 110))
        self.assertEqual(self.pprofc("merge", "before.folded", "-o", "sum.pb.gz").status, 1)
        self.assertEqual(self.pprofc("merge", "before.folded").status, 2)
        done = self.pprofc("merge", "before.folded", "cpu.pb.gz", "-f", "-o", "sum.pb.gz")
        self.assertEqual(done.status, 1)
        self.assertIn("cannot merge", done.err)

    def test_one_module_at_two_addresses(self):
        """A module that was mapped elsewhere in the second file has one row an address all the same."""
        for name, start in (("one", 0x10000), ("two", 0x7F0000)):
            made = pprof_inputs.Writer([("samples", "count")], mapping="")
            made.has_mapping = True
            made.parts.append(pprof_inputs.field(3, pprof_inputs.field(1, 1) + pprof_inputs.field(2, start) + pprof_inputs.field(
                3, start + 0x2000) + pprof_inputs.field(5, made.text("/lib/x.so")) + pprof_inputs.field(6, made.text("abc"))))
            made.sample([made.location(start + 0x123)], [5])
            (self.folder / f"{name}.pb.gz").write_bytes(made.encode())
        self.assertEqual(self.top("--by", "address", "one.pb.gz", "two.pb.gz"), {f"{0x10123:016x}": (10, 10)})


if __name__ == "__main__":
    unittest.main()
