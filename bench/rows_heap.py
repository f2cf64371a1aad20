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

from measure import Row
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


def glibc_ways(what, n_turns=N_TURNS):
    plain, linked = tool(BUILD / "bench" / "malloc_cost"), tool(BUILD / "bench" / "malloc_cost_linked")
    least = clean_environment(LD_PRELOAD=tool(BUILD / "bench" / "least_interposer.so"))
    return {"plain": (plain, (what, n_turns), clean_environment()), "least": (plain, (what, n_turns), least),
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
            del ways["least"]
        found = alternate(ways, n_rounds)
        rows.append(call_row(f"{label}: A/A", found, "plain"))
        if "least" in found:
            rows.append(call_row(f"{label}: a preload that counts and samples nothing", found, "least"))
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
    return [Row("instructions of ours in malloc and free, no sample", added, "", "<= 24", 10 <= added <= 24, "by callgrind, a pair")]


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
    """Pairs while many samples live, at 64 KiB, over the same beside as many objects that nobody follows."""
    program, n_rounds = tool(BUILD / "bench" / "malloc_cost"), 15 if is_long else 5
    ways = {n: (program, ("pair", N_TURNS, n), profiled("64K")) for n in (10000, 100000, -10000, -100000)}
    found = alternate(ways, n_rounds)
    rows = []
    for n in (10000, 100000):
        ratios = sorted(own["ratio"] / none["ratio"] for own, none in zip(found[n], found[-n]))
        ratio = statistics.median(ratios)
        rows.append(Row(f"{n} live samples / {n} objects that are not followed", ratio, "", "<= 1.03", ratio <= 1.03,
                        f"each over calls past us; {len(ratios)} rounds, {ratios[0]:.3f} to {ratios[-1]:.3f}", {"found": {str(n): found[n]}}))
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


def programs(is_long):
    """CPU time of jq and sqlite3 at work, profiled over plain, in turn."""
    rows, n_rounds = [], 41 if is_long else 9
    with tempfile.TemporaryDirectory() as folder:
        for name, command in work(folder).items():
            ways = {"plain": clean_environment(), "plain again": clean_environment(), "512K": profiled("512K"), "64K": profiled("64K")}
            costs = {way: [] for way in ways}
            for i in range(n_rounds):
                for way in list(ways) if i % 2 == 0 else list(ways)[::-1]:
                    costs[way].append(cpu_s(command, ways[way]))
            for way, bar in (("plain again", None), ("512K", 1.01), ("64K", 1.08)):
                ratio = statistics.median(own / plain for own, plain in zip(costs[way], costs["plain"]))
                rows.append(Row(f"{name}: {'A/A' if bar is None else way}, CPU / plain", ratio, "", "" if bar is None else f"<= {bar}",
                                None if bar is None else ratio <= bar, f"{statistics.median(costs['plain']):.3f} s plain, {n_rounds} rounds",
                                {"cpu_s": costs}))
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
    """What following a heap of 1 GiB at 512 KiB takes: tables of ours, and what lies unused for aligned objects."""
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
    tables, between = found["tables_bytes"] / KIB / KIB, found["alignment_bytes"] / (n_mib * KIB * KIB)
    return [Row("tables for a heap of 1 GiB at 512 KiB", tables, " MiB", "<= 2 MiB", tables <= 2, "as the report shows"),
            Row("alignment: unused at most, of the heap", 100 * between, " %", "<= 0.5 %", between <= 0.005, "as the report shows"),
            Row("resident memory of the whole process: more with the preload", statistics.median(more_kib) / KIB, " MiB", "", None,
                f"{n_rounds} rounds, {min(more_kib) / KIB:.1f} to {max(more_kib) / KIB:.1f}: libraries, tables of unwinding and the recording too")]


ALL = {"heap-memory": memory, "heap-calls": calls, "heap-instructions": instructions, "heap-allocators": allocators, "heap-live": live, "heap-programs": programs, "heap-exact": exact}
