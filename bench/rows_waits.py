"""What following waits and locks costs: one call, and what is left of a server's throughput."""
import functools
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from measure import Row, paired_estimate
from rows import BUILD, Missing, clean_environment, json_of, output_of, tool
from rows_load import in_turns, rows_of

PRELOAD = BUILD / "libpprofc-preload-wait.so"
WINDOW_S = 1
KINDS = "cpu,offcpu,lock"


def followed(folder, kinds=KINDS, **more):
    return clean_environment(LD_PRELOAD=str(tool(PRELOAD)), PPROFC=kinds, PPROFC_FREQUENCY="100", PPROFC_OUTPUT=f"{folder}/%p.ppc",
                             PPROFC_LOG="/dev/null", **more)


def with_sleeper():
    return clean_environment(LD_PRELOAD=str(tool(BUILD / "bench" / "sleeping_thread.so")))


# ---- one call ----------------------------------------------------------------------------------

CALLS = {"read_zero": "read of 1 byte of /dev/zero", "read_pipe": "read of 1 byte of a pipe", "mutex": "uncontended mutex, lock and unlock"}


def calls(is_long):
    """A call as it is bound over libc's own, in one process; the median over processes, whose ways take turns."""
    program, n_rounds = tool(BUILD / "bench" / "wait_cost"), 15 if is_long else 5
    with tempfile.TemporaryDirectory() as folder:
        ways = {"A/A": clean_environment(), "by the CPU's counter": followed(folder, "offcpu,lock"),
                "by the monotonic clock": followed(folder, "offcpu,lock", PPROFC_WAIT_CLOCK="monotonic"),
                "by the CPU's counter, read twice": followed(folder, "offcpu,lock", PPROFC_WAIT_CLOCK="twice"),
                "by the monotonic clock, read twice": followed(folder, "offcpu,lock", PPROFC_WAIT_CLOCK="monotonic,twice"),
                "preloaded, cpu alone": followed(folder, "cpu")}
        found = {way: [] for way in ways}
        for i in range(n_rounds):
            for way in list(ways)[::-1 if i % 2 else 1]:
                found[way].append(json_of(program, 300, env=ways[way]))
    bars = {("read_zero", "by the CPU's counter"): 1.15, ("read_pipe", "by the CPU's counter"): 1.15,
            ("read_zero", "by the monotonic clock"): 1.30, ("read_pipe", "by the monotonic clock"): 1.30,
            ("mutex", "by the CPU's counter"): 1.15, ("mutex", "by the monotonic clock"): 1.15}
    counter = statistics.median(one["counter_ns"] for one in found["A/A"])
    plain = statistics.median(one["read_zero"]["direct_ns"] for one in found["A/A"])
    rows = [Row("read of 1 byte of /dev/zero: two readings of the CPU's counter around it, and nothing else", 1 + counter / plain, "",
                detail=f"{counter:+.2f} ns on {plain:.2f} ns: the floor of what follows")]
    for call, name in CALLS.items():
        for way in ways:
            ratios = sorted(one[call]["ratio"] for one in found[way])
            ratio, bar = statistics.median(ratios), bars.get((call, way))
            more, plain = (statistics.median(one[call][key] for one in found[way]) for key in ("more_ns", "direct_ns"))
            rows.append(Row(f"{name}: {way}", ratio, "", "" if bar is None else f"<= {bar:.2f}", None if bar is None else ratio <= bar,
                            f"{more:+.2f} ns on {plain:.2f} ns; {len(ratios)} processes, {ratios[0]:.3f} to {ratios[-1]:.3f}"))
    return rows


# ---- servers -----------------------------------------------------------------------------------

