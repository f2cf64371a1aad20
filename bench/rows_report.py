"""What reading and ranking large profiles costs, beside `go tool pprof` and beside inflating the file."""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import rows_formats
from measure import Row
from peers import go_parse
from rows import BUILD, PPROFC, Missing, clean_environment, json_of, tool

GO = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")


# A command's largest size begins with that of the process that starts it: a small one does.
MEASURE = """import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
child.returncode = os.waitstatus_to_exitcode(status)
print(child.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6)"""


def cost_of(*command, env=None):
    """(CPU seconds, most memory in MB) of a command, its children included."""
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, *map(str, command)], capture_output=True, text=True, check=True,
                          stdin=subprocess.DEVNULL, env=env or clean_environment())
    status, cpu_s, memory_mb = map(float, done.stdout.split())
    if status != 0:
        raise RuntimeError(f"{command[0]}: status {status:.0f}")
    return cpu_s, memory_mb


def go_pprof(folder):
    """The program that `go tool pprof` runs, so that neither its build nor the go command is measured."""
    if GO is None:
        raise Missing("Go is not installed")
    env = clean_environment(HOME=folder, PPROF_TMPDIR=folder, GOCACHE=os.environ.get("GOCACHE", "/tmp/pprofc-test-gocache"))
    done = subprocess.run([GO, "tool", "-n", "pprof"], capture_output=True, text=True, timeout=300, env=env)
    if done.returncode != 0 or not Path(done.stdout.strip()).exists():
        raise Missing(f"go tool pprof cannot be had: {done.stderr.strip()[-200:]}")
    return done.stdout.strip(), env


def report_top(is_long):
    """report --top against pprof -top on 200 000 samples over 50 000 locations, alternating; stacks that share and that do not."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="pprofc-bench.") as folder:
        pprof, env = go_pprof(folder)
        for shape in ("tree", "random"):
            path = Path(folder) / f"{shape}.pb.gz"
            subprocess.run([tool(BUILD / "bench" / "big_profile"), shape, path], check=True, timeout=120)
            ours, theirs = [], []
            for _ in range(5 if is_long else 3):
                ours.append(cost_of(PPROFC, "report", "--top", path))
                theirs.append(cost_of(pprof, "-top", "-symbolize=none", path, env=env))
            for what, which, bar, unit in (("CPU", 0, 0.05, "s"), ("memory", 1, 0.15, "MB")):
                pairs = [(mine[which], their[which]) for mine, their in zip(ours, theirs)]
                ratio = statistics.median(mine / their for mine, their in pairs)
                mine, their = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
                rows.append(Row(f"report --top / pprof -top, {shape} stacks: {what}", ratio, "", f"<= {bar}", ratio <= bar,
                                f"{mine:.3g} over {their:.3g} {unit}", {"pairs": pairs}))
    return rows


def read_pprof(is_long):
    """Taking a .pb.gz of 75 MB apart, in memory: against only inflating it, and against Go's profile.Parse, alternating."""
    program = tool(BUILD / "bench" / "read_profile")
    try:
        parse = go_parse.program()
    except Missing as why:
        print(f"bench: without Go's reader: {why}", file=sys.stderr)
        parse = None
    with tempfile.TemporaryDirectory(prefix="pprofc-bench.") as folder:
        path = Path(folder) / "huge.pb.gz"
        subprocess.run([tool(BUILD / "bench" / "big_profile"), "huge", path], check=True, timeout=300)
        rounds, parsed = [], []
        for i in range(15 if is_long else 5):
            rounds.append([json_of(program, way, path) for way in ("read", "inflate", "walk")])
            if parse is not None and i < 5:
                parsed.append((json_of(program, "open", path), json_of(parse, path)))
    ratio, walk = (statistics.median(one[i]["cpu_s"] / one[1]["cpu_s"] for one in rounds) for i in (0, 2))
    read, inflate = (statistics.median(one[i]["cpu_s"] for one in rounds) for i in (0, 1))
    peak = statistics.median(one[0]["peak_kb"] for one in rounds) / 1e3
    rows = [Row("reading a .pb.gz of 75 MB / inflating it: CPU", ratio, "", "<= 2.3", ratio <= 2.3,
                f"{read * 1e3:.0f} over {inflate * 1e3:.0f} ms; {peak:.0f} MB held at most", {"pairs": rounds}),
            Row("the same: inflating it and adding up its samples' numbers / inflating it", walk, "", detail="what any reader takes at least")]
    for what, key, bar, unit in (("CPU", "cpu_s", 0.2, "s"), ("memory", "peak_kb", 0.12, "kB")) if parsed else ():
        ratio = statistics.median(own[key] / theirs[key] for own, theirs in parsed)
        own, theirs = (statistics.median(pair[i][key] for pair in parsed) for i in (0, 1))
        rows.append(Row(f"reading a .pb.gz of 75 MB / Go's profile.Parse: {what}", ratio, "", f"<= {bar}", ratio <= bar,
                        f"{own:.4g} over {theirs:.4g} {unit}", {"pairs": parsed}))
    return rows


# ---- counts of instructions, which no busy machine changes: what CI holds ----

# (what, bar): a sample on a stack that is new, and one on a stack that was met before; a byte of folded stacks that are all
# different, to a picture.  Measured 2026-11-26 by gcc 12 -O2; the bars leave a fifth to other compilers.
MOST_A_NEW, MOST_AGAIN, MOST_A_BYTE = 3900, 2000, 54


def instructions_of(*command):
    """What a command executes, by callgrind."""
    with tempfile.TemporaryDirectory(prefix="pprofc-bench.") as folder:
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", *map(str, command)], capture_output=True,
                              text=True, timeout=600, env=clean_environment(), check=True, stdin=subprocess.DEVNULL)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def read_instructions(is_long):
    """What reading takes a sample, and a picture a byte of folded stacks."""
    if shutil.which("valgrind") is None:
        raise Missing("no valgrind")
    program, rows = tool(BUILD / "bench" / "read_profile"), []
    with tempfile.TemporaryDirectory(prefix="pprofc-bench.") as folder:
        for shape, bar in (("new", MOST_A_NEW), ("again", MOST_AGAIN)):
            path = Path(folder) / f"{shape}.pb"
            subprocess.run([tool(BUILD / "bench" / "big_profile"), shape, path], check=True, timeout=120)
            n_samples = json_of(program, "open", path)["samples"]
            found = instructions_of(program, "open", path) / n_samples
            rows.append(Row(f"instructions a sample of a pprof file, {shape}", found, "", f"<= {bar}", found <= bar, f"{n_samples} samples"))
        path = Path(folder) / "in.folded"
        size_mb = rows_formats.make("folded", path, 10000)
        found = instructions_of(PPROFC, "convert", "-q", "-f", path, Path(folder) / "out.svg") / (size_mb * 1e6)
        rows.append(Row("instructions a byte, folded to SVG", found, "", f"<= {MOST_A_BYTE}", found <= MOST_A_BYTE, f"{size_mb:.1f} MB"))
    return rows


ALL = {"report-top": report_top, "read-pprof": read_pprof, "read-instructions": read_instructions}
