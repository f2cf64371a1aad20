"""The bench's peers, by counts alone: each is run and read as it should be, and pprof-c gives what it promises.

What is quick or slow is for bench/run, on a quiet machine.  A peer that is not here is skipped with the reason.
"""
import sys
import tempfile
import unittest
from pathlib import Path

import harness

sys.path.insert(0, str(harness.ROOT / "bench"))
from peers import costs, handlers, tools, truths  # noqa: E402

N_PIECES = 4000  # of 100 us
RATE_HZ = 1000


class OursBesideThem(unittest.TestCase):
    """The figures of the README's table that do not depend on the machine's speed, for pprof-c."""
    tool = tools.Ours()

    def setUp(self):
        if self.tool.why_missing():
            self.skipTest(self.tool.why_missing())

    def record(self, program, *arguments, rate_hz=RATE_HZ):
        harness.built(program)
        return truths.Recorded(self.tool, program, arguments, rate_hz)

    def test_samples_and_total(self):
        """At 1000 Hz, drawn periods and all: three quarters of the samples asked for at least; their total."""
        # Over the first half of a second the drawn periods find their mean.
        run = self.record(costs.fixed_work(), 2 * N_PIECES, 0)
        cpu_s = run.said["process_cpu_ns"] / 1e9
        print(f"{run.n_samples} of {RATE_HZ * cpu_s:.0f} samples, {run.total_ns / 1e9:.3f} of {cpu_s:.3f} s")
        self.assertGreater(run.n_samples, 0.75 * RATE_HZ * cpu_s)
        # The profiler's own thread is in the process's time and not in the profile; the work's own is in both.
        self.assertLess(run.total_ns, 1.01 * run.said["process_cpu_ns"])
        self.assertGreater(run.total_ns, 0.99 * run.said["program_ns"])

    def test_deep_stacks(self):
        """300 frames are kept whole; of 5000 the start and the end, and every sample of the work reaches main."""
        for depth, least in ((300, 302), (5000, 256)):
            run = self.record(truths.PROGRAMS / "deep_300", 0.3, depth)
            work = [stack for stack in run.seen if {"bottom_all", "bottom_half"} & set(stack.frames)]
            # The rest is from before main and after it, and the program's calibration.
            self.assertGreater(sum(stack.n_samples for stack in work), 0.5 * run.n_samples)
            self.assertGreaterEqual(max(len(stack.frames) for stack in work), least, f"{depth} frames")
            for stack in work:
                self.assertIn("main", stack.frames[-5:])
                self.assertLess(stack.frames.index("deeper"), 4, stack.frames[:5])


class EachPeer(unittest.TestCase):
    """A peer's figures are of a profile that was read rightly."""

    def look_at(self, tool):
        if tool.why_missing():
            self.skipTest(tool.why_missing())
        program = costs.fixed_work(tool.needs_frame_pointers)
        run = truths.Recorded(tool, program, [N_PIECES, 0], RATE_HZ)
        said = run.said
        print(f"{tool.label}: {run.n_samples} samples in {said['process_cpu_ns'] / 1e9:.3f} s of CPU,"
              f" total {run.total_ns / 1e9:.3f} s, {run.n_frames_kept} frames, {run.share_with('main'):.1%} reach main")
        self.assertGreater(run.n_samples, 10)
        self.assertLess(run.n_samples, 1.5 * RATE_HZ * said["process_cpu_ns"] / 1e9)
        # Its weights are times: so many samples of one period each.
        self.assertAlmostEqual(run.total_ns, run.n_samples * 1e9 / RATE_HZ, delta=0.02 * run.total_ns)
        # 57 frames of the work and main: names were found and stacks are whole.
        self.assertGreater(run.share_with("main"), 0.9)
        self.assertGreaterEqual(run.n_frames_kept, 58)
        deepest = max(run.seen, key=lambda stack: sum(name.startswith("deep_") for name in stack.frames))
        self.assertGreaterEqual(sum(name.startswith("deep_") for name in deepest.frames), 55, deepest.frames)

    def test_gperftools(self):
        self.look_at(tools.Gperftools())

    def test_pprof_rs(self):
        self.look_at(tools.PprofRs(build_limit_s=0))

    def test_perf_frame_pointers(self):
        self.look_at(tools.Perf("fp"))

    def test_perf_stack_copies(self):
        self.look_at(tools.Perf("dwarf"))


class Handlers(unittest.TestCase):
    def test_each_takes_what_it_is_given(self):
        """Every signal that the bench drives at a handler is a sample of that handler's: nothing cheap is measured."""
        harness.built(handlers.DRIVER)
        rust = tools.PprofRs(build_limit_s=0)
        if rust.why_missing():
            print(f"without pprof-rs: {rust.why_missing()}")
        for delivery in ("queued", "perf-signal", "perf-trap"):
            with self.subTest(delivery), tempfile.TemporaryDirectory() as folder:
                driven = handlers.drive(delivery, 2, Path(folder), rust.library)
                print(f"{delivery}: above an empty handler, us: {driven.above_us}")
                self.assertIn("pprof-c", driven.above_us)
                self.assertEqual(driven.n_frames, 61)


if __name__ == "__main__":
    unittest.main()
