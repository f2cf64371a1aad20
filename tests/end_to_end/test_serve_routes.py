"""Every name that pprofc serve answers, in every form; what pprof and scrapers make of it: test_serve_clients.py."""
import gzip
import json
import re
import unittest

from serving import SHARES, Served

KINDS = ("heap", "allocs", "mutex", "block", "threadcreate", "offcpu", "wall", "lock", "leak",
         "delta_heap", "delta_block", "delta_mutex")
FORMATS = (("", "application/octet-stream", b"\x1f\x8b"), ("format=pprof", "application/octet-stream", b"\x1f\x8b"),
           ("format=pb", "application/octet-stream", b""), ("format=svg", "image/svg+xml", b"<?xml"),
           ("format=folded", "text/plain", b""), ("format=json", "application/json", b"{"),
           ("format=speedscope", "application/json", b'{"$schema"'), ("format=otlp", "application/x-protobuf", b"\x0a"),
           ("format=csv", "text/csv", b"function,file,"),
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


if __name__ == "__main__":
    unittest.main()
