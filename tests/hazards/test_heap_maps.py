"""Hazards 31, 41, 42 and 44 with mappings: what the program maps by itself is followed to the byte, and nothing counts twice."""
import json
import os
import shutil
import subprocess
import unittest

from end_to_end.harness import BUILD, PPROFC, clean_environment, long_or
from hazards.heap_runs import ALLOCATORS, HEAP, LIBRARIES, PLAIN, HeapRuns

TIME_LIMIT_S = 600

COUNTS = ("n_maps", "mapped_bytes", "n_others", "other_bytes", "n_unmaps", "unmapped_bytes")
LINKED = ("linked", "static", "static_pie")


class MapRuns(HeapRuns):
    """Base: tests/programs/heap_maps.c, which maps at random and keeps a model."""

    def record_maps(self, *arguments, program="heap_maps", preloads=(HEAP,), interval=1, **more):
        finished, facts = self.record(self.program(program), *arguments, preloads=preloads, interval=interval, PPROFC_HEAP_MMAP=1, **more)
        return json.loads(finished.out), facts

    @staticmethod
    def mapped_sums(facts, function=None, is_mapped=True):
        """[(objects, bytes) allocated, (objects, bytes) freed] of sites that map."""
        sites = [site for site in facts["sites"] if site["is_mapped"] == is_mapped
                 and (function is None or any(name.startswith(function) for name in site["frames"]))]
        return [tuple(sum(site[side][value] for site in sites) for value in ("n_samples", "bytes")) for side in ("allocated", "freed")]

    def assert_exact(self, truth, facts):
        """Counters, what was ever mapped, and what is left, object by object."""
        self.assertEqual({name: facts["mappings"][name] for name in COUNTS}, {name: truth[name] for name in COUNTS})
        allocated, freed = self.mapped_sums(facts)
        self.assertEqual(allocated, (truth["n_maps"], truth["mapped_bytes"]))
        self.assertEqual((allocated[0] - freed[0], allocated[1] - freed[1]), (truth["live_objects"], truth["live_bytes"]))
        self.assert_nothing_lost(facts)
        self.assert_no_frame_of_ours(facts)


class Hazard41Mappings(MapRuns):
    """mmap, munmap and mremap, whatever they do to a part of what there is."""

    def test_exact(self):
        """Each mapping is counted with its caller, and what is left of it is known to the page: parts unmapped, covered by others,
        grown, shrunk and moved, calls that fail."""
        truth, facts = self.record_maps(long_or(200000, 20000))
        self.assert_exact(truth, facts)
        names = {name for site in facts["sites"] if site["is_mapped"] for name in site["frames"]}
        self.assertTrue({"map_private", "map_shared", "map_over", "live"} <= names, names)
        self.assertEqual(self.mapped_sums(facts, "map_others"), [(0, 0), (0, 0)])

    def test_sampled(self):
        """One sample in 256 KiB of mappings of 80 KiB on average: bytes mapped and in use lie within five standard errors."""
        truth, facts = self.record_maps(long_or(200000, 20000), interval=262144)
        self.assertEqual({name: facts["mappings"][name] for name in COUNTS}, {name: truth[name] for name in COUNTS})
        allocated, freed = self.mapped_sums(facts)
        for estimate, wanted in ((allocated[1], truth["mapped_bytes"]), (allocated[1] - freed[1], truth["live_bytes"])):
            self.assertLess(abs(estimate - wanted), 5 * (262144 * wanted) ** 0.5 + 262144)
        self.assertLess(allocated[0], truth["n_maps"])

    def test_threads(self):
        """Eight threads, whose addresses go from one to the other."""
        truth, facts = self.record_maps(long_or(50000, 4000), 8)
        self.assert_exact(truth, facts)

    def test_linked(self):
        """By patched entries, and by the linker's wrapping in static programs."""
        for way in LINKED:
            with self.subTest(way=way):
                truth, facts = self.record_maps(2000, program=f"heap_maps_{way}", preloads=())
                self.assert_exact(truth, facts)

    def test_preload_without_malloc(self):
        truth, facts = self.record_maps(2000, preloads=(PLAIN,))
        self.assert_exact(truth, facts)

    def test_off(self):
        """Nobody asked: nothing is in the way of mmap, and nothing is counted."""
        _, facts = self.record(self.program("heap_maps"), 1000)
        self.assertEqual(set(facts["mappings"].values()), {0})
        self.assertFalse(any(site["is_mapped"] for site in facts["sites"]))


class Hazard31MappingsInChildren(MapRuns):
    def test_forks(self):
        """What children unmap that they inherited is still in use in their parent."""
        truth, facts = self.record_maps(2000, 2, "fork")
        self.assert_exact(truth, facts)


class Hazard44MappingsInHandlers(MapRuns):
    def test_handlers(self):
        """A handler that maps and unmaps 3000 times a second comes upon our calls anywhere: no hang, and what is left is right."""
        truth, facts = self.record_maps(long_or(200000, 20000), 2, "signals", timeout_s=120)
        allocated, freed = self.mapped_sums(facts)
        self.assertEqual((allocated[0] - freed[0], allocated[1] - freed[1]), (truth["live_objects"], truth["live_bytes"]))


