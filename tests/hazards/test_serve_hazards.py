"""Hazards 37 and 38 of hazards.md: kinds at the same time, and sampling that its client has left."""
import re
import socket
import subprocess
import threading
import time
import unittest
import urllib.request
from pathlib import Path

from end_to_end.harness import PPROFC, EndToEnd, clean_environment, not_sanitized

KINDS = ("profile?seconds=1", "flamegraph?seconds=1", "heap", "allocs", "offcpu", "wall", "lock", "mutex", "block")


@not_sanitized("the program that serves itself is not")
class ServesItself(EndToEnd):
    """A program that serves itself, sampled by CPU timers, which /proc shows, and only when somebody asks."""

    def setUp(self):
        super().setUp()
        self.server = self.start(self.program("serves_itself"), "600", "127.0.0.1:0", stdin=subprocess.PIPE,
                                 env=clean_environment(PPROFC_COMMAND=PPROFC, PPROFC_DELIVERY="cpu-timer"))
        self.addCleanup(self.server.stdin.close)
        self.wait_for(lambda: "/debug/pprof/" in self.text(self.server, 1), "serving")
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", self.text(self.server, 1)).group(1))

    def wait_for(self, is_true, what):
        for _ in range(1000):
            if is_true():
                return
            time.sleep(0.02)
        self.fail(f"{what}: not in 20 s")

    def ask(self, path, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()

    def has_timers(self):
        return "signal:" in Path(f"/proc/{self.server.pid}/timers").read_text()


class Hazard37KindsTogether(ServesItself):
    """Kinds asked for at once, with sampling switched on beside them: each has its answer, none is told to wait."""

    def test_all_at_once(self):
        self.assertEqual(self.ask("/sampling/start", "POST")[0], 200)
        found = {}

        def take(kind):
            found[kind] = self.ask("/debug/pprof/" + kind)

        threads = [threading.Thread(target=take, args=(kind,)) for kind in KINDS]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        self.assertEqual({kind: status for kind, (status, _) in found.items()}, {kind: 200 for kind in KINDS})
        self.assertIn(b"heavy_50", self.ask("/sampling/stop?format=folded", "POST")[1])
        for kind, (_, body) in found.items():
            path = self.folder / (re.sub(r"\W", "_", kind) + ".pb.gz")
            path.write_bytes(body)
            if not kind.startswith("flamegraph"):
                self.assertTrue(self.read_profile(path).sample_types)


class Hazard38ClientThatLeft(ServesItself):
    """A client that leaves within seconds= leaves no timer: they are gone within a second, and come again for the next."""

    def test_timers_go(self):
        for _ in range(2):
            self.wait_for(lambda: not self.has_timers(), "no timers")
            client = socket.create_connection(("127.0.0.1", self.port))
            client.sendall(b"GET /debug/pprof/profile?seconds=60&frequency=200 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.wait_for(self.has_timers, "timers")
            client.close()
            left_s = time.monotonic()
            self.wait_for(lambda: not self.has_timers(), "timers gone")
            took_s = time.monotonic() - left_s
            print(f"timers gone {took_s:.2f} s after the client", flush=True)
            self.assertLess(took_s, 5)  # a second, and what a loaded machine takes


if __name__ == "__main__":
    unittest.main()
