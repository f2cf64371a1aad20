"""Files for other tools in the hands of these tools: speedscope's page and schema, OpenTelemetry's decoder."""
import functools
import http.server
import json
import shutil
import sys
import threading
import unittest

import browser
import harness
import otlp_peer

sys.path.insert(0, str(harness.ROOT / "bench"))
from peers import speedscope  # noqa: E402

# main 10 s in all: heavy() 6, light() 3, of it 1 in heavy() again, itself 1.
FOLDED = "main 1\nmain;heavy 6\nmain;light 2\nmain;light;heavy 1\n"
TWO_THREADS = "".join(f"{thread} {tid} {i}.5:  1 cpu-clock: \n\t  a1 {function} (/bin/x)\n\t  b1 main (/bin/x)\n\n"
                      for i, (thread, tid, function) in enumerate(3 * [("worker", 12, "work")] + [("main", 11, "idle")]))


def release_or_skip():
    try:
        return speedscope.release(limit_s=0)
    except speedscope.Unavailable as reason:
        raise unittest.SkipTest(str(reason)) from None


def violations(value, schema, root, path="$"):
    """What of 'value' is not as the schema says: as much of JSON schema as speedscope's uses."""
    if "$ref" in schema:
        yield from violations(value, root["definitions"][schema["$ref"].rpartition("/")[2]], root, path)
    if "anyOf" in schema:
        found = [list(violations(value, one, root, path)) for one in schema["anyOf"]]
        if all(found):
            yield min(found, key=len)[0]
    kinds = {"object": dict, "array": list, "string": str, "number": (int, float)}
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        yield f"{path} is no {schema['type']}"
        return
    if "const" in schema and value != schema["const"] or value not in schema.get("enum", [value]):
        yield f"{path} is {value!r}"
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path} has no {name}"
    for name, inner in schema.get("properties", {}).items():
        if name in value:
            yield from violations(value[name], inner, root, f"{path}.{name}")
    for i, item in enumerate(value if isinstance(schema.get("items"), dict) else ()):
        yield from violations(item, schema["items"], root, f"{path}[{i}]")


class SpeedscopeSchema(harness.EndToEnd):
    """Our speedscope files are as speedscope's own schema says: of a run, of its heap, and of stacks from elsewhere."""

    def test_schema(self):
        schema = json.loads((release_or_skip() / "file-format-schema.json").read_text())
        (self.folder / "in.folded").write_text(FOLDED)
        self.assertEqual(self.pprofc("convert", "in.folded", "folded.speedscope.json").status, 0)
        self.run_profiled("-F", "1000", "--", self.program("two_to_one"), "0.2", output="run.speedscope.json")
        self.run_profiled("-k", "heap", "--", self.program("heap_sites"), output="heap.speedscope.json")
        for name, n_profiles in (("folded", 1), ("run", 2), ("heap", 4)):
            document = json.loads((self.folder / f"{name}.speedscope.json").read_text())
            self.assertEqual(list(violations(document, schema, schema)), [])
            self.assertEqual(len(document["profiles"]), n_profiles)
        document["profiles"][0]["unit"] = "ducks"
        self.assertNotEqual(list(violations(document, schema, schema)), [])


