"""What is served of a heap: by a server beside a program whose sites are known, every allocation recorded."""
import json
import re
import shutil
import subprocess
import threading
import unittest

from harness import BUILD, clean_environment
from serving import Served
from test_pprof_tool import GO, Tool

TYPES = ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")
ROUND = (8000, 8000 * 1000, 4000, 4000 * 1000)  # what half_freed() does, by type


class HeapSites(Served):
    """heap_sites, which does half_freed() when it is told to, and a server beside it."""
    INTERVAL = 1

    def begin(self):
        environment = clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload-heap.so", PPROFC="heap", PPROFC_HEAP_INTERVAL=self.INTERVAL,
                                        PPROFC_HEAP_USABLE=1)
        self.target = self.start(self.program("heap_sites"), "1", "rounds", stdin=subprocess.PIPE, env=environment)
        self.addCleanup(self.target.stdin.close)
        self.n_said = 1
        self.await_recording()
        self.wait_for(self.has_said)
        self.serve_target()

    def has_said(self):
        return self.text(self.keeper.target if hasattr(self, "keeper") else self.target, 0).count("\n") >= self.n_said

    def round(self):
        """Let the program do half_freed() once more."""
        self.n_said = self.text(self.target, 0).count("\n") + 1
        self.target.stdin.write(b"\n")
        self.target.stdin.flush()
        self.wait_for(self.has_said)

    def values(self, path, function="half_freed"):
        """The function's own values, by type."""
        report = json.loads(self.get(path + ("&" if "?" in path else "?") + "format=json"))
        found = {one["type"]: {row["name"]: row["flat"] for row in one["functions"]}.get(function, 0) for one in report["types"]}
        return tuple(found[name] for name in TYPES)

    def get(self, path):
        status, _, body = self.ask(path)
        self.assertEqual(status, 200, body[:200])
        return body.decode()

    def compare(self, query, n_rounds):
        """What /diff says of n_rounds that are done while it waits; 'query' says for how long it does."""
        while True:
            found = []
            client = threading.Thread(target=lambda: found.append(self.get("/debug/pprof/diff?format=json&" + query)))
            client.start()
            self.wait_for(lambda: 'profiling_queue_depth{queue="profiles"} 1\n' in self.get("/metrics"))
            for _ in range(n_rounds):
                self.round()
            in_time = client.is_alive()
            client.join()
            if in_time:  # else the machine is busy, and some of the rounds may have come later
                report = json.loads(found[0])
                return report, {row["name"]: row for row in report["functions"]}


