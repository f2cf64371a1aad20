"""Hazards 4, 6, 10, 11, 12, 13, 14, 15 and 54 of hazards.md: stacks that are wrong, small, borrowed or strange, and
threads and copies that nobody told us of."""
import os
import platform
import re
import shutil
import subprocess
import unittest

from end_to_end.harness import BUILD, EndToEnd, built, clean_environment, long_or, not_sanitized, scorer

TIME_LIMIT_S = 10000


class Hazard(EndToEnd):
    """Base: time for the long form on a machine that does other things, too."""
    TIMEOUT_S = long_or(1800, 120)


class Hazard04HostileFrames(Hazard):
    """Code whose frames or unwind information are wrong costs the stack from there on, never the program."""
    RIGHT = ["trashed_rbp", "ordinary"]
    WRONG = ["odd_pushes", "rsp_relative", "odd_callee", "stale_information", "wild_cfa", "wild_expression",
             "no_progress"]

    def check(self, rate_hz):
        finished, path = self.run_profiled("-F", rate_hz, "--", self.program("asm_frames"), long_or(60, 1.5))
        stacks = [stack for stack in self.stacks(path).stacks if not stack.is_unsampled]
        total = sum(stack.n_samples for stack in stacks)
        for leaf in self.RIGHT + self.WRONG + ["wild_saves"]:
            self.assertGreater(sum(stack.n_samples for stack in stacks if stack.frames[0] == leaf), 0.01 * total, leaf)
        wrong = [stack.frames for stack in stacks if stack.frames[0] == "ordinary" and stack.frames[1] != "main"
                 or stack.frames[0] == "trashed_rbp" and stack.frames[1:3] != ["call_spinner", "main"]]
        self.assertEqual(wrong, [], "what has right information has right stacks")
        # Half the time is in seven functions of which most stacks end at once.
        self.assertGreater(self.quality(finished)["n_truncated"], 0.1 * total)
        self.assertEqual(self.quality(finished)["n_lost"], 0)

    def test_at_1000_hz(self):
        """Junk in rbp, odd pushes, no, stale or absurd unwind information at 1000 Hz: exits 0, truncated > 0."""
        self.check(1000)

    def test_at_10_khz(self):
        """The same at 10 kHz."""
        self.check(10000)


class Hazard06NestedSignals(Hazard):
    """A handler of the program's that walks and samples while it is sampled itself disturbs no other walk."""

    def test_walks_in_walks(self):
        """SIGUSR2 at 1 kHz walks and samples as hooks do, main() walks, at 1 and 10 kHz: always one stack."""
        for rate_hz in (1000, 10000):
            with self.subTest(rate_hz=rate_hz):
                finished = self.run_command(self.program("nested_walks"), long_or(60, 1), rate_hz)
                self.assertEqual(finished.status, 0, finished.err)
                truth = scorer.read_truth(finished.out)
                self.assertGreater(truth["n_walks"], 10000)
                self.assertGreater(truth["n_nested"], long_or(6000, 100))
                self.assertEqual((truth["n_changed"], truth["n_nested_cut"], truth["n_lost"]), (0, 0, 0))
                self.assertGreater(truth["n_samples"], truth["n_own_samples"])


