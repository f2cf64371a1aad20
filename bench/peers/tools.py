"""The profilers that are compared: how each records a program, what it wrote, how it reports."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from . import gperftools_profile, pprof_rs

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[0:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "truth")]
from end_to_end.harness import BUILD, PPROFC, clean_environment, kill_session  # noqa: E402
import scorer  # noqa: E402

PRELOAD = BUILD / "libpprofc-preload.so"


@dataclass
class Finished:
    """A command that ended, with the CPU time of it and its children."""
    out: str
    err: str
    cpu_ns: int
    took_s: float
    peak_kb: int  # the most memory of the command itself; 0 when nobody watched

    @property
    def said(self):
        """The JSON line that a program of fixed work, or of known truth, prints."""
        return json.loads(next(line for line in self.out.splitlines() if line.startswith("{")))


def peak_kb_now(pid):
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    except OSError:
        found = None
    return int(found[1]) if found else 0


def watch_memory(pid, peaks_kb, is_over):
    """wait4's own peak will not do: it begins with what the process was forked from."""
    while not is_over.wait(0.02):
        peaks_kb.append(peak_kb_now(pid))


def run(argv, folder, env=None, limit_s=300, is_watched=False):
    """Run to its end; raises RuntimeError when it fails or takes too long.  @NOW@ becomes the monotonic clock."""
    out_path, err_path = folder / "stdout", folder / "stderr"
    peaks_kb, is_over = [0], threading.Event()
    with open(out_path, "wb") as out, open(err_path, "wb") as err:
        environment = clean_environment(**(env or {}))
        start_s = time.monotonic()
        argv = [str(one).replace("@NOW@", str(time.clock_gettime_ns(time.CLOCK_MONOTONIC))) for one in argv]
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, cwd=folder,
                                 start_new_session=True)
        watchdog = threading.Timer(limit_s, kill_session, [child.pid])
        watchdog.start()
        if is_watched:
            threading.Thread(target=watch_memory, args=(child.pid, peaks_kb, is_over), daemon=True).start()
        _, status, usage = os.wait4(child.pid, 0)
        took_s = time.monotonic() - start_s
        is_over.set()
        watchdog.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
    text = err_path.read_text(errors="replace")
    if child.returncode != 0:
        reason = f"not done in {limit_s} s" if child.returncode == -signal.SIGKILL else f"status {child.returncode}"
        raise RuntimeError(f"{Path(argv[0]).name}: {reason}: {' '.join(text.split())[-300:]}".rstrip(": "))
    return Finished(out_path.read_text(errors="replace"), text, int((usage.ru_utime + usage.ru_stime) * 1e9), took_s,
                    max(peaks_kb))


class Tool:
    """One profiler; 'folder' is where a run of it keeps its files."""
    key = label = ""
    needs_frame_pointers = False
    has_recorder = False  # a process of its own that records
    why_no_text = why_no_svg = ""

    def why_missing(self):
        """The reason that it cannot be run here, or ""."""
        return ""

    def version(self):
        return ""

    def command(self, program, rate_hz, folder):
        """(the command line, variables of its environment)"""
        raise NotImplementedError

    def record(self, program, rate_hz, folder, limit_s=300, is_watched=False, more=None):
        """Run it under the profiler; 'more' are further variables of the environment."""
        argv, environment = self.command(program, rate_hz, folder)
        return run(argv, folder, {**environment, **(more or {})}, limit_s, is_watched)

    def files(self, folder):
        """What a run leaves for its report."""
        raise NotImplementedError

    def stacks(self, folder, program):
        """The profile, as scorer.Stacks: frames leaf first, weights in nanoseconds as the tool tells them."""
        raise NotImplementedError

    def text_command(self, folder, program):
        """The command that prints the hottest functions; None with 'why_no_text' when there is none."""
        return None

    def svg_command(self, folder, program):
        return None

    def report_environment(self, folder):
        return {}


class Nothing(Tool):
    key, label = "none", "no profiler"

    def command(self, program, rate_hz, folder):
        return program, {}

    def files(self, folder):
        return []


class Ours(Tool):
    key, label = "pprof-c", "pprof-c"

    def why_missing(self):
        return "" if PRELOAD.exists() and PPROFC.exists() else "pprof-c is not built"

    def command(self, program, rate_hz, folder):
        return program, {"LD_PRELOAD": PRELOAD, "PPROFC": "cpu", "PPROFC_FREQUENCY": rate_hz,
                         "PPROFC_OUTPUT": folder / "out.ppc"}

    def files(self, folder):
        return [folder / "out.ppc"]

    def report_environment(self, folder):
        """No names that another run has left behind."""
        return {"XDG_CACHE_HOME": folder / "cache"}

    def stacks(self, folder, program):
        command = [PPROFC, "convert", "-f", folder / "out.ppc", folder / "out.pb.gz"]
        run(command, folder, self.report_environment(folder))
        return scorer.load(folder / "out.pb.gz")

    def text_command(self, folder, program):
        return [PPROFC, "report", folder / "out.ppc"]

    def svg_command(self, folder, program):
        return [PPROFC, "convert", "-f", folder / "out.ppc", folder / "out.svg"]


