"""What a call of malloc costs when the heap is profiled, beside the allocators' own sampling; whole programs; memory."""
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from measure import Row, paired_estimate
from rows import BUILD, Missing, clean_environment, json_of, tool

PRELOAD = BUILD / "libpprofc-preload-heap.so"
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
KIB = 1024


OUTPUT = tempfile.TemporaryDirectory()  # what is recorded goes with the bench


def profiled(interval="512K", *others):
    """The environment of a program whose heap is profiled; 'others' are preloaded behind us."""
    return clean_environment(LD_PRELOAD=":".join(str(one) for one in (PRELOAD, *others)), PPROFC="heap",
                             PPROFC_HEAP_INTERVAL=interval, PPROFC_OUTPUT=f"{OUTPUT.name}/%p.ppc", PPROFC_LOG="/dev/null")


def allocator(name):
    path = LIBRARIES / name
    if not path.exists():
        raise Missing(f"no {name}")
    return path


# ---- one call ----------------------------------------------------------------------------------

PAIRS_A_TURN = 131072
N_TURNS = 200  # of each way within a process, 5 ms each: malloc_cost.c


def alternate(ways, n_rounds):
    """What malloc_cost prints for each way in each round; the order turns round."""
    found = {way: [] for way in ways}
    for i in range(n_rounds):
        for way in list(ways) if i % 2 == 0 else list(ways)[::-1]:
            program, args, env = ways[way]
            found[way].append(json_of(program, *args, env=env))
    return found


def call_row(name, found, way, bar=None):
    """A call as it is bound, over the same one past us in the same process: the median over processes."""
    ratios = sorted(one["ratio"] for one in found[way])
    ratio = statistics.median(ratios)
    more, plain = (statistics.median(one[key] for one in found[way]) for key in ("more_ns", "direct_ns"))
    return Row(name, ratio, "", "" if bar is None else f"<= {bar:.2f}", None if bar is None else ratio <= bar,
               f"{more:+.2f} ns on {plain:.2f} ns; {len(ratios)} processes, {ratios[0]:.3f} to {ratios[-1]:.3f}", {"found": found[way]})


def ratio_row(name, found, way, base, bar=None):
    """One process over another: the median over rounds."""
    ratios = sorted(own["ns"] / plain["ns"] for own, plain in zip(found[way], found[base]))
    ratio = statistics.median(ratios)
    plain = statistics.median(one["ns"] for one in found[base])
    return Row(name, ratio, "", "" if bar is None else f"<= {bar:.2f}", None if bar is None else ratio <= bar,
               f"on {plain:.2f} ns; {len(ratios)} rounds, {ratios[0]:.3f} to {ratios[-1]:.3f}", {"found": {way: found[way], base: found[base]}})


# What a preload costs that does less than ours: peers/least_interposer.c.
LEAST = {0: "a preload that jumps on", 1: "one that counts calls and bytes", 2: "one that looks up each free as well"}


def glibc_ways(what, n_turns=N_TURNS):
    plain, linked = tool(BUILD / "bench" / "malloc_cost"), tool(BUILD / "bench" / "malloc_cost_linked")
    least = {step: (plain, (what, n_turns), clean_environment(LD_PRELOAD=tool(BUILD / "bench" / f"least_interposer_{step}.so")))
             for step in LEAST}
    return {"plain": (plain, (what, n_turns), clean_environment()), **least,
            "preloaded": (plain, (what, n_turns), profiled()), "linked": (linked, (what, n_turns, 0, "on"), clean_environment()),
            "off": (linked, (what, n_turns, 0, "off"), clean_environment())}


def off_row(found):
    """Off, calls are bound to libc's own: nothing can cost."""
    row = call_row("malloc/free pair, hooks linked but off / past them", found, "off")
    row.is_ok, row.bar = all(one["is_same"] for one in found["off"]), "libc's own malloc"
    return row


