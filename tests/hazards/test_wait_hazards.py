"""Hazards 14, 22, 23, 26, 51 and 60 of hazards.md where waits and locks are followed, 5, 12, 13, 24 and 30 again with these
kinds on, and what else programs do with blocking calls that hooks around them must survive (tests/programs/wait_traps.c)."""
import json
import os
import re
import signal
import shutil
import subprocess
import time
import unittest

from end_to_end.harness import IS_LONG, IS_SANITIZED, PPROFC, clean_environment, long_or, pprof_read
from end_to_end.wait_runs import (CONDITION, CPU, FUTEX, LOCK, MUTEX, OFFCPU, READ, RUN_QUEUE, SLEEP, THROTTLED, WAIT,
                                    WaitRuns, stolen_ns)
from hazards import test_delivery_hazards as delivery
from hazards import test_handler_hazards as handlers
from hazards import test_process_hazards as processes
from hazards import test_stack_hazards as stacks

TIME_LIMIT_S = 1800
ALL = "cpu,offcpu,lock"
PIPE = 4  # enum pp_rec_descriptor
JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"


class WithWaits:
    """Whatever a test runs by `pprofc run` it runs with waits and locks followed too."""

    def setUp(self):
        super().setUp()
        if IS_SANITIZED:
            self.skipTest("the hooks of waits stand behind the sanitizer's own")

    def run_profiled(self, *args, **more):
        """Gives the profile of CPU time: each kind has a file of its own."""
        finished, path = super().run_profiled("-k", ALL, *args, **more)
        return finished, path.with_name(path.name.replace("out.", "out.cpu."))

    def pprofc(self, *args, **more):
        kinds = ("-k", ALL) if args[0] == "run" and "-k" not in args else ()
        return super().pprofc(args[0], *kinds, *args[1:], **more)


class Hazard05WithWaits(WithWaits, handlers.Hazard05WildReads):
    """Stacks that lead into changing memory, with waits."""


class Hazard12WithWaits(WithWaits, stacks.Hazard12StackUse):
    """The smallest stacks, with waits."""


class Hazard13WithWaits(WithWaits, stacks.Hazard13Coroutines):
    """Coroutines, with waits."""


class Hazard14WithWaits(WithWaits, stacks.Hazard14ForeignThreads):
    """Threads that libc knows nothing of, with waits."""


class Hazard24WithWaits(WithWaits, processes.Hazard24BigFork):
    """Forks of much memory, with waits."""


class Hazard30WithWaits(WithWaits, processes.Hazard30Vfork):
    """vfork and posix_spawn, with waits."""


class Hazard25SignalsDenied(WaitRuns):
    """Calls that give up when a signal is pending (getrandom of much, bpf): a program that cannot have that pauses, or has a thread left out."""

    def answers(self, how, delivery):
        finished = self.run_command(self.program("short_answers"), how, long_or(5, 0.5), env=clean_environment(PPROFC_DELIVERY=delivery))
        self.assertEqual(finished.status, 0, finished.err)
        said = json.loads(finished.out)
        self.assertGreater(said["n"], 20)
        return said

    def test_pause_and_opt_out(self):
        """Perf events, which fire in the program's own code alone, cut no answer short; nor does anything while it is paused, or in a thread that is ignored."""
        self.assertEqual(self.answers("on", "perf-sigtrap")["n_short"], 0)
        print(f"cpu-timer: {self.answers('on', 'cpu-timer')} while it is profiled", flush=True)  # 0 where the kernel sends their signals on its way back
        for delivery in ("cpu-timer", "perf-sigtrap"):
            for how in ("paused", "ignored"):
                with self.subTest(delivery=delivery, how=how):
                    self.assertEqual(self.answers(how, delivery)["n_short"], 0)


