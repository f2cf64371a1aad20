"""pprofc serve among clients that are many, slow, gone or malicious: it lives, stays small and answers the others."""
import json
import random
import signal
import socket
import statistics
import threading
import time
import unittest

import test_serve
from harness import IS_SANITIZED, BUILD, PPROFC, clean_environment, long_or
from raw_http import Client, exchange, get, n_descriptors, n_threads, pss_bytes

MIB = 1 << 20
# After a warm-up; what malloc keeps for threads to come is within it.
FLAT_BYTES = (64 if IS_SANITIZED else 8) * MIB
LONG_ARGUMENTS = ["x" * 100_000] * 15  # /cmdline is an answer of 1.5 MB then


class Abused(test_serve.Served):
    """A server whose descriptors, threads and memory are looked at before and after."""

    def setUp(self):
        super(test_serve.Served, self).setUp()
        environment = clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu", PPROFC_FREQUENCY=10,
                                        PPROFC_OUTPUT=self.folder / "left.ppc")
        self.target = self.start(self.program("shares_50_30_20"), test_serve.SPIN_S, *LONG_ARGUMENTS, env=environment)
        self.await_recording()
        self.server = self.start(PPROFC, "serve", "--listen", "127.0.0.1:0", self.target.pid)
        self.port = self.await_port()
        # Names of whatever the program runs are read once.
        for path in ("/debug/pprof/profile?seconds=0.5&frequency=1000", *("/healthz", "/metrics", "/debug/pprof/cmdline") * 8):
            self.assertEqual(exchange(self.port, get(path)).status, 200)
        self.wait_for(lambda: n_threads(self.server.pid) == 3)
        self.before = (n_descriptors(self.server.pid), pss_bytes(self.server.pid))

    def assert_unharmed(self, what):
        """It lives, answers, has no descriptor and no thread more, no window is open, and it is as small as before."""
        self.assertIsNone(self.server.poll(), self.text(self.server, 1))
        self.assertEqual(exchange(self.port, get("/healthz")).body, b"ok\n")
        self.wait_for(lambda: n_descriptors(self.server.pid) <= self.before[0])
        self.wait_for(lambda: n_threads(self.server.pid) == 3)
        self.assertEqual(self.rate_now(), 10)
        grown = pss_bytes(self.server.pid) - self.before[1]
        print(f"{what}: grown by {grown / MIB:.1f} MiB", flush=True)
        self.assertLess(grown, FLAT_BYTES)


class Parts(Abused):
    """One server for all parts of a class: it must be as before after each."""
    PARTS = ()

    def check_parts(self):
        for part in self.PARTS:
            with self.subTest(part):
                getattr(self, part)()
                self.assert_unharmed(part)


