"""What a profiled program pays beside samples: memory, start-up, interrupted calls, wake-ups while it sleeps."""
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from measure import Row
from rows import BUILD, clean_environment, json_of, tool

PRELOAD = BUILD / "libpprofc-preload.so"
MB = 1e6


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


ALL = {"memory": memory}
