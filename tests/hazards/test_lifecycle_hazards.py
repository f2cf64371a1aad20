"""Hazards 31, 33, 34, 35, 83 and 84 of hazards.md: fork, the many ways to end, closed descriptors, no shared memory."""
import os
import re
import shutil
import signal
import subprocess
import unittest

from end_to_end.harness import PPROFC, EndToEnd, long_or, scorer

TIME_LIMIT_S = 1500


class Hazard31Fork(EndToEnd):
    """A child made by fork without exec is profiled into a file of its own."""

    def test_prefork(self):
        """A parent and four children: five files with their pids, each with its own process's time and functions."""
        finished = self.pprofc("run", "-F", "1000", "-o", self.folder, "--", self.program("prefork"), "4", long_or(5, 0.5))
        self.assertEqual(finished.status, 0, finished.err)
        truths = [scorer.json.loads(line) for line in finished.out.splitlines() if line.startswith("{")]
        self.assertEqual(len(truths), 5)
        for truth in truths:
            path = self.folder / f"prefork.{truth['pid']}.pb.gz"
            self.assertTrue(path.exists(), finished.err)
            result = scorer.score(self.stacks(path), truth)
            self.assertTrue(result.is_ok, scorer.show(result))


class Hazard33EndOfMain(EndToEnd):
    """Threads that spin through the end of main, atexit functions and destructors do not crash the end."""

    def test_detached_threads(self):
        """Status 0 and a readable file, run after run."""
        for i in range(long_or(200, 10)):
            finished, path = self.run_profiled("-F", "1000", "--", self.program("detached_threads"))
            self.assertEqual(finished.status, 0, f"run {i}: {finished.err}")
            self.read_profile(path)


class ExitInsideACall(EndToEnd):
    """A signal handler may call exit() while its thread is within a call of ours: the program ends all the same."""

    def test_ends(self):
        for ms in (20, 30, 50, 80, 130):
            finished, _ = self.run_profiled("-F", "1000", "--", self.program("exits_inside"), ms, status=7)
            self.assertLess(finished.took_s, 30)


class Hazard34SuddenEnds(EndToEnd):
    """However a program ends, the file holds all but the last period of it."""
    ENDS = ["_exit", "quick_exit", "abort", "segv", int(signal.SIGTERM), int(signal.SIGINT), int(signal.SIGKILL)]

    def test_each_end(self):
        """_exit, quick_exit, abort, a crash, TERM, INT and KILL: the time in the file is that of the process."""
        for how in self.ENDS:
            with self.subTest(end=how):
                finished, path = self.run_profiled("-F", "1000", "--", self.program("exits"), how, long_or(2, 0.5), status=None)
                self.assertNotEqual(finished.status, 0)
                truth = scorer.read_truth(finished.out)
                result = scorer.score(self.stacks(path), truth, check_total=False)
                self.assertTrue(result.is_ok, scorer.show(result))
                self.assert_sum(path, truth["cpu_ns"] / 1e9, within=0.03)


class Hazard35ShortPrograms(EndToEnd):
    """A program too short for a sample gets an explanation and an empty but valid profile."""

    def test_true(self):
        """The line tells the samples and the CPU time; the file is read by us and by go tool pprof."""
        finished, path = self.run_profiled("--", "true")
        self.assertRegex(finished.err, r"[0-3] (cpu )?samples? .*(ms|s)\b.* CPU")
        self.read_profile(path)
        if shutil.which("go"):
            shown = subprocess.run(["go", "tool", "pprof", "-symbolize=none", "-raw", path], capture_output=True, text=True, timeout=250)
            self.assertEqual(shown.returncode, 0, shown.stderr)

    def test_sleeping_program(self):
        """A program that sleeps is told that it slept."""
        finished, _ = self.run_profiled("--", "sleep", "1")
        self.assertRegex(finished.err, r"slept")


class Hazard83ClosedDescriptors(EndToEnd):
    """A program may close every descriptor and use the numbers: profiling goes on and none of its files is touched."""

    def test_closefrom(self):
        """closefrom(3) in the middle of a profile."""
        self.assert_truth("closer", long_or(5, 1.5))

    def test_daemon(self):
        """The same after fork, setsid and fork, in a grandchild that nobody follows but we."""
        finished = self.pprofc("run", "-F", "1000", "-o", self.folder, "--", self.program("closer"), "1", "daemon")
        self.assertEqual(finished.status, 0, finished.err)
        truth = scorer.read_truth(finished.out)
        self.assertEqual(truth["n_changed"], 0)
        path = self.folder / f"closer.{truth['pid']}.pb.gz"
        self.assertTrue(path.exists(), finished.err)
        result = scorer.score(self.stacks(path), truth)
        self.assertTrue(result.is_ok, scorer.show(result))


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare"), "a mount namespace needs root")
class Hazard84NoSharedMemory(EndToEnd):
    """/dev/shm full or tiny costs room in the recording, never a SIGBUS, and what is lost is counted."""

    def run_with_shm(self, size, filler_bytes):
        script = (f"mount -t tmpfs -o size={size} tmpfs /dev/shm && head -c {filler_bytes} /dev/zero >/dev/shm/filler; "
                  f"exec {PPROFC} run -F 1000 -f -o {self.folder}/x.pb.gz -- {self.program('threads_60_40')} 1")
        finished = self.run_command("unshare", "--mount", "--propagation", "private", "sh", "-c", script)
        if "mount:" in finished.err:
            self.skipTest(finished.err.splitlines()[0])
        return finished

    def test_tiny(self):
        """1 MiB of /dev/shm."""
        finished = self.run_with_shm("1m", 0)
        self.assertEqual(finished.status, 0, finished.err)
        self.assertIn('"phases"', finished.out)

    def test_full(self):
        """No byte of /dev/shm left: profiled all the same, or one line says why not."""
        finished = self.run_with_shm("64k", 1 << 20)
        self.assertEqual(finished.status, 0, finished.err)
        self.assertIn('"phases"', finished.out)
        is_profiled = (self.folder / "x.pb.gz").exists() and self.quality(finished)["n_samples"] > 500
        self.assertTrue(is_profiled or any(re.search(r"/dev/shm|shared memory|No space", line) for line in finished.own_lines),
                        finished.err)


if __name__ == "__main__":
    unittest.main()