class Hazard22InterruptedWaits(WaitRuns):
    """Fifteen kinds of blocking calls at 1000 Hz with all kinds on: none is interrupted, none ends before its time."""

    def check(self, program, **settings):
        finished, facts = self.record(self.program(program), long_or(60, 5), kinds=ALL, rate_hz=1000,
                                      timeout_s=long_or(200, 60), **settings)
        calls = json.loads(finished.out)
        self.assertEqual(len(calls), 15)
        for name, (n, n_interrupted, n_early, n_failed) in calls.items():
            self.assertGreater(n, 50, name)
            self.assertEqual((n_interrupted, n_early, n_failed), (0, 0, 0), f"{name}, of {n}")
        n_cpu, n_waits = self.count(facts, CPU), self.count(facts, OFFCPU)
        print(f"{program}: {sum(n for n, *_ in calls.values())} calls, {n_cpu} samples of CPU, {n_waits} waits", flush=True)
        self.assertGreater(n_cpu, 100)
        self.assertGreater(n_waits, 100)

    def test_preloaded(self):
        self.check("wait_eintr")

    def test_linked(self):
        self.check("wait_eintr_linked", preloads=())


class Hazard23IdleThreads(WaitRuns):
    """2 000 threads that wait cost less than 1 % of a CPU in all, and are not woken."""

    def measure(self, kinds, seconds):
        finished = self.run_command(self.program("wait_traps"), "idlers", 2000, seconds,
                                    env=self.environment(kinds=kinds, rate_hz=100), timeout_s=120)
        self.assertEqual(finished.status, 0, finished.err)
        shown = json.loads(finished.out.splitlines()[0])
        print(f"2000 idle threads, {kinds}, {seconds} s: {shown['cpu_us'] / seconds / 1e4:.3f} % of a CPU, "
              f"{shown['n_switches'] / seconds:.0f} switches a second", flush=True)
        self.assertLess(shown["n_switches"], 2000)  # not one for each
        return shown["cpu_us"] / 1e6 / seconds

    def test_cost(self):
        """At 100 Hz; the switches of the whole process are the helper's and the main thread's.  On a machine that is shared
        (CI) what waits and locks add is looked at, else all."""
        seconds = long_or(30, 5)
        before, after = self.measure("cpu", seconds), self.measure(ALL, seconds)
        self.assertLess(after - before, 0.01)
        if IS_LONG:
            self.assertLess(after, 0.01)


class Hazard26BlockedSignals(WaitRuns):
    """Waits need no signal: with all of them blocked they are as true as ever."""

    def test_truth(self):
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPROF, signal.SIGTRAP, signal.SIGUSR1})
        try:
            finished, facts = self.record(self.program("wait_truth"))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        truth = dict(line.split() for line in finished.out.splitlines())
        for name in ("sleeper", "reader", "locker", "waiter"):
            self.assert_waited(facts, self.sum_ns(facts, OFFCPU, function=name), int(truth[name]), 0.05, name)


class Hazard60Labels(WaitRuns):
    """Two threads change their label 10 000 times a second, with CPU time, waits and locks followed: no sample of any kind has
    another thread's label, or one of before."""

    KINDS = {"cpu": ("spin",), "wait": ("sleep", "read", "take", "unseen"), "delay": ("take",), "holder_delay": ("drop",)}

    def samples(self, sample_type):
        path = self.folder / f"{sample_type}.pb.gz"
        converted = self.pprofc("convert", "-q", "--sample", sample_type, "-f", self.folder / "wait.ppc", path)
        self.assertEqual(converted.status, 0, converted.err)
        profile = pprof_read.read(path)
        value = profile.type_index(sample_type)
        return [sample for sample in profile.samples if sample.values[value] > 0]

    def check(self, sample_type, functions):
        """How many samples there were of each function, without its color; a stack by none of them has no color to be wrong."""
        seen, workers = dict.fromkeys(functions, 0), {}
        for sample in self.samples(sample_type):
            worker = sample.labels.get("worker")
            if worker is not None:
                thread = sample.labels["thread_id"]
                self.assertEqual(workers.setdefault(worker, thread), thread, f"{worker} in two threads")
            for frame in sample.frames:
                function, _, color = frame.function.partition("_")
                if color in ("red", "blue", "none") and function != "work":
                    self.assertEqual(sample.labels.get("color", "none"), color, f"{sample_type}: {frame.function}")
                    self.assertIn(worker, ("first", "second"))
                    seen[function] = seen.get(function, 0) + 1
            if sample.frames[0].function.startswith("["):  # [run queue], [unattributed]: of more than one color
                self.assertNotIn("color", sample.labels, sample.frames)
        print(f"{sample_type}: {seen}", flush=True)
        self.assertEqual(sorted(workers), ["first", "second"], sample_type)
        return seen

    def test_switching(self):
        """Samples of all four kinds; of waits that no hook sees those are there that a look has met."""
        finished, facts = self.record(self.program("label_waits"), 2, kinds=ALL, preloads=(), rate_hz=1000)
        self.assertGreater(min(map(float, finished.out.split())), 1000 if IS_SANITIZED else 2000)
        print(f"changes a second: {finished.out.strip()}", flush=True)
        for sample_type, functions in self.KINDS.items():
            with self.subTest(sample_type=sample_type):
                seen = self.check(sample_type, functions)
                self.assertEqual([name for name in functions if seen[name] == 0 and name != "unseen"], [])
        self.assertEqual(sum(facts["n_losses"]), 0)


