"""What a server of profiles, and a profile, take of a service's throughput: wrk on examples/orders.

Throughput is what is asked for; the service's CPU time for a request, from the same windows, says something on a
machine that does other things as well.  A service switches threads often, so what a switch costs is a part of its own.
"""
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request

from measure import Row, paired_estimate
from rows import BUILD, ROOT, Missing, clean_environment, json_of, output_of, tool

LOAD = ROOT / "examples" / "orders" / "load"
WINDOW_S = 2
# A profile begins before its window and ends after it: what naming its functions takes is not the window's.
BEFORE_S, AFTER_S = 0.2, 0.3
RATE_HZ = 100


def cpu_of(pid):
    """By the kernel's clock of the process, whose number is made of the pid."""
    return time.clock_gettime(~pid << 3 | 2)


class Service:
    """A running service with some orders in it."""

    def __init__(self, profile_address, **variables):
        command = [str(tool(BUILD / "examples" / "orders")), "--port", "0", "--payment-ms", "0", "--workers", "4",
                   "--profile", profile_address]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=clean_environment(**variables))
        self.url = self.address(self.process.stdout)
        self.profiles = self.address(self.process.stderr) if profile_address != "off" else None
        output_of(LOAD, "--requests", "40", self.url)
        self.measure(1)  # warm

    @staticmethod
    def address(stream):
        found = re.search(r"http://127\.0\.0\.1:\d+\S*", stream.readline())
        if found is None:
            raise RuntimeError("orders did not start")
        return found.group()

    def measure(self, seconds=WINDOW_S):
        """(requests answered a second, CPU seconds of the service for one) under wrk."""
        before_s = self.cpu_s()
        said = output_of("wrk", "-t1", "-c8", f"-d{seconds}s", self.url)
        used_s = self.cpu_s() - before_s
        if "Non-2xx" in said or "Socket errors" in said:
            raise RuntimeError(f"wrk: {said}")
        n_requests, rate = re.search(r"(\d+) requests in .*?Requests/sec:\s+([\d.]+)", said, re.S).groups()
        return float(rate), used_s / int(n_requests)

    def cpu_s(self):
        return cpu_of(self.process.pid)

    def measure_profiled(self):
        """The same while one client takes a profile."""
        seconds = BEFORE_S + WINDOW_S + AFTER_S
        url = f"{self.profiles}profile?seconds={seconds}&frequency={RATE_HZ}"
        client = threading.Thread(target=lambda: urllib.request.urlopen(url, timeout=60).read())
        client.start()
        time.sleep(BEFORE_S)
        found = self.measure()
        client.join()
        return found

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=30)


def in_turns(n_pairs, one, other):
    """Ratios other / one of both figures, the one measured before the other in every second pair."""
    ratios = []
    for i in range(n_pairs):
        found = {}
        for name, measure in ((0, one), (1, other))[::-1 if i % 2 else 1]:
            found[name] = measure()
        ratios.append([found[1][k] / found[0][k] for k in (0, 1)])
    return [list(column) for column in zip(*ratios)]


def fresh(profile_address):
    """A window of a service started for it: two that live long differ by where their memory happens to lie."""
    service = Service(profile_address)
    try:
        return service.measure()
    finally:
        service.stop()


def rows_of(name, ratios, least=None, window_s=WINDOW_S):
    """Throughput, with its bar, and CPU time for a request."""
    rows = []
    for what, values in zip(("throughput", "CPU a request"), ratios):
        centre, low, high = paired_estimate(values)
        has_bar = least is not None and what == "throughput"
        detail = (f"95 % limits {low:.4f} .. {high:.4f}, {len(values)} pairs of {window_s} s,"
                  f" load average {os.getloadavg()[0]:.1f}")
        if has_bar:
            detail += "; the lower limit decides"
        rows.append(Row(f"{what}, {name}", centre, "", f">= {least}" if has_bar else "", low >= least if has_bar else None,
                        detail, {"ratios": values}))
    return rows


def serve_load(is_long):
    """Profiles served and none asked for / not served; one profile of 100 Hz / idle; each with its floor."""
    if shutil.which("wrk") is None:
        raise Missing("there is no wrk (scripts/setup bench)")
    n_pairs = 40 if is_long else 8
    off, idle = (lambda: fresh("off")), (lambda: fresh("127.0.0.1:0"))
    rows = rows_of("A/A: no server of profiles / the same", in_turns(n_pairs, off, off))
    rows += rows_of("server of profiles idle / none", in_turns(n_pairs, off, idle), 0.995)
    service = Service("127.0.0.1:0")
    try:
        rows += rows_of("A/A: idle / the same", in_turns(n_pairs, service.measure, service.measure))
        profiled = in_turns(n_pairs, service.measure, service.measure_profiled)
        rows += rows_of(f"one profile of {RATE_HZ} Hz / idle", profiled, 0.985)
    finally:
        service.stop()
    return rows


