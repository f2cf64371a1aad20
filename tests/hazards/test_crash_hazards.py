"""Hazard 19 of hazards.md, programs that crash while they are sampled; and signals of the program's own at 1 kHz."""
import resource
import signal
import unittest
from pathlib import Path

from end_to_end.harness import BUILD, IS_SANITIZED, EndToEnd, clean_environment, long_or, scorer

TIME_LIMIT_S = 10000
MAGIC = b"pprofc\r\n"


class Hazard(EndToEnd):
    """Base: time for the long form on a machine that does other things, too."""
    TIMEOUT_S = long_or(1800, 120)


class Hazard19Crash(Hazard):
    """A program that crashes dies as it would have without us, and what was recorded till then is there."""
    ENDS = {"segv": signal.SIGSEGV, "bus": signal.SIGBUS, "abort": signal.SIGABRT, "ill": signal.SIGILL,
            "trap": signal.SIGTRAP, "overflow": signal.SIGSEGV}

    def test_status_and_recording(self):
        """By SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGTRAP, a stack overflow: the same status, and a whole profile."""
        for how, signo in self.ENDS.items():
            for _ in range(long_or(30, 1)):
                with self.subTest(end=how):
                    program = self.program("crashes")
                    plain = self.run_command(program, how, "0.05")
                    self.assertEqual(plain.status, -signo)
                    finished, path = self.run_profiled("-F", "1000", "--", program, how, "0.3", status=128 + signo)
                    self.assertIn('"phases"', finished.out)
                    self.assertGreater(self.share(self.stacks(path), "before_the_crash"), 0.9)

    def test_mappings_left_out(self):
        """The recording, the tables, the cache: all that we map is marked to be left out of core dumps."""
        finished, _ = self.run_profiled("-F", "1000", "--", self.program("crashes"), "mappings", "0.3")
        rows = [line.split(None, 4) for line in finished.out.splitlines() if line.startswith("mapping ")]
        recording = [row for row in rows if len(row) > 4 and "/dev/shm/pprofc." in row[4] or "memfd:pprofc" in row[-1]]
        self.assertTrue(recording, finished.out)
        self.assertEqual({row[3] for row in recording}, {"out"})
        # Our range of 128 MiB follows in pieces; no other mapping without a name is left out but the cache of rules.
        left_out = sum(int(row[2], 16) - int(row[1], 16) for row in rows if row[3] == "out" and len(row) == 4)
        self.assertGreaterEqual(left_out, (128 << 20) + (128 << 10))

    def test_core(self):
        """Where cores go to files: one is written, about as large as without us, without the recording."""
        if Path("/proc/sys/kernel/core_pattern").read_text().strip() != "core":
            self.skipTest("core_pattern sends cores elsewhere")
        if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
            self.skipTest("the hard limit forbids cores")
        sizes = {}
        for name, more in (("plain", {}), ("profiled", self.preloaded())):
            where = self.folder / name
            where.mkdir()
            script = f"ulimit -c unlimited; exec {self.program('crashes')} segv 0.3"
            finished = self.run_command("sh", "-c", script, cwd=where, env=clean_environment(**more))
            self.assertEqual(finished.status, -signal.SIGSEGV)
            cores = list(where.glob("core*"))
            self.assertEqual(len(cores), 1, f"{name}: no core")
            sizes[name] = cores[0].stat().st_size
            if name == "profiled":
                self.assertNotIn(MAGIC, cores[0].read_bytes())
        # A sanitized core holds the runtime's shadow of what we touched, 2 to 8 MB.
        if not IS_SANITIZED:
            self.assertLess(sizes["profiled"] - sizes["plain"], 1 << 20, sizes)

    def preloaded(self):
        return {"LD_PRELOAD": BUILD / "libpprofc-preload.so", "PPROFC": "cpu", "PPROFC_FREQUENCY": "1000",
                "PPROFC_OUTPUT": self.folder / "x.ppc"}


class SignalsAtOneKilohertz(Hazard):
    """Signals that the program sends itself a thousand times a second arrive as without us."""

    def test_counts(self):
        """A timer's, another thread's, sigwaitinfo's and a signalfd's: each that was sent came, once, while sampled."""
        for rate_hz in (1000, 10000):
            with self.subTest(rate_hz=rate_hz):
                finished, _ = self.run_profiled("-F", rate_hz, "--", self.program("own_signals"), long_or(30, 0.7))
                truth = scorer.read_truth(finished.out)
                self.assertEqual(truth["came"], truth["sent"])
                self.assertEqual(truth["sums"], [truth["sum_sent"]] * 2)
                self.assertGreater(min(truth["sent"][1:]), long_or(10000, 200))
                self.assertGreater(truth["n_alarms"], long_or(10000, 300))
                self.assertEqual(truth["n_wrong_alarms"], 0)


if __name__ == "__main__":
    unittest.main()