def calls(is_long):
    """Pairs of malloc and free, two threads, and vectors that grow: preloaded, linked, linked and off, over glibc alone."""
    n_rounds = 15 if is_long else 3
    rows = []
    for what, label, bars in (("pair", "malloc/free pair", {"preloaded": 1.10, "linked": 1.06}),
                              ("threads", "two threads, each its own objects", {"preloaded": 1.25, "linked": 1.15}),
                              ("step", "vector grown in steps of 16 B, a realloc", {"preloaded": 1.6, "linked": 1.6}),
                              ("double", "vector grown by doubling and filled", {"preloaded": 1.1, "linked": 1.1})):
        ways = glibc_ways(what)
        if what in ("step", "double"):
            ways = {way: ways[way] for way in ways if way not in LEAST}
        if what == "pair":
            ways["no samples"] = (*ways["preloaded"][:2], profiled("1G"))
        found = alternate(ways, n_rounds)
        rows.append(call_row(f"{label}: A/A", found, "plain"))
        rows += [call_row(f"{label}: {LEAST[step]}", found, step) for step in LEAST if step in found]
        if "no samples" in found:
            rows.append(call_row(f"{label}: ours, preloaded, without a sample", found, "no samples"))
        rows += [call_row(f"{label} at 512 KiB, {way}", found, way, bar) for way, bar in bars.items()]
        if what == "pair":
            rows.append(off_row(found))
    return rows + maps(n_rounds)


def maps(n_rounds):
    """mmap, a touch and munmap, with mappings followed."""
    program = tool(BUILD / "bench" / "malloc_cost")
    found = alternate({"plain": (program, ("map", N_TURNS), clean_environment()),
                       "followed": (program, ("map", N_TURNS), {**profiled(), "PPROFC_HEAP_MMAP": "1"})}, n_rounds)
    return [call_row("mmap 64 KiB and munmap: A/A", found, "plain"), call_row("mmap 64 KiB and munmap, followed", found, "followed")]


def own_instructions(n_rounds):
    """What our malloc and free execute in turns of pairs, by function: the helper works meanwhile, and heaps are laid out differently."""
    env = {key: str(value) for key, value in profiled("64M").items() if key.startswith("PPROFC") or key == "LD_PRELOAD"}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out.%p", "--trace-children=yes", "env",
                        *(f"{key}={value}" for key, value in env.items()), str(BUILD / "bench" / "malloc_cost"), "pair", str(n_rounds)],
                       capture_output=True, timeout=600, env=clean_environment(), check=True)
        for path in Path(folder).glob("out.*"):  # valgrind ends a process before it has tidied up
            for recording in Path("/dev/shm").glob(f"pprofc.*.{path.suffix[1:]}"):
                recording.unlink()
        last = max(Path(folder).glob("out.*"), key=lambda path: path.stat().st_size)
        shown = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", str(last)], capture_output=True, text=True, timeout=300,
                               check=True).stdout
    return sum(int(count.replace(",", "")) for count in re.findall(r"^ *([\d,]+) .*:pp_sig_(?:malloc|free)\b", shown, re.M))


def instructions(is_long):
    """Instructions of ours in a pair without a sample: the difference of two runs of different length."""
    if not shutil.which("valgrind"):
        raise Missing("no valgrind")
    n_turns = 11 if is_long else 2
    added = (own_instructions(2 * n_turns) - own_instructions(n_turns)) / (n_turns * PAIRS_A_TURN)
    return [Row("instructions of ours in malloc and free, no sample", added, "", "<= 22", 10 <= added <= 22, "by callgrind, a pair")]


# ---- beside the allocators' own sampling -------------------------------------------------------

