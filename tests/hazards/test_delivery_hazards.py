"""Hazards 17, 18, 27, 53, 55, 56, 81 and 87 of hazards.md: what makes samples come, when parts of it are refused, used up,
owned by somebody else or taken away, and what the profile and the last lines say of it."""
import os
import re
import shutil
import time
import unittest

from end_to_end.harness import PPROFC, EndToEnd, clean_environment, long_or, not_sanitized, scorer

TIME_LIMIT_S = 900
DELIVERIES = ("perf-sigtrap", "perf-signal", "cpu-timer", "sampler")
REFUSED = "perf_event_open=EPERM"


class Delivered(EndToEnd):
    """Helpers: a run under limits or filters, scored against the program's own truth."""

    def scored(self, wrapper, program, *args, rate_hz=1000, max_unsampled=None, status=0, **more):
        """Run `WRAPPER pprofc run PROGRAM ARGS`: shares and totals are right.  Gives what was said and the JSON's quality."""
        path = self.folder / "out.pb.gz"
        finished = self.run_command(*wrapper, PPROFC, "run", "-f", "-F", rate_hz, "-o", path, "--",
                                    self.program(program), *args, **more)
        self.assertEqual(finished.status, status, finished.err)
        result = scorer.score(self.stacks(path), scorer.read_truth(finished.out))
        print(scorer.show(result, f"{program}: "), flush=True)
        # How long ago a thread's last sample was depends on when a busy machine lets the helper look.
        problems = [text for text in result.problems if max_unsampled is None or "periods a thread" not in text]
        self.assertEqual(problems, [], scorer.show(result))
        if max_unsampled is not None:
            self.assertLess(result.unsampled_periods, max_unsampled)
        return finished, path

    def filtered(self, calls):
        return (self.program("without_calls"), calls)

    def comment(self, path, key):
        """What a pprof file of ours says of its quality."""
        for comment in self.read_profile(path).comments:
            if comment.startswith(f"pprofc: {key}="):
                return comment.partition("=")[2]
        return None

    def assert_said(self, finished, pattern, n=1):
        said = [line for line in finished.own_lines if re.search(pattern, line)]
        self.assertEqual(len(said), n, finished.err)


class EachDelivery(Delivered):
    """Forced one by one, each delivery tells the same truth."""

    def test_shares(self):
        """2/3 and 1/3; the file names the delivery."""
        for delivery in DELIVERIES:
            with self.subTest(delivery=delivery):
                _, path = self.scored((), "two_to_one", long_or(10, 1), max_unsampled=40,
                                      env=clean_environment(PPROFC_DELIVERY=delivery))
                self.assertEqual(self.comment(path, "delivery"), delivery)

    def test_threads(self):
        """60 / 40 by thread name."""
        for delivery in DELIVERIES:
            with self.subTest(delivery=delivery):
                self.scored((), "threads_60_40", long_or(10, 1), max_unsampled=40,
                            env=clean_environment(PPROFC_DELIVERY=delivery))


class OldKernels(Delivered):
    """PPROFC_KERNEL chooses as on an older Linux; what uname is made to say does not matter."""

    def test_choice(self):
        """Traps from 5.18 on, signals of perf events before: there a trap kills a thread that blocks SIGTRAP."""
        for kernel, delivery in (("4.19", "perf-signal"), ("5.10.0-28-amd64", "perf-signal"), ("5.13", "perf-signal"),
                                 ("5.17.15", "perf-signal"), ("5.18.0", "perf-sigtrap"), ("6.1", "perf-sigtrap"),
                                 ("unreadable", "perf-signal")):
            with self.subTest(kernel=kernel):
                _, path = self.run_profiled("--", self.program("two_to_one"), "0.05",
                                            env=clean_environment(PPROFC_KERNEL=kernel))
                self.assertEqual(self.comment(path, "delivery"), delivery)

    @unittest.skipUnless(shutil.which("setarch"), "no setarch")
    def test_uname_lies(self):
        """Under setarch --uname-2.6 the delivery is the kernel's own best."""
        path = self.folder / "x.pb.gz"
        plain = self.pprofc("run", "-f", "-o", path, "--", self.program("two_to_one"), "0.05")
        wanted = self.comment(path, "delivery")
        finished = self.run_command("setarch", "x86_64", "--uname-2.6", PPROFC, "run", "-f", "-o", path, "--",
                                    self.program("two_to_one"), "0.05")
        self.assertEqual((plain.status, finished.status), (0, 0), finished.err)
        self.assertEqual(self.comment(path, "delivery"), wanted)


