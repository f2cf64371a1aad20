"""What is measured: one function for each part of the table, each giving rows."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import big_binary
from measure import Row, paired_estimate

ROOT = Path(__file__).resolve().parent.parent
sys.path[0:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "truth")]
from end_to_end.harness import BUILD, PPROFC, PROGRAMS, clean_environment  # noqa: E402
import scorer  # noqa: E402


class Missing(Exception):
    """Something this row needs is not built."""


def tool(path):
    if not path.exists():
        raise Missing(f"{path.name} is not built")
    return path


def output_of(*command, timeout_s=600, env=None, status=0):
    said = subprocess.run([str(one) for one in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=timeout_s, env=env or clean_environment(), stdin=subprocess.DEVNULL)
    if said.returncode != status:
        raise RuntimeError(f"{command[0]}: status {said.returncode}\n{said.stderr[-2000:]}")
    return said.stdout


def json_of(*command, **more):
    return json.loads(output_of(*command, **more).splitlines()[-1])


# ---- the handler -------------------------------------------------------------------------------

def handler(is_long):
    """A sample's cost with our handler over that with an empty one, same event and clock read; then all of a real session."""
    program = tool(BUILD / "bench" / "handler_cost")
    n_rounds, n_windows = (15, 80) if is_long else (5, 30)
    costs = {mode: [] for mode in ("empty", "handler", "session", "empty again")}
    for i in range(n_rounds):
        order = list(costs) if i % 2 == 0 else list(costs)[::-1]
        for mode in order:
            costs[mode].append(json_of(program, mode.split()[0], n_windows)["sample_us"])
    ratios = {mode: statistics.median(own / empty for own, empty in zip(costs[mode], costs["empty"])) for mode in costs}
    median = {mode: statistics.median(values) for mode, values in costs.items()}
    data = {"sample_us": costs}
    return [
        Row("A/A: empty / empty handler", ratios["empty again"], "", detail="the floor of the next two", data=data),
        Row("handler / empty handler, 10 kHz, 60 frames", ratios["handler"], "", "<= 1.10", ratios["handler"] <= 1.10,
            f"{median['handler']:.1f} over {median['empty']:.1f} us a sample"),
        Row("session with jitter / empty handler, 10 kHz", ratios["session"], "", "<= 1.3", ratios["session"] <= 1.3,
            f"{median['session']:.1f} us a sample, helper thread included"),
    ]


# ---- added CPU ---------------------------------------------------------------------------------

BARS = {1000: 0.020, 100: 0.004, 10: 0.001}


# (pairs, milliseconds of a window) of the long and the short form: a window holds 10 samples or more.
WINDOWS = {0: ((200, 250), (20, 250)), 1000: ((200, 250), (20, 250)), 100: ((400, 250), (30, 250)),
           10: ((200, 1000), (10, 1000))}


def added_row(label, result, rate_hz, bar=None):
    """The row of a paired run; the upper limit is what decides."""
    centre, low, high = paired_estimate([ratio - 1 for ratio in result["ratios"]])
    mean = statistics.fmean(result["ratios"]) - 1
    detail = f"95 % limits {100 * low:+.3f} .. {100 * high:+.3f} %, mean {100 * mean:+.3f} %, {len(result['ratios'])} pairs"
    if rate_hz > 0:
        detail += f"; {centre / rate_hz * 1e6:.1f} us a sample"
    if bar is None:
        return Row(label, 100 * centre, " %", detail=detail, data=result)
    detail += f"; says of itself {100 * result['own_share']:.3f} %; the upper limit decides"
    return Row(label, 100 * centre, " %", f"<= {100 * bar:g} %", high <= bar, detail, result)


def added_cpu(is_long):
    """CPU that profiling adds to fixed work, with the paired 95 % upper limit.

    Beside it what an empty handler adds with the same delivery, and the same with nothing switched on.
    """
    program = tool(BUILD / "bench" / "added_cpu")
    rows = []
    for rate_hz, windows in WINDOWS.items():
        n_pairs, window_ms = windows[0 if is_long else 1]
        session = json_of(program, rate_hz, n_pairs, window_ms, timeout_s=3600)
        if rate_hz == 0:
            rows.append(added_row("A/A: added CPU with profiling paused", session, 0))
            continue
        empty = json_of(program, rate_hz, n_pairs, window_ms, "empty", timeout_s=3600)
        rows.append(added_row(f"an empty handler at {rate_hz} Hz", empty, rate_hz))
        rows.append(added_row(f"added CPU at {rate_hz} Hz", session, rate_hz, BARS[rate_hz]))
    return rows


