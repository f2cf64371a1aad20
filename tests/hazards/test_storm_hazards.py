"""Storms and limits: starts and stops without number, threads without number, calls that signals interrupt, programs that
sleep, and resource limits (hazards 16, 18, 22 and 23 of hazards.md as far as the CPU profile goes)."""
import json
import os
import re
import resource
import subprocess
import time
import unittest
from pathlib import Path

from end_to_end.harness import BUILD, IS_LONG, PPROFC, EndToEnd, Finished, clean_environment, long_or, not_sanitized, scorer

TIME_LIMIT_S = 1500
NOBODY = 65534


@not_sanitized("the runtime keeps freed memory, and some of every thread's")
class StartsAndStops(EndToEnd):
    """However often profiling is started and stopped, the process holds what it held before."""

    def assert_holds_the_same(self, n_threads, *args, n_stacks):
        finished = self.run_command(self.program("start_stop"), long_or(2000, 150), 0, 1000, n_threads, *args, timeout_s=300)
        self.assertEqual(finished.status, 0, finished.err)
        truth = scorer.read_truth(finished.out)
        print(truth["early"], truth["late"], flush=True)
        early, late = truth["early"], truth["late"]
        self.assertEqual(late["descriptors"], early["descriptors"])
        self.assertEqual((late["threads"], early["threads"]), (1 + n_threads, 1 + n_threads))
        # A range of ours or of malloc's may lie in two pieces at one moment and in one at another.
        self.assertLessEqual(late["mappings"], early["mappings"] + 8 + 2 * n_stacks)
        self.assertLessEqual(late["private_kb"], early["private_kb"] + 1024)

    def test_while_threads_allocate(self):
        """Memory, descriptors, mappings and threads do not grow over 2000 starts and stops."""
        self.assert_holds_the_same(4, n_stacks=1)

    def test_while_threads_are_born(self):
        """The same while two threads give birth to others all the time."""
        self.assert_holds_the_same(2, "births", n_stacks=3)


class LateStart(EndToEnd):
    """Profiling that starts when 200 threads are there has all of them at once."""

    def test_200_threads(self):
        """Each is in the recording by its name and with its own CPU time; those that wait are never woken."""
        finished = self.run_command(self.program("late_start"), 200, long_or(200, 5))
        self.assertEqual(finished.status, 0, finished.err)
        truth = scorer.read_truth(finished.out)
        print(f"200 threads covered in {truth['start_us'] / 1000:.1f} ms; off by {truth['worst_ns']} ns at most", flush=True)
        self.assertEqual(truth["n_found"], 200)
        # Each between what the thread's clock showed inside of the profiled time and what it showed around it.
        self.assertEqual(truth["worst_ns"], 0)
        self.assertEqual(truth["n_switches"], 0)


    def test_every_handler_has_a_buffer(self):
        """Hundreds of threads want two CPUs: many handlers wait half-way, and no sample is lost for it."""
        path = self.folder / "late.ppc"
        finished = self.run_command(self.program("late_start"), 200, long_or(100, 20), path)
        self.assertEqual(finished.status, 0, finished.err)
        shown = json.loads(self.pprofc("report", "--json", path).out)
        self.assertGreater(shown["n_samples"], 1000)
        self.assertEqual(shown["lost_samples"], 0)


class ThreadStorm(EndToEnd):
    """Threads that live for a millisecond: every nanosecond is booked, and what is kept of them is bounded."""

    def test_sum(self):
        """20 000 threads of 1 ms: the sum is the process's CPU time by the kernel's clock within 1 %."""
        n_threads = long_or(20000, 1200)
        finished, path = self.run_profiled("-F", "1000", "--", self.program("short_threads"), n_threads, 1000, timeout_s=600)
        truth = scorer.read_truth(finished.out)
        self.assert_sum(path, truth["cpu_ns"] / 1e9, within=0.01)
        self.assertEqual(self.quality(finished)["n_lost"], 0)

    @unittest.skipUnless(IS_LONG, "a minute of births: --long")
    def test_more_than_the_table_holds(self):
        """Of 40 000 threads 16 255 have a line of their own, the others are together and it is said; the sum is right."""
        path = self.folder / "x.ppc"
        env = clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu", PPROFC_OUTPUT=path)
        finished = self.run_command(self.program("short_threads"), 40000, 50, env=env, timeout_s=600)
        self.assertEqual(finished.status, 0, finished.err)
        self.assertLess(path.stat().st_size, 16 << 20)
        shown = self.pprofc("report", "--by", "thread", path)
        self.assertIn("[other threads]", shown.out + shown.err)
        converted = self.folder / "x.pb.gz"
        self.assertEqual(self.pprofc("convert", path, converted).status, 0)
        self.assert_sum(converted, scorer.read_truth(finished.out)["cpu_ns"] / 1e9, within=0.01)


