"""Every name that pprofc serve answers, as people, pprof, google-pprof and scrapers ask for it."""
import gzip
import json
import re
import shutil
import socket
import unittest

from harness import clean_environment
from serving import SHARES, Served

KINDS = ("heap", "allocs", "mutex", "block", "threadcreate", "offcpu", "wall", "lock", "leak",
         "delta_heap", "delta_block", "delta_mutex")
FORMATS = (("", "application/octet-stream", b"\x1f\x8b"), ("format=pprof", "application/octet-stream", b"\x1f\x8b"),
           ("format=pb", "application/octet-stream", b""), ("format=svg", "image/svg+xml", b"<?xml"),
           ("format=folded", "text/plain", b""), ("format=json", "application/json", b"{"),
           ("debug=1", "text/plain", b""), ("debug=0", "application/octet-stream", b"\x1f\x8b"))


class Names(Served):
    """One server for all: its names ask for nothing that another one would miss."""
    IS_SHARED = True

    def assert_answers(self, path, content_type, begins):
        status, headers, body = self.ask(path)
        self.assertEqual(status, 200, body[:200])
        self.assertTrue(headers["Content-Type"].startswith(content_type), headers)
        self.assertTrue(body.startswith(begins), body[:60])
        return headers, body

    def test_every_kind_in_every_format(self):
        """Kinds that are not measured yet are valid, empty, and say so."""
        for name in [f"/debug/pprof/{kind}" for kind in KINDS] + ["/debug/fgprof"]:
            for query, content_type, begins in FORMATS:
                with self.subTest(f"{name}?{query}"):
                    self.assert_answers(f"{name}?{query}", content_type, begins)
        for kind in ("offcpu", "wall", "lock", "heap", "leak"):
            with self.subTest(kind=kind):
                self.assert_answers(f"/debug/pprof/flamegraph?kind={kind}", "image/svg+xml", b"<?xml")
        self.assertIn("does not measure", self.assert_answers("/debug/pprof/leak?format=json", "application/json", b"{")[1].decode())

    def test_deltas(self):
        """seconds= names a difference; as in Go it has no text."""
        for kind in ("heap", "allocs", "mutex", "block"):
            with self.subTest(kind):
                headers, body = self.assert_answers(f"/debug/pprof/{kind}?seconds=1", "application/octet-stream", b"\x1f\x8b")
                self.assertEqual(headers["Content-Disposition"], f'attachment; filename="{kind}-delta"')
                self.assertTrue(gzip.decompress(body))
                self.assertEqual(self.ask(f"/debug/pprof/{kind}?seconds=x")[0], 400)
                status, _, body = self.ask(f"/debug/pprof/{kind}?seconds=1&debug=1")
                self.assertEqual((status, body), (400, b"seconds and debug params are incompatible\n"))

    def test_tree(self):
        """Callees stand below their callers, deeper, the heaviest first; other formats are those of the whole."""
        self.ask("/debug/pprof/profile?seconds=0.5&frequency=1000")
        text = self.ask("/debug/pprof/tree")[2].decode()
        names = [line[44:] for line in text.splitlines() if " % " in line and "function" not in line]
        depth = {name.strip(): len(name) - len(name.lstrip()) for name in names}
        parts = [float(line.split()[0]) for line in text.splitlines() if line.split()[-1:] and line.split()[-1] in SHARES]
        self.assertEqual(parts, sorted(parts, reverse=True), text)
        self.assertEqual(len(parts), 3, text)
        self.assertLess(depth["main"], depth["run_slice"], text)
        self.assertEqual({depth[name] for name in SHARES}, {depth["run_slice"] + 2}, text)
        self.assert_answers("/debug/pprof/tree?format=json", "application/json", b"{")

    def test_top_by_cum(self):
        """sort=cum puts callers first, sort=flat is what comes without, and another word is refused."""
        path = self.profile("/debug/pprof/profile?seconds=0.3&frequency=1000")
        by_cum = json.loads(self.pprofc("report", "--cum", "--json", path).out)["top"]
        self.assertEqual(by_cum, sorted(by_cum, key=lambda row: -row["cum"]))
        self.assertNotEqual(by_cum, sorted(by_cum, key=lambda row: -row["flat"]))
        text = self.ask("/debug/pprof/top?sort=cum")[2].decode()
        rows = re.findall(r"(?m)^ +[\d ]+?  +[\d.]+ \S+ +([\d.]+) % +[\d.]+ \S+ +([\d.]+) %  (\S+)", text)
        cums = [float(cum) for _, cum, _ in rows]
        self.assertEqual(cums, sorted(cums, reverse=True), text)
        names = [name for _, _, name in rows]
        self.assertLess(names.index("main"), names.index("heavy_50"), text)
        flats = [float(part) for part in re.findall(r"(?m)^ +[\d ]+?  +[\d.]+ \S+ +([\d.]+) % ", self.ask("/debug/pprof/top?sort=flat")[2].decode())]
        self.assertEqual(flats, sorted(flats, reverse=True))
        self.assert_answers("/debug/pprof/top?sort=cum&format=json", "application/json", b"{")
        self.assertEqual(self.ask("/debug/pprof/top?sort=name")[0], 400)

    def test_overhead(self):
        """The parts of the cost sum to all of it, in percent of the program's CPU."""
        self.ask("/debug/pprof/profile?seconds=0.3&frequency=500")
        found = json.loads(self.ask("/debug/pprof/overhead")[2])
        parts = [found[name]["seconds"] for name in ("helper", "handler", "delivery") if name in found]
        self.assertAlmostEqual(sum(parts), found["all"]["seconds"], delta=0.002)
        self.assertAlmostEqual(found["all"]["percent"], 100 * found["all"]["seconds"] / found["program_seconds"], delta=0.5)
        self.assertRegex(self.ask("/debug/pprof/overhead?debug=1")[2].decode(), r"(?m)^profiling cost .* %.*\n  helper .* %$")
        self.assertEqual(self.ask("/debug/pprof/overhead?format=svg")[0], 400)

    def test_diff(self):
        """Two windows of a program that does the same in both have the same shares, by function."""
        for query in ("seconds=0.6&after=0.6&frequency=1000", "seconds=0.6&frequency=1000"):
            with self.subTest(query):
                found = json.loads(self.ask(f"/debug/pprof/diff?{query}&format=json")[2])
                rows = {row["name"]: row for row in found["functions"]}
                for name, share in SHARES.items():
                    self.assertAlmostEqual(rows[name]["flat_percent_after"] / 100, share, delta=0.25)
                self.assertGreater(found["after"]["n_samples"], 20)
        self.assertIn("heavy_50", self.ask("/debug/pprof/diff?seconds=0.1")[2].decode())
        self.assertEqual(self.ask("/debug/pprof/diff?after=x")[0], 400)


