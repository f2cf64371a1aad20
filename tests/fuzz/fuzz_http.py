#!/usr/bin/env python3
"""Mutated requests against a sanitized `pprofc serve`: tests/fuzz/fuzz_http.py BUILD SANITIZED_BUILD SECONDS [SEED]

It serves a program of BUILD that runs all the while (without /off, which would end its profiling for good).
Requests are made from a grammar of valid ones and mutated; the same SEED makes the same ones in the same order.  Ends
with 1 when the server dies, hangs, or answers what is not HTTP or an error of its own without X-Go-Pprof, when its
descriptors or memory grow, or when a sanitizer has spoken.
"""
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "end_to_end"))
from raw_http import Client, n_descriptors  # noqa: E402

PATHS = ["/", "/healthz", "/metrics", "/sampling/start", "/sampling/change", "/sampling/stop", "/sampling/status", "/nowhere",
         *("/debug/pprof/" + name for name in (
             "", "profile", "flamegraph", "heap", "allocs", "block", "mutex", "goroutine", "threadcreate", "cmdline",
             "symbol", "trace", "offcpu", "wall", "lock", "leak", "top", "tree", "overhead", "quality", "diff", "delta_heap")),
         *("/pprof/" + name for name in ("profile", "heap", "growth", "contention", "symbol", "cmdline"))]
PARAMETERS = {"seconds": ["0.01", "0.02", "1e-9", "-1", "1e99", "nan", ""], "frequency": ["1", "100", "10001", "x"],
              "hz": ["50"], "debug": ["0", "1", "2"], "format": ["pprof", "pb", "svg", "folded", "json", "text", "exe"],
              "kind": ["cpu", "heap", "allocs", "leak", "offcpu", "?"], "look": ["0", "1"], "force": ["1", ""], "max_pause": ["1e-9", "x"],
              "top": ["1", "0", "99999999999"], "sample": ["inuse_space", "alloc_objects", "suspect_space", ""], "block": ["libc", "", ",,,", "%00"], "pid": ["1", "0", "-7"],
              "before": ["0", "1.5"], "after": ["1", "2"]}
HEADERS = ["Accept: */*", "User-Agent: fuzz", "Connection: close", "Authorization: Bearer x", "Origin: http://evil.example",
           "Expect: 100-continue", "Accept-Encoding: gzip", "Content-Type: application/json", "X: " + "y" * 3000]
BODIES = [b"", b'{"frequency":100,"seconds":0.02}', b'{"kinds":["cpu","heap"],"seconds":0.02}', b'{"frequency":100', b"0x401000+0x402000", b"[" * 500, b"\xff" * 300]
MAX_WAITING = 40  # half requests, which the server waits for
ALLOWED_HANG_S = 60  # a loaded machine and a sanitized server
GROWTH_KB = 48 * 1024  # the sanitizer's quarantine is 16 MB here


def valid(draw):
    """A request that means something."""
    method = draw.choices(["GET", "POST", "HEAD", "PUT"], [6, 3, 1, 1])[0]
    names = draw.sample(sorted(PARAMETERS), draw.randrange(4))
    if "seconds" not in names:
        names.append("seconds")  # else half a minute of sampling
    query = "&".join(f"{name}={draw.choice(PARAMETERS[name])}" for name in names)
    lines = [f"{method} {draw.choice(PATHS)}?{query} HTTP/1.1", f"Host: {draw.choice(['localhost', '127.0.0.1', 'evil.example'])}"]
    lines += draw.sample(HEADERS, draw.randrange(3))
    body = draw.choice(BODIES) if method in ("POST", "PUT") else b""
    if draw.random() < 0.2 and body:
        lines.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    elif body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def mutated(draw, request):
    """The request with a few faults in it; sometimes none."""
    data = bytearray(request)
    for _ in range(draw.choice([0, 1, 1, 2, 4])):
        at = draw.randrange(len(data) + 1)
        end = min(len(data), at + draw.randrange(1, 30))
        kind = draw.randrange(7)
        if kind == 0:
            data[at:at] = draw.randbytes(draw.randrange(1, 9))
        elif kind == 1:
            del data[at:end]
        elif kind == 2:
            data[at:at] = data[at:end] * draw.choice([1, 3, 200])
        elif kind == 3 and at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 4:
            data[at:at] = draw.choice([b"\r\n", b"\n", b"\r\n\r\n", b"\0", b"%", b"%2e%2e/", b"&", b"=", b": ", b"\x7f"])
        elif kind == 5:
            data[at:end] = str(draw.choice([-1, 0, 2 ** 31, 2 ** 63, 2 ** 64, 10 ** 30])).encode()
        elif kind == 6 and draw.random() < 0.3:
            del data[at:]
    return bytes(data)


def start_target(build, folder):
    """A program with a recording; its number."""
    environment = {"PATH": "/usr/bin:/bin", "LD_PRELOAD": str(build / "libpprofc-preload-heap.so"), "PPROFC": "cpu,heap",
                   "PPROFC_FREQUENCY": "10", "PPROFC_OUTPUT": f"{folder}/left.ppc", "PPROFC_LOG": "/dev/null"}
    target = subprocess.Popen([build / "tests" / "programs" / "shares_50_30_20", "100000"], env=environment,
                              stdout=subprocess.DEVNULL)
    recording = Path(f"/dev/shm/pprofc.{os.getuid()}.{target.pid}")
    for _ in range(200):
        if recording.exists() and recording.read_bytes()[:6] == b"pprofc":
            return target
        time.sleep(0.1)
    target.kill()
    raise SystemExit("fuzz_http: the program has no recording")