class Hazard17TimersUsedUp(Delivered):
    """Where RLIMIT_SIGPENDING leaves too few timers the other threads are sampled another way; it is said once."""

    @unittest.skipUnless(shutil.which("prlimit"), "no prlimit")
    def test_few_timers(self):
        """24 threads, room for 8 signals, no perf events: exit 0, one line, every thread's total right, and its share.

        On an overloaded machine the sampler looks too late to say where threads ran and leaves those looks out: the two
        threads with timers then have nearly all samples, and shares of samples say nothing.
        """
        path = self.folder / "out.pb.gz"
        finished = self.run_command("prlimit", "--sigpending=8", *self.filtered(REFUSED), PPROFC, "run", "-F", 200, "-o", path,
                                    "--", self.program("spinners"), 24, long_or(2, 0.12))
        self.assertEqual(finished.status, 0, finished.err)
        self.assert_said(finished, r"no CPU timer left .*RLIMIT_SIGPENDING is 8.*ulimit -i")
        measured, truth = self.stacks(path), scorer.read_truth(finished.out)
        for phase in truth["phases"]:
            total_ns = sum(stack.weight for stack in measured.stacks if stack.thread == phase["thread"])
            self.assertAlmostEqual(total_ns / phase["cpu_ns"], 1, delta=0.05, msg=phase["thread"])
        result = scorer.score(measured, truth)
        print(scorer.show(result, "spinners: "), flush=True)
        if int(self.comment(path, "delivered")) >= 100:
            self.assertEqual([text for text in result.problems if "periods a thread" not in text], [], scorer.show(result))

    @unittest.skipUnless(shutil.which("prlimit"), "no prlimit")
    def test_no_signal_at_all(self):
        """With room for none the kernel forgets what the sampler's signals carry: they are taken for ours all the same."""
        finished, path = self.scored(("prlimit", "--sigpending=0", *self.filtered(REFUSED)), "two_to_one", long_or(5, 1),
                                     rate_hz=200, max_unsampled=40)
        self.assert_said(finished, r"no CPU timer left")
        self.assertGreater(int(self.comment(path, "delivered")), 20)


class Hazard18DescriptorsUsedUp(Delivered):
    """Where RLIMIT_NOFILE leaves too few descriptors the other threads have timers; the program loses none of its own."""

    @unittest.skipUnless(shutil.which("prlimit"), "no prlimit")
    @not_sanitized("the runtime's own part of opening files is a phase of its own")
    def test_few_descriptors(self):
        """48 threads, 32 descriptors: the program opens as many files as without us, one line, the total right."""
        limit = ("prlimit", "--nofile=32")
        plain = self.run_command(*limit, self.program("open_files"), 48, 0.02)
        finished, path = self.scored(limit, "open_files", 48, long_or(1, 0.06), max_unsampled=40)
        self.assert_said(finished, r"no descriptor left .*RLIMIT_NOFILE is 32.*ulimit -n")
        self.assertEqual(scorer.read_truth(finished.out)["n_opened"], scorer.read_truth(plain.out)["n_opened"])
        names = {stack.thread for stack in self.stacks(path).stacks}
        self.assertLessEqual({f"open_{i}" for i in range(48)}, names, "threads are named although descriptors are short")

    @unittest.skipUnless(shutil.which("prlimit"), "no prlimit")
    def test_neither_descriptors_nor_timers(self):
        """12 descriptors and room for 4 signals: perf events, timers and the sampler side by side, the total right."""
        finished, _ = self.scored(("prlimit", "--nofile=16", "--sigpending=4"), "spinners", 24, long_or(1, 0.12),
                                  rate_hz=200, max_unsampled=40)
        self.assert_said(finished, r"no descriptor left")
        self.assert_said(finished, r"no CPU timer left")