class Hazard22InterruptedCalls(EndToEnd):
    """CPU sampling interrupts no blocking call."""

    def test_six_kinds(self):
        """epoll_wait, nanosleep, poll, select, sem_timedwait and recv with a timeout, beside a busy thread, at 1 and 10 kHz."""
        for rate_hz in (1000, 10000):
            with self.subTest(rate_hz=rate_hz):
                finished, _ = self.run_profiled("-F", rate_hz, "--", self.program("blocking_calls"), long_or(3000, 200),
                                                timeout_s=300)
                self.assertGreater(self.quality(finished)["n_samples"], 50)
                self.assertEqual(set(scorer.json.loads(finished.out)["n_interrupted"].values()), {0})


class SleepingProgram(EndToEnd):
    """While the program sleeps, so does the helper."""

    def test_wake_ups(self):
        """At most two wake-ups a second, and the first work after it is sampled as any other."""
        child = self.start(PPROFC, "run", "-F", "1000", "-o", self.folder / "x.pb.gz", "--", "sh", "-c",
                           f"sleep 5; exec {self.program('two_to_one')} 1")
        helper = self.wait_for_helper(child)
        time.sleep(1)
        before, since_s = self.n_wake_ups(helper), time.monotonic()
        time.sleep(3)
        n, took_s = self.n_wake_ups(helper) - before, time.monotonic() - since_s
        print(f"{n} wake-ups in {took_s:.2f} s", flush=True)
        self.assertLessEqual(n, 2 * took_s + 2)
        finished = self.finish(child)
        result = scorer.score(self.stacks(self.folder / "x.pb.gz"), scorer.read_truth(finished.out), check_total=False)
        self.assertTrue(result.is_ok, scorer.show(result))

    def wait_for_helper(self, child):
        """The helper's folder in /proc; its process is a child of the command."""
        for _ in range(500):
            for pid in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split():
                for name in Path("/proc", pid, "task").glob("*/comm"):
                    if name.read_text() == "pprofc\n" and name.parent.name != pid:
                        return name.parent
            time.sleep(0.01)
        self.fail("no helper thread")

    @staticmethod
    def n_wake_ups(task):
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (task / "status").read_text(), re.M).group(1))