class Gperftools(Tool):
    key, label = "gperftools", "gperftools"

    def why_missing(self):
        listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
        return "" if "libprofiler.so.0 " in listed else "libprofiler.so.0 is not installed (libgoogle-perftools4)"

    def version(self):
        query = ["dpkg-query", "-W", "-f", "${Version}", "libgoogle-perftools4"]
        done = subprocess.run(query, capture_output=True, text=True)
        return done.stdout.split("-")[0]

    def command(self, program, rate_hz, folder):
        return program, {"LD_PRELOAD": "libprofiler.so.0", "CPUPROFILE": folder / "out.prof",
                         "CPUPROFILE_FREQUENCY": rate_hz}

    def files(self, folder):
        return [folder / "out.prof"]

    def stacks(self, folder, program):
        profile = gperftools_profile.read(folder / "out.prof")
        stacks = [scorer.Stack(names, count * profile.period_ns, count) for count, names in profile.samples]
        return scorer.Stacks(stacks, profile.period_ns)

    def text_command(self, folder, program):
        return ["google-pprof", "--text", program, folder / "out.prof"] if shutil.which("google-pprof") else None

    def svg_command(self, folder, program):
        if shutil.which("google-pprof") and shutil.which("dot"):
            return ["google-pprof", "--svg", program, folder / "out.prof"]
        return None

    why_no_text = "google-pprof is not installed (google-perftools)"
    why_no_svg = "google-pprof draws a call graph by Graphviz, which is not installed"


class PprofRs(Tool):
    key, label = "pprof-rs", "pprof-rs"

    def __init__(self, build_limit_s=pprof_rs.BUILD_LIMIT_S):
        self.build_limit_s, self.folder, self.reason = build_limit_s, None, None

    def why_missing(self):
        if self.reason is None:
            try:
                self.folder, self.reason = pprof_rs.build(self.build_limit_s), ""
            except (pprof_rs.Unavailable, OSError) as reason:
                self.reason = str(reason)
        return self.reason

    def version(self):
        return re.search(r'version = "=([\d.]+)"', (pprof_rs.CRATE / "Cargo.toml").read_text())[1]

    @property
    def library(self):
        return "" if self.why_missing() else self.folder / pprof_rs.LIBRARY

    @property
    def rust_program(self):
        return self.folder / pprof_rs.PROGRAM

    def command(self, program, rate_hz, folder):
        """A Rust program of ours holds pprof-rs, as its users do; others get it preloaded."""
        environment = {"PPROF_RS_PEER_OUTPUT": folder / "out.pb", "PPROF_RS_PEER_HZ": rate_hz}
        if str(program[0]) != str(self.rust_program):
            environment["LD_PRELOAD"] = self.library
        return program, environment

    def files(self, folder):
        return [folder / "out.pb"]

    def stacks(self, folder, program):
        return scorer.load(folder / "out.pb")

    def times_ms(self, folder):
        """What its report took, in the process and before that ended."""
        return json.loads((folder / "out.pb.json").read_text())

    why_no_text = "has no table"


class Perf(Tool):
    """perf record, by the kernel's own walk of frame pointers ('fp') or by copies of the stack ('dwarf')."""
    has_recorder = True
    script_line = re.compile(r"^\s+[0-9a-f]+ (.*)$")

    def __init__(self, graph):
        self.graph = graph
        self.key, self.label = f"perf-{graph}", f"perf ({graph})"
        self.needs_frame_pointers = graph == "fp"

    def why_missing(self):
        if shutil.which("perf") is None:
            return "perf is not installed (linux-perf)"
        command = ["perf", "record", "-q", "-e", "cpu-clock", "-o", "/dev/null", "--", "true"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return "" if done.returncode == 0 else f"perf record fails here: {' '.join(done.stderr.split())[-120:]}"

    def version(self):
        return subprocess.run(["perf", "--version"], capture_output=True, text=True).stdout.split()[-1]

    def command(self, program, rate_hz, folder):
        return ["perf", "record", "-e", "cpu-clock", "-F", rate_hz, "--call-graph", self.graph,
                "-o", folder / "perf.data", "--", *program], {}

    def files(self, folder):
        return [folder / "perf.data"]

    def stacks(self, folder, program):
        """Every sample of the program; --no-inline for the time it takes, no name of ours is inlined."""
        command = ["perf", "script", "-i", folder / "perf.data", "--no-inline", "-F", "comm,tid,period,ip,sym"]
        text = run(command, folder, limit_s=900).out
        stacks = []
        for block in re.split(r"\n\s*\n", text):
            lines = block.strip("\n").splitlines()
            head = re.match(r"^\s*(.*\S)\s+(\d+)\s+(\d+)\s*$", lines[0]) if lines else None
            if head is None:
                continue
            frames = [found[1] for found in map(self.script_line.match, lines[1:]) if found]
            stacks.append(scorer.Stack(frames, int(head[3]), 1, head[1], int(head[2])))
        return scorer.Stacks(stacks, stacks[0].weight if stacks else 0)

    def text_command(self, folder, program):
        return ["perf", "report", "--stdio", "--no-children", "-g", "none", "-i", folder / "perf.data"]

    why_no_svg = "draws none; scripts from elsewhere do"


def all_tools():
    """Those that are here, and why others are not."""
    here, missing = [], []
    for tool in (Ours(), Gperftools(), PprofRs(), Perf("fp"), Perf("dwarf")):
        reason = tool.why_missing()
        (missing.append((tool, reason)) if reason else here.append(tool))
    return here, missing
