"""Hazards 32, 33, 40, 43, 44, 46 to 50 and 86 of hazards.md, with the heap profiled (39: tests/end_to_end/test_many_programs.py)."""
import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from end_to_end.harness import BUILD, ROOT, long_or
from hazards.heap_runs import ALLOCATORS, HEAP, LIBRARIES, PLAIN, HeapRuns

TIME_LIMIT_S = 3000

STORM = ROOT / "tests/programs/heap_storm.c"
LIFE = ROOT / "tests/programs/heap_life.c"


class Hazard32LocksAtForkWithHeap(HeapRuns):
    """A child made while eight other threads allocate never waits for a lock of ours, whose every allocation is followed."""

    def test_children_allocate(self):
        n = long_or(500, 20)
        for interval in (1, 524288):
            with self.subTest(interval=interval):
                finished, facts = self.record(self.program("heap_storm"), "forks", n, interval=interval, timeout_s=long_or(600, 60))
                self.assertEqual(json.loads(finished.out)["n_good"], n)
                self.assert_nothing_lost(facts)

    def test_children_call_us(self):
        """Each child allocates, calls pprofc_stats, _pause, _stop and _start, and leaves by exit()."""
        n = long_or(500, 10)
        finished = self.run_command(self.program("fork_storm"), n, env=self.environment((HEAP,), 1, kinds="cpu,heap"),
                                    timeout_s=long_or(600, 60))
        self.assertEqual(finished.status, 0, finished.err)
        self.assertEqual(json.loads(finished.out)["n_good"], n)


class Hazard33EndOfMainWithHeap(HeapRuns):
    """Threads that allocate through the end of main, atexit functions and destructors do not crash the end."""

    def test_detached_threads(self):
        for _ in range(long_or(200, 8)):
            _, facts = self.record(self.program("heap_storm"), "spin", 20)
            self.assertGreater(facts["n_allocs"], 10)


class Hazard40OlderObjects(HeapRuns):
    """What was there before the session is freed and moved as ever, and no count goes below zero."""

    def test_late_start(self):
        for interval in (1, 65536):
            with self.subTest(interval=interval):
                path = self.folder / "late.ppc"
                finished = self.run_command(self.program("heap_late"), path, interval)
                self.assertEqual(finished.status, 0, finished.err)
                facts = self.read_facts(path)
                self.assertEqual((facts["n_allocs"], facts["n_reallocs"], facts["n_frees"]), (1000, 500, 1500))
                for site in facts["sites"]:
                    self.assertLessEqual(site["freed"]["n_samples"], site["allocated"]["n_samples"])
                    self.assertLessEqual(site["freed"]["bytes"], site["allocated"]["bytes"])
                if interval == 1:
                    # 500 that grew, followed from then on; 1000 new ones, of which half are freed in time.
                    allocated, freed = self.sums(facts)
                    self.assertEqual((allocated[0], freed[0]), (1500, 1000))
                self.assert_nothing_lost(facts)


class Hazard43Unseen(HeapRuns):
    """A program whose allocator cannot be seen gets one clear line, and runs as ever."""

    def build(self, compiler, *arguments):
        if shutil.which(compiler) is None:
            self.skipTest(f"there is no {compiler}")
        program = self.folder / "program"
        subprocess.run([compiler, "-O1", "-g", "-D_GNU_SOURCE", "-fno-builtin", "-pthread", "-o", program, *arguments], check=True)
        return program

    def test_sanitizers(self):
        """Built with the address or thread sanitizer: it says so and runs unprofiled."""
        for compiler, option in (("gcc", "thread"), ("clang", "address"), ("clang", "thread")):
            with self.subTest(compiler=compiler, option=option):
                if compiler == "clang" and not list(Path("/usr/lib").glob("**/libclang_rt.asan*.a")):
                    self.skipTest("there is no runtime of clang's sanitizers")
                program = self.build(compiler, f"-fsanitize={option}", STORM)
                finished = self.run_command(program, "bias", 1000, env=self.environment((HEAP,), 1))
                self.assertEqual(finished.status, 0, finished.err)
                self.assertEqual(finished.own_lines, ["pprofc: the program is built with a sanitizer; it runs unprofiled"])
                self.assertFalse((self.folder / "heap.ppc").exists())

    def test_own_malloc(self):
        """One in the executable, by either preload: a message in the recording."""
        source = self.folder / "own.c"
        source.write_text(OWN_MALLOC)
        program = self.build("gcc", source)
        for preload in (HEAP, PLAIN):
            with self.subTest(preload=preload):
                finished, facts = self.record(program, preloads=(preload,), status=3)
                self.assertEqual(finished.out, "hello\n")
                self.assertEqual(len(facts["messages"]), 1)
                self.assertIn("a malloc of its own", facts["messages"][0])

    def test_static_jemalloc(self):
        """In a dynamic program it is not seen, which a message says; wrapped by the linker it is, to the last object."""
        archive = f"{LIBRARIES}/libjemalloc.a"
        if not os.path.exists(archive):
            self.skipTest("there is no libjemalloc.a")
        program = self.build("gcc", LIFE, archive, "-lm")
        _, facts = self.record(program)
        self.assertIn("a malloc of its own", facts["messages"][0])
        names = ("malloc calloc realloc reallocarray memalign aligned_alloc posix_memalign valloc pvalloc free free_sized "
                 "free_aligned_sized pthread_create sigaction signal").split()
        wraps = "-Wl,-u,pprofc_start,-u,pprofc_profile_call,-u,__wrap_malloc,--eh-frame-hdr," + ",".join(f"--wrap={name}" for name in names)
        for more in ((), ("-static",)):
            with self.subTest(static=more):
                program = self.build("gcc", *more, LIFE, wraps, BUILD / "libpprofc.a", archive, "-lm")
                finished, facts = self.record(program, preloads=())
                truth = json.loads(finished.out)
                allocated, freed = self.sums(facts, "take")
                self.assertEqual((allocated[0], freed[0]), (truth["main_taken"], truth["main_given"]))


