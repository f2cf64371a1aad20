"""Hazards 41, 42, 43, 45 and 49: every entry point, allocator and way of loading has its memory counted exactly."""
import json
import os
import shutil
import subprocess
import unittest

from end_to_end.harness import BUILD, PPROFC, clean_environment, long_or
from hazards.heap_runs import ALLOCATORS, HEAP, LIBRARIES, PLAIN, HeapRuns

TIME_LIMIT_S = 600

INTERVALS = (1, 4096, 65536, 524288)
# What heap_life and heap_calls are linked as, and what of them is seen: a preload begins before their constructors.
LINKED = {"linked": "main", "static": "main", "static_pie": "main"}


class Hazard41EntryPoints(HeapRuns):
    """Each way to take memory is counted as often as it is called, and gives what libc's gives."""

    def check(self, interval, program, *arguments):
        finished, facts = self.record(self.program(program), long_or(1000, 100), *arguments, interval=interval)
        truth = json.loads(finished.out)
        for name in ("n_allocs", "n_reallocs", "n_frees"):
            self.assertEqual(facts[name], truth[name], f"{name} at {interval}")
        if interval == 1:
            self.assertEqual(facts["requested_bytes"], truth["requested_bytes"])
        self.assert_nothing_lost(facts)
        self.assert_no_frame_of_ours(facts)
        return truth, facts

    def test_c(self):
        """malloc, calloc, realloc, the aligned ones, C23's frees, refusals: exact counts, and nothing is left in use."""
        for interval in INTERVALS:
            with self.subTest(interval=interval):
                truth, facts = self.check(interval, "heap_calls", "sized")
                # malloc(0) and what is refused are calls; an object of no bytes is one that is freed, too.
                allocated, freed = self.sums(facts)
                self.assertEqual(allocated, freed)
                if interval == 1:
                    self.assertEqual(allocated[0], truth["n_frees"])

    def test_cpp(self):
        """All operators new and delete: sized, aligned, nothrow, arrays."""
        for interval in INTERVALS:
            with self.subTest(interval=interval):
                truth, facts = self.check(interval, "heap_operators")
                allocated, freed = self.sums(facts)
                self.assertEqual(allocated, freed)
                if interval == 1:
                    self.assertEqual(allocated, (truth["n_allocs"], truth["requested_bytes"]))

    def test_what_operators_refuse(self):
        """bad_alloc and the null pointer come through (mimalloc's, which is C, aborts)."""
        for name in ALLOCATORS:
            with self.subTest(allocator=name):
                path = self.allocator(name)
                unprofiled = self.run_command(self.program("heap_operators"), 1, "vain",
                                              env=clean_environment(**({"LD_PRELOAD": path} if path else {})))
                finished = self.run_command(self.program("heap_operators"), 1, "vain", env=self.environment((HEAP, path), 1))
                self.assertEqual((finished.status, finished.out), (unprofiled.status, unprofiled.out))

    def test_calls_within_libc(self):
        """strdup, asprintf, getline, obstack: each of a thousand is seen, with its caller, and freed."""
        _, facts = self.record(self.program("heap_calls"), 1000, "libc")
        for function in ("call_strdup", "call_asprintf", "call_getline", "call_obstack"):
            allocated, freed = self.sums(facts, function)
            self.assertGreaterEqual(allocated[0], 1000, function)
            self.assertEqual(allocated, freed, function)
        self.assert_nothing_lost(facts)