def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A server that answers on a port of its own, in a folder of its own."""

    def __init__(self, folder, env):
        self.port, self.folder = free_port(), Path(folder)
        self.folder.mkdir()
        self.process = subprocess.Popen(self.command(), env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, cwd=folder)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.02)
        self.measure()  # warm

    def cpu_s(self):
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)


class Nginx(Server):
    needs = ("nginx", "wrk")

    def command(self):
        (self.folder / "index.html").write_text("x" * 600)
        (self.folder / "nginx.conf").write_text(
            f"daemon off; master_process off; worker_processes 1; pid {self.folder}/pid; error_log /dev/null;\n"
            "events { worker_connections 256; }\n"
            f"http {{ access_log off; client_body_temp_path {self.folder}/a; proxy_temp_path {self.folder}/b; fastcgi_temp_path {self.folder}/c;\n"
            f"uwsgi_temp_path {self.folder}/d; scgi_temp_path {self.folder}/e;\n"
            f"server {{ listen 127.0.0.1:{self.port}; root {self.folder}; keepalive_requests 1000000; }} }}\n")
        return ["nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "/dev/null"]

    def measure(self):
        """(requests answered a second, CPU seconds of the server for one)."""
        before_s = self.cpu_s()
        said = output_of("wrk", "-t1", "-c8", f"-d{WINDOW_S}s", f"http://127.0.0.1:{self.port}/")
        used_s = self.cpu_s() - before_s
        n_requests, rate = re.search(r"(\d+) requests in .*?Requests/sec:\s+([\d.]+)", said, re.S).groups()
        return float(rate), used_s / int(n_requests)


class Redis(Server):
    needs = ("redis-server", "redis-benchmark")
    N_REQUESTS = 100000

    def command(self):
        return ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self.folder)]

    def measure(self):
        before_s = self.cpu_s()
        said = output_of("redis-benchmark", "-p", self.port, "-c", "8", "-n", self.N_REQUESTS, "-t", "set", "-q", "--csv")
        used_s = self.cpu_s() - before_s
        return float(re.findall(r'"SET","([\d.]+)"', said)[-1]), used_s / self.N_REQUESTS


def fresh(kind, folder, env):
    """A window of a server that is started for it: two that live long differ by where their memory happens to lie."""
    server = kind(tempfile.mkdtemp(dir=folder) + "/it", env)
    try:
        return server.measure()
    finally:
        server.stop()


def throughput(kind, is_long):
    """Throughput of a server whose CPU time, waits and locks are followed at 100 Hz / of the same without us, in turns; with its floor."""
    n_pairs, name = (60 if is_long else 8), kind.needs[0]
    missing = [one for one in kind.needs if shutil.which(one) is None]
    if missing:
        raise Missing(f"there is no {missing[0]} (scripts/setup bench)")
    with tempfile.TemporaryDirectory() as folder:
        plain, profiled = (functools.partial(fresh, kind, folder, env) for env in (clean_environment(), followed(folder)))
        asleep = functools.partial(fresh, kind, folder, with_sleeper())
        rows = rows_of(f"A/A: {name} / another one", in_turns(n_pairs, plain, plain), window_s=WINDOW_S)
        # With a second thread, such as our helper, libc takes locks and prepares each call for a cancellation.
        rows += rows_of(f"{name} with a thread that only sleeps / none", in_turns(n_pairs, plain, asleep), window_s=WINDOW_S)
        return rows + rows_of(f"{name}, {KINDS} at 100 Hz / none", in_turns(n_pairs, plain, profiled), 0.985, WINDOW_S)


def nginx(is_long):
    """nginx under wrk, CPU time, waits and locks followed at 100 Hz / without us."""
    return throughput(Nginx, is_long)


def redis(is_long):
    """redis-server under redis-benchmark, likewise."""
    return throughput(Redis, is_long)


def idle_threads(is_long):
    """CPU of a process with 2 000 threads that wait, over what it takes without us."""
    seconds, rows = (30 if is_long else 6), []
    with tempfile.TemporaryDirectory() as folder:
        for kinds in ("", "cpu", "offcpu,lock", KINDS):
            env = followed(folder, kinds) if kinds else clean_environment()
            process = subprocess.Popen([str(tool(BUILD / "bench" / "idle_threads")), "2000"], env=env, stdout=subprocess.PIPE)
            try:
                process.stdout.readline()
                time.sleep(1)
                clock = ~process.pid << 3 | 2
                before_s, begin_s = time.clock_gettime(clock), time.monotonic()
                time.sleep(seconds)
                percent = 100 * (time.clock_gettime(clock) - before_s) / (time.monotonic() - begin_s)
            finally:
                process.terminate()
                process.wait(timeout=30)
            has_bar = kinds == "offcpu,lock"
            rows.append(Row(f"2 000 idle threads, {kinds or 'without us'}: CPU", percent, " %", "< 1 %" if has_bar else "",
                            percent < 1 if has_bar else None, f"{seconds} s, load average {os.getloadavg()[0]:.1f}"))
    return rows


def stacks(is_long):
    """For how long `pprofc stacks` stops any of 100 threads: the longest time that one which runs was kept from its own code, in a
    look and in as much time without one, in turns.  Those that wait are not stopped.  Sampling is paused, or its handlers were in it."""
    n_looks, rows = (60 if is_long else 15), []
    for n_running, n_waiting in ((2, 98), (20, 80)):
        with tempfile.TemporaryDirectory() as folder:
            env = clean_environment(LD_PRELOAD=str(tool(BUILD / "libpprofc-preload.so")), PPROFC="1", PPROFC_SIGNAL="USR2",
                                    PPROFC_OUTPUT=f"{folder}/%p.ppc", PPROFC_LOG="/dev/null")
            process = subprocess.Popen([str(tool(BUILD / "bench" / "stopped_threads")), str(n_running), str(n_waiting)], env=env,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
            try:
                process.stdout.readline()
                time.sleep(1)

                def stopped():
                    """Milliseconds: all of them so far, the longest since the last call."""
                    process.stdin.write("x")
                    process.stdin.flush()
                    return [int(number) / 1e6 for number in process.stdout.readline().split()]

                sums, longest, longest_without = [], [], []
                for _ in range(n_looks):
                    (before, _), begin_s = stopped(), time.monotonic()
                    output_of(tool(BUILD / "pprofc"), "stacks", process.pid)
                    with_look, most = stopped()
                    time.sleep(time.monotonic() - begin_s)
                    without, most_without = stopped()
                    sums.append(2 * with_look - before - without)
                    longest.append(most)
                    longest_without.append(most_without)
            finally:
                process.kill()
                process.wait(timeout=30)
        (all_of_them, lower, upper), value = paired_estimate(sums), statistics.median(longest)
        rows.append(Row(f"`pprofc stacks`, {n_running} threads run and {n_waiting} wait: the longest that one is stopped", value, " ms", "<= 1 ms",
                        value <= 1, f"median of {n_looks} looks, {max(longest):.3f} ms at most; as long without one {statistics.median(longest_without):.3f} ms, "
                        f"{max(longest_without):.3f} at most; all threads together {all_of_them:+.2f} ms ({lower:.2f} to {upper:.2f}); "
                        f"load average {os.getloadavg()[0]:.1f}"))
    return rows


ALL = {"stacks": stacks, "wait-calls": calls, "wait-nginx": nginx, "wait-redis": redis, "wait-idle": idle_threads}
