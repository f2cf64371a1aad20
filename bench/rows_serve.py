"""What two clients of one server see whose windows overlap, at 10 and at 1000 Hz, against what the program does."""
import math
import re
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from measure import Row
from rows import PPROFC, PROGRAMS, clean_environment, scorer, tool

SHARES = {"heavy_50": 0.5, "middle_30": 0.3, "light_20": 0.2}
SLICE_S = 0.00135  # mean square of the program's slices of 0.2 to 2 ms over their mean: it draws them too
# (begin, end) in seconds, or ten times that: the one lies within the other, so that it is known what was sampled at 10 Hz.
WINDOWS = {10: (0, 8), 1000: (2, 5)}
SDS = 4


def await_samples(url):
    """The server listens before the program runs."""
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{url}/healthz", timeout=60).close()
            return
        except urllib.error.HTTPError:
            time.sleep(0.05)
    raise RuntimeError("the program does not run")


def take(url, rate_hz, begin_s, end_s, path):
    time.sleep(begin_s)
    asked = f"{url}/debug/pprof/profile?seconds={end_s - begin_s}&frequency={rate_hz}"
    path.write_bytes(urllib.request.urlopen(asked, timeout=end_s + 60).read())


class Window:
    """What a client got."""

    def __init__(self, path):
        self.stacks = [stack for stack in scorer.load(path).stacks if not stack.is_unsampled]
        self.total_s = sum(stack.weight for stack in self.stacks) / 1e9
        self.n_samples = sum(stack.n_samples for stack in self.stacks)
        comments = dict(text[len("pprofc: "):].partition("=")[::2] for text in scorer.pprof_read.read(path).comments
                        if text.startswith("pprofc: "))
        self.cpu_s = int(comments["cpu_ns"]) / 1e9

    def share(self, name):
        return sum(stack.weight for stack in self.stacks if name in stack.frames) / 1e9 / self.total_s


def row_of(rate_hz, window, slow_s, n_fast):
    """The share that is furthest from the truth, and 4 standard deviations of it.  'slow_s' of the window's CPU were sampled
    at 10 Hz, the rest in 'n_fast' samples: a sample weighs what was used since the one before, and squares of weights count."""
    squares = (1 + scorer.JITTER_CV2) * (slow_s / 10 + (window.total_s - slow_s) ** 2 / n_fast) + SLICE_S * window.total_s
    n_effective = window.total_s ** 2 / squares
    errors = []
    for name, share in SHARES.items():
        bound = SDS * math.sqrt(share * (1 - share) / n_effective)
        errors.append((abs(window.share(name) - share) / bound, abs(window.share(name) - share), bound, name))
    _, error, bound, name = max(errors)
    sampled = window.total_s / window.cpu_s
    detail = f"{name}; {window.n_samples} samples, worth {n_effective:.0f}; sampled {sampled:.4f} of the window's CPU"
    return Row(f"window of {rate_hz} Hz beside another: furthest share", 100 * error, " points", f"<= {100 * bound:.2f}",
               error <= bound, detail, {"sampled_of_used": sampled})


def serve_windows(is_long):
    """Both clients at once; each has a window of its own on the one sampler."""
    scale = 10 if is_long else 1
    with tempfile.TemporaryDirectory() as folder:
        command = [PPROFC, "run", "-F", "10", "--http", "127.0.0.1:0", "-o", f"{folder}/whole.pb.gz", "--",
                   tool(PROGRAMS / "shares_50_30_20"), "3600"]
        server = subprocess.Popen([str(one) for one in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                  env=clean_environment())
        try:
            found = next(filter(None, (re.search(r"at (http://127\.0\.0\.1:\d+)/", line) for line in server.stderr)), None)
            if found is None:
                raise RuntimeError("nothing is served")
            await_samples(found.group(1))
            paths = {rate_hz: Path(folder, f"{rate_hz}.pb.gz") for rate_hz in WINDOWS}
            clients = [threading.Thread(target=take, args=(found.group(1), rate_hz, begin * scale, end * scale, paths[rate_hz]))
                       for rate_hz, (begin, end) in WINDOWS.items()]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
        finally:
            server.terminate()
            server.communicate(timeout=60)
        slow, fast = (Window(paths[rate_hz]) for rate_hz in WINDOWS)
    return [row_of(10, slow, max(slow.total_s - fast.total_s, 0), fast.n_samples), row_of(1000, fast, 0, fast.n_samples)]


ALL = {"serve-windows": serve_windows}