class RealSpeedscope(harness.EndToEnd):
    """speedscope opens our files, and its table has the functions with their self and total time."""

    def setUp(self):
        super().setUp()
        if browser.missing():
            self.skipTest(browser.missing())
        shutil.copytree(release_or_skip(), self.folder / "page")
        handler = functools.partial(QuietHandler, directory=self.folder / "page")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.addCleanup(self.server.server_close)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.shutdown)
        self.page = browser.Browser(more_flags=["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"])
        self.addCleanup(self.page.close)

    def rows(self, path):
        """{function: (total, self)} of the table, as it is written there."""
        shutil.copy(path, self.folder / "page")
        address = f"http://127.0.0.1:{self.server.server_port}"
        self.page.open(f"{address}/index.html#profileURL={address}/{path.name}")
        self.page.wait_for("return document.title.includes(' - speedscope')", seconds=20)
        self.page.keys("3")
        texts = self.page.wait_for("const rows = [...document.querySelectorAll('tr')].map(row => row.innerText);"
                                   "return rows.length > 1 && rows", seconds=20)
        found = {}
        # With several profiles there is a list of them before the table.
        self.listed = [text for text in texts if "\t" not in text]
        for text in (text for text in texts if "\t" in text and "Symbol" not in text):
            words = text.split()
            found[words[4]] = (words[0], words[2])
        return found

    def test_opens(self):
        (self.folder / "in.folded").write_text(FOLDED)
        self.assertEqual(self.pprofc("convert", "in.folded", "x.speedscope.json").status, 0)
        rows = self.rows(self.folder / "x.speedscope.json")
        print(rows)
        self.assertEqual(rows, {"main": ("10", "1"), "heavy": ("7", "7"), "light": ("3", "2")})


    def test_opens_threads(self):
        """Of a file with a profile a thread it shows the heaviest at first, and the next one on request, each with its own functions."""
        (self.folder / "in.txt").write_text(TWO_THREADS)
        self.assertEqual(self.pprofc("convert", "--by", "thread", "in.txt", "t.speedscope.json").status, 0)
        self.assertEqual(self.rows(self.folder / "t.speedscope.json"),
                         {"worker": ("3.00ns", "0.00ns"), "main": ("3.00ns", "0.00ns"), "work": ("3.00ns", "3.00ns")})
        self.assertEqual(self.listed[1:], ["1worker (12)3.00ns", "2main (11)1.00ns"])
        self.page.keys("n")  # the next profile
        texts = self.page.wait_for("const rows = [...document.querySelectorAll('tr')].map(row => row.innerText);"
                                   "return rows.some(row => row.includes('idle')) && rows", seconds=20)
        self.assertFalse(any("\twork" in text for text in texts), texts)


class SpeedscopeThreads(harness.EndToEnd):
    """`convert --by`: a profile of a speedscope file is a thread, or a value of a label."""

    def test_threads(self):
        """A profile each with what that thread has, in all what the whole has; read again they are threads."""
        finished, path = self.run_profiled("-F", "1000", "--", self.program("threads_60_40"))
        whole = json.loads(self.pprofc("report", "--by", "thread", "--json", path).out)
        finished = self.pprofc("convert", "--by", "thread", path, "t.speedscope.json")
        self.assertEqual(finished.status, 0, finished.err)
        self.assertIn("t.speedscope.json has the sample type cpu alone; --sample NAME gives another", finished.err)
        document = json.loads((self.folder / "t.speedscope.json").read_text())
        wanted = {row["thread"]: row["flat"] for row in whole["top"]}
        self.assertGreaterEqual(len(wanted), 2)
        self.assertEqual({one["name"]: sum(one["weights"]) for one in document["profiles"]}, wanted)
        totals = [one["endValue"] for one in document["profiles"]]
        self.assertEqual((totals, {one["unit"] for one in document["profiles"]}), (sorted(totals, reverse=True), {"nanoseconds"}))
        again = json.loads(self.pprofc("report", "--by", "label:thread_name", "--json", "t.speedscope.json").out)
        self.assertEqual({row["label"]: row["flat"] for row in again["top"]}, wanted)

    def test_labels_and_schema(self):
        """Values of a label, samples without it too; the file is as speedscope's schema says."""
        (self.folder / "in.txt").write_text(TWO_THREADS)
        self.assertEqual(self.pprofc("convert", "--by", "label:thread_name", "in.txt", "l.speedscope.json").status, 0)
        document = json.loads((self.folder / "l.speedscope.json").read_text())
        self.assertEqual([(one["name"], one["endValue"]) for one in document["profiles"]], [("worker", 3), ("main", 1)])
        self.assertEqual(self.pprofc("convert", "--by", "label:no", "in.txt", "n.speedscope.json").status, 0)
        nothing = json.loads((self.folder / "n.speedscope.json").read_text())
        self.assertEqual([(one["name"], one["endValue"]) for one in nothing["profiles"]], [("(no no)", 4)])
        schema = json.loads((release_or_skip() / "file-format-schema.json").read_text())
        self.assertEqual(list(violations(document, schema, schema)), [])

    def test_usage(self):
        """Any other format, and any other word, is refused."""
        (self.folder / "in.txt").write_text(TWO_THREADS)
        for words, said in ((["--by", "thread", "in.txt", "x.pb.gz"], "'x.pb.gz' is none; give OUT.speedscope.json"),
                            (["--by", "file", "in.txt", "x.speedscope.json"], "give thread or label:KEY")):
            finished = self.pprofc("convert", *words)
            self.assertEqual(finished.status, 2)
            self.assertIn(said, finished.err)
            self.assertEqual(list(self.folder.glob("x.*")), [])


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class NodeWrites(harness.EndToEnd):
    """What Node.js itself writes by --cpu-prof is read: 0.3 s of spinning are in the function that spins."""

    def test_cpu_profile(self):
        node = shutil.which("node")
        if node is None:
            self.skipTest("node is not installed")
        (self.folder / "spin.js").write_text(
            "function spin() { let n = 0; const end = process.cpuUsage().user + 300000;\n"
            "  while (process.cpuUsage().user < end) for (let i = 0; i < 1e5; i++) n += i; return n; }\n"
            "spin();\n")
        done = self.run_command(node, "--cpu-prof", "--cpu-prof-dir=.", "spin.js")
        self.assertEqual(done.status, 0, done.err)
        (path,) = self.folder.glob("*.cpuprofile")
        wanted = json.loads(path.read_text())
        self.assertEqual(self.pprofc("convert", path, "node.json").status, 0)
        report = json.loads((self.folder / "node.json").read_text())
        samples, time = report["types"]
        self.assertEqual(samples["total"], len(wanted["samples"]))
        self.assertLessEqual(time["total"], 1000 * (wanted["endTime"] - wanted["startTime"]))
        rows = {row["name"]: row for row in time["functions"]}
        self.assertGreater(rows["spin"]["cum"], 0.15e9)  # of 0.3 s: a starved sampler books some on what came before
        self.assertEqual(rows["spin"]["file"].rpartition("/")[2], "spin.js")