class Many(Parts):
    PARTS = ("ten_thousand_requests", "waiting_profiles_leave_room", "gone_in_every_phase", "half_closed")

    def test_all(self):
        """Crowds, of clients that wait, do not wait and go away."""
        self.check_parts()

    PATHS = ("/healthz", "/debug/pprof/heap", "/sampling/status", "/debug/pprof/symbol", "/nowhere", "/debug/pprof/threadcreate",
             "/debug/pprof/profile?seconds=x", "/debug/pprof/", "/debug/pprof/mutex?format=json", "/off")

    def converse(self, n_connections, n_rounds, seed):
        """Each round asks on every connection and then reads them all; half of them are kept, half are made anew."""
        draw = random.Random(seed)
        kept = [Client(self.port) for _ in range(n_connections // 2)]
        for _ in range(n_rounds):
            clients = kept + [Client(self.port) for _ in range(n_connections - len(kept))]
            for i, client in enumerate(clients):
                path = draw.choice(self.PATHS)
                client.send(get(path) if i < len(kept) else get(path, "Connection: close"))
            for client in clients:
                answer = client.answer()
                self.faults += [] if answer is not None and answer.fault() is None else [answer]
                self.statuses.append(answer.status if answer is not None else 0)
            for client in clients[len(kept):]:
                client.close()
        for client in kept:
            client.close()

    def ten_thousand_requests(self):
        """10 000 requests over 200 connections, kept and not: each has its answer, or 503 and when to come again."""
        self.faults, self.statuses = [], []
        threads = [threading.Thread(target=self.converse, args=(50, long_or(250, 50), seed)) for seed in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        self.assertEqual(self.faults[:3], [])
        self.assertEqual(len(self.statuses), long_or(50_000, 10_000))
        n_busy = self.statuses.count(503)
        print(f"{len(self.statuses)} requests, {n_busy} of them 503", flush=True)
        self.assertEqual(set(self.statuses), {200, 400, 404, 405} | ({503} if n_busy else set()))

    def waiting_profiles_leave_room(self):
        """As many profiles as are taken at a time: others get 503 or, where nothing is sampled, their answer."""
        clients = [Client(self.port) for _ in range(60)]
        for client in clients:
            client.send(get("/debug/pprof/profile?seconds=60"))
        self.wait_for(lambda: exchange(self.port, get("/debug/pprof/profile?seconds=60")).status == 503)
        self.assertEqual(exchange(self.port, get("/healthz")).status, 200)
        for client in clients:
            client.close()
        self.wait_for(lambda: self.rate_now() == 10)

    PHASES = (b"", b"G", b"GET /debug/pprof/quality HT", get("/healthz")[:-2], get("/debug/pprof/quality"),
              get("/debug/pprof/profile?seconds=30&frequency=500"), get("/debug/pprof/flamegraph?seconds=0.1"),
              get("/sampling/start", "Content-Length: 100", method="POST"),
              get("/sampling/start", "Content-Length: 100", method="POST") + b'{"frequency":',
              get("/debug/pprof/symbol", "Transfer-Encoding: chunked", method="POST") + b"10\r\n0x40",
              get("/debug/pprof/cmdline"), get("/debug/pprof/cmdline") * 20)

    def gone_in_every_phase(self):
        """Clients vanish before, within and after their request, politely and by a reset, before and after a first byte."""
        for n in range(long_or(40, 4)):
            clients = [(Client(self.port), data, how) for data in self.PHASES for how in range(3)]
            for client, data, _ in clients:
                client.send(data)
            time.sleep(0.01 * n)
            for client, data, how in clients:
                if how == 2 and data.endswith(b"\r\n\r\n") and b"seconds" not in data and b"POST" not in data:
                    client.more()
                (client.reset if how else client.close)()
        self.wait_for(lambda: self.rate_now() == 10)


    WITHIN_A_REQUEST = (b"G", b"GET /debug/pprof/quality HT", get("/healthz")[:-2],
                        get("/sampling/start", "Content-Length: 100", method="POST"),
                        get("/sampling/start", "Content-Length: 100", method="POST") + b'{"frequency":',
                        get("/debug/pprof/symbol", "Transfer-Encoding: chunked", method="POST") + b"10\r\n0x40",
                        get("/healthz") + get("/healthz")[:-2])

    def half_closed(self):
        """Connections whose client ends its side, within a request or behind one, end long before their limits of 10 and 20 s,
        also where the end came together with what was sent."""
        cases = (*self.WITHIN_A_REQUEST, *(get("/healthz") * n for n in (1, 2, 20)))
        clients = [Client(self.port) for _ in cases]
        for client in clients:
            client.send(get("/healthz"))
            self.assertEqual(client.answer().status, 200)
        self.server.send_signal(signal.SIGSTOP)  # what the client sent and its end are there at once
        for client, data in zip(clients, cases):
            client.send(data)
            client.socket.shutdown(socket.SHUT_WR)
        self.server.send_signal(signal.SIGCONT)
        begun_s = time.monotonic()
        for client, data in zip(clients, cases):
            for answer in iter(client.answer, None):  # libmicrohttpd may see the end first and answer none
                self.assertEqual(answer.body, b"ok\n", data)
            client.close()
        self.assertLess(time.monotonic() - begun_s, 6)


class Slow(Abused):
    def drip(self):
        """A byte of their headers a second from each of those that are still open, until the server has closed them all."""
        drips, text = [Client(self.port) for _ in range(100)], get("/healthz")[:-4] + b"\r\nX-Drip: " + b"a" * 1000
        for self.last_drip_s in range(60):
            drips = [client for client in drips if self.is_open(client, text[self.last_drip_s:self.last_drip_s + 1])]
            if not drips:
                return
            time.sleep(1)

    def is_open(self, client, byte):
        client.send(byte)
        client.socket.settimeout(0)
        try:
            if client.more():
                return True
        except BlockingIOError:
            return True
        client.close()
        return False

    def ask_meanwhile(self, seconds):
        """Seconds that /healthz takes, and the most memory that there is, meanwhile."""
        waits_s, largest, until_s = [], 0, time.monotonic() + seconds
        while time.monotonic() < until_s:
            begun_s = time.monotonic()
            while exchange(self.port, get("/healthz")).status != 200:
                time.sleep(0.01)  # 64 others are being answered
            waits_s.append(time.monotonic() - begun_s)
            largest = max(largest, pss_bytes(self.server.pid) - self.before[1])
            time.sleep(0.02)
        print(f"/healthz took {1000 * statistics.median(waits_s):.1f} ms, at most {1000 * max(waits_s):.1f} ms", flush=True)
        self.assertLess(statistics.median(waits_s), 1)
        return largest

    def test_slow_clients(self):
        """100 connections send a byte of their headers a second, 100 more ask for 150 MB in all and read nothing: the first
        are closed in good time, of the answers 64 MiB are held and the slowest cut off, and others are served meanwhile."""
        dripping = threading.Thread(target=self.drip)
        dripping.start()
        readers = [Client(self.port, receive_bytes=4096) for _ in range(100)]
        for client in readers:
            client.send(get("/debug/pprof/cmdline"))
        largest = self.ask_meanwhile(5)
        print(f"held at most {largest / MIB:.0f} MiB", flush=True)
        # Answers are counted when they are made: 64 may be in the making.
        self.assertLess(largest, (64 + 64 * 1.5 + FLAT_BYTES / MIB) * MIB)
        n_whole = sum(self.drain(client) for client in readers)
        print(f"{n_whole} of 100 slow readers had all in the end", flush=True)
        self.assertLess(n_whole, 100)
        self.ask_meanwhile(1)
        dripping.join()
        self.assertGreater(self.last_drip_s, 5)
        self.assertLess(self.last_drip_s, 40)
        self.assert_unharmed("slow clients")

    def drain(self, client):
        """Whether the whole answer came, late as it is."""
        answer = client.answer()
        client.close()
        return answer is not None and answer.status == 200

    @unittest.skipUnless(long_or(True, False), "the long form: bodies have 20 s")
    def test_slow_bodies(self):
        """A body that drips is cut off after 20 s."""
        client = Client(self.port)
        client.send(get("/sampling/start", "Content-Length: 1000", method="POST"))
        begun_s = time.monotonic()
        while time.monotonic() - begun_s < 60 and client.send(b" "):
            time.sleep(0.5)
        self.assertLess(time.monotonic() - begun_s, 40)
        client.close()
        self.assert_unharmed("slow bodies")


class Malformed(Parts):
    PARTS = ("requests", "traversals", "no_requests", "chunks_too_long", "pipelines", "parameters_without_room")

    def test_all(self):
        """What should not be asked, and what is no question."""
        self.check_parts()

    LARGE = "a" * 40_000
    # (what, bytes, the status of an answer of ours).
    OURS = (
        ("no Host", b"GET /healthz HTTP/1.1\r\n\r\n", 400),
        ("two Hosts", get("/healthz", "Host: evil.example"), 400),
        ("a foreign Host", get("/healthz", host="evil.example"), 403),
        ("a Host that looks near", get("/healthz", host="localhost.evil.example"), 403),
        ("a Host with a user", get("/healthz", host="localhost@evil.example"), 403),
        ("a Host that is a number", get("/healthz", host="2130706433"), 403),
        ("an empty Host", get("/healthz", host=""), 403),
        ("an absolute URL", get("http://evil.example/healthz"), 400),
        ("a path of 40 000 bytes", get("/" + LARGE), 414),
        ("headers of 40 000 bytes", get("/healthz", "X-Large: " + LARGE), 431),
        ("200 headers", get("/healthz", *(f"X-{i}: {'b' * 90}" for i in range(200))), 431),
        ("33 parameters", get("/debug/pprof/profile?" + "&".join(f"a{i}=1" for i in range(33))), 400),
        ("a body too long, promised", get("/debug/pprof/symbol", "Content-Length: 3000000", method="POST"), 413),
        ("a body too long, asked about", get("/debug/pprof/symbol", "Content-Length: 3000000", "Expect: 100-continue", method="POST"),
         413),
        ("no addresses", get("/debug/pprof/symbol", "Content-Length: 4", method="POST") + b"zzzz", 400),
        ("PUT", get("/debug/pprof/profile", method="PUT"), 405),
        ("DELETE", get("/sampling/start", method="DELETE"), 405),
        ("OPTIONS", get("/debug/pprof/profile", "Origin: http://evil.example", method="OPTIONS"), 405),
        ("TRACE", get("/debug/pprof/profile", method="TRACE"), 405),
        ("CONNECT", get("localhost:1", method="CONNECT"), 400),
        ("a method of its own", get("/debug/pprof/profile", method="BREW"), 405),
    )
    PARAMETERS = (
        "seconds=-1", "seconds=1e400", "seconds=nan", "seconds=inf", "seconds=3601", "seconds=0x", "seconds=1;rm",
        "seconds=1%00", "frequency=0", "frequency=-5", "frequency=1e9", "frequency=nan", "hz=10001", "frequency=%ff",
        "seconds=99999999999999999999", "format=tiff", "format=", "format=" + "x" * 3000, "format=%2e%2e%2f",
        "kind=%3Cscript%3E", "pid=0", "pid=-1", "pid=1e3", "pid=999999999999999999999", "pid=../../etc/passwd", "%zz",
        "%", "seconds=%4", "%00=1",
    )
    TRAVERSALS = (
        "/..%2f..%2f..%2fetc%2fpasswd", "/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
        "/debug/pprof/../../etc/passwd", "/debug/pprof/..%2f..%2fetc/passwd", "/debug/pprof/%2e%2e%2fprofile",
        "/debug/pprof/profile%2f..", "/..%5c..%5c", "/%252e%252e%252f", "/.%00/etc/passwd",
        "/debug/pprof/profile%00.svg", "/%c0%ae%c0%ae/etc/passwd", "/etc/passwd", "/proc/self/environ", "/dev/shm",
    )
    # What is no request: libmicrohttpd refuses it itself, or the connection is closed, or more is waited for.
    NO_REQUESTS = (
        b"GET /healthz\r\n\r\n", b"GARBAGE\r\n\r\n", b"\0\0\0\0\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"\x55" * 500, get("/healthz")[:-2] + b"No colon\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n folded\r\n\r\n", b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n",
        get("/" + "a" * 200_000), get("/healthz", "X: " + "a" * 200_000),
        get("/", "Content-Length: -5", method="POST"),
        get("/", "Content-Length: 99999999999999999999999", method="POST"),
        get("/", "Content-Length: 1e3", method="POST"),
        get("/sampling/start", "Transfer-Encoding: chunked", method="POST") + b"ZZ\r\n\r\n",
        get("/sampling/start", "Transfer-Encoding: chunked", method="POST") + b"ffffffffffffffffff\r\n",
        get("/sampling/start", "Transfer-Encoding: gzip, chunked", method="POST") + b"1\r\n{\r\n0\r\n\r\n",
        b"\r\n" * 1000, b"GET", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(range(256)) * 300,
    )

    def refused(self, data, status, what):
        answer = exchange(self.port, data)
        self.assertIsNotNone(answer, what)
        self.assertIsNone(answer.fault(), f"{what}: {answer}")
        self.assertEqual(answer.status, status, f"{what}: {answer}")

    def requests(self):
        """Every request that is one gets one clear sentence, marked as an error, with the right status."""
        for what, data, status in self.OURS:
            with self.subTest(what):
                self.refused(data, status, what)
        for query in self.PARAMETERS:
            with self.subTest(query):
                self.refused(get("/debug/pprof/profile?" + query + ("" if "seconds" in query else "&seconds=0.01")),
                             404 if query.startswith("pid") else 400, query)

    def traversals(self):
        """No path of a request is a file: whatever is written for '..' and '/', there is nothing there."""
        for path in self.TRAVERSALS:
            with self.subTest(path):
                answer = exchange(self.port, get(path))
                self.assertIsNone(answer.fault(), answer)
                self.assertIn(answer.status, (400, 404))
                self.assertNotIn(b"root:", answer.body)

    def no_requests(self):
        """What is no request is refused, or closed; nothing of it reaches a route."""
        for data in self.NO_REQUESTS:
            with self.subTest(data[:60]):
                try:
                    answer = exchange(self.port, data, timeout_s=0.3)
                except TimeoutError:
                    continue
                self.assertTrue(answer is None or answer.is_of_library() or (answer.status >= 400 and answer.fault() is None), answer)
        self.assertEqual(json.loads(exchange(self.port, get("/sampling/status")).body)["status"], "inactive")

    def chunks_too_long(self):
        """A body without a promised length ends at the limit too."""
        client = Client(self.port)
        client.send(get("/debug/pprof/symbol", "Transfer-Encoding: chunked", method="POST"))
        for _ in range(40):
            client.send(b"10000\r\n" + b"0" * 0x10000 + b"\r\n")
        client.send(b"0\r\n\r\n")
        answer = client.answer()
        client.close()
        self.assertEqual((answer.status, answer.fault()), (413, None))

    def pipelines(self):
        """Requests sent at once are answered one by one, in their order, bodies and errors between them."""
        client = Client(self.port)
        start = b'{"frequency": 0}'
        post = get("/sampling/start", f"Content-Length: {len(start)}", method="POST") + start
        client.send((get("/healthz") + get("/nowhere") + get("/healthz", method="HEAD") + post) * 25)
        for _ in range(25):
            for status, has_body in ((200, True), (404, True), (200, False), (400, True)):
                answer = client.answer(has_body)
                self.assertEqual((answer.status, answer.fault()), (status, None))
        client.close()

    def parameters_without_room(self):
        """Requests that libmicrohttpd gives up, as it has no room for so many parameters, leave nothing behind."""
        for _ in range(1000):
            client = Client(self.port)
            client.send(get("/pprof/symbol?" + "a&" * 3200))
            client.close()


if __name__ == "__main__":
    unittest.main()