def allocators(is_long):
    """Ours over tcmalloc and jemalloc, over what those add by sampling themselves at the same interval."""
    program, args, n_rounds = tool(BUILD / "bench" / "malloc_cost"), ("pair", N_TURNS), 21 if is_long else 5
    tcmalloc, jemalloc = allocator("libtcmalloc.so.4"), allocator("libjemalloc.so.2")

    def bare(library, **more):
        return program, args, clean_environment(LD_PRELOAD=library, **more)

    ways = {"tcmalloc": bare(tcmalloc), "ours on tcmalloc": (program, args, profiled("512K", tcmalloc)),
            "tcmalloc samples": bare(tcmalloc, TCMALLOC_SAMPLE_PARAMETER=512 * KIB),
            "jemalloc": bare(jemalloc), "ours on jemalloc": (program, args, profiled("512K", jemalloc)),
            "jemalloc samples": bare(jemalloc, MALLOC_CONF="prof:true,lg_prof_sample:19")}
    costs = alternate(ways, n_rounds)
    return [ratio_row("ours over tcmalloc / tcmalloc's own sampling, 512 KiB", costs, "ours on tcmalloc", "tcmalloc samples", 0.8),
            ratio_row("ours over jemalloc / jemalloc's own sampling, 512 KiB", costs, "ours on jemalloc", "jemalloc samples", 1.0),
            ratio_row("ours over tcmalloc / tcmalloc alone", costs, "ours on tcmalloc", "tcmalloc"),
            ratio_row("ours over jemalloc / jemalloc alone", costs, "ours on jemalloc", "jemalloc")]


def live(is_long):
    """Pairs while many samples live, at 64 KiB, over the same beside as many objects that nobody follows.

    In nanoseconds, not each over calls past us: what following does to the heap's layout slows these down as well.
    """
    program, n_rounds = tool(BUILD / "bench" / "malloc_cost"), 15 if is_long else 5
    ways = {n: (program, ("pair", N_TURNS, n), profiled("64K")) for n in (10000, 100000, -10000, -100000)}
    found = alternate(ways, n_rounds)
    rows = []
    for n in (10000, 100000):
        ratios = sorted(own["ns"] / none["ns"] for own, none in zip(found[n], found[-n]))
        ratio = statistics.median(ratios)
        rows.append(Row(f"{n} live samples / {n} objects that are not followed", ratio, "", "<= 1.03", ratio <= 1.03,
                        f"{len(ratios)} rounds, {ratios[0]:.3f} to {ratios[-1]:.3f}", {"found": {str(n): found[n]}}))
    return rows


# ---- whole programs ----------------------------------------------------------------------------

SQL = ("create table t(a, b, c); with recursive n(x) as (select 1 union all select x + 1 from n where x < 200000) "
       "insert into t select x, x % 977, hex(x * 7919) from n; create index i on t(b); "
       "select count(*), sum(a), max(c) from t group by b order by 2 desc limit 3;")


def cpu_s(command, env):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(one) for one in command], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def document(folder):
    path = Path(folder) / "big.json"
    path.write_text(json.dumps([{"id": i, "name": f"user{i}", "tags": [f"t{(i * k) % 977}" for k in range(6)], "v": i / 7,
                                 "nested": {"a": i, "b": [1, 2, 3, {"c": str(i)}]}} for i in range(30000)]))
    return path


def work(folder):
    found = {}
    if shutil.which("jq"):
        found["jq"] = ("jq", "[.[] | .nested.b[3].c] | length", document(folder))
    if shutil.which("sqlite3"):
        found["sqlite3"] = ("sqlite3", ":memory:", SQL)
    if not found:
        raise Missing("neither jq nor sqlite3")
    return found


def decided(costs, bar):
    """(ratio, its 95 % limits, whether it keeps the bar, None where the limits still hold it)."""
    centre, low, high = paired_estimate([own / plain for own, plain in zip(*costs)])
    return centre, low, high, True if high <= bar else False if low > bar else None


PROGRAM_BARS = {"512K": 1.01, "64K": 1.08}


def with_thread():
    return clean_environment(LD_PRELOAD=tool(BUILD / "bench" / "sleeping_thread.so"))


