"""What a server of profiles, and a profile, take of a service's throughput: wrk on examples/orders.

Throughput is what is asked for; the service's CPU time for a request, from the same windows, says something on a
machine that does other things as well.  A service switches threads often, so what a switch costs is a part of its own.
"""
import os
import re
import shutil
import statistics
import subprocess
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
        """By the kernel's clock of the process, whose number is made of the pid."""
        return time.clock_gettime(~self.process.pid << 3 | 2)

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


def rows_of(name, ratios, least=None):
    """Throughput, with its bar, and CPU time for a request."""
    rows = []
    for what, values in zip(("throughput", "CPU a request"), ratios):
        centre, low, high = paired_estimate(values)
        has_bar = least is not None and what == "throughput"
        detail = (f"95 % limits {low:.4f} .. {high:.4f}, {len(values)} pairs of {WINDOW_S} s,"
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


ALL = {"serve-load": serve_load, "switches": switches}