class Hazard55Refused(Delivered):
    """Under filters that refuse system calls the next best is used, named with its reason, and the numbers stay right."""

    def test_perf_events(self):
        """EPERM, EACCES and ENOSYS: CPU timers below the tick, the sampler above; the filter is named."""
        for error in ("EPERM", "EACCES", "ENOSYS"):
            for rate_hz, delivery in ((100, "cpu-timer"), (1000, "sampler")):
                with self.subTest(error=error, rate_hz=rate_hz):
                    finished, path = self.scored(self.filtered(f"perf_event_open={error}"), "two_to_one",
                                                 long_or(10, 1), rate_hz=rate_hz, max_unsampled=40)
                    self.assert_said(finished, r"perf events refused .*seccomp filter.* at most \d+ Hz")
                    self.assertEqual(self.comment(path, "delivery"), delivery)

    def test_timers_too(self):
        """No perf events, no timers: the sampler at any rate."""
        finished, path = self.scored(self.filtered("perf_event_open=EPERM,timer_create=EPERM"), "threads_60_40",
                                     long_or(10, 1.5), rate_hz=200, max_unsampled=40)
        self.assert_said(finished, "CPU timers too; using the sampler")
        self.assertEqual(self.comment(path, "delivery"), "sampler")

    def test_nothing_left(self):
        """No delivery at all: one line says so, the program ends as ever, its whole time is [unsampled]."""
        finished, path = self.run_filtered("perf_event_open=EPERM,timer_create=EPERM,rt_tgsigqueueinfo=EPERM")
        self.assert_said(finished, "signals are refused .*nothing is sampled")
        truth = scorer.read_truth(finished.out)
        self.assert_sum(path, truth["cpu_ns"] / 1e9, within=0.05)
        self.assertTrue(all(stack.is_unsampled for stack in self.stacks(path).stacks))

    def run_filtered(self, calls):
        path = self.folder / "x.pb.gz"
        finished = self.run_command(*self.filtered(calls), PPROFC, "run", "-f", "-F", "1000", "-o", path, "--",
                                    self.program("two_to_one"), "0.3")
        self.assertEqual(finished.status, 0, finished.err)
        return finished, path

    def test_calls_we_can_do_without(self):
        """process_vm_readv, close_range, unshare or memfd_create refused: the profile is as ever."""
        for calls in ("process_vm_readv=EPERM", "process_vm_readv=ENOSYS", "close_range=ENOSYS", "close_range=EPERM",
                      "unshare=EPERM", "memfd_create=EPERM"):
            with self.subTest(calls=calls):
                self.scored(self.filtered(calls), "two_to_one", long_or(5, 0.5), max_unsampled=40)

    def test_calls_we_need(self):
        """Without a way to a descriptor table of its own, or to memory, nothing is profiled: one clear line, the program runs."""
        for calls, said in (("close_range=EPERM,unshare=EPERM", "descriptor table of its own: close_range and unshare"),
                            ("fallocate=EPERM", "no shared memory for the recording")):
            with self.subTest(calls=calls):
                finished, path = self.run_filtered(calls)
                self.assert_said(finished, said)
                self.assertIn('"phases"', finished.out)
                self.assertFalse(path.exists())