class OpenTelemetryReads(harness.EndToEnd):
    """OpenTelemetry's own decoder reads our files, and the dictionary keeps the specification's rules."""

    def test_decoded(self):
        if otlp_peer.WHY_NOT:
            self.skipTest(otlp_peer.WHY_NOT)
        _, path = self.run_profiled("-F", "1000", "--", self.program("two_to_one"), "0.2", output="run.otlp")
        request = otlp_peer.profiles_service_pb2.ExportProfilesServiceRequest.FromString(path.read_bytes())
        self.assertEqual(otlp_peer.profile_problems(request), [])
        tables = request.dictionary
        for table in (tables.mapping_table, tables.location_table, tables.function_table, tables.attribute_table,
                      tables.stack_table):
            self.assertEqual(table[0].ByteSize(), 0)
            self.assertEqual(len({one.SerializeToString() for one in table}), len(table), "an item stands there twice")
        self.assertEqual(tables.string_table[0], "")
        self.assertEqual(len(set(tables.string_table)), len(tables.string_table))
        profiles = request.resource_profiles[0].scope_profiles[0].profiles
        types = [(tables.string_table[one.sample_type.type_strindex], tables.string_table[one.sample_type.unit_strindex])
                 for one in profiles]
        self.assertEqual(types, [("samples", "count"), ("cpu", "nanoseconds")])
        self.assertEqual(self.pprofc("convert", path, "run.json").status, 0)
        report = json.loads((self.folder / "run.json").read_text())
        for profile, wanted in zip(profiles, report["types"]):
            self.assertEqual(sum(sum(sample.values) for sample in profile.samples), wanted["total"])
            for sample in profile.samples:
                self.assertLess(sample.stack_index, len(tables.stack_table))
                self.assertTrue(all(0 < index < len(tables.attribute_table) for index in sample.attribute_indices))
        names = {tables.string_table[tables.function_table[line.function_index].name_strindex]
                 for location in tables.location_table for line in location.lines}
        self.assertLessEqual({"main", "heavy", "light"}, names)
        kinds = {tables.attribute_table[index].value.string_value for location in tables.location_table
                 for index in location.attribute_indices}
        self.assertIn("native", kinds)


if __name__ == "__main__":
    unittest.main()