class Server:
    """A sanitized server of one process."""

    def __init__(self, pprofc, pid, log):
        self.log = log
        options = "abort_on_error=0:quarantine_size_mb=16:detect_leaks=1"
        with open(log, "wb") as errors:
            self.process = subprocess.Popen([pprofc, "serve", "--listen", "127.0.0.1:0", str(pid)], stderr=errors,
                                            stdout=errors, env={"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": options,
                                                                "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"})
        for _ in range(600):
            found = re.search(r"at http://127\.0\.0\.1:(\d+)/", self.said())
            if found or self.process.poll() is not None:
                break
            time.sleep(0.1)
        if not found:
            raise SystemExit(f"fuzz_http: the server did not start: {self.said()}")
        self.port = int(found.group(1))

    def said(self):
        return Path(self.log).read_text(errors="replace")

    def memory_kb(self):
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", text).group(1))

    def settled_descriptors(self):
        """The fewest in three seconds: connections that were left are on their way out."""
        return min(n_descriptors(self.process.pid) for _ in range(30) if not time.sleep(0.1))

    def end(self):
        """The exit status after a request to end."""
        self.process.terminate()
        try:
            return self.process.wait(ALLOWED_HANG_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


class Exchange:
    """One request and what has come of it so far; half a request is answered, or cut off, only after a while."""

    def __init__(self, port, number, data, draw):
        self.number, self.data, self.begin_s = number, data, time.monotonic()
        self.is_over = draw.random() < 0.05
        self.client = Client(port, ALLOWED_HANG_S)
        if self.is_over:  # it leaves in the middle
            self.client.send(data[:draw.randrange(len(data) + 1)])
            self.client.reset()
            return
        self.client.send(data)
        try:
            self.client.socket.shutdown(1)  # no more will come
        except OSError:
            pass

    def fault(self, patience_s):
        """Read for at most so long; what is wrong with the answer, or None."""
        try:
            self.client.socket.settimeout(patience_s)
            while not self.is_over and self.client.more():
                pass
        except TimeoutError:
            is_late = time.monotonic() - self.begin_s > ALLOWED_HANG_S
            return self.explain(f"no end within {ALLOWED_HANG_S} s") if is_late else None
        except OSError:
            pass
        self.is_over = True
        self.client.close()
        return self.explain(fault_of_text(self.client.rest))

    def explain(self, fault):
        return f"{fault}: request {self.number}: {self.data!r}" if fault else None


def fault_of_text(text):
    head, _, body = text.partition(b"\r\n\r\n")
    while re.match(rb"HTTP/1\.1 100 ", head):
        head, _, body = body.partition(b"\r\n\r\n")
    if not head:
        return None  # it closed
    found = re.match(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n", head + b"\r\n")
    if not found:
        return f"not a status line: {head[:80]!r}"
    status, low = int(found.group(1)), head.lower()
    is_ours = b"content-security-policy" in low
    is_json = b"content-type: application/json" in low
    if is_ours and status >= 400 and not is_json and b"x-go-pprof: 1" not in low:
        return f"{status} without X-Go-Pprof"
    if is_ours and status < 400 and b"x-go-pprof" in low:
        return f"{status} with X-Go-Pprof"
    return f"status {status}" if status >= 500 and status not in (500, 501, 503, 505) else None


def finish(waiting, n_left):
    """Wait for the oldest until so many are left; what was wrong, or None."""
    while len(waiting) > n_left:
        fault = waiting[0].fault(ALLOWED_HANG_S)
        if fault:
            return fault
        waiting[:] = [one for one in waiting if not one.is_over]
    return None


def fuzz(server, seconds, draw):
    """(what went wrong or None, requests sent)."""
    end_s, n, first, waiting = time.monotonic() + seconds, 0, None, []
    while time.monotonic() < end_s or n < 50:
        n += 1
        waiting.append(Exchange(server.port, n, mutated(draw, valid(draw)), draw))
        fault = waiting[-1].fault(0.3)
        waiting = [one for one in waiting if not one.is_over]
        fault = fault or finish(waiting, MAX_WAITING)
        if fault or server.process.poll() is not None:
            return fault or f"the server is gone after request {n}", n
        if n == 300:
            fault = finish(waiting, 0)
            if fault:
                return fault, n
            first = server.settled_descriptors(), server.memory_kb()
    fault = finish(waiting, 0)
    if fault:
        return fault, n
    if first is None:
        return None, n
    last = server.settled_descriptors(), server.memory_kb()
    print(f"fuzz_http: descriptors {first[0]} -> {last[0]}, memory {first[1]} -> {last[1]} kB", flush=True)
    if last[0] > first[0] + 2 or last[1] > first[1] + GROWTH_KB:
        return "it grows", n
    return None, n


def run(build, sanitized, seconds, seed, folder):
    """What went wrong, or None."""
    target = start_target(build, folder)
    try:
        server = Server(sanitized / "pprofc", target.pid, Path(folder) / "server.log")
        fault, n = "interrupted", 0
        try:
            fault, n = fuzz(server, seconds, random.Random(seed))
        finally:
            status = server.end()
        if "Sanitizer" in server.said() or "runtime error" in server.said():
            fault = f"{fault}\n{server.said()[-6000:]}"
        elif fault is None and status != 0:
            fault = f"ended with {status}: {server.said()[-2000:]}"
        if fault is None and target.poll() is not None:
            fault = "the program has ended"
    finally:
        target.terminate()
        target.wait()
        Path(f"/dev/shm/pprofc.{os.getuid()}.{target.pid}").unlink(missing_ok=True)
    print(f"fuzz_http: seed {seed}: {n} requests, {fault or 'no fault'}")
    return fault


def main():
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    with tempfile.TemporaryDirectory() as folder:
        fault = run(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), float(sys.argv[3]), seed, folder)
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
