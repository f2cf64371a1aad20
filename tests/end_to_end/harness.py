"""What the end-to-end tests and the hazards share: running the built command on a built program, and looking at the result.

PPROFC_BUILD_DIR names the build (default 'build').  A command that does not end in its time fails the test with gdb's
backtrace of each of its processes; only processes of the session it was started in are ever killed.
"""
import atexit
import contextlib
import fcntl
import glob
import gzip
import json
import os
import random
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from built import BUILD, ROOT, built, read_sanitizers  # noqa: E402

PPROFC = BUILD / "pprofc"
PROGRAMS = BUILD / "tests" / "programs"
IS_LONG = os.environ.get("PPROFC_LONG") == "1"
TICK_NS = 1e9 / os.sysconf("SC_CLK_TCK")

# 'make asan-hazards': our library is sanitized and the programs are not, so the runtime is preloaded like a library of the
# program's own.  It must leave alone what the program can see: its signals, stacks and core dumps.
IS_SANITIZED = "address" in read_sanitizers()
SANITIZER_OPTIONS = ("detect_leaks=0:verify_asan_link_order=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:"
                     "handle_abort=0:use_sigaltstack=0:disable_coredump=0:replace_intrin=0:detect_odr_violation=0:"
                     "alloc_dealloc_mismatch=0:allocator_may_return_null=1:quarantine_size_mb=1:malloc_context_size=1")
SANITIZER_LOGS = Path(tempfile.mkdtemp(prefix="pprofc-sanitizer.")) if IS_SANITIZED else None
if SANITIZER_LOGS:
    atexit.register(shutil.rmtree, SANITIZER_LOGS, ignore_errors=True)


def not_sanitized(reason):
    """For a test that the sanitizers' own stacks, memory or interposers make pointless."""
    return unittest.skipIf(IS_SANITIZED, f"not under sanitizers: {reason}")


def add_sanitizer(environment):
    """The runtime behind whatever else is preloaded, and where it reports."""
    runtime = re.search(rb"libasan\.so\.\d+", (BUILD / "libpprofc-preload.so").read_bytes()).group().decode()
    preload = environment.get("LD_PRELOAD", "")
    environment["LD_PRELOAD"] = f"{preload}:{runtime}" if preload else runtime
    environment["ASAN_OPTIONS"] = f"{SANITIZER_OPTIONS}:log_path={SANITIZER_LOGS}/address"
    environment["UBSAN_OPTIONS"] = f"print_stacktrace=1:log_path={SANITIZER_LOGS}/undefined"


def sanitizer_reports():
    """What the runtime found since the last call."""
    found = []
    for path in sorted(SANITIZER_LOGS.glob("*")):
        text = path.read_text(errors="replace")
        path.unlink()
        if "ERROR:" in text or "runtime error:" in text:
            found.append(text[:6000])
    return found
# Everything of ours and of the runner's that would change how a program is profiled.
OWN_VARIABLES = re.compile(r"^(PPROFC|ENABLE_PROFILING|LD_PRELOAD|CPUPROFILE|HEAPPROFILE|OTEL_|PYROSCOPE_|DEBUGINFOD_)")

sys.path.insert(0, str(ROOT / "tests" / "truth"))
import pprof_read  # noqa: E402
import scorer  # noqa: E402

if IS_SANITIZED:  # the runtime has used some 10 ms of CPU before we come
    scorer.TOTAL_RATIO = (0.9, 1.01)
    scorer.RUNTIME_NS = 10e6


@dataclass
class Finished:
    """A command that ended; status is negative for a signal, as subprocess has it."""
    status: int
    out: str
    err: str
    took_s: float

    @property
    def own_lines(self):
        """pprofc's own messages."""
        return [line for line in self.err.splitlines() if line.startswith("pprofc:")]


def long_or(long_value, short_value):
    return long_value if IS_LONG else short_value


def clean_environment(**more):
    environment = {name: value for name, value in os.environ.items() if not OWN_VARIABLES.match(name)}
    environment.update({name: str(value) for name, value in more.items()})
    if IS_SANITIZED:
        add_sanitizer(environment)
    return environment


def stolen_ns():
    """What the hypervisor has taken of all CPUs so far, where it tells that (proc_stat(5): steal).  A thread that it takes the CPU
    from neither runs nor queues, for the kernel: 100 ms at a time, where it has a quota."""
    return int(Path("/proc/stat").read_text(encoding="ascii").split()[8]) * TICK_NS