class Hazard53AchievedRate(Delivered):
    """What a delivery achieves is in the profile, and in the last lines when it is a tenth below what was asked."""

    def test_capped(self):
        """Timers asked for 1000 Hz give the kernel's tick at most: the line says how many samples a CPU second it was."""
        finished, path = self.scored((), "two_to_one", long_or(10, 1.5), env=clean_environment(PPROFC_DELIVERY="cpu-timer"),
                                     max_unsampled=40)
        found = re.search(r"(\d+) of (\d[\d ]*) samples a CPU second", finished.err)
        self.assertIsNotNone(found, finished.err)
        achieved = int(self.comment(path, "delivered")) / (int(self.comment(path, "sampled_ns")) / 1e9)
        self.assertAlmostEqual(int(found.group(1)), achieved, delta=1)
        self.assertEqual(found.group(2).replace(" ", ""), "1000")
        self.assertAlmostEqual(float(self.comment(path, "delivered_hz")), achieved, delta=1)

    def test_said_when_it_is_so(self):
        """What is a tenth below is said, what is not is not, whatever the machine let it be."""
        for rate_hz in (100, 200):
            finished, path = self.scored((), "two_to_one", long_or(10, 1.5), rate_hz=rate_hz)
            delivered_hz = float(self.comment(path, "delivered_hz"))
            if abs(delivered_hz - 0.9 * rate_hz) > 0.01 * rate_hz:
                self.assertEqual("samples a CPU second" in finished.err, delivered_hz < 0.9 * rate_hz, finished.err)


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, and setpriv to become nobody")
class Hazard56Unprivileged(Delivered):
    """An ordinary user may not sample the kernel: nothing of the sample is thrown away for that."""

    def test_write_bound(self):
        """A write()-bound program as nobody: its samples end in write, and no time is lost."""
        os.chmod(self.folder, 0o777)
        nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
        path = self.folder / "out.pb.gz"
        finished = self.run_command(*nobody, PPROFC, "run", "-f", "-F", "1000", "-o", path, "--", self.program("writer"),
                                    long_or(10, 1))
        self.assertEqual(finished.status, 0, finished.err)
        truth = scorer.read_truth(finished.out)
        self.assert_sum(path, truth["cpu_ns"] / 1e9, within=0.02)
        self.assertGreater(self.share(self.stacks(path), re.compile(r"write(64)?$")), 0.85)
        self.assertGreater(int(self.comment(path, "delivered")), 20)


class Hazard81Affinity(Delivered):
    """Threads that change their CPUs all the time, or are moved from outside, keep their totals and shares."""

    def test_from_inside(self):
        """sched_setaffinity every few milliseconds, under each delivery: the sum is right."""
        for delivery in DELIVERIES:
            with self.subTest(delivery=delivery):
                self.scored((), "wanderer", long_or(10, 1), max_unsampled=40,
                            env=clean_environment(PPROFC_DELIVERY=delivery))

    @unittest.skipUnless(shutil.which("taskset"), "no taskset")
    def test_from_outside(self):
        """taskset -p again and again during a run, and one CPU for all: the sum is right."""
        path = self.folder / "out.pb.gz"
        child = self.start(PPROFC, "run", "-f", "-F", "1000", "-o", path, "--", self.program("threads_60_40"), long_or(10, 2))
        cpus = sorted(os.sched_getaffinity(0))
        turn = 0
        while child.poll() is None:
            for entry in self.tasks_of("threads_60_40", child.pid):
                try:
                    os.sched_setaffinity(entry, {cpus[turn % len(cpus)]})
                except OSError:
                    pass
            turn += 1
            self.run_command("taskset", "-p", "-c", str(cpus[turn % len(cpus)]), child.pid)
        finished = self.finish(child)
        self.assertEqual(finished.status, 0, finished.err)
        result = scorer.score(self.stacks(path), scorer.read_truth(finished.out))
        self.assertTrue(result.is_ok, scorer.show(result))
        self.assertGreater(turn, 5)

    @staticmethod
    def tasks_of(name, session):
        """Every thread of the session's processes called 'name' (cut to 15 letters, as the kernel has it)."""
        for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                    text = file.read()
                if f"({name[:15]})" in text and int(text.rpartition(")")[2].split()[3]) == session:
                    yield from (int(tid) for tid in os.listdir(f"/proc/{pid}/task"))
            except OSError:
                continue


