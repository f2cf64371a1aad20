#!/usr/bin/env python3
"""Compares a profile with the truth that a program of tests/programs printed.

    tests/truth/scorer.py PROFILE TRUTH [--json]

PROFILE is a pprof file (gzipped or not) or folded stacks; TRUTH holds the program's JSON line.  For each phase: the share it
really had, the share the profile gives it, the error in points, one standard deviation of what sampling itself makes of it,
and how many of those the error is.  Fails when one is over 4, when stacks do not reach their start, when the total is off the
kernel's CPU clock, or when more than one (the longest) period a thread was not seen; what a machine's host takes from it
at once (HOST_NS) is granted to these two.
"""
import argparse
import json
import math
import sys
from dataclasses import dataclass, field

from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import pprof_read  # noqa: E402

MAX_SDS = 4.0
MIN_ROOTED = 0.99
TOTAL_RATIO = (0.99, 1.01)
RUNTIME_NS = 0  # that a sanitizer's runtime may use where nobody samples: before we come, and at threads' beginnings
# What the host of a virtual machine may take from it at once.  The kernel that is not told of it counts it as CPU time of
# whoever ran: where that was in the kernel just before a thread's end no sample follows, and before the session begins it is in
# the program's time alone (5 ms, once, in CI).  What is usual the test Ends (test_ground_truth.py) holds to the bar itself.
HOST_NS = 10e6
# Periods are drawn from 0.5 to 1.5 T: the square of a weight is on average 1 + 1/12 that of the mean.
JITTER_CV2 = 1 / 12
THREAD_STARTS = {"_start", "start_thread", "clone", "__clone", "clone3", "__clone3", "__libc_start_main",
                 "__libc_start_call_main"}
UNSAMPLED = "[unsampled]"
OTHER_THREADS = "[other threads]"  # nobody saw which


def max_unsampled_periods(n_threads):
    """Periods a thread that [unsampled] may be.

    A thread ends within its last interval: half a period on average, and not more than one is the bar.  A single one may
    be at the end of the longest interval there is: 1.65 periods are drawn at most, and one that is restarted by a new draw
    takes up to twice that."""
    return 1 + 2.3 / n_threads


@dataclass
class Stack:
    """Samples with one stack in one thread."""
    frames: list  # names, leaf first
    weight: float
    n_samples: int = 1
    thread: str = ""
    thread_id: int = 0

    @property
    def is_unsampled(self):
        return UNSAMPLED in self.frames


@dataclass
class Stacks:
    stacks: list
    period_ns: int = 0  # 0: unknown
    is_time: bool = True  # weights are CPU nanoseconds


@dataclass
class Row:
    name: str
    expected: float
    measured: float
    sd: float
    n_sds: float
    is_ok: bool


@dataclass
class Score:
    rows: list = field(default_factory=list)
    n_samples: int = 0
    n_effective: float = 0.0
    rooted_share: float = 0.0
    total_ratio: float = None  # None: the profile has no times
    unsampled_periods: float = None  # per thread
    problems: list = field(default_factory=list)

    @property
    def is_ok(self):
        return not self.problems


def plain_name(name):
    """'throwing(int)' and 'throwing' are one function."""
    return name.split("(", 1)[0] if not name.startswith("(") else name


def from_pprof(path):
    profile = pprof_read.read(path)
    names = [name for name, _ in profile.sample_types]
    counts = names.index("samples") if "samples" in names else None
    times = next((i for i, (_, unit) in enumerate(profile.sample_types) if unit == "nanoseconds"), None)
    weights = times if times is not None else counts
    stacks = []
    for sample in profile.samples:
        n_samples = sample.values[counts] if counts is not None else 1
        stacks.append(Stack([plain_name(frame.function) for frame in sample.frames], sample.values[weights], n_samples,
                            sample.labels.get("thread_name", ""), sample.labels.get("thread_id", 0)))
    return Stacks(stacks, profile.period, times is not None)


