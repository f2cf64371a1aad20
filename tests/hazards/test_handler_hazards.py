"""Hazards 1, 2, 5, 7, 8, 9 and 16 of hazards.md: the handler, locks and unwinding."""
import json
import re
import subprocess
import unittest

from end_to_end.harness import BUILD, EndToEnd, long_or, scorer

TIME_LIMIT_S = 1500


class Hazard01LoaderLock(EndToEnd):
    """A program that loads and unloads libraries and throws exceptions all the time is sampled and never hangs."""

    def test_dlstorm(self):
        """Two threads dlopen and dlclose, two throw and catch, at 1000 Hz: exits 0 and got its work done."""
        for _ in range(long_or(10, 1)):
            finished, path = self.run_profiled("-F", "1000", "--", self.program("dlstorm"), long_or(60, 3), timeout_s=120)
            truth = scorer.read_truth(finished.out)
            self.assertGreater(truth["n_loads"], 100)
            self.assertGreater(truth["n_throws"], 1000)
            self.assertEqual(self.quality(finished)["n_lost"], 0)
            self.assert_sum(path, truth["cpu_ns"] / 1e9, within=0.02)


class Hazard02LocksInTheHandler(EndToEnd):
    """Starting and stopping while threads allocate never deadlocks: no handler takes malloc's lock or one of ours."""

    def test_start_stop_under_malloc(self):
        """4 threads malloc and free while a fifth starts and stops at 50 Hz."""
        n_pairs = long_or(3000, 150)
        finished = self.run_command(self.program("start_stop"), n_pairs, 50, 1000, 4, timeout_s=long_or(900, 100))
        self.assertEqual(finished.status, 0, finished.err)

    def test_no_lock_is_reachable(self):
        """The objects of src/sigsafe call neither malloc nor a lock, the loader, stdio or the compiler's unwinder."""
        forbidden = re.compile(r"^(malloc|calloc|realloc|free|_Znw|_Zdl|pthread_(mutex|rwlock|cond|spin)|sem_|dl_iterate_phdr"
                               r"|dladdr|dlsym|dlopen|_Unwind_|_dl_|__tls_get_addr|v?f?printf|fopen|fwrite|abort|exit|syslog)")
        objects = sorted(BUILD.glob("libpprofc*.p/*sigsafe*.o"))
        self.assertGreater(len(objects), 10)
        for path in objects:
            lines = subprocess.run(["nm", "-u", path], capture_output=True, text=True, check=True).stdout.split()
            bad = [name for name in lines if forbidden.match(name)]
            self.assertEqual(bad, [], path.name)


class Hazard05WildReads(EndToEnd):
    """Memory that is unmapped or protected between two loads of a walk never faults the program."""

    def test_chain_into_changing_pages(self):
        """Frame pointers point into pages that another thread maps, unmaps and protects: exits 0."""
        finished, _ = self.run_profiled("-F", "1000", "--", self.program("bad_chains"), long_or(60, 3), timeout_s=120)
        self.assertGreater(self.quality(finished)["n_samples"], 100)


    def test_holes_are_left_alone(self):
        """A range that the program unmaps and maps again is not taken by the profiler's own memory meanwhile."""
        n_times = long_or(4000, 200)
        finished, _ = self.run_profiled("-F", "1000", "--", self.program("map_holes"), n_times, timeout_s=long_or(900, 100))
        self.assertEqual(json.loads(finished.out), {"n_times": n_times, "n_taken": 0})