# ---- truth -------------------------------------------------------------------------------------

def scored(name, *args, rate_hz):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.pb.gz"
        text = output_of(tool(PPROFC), "run", "-q", "-F", rate_hz, "-o", path, "--", tool(PROGRAMS / name), *args)
        return scorer.score(scorer.load(path), scorer.read_truth(text))


def worst_of(result):
    return max(result.rows, key=lambda row: row.n_sds)


def row_of_score(label, result):
    worst = worst_of(result)
    return Row(label, worst.n_sds, " sd", "<= 4 sd", worst.is_ok,
               f"{100 * (worst.measured - worst.expected):+.2f} points ({100 * worst.sd:.2f} sd) in {worst.name},"
               f" {result.n_samples} samples")


def turns(is_long):
    """Strict turns at 100 Hz: the error of a share, over the deviation that sampling itself makes."""
    lengths_us = (500, 1000, 2500, 3333, 5000, 10000, 25000) if is_long else (500, 2500, 5000, 10000)
    seconds = 55 if is_long else 6
    return [row_of_score(f"turns of {us / 1000:g} ms, 100 Hz", scored("turns", us, seconds, rate_hz=100))
            for us in lengths_us]


def ground_truth(is_long):
    """Every known phase at 1000 Hz; the totals of the same runs."""
    names = ["shares_50_30_20", "mutual_recursion", "inlined", "deep_300", "threads_60_40", "kernel_time"]
    if is_long:
        names += [name + "_fp" for name in names] + ["coroutines", "exceptions", "memcpy_bound", "libc_heavy"]
    rows, ratios, unsampled, rooted = [], [], [], []
    for name in names:
        result = scored(name, 20 if is_long else 3, rate_hz=1000)
        rows.append(row_of_score(f"phases of {name}, 1000 Hz", result))
        ratios.append(result.total_ratio)
        unsampled.append(result.unsampled_periods or 0)
        rooted.append(result.rooted_share)
    worst = max(ratios, key=lambda ratio: abs(ratio - 1))
    return rows + [
        Row("total / kernel CPU, the worst", worst, "", "0.99 .. 1.01", 0.99 <= worst <= 1.01, f"of {len(ratios)} runs"),
        Row("[unsampled], the most", max(unsampled), " periods", "<= 1 a thread", max(unsampled) <= 1),
        Row("stacks that reach their start, the fewest", 100 * min(rooted), " %", ">= 99 %", min(rooted) >= 0.99),
    ]


# ---- snapshots ---------------------------------------------------------------------------------

def snapshots(is_long):
    """Samples that are in the whole recording and in no snapshot, with snapshots taken back to back."""
    sums = json_of(tool(BUILD / "bench" / "snapshot_loss"), 30 if is_long else 3, 1000)
    lost = abs(sums["n_whole"] - sums["n_parts"]) + sums["n_lost"]
    return [Row("samples lost under back-to-back snapshots", lost, "", "0", lost == 0,
                f"{sums['n_snapshots']} snapshots, {sums['n_parts']} samples in them, {sums['n_whole']} in the whole", sums)]


# ---- from the end to the picture ---------------------------------------------------------------

def end_to_picture(is_long):
    """Seconds from the program's last line to pprofc's end, for a binary of 20 MB with debug information."""
    del is_long
    program = big_binary.build(BUILD / "bench" / "big")
    megabytes = program.stat().st_size / 1e6
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        environment = clean_environment(XDG_CACHE_HOME=Path(folder) / "cache")
        for label, bar_s in (("first", 1.0), ("second", 0.3)):
            took_s = []
            for i in range(1 if label == "first" else 3):
                said = subprocess.run([tool(PPROFC), "run", "-q", "-F", "1000", "-o", Path(folder) / f"{label}{i}", "--",
                                       program], stdout=subprocess.PIPE, text=True, env=environment, timeout=300,
                                      cwd=make_folder(Path(folder) / f"{label}{i}"))
                took_s.append(time.clock_gettime(time.CLOCK_MONOTONIC) - float(said.stdout.splitlines()[-1]))
            value = statistics.median(took_s)
            rows.append(Row(f"end to picture, {megabytes:.0f} MB binary, {label} time", value, " s", f"<= {bar_s:g} s",
                            value <= bar_s))
    return rows


def make_folder(path):
    os.makedirs(path, exist_ok=True)
    return path


ALL = {"handler": handler, "added-cpu": added_cpu, "turns": turns, "truth": ground_truth, "snapshots": snapshots,
       "picture": end_to_picture}
