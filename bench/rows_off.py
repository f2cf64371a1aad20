"""What is paid where profiling is built in and switched off."""
import re
import shutil
import statistics
import subprocess

from measure import Row
from rows import BUILD, clean_environment, json_of, tool

MILLIONS = 100


def instructions(program, way, n_millions):
    """What one call executes, by callgrind: two runs of different length, so that all the rest goes out."""
    counts = []
    for n in (n_millions, 2 * n_millions):
        done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, way, str(n)],
                              capture_output=True, text=True, timeout=300, env=clean_environment(), check=True)
        counts.append(int(re.search(r"Collected : (\d+)", done.stderr).group(1)))
    return (counts[1] - counts[0]) / (n_millions * 1e6)


def off(is_long):
    """A call of 2 ns by PPROFC_MAYBE_PROFILE and by pprofc_maybe_profile() over the plain call, alternating."""
    program = tool(BUILD / "bench" / "off_branch_shared")
    ways = ("direct", "macro", "function", "direct again")
    costs = {way: [] for way in ways}
    for i in range(20 if is_long else 6):
        for way in ways if i % 2 == 0 else ways[::-1]:
            costs[way].append(json_of(program, way.split()[0], MILLIONS)["call_ns"])
    median = {way: statistics.median(values) for way, values in costs.items()}
    ratio = {way: statistics.median(own / plain for own, plain in zip(costs[way], costs["direct"])) for way in ways}
    rows = [
        Row("A/A: plain call / plain call", ratio["direct again"], "", detail=f"{median['direct']:.2f} ns a call", data={"call_ns": costs}),
        Row("off: PPROFC_MAYBE_PROFILE / plain call", ratio["macro"], "", detail=f"{median['macro']:.2f} ns a call"),
        Row("off: pprofc_maybe_profile() / plain call", ratio["function"], "", detail=f"{median['function']:.2f} ns a call"),
    ]
    if shutil.which("valgrind"):
        plain, macro = (instructions(program, way, 1) for way in ("direct", "macro"))
        rows.append(Row("off: instructions that PPROFC_MAYBE_PROFILE adds", macro - plain, "", "<= 3", macro - plain <= 3.01,
                        f"{macro:.2f} and {plain:.2f} a call: load, compare, branch"))
    return rows


ALL = {"off": off}