class Hazard10SmallAlternateStack(Hazard):
    """A handler on an alternate stack is sampled without running over its end, and the stack stays the program's."""

    def check(self, *args):
        program = self.program("alternate_stack")
        seconds = long_or(60, 1)
        finished, path = self.run_profiled("-F", "1000", "--", program, seconds, *args)
        truth = scorer.read_truth(finished.out)
        self.assertGreater(truth["n_faults"], 100)
        self.assertEqual((truth["n_changed"], truth["n_written"], truth["is_as_set"]), (0, 0, True))
        return [stack for stack in self.stacks(path).stacks if not stack.is_unsampled]

    @not_sanitized("a sanitized handler takes more stack: with the frames of a CPU that has AVX-512 8192 bytes are too few")
    def test_sigstksz(self):
        """8192 bytes, what SIGSTKSZ is to most: nothing is written beyond, and stacks go on to main."""
        stacks = self.check(8192)
        inside = [stack for stack in stacks if stack.frames[0] == "on_fault"]
        n_inside = sum(stack.n_samples for stack in inside)
        self.assertGreater(n_inside, 0.3 * sum(stack.n_samples for stack in stacks))
        n_whole = sum(stack.n_samples for stack in inside if {"fault_and_recover", "main"} <= set(stack.frames))
        self.assertEqual(n_whole, n_inside)

    @not_sanitized("a sanitized handler takes more stack")
    def test_two_frames(self):
        """Two signals as this CPU has them, measured, and 224 bytes: a handler of ours that took 512 more would write below."""
        plain_bytes = scorer.read_truth(self.run_command(self.program("stack_use"), "0.01").out)["plain_bytes"]
        # Of each signal's bytes some 200 are no frame of the kernel's (the red zone, the measuring calls): the program's
        # handler down to sigprocmask() in siglongjmp() needs half of them, and ours has the rest.
        self.assertLess(plain_bytes, smallest_signal_stack(), "the kernel's frame is larger than AT_MINSIGSTKSZ says")
        # The kernel puts a frame's vector registers at a multiple of 64: it is up to 48 bytes larger than the one that was
        # measured, by where the stack stood.
        self.check(plain_bytes * 2 // 16 * 16 + 128 + 2 * 48)

    def test_system_size(self):
        """What sysconf(_SC_SIGSTKSZ) says."""
        self.check(os.sysconf("SC_SIGSTKSZ") if "SC_SIGSTKSZ" in os.sysconf_names else 16384)

    @not_sanitized("the sanitizer's interposers take more stack")
    def test_smallest(self):
        """The smallest that takes a signal, with all signals blocked in the handler (else the kernel kills at any that
        comes): the samples come when it has returned."""
        self.check(smallest_signal_stack(), "blocked")


def smallest_signal_stack():
    """AT_MINSIGSTKSZ, and 1 KiB for the handler itself."""
    environment = dict(os.environ, LD_SHOW_AUXV="1")
    shown = subprocess.run(["/bin/true"], env=environment, capture_output=True, text=True, check=True).stdout
    found = re.search(r"AT_MINSIGSTKSZ:\s+(\d+)", shown)
    return (int(found.group(1)) if found else 2048) + 1024


class Hazard12StackUse(Hazard):
    """A sample takes little of the interrupted stack beside the frame that the kernel puts there for any signal."""
    MAX_OWN_BYTES = 256

    @not_sanitized("a sanitized handler takes more stack")
    def test_bytes(self):
        """Painted and looked at: an empty handler takes the kernel's frame; ours at most 256 bytes more."""
        finished, _ = self.run_profiled("-F", "1000", "--", self.program("stack_use"), long_or(30, 1))
        truth = scorer.read_truth(finished.out)
        print(f"an empty handler {truth['plain_bytes']} bytes, with samples {truth['all_bytes']}", flush=True)
        self.assertGreater(truth["all_bytes"], 512, "no sample came")
        self.assertLess(truth["all_bytes"] - truth["plain_bytes"], self.MAX_OWN_BYTES)

    def test_smallest_threads(self):
        """16 KiB threads with 4 KiB left of them live: the kernel's frame is up to 3.4 KiB."""
        finished, _ = self.run_profiled("-F", "1000", "--", self.program("small_stacks"), long_or(60, 1), 4096)
        self.assertGreater(self.quality(finished)["n_samples"], 100)


class Hazard13Coroutines(Hazard):
    """Stacks of coroutines end where those begin: nothing of other stacks, nothing of the junk above."""

    def test_ucontext(self):
        """10 000 swapcontext() a CPU second: the shares are right; stacks begin at the entry or in main, never both."""
        _, path, _ = self.assert_truth("coroutines", long_or(60, 1.5))
        for stack in self.stacks(path).stacks:
            self.assertFalse({"coroutine_entry", "main"} <= set(stack.frames), stack.frames)
            self.assertFalse({"coroutine_60", "coroutine_40"} <= set(stack.frames), stack.frames)

    def test_assembly(self):
        """Switches in assembly between stacks full of old return addresses, with and without unwind information."""
        if platform.machine() != "x86_64":
            self.skipTest("switches is x86-64 assembly")
        finished, path = self.run_profiled("-F", "1000", "--", self.program("switches"), long_or(60, 1.5))
        truth = scorer.read_truth(finished.out)
        self.assertGreater(truth["n_switches"], 10000)
        stacks = [stack for stack in self.stacks(path).stacks if stack.frames[0] in ("even_work", "odd_work")]
        for stack in stacks:
            self.assertEqual(stack.frames[1:-1], ["deeper"] * 6 + ["fiber_entry"], stack.frames)
            self.assertIn(stack.frames[-1], ("fiber_start", "bare_fiber_start"))
        self.assertGreater(sum(stack.n_samples for stack in stacks), long_or(30000, 700))
        self.assertEqual(len({(stack.frames[0], stack.frames[-1]) for stack in stacks}), 4)


class Hazard14ForeignThreads(Hazard):
    """Threads of clone() without libpthread are sampled like others, whatever their thread pointer holds."""

    def check(self, delivery):
        if platform.machine() != "x86_64":
            self.skipTest("raw_threads has x86-64 assembly")
        environment = clean_environment(PPROFC_DELIVERY=delivery)
        finished, path = self.run_profiled("-F", "1000", "--", self.program("raw_threads"), long_or(20, 0.7),
                                           env=environment)
        truth = scorer.read_truth(finished.out)
        self.assertEqual(truth["n_lost_errnos"], 0, "errno of the parent, whose thread-locals one thread shares")
        self.assert_sum(path, truth["cpu_ns"] / 1e9, within=0.02)
        stacks = [stack for stack in self.stacks(path).stacks if not stack.is_unsampled]
        for stack in stacks:
            if "raw_work" in stack.frames:
                self.assertEqual(stack.frames[:2], ["raw_work", "raw_main"])
                self.assertNotIn("main", stack.frames)
        total = sum(stack.weight for stack in self.stacks(path).stacks)
        raw = sum(stack.weight for stack in stacks if stack.frames[0] in ("raw_work", "wild_frame"))
        # They are found at the latest 0.2 s (wall time) after their start: half of the shortest run.
        self.assertGreater(raw / total, long_or(0.6, 0.2))

    def test_perf_trap(self):
        """Thread-locals of the parent's, none at all, strange ones; good and bad stacks: exits 0, the sum is right."""
        self.check("perf-sigtrap")

    def test_perf_signal(self):
        """The same with signals that do not tell the thread."""
        self.check("perf-signal")

    def test_cpu_timer(self):
        """The same with CPU timers."""
        self.check("cpu-timer")

    def test_sampler(self):
        """The same with a thread of ours that sends the signals."""
        self.check("sampler")


class Hazard15LoadedLate(Hazard):
    """A library that was opened late is ready when a thread's first sign of life is a sample, and there is one only."""

    def test_two_copies(self):
        """Opened by dlopen in a program whose threads run: sampled; a second copy refuses; signals go their ways."""
        library = built("libpprofc.so")
        copy, out = self.folder / "copy.so", self.folder / "out.ppc"
        shutil.copy(library, copy)
        finished = self.run_command(self.program("two_copies"), library, copy, out, long_or(30, 0.7))
        self.assertEqual(finished.status, 0, finished.err)
        truth = scorer.read_truth(finished.out)
        self.assertEqual(truth["results"], [0, -16, -16, 0], "-EBUSY from the second")
        self.assertIn("another copy of libpprofc", truth["refusal"])
        self.assertEqual(truth["n_traps"], 3)
        self.assertEqual(self.pprofc("convert", out, self.folder / "out.pb.gz").status, 0)
        stacks = self.stacks(self.folder / "out.pb.gz")
        self.assertGreater(self.share(stacks, "spin_in_thread"), 0.95)

    def test_linked_below_the_preload(self):
        """A program with the library linked in, under the command: the preload profiles, its own start is refused."""
        finished = self.pprofc("run", "-o", self.folder / "x.pb.gz", "--", self.program("nested_walks"), "0.2")
        self.assertEqual(finished.status, 2, finished.err)
        self.assertIn("another copy of libpprofc", finished.err)
        self.assertTrue((self.folder / "x.pb.gz").exists())

    def test_no_thread_locals_in_handlers(self):
        """What a handler of ours runs reaches no thread-locals, and calls nothing that runs within malloc and calls that wait, and may."""
        built("libpprofc.so")
        objects = sorted(BUILD.glob("libpprofc.so*.p/*sigsafe*.o"))
        in_calls = {"sigsafe_heap": "pp_sig_heap", "sigsafe_waits": "pp_sig_wait", "sigsafe_locks": "pp_sig_lock",
                    "sigsafe_lock_code": "pp_sig_lock_code"}
        handlers = [path for path in objects if not any(name in path.name for name in in_calls)]
        self.assertGreater(len(handlers), 10)
        for path in handlers:
            shown = subprocess.run(["objdump", "-d", path], capture_output=True, text=True, check=True)
            self.assertNotIn("%fs:", shown.stdout, path.name)
            wanted = subprocess.run(["nm", "-u", path], capture_output=True, text=True, check=True)
            for prefix in in_calls.values():
                self.assertNotIn(prefix, wanted.stdout, path.name)


class Hazard54ShortThreads(Hazard):
    """Threads that live for less than a few periods count with all of their time."""

    def test_two_thousand(self):
        """2000 threads of 5 ms at 1000 Hz: the sum is within 1 % of the kernel's clock."""
        finished, path = self.run_profiled("-F", "1000", "--", self.program("many_threads"), long_or(2000, 400), 5)
        self.assert_sum(path, scorer.read_truth(finished.out)["cpu_ns"] / 1e9, within=0.01)


if __name__ == "__main__":
    unittest.main()
