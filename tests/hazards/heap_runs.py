"""What the tests of heap profiling share: running a program with a preload, and reading what its recording says."""
import collections
import json
import shutil
import unittest

from end_to_end.harness import BUILD, EndToEnd, IS_SANITIZED, clean_environment

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
HEAP = str(BUILD / "libpprofc-preload-heap.so")
PLAIN = str(BUILD / "libpprofc-preload.so")
ALLOCATORS = {"glibc": None, "jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc.so.4",
              "tcmalloc_minimal": "libtcmalloc_minimal.so.4", "mimalloc": "libmimalloc.so.2"}

Recorded = collections.namedtuple("Recorded", "finished facts")


@unittest.skipIf(IS_SANITIZED, "sanitizers own malloc")
class HeapRuns(EndToEnd):
    """Base: programs that are run with PPROFC=heap."""

    def allocator(self, name):
        """The library's path, None for libc's own; skips where it is not installed."""
        if ALLOCATORS[name] is None:
            return None
        path = f"{LIBRARIES}/{ALLOCATORS[name]}"
        if not shutil.os.path.exists(path):
            self.skipTest(f"there is no {ALLOCATORS[name]}")
        return path

    def environment(self, preloads, interval, kinds="heap", **more):
        preloads = [one for one in preloads if one]
        return clean_environment(PPROFC=kinds, PPROFC_HEAP_INTERVAL=interval, PPROFC_OUTPUT=self.folder / "heap.ppc",
                                 **({"LD_PRELOAD": ":".join(preloads)} if preloads else {}), **more)

    def read_facts(self, path=None):
        read = self.run_command(self.program("heap_facts"), path or self.folder / "heap.ppc")
        self.assertEqual(read.status, 0, read.err)
        return json.loads(read.out)

    def record(self, *argv, preloads=(HEAP,), interval=1, status=0, timeout_s=None, **more):
        """Run a program; gives how it ended and what its recording says."""
        (self.folder / "heap.ppc").unlink(missing_ok=True)
        finished = self.run_command(*argv, env=self.environment(preloads, interval, **more), timeout_s=timeout_s)
        self.assertEqual(finished.status, status, f"{argv}\n{finished.out}{finished.err}")
        return Recorded(finished, self.read_facts())

    @staticmethod
    def sums(facts, function=None):
        """(objects, bytes) that sites with 'function' on their stacks have allocated, and freed."""
        sites = [site for site in facts["sites"] if function is None or any(name.startswith(function) for name in site["frames"])]
        return [(sum(site[side]["n_samples"] for site in sites), sum(site[side]["bytes"] for site in sites))
                for side in ("allocated", "freed")]

    def assert_nothing_lost(self, facts):
        self.assertEqual([facts[name] for name in ("n_ghosts", "n_lost_objects", "n_lost_stacks")], [0, 0, 0])

    def assert_no_frame_of_ours(self, facts):
        ours = {name for site in facts["sites"] for name in site["frames"] if name.startswith(("pp_", "pprofc_", "__wrap_"))
                or name == "run"}  # where threads of ours begin
        self.assertEqual(ours, set())