class Clients(Served):
    """What is pointed at Go and gperftools programs works on a native one."""
    IS_SHARED = True

    def test_go_tool(self):
        """go tool pprof -top reads every name from its URL, and -http shows one."""
        if shutil.which("go") is None:
            self.skipTest("no go: its pprof reads what is served")
        environment = clean_environment(PPROF_TMPDIR=self.folder)
        base = f"http://127.0.0.1:{self.port}/debug"
        # Its own path, made only once: what `go tool` does before it takes longer than the rest.
        pprof = self.run_command("go", "tool", "-n", "pprof", env=environment, timeout_s=240).out.strip()
        for names in (("pprof/profile?seconds=1", "fgprof?seconds=1", "pprof/heap?seconds=1"),
                      *((f"pprof/{kind}",) for kind in KINDS), ("pprof/goroutine",)):
            children = [self.start(pprof, "-top", f"{base}/{name}", env=environment) for name in names]
            for name, child in zip(names, children):
                with self.subTest(name):
                    said = self.finish(child, 120)
                    self.assertEqual(said.status, 0, said.err)
                    if name != "pprof/goroutine":  # who stands where is not known beforehand
                        self.assertEqual("heavy_50" in said.out, name.startswith("pprof/profile"), said.out)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        page = self.start(pprof, "-no_browser", "-http", f"127.0.0.1:{port}", f"{base}/pprof/profile?seconds=1",
                          env=environment)
        self.wait_for(lambda: "Serving web UI on" in self.text(page, 1) or page.poll() is not None)
        self.port = port
        self.wait_for(lambda: self.is_answered("/ui/top", b"heavy_50"))

    def is_answered(self, path, text):
        try:
            return text in self.ask(path)[2]
        except OSError:  # it says so before it listens
            return False

    def test_google_pprof(self):
        """gperftools' own script reads a CPU profile from /pprof/profile and names it by /pprof/symbol."""
        command = shutil.which("google-pprof")
        if command is None:
            self.skipTest("no google-pprof (Debian: google-perftools)")
        base = f"http://127.0.0.1:{self.port}/pprof"
        for name in ("profile", "heap", "growth", "contention"):
            with self.subTest(name):
                said = self.run_command(command, "--text", "--seconds=1", f"{base}/{name}",
                                        env=clean_environment(HOME=self.folder), timeout_s=60)
                self.assertEqual(said.status, 0, said.err)
                self.assertEqual("heavy_50" in said.out, name == "profile", said.out + said.err)
        self.assertIn(b"num_symbols: 1", self.ask("/pprof/symbol")[2])
        self.assertIn(b"shares_50_30_20", self.ask("/pprof/cmdline")[2])


class Scrapers(Served):
    """Stand-ins for scrapers with what they send when nobody configures them."""
    # grafana/alloy, internal/component/pyroscope/scrape: defaults of profiling_config; 14 s there, within 10 s + that.
    ALLOY = ({"User-Agent": "Alloy/v1.0.0", "Accept-Encoding": "gzip"},
             (("allocs", {}), ("block", {}), ("goroutine", {}), ("mutex", {}), ("profile", {"seconds": "1"})))
    # parca-dev/parca, pkg/config/config.go: DefaultScrapeConfig; the CPU profile alone is a delta, of 10 s there.
    PARCA = ({"User-Agent": "Parca/v0.1.0", "Accept-Encoding": "gzip"},
             (("allocs", {}), ("block", {}), ("goroutine", {}), ("mutex", {}), ("profile", {"seconds": "1"})))
    TYPES = {"allocs": ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space"), "block": ("contentions", "delay"),
             "mutex": ("contentions", "delay"), "goroutine": ("threads",), "profile": ("samples", "cpu")}

    def test_each(self):
        """All that they ask for is 200, a gzipped profile without a content encoding, with the types they store by."""
        for headers, targets in (self.ALLOY, self.PARCA):
            for name, query in targets:
                with self.subTest(headers["User-Agent"], name=name):
                    text = "&".join(f"{key}={value}" for key, value in query.items())
                    status, answered, body = self.ask(f"/debug/pprof/{name}?{text}", timeout_s=10,
                                                      **{key.replace("-", "_"): value for key, value in headers.items()})
                    self.assertEqual(status, 200, body[:200])
                    self.assertNotIn("Content-Encoding", answered)
                    path = self.folder / "scraped.pb.gz"
                    path.write_bytes(body)
                    profile = self.read_profile(path)
                    self.assertEqual(tuple(one for one, _ in profile.sample_types), self.TYPES[name])


if __name__ == "__main__":
    unittest.main()
