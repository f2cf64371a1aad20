"""tests/run counts what happens: cases, crashes, hangs, skips; and never says yes to nothing."""
import importlib.machinery
import importlib.util
import io
import signal
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path

from tree import ROOT

RUNNER = ROOT / "tests/run"

HEAD = "import os, time, unittest, signal\n{}\nclass T(unittest.TestCase):\n"


def run(code, *options):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test_made.py"
        path.write_text(code)
        done = subprocess.run([sys.executable, str(RUNNER), *options, str(path)], capture_output=True, text=True)
    return done.returncode, done.stdout


def load_runner():
    loader = importlib.machinery.SourceFileLoader("runner", str(RUNNER))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("runner", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


class PythonFiles(unittest.TestCase):
    def check(self, body, closing, status, says="", head=""):
        code = HEAD.format(head) + "".join(f"    {line}\n" for line in body.split("\n"))
        got_status, output = run(code)
        self.assertEqual(output.rstrip().split("\n")[-1], closing, output)
        self.assertEqual(got_status, status)
        self.assertIn(says, output)

    def test_passes(self):
        self.check("def test_a(self): pass\ndef test_b(self): pass", "2 passed, 0 failed, 0 skipped", 0)

    def test_failure_is_shown(self):
        self.check("def test_a(self): self.assertEqual(1, 2)\ndef test_b(self): pass", "1 passed, 1 failed, 0 skipped", 1,
                   "AssertionError: 1 != 2")

    def test_skip_shows_its_reason(self):
        self.check("def test_a(self): self.skipTest('no corpus here')\ndef test_b(self): pass", "1 passed, 0 failed, 1 skipped", 0,
                   "no corpus here")

    def test_only_skips_is_no_success(self):
        self.check("def test_a(self): self.skipTest('why')", "0 passed, 0 failed, 1 skipped", 1, "no test ran")

    def test_crash_keeps_what_ran_before(self):
        self.check("def test_a(self): pass\ndef test_b(self): os.kill(os.getpid(), signal.SIGSEGV)",
                   "1 passed, 1 failed, 0 skipped", 1, "T.test_b")

    def test_subtests_that_fail(self):
        self.check("def test_a(self):\n    for i in range(3):\n        with self.subTest(i=i): self.assertNotEqual(i, 1)",
                   "0 passed, 1 failed, 0 skipped", 1, "(i=1)")

    def test_started_by_nohup(self):
        """Signals that whoever starts the tests ignores are there for the programs of the tests."""
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGINT)}
        try:
            self.check("def test_a(self): self.assertNotIn(signal.SIG_IGN, map(signal.getsignal, (signal.SIGHUP, signal.SIGINT)))",
                       "1 passed, 0 failed, 0 skipped", 0)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def test_hang_is_killed(self):
        self.check("def test_a(self): pass\ndef test_b(self): time.sleep(1000)", "1 passed, 1 failed, 0 skipped", 1, "hung",
                   head="TIME_LIMIT_S = 10")

    def test_import_error(self):
        status, output = run("import no_such_module\n")
        self.assertIn("0 passed, 1 failed, 0 skipped", output)
        self.assertIn("no_such_module", output)
        self.assertEqual(status, 1)

    def test_setup_class_failure(self):
        self.check("@classmethod\ndef setUpClass(cls): raise OSError('no room')\ndef test_a(self): pass",
                   "0 passed, 1 failed, 0 skipped", 1, "no room")

    def test_module_skip(self):
        status, output = run("import unittest\nraise unittest.SkipTest('nothing to do')\n")
        self.assertIn("0 passed, 0 failed, 1 skipped", output)
        self.assertEqual(status, 1)


class UnitPrograms(unittest.TestCase):
    def count(self, **record):
        runner = load_runner()
        tally = runner.Tally()
        with redirect_stdout(io.StringIO()) as output:
            runner.count_unit_test({"name": "suite / made", **record}, tally)
            tally.close()
        return tally.counts(), output.getvalue()

    STDOUT = "[==========] Running 3 test(s).\n[ RUN      ] one\n[       OK ] one\n[ RUN      ] two\n[ RUN      ] three\n"
    STDERR = ("[  ERROR   ] --- 0x1 != 0x2\n[   LINE   ] --- made.c:5: error: Failure!\n[  FAILED  ] two\n[  SKIPPED ] three\n"
              "[  FAILED  ] made: 1 test(s), listed below:\n[  FAILED  ] two\n\n 1 FAILED TEST(S)\n")

    def test_cases_of_cmocka(self):
        """One passed, one failed (named twice in the output), one skipped."""
        counts, output = self.count(result="FAIL", returncode=1, stdout=self.STDOUT, stderr=self.STDERR)
        self.assertEqual(counts, (1, 1, 1))
        self.assertIn("0x1 != 0x2", output)

    def test_skipped_case_tells_why(self):
        """What it printed before is its reason, not what the next one says."""
        counts, output = self.count(result="OK", returncode=0, stderr="[  SKIPPED ] one\n[  SKIPPED ] two\n",
                                    stdout="[ RUN      ] one\n[ RUN      ] two\na line\nskipped: no vdso\n[ RUN      ] three\n[       OK ] three\n")
        self.assertEqual(counts, (1, 0, 2))
        self.assertIn("it does not say why", output)
        self.assertIn("made:two: no vdso", output)

    def test_crash_after_a_case(self):
        """A program that dies has failed, whatever passed before."""
        counts, _ = self.count(result="FAIL", returncode=-11, stdout="[ RUN      ] one\n[       OK ] one\n[ RUN      ] two\n")
        self.assertEqual(counts, (1, 1, 0))

    def test_programs_without_cases(self):
        self.assertEqual(self.count(result="OK", returncode=0, stdout="")[0], (1, 0, 0))
        self.assertEqual(self.count(result="SKIP", returncode=77, stdout="no perf")[0], (0, 0, 1))
        self.assertEqual(self.count(result="TIMEOUT", returncode=-9, stdout="")[0], (0, 1, 0))


if __name__ == "__main__":
    unittest.main()