def from_folded(path):
    stacks = []
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            text, _, count = line.rstrip("\n").rpartition(" ")
            frames = [plain_name(name) for name in text.split(";")]
            stacks.append(Stack(frames[::-1], float(count), max(int(float(count)), 1)))
    return Stacks(stacks, 0, False)


def load(path):
    with open(path, "rb") as file:
        start = file.read(2)
    # A raw pprof file begins with its first field, sample_type (tag 0x0a); folded text never holds a newline there.
    is_pprof = start == b"\x1f\x8b" or start[:1] == b"\x0a"
    return from_pprof(path) if is_pprof else from_folded(path)


def effective_count(stacks):
    """(sum w)^2 / sum w^2; where a stack holds several samples their weights are taken as jittered around the mean."""
    total = sum(stack.weight for stack in stacks)
    squares = sum(stack.weight ** 2 / stack.n_samples * (1 + (JITTER_CV2 if stack.n_samples > 1 else 0))
                  for stack in stacks if stack.n_samples > 0)
    return total ** 2 / squares if squares > 0 else 0.0


def matches(phase, stack):
    if phase.get("thread") and stack.thread != phase["thread"]:
        return False
    function = phase.get("function")
    if function is None:
        return True
    return stack.frames[:1] == [function] if phase.get("is_self") else function in stack.frames


def is_rooted(stack, roots):
    return not roots.isdisjoint(stack.frames)


def score(measured, truth, max_sds=MAX_SDS, check_total=True):
    """Score 'measured' (Stacks) against 'truth' (the program's line, decoded)."""
    result = Score()
    seen = [stack for stack in measured.stacks if not stack.is_unsampled and stack.weight > 0]
    result.n_samples = sum(stack.n_samples for stack in seen)
    if result.n_samples == 0:
        result.problems.append("no samples")
        return result
    result.n_effective = effective_count(seen)
    has_total = measured.is_time and check_total
    # Only where [unsampled] has a bound of its own: else a thread that was never sampled would be right.
    is_by_thread = truth.get("is_by_thread") and has_total
    score_phases(result, with_unsampled(measured, seen) if is_by_thread else seen, truth, max_sds)
    score_roots(result, seen, truth)
    if has_total:
        score_total(result, measured, truth)
    return result


def with_unsampled(measured, seen):
    """What no sample saw of a thread is its own, too, for a program that says that its phases are threads.

    A sample follows a period of user time and brings the kernel time since the last one with it: of a thread that makes others
    nearly all the time can come after its last sample (24 of 28 ms, in one run of fifty or so)."""
    return seen + [stack for stack in measured.stacks if stack.is_unsampled and stack.thread != OTHER_THREADS]


def of_phases(result, seen, truth):
    """What is in any phase, and the phases' CPU time.

    Kernel time is not sampled: it comes on top of all user code alike.  A program that calls the kernel outside of its phases
    all the time says so, and is scored by the phases' shares of their sum; no phase's time may be missing all the same."""
    inside = [stack for stack in seen if any(matches(phase, stack) for phase in truth["phases"])]
    cpu_ns = sum(phase["cpu_ns"] for phase in truth["phases"])
    expected = cpu_ns / truth["cpu_ns"]
    share = sum(stack.weight for stack in inside) / sum(stack.weight for stack in seen)
    sd = max(math.sqrt(max(expected * (1 - expected), 0) / result.n_effective), 1 / result.n_effective)
    if share < expected - MAX_SDS * sd:
        result.problems.append(f"all phases: {100 * share:.2f} % instead of {100 * expected:.2f} % or more")
    result.n_effective = effective_count(inside)
    return inside, cpu_ns


def score_phases(result, seen, truth, max_sds):
    cpu_ns = truth["cpu_ns"]
    if truth.get("is_of_phases"):
        seen, cpu_ns = of_phases(result, seen, truth)
    total = sum(stack.weight for stack in seen)
    for phase in truth["phases"]:
        expected = phase["cpu_ns"] / cpu_ns
        share = sum(stack.weight for stack in seen if matches(phase, stack)) / total
        # Near 0 and 1 the binomial bound vanishes, but a sample more or less must not fail: one sample is the least bound.
        sd = max(math.sqrt(max(expected * (1 - expected), 0) / result.n_effective), 1 / result.n_effective)
        n_sds = abs(share - expected) / sd
        row = Row(phase["name"], expected, share, sd, n_sds, n_sds <= max_sds)
        result.rows.append(row)
        if not row.is_ok:
            result.problems.append(f"{row.name}: {100 * share:.2f} % instead of {100 * expected:.2f} %, {n_sds:.1f} sd")