class ServedHeap(HeapSites):
    IS_SHARED = True

    def test_diff(self):
        """kind=heap: what is in use now and in seconds=, exact where every allocation is followed; kind=allocs: what is
        allocated a second, in two spans of time."""
        before = self.values("/debug/pprof/heap")
        report, rows = self.compare("kind=heap&seconds=1", 3)
        self.assertEqual((report["type"], report["unit"]), ("inuse_space", "bytes"))
        half = rows["half_freed"]["flat"]
        self.assertEqual([half[name]["value"] for name in ("before", "after", "change")], [before[3], before[3] + 3 * ROUND[3], 3 * ROUND[3]])
        self.assertEqual(half["change"]["error"], 0)
        self.assertEqual(rows["few_large"]["flat"]["change"]["value"], 0)
        self.assertEqual(report["functions"][0]["name"], "half_freed")
        self.assertEqual(rows["main"]["cum"]["change"]["value"], 3 * ROUND[3])
        report, rows = self.compare("kind=heap&sample=inuse_objects&seconds=1", 1)
        self.assertEqual(rows["half_freed"]["flat"]["change"]["value"], ROUND[2])

        report, rows = self.compare("kind=allocs&seconds=1&after=0.2", 2)
        half = rows["half_freed"]["flat"]
        self.assertAlmostEqual(half["before"]["value"] * report["seconds_before"], 2 * ROUND[1], delta=2 * ROUND[1] / 1000)
        self.assertEqual(half["after"]["value"], 0)
        self.assertEqual(half["change"]["value"], -half["before"]["value"])
        report, rows = self.compare("kind=allocs&seconds=1", 2)  # against all before
        self.assertAlmostEqual(rows["half_freed"]["flat"]["after"]["value"] * report["seconds_after"], 2 * ROUND[1], delta=2 * ROUND[1] / 1000)

        text = self.get("/debug/pprof/diff?kind=heap&seconds=0.1")
        self.assertRegex(text, r"\Abefore  [\d.]+ MiB of inuse_space\nafter   [\d.]+ MiB of inuse_space\n\n +flat \+- +std\. error ")
        self.assertRegex(text, r"(?m)^ +\+0 B +20 MiB +20 MiB .*  few_large$")
        for query, status, words in (("kind=lock", 400, "unknown kind"), ("kind=heap&after=1", 400, "of two moments"),
                                     ("kind=heap&sample=cpu", 400, "no sample type"), ("kind=heap&format=svg", 400, "unknown format"),
                                     ("kind=heap&seconds=x", 400, "seconds")):
            got, _, body = self.ask("/debug/pprof/diff?" + query)
            self.assertEqual(got, status, query)
            self.assertIn(words, body.decode())

    def test_sampling(self):
        """/sampling/ of the heap: what came since it was switched on."""
        def post(path, **body):
            status, _, said = self.ask(path, "POST", json.dumps(body))
            return status, json.loads(said)["message"]

        def heap_of(path):
            report = json.loads(self.get(path))
            return {one["type"]: {row["name"]: row["flat"] for row in one["functions"] if row["flat"]} for one in report["types"]}["alloc_objects"]

        self.assertEqual(post("/sampling/start", kinds=["heap"]), (200, "Sampling started for the heap"))
        self.round()
        self.assertEqual(json.loads(self.get("/sampling/status"))["kinds"], ["heap"])
        self.assertEqual(heap_of("/sampling/stop?format=json"), {"half_freed": ROUND[0]})
        # Two kinds: each is stopped by its name, and one may be left out on the way.
        self.assertEqual(post("/sampling/start", kinds=["cpu", "heap"], frequency=200)[0], 200)
        self.round()
        self.assertEqual(self.ask("/sampling/stop?kind=lock")[0], 400)
        self.assertEqual(heap_of("/sampling/stop?kind=heap&format=json"), {"half_freed": ROUND[0]})
        self.assertEqual(self.ask("/sampling/stop?kind=heap")[0], 404)
        self.assertEqual(post("/sampling/change", kinds=["heap"])[0], 200)
        self.assertEqual(json.loads(self.get("/sampling/status"))["kinds"], ["heap"])
        self.round()
        self.assertEqual(heap_of("/sampling/stop?format=json"), {"half_freed": ROUND[0]})
        # What ends by itself waits.
        self.assertEqual(post("/sampling/start", kinds=["heap"], seconds=0.1)[0], 200)
        self.wait_for(lambda: json.loads(self.get("/sampling/status"))["status"] == "ended")
        self.assertEqual(heap_of("/sampling/stop?format=json"), {})

    def test_heap_and_allocs(self):
        """Both hold the four types; people see first what is in use of the one, and what was allocated of the other."""
        before = self.values("/debug/pprof/heap")
        self.assertEqual(self.values("/debug/pprof/heap", "few_large"), (20, 20 << 20, 20, 20 << 20))
        self.round()
        after = self.values("/debug/pprof/allocs")
        self.assertEqual(tuple(a - b for a, b in zip(after, before)), ROUND)
        for name, default in (("heap", "inuse_space"), ("allocs", "alloc_space")):
            self.assertEqual(json.loads(self.get(f"/debug/pprof/{name}?format=json"))["default_type"], default)
            profile = self.read_profile(self.profile(f"/debug/pprof/{name}"))
            self.assertEqual(tuple(one for one, _ in profile.sample_types), TYPES)
            self.assertTrue(any(one.startswith("pprofc: heap_allocs=") for one in profile.comments), profile.comments)

    def test_seconds(self):
        """seconds= gives what was allocated in that time, and by how much memory in use grew: half of half_freed()'s."""
        found = {}

        def ask():
            found["values"] = self.values("/debug/pprof/heap?seconds=2")

        client = threading.Thread(target=ask)
        client.start()
        while client.is_alive():
            self.round()
            client.join(0.05)
        n_allocs, n_bytes, n_more, more_bytes = found["values"]
        self.assertGreater(n_allocs, 0)
        self.assertEqual((n_bytes, more_bytes), (n_allocs * 1000, n_more * 1000))
        self.assertLessEqual(abs(n_more - n_allocs / 2), 2)  # counters are read while it goes on
        self.assertEqual(self.values("/debug/pprof/heap?seconds=0.1", "few_large"), (0, 0, 0, 0))
        self.assertEqual(self.ask("/debug/pprof/heap?seconds=1&debug=1")[0], 400)
        headers = self.ask("/debug/pprof/growth?seconds=0.1")[1]
        self.assertEqual(headers["Content-Disposition"], 'attachment; filename="growth-delta"')

    def test_delta_heap(self):
        """What was allocated since the last time it was asked for, and all that is in use."""
        self.values("/debug/pprof/delta_heap")
        self.round()
        self.round()
        n_allocs, n_bytes, n_live, _ = self.values("/debug/pprof/delta_heap")
        self.assertEqual((n_allocs, n_bytes), (2 * ROUND[0], 2 * ROUND[1]))
        self.assertEqual(n_live, self.values("/debug/pprof/heap")[2])
        self.assertEqual(self.values("/debug/pprof/delta_heap")[0], 0)

    def test_texts(self):
        """debug=1 is Go's text, /pprof/heap gperftools': both readers make of them what the file has."""
        values = self.values("/debug/pprof/heap", "few_large")
        text = self.get("/debug/pprof/heap?debug=1")
        self.assertRegex(text, r"\Aheap profile: \d+: \d+ \[\d+: \d+\] @ heap/2\n")
        self.assertRegex(text, r"(?m)^%d: %d \[%d: %d\] @( 0x[0-9a-f]+)+\n#\t0x[0-9a-f]+\tfew_large\t\S+heap_sites\.c:\d+$"
                         % (values[2], values[3], values[0], values[1]))
        for name in ("heapprofile", "growthz"):
            text = self.get("/pprof/heap" if name == "heapprofile" else "/pprof/growth")
            self.assertRegex(text, r"\Aheap profile: \d+: \d+ \[\d+: \d+\] @ %s\n" % name)
            self.assertIn("\nMAPPED_LIBRARIES:\n", text)
        if GO is None:
            return
        for path in ("/debug/pprof/heap?debug=1", "/pprof/heap"):
            file = self.folder / "heap.txt"
            file.write_text(self.get(path))
            done = Tool.pprof(self, "-raw", file)
            self.assertRegex(done.stdout, r"(?m)^ +%d +%d +%d +%d: " % values, done.stderr)

    def test_google_pprof(self):
        command = shutil.which("google-pprof")
        if command is None:
            self.skipTest("no google-pprof (Debian: google-perftools)")
        for name in ("heap", "growth"):
            said = self.run_command(command, "--text", f"http://127.0.0.1:{self.port}/pprof/{name}", env=clean_environment(HOME=self.folder))
            self.assertRegex(said.out, r"(?m)^ +20\.0 .* few_large$", said.err)

    def test_views(self):
        """Pictures and tables of the heap by any type; a wrong one is named."""
        self.assertIn("<desc>Heap memory", self.get("/debug/pprof/flamegraph?kind=heap"))
        self.assertIn(" alloc_objects", self.get("/debug/pprof/flamegraph?kind=heap&sample=alloc_objects"))
        self.assertRegex(self.get("/debug/pprof/top?kind=heap&sample=alloc_space"), r"(?m)^Total .* of alloc_space in [\d ]+ objects ")
        self.assertIn("few_large", self.get("/debug/pprof/tree?kind=heap"))
        self.assertIn("0 cpu samples", self.get("/debug/pprof/top?kind=cpu"))
        status, _, body = self.ask("/debug/pprof/heap?sample=space")
        self.assertEqual(status, 400)
        self.assertIn(b"no sample type is called 'space'", body)
        self.assertEqual(self.ask("/debug/pprof/top?kind=leak")[0], 400)

    def test_index(self):
        """The index counts the stacks that have allocated, and offers what the heap has."""
        self.assertIn("diff?kind=heap", self.get("/debug/pprof/"))
        self.assertRegex(self.get("/debug/pprof/"), r"memory in use, by where it was allocated, \d+ stacks<")

    def test_metrics(self):
        """Exact totals, as counters."""
        def count(name):
            return int(re.search(r"(?m)^profiling_%s_total\{pid=\"\d+\",program=\"heap_sites\"\} (\d+)$" % name, self.get("/metrics")).group(1))

        self.get("/debug/pprof/heap?format=json")  # brings the totals up to date
        names = ("allocations", "frees", "requested_bytes", "usable_allocated_bytes", "usable_freed_bytes")
        before = [count(name) for name in names]
        self.round()
        heap = json.loads(self.get("/debug/pprof/heap?format=json"))["heap"]
        after = [count(name) for name in names]
        self.assertEqual([a - b for a, b in zip(after, before)], [8000, 4000, 8000 * 1000, 8000 * 1000, 4000 * 1000])  # glibc's 1000 are 1000
        self.assertEqual([(one["name"], one["n_allocs"], one["usable_net_bytes"]) for one in heap["threads"]],
                         [("heap_sites", heap["n_allocs"], heap["usable_net_bytes"])])

    def test_fragmentation_metrics(self):
        """The allocator's figures and what comes of them: gauges that are those of the profile, which is of two seconds ago at most."""
        self.get("/debug/pprof/heap?format=json")
        metrics = dict(re.findall(r"(?m)^profiling_heap_(\w+)\{pid=\"\d+\",program=\"heap_sites\"\} ([\d.]+)$", self.get("/metrics")))
        self.assertEqual(sorted(metrics), ["external_bytes", "fragmentation_ratio", "held_bytes", "internal_bytes", "object_bytes",
                                           "resident_bytes", "retained_bytes"])
        figures = {name: float(text) for name, text in metrics.items()}
        self.assertEqual(figures["resident_bytes"], figures["object_bytes"] + figures["external_bytes"])
        self.assertAlmostEqual(figures["fragmentation_ratio"], figures["external_bytes"] / figures["resident_bytes"], delta=1e-4)
        self.assertTrue(0 < figures["internal_bytes"] < figures["object_bytes"])