class Hazard51Conflicts(WaitRuns):
    """The hooks stand beside another allocator and behind and before other preloads: no deadlock, no wait missed."""

    @unittest.skipUnless(os.path.exists(JEMALLOC), "there is no jemalloc")
    def test_jemalloc(self):
        for preloads in ((WAIT, JEMALLOC), (JEMALLOC, WAIT)):
            with self.subTest(preloads=preloads):
                finished, facts = self.record(self.program("wait_locks"), "mutex", 4, 2, preloads=preloads)
                self.assert_within(facts["delay_ns"], json.loads(finished.out)["waited_ns"], 0.1)
                self.record(self.program("wait_truth_std"), preloads=preloads)

    def build(self, text, *arguments, name="program"):
        gcc = shutil.which("gcc")
        if gcc is None:
            self.skipTest("there is no gcc")
        source = self.folder / f"{name}.c"
        source.write_text(text)
        subprocess.run([gcc, "-O2", "-g", "-pthread", "-o", self.folder / name, source, *arguments], check=True)
        return self.folder / name

    def test_fortified(self):
        """A program with _FORTIFY_SOURCE=2 calls libc by other names."""
        program = self.build(FORTIFIED, "-D_FORTIFY_SOURCE=2")
        finished, facts = self.record(program)
        truth = dict(line.split() for line in finished.out.splitlines())
        for function, kind in (("by_read", READ), ("by_poll", None), ("by_recv", None)):
            seen = self.events(facts, OFFCPU, function=function)
            self.assertEqual(sum(event["count"] for event in seen), 1, f"{function}: {facts['events']}")
            seen_ns = sum(event["ns"] for event in seen)
            self.assertGreaterEqual(seen_ns, 150e6)
            self.assert_waited(facts, seen_ns, int(truth[function]), 0.02, function)
            self.assertTrue(kind is None or seen[0]["kind"] == kind)

    def test_library_loaded_later(self):
        """A library that is opened later waits in calls of its own, preloaded."""
        self.build(LOADED, "-shared", "-fPIC", name="late.so")
        program = self.build(LOADS, "-ldl")
        finished, facts = self.record(program, self.folder / "late.so")
        seen_ns = self.sum_ns(facts, OFFCPU, function="wait_in_library")
        self.assertEqual(self.count(facts, OFFCPU, function="wait_in_library"), 1)
        self.assertGreaterEqual(seen_ns, 250e6)
        self.assert_waited(facts, seen_ns, int(finished.out), 0.02)

    def test_own_interposer(self):
        """A program that has a nanosleep of its own: it is called, once a call."""
        program = self.build(INTERPOSES, "-ldl")
        finished, _ = self.record(program)
        self.assertEqual(finished.out, "10\n")