def score_roots(result, seen, truth):
    roots = THREAD_STARTS | set(truth.get("roots", []))
    total = sum(stack.weight for stack in seen)
    result.rooted_share = sum(stack.weight for stack in seen if is_rooted(stack, roots)) / total
    if result.rooted_share < MIN_ROOTED:
        result.problems.append(f"only {100 * result.rooted_share:.2f} % of stacks reach {', '.join(sorted(truth['roots']))}"
                               " or the thread's start")


def score_total(result, measured, truth):
    total = sum(stack.weight for stack in measured.stacks)
    result.total_ratio = total / truth["cpu_ns"]
    if not TOTAL_RATIO[0] * truth["cpu_ns"] - HOST_NS <= total <= TOTAL_RATIO[1] * truth["cpu_ns"] + HOST_NS:
        result.problems.append(f"total / kernel CPU is {result.total_ratio:.4f}")
    if measured.period_ns > 0:
        unsampled = sum(stack.weight for stack in measured.stacks if stack.is_unsampled)
        n_threads = max(len({stack.thread_id for stack in measured.stacks}), truth.get("n_threads", 1))
        # Below the rate asked for (CPU timers come with the kernel's tick) a period is what it really was.
        period_ns = max(measured.period_ns, total / max(result.n_samples, 1))
        result.unsampled_periods = unsampled / period_ns / n_threads
        if result.unsampled_periods > max_unsampled_periods(n_threads) + (HOST_NS + RUNTIME_NS) / period_ns / n_threads:
            result.problems.append(f"{result.unsampled_periods:.2f} periods a thread are {UNSAMPLED}")


def show(result, title=""):
    lines = [f"WRONG: {problem}" for problem in result.problems]
    lines += [f"{title}{result.n_samples} samples, effectively {result.n_effective:.0f}",
             f"  {'phase':<24} {'true %':>8} {'seen %':>8} {'error':>7} {'1 sd':>6} {'sds':>5}"]
    for row in result.rows:
        lines.append(f"  {row.name:<24} {100 * row.expected:8.2f} {100 * row.measured:8.2f}"
                     f" {100 * (row.measured - row.expected):+7.2f} {100 * row.sd:6.2f} {row.n_sds:5.1f}"
                     f"{'' if row.is_ok else '  <-- wrong'}")
    lines.append(f"  stacks that reach their start: {100 * result.rooted_share:.2f} %")
    if result.total_ratio is not None:
        lines.append(f"  total / kernel CPU: {result.total_ratio:.4f}")
    if result.unsampled_periods is not None:
        lines.append(f"  {UNSAMPLED}: {result.unsampled_periods:.2f} periods a thread")
    return "\n".join(lines)


def as_dict(result):
    return {"is_ok": result.is_ok, "n_samples": result.n_samples, "n_effective": result.n_effective,
            "rooted_share": result.rooted_share, "total_ratio": result.total_ratio,
            "unsampled_periods": result.unsampled_periods, "problems": result.problems,
            "phases": [vars(row) for row in result.rows]}


def read_truth(text):
    """The last line of a program's output that is a truth."""
    for line in reversed(text.splitlines()):
        if line.startswith("{") and '"phases"' in line:
            return json.loads(line)
    raise ValueError("no truth in the program's output")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile")
    parser.add_argument("truth")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with open(options.truth, encoding="utf-8") as file:
        truth = read_truth(file.read())
    result = score(load(options.profile), truth)
    print(json.dumps(as_dict(result)) if options.json else show(result))
    return 0 if result.is_ok else 1


if __name__ == "__main__":
    sys.exit(main())
