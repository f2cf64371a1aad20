"""What a profiled program pays beside samples: memory, start-up, interrupted calls, wake-ups while it sleeps."""
import os
import re
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import many_functions
from measure import Row, paired_estimate
from rows import BUILD, PROGRAMS, clean_environment, json_of, tool

PRELOAD = BUILD / "libpprofc-preload.so"
MB = 1e6
# Small and large; what is not there is left out.
TABLE_MODULES = [f"/{folder}/{name}" for folder, names in (
    ("lib/x86_64-linux-gnu", ("libc.so.6", "libm.so.6")),
    ("usr/lib/x86_64-linux-gnu", ("libstdc++.so.6", "libcrypto.so.3", "libpython3.11.so.1.0", "libLLVM-14.so.1")),
    ("usr/lib/gcc/x86_64-linux-gnu/12", ("cc1", "cc1plus")), ("usr/lib/chromium", ("chromium",))) for name in names]


# ---- memory ------------------------------------------------------------------------------------

# Four threads at work in Python: function calls, numbers, containers, all of them bounded.
PYTHON_WORK = r"""
import sys, threading, time
def leaf(i): return (i * 7919) & 1023
def middle(n): return sum(leaf(i) for i in range(n))
def table(n): return sorted({str(leaf(i)): i for i in range(n)})
def text(n): return "-".join(chr(97 + leaf(i) % 26) for i in range(n)).upper().split("-")
def work(until_s):
    while time.monotonic() < until_s:
        middle(300), table(200), text(200)
until_s = time.monotonic() + float(sys.argv[1])
threads = [threading.Thread(target=work, args=(until_s,)) for _ in range(4)]
[one.start() for one in threads]
[one.join() for one in threads]
print("ready", flush=True)
sys.stdin.read()
"""


def kilobytes(text, field):
    return sum(int(found) for found in re.findall(rf"^{field}:\s+(\d+) kB$", text, re.M))


def mappings(pid):
    """(path, permissions, size, Pss, Rss, flags) of each mapping, in bytes."""
    found = []
    for part in re.split(r"\n(?=[0-9a-f]+-[0-9a-f]+ )", Path(f"/proc/{pid}/smaps").read_text()):
        head = part.split("\n", 1)[0].split(None, 5)
        flags = re.search(r"^VmFlags: (.*)$", part, re.M)
        found.append((head[5] if len(head) > 5 else "", head[1], 1024 * kilobytes(part, "Size"), 1024 * kilobytes(part, "Pss"),
                      1024 * kilobytes(part, "Rss"), flags.group(1).split() if flags else []))
    return found


