"""What the tests of serving share: a program of known shares, a server beside it, and clients."""
import http.client
import math
import os
import re
import socket
import struct
import time

from harness import BUILD, PPROFC, EndToEnd, clean_environment, scorer

SHARES = {"heavy_50": 0.5, "middle_30": 0.3, "light_20": 0.2}
SPIN_S = "600"  # ended by the test
SLICE_S = 0.00135  # mean square of its slices of 0.2 to 2 ms over their mean


class Served(EndToEnd):
    """A program that spins in known shares, preloaded by hand at 10 Hz, and a server beside it."""
    PROGRAM = ("shares_50_30_20", SPIN_S)
    PROGRAM_VARIABLES = {}
    OPTIONS = ()
    VARIABLES = {}
    IS_SHARED = False  # one program and one server for all tests of the class: none of them ends one

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.IS_SHARED:
            cls.keeper = cls()
            cls.addClassCleanup(cls.keeper.doCleanups)
            EndToEnd.setUp(cls.keeper)
            cls.keeper.begin()

    def setUp(self):
        super().setUp()
        if not self.IS_SHARED:
            self.begin()
            return
        for name in ("target", "server", "port"):
            setattr(self, name, getattr(self.keeper, name, None))

    def begin(self):
        """Start the program and the server."""
        preload = BUILD / "libpprofc-preload.so"
        environment = clean_environment(LD_PRELOAD=preload, PPROFC="cpu", PPROFC_FREQUENCY=10,
                                        PPROFC_OUTPUT=self.folder / "left.ppc", **self.PROGRAM_VARIABLES)
        self.target = self.start(self.program(self.PROGRAM[0]), *self.PROGRAM[1:], env=environment)
        self.await_recording()
        self.serve_target()

    def serve_target(self):
        self.server = self.start(PPROFC, "serve", *self.OPTIONS, "--listen", self.address(), self.target.pid,
                                 env=clean_environment(**self.VARIABLES))
        self.port = self.await_port()

    def address(self):
        return "127.0.0.1:0"

    def await_recording(self):
        self.wait_for(lambda: os.path.exists(f"/dev/shm/pprofc.{os.getuid()}.{self.target.pid}"))
        self.wait_for(lambda: self.is_sampling())

    def is_sampling(self):
        with open(f"/dev/shm/pprofc.{os.getuid()}.{self.target.pid}", "rb") as file:
            return file.read(8) == b"pprofc\r\n"

    def wait_for(self, is_true, seconds=30):
        deadline = time.monotonic() + seconds
        while not is_true():
            self.assertLess(time.monotonic(), deadline, "did not become true in time")
            time.sleep(0.05)

    def await_port(self):
        self.wait_for(lambda: " at " in self.text(self.server, 1) or self.server.poll() is not None)
        said = self.text(self.server, 1)
        found = re.search(r"at http://127\.0\.0\.1:(\d+)/", said)
        self.assertTrue(found, said)
        return int(found.group(1))

    def ask(self, path, method="GET", body=None, timeout_s=60, **headers):
        """(status, headers, bytes) of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    @staticmethod
    def ask_in_vain(port, hz):
        """A client whose server ends before the answer."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", f"/debug/pprof/profile?seconds=60&frequency={hz}")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            pass

    def profile(self, path):
        status, _, body = self.ask(path)
        self.assertEqual(status, 200, body[:200])
        file = self.folder / f"p{len(list(self.folder.iterdir()))}.pb.gz"
        file.write_bytes(body)
        return file

    def window(self, query="seconds=60"):
        """A client in its window until it closes the socket that this gives."""
        client = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(client.close)
        client.sendall(f"GET /debug/pprof/profile?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        return client

    def rate_now(self):
        found = re.search(r"^profiling_frequency_hertz\{.*\} (\S+)$", self.ask("/metrics")[2].decode(), re.M)
        return float(found.group(1))

    def want_of(self, rate_hz):
        """Until when the server says in the recording that it wants this rate, in tenths of a second; None without it."""
        with open(f"/dev/shm/pprofc.{os.getuid()}.{self.target.pid}", "rb") as file:
            words = struct.unpack("<4096Q", file.read(32 * 1024))
        return next((word >> 32 for word in words if word & 0xffffffff == rate_hz * 1000 and word >> 32 > 0), None)

    def assert_leaving_ends_window(self, leave, rate_hz=500):
        """'leave' ends the client of a window: the next look at it (there are four a second) ends the window.  Told by the
        wants that the server writes at each look: it may wait for a CPU for longer than the second it has."""
        leave()
        wants, deadline = set(), time.monotonic() + 30
        while (want := self.want_of(rate_hz)) is not None:
            wants.add(want)
            self.assertLess(time.monotonic(), deadline, "the window did not end")
            time.sleep(0.005)
        # What it wanted last, one of a look that began before we left, and one of the clock that renews all wants.
        self.assertLessEqual(len(wants), 3, "looked again and went on")

    def assert_shares(self, path, n_least, slow_s=0.0):
        """Each share within 4 standard deviations; 'slow_s' of the window's CPU seconds were sampled at 10 Hz only."""
        stacks = self.stacks(path)
        seen = [stack for stack in stacks.stacks if not stack.is_unsampled]
        n = sum(stack.n_samples for stack in seen)
        total_s = sum(stack.weight for stack in seen) / 1e9
        self.assertGreaterEqual(n, n_least)
        # A sample weighs what its thread used since the one before: the sum of their squares decides.
        squares = (scorer.JITTER_CV2 + 1) * (slow_s * 0.1 + total_s ** 2 / n) + (0.15 ** 2 if slow_s else 0)
        squares += SLICE_S * total_s  # what the program itself did in the window is drawn too
        for name, share in SHARES.items():
            bound = 4 * math.sqrt(share * (1 - share) * squares) / total_s
            self.assertAlmostEqual(self.share(stacks, name), share, delta=bound, msg=f"{name} of {n} samples")
        return n