FORTIFIED = r"""
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static int ends[2], pair[2];
static atomic_int waits; /* or is just about to */
static volatile size_t n = 1; /* else the compiler knows that it fits */
static long now_ns(void) { struct timespec now; clock_gettime(CLOCK_MONOTONIC, &now); return now.tv_sec * 1000000000L + now.tv_nsec; }
static void *feed(void *unused) { while (!waits) usleep(1000); usleep(200000); if (write(ends[1], "x", 1) != 1 || send(pair[1], "x", 1, 0) != 1) abort(); return unused; }
__attribute__((noinline)) static void by_read(void) { char room[8]; if (read(ends[0], room, n) != 1) abort(); __asm__ volatile(""); }
__attribute__((noinline)) static void by_recv(void) { char room[8]; if (recv(pair[0], room, n, 0) != 1) abort(); __asm__ volatile(""); }
__attribute__((noinline)) static void by_poll(void) { struct pollfd one[2] = {{ends[0], POLLIN, 0}, {-1, 0, 0}}; if (poll(one, n, 5000) != 1) abort(); __asm__ volatile(""); }
static void run(const char *name, void (*wait_)(void), int reads_pipe, int reads_pair)
{
    pthread_t thread; char byte; long begin;
    pthread_create(&thread, NULL, feed, NULL);
    begin = now_ns();
    waits = 1;
    wait_();
    printf("%s %ld\n", name, now_ns() - begin);
    waits = 0;
    pthread_join(thread, NULL);
    if (reads_pipe && read(ends[0], &byte, 1) != 1) abort();
    if (reads_pair && recv(pair[0], &byte, 1, 0) != 1) abort();
}
int main(void)
{
    if (pipe(ends) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) abort();
    run("by_read", by_read, 0, 1); run("by_recv", by_recv, 1, 0); run("by_poll", by_poll, 1, 1);
    return 0;
}
"""
LOADED = r"""
#include <time.h>
void wait_in_library(void);
__attribute__((noinline)) void wait_in_library(void)
{
    struct timespec time = {0, 300000000};
    nanosleep(&time, NULL);
    __asm__ volatile("");
}
"""
LOADS = r"""
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
static long now_ns(void) { struct timespec now; clock_gettime(CLOCK_MONOTONIC, &now); return now.tv_sec * 1000000000L + now.tv_nsec; }
int main(int argc, char **argv)
{
    long begin;
    void *library = dlopen(argv[argc - 1], RTLD_NOW);
    if (library == NULL) return 1;
    void (*wait_)(void) = (void (*)(void))dlsym(library, "wait_in_library");
    begin = now_ns();
    wait_();
    printf("%ld\n", now_ns() - begin);
    return 0;
}
"""
INTERPOSES = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>
static int n;
int nanosleep(const struct timespec *time, struct timespec *left)
{
    int (*next)(const struct timespec *, struct timespec *) = (int (*)(const struct timespec *, struct timespec *))dlsym(RTLD_NEXT, "nanosleep");
    n++;
    return next(time, left);
}
int main(void)
{
    struct timespec time = {0, 20000000};
    for (int i = 0; i < 10; i++) nanosleep(&time, NULL);
    printf("%d\n", n);
    return 0;
}
"""


class Traps(WaitRuns):
    """What programs do with blocking calls: they behave as without us, and the time adds up."""

    def check(self, *arguments, kinds=(("offcpu,lock", None), (ALL, 1000)), ways=(("", (WAIT,)), ("_linked", ()))):
        """In each way of having the hooks; gives the facts of each, and what the program has said besides its output."""
        found = []
        plain = self.run_command(self.program("wait_traps"), *arguments)
        self.assertEqual(plain.status, 0, plain.err)
        for kind, rate_hz in kinds:
            for suffix, preloads in ways:
                with self.subTest(kind=kind, suffix=suffix):
                    finished, facts = self.record(self.program("wait_traps" + suffix), *arguments, kinds=kind, rate_hz=rate_hz,
                                                  preloads=preloads)
                    self.assertEqual(finished.out, plain.out)
                    self.assert_adds_up(facts)
                    found.append(facts | {"said": finished.err})
        return found

    def run_all(self, *arguments):
        self.assertEqual(len(self.check(*arguments)), 4)

    def test_longjmp_out_of_a_wait(self):
        """The time after it is no wait; the next wait is its own."""
        for facts in self.check("jumps"):
            [slept_ns] = map(int, re.findall(r"^slept for (\d+) ns$", facts["said"], re.M))
            self.assertGreaterEqual(slept_ns, 300e6)
            self.assert_waited(facts, self.sum_ns(facts, OFFCPU, function="sleep_after_jump"), slept_ns, 0.01)
            self.assertEqual(self.sum_ns(facts, OFFCPU, function="work_after_jump"), 0)

    def test_cancelled_in_a_wait(self):
        """Cleanup handlers run, threads end, locks are had."""
        self.run_all("cancels")

    def test_children_of_threads(self):
        """fork, and vfork with exec, among threads that contend."""
        self.run_all("forks", long_or(600, 40))

    def test_destructors_that_wait(self):
        """The end of thread-local storage blocks, after our own."""
        self.run_all("destructors")

    def test_errno(self):
        """Kept by what succeeds, told by what fails."""
        self.run_all("errors")

    def test_unmapped_locks(self):
        """A lock's memory is gone when its unlock returns."""
        self.run_all("unmaps", long_or(20000, 1000))

    def test_kinds_of_locks(self):
        """What recursive, error-checking, robust and inheriting mutexes say, and locks for readers and writers."""
        self.run_all("kinds")

    def test_calls_in_handlers(self):
        """A handler comes upon calls, and makes some itself."""
        self.run_all("handlers", long_or(10, 1))

    def test_old_conditions(self):
        """pthread_cond_wait@GLIBC_2.2.5 is another function: it is not taken for the new one, and its waits are found by looks."""
        for facts in self.check("old_names"):
            self.assertEqual(self.events(facts, OFFCPU, kind=CONDITION), [])
        for kinds in ("offcpu,lock", "all"):
            finished = self.pprofc("run", "-q", "-k", kinds, "-f", "-o", self.folder / "old.ppc", "--", self.program("wait_traps"), "old_names")
            self.assertEqual((finished.status, finished.out), (0, "{}\n"), finished.err)

    def test_filters(self):
        """Behind a filter of system calls, by prctl() and by syscall(), none is made that the program does not make; the
        recording is read by the command."""
        for number in (1, 2):
            for kinds in ("offcpu,lock", ALL):
                with self.subTest(number=number, kinds=kinds):
                    path = self.folder / "filtered.ppc"
                    finished = self.pprofc("run", "-q", "-k", kinds, "-f", "-o", path, "--", self.program("wait_filter"),
                                           number)
                    self.assertEqual(finished.status, 0, finished.err)
                    facts = self.read_facts(path)
                    waits = self.events(facts, LOCK, function="wait_behind_filter")
                    self.assertEqual(len(waits), 1)
                    self.assertEqual({one["descriptor"] for one in self.events(facts, OFFCPU, kind=READ)}, {0})  # not asked

    def test_unseen_waits(self):
        """What no hook sees the helper does, ever more seldom: up to a third of it goes by after its last look, unattributed."""
        for facts in self.check("unseen"):
            seen = self.sum_ns(facts, OFFCPU, function="wait_unseen")
            self.assertLessEqual(seen, 3.5e9 * 1.01)
            self.assertGreater(seen, 3.5e9 * 0.5)
            self.assertEqual({event["kind"] for event in self.events(facts, OFFCPU, function="wait_unseen")}, {SLEEP})