def switches(is_long):
    """CPU that profiling adds to each context switch, by delivery: what a compute-bound loop does not show."""
    program = tool(BUILD / "bench" / "switch_cost")
    rows = []
    for delivery, rate_hz in (("perf-sigtrap", 10), ("perf-sigtrap", 100), ("perf-sigtrap", 1000), ("cpu-timer", 100)):
        said = json_of(program, rate_hz, 200 if is_long else 40, env=clean_environment(PPROFC_DELIVERY=delivery))
        centre, low, high = paired_estimate([profiled - paused for paused, profiled in said["pairs"]])
        of_us = statistics.median(paused for paused, _ in said["pairs"])
        rows.append(Row(f"added to a context switch, {delivery}, {rate_hz} Hz", centre, " us",
                        detail=f"95 % limits {low:.2f} .. {high:.2f}, of {of_us:.2f} us", data=said))
    return rows


# ---- continuous mode ---------------------------------------------------------------------------

# Rate in Hz: the most that it may add to the service's CPU.
CONTINUOUS_BARS = {10: 0.001, 100: 0.004, 1000: 0.02}


class Watched:
    """orders under `pprofc run --continuous`, as it is used in production, and under load."""

    def __init__(self, rate_hz, folder, load_s):
        command = [str(tool(BUILD / "pprofc")), "run", "--history", folder, "-F", str(rate_hz), "--http", "127.0.0.1:0", "--",
                   str(tool(BUILD / "examples" / "orders")), "--port", "0", "--payment-ms", "0", "--workers", "4", "--profile", "off"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment())
        url = Service.address(self.process.stdout)
        self.overhead = re.search(r"http://\S+/debug/pprof/", self.line_with("serving at")).group() + "overhead?format=json"
        output_of(LOAD, "--requests", "40", url)
        self.load = subprocess.Popen(["wrk", "-t1", "-c8", f"-d{load_s}s", url], stdout=subprocess.DEVNULL)
        while "delivery" not in self.look()[0]:  # it is measured after 5 s of CPU
            time.sleep(1)

    def line_with(self, text):
        return next(line for line in self.process.stderr if text in line)

    def look(self):
        """(what the recording counts, CPU seconds of the command beside the program)."""
        return json.load(urllib.request.urlopen(self.overhead, timeout=60)), cpu_of(self.process.pid)

    def window(self, seconds):
        """Shares of the service's CPU: what profiling adds to it, and what the command beside it uses."""
        before, beside = self.look()
        time.sleep(seconds)
        after, beside_now = self.look()
        used_s = after["program_seconds"] - before["program_seconds"]
        added_s = sum(after[part]["seconds"] - before[part]["seconds"] for part in ("helper", "handler", "delivery"))
        return added_s / used_s, (beside_now - beside) / used_s

    def stop(self):
        self.load.terminate()
        self.process.terminate()
        self.process.communicate(timeout=60)
        self.load.wait()


def continuous(is_long):
    """CPU that continuous mode adds to examples/orders under load: the helper's, the handlers' and the samples' delivery, counted; beside
    it what the command that makes the windows uses.  Two runs cannot be told apart by a thousandth here."""
    if shutil.which("wrk") is None:
        raise Missing("there is no wrk (scripts/setup bench)")
    rows = []
    for rate_hz, bar in CONTINUOUS_BARS.items():
        n_windows, seconds = (10, 60) if is_long and rate_hz == 10 else (8, 15) if is_long else (6, 5)
        with tempfile.TemporaryDirectory() as folder:
            service = Watched(rate_hz, folder, n_windows * seconds + 600)
            try:
                windows = [service.window(seconds) for _ in range(n_windows)]
            finally:
                service.stop()
        for what, values, limit in (("added by", [added for added, _ in windows], bar), ("the command beside it,", [own for _, own in windows], None)):
            centre, low, high = paired_estimate(values)
            rows.append(Row(f"orders under load: {what} continuous mode at {rate_hz} Hz", 100 * centre, " %",
                            f"<= {100 * limit:g} %" if limit else "", high <= limit if limit else None,
                            f"95 % upper limit {100 * high:.3f} %, {n_windows} windows of {seconds} s", {"shares": values}))
    return rows


ALL = {"serve-load": serve_load, "switches": switches, "continuous": continuous}