OWN_MALLOC = """
#include <stdio.h>
#include <string.h>
static char arena[1 << 24];
static size_t used;
void *malloc(size_t n)
{
    char *object = arena + used + 16;
    if (used + n + 32 > sizeof arena)
        return NULL;
    used += (n + 31) & ~15ul;
    memcpy(object - 16, &n, sizeof n);
    return object;
}
void free(void *object) { (void)object; }
void *calloc(size_t n, size_t size) { return malloc(n * size); }
void *realloc(void *object, size_t n)
{
    void *after = malloc(n);
    size_t before = 0;
    if (object != NULL && after != NULL) {
        memcpy(&before, (char *)object - 16, sizeof before);
        memcpy(after, object, before < n ? before : n);
    }
    return after;
}
int main(void)
{
    char *text = malloc(100);
    strcpy(text, "hello");
    puts(text);
    return 3;
}
"""


class Hazard44Recursion(HeapRuns):
    """Memory taken within the C++ runtime's and the loader's own work is followed, and nothing calls itself for ever."""

    def test_exceptions_and_stacks(self):
        n = long_or(100000, 2000)
        for name in ("glibc", "jemalloc", "tcmalloc", "mimalloc"):
            with self.subTest(allocator=name):
                finished, facts = self.record(self.program("heap_throws"), n, preloads=(HEAP, self.allocator(name)),
                                              kinds="cpu,heap", PPROFC_FREQUENCY=1000, timeout_s=long_or(300, 60))
                self.assertEqual(int(finished.out), 4 * n)
                self.assertGreater(facts["n_allocs"], 4 * n)
                self.assertEqual((facts["n_lost_objects"], facts["n_lost_stacks"]), (0, 0))
                allocated, freed = self.sums(facts, "throw_it")
                self.assertEqual(allocated, freed)
                self.assertGreaterEqual(allocated[0], 4 * n)


class Hazard46ThreadEnds(HeapRuns):
    """Destructors of thread-specific values allocate and free, four rounds after the thread's end, in thread after thread."""

    def test_many_threads(self):
        n = long_or(5000, 1000)
        finished, facts = self.record(self.program("heap_life"), n, 10, timeout_s=long_or(300, 60))
        truth = json.loads(finished.out)
        allocated, freed = self.sums(facts, "take")
        self.assertEqual(allocated, (truth["n_taken"], truth["taken_bytes"]))
        self.assertEqual(freed, (truth["n_given"], truth["given_bytes"]))
        self.assert_nothing_lost(facts)


class Hazard47Bias(HeapRuns):
    """Objects of 64 bytes and of 64 KiB, half each, from one place: bytes and objects are right within their errors."""

    def test_both_sizes(self):
        n, interval, sizes = long_or(20_000_000, 1_600_000), 524288, (64, 65536)
        for name in ("glibc", "tcmalloc"):
            with self.subTest(allocator=name):
                _, facts = self.record(self.program("heap_storm"), "bias", n, preloads=(HEAP, self.allocator(name)),
                                       interval=interval, timeout_s=long_or(300, 60))
                self.assertEqual(facts["n_allocs"], n)
                bytes_seen = sum(site["allocated"]["bytes"] for site in facts["sites"])
                objects_seen = sum(site["allocated"]["n_objects"] for site in facts["sites"])
                chances = [-math.expm1(-size / interval) for size in sizes]
                variances = [n / 2 * (1 - chance) / chance for chance in chances]
                bytes_sd = math.sqrt(sum(variance * size ** 2 for variance, size in zip(variances, sizes)))
                objects_sd = math.sqrt(sum(variances))
                print(f"{name}: bytes {(bytes_seen - n / 2 * sum(sizes)) / bytes_sd:+.2f} sd, "
                      f"objects {(objects_seen - n) / objects_sd:+.2f} sd", flush=True)
                self.assertLess(abs(bytes_seen - n / 2 * sum(sizes)), 5 * bytes_sd)
                self.assertLess(abs(objects_seen - n), 5 * objects_sd)
                # What an object stood for goes with it.
                for site in facts["sites"]:
                    self.assertEqual(site["allocated"], site["freed"])