class Hazard26BlockedSignal(Delivered):
    """A thread that blocks our signal lives, is named with its CPU seconds, and its time is under [unsampled]."""

    def test_blocked(self):
        """Every signal blocked: named and unsampled.  SIGTRAP alone: sampled by another signal.  None: as ever."""
        path = self.folder / "out.pb.gz"
        # Long enough for the helper's look, once a second, to meet the thread that can have another signal.
        finished, path = self.run_profiled("-F", "1000", "--", self.program("blocker"), long_or(5, 1.5))
        truth = {row["name"]: row["cpu_ns"] for row in scorer.read_truth(finished.out)["phases"]}
        self.assert_said(finished, r"1 thread blocks SIGTRAP.*: deaf \(\d+\); .* of CPU is under \[unsampled\]")
        of_thread = {name: {True: 0, False: 0} for name in truth}
        for stack in self.stacks(path).stacks:
            if stack.thread in of_thread:
                of_thread[stack.thread][stack.is_unsampled] += stack.weight
        for name, cpu_ns in truth.items():
            self.assertAlmostEqual(sum(of_thread[name].values()) / cpu_ns, 1, delta=0.02, msg=name)
        self.assertGreater(of_thread["deaf"][True] / truth["deaf"], 0.95)
        self.assertGreater(of_thread["hard"][False] / truth["hard"], 0.5)
        self.assertLess(of_thread["open"][True] / truth["open"], 0.1)


class BlocksTimersSignal(Delivered):
    """A thread that got a CPU timer, as it spends much in the kernel, and blocks SIGPROF then, gets its perf event back."""

    def test_blocked(self):
        finished, path = self.run_profiled("-F", "100", "--", self.program("kernel_time"), long_or(10, 4), 0, "block")
        cpu_s = scorer.read_truth(finished.out)["cpu_ns"] / 1e9
        self.assert_sum(path, cpu_s, within=0.02)
        stacks = self.stacks(path).stacks
        self.assertLess(sum(stack.weight for stack in stacks if stack.is_unsampled) / 1e9, 0.3 * cpu_s)
        # A second of the timer before; then half of the time is out of the kernel, and two seconds may go before it is seen.
        self.assertGreater(sum(stack.n_samples for stack in stacks), 100 + 0.5 * 100 * (cpu_s - 3) / 2)


class IgnoresTimersSignal(Delivered):
    """A program that has SIGPROF ignored behind our back, while threads have CPU timers, is sampled on."""

    def test_ignored(self):
        finished, path = self.run_profiled("-F", "100", "--", self.program("kernel_time"), long_or(10, 3), 0, "ignore")
        cpu_s = scorer.read_truth(finished.out)["cpu_ns"] / 1e9
        self.assert_sum(path, cpu_s, within=0.02)
        # A second before, at fifty samples or more as it had an event at first; half a second may go until it is seen.
        self.assertGreater(sum(stack.n_samples for stack in self.stacks(path).stacks), 50 + 60 * (cpu_s - 2))