class Hazard42Allocators(HeapRuns):
    """Whichever allocator is below, preloaded before us or behind us or linked, nothing is missed and nothing changes."""

    def ways(self, name):
        path = self.allocator(name)
        return {"behind": (HEAP, path), "before": (path, HEAP), "patched": (path, PLAIN)} if path else \
            {"preloaded": (HEAP,), "patched": (PLAIN,)}

    def check_life(self, program, preloads, interval):
        """The program's own count of what take() and give() did is ours."""
        unprofiled = self.run_command(program, env=clean_environment(
            **({"LD_PRELOAD": preloads[0]} if preloads[0] not in (HEAP, PLAIN) else {})))
        finished, facts = self.record(program, preloads=preloads, interval=interval)
        self.assertEqual(finished.out, unprofiled.out)
        truth = json.loads(finished.out)
        if interval == 1:
            allocated, freed = self.sums(facts, "take")
            self.assertEqual(allocated, (truth["n_taken"], truth["taken_bytes"]))
            self.assertEqual(freed, (truth["n_given"], truth["given_bytes"]))
        self.assertGreaterEqual(facts["n_allocs"], truth["n_taken"])
        self.assertLess(facts["n_allocs"], truth["n_taken"] + 100)
        self.assertGreaterEqual(facts["n_frees"], truth["n_given"])
        self.assertLess(facts["n_frees"], truth["n_given"] + 100)
        self.assert_nothing_lost(facts)
        self.assert_no_frame_of_ours(facts)

    def check_allocator(self, name):
        for way, preloads in self.ways(name).items():
            for program in ("heap_life", "heap_life_cpp"):
                for interval in long_or(INTERVALS, (1, 524288) if way in ("preloaded", "behind") else (1,)):
                    with self.subTest(way=way, program=program, interval=interval):
                        self.check_life(self.program(program), preloads, interval)

    def test_glibc(self):
        self.check_allocator("glibc")

    def test_jemalloc(self):
        self.check_allocator("jemalloc")

    def test_tcmalloc(self):
        self.check_allocator("tcmalloc")

    def test_tcmalloc_minimal(self):
        self.check_allocator("tcmalloc_minimal")

    def test_mimalloc(self):
        self.check_allocator("mimalloc")

    def test_linked_with_an_allocator(self):
        """An allocator that the program is linked with, as one that is preloaded."""
        gcc = shutil.which("gcc")
        if gcc is None:
            self.skipTest("there is no gcc")
        source = BUILD.parent / "tests/programs/heap_life.c"
        for name in ALLOCATORS:
            if name == "glibc":
                continue
            with self.subTest(allocator=name):
                program = self.folder / name
                subprocess.run([gcc, "-O2", "-fno-builtin", "-D_GNU_SOURCE", "-o", program, source, "-pthread", "-Wl,--no-as-needed",
                                self.allocator(name)], check=True)
                self.check_life(program, (HEAP,), 1)

    def test_calls_by_their_own_names(self):
        """mallocx, rallocx, dallocx, sdallocx; tc_malloc, tc_realloc, tc_free, tc_free_sized; mi_malloc, mi_realloc, mi_free: each is
        counted, followed and forgotten, also where malloc's objects are freed by them and theirs by free()."""
        gcc = shutil.which("gcc")
        if gcc is None:
            self.skipTest("there is no gcc")
        for name, family in (("jemalloc", "JEMALLOC"), ("tcmalloc", "TCMALLOC"), ("tcmalloc_minimal", "TCMALLOC"), ("mimalloc", "MIMALLOC")):
            if not os.path.exists(f"{LIBRARIES}/{ALLOCATORS[name]}"):
                print(f"no {name}: not tried")
                continue
            program = self.folder / name
            subprocess.run([gcc, "-O2", "-fno-builtin", f"-D{family}", "-o", program, BUILD.parent / "tests/programs/heap_native.c",
                            "-Wl,--no-as-needed", self.allocator(name)], check=True)
            for preload in (HEAP, PLAIN):
                for interval in INTERVALS:
                    with self.subTest(allocator=name, preload=preload, interval=interval):
                        self.check_native(program, preload, interval)

    def check_native(self, program, preload, interval):
        finished, facts = self.record(program, long_or(20000, 2000), preloads=(preload,), interval=interval)
        truth = json.loads(finished.out)
        for total in ("n_allocs", "n_frees"):  # and what the loader and libc do at the start and the end
            self.assertIn(facts[total] - truth[total], range(0, 100), total)
        self.assertEqual(facts["n_reallocs"], truth["n_reallocs"])
        allocated, freed = (tuple(map(sum, zip(*sums))) for sums in zip(*(self.sums(facts, one) for one in ("take", "resize", "mix"))))
        if interval == 1:
            self.assertEqual(allocated[0] - freed[0], truth["n_kept"])
            self.assertEqual(allocated[1] - freed[1], truth["kept_bytes"])
        else:
            self.assertLess(abs(allocated[1] - freed[1] - truth["kept_bytes"]), 5 * (interval * truth["kept_bytes"]) ** 0.5 + interval)
        self.assert_nothing_lost(facts)
        self.assert_no_frame_of_ours(facts)

    def test_rust(self):
        """A Rust program's Box, Vec and String are seen with the function that made them."""
        rustc = shutil.which("rustc")
        if rustc is None:
            self.skipTest("there is no rustc")
        source, program = self.folder / "life.rs", self.folder / "life"
        source.write_text(RUST)
        subprocess.run([rustc, "-O", "-g", "-o", program, source], check=True, capture_output=True)
        for name in ALLOCATORS:
            for preloads in self.ways(name).values():
                with self.subTest(preloads=preloads):
                    finished, facts = self.record(program, preloads=preloads)
                    self.assertEqual(finished.out, "8000 boxes\n")
                    allocated, freed = self.rust_sums(facts)
                    self.assertEqual(allocated, (8000, 8000 * 48))
                    self.assertEqual(freed, (7992, 7992 * 48))
                    self.assert_nothing_lost(facts)

    @staticmethod
    def rust_sums(facts):
        sites = [site for site in facts["sites"] if any("take_box" in name for name in site["frames"])]
        return [(sum(site[side]["n_samples"] for site in sites), sum(site[side]["bytes"] for site in sites))
                for side in ("allocated", "freed")]


