"""What converting costs beside inferno, which is the fastest of the tools people use: CPU, and memory against the input."""
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Row
from peers import inferno
from rows import BUILD, clean_environment

N_NAMES = 5000
DEPTH = 30
MB = 1e6


# ---- the inputs: the same on every machine ----

def names(dice):
    return [f"{dice.choice(('app', 'std::vector', 'json', 'net::http'))}::{dice.choice(('read', 'parse', 'write', 'find'))}"
            f"_{i:04d}" for i in range(N_NAMES)]


def stacks(dice, n):
    """Distinct stacks of some 30 frames; each begins as an earlier one does, and leaves it at any depth."""
    all_names, made, seen = names(dice), [], set()
    while len(made) < n:
        depth = max(3, round(dice.gauss(DEPTH, 6)))
        shared = dice.choice(made)[:dice.randrange(depth)] if made and dice.random() < 0.98 else ["main"]
        stack = [*shared, *dice.choices(all_names, k=max(1, depth - len(shared)))]
        key = ";".join(stack)
        if key not in seen:
            seen.add(key)
            made.append(stack)
    return made


def write_folded(path, n_stacks):
    """A line a stack; weights fall as 1/rank, as profiles' do."""
    dice = random.Random(7)
    with open(path, "w") as file:
        for rank, stack in enumerate(stacks(dice, n_stacks), 1):
            file.write(f"{';'.join(stack)} {max(1, 1000000 // rank)}\n")


def write_perf(path, n_records, n_stacks=2222):
    """Records as `perf script` prints them: leaf first, an address, a symbol with its offset and a file a line."""
    dice = random.Random(7)
    texts = []
    for stack in stacks(dice, n_stacks):
        texts.append("".join(f"\t{0x55d000000000 + hash_of(name):16x} {name}+0x{len(name):x} (/usr/lib/x86_64-linux-gnu/libapp.so.{len(name) % 7})\n"
                             for name in reversed(stack)))
    with open(path, "w") as file:
        for i in range(n_records):
            file.write(f"app {4000 + i % 8} [00{i % 4}] {1000 + i / 1000:.6f}:   10101010 cpu-clock:u: \n{texts[min(int(dice.expovariate(8 / n_stacks)), n_stacks - 1)]}\n")


def hash_of(name):
    value = 7
    for c in name:
        value = (value * 31 + ord(c)) % (1 << 24)
    return value


WRITERS = {"folded": write_folded, "perf": write_perf}


def make(what, path, n):
    """By a process of its own: a command's largest size begins with that of the process that starts it."""
    subprocess.run([sys.executable, __file__, what, path, str(n)], check=True)
    return path.stat().st_size / MB


# ---- measuring ----

def run(argv, out):
    """(CPU seconds, largest resident MB) of a command."""
    with open(out, "wb") as file:
        child = subprocess.Popen([str(one) for one in argv], stdout=file, stderr=subprocess.DEVNULL, env=clean_environment())
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / MB


def compare(name, own, theirs, size_mb, n_rounds, folder, memory_bar=None):
    """Alternating runs: the median ratio of CPU, and memory against the input."""
    costs = {"own": [], "theirs": []}
    for i in range(n_rounds):
        for way in ("own", "theirs") if i % 2 == 0 else ("theirs", "own"):
            costs[way].append(run(own if way == "own" else theirs, folder / "out"))
    ratio = statistics.median(own_cpu / their_cpu for (own_cpu, _), (their_cpu, _) in zip(costs["own"], costs["theirs"]))
    cpu = {way: statistics.median(one[0] for one in costs[way]) for way in costs}
    memory = {way: statistics.median(one[1] for one in costs[way]) for way in costs}
    rows = [Row(f"{name}: CPU / inferno's", ratio, "", "<= 0.50", ratio <= 0.5,
                f"{cpu['own']:.3f} s and {cpu['theirs']:.3f} s for {size_mb:.1f} MB, {n_rounds} rounds", {"costs": costs}),
            Row(f"{name}: memory / input", memory["own"] / size_mb, "", f"<= {memory_bar:.2f}" if memory_bar else "",
                memory["own"] / size_mb <= memory_bar if memory_bar else None,
                f"{memory['own']:.1f} MB, inferno {memory['theirs']:.1f} MB")]
    return rows


def convert_formats(is_long):
    """perf's text to folded stacks, and folded stacks to a picture, against inferno's programs for the same."""
    collapse, flamegraph = inferno.program("inferno-collapse-perf"), inferno.program("inferno-flamegraph")
    pprofc = BUILD / "pprofc"
    rows, n_rounds = [], 9 if is_long else 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        perf = folder / "perf.txt"
        size_mb = make("perf", perf, 60000 if is_long else 20000)
        rows += compare("perf script to folded", [pprofc, "convert", "-q", "-f", perf, folder / "own.folded"],
                        [collapse, "--nthreads", "1", perf], size_mb, n_rounds, folder)
        perf.unlink()
        for n_stacks in (190000, 840000) if is_long else (95000,):
            folded = folder / "in.folded"
            size_mb = make("folded", folded, n_stacks)
            rows += compare(f"{size_mb:.0f} MB folded to SVG", [pprofc, "convert", "-q", "-f", folded, folder / "own.svg"],
                            [flamegraph, folded], size_mb, n_rounds, folder, memory_bar=0.5)
    return rows


ALL = {"convert-formats": convert_formats}

if __name__ == "__main__":
    WRITERS[sys.argv[1]](sys.argv[2], int(sys.argv[3]))
