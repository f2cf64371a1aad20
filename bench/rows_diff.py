"""Comparisons: how often they are wrong, how often they find what is there, and what they cost beside inferno."""
import random
import resource
import subprocess
import tempfile
from pathlib import Path

from measure import Row
from peers import inferno
from rows import BUILD, PPROFC, PROGRAMS, clean_environment, json_of, output_of, tool

MOST_FALSE, LEAST_FOUND = 18, 180  # of 200


def counted(name, is_long, *args, most=None, least=None):
    """Comparisons that said something: of 200, in the long form the mean of five such series."""
    found = [json_of(tool(BUILD / "bench" / "diff_statistics"), *args, series) for series in range(5 if is_long else 1)]
    hits = [one["hits"] for one in found]
    mean = sum(hits) / len(hits)
    is_ok = mean <= most if most is not None else mean >= least
    return Row(name, mean, f" of {found[0]['n']}", f"<= {most}" if most is not None else f">= {least}", is_ok,
               f"series of 200: {', '.join(map(str, hits))}", {"hits": hits})


def statistics(is_long):
    """False changes between equal programs, simulated and real; a function of 30 % made 5 % dearer."""
    rows = [
        counted("A/A, simulated: 300 functions, 10 000 samples", is_long, "false-changes", most=MOST_FALSE),
        counted("A/A, simulated, bursts of 20 samples, slices of time", is_long, "bursts", most=MOST_FALSE),
        counted("A/A, simulated, every third function in bursts of 1, 5, 20", is_long, "mixed", most=MOST_FALSE),
        counted("30 % made 5 % dearer, 30 000 samples: found", is_long, "found", least=LEAST_FOUND),
        counted("the same, judged by slices of time", is_long, "found-slices", least=LEAST_FOUND),
    ]
    with tempfile.TemporaryDirectory(prefix="pprofc-bench.") as folder:
        for name, rate_hz, *command in real_programs(60 if is_long else 15):
            recording = Path(folder) / f"{name}.ppc"
            output_of(PPROFC, "run", "-q", "-f", "-F", rate_hz, "-o", recording, "--", *command)
            rows.append(counted(f"A/A, random halves of the slices of {name}", is_long, "halves", recording, most=MOST_FALSE))
    return rows


def real_programs(seconds):
    """(name, rate, command ..) of programs that run for about so long."""
    yield "shares_50_30_20", 1000, tool(PROGRAMS / "shares_50_30_20"), seconds
    batch = BUILD / "examples" / "json_batch"
    if batch.exists():  # 5 ms of CPU an answer
        yield "json_batch", 1000, batch, "item", 200 * seconds


# ---- speed -------------------------------------------------------------------------------------

def write_folded(path, seed, n_bytes):
    """Stacks of a program of 3000 functions; another seed gives other counts and a tenth of other stacks."""
    names = [f"module_{i % 40}::function_number_{i}" for i in range(3000)]
    shapes, own = random.Random(1), random.Random(seed)
    n_written = 0
    with open(path, "w") as file:
        while n_written < n_bytes:
            depth = 8 + int(shapes.expovariate(1 / 14))
            stack = [names[int(3000 * shapes.random() ** (1 + level % 5))] for level in range(depth)]
            if own.random() < 0.1:
                stack[-1] = names[own.randrange(3000)]
            line = f"{';'.join(stack)} {1 + int(own.expovariate(1 / 20))}\n"
            n_written += len(line)
            file.write(line)


def cpu_of(commands):
    """CPU seconds, and the largest resident set in MiB, of shell lines one after the other."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for command in commands:
        subprocess.run(command, shell=True, check=True, env=clean_environment(), stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def speed(is_long):
    """A comparison of two folded files with its picture, beside inferno's two commands."""
    differ, draw, megabytes = inferno.program("inferno-diff-folded"), inferno.program("inferno-flamegraph"), 60
    with tempfile.TemporaryDirectory(prefix="pprofc-bench.") as folder:
        before, after = Path(folder) / "before.folded", Path(folder) / "after.folded"
        write_folded(before, 2, megabytes * 1000000)
        write_folded(after, 3, megabytes * 1000000)
        ways = {
            "inferno": [f"{differ} {before} {after} | {draw} > {folder}/inferno.svg"],
            "pprof-c": [f"{PPROFC} diff -q -f -o {folder}/ours.svg {before} {after}"],
        }
        costs = {way: [] for way in ways}
        for i in range(7 if is_long else 3):
            for way in list(ways)[:: 1 if i % 2 == 0 else -1]:
                costs[way].append(cpu_of(ways[way]))
    ratios = sorted(own / theirs for own, theirs in zip(costs["pprof-c"], costs["inferno"]))
    ratio = ratios[len(ratios) // 2]
    detail = f"{min(costs['pprof-c']):.2f} s beside {min(costs['inferno']):.2f} s (inferno {inferno.VERSION})"
    return [Row(f"diff of 2 x {megabytes} MB folded, with picture / inferno: CPU", ratio, "", "<= 0.5", ratio <= 0.5, detail, {"cpu_s": costs})]


ALL = {"diff-statistics": statistics, "diff-speed": speed}