RUST = """
#[inline(never)]
fn take_box(i: u64) -> Box<[u64; 6]> {
    std::hint::black_box(Box::new([i; 6]))
}

fn main() {
    let threads: Vec<_> = (0..8).map(|t| std::thread::spawn(move || {
        let mut kept = Vec::new();
        for i in 0..1000u64 {
            let one = take_box(i + t);
            if i == 0 { kept.push(one); }
        }
        std::mem::forget(kept);
        1000
    })).collect();
    let n: u64 = threads.into_iter().map(|one| one.join().unwrap()).sum();
    println!("{} boxes", n);
}
"""


class Hazard45Linked(HeapRuns):
    """Linked with libpprofc, dynamically by patched entries or statically by the linker's wrapping, the counts are exact."""

    def test_entry_points(self):
        for way in LINKED:
            for interval in INTERVALS:
                with self.subTest(way=way, interval=interval):
                    finished, facts = self.record(self.program(f"heap_calls_{way}"), 100, "glibc", preloads=(), interval=interval)
                    self.check_calls(finished, facts)

    def check_calls(self, finished, facts):
        truth = json.loads(finished.out)
        for name in ("n_allocs", "n_reallocs", "n_frees"):
            self.assertEqual(facts[name], truth[name], name)
        self.assert_nothing_lost(facts)
        self.assert_no_frame_of_ours(facts)

    @unittest.skipUnless(shutil.which("musl-gcc"), "no musl-gcc")
    def test_musl(self):
        """A static program of musl, whose calloc and memalign call other names of the family, is counted exactly, too."""
        for interval in INTERVALS:
            with self.subTest(interval=interval):
                finished, facts = self.record(self.program("heap_calls_musl"), 100, preloads=(), interval=interval)
                self.check_calls(finished, facts)
        finished, facts = self.record(self.program("heap_life_musl"), preloads=())
        self.check_life(finished, facts)

    @unittest.skipUnless(shutil.which("musl-gcc"), "no musl-gcc")
    def test_musl_without_being_asked(self):
        finished = self.run_command(self.program("heap_calls_musl"), 100, env=clean_environment())
        self.assertEqual((finished.status, finished.err), (0, ""))

    def test_life(self):
        for way in LINKED:
            with self.subTest(way=way):
                finished, facts = self.record(self.program(f"heap_life_{way}"), preloads=())
                self.check_life(finished, facts)

    def check_life(self, finished, facts):
        truth = json.loads(finished.out)
        allocated, freed = self.sums(facts, "take")
        self.assertEqual((allocated[0], freed[0]), (truth["main_taken"], truth["main_given"]))
        self.assert_nothing_lost(facts)
        self.assert_no_frame_of_ours(facts)

    def test_static_is_off_without_being_asked(self):
        """Wrapped and not switched on, a program does what it did."""
        finished = self.run_command(self.program("heap_calls_static"), 100, "glibc", env=clean_environment())
        self.assertEqual((finished.status, finished.err), (0, ""))


if __name__ == "__main__":
    unittest.main()