class Hazard07SkippedSamples(EndToEnd):
    """Time in libc is kept: a blocklist folds frames into their caller, and what is dropped on request is counted."""

    def leaf_modules(self, path):
        """(time by the leaf's module, time under copy_loop, whole time)."""
        profile = self.read_profile(path)
        index = profile.type_index("cpu")
        total = under = in_libc = 0
        for sample in profile.samples:
            names = [frame.function for frame in sample.frames]
            if scorer.UNSAMPLED in names:
                continue
            total += sample.values[index]
            under += sample.values[index] if "copy_loop" in names else 0
            in_libc += sample.values[index] if re.search(r"/libc[.-]", sample.frames[0].module) else 0
        return in_libc, under, total

    def test_memcpy_has_its_caller(self):
        """At least 90 % of the time has its leaf in libc's memcpy and copy_loop above it."""
        _, path = self.run_profiled("-F", "1000", "--", self.program("memcpy_bound"), "1.5")
        in_libc, under, total = self.leaf_modules(path)
        self.assertGreaterEqual(in_libc / total, 0.9)
        self.assertGreaterEqual(under / total, 0.98)

    def test_blocked_library_folds(self):
        """--block-lib libc: no frame of libc is left, and not a sample is lost: copy_loop has the time."""
        finished, path = self.run_profiled("-F", "1000", "--block-lib", "libc", "--", self.program("memcpy_bound"), "1.5")
        truth = scorer.read_truth(finished.out)
        in_libc, under, total = self.leaf_modules(path)
        self.assertEqual(in_libc, 0)
        self.assertGreaterEqual(under / total, 0.98)
        self.assert_sum(path, truth["cpu_ns"] / 1e9, within=0.02)

    def test_names_match_whole(self):
        """libc is not libcap, and blocking "lib" or "c" blocks nothing."""
        _, path = self.run_profiled("-F", "1000", "--block-lib", "lib,c,libca", "--", self.program("memcpy_bound"), "0.5")
        in_libc, _, total = self.leaf_modules(path)
        self.assertGreaterEqual(in_libc / total, 0.9)


class Hazard08SignalFrame(EndToEnd):
    """A walk starts at the interrupted instruction: no handler frame, nothing missing below it."""

    def test_leaf_loop_is_exact(self):
        """Under -O2 the stack is exactly leaf_loop, caller, main, then libc's start."""
        for name in ("leaf_loop", "leaf_loop_fp"):
            with self.subTest(program=name):
                _, path = self.run_profiled("-F", "1000", "--", self.program(name), "1")
                stacks = [stack for stack in self.stacks(path).stacks if not stack.is_unsampled]
                total = sum(stack.weight for stack in stacks)
                exact = sum(stack.weight for stack in stacks if stack.frames[:3] == ["leaf_loop", "caller", "main"])
                self.assertGreaterEqual(exact / total, 0.98, [stack.frames for stack in stacks][:5])
                self.assertFalse([name for stack in stacks for name in stack.frames if name.startswith("pp_")])


class Hazard09LeafFunctions(EndToEnd):
    """Leaf functions, prologues and libc, which keep no frame pointer, do not cost the caller."""

    def test_omitted_leaf_frame_pointer(self):
        """With -momit-leaf-frame-pointer the leaf's caller is in at least 99 % of its samples."""
        _, path = self.run_profiled("-F", "1000", "--", self.program("leaf_loop_omit_leaf"), "1.5")
        stacks = [stack for stack in self.stacks(path).stacks if stack.frames[:1] == ["leaf_loop"]]
        total = sum(stack.weight for stack in stacks)
        self.assertGreaterEqual(sum(stack.weight for stack in stacks if "caller" in stack.frames) / total, 0.99)

    def test_libc_heavy(self):
        """Sorting with callbacks, printing, parsing and searching in libc are under their callers, as measured."""
        self.assert_truth("libc_heavy", long_or(10, 2), check_total=False)


class Hazard16ThreadExit(EndToEnd):
    """A thread that dies with a sample on its way, or allocating in its destructors, hurts nothing."""

    def test_short_threads(self):
        """Thousands of threads of a millisecond at 1000 Hz, each allocating as it dies: clean, and the sum is right."""
        finished, path = self.run_profiled("-F", "1000", "--", self.program("short_threads"), long_or(20000, 2000),
                                           timeout_s=300)
        truth = scorer.read_truth(finished.out)
        self.assert_sum(path, truth["cpu_ns"] / 1e9, within=0.1)


if __name__ == "__main__":
    unittest.main()