def free_ports(number=1):
    """For programs that cannot be told to take any port: so many, each another one.  Below those that the kernel gives to whoever
    asks for any, so that nobody is given one before the program has it."""
    limit = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    ports = []
    with contextlib.ExitStack() as held:  # until all are chosen
        while len(ports) < number:
            one = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):  # somebody has it
                one.bind(("127.0.0.1", random.randrange(10000, limit) if limit > 20000 else 0))
                ports.append(one.getsockname()[1])
    return ports


def session_members(session):
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            yield int(entry)


def backtraces(session):
    """Where every process of the session is now."""
    if shutil.which("gdb") is None:
        return "(no gdb: no backtraces)"
    parts = []
    for pid in sorted(session_members(session)):
        command = ["gdb", "-p", str(pid), "-batch", "-nx", "-ex", "thread apply all bt 25"]
        try:
            shown = subprocess.run(command, capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL).stdout
        except subprocess.TimeoutExpired:
            shown = "(gdb took too long)"
        parts.append(f"--- process {pid}\n{shown[-5000:]}")
    return "\n".join(parts)


def kill_session(session):
    """Gives who was killed."""
    pids = list(session_members(session))
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    return pids


def read_family(path):
    """(pid, parent's pid, whether it lives) of a recording, None where there is none to be read."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            header = file.read(60) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else b""  # a test plants pipes there
            if len(header) < 60:
                return None
            pid, parent = struct.unpack_from("<i4xi", header, 48)  # pid and parent_pid of recording/layout.h
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return pid, parent, False
            except OSError:
                return pid, parent, True  # a process that samples has a lock on its recording
    except OSError:  # another user's, or gone
        return None


def remove_recordings(pids, wait_s=1.0):
    """What these processes and their children left in /dev/shm, as whoever is killed does.  The killed may take a moment."""
    pids, deadline_s = set(pids), time.monotonic() + wait_s
    while True:
        found = {path: family for path in glob.glob(f"/dev/shm/pprofc.{os.geteuid()}.*") if (family := read_family(path))}
        while new := {pid for pid, parent, _ in found.values() if parent in pids} - pids:
            pids |= new
        mine = {path: is_alive for path, (pid, _, is_alive) in found.items() if pid in pids}
        for path, is_alive in mine.items():
            if not is_alive:
                with contextlib.suppress(OSError):
                    os.unlink(path)
        if not any(mine.values()) or time.monotonic() > deadline_s:
            return
        time.sleep(0.01)


class EndToEnd(unittest.TestCase):
    """Base of tests that run the command."""
    TIMEOUT_S = 300 if IS_LONG else 60

    @classmethod
    def setUpClass(cls):
        built("pprofc")

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pprofc-test."))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.pids = []  # of all that was started
        self.addCleanup(lambda: remove_recordings(self.pids))
        if IS_SANITIZED:
            self.addCleanup(self.assert_no_reports)

    def assert_no_reports(self):
        reports = sanitizer_reports()
        self.assertEqual(len(reports), 0, "\n".join(reports))

    # ---- running ----

    def program(self, name):
        return str(built(f"tests/programs/{name}"))

    def need_to_run(self, *command, **more):
        """Skip where the system does not let this command run: it is not there, or not permitted.  Nothing of what is tested is in it."""
        try:
            tried = self.run_command(*command, **more)
            why = tried.err.strip() if tried.status != 0 else None
        except OSError as error:
            why = str(error)
        if why is not None:
            self.skipTest(f"cannot be run here: {' '.join(map(str, command))}: {why}")

    def start(self, *argv, env=None, cwd=None, stdin=subprocess.DEVNULL, **more):
        """A child in a session of its own, its output in files: a pipe would hold what outlives the child."""
        files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
        child = subprocess.Popen([str(one) for one in argv], env=env or clean_environment(), cwd=cwd or self.folder,
                                 stdin=stdin, stdout=files[0], stderr=files[1], start_new_session=True, **more)
        child.files = files
        child.started_s = time.monotonic()
        self.pids.append(child.pid)
        self.addCleanup(self.forget, child)
        return child

    def forget(self, child):
        if child.poll() is None:
            self.pids += kill_session(child.pid)
            child.wait()
        for file in child.files:
            file.close()

    def finish(self, child, timeout_s=None):
        try:
            child.wait(timeout_s or self.TIMEOUT_S)
        except subprocess.TimeoutExpired:
            where = backtraces(child.pid)
            self.pids += kill_session(child.pid)
            child.wait()
            self.fail(f"{child.args} hung for {timeout_s or self.TIMEOUT_S} s\n{self.text(child, 1)}\n{where}")
        took_s = time.monotonic() - child.started_s
        finished = Finished(child.returncode, self.text(child, 0), self.text(child, 1), took_s)
        if IS_SANITIZED:
            self.assertNotRegex(finished.err, "runtime error:|ERROR: AddressSanitizer")
        return finished

    @staticmethod
    def text(child, which):
        """What it has written by now.  The file's position is the child's, too: where it was moved, the child would write."""
        fd = child.files[which].fileno()
        return os.pread(fd, os.fstat(fd).st_size, 0).decode(errors="replace")

    def run_command(self, *argv, timeout_s=None, **more):
        return self.finish(self.start(*argv, **more), timeout_s)

    def pprofc(self, *args, **more):
        return self.run_command(PPROFC, *args, **more)

    def run_profiled(self, *args, output="out.pb.gz", status=0, **more):
        """`pprofc run -o OUTPUT ARGS`; gives what it printed and the file's path."""
        path = self.folder / output
        finished = self.pprofc("run", "-f", "-o", path, *args, **more)
        if status is not None:
            self.assertEqual(finished.status, status, finished.err)
        return finished, path

    def run_and_report(self, *args, **more):
        """`pprofc run ARGS`; gives the profile as our JSON."""
        _, path = self.run_profiled(*args, output="out.json", **more)
        return json.loads(path.read_text())

    # ---- looking at profiles ----

    def read_profile(self, path):
        self.assertTrue(Path(path).exists(), f"{path} was not written")
        return pprof_read.read(path)

    def stacks(self, path):
        return scorer.load(path)

    def share(self, stacks, function, is_self=False):
        """Share of the seen time in 'function' (a name, or a compiled pattern that matches one)."""
        def hits(stack):
            frames = stack.frames[:1] if is_self else stack.frames
            if isinstance(function, str):
                return function in frames
            return any(function.search(frame) for frame in frames)

        seen = [stack for stack in stacks.stacks if not stack.is_unsampled]
        total = sum(stack.weight for stack in seen)
        self.assertGreater(total, 0, "the profile is empty")
        return sum(stack.weight for stack in seen if hits(stack)) / total

    @staticmethod
    def default_type(report):
        """What our JSON says of the type that people look at first."""
        return next(one for one in report["types"] if one["type"] == report["default_type"])

    def assert_share(self, report, function, share, within):
        """'report' is a run_and_report(): the function's total share is 'share', give or take 'within'."""
        rows = {row["name"]: row for row in self.default_type(report)["functions"]}
        self.assertIn(function, rows)
        self.assertAlmostEqual(rows[function]["cum_percent"] / 100, share, delta=within)

    def assert_truth(self, name, *args, rate_hz=1000, check_total=True, options=(), timeout_s=None, max_sds=scorer.MAX_SDS,
                     env=None):
        """Profile a program of tests/programs and score it against what it says of itself."""
        finished, path = self.run_profiled("-F", str(rate_hz), *options, "--", self.program(name), *map(str, args),
                                           timeout_s=timeout_s, env=env)
        truth = scorer.read_truth(finished.out)
        result = scorer.score(scorer.load(path), truth, max_sds, check_total)
        shown = scorer.show(result, f"{name} at {rate_hz} Hz: ")
        print(shown, flush=True)
        self.assertTrue(result.is_ok, shown)
        return finished, path, result

    def assert_sum(self, path, cpu_s, within=0.1):
        """The profile's whole time is 'cpu_s' seconds of CPU, give or take the part 'within'."""
        total_s = sum(stack.weight for stack in self.stacks(path).stacks) / 1e9
        before_us_s = 0.02 if IS_SANITIZED else 0  # what the runtime has used before we come
        self.assertAlmostEqual(total_s, cpu_s, delta=within * cpu_s + before_us_s)

    def quality(self, finished):
        """The numbers of the last lines: samples, sampled and CPU seconds, lost, truncated."""
        pattern = re.compile(r"([\d ]+) cpu samples? = ([\d.]+) (ms|s) of ([\d.]+) (ms|s) CPU.*?, ([\d ]+) lost(?:, ([\d ]+) truncated)?")
        for line in finished.own_lines:
            found = pattern.search(line)
            if found:
                scale = {"ms": 1e-3, "s": 1.0}
                number = [int(text.replace(" ", "") or 0) if text else 0 for text in found.group(1, 6, 7)]
                return {"n_samples": number[0], "sampled_s": float(found.group(2)) * scale[found.group(3)],
                        "cpu_s": float(found.group(4)) * scale[found.group(5)], "n_lost": number[1], "n_truncated": number[2]}
        self.fail(f"no quality line in:\n{finished.err}")


def gunzip(path):
    with gzip.open(path, "rb") as file:
        return file.read()