class Hazard27OwnedSignal(Delivered):
    """The program owns SIGTRAP: by libc nothing changes, behind our back it gets it to itself and samples come by SIGPROF."""

    def taken(self, how):
        finished, path = self.run_profiled("-F", "200", "--", self.program("taker"), how, long_or(5, 1.5))
        truth = scorer.read_truth(finished.out)
        self.assert_sum(path, truth["cpu_ns"] / 1e9, within=0.02)
        delivered = int(self.comment(path, "delivered"))
        self.assertGreater(delivered, 50)
        return finished, path, truth

    def test_through_libc(self):
        """A handler gets its own and none of ours; SIG_IGN and SIG_DFL, as Python sets at its end, change nothing."""
        for how in ("handler", "ignore", "default"):
            with self.subTest(how=how):
                _, path, truth = self.taken(how)
                self.assertEqual(self.comment(path, "delivery"), "perf-sigtrap")
                self.assertEqual((truth["n_own"], truth["n_foreign"]), (20 if how == "handler" else 0, 0))

    def test_by_raw_system_call(self):
        """The helper notices, leaves SIGTRAP to the program and goes on with SIGPROF, which it says."""
        for how in ("raw_handler", "raw_ignore"):
            with self.subTest(how=how):
                finished, path, truth = self.taken(how)
                self.assertEqual(self.comment(path, "delivery"), "perf-signal")
                self.assert_said(finished, "the program took SIGTRAP for itself; using perf signals")
                self.assertEqual(truth["n_own"], 20 if how == "raw_handler" else 0)


@unittest.skipUnless(shutil.which("gdb"), "no gdb")
@not_sanitized("gdb would have the runtime preloaded too")
class Hazard87Debugger(Delivered):
    """Under a debugger, from the start or later, breakpoints work, no stop is ours, and the profile is as ever."""

    def gdb(self, *arguments):
        return ("gdb", "-q", "-nx", "-batch", "-iex", "set debuginfod enabled off", *arguments)

    def test_from_the_start(self):
        """A script of gdb's that stops at a breakpoint and goes on: its output, the program's status, the profile."""
        preload = PPROFC.parent / "libpprofc-preload.so"
        path = self.folder / "out.ppc"
        finished = self.run_command(
            *self.gdb("-ex", f"set environment LD_PRELOAD {preload}", "-ex", "set environment PPROFC cpu",
                      "-ex", "set environment PPROFC_FREQUENCY 200", "-ex", f"set environment PPROFC_OUTPUT {path}",
                      "-ex", "break truth_print", "-ex", f"run {long_or(5, 1)}", "-ex", "echo reached\\n", "-ex", "continue",
                      self.program("two_to_one")))
        self.assertRegex(finished.out, r"Breakpoint 1, truth_print")
        self.assertIn("reached", finished.out)
        self.assertRegex(finished.out, r"exited normally")
        self.assertNotIn("received signal", finished.out)
        profile = self.folder / "out.pb.gz"
        self.assertEqual(self.pprofc("convert", path, profile).status, 0)
        self.assertEqual(self.comment(profile, "delivery"), "perf-signal")
        result = scorer.score(self.stacks(profile), scorer.read_truth(finished.out))
        self.assertEqual([text for text in result.problems if "periods a thread" not in text], [])

    def test_attach_and_detach(self):
        """gdb attaches in the middle, looks at a stop for a second, lets it run, detaches: the program ends as ever, the total and
        the shares are right."""
        path = self.folder / "out.pb.gz"
        child = self.start(PPROFC, "run", "-f", "-F", "100", "-o", path, "--", self.program("two_to_one"), long_or(10, 4))
        pid = self.wait_for_program("two_to_one", child)
        shown = self.run_command(*self.gdb("-p", pid, "-ex", "break light", "-ex", "continue", "-ex", "shell sleep 1",
                                           "-ex", "continue 20", "-ex", "continue 20", "-ex", "delete", "-ex", "detach"))
        finished = self.finish(child, timeout_s=120)
        self.assertEqual(finished.status, 0, finished.err + shown.out + shown.err)
        self.assertRegex(shown.out, r"hit Breakpoint 1, light")
        print("stops of gdb that were ours:", shown.out.count("received signal SIGTRAP"), flush=True)
        self.assert_said(finished, "a debugger attached")
        truth = scorer.read_truth(finished.out)
        result = scorer.score(self.stacks(path), truth)
        self.assertEqual([text for text in result.problems if "periods a thread" not in text], [], scorer.show(result))

    def wait_for_program(self, name, child):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and child.poll() is None:
            for tid in Hazard81Affinity.tasks_of(name, child.pid):
                time.sleep(0.3)
                return tid
            time.sleep(0.02)
        self.fail("the program did not start")
        return 0