def measure_program(command, n_least, n_most):
    """CPU seconds of each way, in turn, until every bar is decided, or the most rounds are done."""
    ways = {"plain": clean_environment(), "plain again": clean_environment(), "a second thread that sleeps": with_thread(),
            **{way: profiled(way) for way in PROGRAM_BARS}}
    costs = {way: [] for way in ways}
    while len(costs["plain"]) < n_most:
        for _ in range(n_least):
            for way in list(ways) if len(costs["plain"]) % 2 == 0 else list(ways)[::-1]:
                costs[way].append(cpu_s(command, ways[way]))
        if all(decided((costs[way], costs["plain"]), bar)[3] is not None for way, bar in PROGRAM_BARS.items()):
            break
    return costs


def program_row(name, way, costs):
    bar = PROGRAM_BARS.get(way)
    ratio, low, high, is_ok = decided((costs[way], costs["plain"]), bar or 1)
    more_ms = [1e3 * one for one in paired_estimate([own - plain for own, plain in zip(costs[way], costs["plain"])])]
    detail = (f"95 % limits {low:.4f} .. {high:.4f}, {more_ms[0]:+.2f} ms on {1e3 * statistics.median(costs['plain']):.0f}; "
              f"{len(costs[way])} pairs")
    if bar is None:
        return Row(f"{name}: {'A/A' if way == 'plain again' else way}, CPU / plain", ratio, "", detail=detail, data={"cpu_s": costs})
    if is_ok is None:  # the truth lies at the bar, as near as these pairs tell
        is_ok = ratio <= bar
        detail += "; the limits hold the bar, the estimate decides"
    return Row(f"{name}: {way}, CPU / plain", ratio, "", f"<= {bar}", is_ok, detail)


def programs(is_long):
    """CPU time of jq and sqlite3 at work, profiled over plain, in turn until it is decided; and what a program that does nothing adds."""
    n_least, n_most = (60, 480) if is_long else (20, 60)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, command in work(folder).items():
            costs = measure_program(command, n_least, n_most)
            rows += [program_row(name, way, costs) for way in costs if way != "plain"]
        ways = {"plain": clean_environment(), "512K": profiled("512K")}
        starts = {way: [] for way in ways}
        for _ in range(n_least):
            for way, env in ways.items():
                starts[way].append(1e3 * cpu_s(("true",), env))
        centre, low, high = paired_estimate([own - plain for own, plain in zip(starts["512K"], starts["plain"])])
        rows.append(Row("true: 512K, its start and end add", centre, " ms", detail=f"95 % limits {low:.2f} .. {high:.2f}: part of the above"))
    return rows


# ---- whole programs, by counting ---------------------------------------------------------------

def counted(command, env, folder):
    """Instructions of the program's own thread: the helper's go by time, of which valgrind makes fifty times as much."""
    chosen = {key: str(value) for key, value in env.items() if key.startswith("PPROFC") or key == "LD_PRELOAD"}
    subprocess.run(["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={folder}/count.%p",
                    "--trace-children=yes", "env", *(f"{key}={value}" for key, value in chosen.items()), *(str(one) for one in command)],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=900, env=clean_environment(),
                   check=True)
    found = 0
    for path in Path(folder).glob("count.*"):
        for recording in Path("/dev/shm").glob(f"pprofc.*.{path.suffix[1:].partition('-')[0]}"):
            recording.unlink()  # valgrind ends a process before it has tidied up
        total = re.search(r"^totals: (\d+)", path.read_text(errors="replace"), re.M)
        if path.name.endswith("-01") and total:
            found = max(found, int(total[1]))
        path.unlink()
    if found == 0:
        raise ValueError(f"callgrind has counted nothing of {command[0]}")
    return found