def python_memory(seconds, rate_hz):
    """Memory of one Python process after its work: all of it, and what we can tell to be ours."""
    env = clean_environment(LD_PRELOAD=PRELOAD, PPROFC="cpu", PPROFC_FREQUENCY=rate_hz, PPROFC_OUTPUT="/dev/null/none.ppc",
                            PPROFC_LOG="/dev/null") if rate_hz else clean_environment()
    child = subprocess.Popen(["python3", "-c", PYTHON_WORK, str(seconds)], env=env, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        if child.stdout.readline() != "ready\n":
            raise RuntimeError("python3 did not do its work")
        time.sleep(0.6)  # the helper's next turn
        rollup = Path(f"/proc/{child.pid}/smaps_rollup").read_text()
        memory = {"pss": 1024 * kilobytes(rollup, "Pss"), "anonymous": 1024 * kilobytes(rollup, "Anonymous")}
        if rate_hz:
            memory.update(parts_of(child.pid))
        return memory
    finally:
        child.communicate(timeout=30)


def parts_of(pid):
    parts = {"library": 0, "recording_seen": 0, "own": 0, "address_space": 0}
    for path, permissions, size, pss, rss, flags in mappings(pid):
        if "libpprofc" in path:
            parts["library"] += pss
        elif path.startswith("/dev/shm/pprofc.") or path.startswith("/memfd:pprofc"):
            parts["recording_seen"] += rss
            parts["address_space"] += size
            recording = path
        elif path == "" and "dd" in flags:  # nobody else's memory is kept out of core dumps
            parts["own"] += pss
            parts["address_space"] += size
    parts.update(json_of(tool(BUILD / "bench" / "recording_facts"), recording))
    return parts


def memory_of(label, seconds, rate_hz, n_rounds, bar_mb):
    """Rounds with and without, alternating; a median of differences, less the unwind tables."""
    pairs = []
    for i in range(n_rounds):
        order = (0, rate_hz) if i % 2 == 0 else (rate_hz, 0)
        got = {rate: python_memory(seconds, rate) for rate in order}
        pairs.append((got[0], got[rate_hz]))
    # Reserved memory that nobody has touched yet is in no process's Pss, and still memory that is used.
    added = [with_us["pss"] - plain["pss"] + with_us["held_bytes"] - with_us["recording_seen"] - with_us["table_bytes"]
             for plain, with_us in pairs]
    floor = [abs(pairs[i][0]["pss"] - pairs[i - 1][0]["pss"]) for i in range(1, len(pairs))] or [0]
    value = statistics.median(added) / MB

    def median_of(key):
        return statistics.median(with_us[key] for _, with_us in pairs) / MB

    rest = value - median_of("held_bytes") - median_of("library") - median_of("own") + median_of("table_bytes")
    return Row(label, value, " MB", f"<= {bar_mb} MB", value <= bar_mb,
               f"recording {median_of('held_bytes'):.2f}, library {median_of('library'):.2f}, helper's and handlers' own"
               f" {median_of('own') - median_of('table_bytes'):.2f}, stack and the rest {rest:.2f};"
               f" tables {median_of('table_bytes'):.2f} apart; floor {statistics.median(floor) / MB:.2f};"
               f" address space {median_of('address_space'):.0f}", {"pairs": pairs})


def memory(is_long):
    """Memory that profiling adds to python3 with four threads at work, recording included, unwind tables apart."""
    n_rounds = 9 if is_long else 3
    rows = [memory_of(f"memory added to python3, {rate_hz} Hz, 5 s", 5, rate_hz, n_rounds, 4) for rate_hz in (100, 1000)]
    if is_long:
        rows.append(memory_of("memory added to python3, 1000 Hz, 3 min", 180, 1000, 1, 4))
    return rows


# ---- start-up ----------------------------------------------------------------------------------

def preloaded(folder, **more):
    return clean_environment(LD_PRELOAD=PRELOAD, PPROFC_LOG="/dev/null", PPROFC_OUTPUT=Path(folder) / "out.ppc", **more)


def time_start(program, env):
    """(milliseconds to main, to the program's end, of CPU) of one run."""
    before_s = time.clock_gettime(time.CLOCK_MONOTONIC)
    cpu_before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run([program], env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout
    after_s = time.clock_gettime(time.CLOCK_MONOTONIC)
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (1e3 * (float(said.split()[0]) - before_s), 1e3 * (after_s - before_s),
            1e3 * (cpu.ru_utime + cpu.ru_stime - cpu_before.ru_utime - cpu_before.ru_stime))


def start(is_long):
    """What profiling adds to the start and to the whole of a program that does nothing and has 20 MB of .eh_frame."""
    program = many_functions.build(BUILD / "bench" / "many")
    n_rounds = 200 if is_long else 40
    with tempfile.TemporaryDirectory() as folder:
        ways = {"plain": clean_environment(), "plain again": clean_environment(), "loaded": preloaded(folder),
                "profiled": preloaded(folder, PPROFC="cpu")}
        times = {way: [] for way in ways}
        for i in range(n_rounds):
            for way in list(ways) if i % 2 == 0 else list(ways)[::-1]:
                times[way].append(time_start(program, ways[way]))

    def added(way, which):
        return paired_estimate([one[which] - plain[which] for one, plain in zip(times[way], times["plain"])])

    def row(label, way, which, bar_ms=None):
        centre, low, high = added(way, which)
        return Row(label, centre, " ms", f"<= {bar_ms} ms" if bar_ms else "", centre <= bar_ms if bar_ms else None,
                   f"95 % limits {low:.2f} .. {high:.2f} ms, {n_rounds} pairs; CPU {added(way, 2)[0]:+.2f} ms", {"ms": times})

    return [row("A/A: start of a program with 20 MB of .eh_frame", "plain again", 0),
            row("added to its start, library loaded, profiling off", "loaded", 0),
            row("added to its start, profiling on", "profiled", 0, 5),
            row("added to all of its run, recording written", "profiled", 1)]


# ---- unwind tables -----------------------------------------------------------------------------

def tables(is_long):
    """Bytes of an unwind table for each of its rows, in modules of all sizes that are on this machine."""
    del is_long
    rows = []
    for module in json_of(tool(BUILD / "bench" / "table_size"), *TABLE_MODULES, timeout_s=120):
        rows.append(Row(f"table of {module['name']}", module["row_bytes"], " B a row", "<= 8 B", module["row_bytes"] <= 8,
                        f"{module['n_rows']} rows, {module['text_mb']:.2f} MB of text, {module['kilobytes']} KB,"
                        f" built in {module['build_ms']:.1f} ms"))
    return rows


# ---- interrupted calls -------------------------------------------------------------------------

def eintr(is_long):
    """Blocking calls of six kinds that return EINTR while another thread is busy, as CPU sampling causes them."""
    rows = []
    for rate_hz in (1000, 10000):
        with tempfile.TemporaryDirectory() as folder:
            said = json_of(tool(PROGRAMS / "blocking_calls"), 3000 if is_long else 1000,
                           env=preloaded(folder, PPROFC="cpu", PPROFC_FREQUENCY=rate_hz), timeout_s=600)
        n_interrupted = sum(said["n_interrupted"].values())
        rows.append(Row(f"EINTR in {said['n_calls']} blocking calls, {rate_hz} Hz", n_interrupted, "", "0", n_interrupted == 0,
                        ", ".join(f"{kind} {n}" for kind, n in said["n_interrupted"].items())))
    return rows


# ---- a program that sleeps ---------------------------------------------------------------------

def helper_task(pid):
    for task in Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text() == "pprofc\n":
            return task
    raise RuntimeError("no helper thread")


def switches(task):
    return sum(int(n) for n in re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.M))


def idle(is_long):
    """Wake-ups and CPU of the helper in a program that sleeps."""
    seconds = 60 if is_long else 10
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(["sleep", "1000"], env=preloaded(folder, PPROFC="cpu"), stderr=subprocess.DEVNULL)
        try:
            time.sleep(3)
            task = helper_task(child.pid)
            before = switches(task), int((task / "schedstat").read_text().split()[0])
            time.sleep(seconds)
            n_switches = switches(task) - before[0]
            cpu_ns = int((task / "schedstat").read_text().split()[0]) - before[1]
        finally:
            child.terminate()
            child.wait()
            Path(f"/dev/shm/pprofc.{os.geteuid()}.{child.pid}").unlink(missing_ok=True)  # nobody was there to take it
    return [Row("wake-ups of the helper in a sleeping program", n_switches / seconds, " a second"),
            Row("CPU of the helper in a sleeping program", cpu_ns / 1e9 / seconds * 3600, " s an hour")]


ALL = {"memory": memory, "start": start, "tables": tables, "eintr": eintr, "idle": idle}