class Throttled(WaitRuns):
    """In a control group with a fifth of a CPU two threads that work are throttled as long as its cpu.stat says; that is told
    apart from other time in run queues, and from what a third one sleeps."""

    def test_real_group(self):
        """The kernel's sum of all CPUs grows when a CPU is given back, a tenth of a second after it was taken: within 5 %."""
        folder, seconds = delivery.Throttling.make_group(self), long_or(10, 6)
        into = f"echo $$ > {folder}/cgroup.procs && exec \"$@\""
        recorded = [f"{name}={value}" for name, value in self.environment(kinds=ALL).items() if name == "LD_PRELOAD" or name.startswith("PPROFC")]
        before_ns = stolen_ns()
        finished = self.run_command("sh", "-c", into, "sh", "env", *recorded, self.program("throttled"), seconds, f"{folder}/cpu.stat",
                                    env=clean_environment())
        self.assertEqual(finished.status, 0, finished.err)
        truth_ns, facts, taken_ns = int(finished.out), self.read_facts(), stolen_ns() - before_ns
        workers = [self.thread(facts, name) for name in ("first", "second")]
        seen_ns = sum(one["throttled_ns"] for one in workers)
        print(f"throttled {seen_ns / 1e9:.3f} s of {truth_ns / 1e9:.3f} s by cpu.stat, {sum(one['run_queue_ns'] for one in workers) / 1e9:.3f} s "
              f"in run queues, of {2 * seconds} s", flush=True)
        self.assertGreater(truth_ns, 0.2e9 * seconds)
        self.assert_within(seen_ns, truth_ns, 0.05)
        for one in workers:
            self.assertLessEqual(one["throttled_ns"], one["run_queue_ns"])
            self.assert_within(one["cpu_ns"] + one["run_queue_ns"] + min(one["unattributed_ns"], taken_ns), one["wall_ns"], 0.01)
            number = facts["threads"].index(one)
            by_kind = {kind: sum(event["ns"] for event in self.events(facts, OFFCPU, thread=number, kind=kind)) for kind in (RUN_QUEUE, THROTTLED)}
            self.assert_within(by_kind[THROTTLED], one["throttled_ns"], 0.01)
            self.assert_within(sum(by_kind.values()), one["run_queue_ns"], 0.01)
        sleeper = self.thread(facts, "sleeper")
        self.assertGreater(sleeper["blocked_ns"], 0.9 * sleeper["wall_ns"])
        self.assertLess(sleeper["throttled_ns"], 0.1 * sleeper["wall_ns"])
        self.assert_adds_up(facts)