class Sampled(HeapSites):
    """One sample in 16 KiB."""
    INTERVAL = 16384

    def test_diff(self):
        """The growth between two moments is right within five of the standard errors that stand beside it; the error is that of
        what came and went, not of all that is in use."""
        for _ in range(20):
            self.round()
        _, rows = self.compare("kind=heap&seconds=1", 4)
        amounts = rows["half_freed"]["flat"]
        truth, error = 4 * ROUND[3], amounts["change"]["error"]
        print(f"{amounts['change']['value']:.0f} of {truth} bytes, +- {error:.0f}")
        self.assertGreater(error, 0)
        self.assertLess(abs(amounts["change"]["value"] - truth), 5 * error)
        self.assertLess(error, amounts["after"]["error"])
        self.assertLess(abs(amounts["after"]["value"] - 25 * ROUND[3]), 5 * amounts["after"]["error"])
        # Of two spans of time the difference is as unsure as both.
        report, rows = self.compare("kind=allocs&seconds=1&after=0.2", 4)
        amounts = rows["half_freed"]["flat"]
        truth = 4 * ROUND[1] / report["seconds_before"]
        self.assertLess(abs(amounts["before"]["value"] - truth), 5 * amounts["before"]["error"])
        self.assertEqual(amounts["change"], {"value": -amounts["before"]["value"], "error": amounts["before"]["error"]})


if __name__ == "__main__":
    unittest.main()
