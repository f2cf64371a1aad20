"""The example service under load, served by itself and by `pprofc serve` beside it: go tool pprof, google-pprof and scrapers
get what they ask for from both."""
import contextlib
import os
import re
import shutil
import unittest
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import PPROFC, clean_environment
from serving import Served
from test_orders import Orders

# What each name has: functions that are hot, threads that stand somewhere, or nothing yet, and why.
SAMPLED, STANDING, COUNTED, LATER = range(4)
NAMES = {"pprof/profile": SAMPLED, "pprof/goroutine": STANDING, "pprof/threadcreate": COUNTED, "fgprof": LATER,
         **{f"pprof/{name}": LATER for name in ("heap", "allocs", "mutex", "block", "offcpu", "wall", "lock", "leak",
                                                "delta_heap", "delta_block", "delta_mutex")}}
SHOWS = {SAMPLED: r"\bprice_of\b", STANDING: r"\brun_worker\b", COUNTED: r"\[threads seen\]"}


class Clients(Orders):
    """One service and one server beside it for all tests: none of them asks for what another one would miss."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keeper = cls()
        cls.addClassCleanup(cls.keeper.doCleanups)
        cls.keeper.setUp()
        cls.keeper.begin()

    def begin(self):
        self.service = self.serve("--payment-ms", "0")
        self.load(self.service, "--seconds", "300", "--clients", "2")
        self.await_orders(self.service, 10)
        self.server = self.start(PPROFC, "serve", "--listen", "127.0.0.1:0", self.service.pid)
        self.ports = {"by itself": self.service.profile_port,
                      "beside it": self.port_said(self.server, 1, r"at http://127\.0\.0\.1:(\d+)/debug/pprof/")}
        for port in self.ports.values():  # both have read the names of all that it runs
            self.assertEqual(self.ask(port, "/debug/pprof/profile?seconds=0.3&frequency=1000")[0], 200)

    def each_server(self):
        for way, port in self.keeper.ports.items():
            with self.subTest(way):
                yield port

    def pprof(self):
        """Go's pprof: its own path, since what `go tool` does before it takes longer than the rest."""
        if shutil.which("go") is None:
            self.skipTest("no go: its pprof reads what is served")
        return self.run_command("go", "tool", "-n", "pprof", timeout_s=240).out.strip()

    def start_pprof(self, *args, env=None):
        # Without a timeout it gives up after half as long again as a profile lasts, and 5 s.
        return self.start(self.keeper.command, "-timeout=60", *args, env=clean_environment(PPROF_TMPDIR=self.folder, **(env or {})))

    def test_go_tool_top(self):
        """go tool pprof -top reads every name with seconds=1; functions are shown where there are any, and a kind that is not
        measured yet says so."""
        self.keeper.command = self.pprof()
        for port in self.each_server():
            children = {name: self.start_pprof("-top", f"http://127.0.0.1:{port}/debug/{name}?seconds=1") for name in NAMES}
            for name, child in children.items():
                with self.subTest(name):
                    said = self.finish(child)
                    self.assertEqual(said.status, 0, said.err)
                    if NAMES[name] in SHOWS:
                        self.assertRegex(said.out, SHOWS[NAMES[name]])
                    else:
                        self.assertIn(f"does not measure {name.rpartition('/')[2]}: the profile is empty\n", said.out)
                        self.assertIn(" 0 total\n", said.out)

    def test_go_tool_page(self):
        """go tool pprof -http shows every name: its table answers, with the functions where there are any, and in its words
        an empty profile where a kind is not measured yet."""
        self.keeper.command = self.pprof()
        for port in self.each_server():
            children = {name: self.start_pprof("-no_browser", "-http=127.0.0.1:0", f"http://127.0.0.1:{port}/debug/{name}"
                                               + "?seconds=1" * (name == "pprof/profile")) for name in NAMES}
            for name, child in children.items():
                with self.subTest(name):
                    page = self.page_of(child, "/ui/top")  # /ui/ wants Graphviz
                    self.assertRegex(page, SHOWS.get(NAMES[name], "profile is empty"))
                    self.assertIsNone(child.poll())
                    child.kill()

    def test_block(self):
        """libc's functions are folded into their callers unless block= says otherwise, as in the guide."""
        for port in self.each_server():
            found = {query: self.ask(port, f"/debug/pprof/profile?seconds=0.5&frequency=1000&format=folded{query}")[1].decode()
                     for query in ("", "&block=", "&block=libjansson")}
            self.assertNotRegex(found[""], r"\b(malloc|_int_malloc|cfree|_int_free)\b")
            self.assertRegex(found["&block="], r"\b(malloc|_int_malloc)\b")
            self.assertIn("json_loads", found[""])
            self.assertNotIn("json_loads", found["&block=libjansson"])

    def page_of(self, child, path):
        """What pprof's own server answers: it says the port it was given, which is 0, so the kernel is asked."""
        ports = []
        Served.wait_for(self, lambda: child.poll() is not None or ports or ports.extend(self.listens_at(child.pid)))
        self.assertIsNone(child.poll(), self.text(child, 1))
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}{path}", timeout=60) as answer:
                self.assertEqual(answer.status, 200)
                return answer.read().decode()
        except urllib.error.HTTPError as error:
            self.fail(f"{path}: {error.code} {error.read()[:300]}")

    @staticmethod
    def listens_at(pid):
        """The TCP ports that a process listens at; none of one that has ended."""
        sockets, lines = set(), []
        with contextlib.suppress(OSError):  # it ends
            for link in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):  # it has just closed this one
                    sockets.add(os.readlink(f"/proc/{pid}/fd/{link}"))
            lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        return [int(fields[1].rpartition(":")[2], 16) for fields in map(str.split, lines)
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets]

    def test_google_pprof(self):
        """gperftools' own script reads every /pprof/ name, and names what it read by /pprof/symbol."""
        command = shutil.which("google-pprof")
        if command is None:
            self.skipTest("no google-pprof (Debian: google-perftools)")
        for port in self.each_server():
            base = f"http://127.0.0.1:{port}/pprof"
            children = {}
            for name in ("profile", "heap", "growth", "contention"):
                home = self.folder / f"{port}.{name}"  # where it keeps what it fetched, by names of a second
                home.mkdir()
                children[name] = self.start(command, "--text", "--seconds=1", f"{base}/{name}", env=clean_environment(HOME=home))
            for name, child in children.items():
                with self.subTest(name):
                    said = self.finish(child)
                    self.assertEqual(said.status, 0, said.err)
                    self.assertEqual(bool(re.search(r"(?m)^ .*\borders_create$", said.out)), name == "profile", said.out + said.err)
            self.assertIn(b"num_symbols: 1", self.ask(port, "/pprof/symbol")[1])
            self.assertIn(str(self.keeper.service.args[0]).encode(), self.ask(port, "/pprof/cmdline")[1])

    # What scrapers send when nobody configures them.  grafana/alloy, internal/component/pyroscope/scrape: defaults of
    # profiling_config, 14 s of CPU there within 10 s + that; parca-dev/parca, pkg/config/config.go: DefaultScrapeConfig, where
    # the CPU profile alone is a delta, of 10 s.
    SCRAPERS = ("Alloy/v1.0.0", "Parca/v0.1.0")
    SCRAPED = {"allocs": ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space"), "block": ("contentions", "delay"),
               "goroutine": ("threads",), "mutex": ("contentions", "delay"), "profile?seconds=1": ("samples", "cpu")}

    def test_scrapers(self):
        """Stand-ins for Alloy and Parca get 200 for all that they ask for, in time, and a gzipped profile without a content
        encoding, with the types they store by."""
        def scrape(port, scraper, name):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/debug/pprof/{name}",
                                             headers={"User-Agent": scraper, "Accept-Encoding": "gzip"})
            with urllib.request.urlopen(request, timeout=11) as answer:
                return answer.status, answer.headers["Content-Encoding"], answer.read()

        targets = [(port, scraper, name) for port in self.keeper.ports.values() for scraper in self.SCRAPERS for name in self.SCRAPED]
        with ThreadPoolExecutor(len(targets)) as pool:
            for target, (status, encoding, body) in zip(targets, pool.map(lambda target: scrape(*target), targets)):
                with self.subTest(target):
                    self.assertEqual((status, encoding), (200, None))
                    path = self.folder / "scraped.pb.gz"
                    path.write_bytes(body)
                    self.assertEqual(tuple(one for one, _ in self.read_profile(path).sample_types), self.SCRAPED[target[2]])


if __name__ == "__main__":
    unittest.main()