class WhatIsUnderWay(WaitRuns):
    """A program that never ends its waits: who waits where is told when profiling ends, and when it is killed."""

    def test_deadlock(self):
        """Profiling ends after two seconds: each of two threads waits for the lock that the other has."""
        child = self.start(self.program("wait_traps"), "deadlock", env=self.environment(PPROFC_DURATION="2"))
        path = self.folder / "wait.ppc"
        deadline_s = time.monotonic() + 20
        while not path.exists():
            self.assertLess(time.monotonic(), deadline_s, self.text(child, 1))
            time.sleep(0.05)
        truth, facts = json.loads(self.text(child, 0)), self.read_facts()
        for function, lock in (("first_then_other", truth["other_mutex"]), ("other_then_first", truth["mutex"])):
            waits = self.events(facts, LOCK, function=function)
            self.assertEqual([one["lock"] for one in waits], [lock], function)
            self.assertEqual([one["kind"] for one in waits], [MUTEX])
            self.assertGreater(waits[0]["ns"], 1e9)
            self.assertAlmostEqual(self.sum_ns(facts, OFFCPU, function=function, kind=MUTEX), waits[0]["ns"], delta=1e6)
        self.assertGreater(self.sum_ns(facts, OFFCPU, function="main", kind=FUTEX), 1e9)  # main joins
        self.assert_adds_up(facts)

    def test_killed(self):
        """Killed by SIGKILL under `pprofc run`: the waits of before are in the profile, and nothing is made up."""
        path, before_ns = self.folder / "killed.ppc", stolen_ns()
        child = self.start(PPROFC, "run", "-q", "-k", "offcpu,lock", "-f", "-o", path, "--", self.program("wait_traps"), "deadlock")
        deadline_s = time.monotonic() + 20
        while not self.text(child, 0).endswith("}\n"):
            self.assertLess(time.monotonic(), deadline_s)
            time.sleep(0.05)
        time.sleep(3)
        os.kill(json.loads(self.text(child, 0))["pid"], signal.SIGKILL)
        self.finish(child)
        self.check_killed(self.read_facts(path), stolen_ns() - before_ns)

    def test_killed_in_waits(self):
        """Killed in waits that never end: each is there for half of what it has lasted at least, and the report says so."""
        path = self.folder / "killed.ppc"
        child = self.start(PPROFC, "run", "-q", "-k", "offcpu,lock", "-f", "-o", path, "--", self.program("killed_waits"))
        deadline_s = time.monotonic() + 20
        while not self.text(child, 0).endswith("}\n"):
            self.assertLess(time.monotonic(), deadline_s)
            time.sleep(0.02)
        time.sleep(2)
        os.kill(json.loads(self.text(child, 0))["pid"], signal.SIGKILL)
        self.finish(child)
        facts = self.read_facts(path)
        for function, kind, descriptor in (("sleep_for_ever", SLEEP, 0), ("read_for_ever", READ, PIPE), ("lock_for_ever", MUTEX, 0)):
            waits = self.events(facts, OFFCPU, function=function)
            self.assertEqual({(one["kind"], one["descriptor"]) for one in waits}, {(kind, descriptor)}, function)
            self.assertEqual(sum(one["count"] for one in waits), 1)
            seen_ns, row = sum(one["ns"] for one in waits), facts["threads"][waits[0]["thread"]]
            self.assertGreaterEqual(seen_ns, 1e9, function)
            self.assertLess(seen_ns, 3e9, function)
            self.assertLessEqual(seen_ns, row["wall_ns"])
            self.assertGreaterEqual(row["blocked_ns"], 0.99 * seen_ns)
            self.assertEqual(row["n_waits"], 1)
        held = self.events(facts, LOCK, function="lock_for_ever")
        self.assertEqual((sum(one["count"] for one in held), facts["n_contentions"]), (1, 1))
        self.assertGreaterEqual(sum(one["ns"] for one in held), 1e9)
        self.assert_within(sum(one["ns"] for one in held), facts["delay_ns"], 0.01)
        report = self.pprofc("report", "--sample", "wait", path)
        self.assertIn("4 in a recording that was cut off", report.out)
        again = self.pprofc("convert", "-q", "-f", "--sample", "wait", path, self.folder / "killed.pb.gz")
        self.assertEqual(again.status, 0, again.err)
        self.assertIn("4 in a recording that was cut off", self.pprofc("report", self.folder / "killed.pb.gz").out)

    def test_long_waits_end_well(self):
        """A lock and a pipe that are waited for so long that a part is recorded before: counted once, and all of the time is there."""
        for suffix, preloads in (("", (WAIT,)), ("_linked", ())):
            finished, facts = self.record(self.program("killed_waits" + suffix), "2.5", preloads=preloads)
            truth = json.loads(finished.out)
            for function, kind, descriptor in (("sleep_for_ever", SLEEP, 0), ("read_for_ever", READ, PIPE), ("lock_for_ever", MUTEX, 0)):
                waits = self.events(facts, OFFCPU, function=function)
                self.assertEqual({(one["kind"], one["descriptor"]) for one in waits}, {(kind, descriptor)}, function)
                self.assertEqual(sum(one["count"] for one in waits), 1)
                self.assertGreater(sum(one["n_events"] for one in waits), 1)  # or it proves nothing
                self.assert_waited(facts, sum(one["ns"] for one in waits), truth[function], 0.01, function)
            held = self.events(facts, LOCK, function="lock_for_ever")
            self.assertEqual((sum(one["count"] for one in held), facts["n_contentions"]), (1, 1))
            self.assert_within(sum(one["ns"] for one in held), truth["lock_for_ever"], 0.01)
            self.assert_within(facts["delay_ns"], truth["lock_for_ever"], 0.01)
            self.assert_adds_up(facts)

    def check_killed(self, facts, taken_ns):
        for function in ("first_then_other", "other_then_first"):
            sleeps = self.events(facts, OFFCPU, function=function, kind=SLEEP)
            self.assertEqual(sum(one["count"] for one in sleeps), 1)
            self.assertGreaterEqual(sum(one["ns"] for one in sleeps) / 1e6, 99)
            row = facts["threads"][sleeps[0]["thread"]]
            self.assertLessEqual(row["unattributed_ns"], 0.01 * row["wall_ns"] + taken_ns)


if __name__ == "__main__":
    unittest.main()
