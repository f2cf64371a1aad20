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


class ServedHeap(Served):
    IS_SHARED = True

    def begin(self):
        environment = clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload-heap.so", PPROFC="heap", PPROFC_HEAP_INTERVAL=1)
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
        """The index counts the stacks that have allocated."""
        self.assertRegex(self.get("/debug/pprof/"), r"memory in use, by where it was allocated, \d+ stacks<")

    def test_metrics(self):
        """Exact totals, as counters."""
        def count(name):
            return int(re.search(r"(?m)^profiling_%s_total\{pid=\"\d+\",program=\"heap_sites\"\} (\d+)$" % name, self.get("/metrics")).group(1))

        self.get("/debug/pprof/heap?format=json")  # brings the totals up to date
        before = [count(name) for name in ("allocations", "frees", "requested_bytes")]
        self.round()
        self.get("/debug/pprof/heap?format=json")
        after = [count(name) for name in ("allocations", "frees", "requested_bytes")]
        self.assertEqual([a - b for a, b in zip(after, before)], [8000, 4000, 8000 * 1000])


if __name__ == "__main__":
    unittest.main()