def programs_counted(is_long):
    """The same programs by callgrind: what no neighbour on the machine changes."""
    del is_long
    if not shutil.which("valgrind"):
        raise Missing("no valgrind")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, command in work(folder).items():
            plain = counted(command, clean_environment(), folder)
            for way, env in (("a second thread that sleeps", with_thread()), *((way, profiled(way)) for way in PROGRAM_BARS)):
                ratio, bar = counted(command, env, folder) / plain, PROGRAM_BARS.get(way)
                rows.append(Row(f"{name}: {way}, instructions / plain", ratio, "", bar and f"<= {bar}" or "", bar and ratio <= bar,
                                f"{plain / 1e6:.0f} M plain, {plain * (ratio - 1) / 1e6:+.1f} M; by callgrind, of the program's own thread"))
    return rows


def exact(is_long):
    """Every allocation of jq followed, over heaptrack on the same work: CPU time and the size of what is written."""
    if not shutil.which("heaptrack") or not shutil.which("jq"):
        raise Missing("no heaptrack or no jq")
    ours, theirs, sizes = [], [], {}
    with tempfile.TemporaryDirectory() as folder:
        command = work(folder)["jq"]
        for i in range(15 if is_long else 7):
            env = profiled("1")
            env["PPROFC_OUTPUT"] = str(Path(folder) / "x.ppc")
            for own in (True, False) if i % 2 == 0 else (False, True):
                if own:
                    ours.append(cpu_s(command, env))
                else:
                    theirs.append(cpu_s(("heaptrack", "-r", "-o", Path(folder) / "track", *command), clean_environment()))
        subprocess.run([str(BUILD / "pprofc"), "convert", "-f", str(Path(folder) / "x.ppc"), str(Path(folder) / "x.pb.gz")],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment())
        sizes = {"ours": os.path.getsize(Path(folder) / "x.pb.gz"),
                 "heaptrack": sum(one.stat().st_size for one in Path(folder).glob("track*"))}
    ratio = statistics.median(own / other for own, other in zip(ours, theirs))
    share = sizes["ours"] / sizes["heaptrack"]
    return [Row("exact mode / heaptrack (raw), jq, CPU", ratio, "", "<= 0.9", ratio <= 0.9,
                f"{statistics.median(ours):.3f} and {statistics.median(theirs):.3f} s", {"ours_s": ours, "heaptrack_s": theirs}),
            Row("exact mode: pprof file / heaptrack's file", share, "", "<= 0.05", share <= 0.05,
                f"{sizes['ours'] / KIB:.1f} and {sizes['heaptrack'] / KIB:.1f} KiB")]


# ---- memory ------------------------------------------------------------------------------------

def memory(is_long):
    """What following a heap of 1 GiB at 512 KiB takes: tables of ours; objects stay where the allocator put them."""
    program, n_mib, n_rounds = tool(BUILD / "bench" / "heap_fill"), 1024, 7 if is_long else 3
    more_kib, found = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for i in range(n_rounds):
            path = Path(folder) / f"{i}.ppc"
            env = {**profiled("512K"), "PPROFC_OUTPUT": str(path)}
            own, plain = (json_of(program, n_mib, env=one)["resident_kib"] for one in (env, clean_environment()))
            more_kib.append(own - plain)
        found = json.loads(subprocess.run([str(BUILD / "pprofc"), "report", "--json", str(path)], check=True, capture_output=True, text=True,
                                          env=clean_environment()).stdout)["heap"]["memory"]
    tables = found["tables_bytes"] / KIB / KIB
    return [Row("tables for a heap of 1 GiB at 512 KiB", tables, " MiB", "<= 2 MiB", tables <= 2, "as the report shows"),
            Row("resident memory of the whole process: more with the preload", statistics.median(more_kib) / KIB, " MiB", "", None,
                f"{n_rounds} rounds, {min(more_kib) / KIB:.1f} to {max(more_kib) / KIB:.1f}: libraries, tables of unwinding and the recording too")]


ALL = {"heap-memory": memory, "heap-calls": calls, "heap-instructions": instructions, "heap-allocators": allocators, "heap-live": live, "heap-programs": programs, "heap-programs-counted": programs_counted, "heap-exact": exact}