class Limits(EndToEnd):
    """Resource limits that we run into are not the program's trouble: it ends as it would, and one line says why."""

    def run_with(self, limits, *command, env=None, **more):
        """Its output goes into pipes, which RLIMIT_FSIZE does not concern."""
        def lower():
            for limit, value in limits.items():
                resource.setrlimit(limit, (value, value))

        said = subprocess.run([str(one) for one in command], env=env or clean_environment(), preexec_fn=lower, timeout=self.TIMEOUT_S,
                              capture_output=True, text=True, **{"cwd": self.folder, **more})
        return Finished(said.returncode, said.stdout, said.stderr, 0)

    def run_limited(self, limits, *command, user=None, **variables):
        env = clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu", PPROFC_FREQUENCY="1000", **variables)
        more = {} if user is None else {"user": user, "group": user, "extra_groups": [], "cwd": "/"}
        finished = self.run_with(limits, *command, env=env, **more)
        self.assertLessEqual(len(finished.own_lines), 1, finished.err)
        return finished

    def test_file_size(self):
        """With RLIMIT_FSIZE there is a smaller recording, or one line that names the limit; SIGXFSZ never comes."""
        for n_bytes in (0, 4096, 100_000, 400_000, 700_000, 1_000_000):
            with self.subTest(n_bytes=n_bytes):
                path = self.folder / f"{n_bytes}.ppc"
                finished = self.run_limited({resource.RLIMIT_FSIZE: n_bytes}, self.program("exits"), "exit", "0.2", "6",
                                            PPROFC_OUTPUT=path)
                self.assertEqual(finished.status, 6, finished.err)
                self.assertTrue(path.exists() or "RLIMIT_FSIZE" in finished.err, finished.err)

    def test_file_size_at_the_end(self):
        """A recording that does not fit into a file when the program ends costs the recording, not the status."""
        lowers = ("import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
                  "sum(range(2000000)); sys.exit(7)")
        finished = self.run_limited({}, "python3", "-S", "-c", lowers, PPROFC_OUTPUT=self.folder / "x.ppc")
        self.assertEqual(finished.status, 7, finished.err)
        self.assertEqual(list(self.folder.iterdir()), [])
        self.assertIn("RLIMIT_FSIZE", finished.err)

    def test_file_size_with_the_command(self):
        """Under pprofc run the line is there, too, and the program's status is its own."""
        finished = self.run_with({resource.RLIMIT_FSIZE: 0}, PPROFC, "run", "-o", self.folder / "x.pb.gz", "--",
                                 self.program("exits"), "exit", "0.1", "6")
        self.assertEqual(finished.status, 6, finished.err)
        self.assertIn("RLIMIT_FSIZE", finished.err)

    def test_no_message_can_be_written(self):
        """When standard error is a file that is at its limit our line is lost, and nothing else."""
        for command in ((), (PPROFC, "run", "-o", self.folder / "x.pb.gz", "--")):
            with self.subTest(command=command):
                env = clean_environment() if command else clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu")
                finished = self.run_command(*command, "python3", "-S", "-c", "import sys; sys.exit(7)", env=env,
                                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
                self.assertEqual(finished.status, 7)

    @not_sanitized("the runtime reserves terabytes of address space")
    def test_address_space(self):
        """With little RLIMIT_AS we take little of it: what the program could allocate it still can, and it is profiled."""
        for n_mb in (200, 1000):
            with self.subTest(n_mb=n_mb):
                path = self.folder / f"{n_mb}.ppc"
                work = f"bytearray({n_mb * 4 // 5 << 20}); print(sum(range(2000000)))"
                finished = self.run_limited({resource.RLIMIT_AS: n_mb << 20}, "python3", "-S", "-c", work, PPROFC_OUTPUT=path)
                self.assertEqual((finished.status, finished.out), (0, "1999999000000\n"), finished.err)
                self.assertTrue(path.exists(), finished.err)

    def test_locked_memory(self):
        """RLIMIT_MEMLOCK 0 changes nothing: no ring buffer is mapped."""
        path = self.folder / "x.ppc"
        finished = self.run_limited({resource.RLIMIT_MEMLOCK: 0}, self.program("two_to_one"), "0.5", PPROFC_OUTPUT=path)
        self.assertEqual(finished.status, 0, finished.err)
        self.assertNotIn("cpu-timer", self.pprofc("report", "--json", path).out)

    @unittest.skipUnless(os.geteuid() == 0, "to become another user needs root")
    def test_processes(self):
        """No thread to be had (RLIMIT_NPROC): the program runs, and the line says that there is no helper."""
        self.need_to_run(self.program("exits"), "exit", "0", "0", user=NOBODY, group=NOBODY, extra_groups=[], cwd="/")
        finished = self.run_limited({resource.RLIMIT_NPROC: 0}, self.program("exits"), "exit", "0.1", "6", user=NOBODY)
        self.assertEqual(finished.status, 6, finished.err)
        self.assertIn("cannot start the helper thread", finished.err)


class StaticPrograms(EndToEnd):
    """Linked statically in every way, a program profiles itself as any other."""

    def test_each_way(self):
        """Static, static-PIE, and with the hooks wrapped by the linker: the recording holds its phases by name."""
        for name in ("linked_static", "linked_static_pie", "linked_static_wrapped"):
            with self.subTest(program=name):
                recording, converted = self.folder / f"{name}.ppc", self.folder / f"{name}.pb.gz"
                finished = self.run_command(self.program(name), recording, "1", "1000")
                self.assertEqual(finished.status, 0, finished.err)
                self.assertEqual(self.pprofc("convert", recording, converted).status, 0)
                truth = scorer.read_truth(finished.out)
                truth["cpu_ns"] = sum(phase["cpu_ns"] for phase in truth["phases"])
                result = scorer.score(self.stacks(converted), truth)
                self.assertTrue(result.is_ok, scorer.show(result))


if __name__ == "__main__":
    unittest.main()