class Hazard42MappingsOfAllocators(MapRuns):
    """What malloc maps for itself is malloc's: it does not count twice, whichever allocator there is."""

    def check(self, name, preloads):
        finished, facts = self.record(self.program("heap_life"), preloads=preloads, PPROFC_HEAP_MMAP=1)
        truth = json.loads(finished.out)
        allocated, freed = self.sums(facts, "take")
        self.assertEqual(allocated, (truth["n_taken"], truth["taken_bytes"]))
        self.assertEqual(freed, (truth["n_given"], truth["given_bytes"]))
        self.assertEqual(self.mapped_sums(facts), [(0, 0), (0, 0)], name)
        self.assertEqual(facts["mappings"]["n_maps"], 0, name)
        truth, facts = self.record_maps(2000, preloads=preloads)
        self.assert_exact(truth, facts)

    def test_allocators(self):
        """Behind us, before us, and with patched entries: objects of malloc's are malloc's alone, and the program's mappings are
        seen to the page."""
        for name in ALLOCATORS:
            path = self.allocator(name) if name == "glibc" or os.path.exists(f"{LIBRARIES}/{ALLOCATORS[name]}") else False
            if path is False:
                print(f"no {name}: not tried")
                continue
            for preloads in long_or(((HEAP, path), (path, HEAP), (path, PLAIN)), ((HEAP, path), (path, PLAIN))) if path else ((HEAP,),):
                with self.subTest(allocator=name, preloads=preloads):
                    self.check(name, preloads)

    def test_allocator_in_the_program(self):
        """A static program with jemalloc in it: its mappings cannot be told from the program's, which a message says; malloc is
        followed."""
        archive, gcc = f"{LIBRARIES}/libjemalloc.a", shutil.which("gcc")
        if not os.path.exists(archive) or gcc is None:
            self.skipTest("there is no libjemalloc.a, or no gcc")
        names = ("malloc calloc realloc reallocarray memalign aligned_alloc posix_memalign valloc pvalloc free free_sized "
                 "free_aligned_sized pthread_create sigaction signal mmap mmap64 munmap mremap").split()
        wraps = "-Wl,-u,pprofc_start,-u,__wrap_malloc,-u,__wrap_mmap,--eh-frame-hdr," + ",".join(f"--wrap={name}" for name in names)
        program = self.folder / "maps"
        subprocess.run([gcc, "-O2", "-fno-builtin", "-D_GNU_SOURCE", "-static", "-o", program, BUILD.parent / "tests/programs/heap_maps.c", wraps,
                        BUILD / "libpprofc.a", archive, "-lm", "-pthread"], check=True)
        finished, facts = self.record(program, 1000, preloads=(), PPROFC_HEAP_MMAP=1)
        self.assertEqual(json.loads(finished.out)["n_errors"], 0)
        self.assertTrue(any("whose mappings cannot be told from others" in one for one in facts["messages"]), facts["messages"])
        self.assertEqual(facts["mappings"]["n_maps"], 0)
        self.assertGreater(self.mapped_sums(facts, is_mapped=False)[0][0], 0)


class Reports(MapRuns):
    """What people see."""

    def test_run(self):
        """`run --heap-mmap`: a label that pprof filters by, a line with the exact totals, the same in JSON and comments; the option
        needs the heap."""
        path = self.folder / "maps.pb.gz"
        finished = self.pprofc("run", "-k", "heap", "--heap-mmap", "--heap-interval", "1", "-o", path, "--", self.program("heap_maps"), 2000)
        self.assertEqual(finished.status, 0, finished.err)
        truth = json.loads(finished.out)
        profile = self.read_profile(path)
        text = self.pprofc("report", path).out
        self.assertRegex(text, rf"(?m)^Mapped   [\d.]+ [KM]iB of what is in use; exactly {truth['n_maps']:,} maps of ".replace(",", " "))
        for options in ((path,), ("--sample", "alloc_space", path)):
            heap = json.loads(self.pprofc("report", "--json", *options).out)["heap"]["mappings"]
            self.assertEqual([heap[name] for name in ("n_maps", "mapped_bytes", "n_other_maps", "other_mapped_bytes", "n_unmaps", "unmapped_bytes")],
                             [truth[name] for name in COUNTS])
        self.assertIn(f"pprofc: heap_maps={truth['n_maps']}", profile.comments)
        refused = self.pprofc("run", "--heap-mmap", "--", "true")
        self.assertEqual((refused.status, "--heap-mmap needs -k heap" in refused.err), (125, True), refused.err)

    def test_pprof(self):
        """go tool pprof tells the two apart by the label."""
        if shutil.which("go") is None:
            self.skipTest("there is no go")
        path = self.folder / "maps.pb.gz"
        finished = self.run_command(PPROFC, "run", "-k", "heap", "--heap-interval", "1", "-o", path, "--", self.program("heap_maps"), 2000,
                                    env=clean_environment(PPROFC_HEAP_MMAP=1))
        self.assertEqual(finished.status, 0, finished.err)
        truth = json.loads(finished.out)
        top = self.run_command("go", "tool", "pprof", "-top", "-unit=B", "-tagfocus=allocator=mmap", "-sample_index=inuse_space", path)
        self.assertIn(f"Showing nodes accounting for {truth['live_bytes']}B", top.out, top.out + top.err)


if __name__ == "__main__":
    unittest.main()
