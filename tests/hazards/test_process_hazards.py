"""Hazards 24, 29, 30, 32, 36, 80 and 85 of hazards.md: processes that processes make, and what they are given."""
import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

from end_to_end.harness import BUILD, PPROFC, EndToEnd, clean_environment, long_or, scorer

TIME_LIMIT_S = 1500


def by_hand(folder, rate_hz=1000, **more):
    """The environment that preloads by hand; the recording goes into the folder, the line to a log there."""
    return clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu", PPROFC_FREQUENCY=rate_hz,
                             PPROFC_OUTPUT=folder / "%n.%p.ppc", PPROFC_LOG=folder / "log", **more)


class Processes(EndToEnd):
    """What the classes below share."""

    def run_by_hand(self, *command, rate_hz=1000, **more):
        """A run that is preloaded by hand; what one that ends without ending its session leaves in shared memory is removed."""
        child = self.start(*command, env=by_hand(self.folder, rate_hz), **more)
        finished = self.finish(child)
        for path in Path("/dev/shm").glob(f"pprofc.{os.geteuid()}.{child.pid}*"):
            path.unlink()
        return finished


class BareFork(Processes):
    """Children that no fork handler hears of, by _Fork() or clone(), live on and end as they would without us."""

    def test_bare_children(self):
        """They burn CPU, make a thread and a child, and leave by exit(), with the command and without."""
        n = long_or(100, 2)
        for finished in (self.run_by_hand(self.program("bare_fork"), n),
                         self.run_profiled("-F", "1000", "--", self.program("bare_fork"), n)[0]):
            self.assertEqual(json.loads(finished.out)["n_good"], [n, n, n], finished.err)


class StackOfTheKernel(Processes):
    """What the kernel put on the first stack stays as programs expect it, though our variables are gone from it."""

    def test_auxiliary_vector(self):
        """It is found behind the environment on the stack, behind main's and behind environ; none of these holds ours."""
        for environment in (by_hand(self.folder), {name: value for name, value in by_hand(self.folder).items()
                                                   if name.startswith(("PPROFC", "LD_"))}):
            seen = json.loads(self.run_command(self.program("initial_stack"), env=environment).out)
            n_others = len([name for name in environment if not name.startswith(("PPROFC", "LD_"))])
            self.assertEqual(seen, {"stack": 1, "main": 1, "environ": 1, "n_ours": [0, 0, 0], "n": n_others})

    def test_title_over_the_strings(self):
        """A program that writes its title over its environment and then executes itself is profiled in both lives."""
        finished = self.run_by_hand(self.program("initial_stack"), "title")
        self.assertEqual(finished.status, 0, finished.err)
        lives = [json.loads(line) for line in finished.out.splitlines()]
        self.assertEqual([life["n_ours"] for life in lives], [[0, 0, 0]] * 2)
        self.assertEqual(lives[1]["n"], 0)
        self.assertEqual(len(list(self.folder.glob("*.ppc"))), 1, "the second life's, by what the first gave it")

    def test_dynamic_go(self):
        """Go's runtime in a dynamic program starts and works, sampled at 10 kHz: Debian's own `go` is one."""
        tools = [path for path in sorted(Path("/usr/lib").glob("go-*/bin/go")) if b"ld-linux" in path.read_bytes()[:4096]]
        if not tools:
            self.skipTest("no go that is linked dynamically")
        plain = self.run_command(tools[0], "env", "-json")
        self.assertEqual(plain.status, 0, plain.err)
        for _ in range(long_or(200, 5)):
            finished = self.run_by_hand(tools[0], "env", "-json", rate_hz=10000)
            self.assertEqual((finished.status, len(json.loads(finished.out)), finished.err), (0, len(json.loads(plain.out)), ""))


if __name__ == "__main__":
    unittest.main()