class Hazard47Vectors(HeapRuns):
    """A vector that grows draws for its growth alone, and one that is cut down stands for what is left, at any interval."""

    def test_growth_and_cut(self):
        """What they allocated is their full size, and what is in use what was kept of them, within five standard errors."""
        n, full, cut, kept = long_or(1_600_000, 480_000), 32768, 8192, 30
        for interval in (65536, 32768):  # followed at pages and as strays; by the map
            with self.subTest(interval=interval):
                _, facts = self.record(self.program("heap_vectors"), n, interval=interval, timeout_s=long_or(300, 60))
                sites = [site for site in facts["sites"] if "main" in site["frames"]]
                allocated = sum(site["allocated"]["bytes"] for site in sites)
                in_use = allocated - sum(site["freed"]["bytes"] for site in sites)
                for name, seen, count, size in (("allocated", allocated, n, full), ("in use", in_use, n // kept, cut)):
                    chance = -math.expm1(-size / interval)
                    sd = size * math.sqrt(count * (1 - chance) / chance)
                    extra = 8 * (n // kept + 1)  # the table of those that are kept
                    print(f"{interval}: {name} {(seen - count * size) / sd:+.2f} sd of {100 * sd / count / size:.2f} %", flush=True)
                    self.assertLess(abs(seen - count * size), 5 * sd + 2 * extra)


class Moments(HeapRuns):
    """What depends on where and when the program does it."""

    def test_whoever_doubles_it_has_it(self):
        """An object that was made 64 times as large belongs to the place that did it; it was allocated once."""
        _, facts = self.record(self.program("heap_moments"), "grows")
        self.assertEqual(self.sums(facts, "begin"), [(0, 0), (0, 0)])
        self.assertEqual(self.sums(facts, "enlarge"), [(1, 64000), (0, 0)])

    def test_allocator_is_asked(self):
        """At an ordinary end it is asked for its figures; at one in a signal handler it may hold a lock, and is not."""
        for way, is_asked in (("grows", True), ("exits", False)):
            with self.subTest(way=way):
                _, facts = self.record(self.program("heap_moments"), way)
                self.assertEqual(facts["held_bytes"] > 0, is_asked)


class Hazard48Figures(HeapRuns):
    """On a program that fragments, what the profile says is in use fits the allocator's own figures."""

    def test_identity(self):
        n = 200000
        for name in ALLOCATORS:
            with self.subTest(allocator=name):
                _, facts = self.record(self.program("heap_storm"), "fragments", n, preloads=(HEAP, self.allocator(name)))
                in_use = sum(site["allocated"]["bytes"] - site["freed"]["bytes"] for site in facts["sites"])
                self.assertEqual(facts["n_allocs"] - facts["n_frees"], n // 10 + sum(
                    site["allocated"]["n_samples"] - site["freed"]["n_samples"] for site in facts["sites"]) - n // 10)
                self.assertGreaterEqual(facts["held_bytes"], facts["resident_bytes"])
                if name in ("glibc", "jemalloc", "tcmalloc", "tcmalloc_minimal"):
                    self.assertGreater(facts["allocated_bytes"], 0.95 * in_use)
                    self.assertLess(facts["allocated_bytes"], 2 * in_use)
                    self.assertGreater(facts["resident_bytes"], 3 * facts["allocated_bytes"])


class Hazard49OwnFrames(HeapRuns):
    """The first frame is the program's, however it was compiled."""

    def test_optimisation(self):
        if shutil.which("gcc") is None:
            self.skipTest("there is no gcc")
        for options in (["-O0"], ["-O1", "-fomit-frame-pointer"], ["-O3"], ["-O2", "-flto"], ["-O2", "-fno-plt", "-no-pie"]):
            with self.subTest(options=options):
                program = self.folder / "life"
                subprocess.run(["gcc", *options, "-g", "-fno-builtin", "-D_GNU_SOURCE", "-pthread", "-o", program, LIFE], check=True)
                finished, facts = self.record(program)
                self.assert_no_frame_of_ours(facts)
                truth = json.loads(finished.out)
                leaves = [site for site in facts["sites"] if site["frames"][0].startswith(("take", "heap_life_take"))]
                self.assertEqual(sum(site["allocated"]["n_samples"] for site in leaves), truth["n_taken"])


class Hazard50ExactVolume(HeapRuns):
    """Every one of a hundred million allocations followed: the recording stays small."""

    def test_pairs(self):
        n = long_or(100_000_000, 500_000)
        _, facts = self.record(self.program("heap_storm"), "pairs", n, timeout_s=long_or(1500, 60))
        allocated, freed = self.sums(facts)
        self.assertEqual((allocated[0], freed[0]), (n, n))
        n_bytes = (self.folder / "heap.ppc").stat().st_size
        print(f"{n} pairs: a recording of {n_bytes / 1e6:.1f} MB", flush=True)
        self.assertLess(n_bytes, 64e6)


class Hazard86KilledFromOutside(HeapRuns):
    """Killed, by SIGKILL or for want of memory, a process leaves its heap in use by stack."""

    @contextlib.contextmanager
    def memory_group(self, n_bytes):
        """A control group's folder; skips where none can be made."""
        for parent, limit in ((Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"), (Path("/sys/fs/cgroup"), "memory.max")):
            folder = parent / f"pprofc-test.{os.getpid()}"
            try:
                folder.mkdir()
            except OSError:
                continue
            try:
                (folder / limit).write_text(str(n_bytes))
            except OSError:
                with contextlib.suppress(OSError):
                    folder.rmdir()
                continue
            try:
                yield folder
            finally:
                for _ in range(50):
                    with contextlib.suppress(OSError):
                        folder.rmdir()
                        break
                    time.sleep(0.1)
            return
        self.skipTest("no control group for memory can be made here")

    def left_by(self, child):
        return self.read_facts(f"/dev/shm/pprofc.{os.geteuid()}.{child.pid}")

    def test_sigkill(self):
        """All of it to the last byte."""
        child = self.start(self.program("heap_storm"), "hold", 16, env=self.environment((HEAP,), 1))
        deadline_s = time.monotonic() + 60
        while "held" not in self.text(child, 0) and time.monotonic() < deadline_s:
            time.sleep(0.02)
        os.kill(child.pid, signal.SIGKILL)
        self.assertEqual(self.finish(child).status, -signal.SIGKILL)
        facts = self.left_by(child)
        allocated, freed = self.sums(facts, "grow_here")
        self.assertEqual(allocated, (256, 16 << 20))
        self.assertEqual(freed, (0, 0))

    def test_out_of_memory(self):
        """In a control group of 64 MiB: most of it stands at the function that grew."""
        with self.memory_group(64 << 20) as group:
            child = self.start(self.program("heap_storm"), "eat", 8, env=self.environment((HEAP,), 65536),
                               preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())))
            finished = self.finish(child)
            self.assertEqual(finished.status, -signal.SIGKILL)
            facts = self.left_by(child)
        in_use = sum(site["allocated"]["bytes"] - site["freed"]["bytes"] for site in facts["sites"] if "grow_here" in site["frames"])
        # About a thousand objects of 64 KiB at an interval of 64 KiB: an error of 2.5 %; 32 MiB may not have been reached.
        self.assertGreater(in_use, 32 << 20)
        self.assertLess(in_use, 80 << 20)


class ExactBesideCpu(HeapRuns):
    """Every allocation followed and 1000 samples of CPU a second, on programs that do everything at once: no hang, no loss."""

    def test_stress(self):
        for name in long_or(tuple(ALLOCATORS), ("glibc", "tcmalloc")):
            with self.subTest(allocator=name):
                _, facts = self.record(self.program("heap_storm"), "stress", long_or(60, 1), preloads=(HEAP, self.allocator(name)),
                                       kinds="cpu,heap", PPROFC_FREQUENCY=1000, timeout_s=long_or(200, 60))
                self.assertGreater(facts["n_cpu_samples"], 100)
                self.assertEqual((facts["n_lost_objects"], facts["n_lost_stacks"]), (0, 0))
                for site in facts["sites"]:
                    self.assertLessEqual(site["freed"]["n_samples"], site["allocated"]["n_samples"])

    def test_exceptions_and_loading(self):
        """Two threads load and unload libraries, two throw."""
        finished, facts = self.record(self.program("dlstorm"), long_or(60, 1), kinds="cpu,heap", PPROFC_FREQUENCY=1000,
                                      timeout_s=long_or(200, 60))
        self.assertGreater(facts["n_allocs"], 1000)
        self.assertEqual(facts["n_lost_objects"], 0)


if __name__ == "__main__":
    unittest.main()
