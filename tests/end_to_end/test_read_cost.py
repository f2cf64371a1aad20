"""What reading costs is held by counts of instructions, which no busy machine changes; times are bench/run's."""
import shutil
import subprocess
import unittest

from harness import BUILD, ROOT, EndToEnd, built, clean_environment


class Instructions(EndToEnd):
    def test_reading(self):
        """A sample of a pprof file takes at most 3900 instructions on a new stack and 2000 on one met before, a byte of folded stacks 54."""
        built("bench/read_profile")
        if shutil.which("valgrind") is None:
            self.skipTest("no valgrind")
        done = subprocess.run([ROOT / "bench" / "run", "read-instructions"], env={**clean_environment(), "PPROFC_BUILD_DIR": str(BUILD)},
                              capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count("instructions a "), 3, done.stdout)


if __name__ == "__main__":
    unittest.main()