class Throttling(Delivered):
    """Time in which the program's control group was kept from the CPU is counted and shown: no profile of CPU time shows it."""

    def make_group(self):
        """A control group with a fifth of a CPU: its folder; version 1 or 2."""
        for parent, limits in (("/sys/fs/cgroup/cpu", (("cpu.cfs_quota_us", "20000"), ("cpu.cfs_period_us", "100000"))),
                               ("/sys/fs/cgroup/cpu,cpuacct", (("cpu.cfs_quota_us", "20000"), ("cpu.cfs_period_us", "100000"))),
                               ("/sys/fs/cgroup", (("cpu.max", "20000 100000"),))):
            folder = os.path.join(parent, f"pprofc-test-{os.getpid()}")
            try:
                os.mkdir(folder)
            except OSError:
                continue
            self.addCleanup(os.rmdir, folder)
            try:
                for name, value in limits:
                    with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                        file.write(value)
                return folder
            except OSError:
                continue
        self.skipTest("may not make a control group with a CPU limit")
        return None

    def test_real_group(self):
        """In a group with a fifth of a CPU: as often and as long as its cpu.stat says, in the line, the file and the JSON."""
        folder = self.make_group()
        into = f"echo $$ > {folder}/cgroup.procs && exec \"$@\""
        finished, path = self.scored(("sh", "-c", into, "sh"), "two_to_one", long_or(3, 0.4), rate_hz=200)
        figures = dict(line.split() for line in open(os.path.join(folder, "cpu.stat"), encoding="ascii"))
        n = int(self.comment(path, "throttled"))
        self.assertGreater(n, 3)
        self.assertLessEqual(n, int(figures["nr_throttled"]))
        self.assert_said(finished, rf"throttled {n} times for ")
        whole_ns = int(figures.get("throttled_time", 0)) or 1000 * int(figures["throttled_usec"])
        self.assertLessEqual(int(self.comment(path, "throttled_ns")), whole_ns)
        # The command itself runs in the group too, before and after the program, so the program is held against its own time:
        # what it did not run it was throttled for, but for waits for a CPU and for the disk, and the period at each end.
        waited_ns = self.read_profile(path).duration_ns - scorer.read_truth(finished.out)["cpu_ns"]
        self.assertGreater(int(self.comment(path, "throttled_ns")), 0.6 * waited_ns - 200_000_000)

    def test_to_the_end(self):
        """What the group counted until the program's last moment, however soon that was."""
        stat = self.folder / "cpu.stat"
        for length in ("0", "1.6"): # before the helper's first look at it, and after
            with self.subTest(length=length):
                stat.write_text("nr_periods 9\nnr_throttled 5\nthrottled_usec 1000\n")
                changes = f"sleep {length}; echo 'nr_throttled 12' > {stat}; echo 'throttled_usec 41000' >> {stat}"
                _, path = self.run_profiled("--", "bash", "-c", changes, env=clean_environment(PPROFC_CGROUP=self.folder))
                self.assertEqual(self.comment(path, "throttled"), "7")
                self.assertEqual(self.comment(path, "throttled_ns"), "40000000")

    def test_not_throttled(self):
        """A group that is not throttled is in the file with 0 and in no line; one without figures is in neither."""
        for text, wanted in (("nr_periods 9\nnr_throttled 5\nthrottled_usec 1000\n", "0"), ("usage_usec 1\n", None)):
            with self.subTest(text=text):
                (self.folder / "cpu.stat").write_text(text)
                finished, path = self.run_profiled("--", self.program("two_to_one"), "0.1",
                                                   env=clean_environment(PPROFC_CGROUP=self.folder))
                self.assertEqual(self.comment(path, "throttled"), wanted)
                self.assertNotIn("throttled", finished.err)


if __name__ == "__main__":
    unittest.main()
