"""Every way in which samples come: what it costs, how true it is, what it achieves of the rate asked for."""
import re
import resource
import statistics
import subprocess
import tempfile
from pathlib import Path

from measure import Row
from rows import PPROFC, PROGRAMS, clean_environment, scorer, tool, worst_of

DELIVERIES = ("perf-sigtrap", "perf-signal", "cpu-timer", "sampler")
MOST_SDS = 4
INTERRUPTED = re.compile(r'"n_waits": (\d+), "n_interrupted": \[([\d, ]+)\]')


def run(delivery, rate_hz, program, *args, status=(0,)):
    """`pprofc run` of a truth program: the score, the quality that the file states, what the program printed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.pb.gz"
        said = subprocess.run([tool(PPROFC), "run", "-q", "-F", str(rate_hz), "-o", path, "--", tool(PROGRAMS / program),
                               *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600,
                              env=clean_environment(PPROFC_DELIVERY=delivery), stdin=subprocess.DEVNULL)
        if said.returncode not in status:
            raise RuntimeError(f"{program} by {delivery}: status {said.returncode}\n{said.stderr[-1000:]}")
        stacks = scorer.load(path)
        comments = [text[len("pprofc: "):].partition("=") for text in scorer.pprof_read.read(path).comments
                    if text.startswith("pprofc: ")]
    quality = {key: value for key, _, value in comments}
    if quality.get("delivery") != delivery:
        raise RuntimeError(f"{delivery} was asked for and {quality.get('delivery')} used")
    truth = scorer.read_truth(said.stdout)
    return (scorer.score(stacks, truth) if truth["phases"] else None), quality, said.stdout


def cpu_of(delivery, rate_hz, seconds):
    """CPU seconds of the program and of profiling, over fixed work, and its samples; delivery None: the program alone."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [tool(PROGRAMS / "fixed_work"), str(seconds)]
    n_samples = 0
    with tempfile.TemporaryDirectory() as folder:
        if delivery is not None:
            path = Path(folder) / "out.ppc"
            environment = clean_environment(PPROFC_DELIVERY=delivery, PPROFC="cpu", PPROFC_FREQUENCY=rate_hz, PPROFC_OUTPUT=path,
                                            LD_PRELOAD=PPROFC.parent / "libpprofc-preload.so")
        else:
            environment = clean_environment()
        subprocess.run(command, env=environment, check=True, timeout=600, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if delivery is not None:
            report = subprocess.run([tool(PPROFC), "report", "--json", path], stdout=subprocess.PIPE, text=True, check=True)
            n_samples = int(re.search(r'"n_samples": ?(\d+)', report.stdout).group(1))
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, n_samples


def cost_row(delivery, rate_hz, n_pairs, seconds):
    """us of CPU a sample, from alternating runs with and without; the median of the pairs."""
    costs = []
    for i in range(n_pairs):
        both = {}
        for which in (None, delivery) if i % 2 == 0 else (delivery, None):
            both[which] = cpu_of(which, rate_hz, seconds)
        (without_s, _), (with_s, n_samples) = both[None], both[delivery]
        costs.append((with_s - without_s) / max(n_samples, 1) * 1e6)
    return Row(f"{delivery}: CPU a sample, start and end included", statistics.median(costs), " us",
               detail=f"{n_pairs} pairs of {seconds:g} s, from {min(costs):.1f} to {max(costs):.1f}")


def truth_rows(delivery, is_long):
    seconds = 20 if is_long else 2
    rows = []
    for label, rate_hz, program, args in (("shares", 1000, "two_to_one", (seconds,)),
                                          ("threads 60/40", 1000, "threads_60_40", (seconds,)),
                                          ("shares", 100, "two_to_one", (seconds,)),
                                          ("turns of 5 ms", 100, "turns", (5000, 55 if is_long else 4))):
        score, quality, _ = run(delivery, rate_hz, program, *args)
        worst = worst_of(score)
        rows.append(Row(f"{delivery}: {label}, {rate_hz} Hz", worst.n_sds, " sd", f"<= {MOST_SDS} sd", worst.n_sds <= MOST_SDS,
                        f"{100 * (worst.measured - worst.expected):+.2f} points in {worst.name}; "
                        f"{float(quality['delivered_hz']):.0f} samples a CPU second; total / kernel CPU {score.total_ratio:.4f}"))
    return rows


def interrupted_row(delivery, is_long):
    _, _, text = run(delivery, 1000, "eintr_client", 30 if is_long else 2, status=(0, 1))
    n_waits, counts = INTERRUPTED.search(text).groups()
    n = sum(int(count) for count in counts.split(","))
    bar = {} if delivery == "sampler" else {"bar": "0", "is_ok": n == 0}
    return Row(f"{delivery}: EINTR caused, 1000 Hz", n, "", detail=f"in {n_waits} poll, select, epoll_wait and nanosleep", **bar)


def deliveries(is_long):
    """A group of rows for each delivery, forced: cost, error of shares in deviations, achieved rate, totals, EINTR."""
    rows = []
    for delivery in DELIVERIES:
        rows.append(cost_row(delivery, 1000, 9 if is_long else 3, 5 if is_long else 1))
        rows += truth_rows(delivery, is_long)
        rows.append(interrupted_row(delivery, is_long))
    return rows


ALL = {"deliveries": deliveries}
