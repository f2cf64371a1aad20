"""Our walks against libunwind's, at the same instant of the same program.

Each program runs with compare_unwind.so preloaded, until it has enough samples.  'longer': libunwind stopped, with the
same frames up to there; that is not counted as equal.  PPROFC_LONG=1 takes ten times the samples.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from built import BUILD, built  # noqa: E402

WORKLOADS = HERE / "workloads"
LIBRARY = BUILD / "tests/oracle/compare_unwind.so"
LONG = os.environ.get("PPROFC_LONG") == "1"
MIN_SAMPLES = 10000 if LONG else 1000
MIN_EQUAL_PERCENT = 99.9
MIN_ROOT_PERCENT = 99.0  # where both stop early in the same way (assembly without unwind information)
MAX_LANDING_PERCENT = 5.0  # without a root while libgcc lands in a handler: is_landing(), is_leaving() in compare_unwind.c
MAX_ROUNDS = 100 if LONG else 10
TIME_LIMIT_S = 900
KEYS = ("samples", "equal", "longer", "shorter", "differ", "root", "landing", "inferred", "second")


def run_once(command, stdin, folder, lazy):
    """One run of a program under comparison: its counts."""
    output = Path(folder) / "result.json"
    output.unlink(missing_ok=True)
    environment = dict(os.environ, LD_PRELOAD=str(LIBRARY), PPROFC_ORACLE_OUTPUT=str(output),
                       PPROFC_ORACLE_DUMP=str(Path(folder) / "differences"), LC_ALL="C")
    if lazy:
        environment["PPROFC_ORACLE_LAZY"] = "1"
    with open(stdin or os.devnull, "rb") as source:
        subprocess.run(command, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
                       env=environment, cwd=folder)
    return [json.loads(line) for line in output.read_text().splitlines()][-1]


def compare(command, stdin=None, lazy=False):
    """Run a program until it has enough samples; the sums, and the first stacks that differ."""
    total = dict.fromkeys(KEYS, 0)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(MAX_ROUNDS):
            counts = run_once(command, stdin, folder, lazy)
            for key in KEYS:
                total[key] += counts[key]
            if total["samples"] >= MIN_SAMPLES:
                break
        differences = Path(folder) / "differences"
        return total, differences.read_text()[:3000] if differences.exists() else ""


@unittest.skipUnless(LIBRARY.exists(), "libunwind-dev was not installed when this was built, or it is sanitized")
class EqualsLibunwind(unittest.TestCase):
    """At least 99.9 % of the stacks are libunwind's."""

    rows = []

    @classmethod
    def tearDownClass(cls):
        print(f"\n{'program':<14}{'samples':>9}{'equal %':>9}{'longer %':>10}{'root %':>8}{'landing':>9}{'second':>8}")
        for name, t in cls.rows:
            n = max(t["samples"], 1)
            print(f"{name:<14}{t['samples']:>9}{100 * t['equal'] / n:>9.2f}{100 * t['longer'] / n:>10.2f}"
                  f"{100 * t['root'] / n:>8.2f}{t['landing']:>9}{t['second']:>8}")

    def check(self, name, command, stdin=None, lazy=False):
        """Compare, keep the row for the table, and hold it against the bar."""
        if shutil.which(command[0]) is None:
            self.skipTest(f"{command[0]} is not installed")
        total, differences = compare(command, stdin, lazy)
        self.rows.append((name + (" (lazy)" if lazy else ""), total))
        self.assertGreaterEqual(total["samples"], MIN_SAMPLES)
        self.assertGreaterEqual(100 * total["equal"] / total["samples"], MIN_EQUAL_PERCENT, differences)
        self.assertGreaterEqual(100 * total["root"] / (total["samples"] - total["landing"]), MIN_ROOT_PERCENT)
        self.assertLessEqual(100 * total["landing"] / total["samples"], MAX_LANDING_PERCENT)

    def test_perl(self):
        """perl"""
        self.check("perl", ["/usr/bin/perl", str(WORKLOADS / "work.pl"), "4"])

    def test_python(self):
        """python3, whose hashes are in a library loaded later"""
        self.check("python3", ["/usr/bin/python3", str(WORKLOADS / "work.py"), "2"])

    def test_sqlite(self):
        """sqlite3"""
        self.check("sqlite3", ["/usr/bin/sqlite3", ":memory:"], stdin=WORKLOADS / "work.sql")

    def check_compiler(self, lazy):
        """Compile with the C++ compiler proper, not the driver that starts it."""
        if shutil.which("g++") is None:
            self.skipTest("g++ is not installed")
        path = subprocess.run(["g++", "-print-prog-name=cc1plus"], check=True, capture_output=True, text=True).stdout
        with tempfile.NamedTemporaryFile(suffix=".ii") as preprocessed:
            subprocess.run(["g++", "-E", "-o", preprocessed.name, str(WORKLOADS / "work.cc")], check=True)
            self.check("cc1plus", [path.strip(), "-quiet", "-O2", preprocessed.name, "-o", os.devnull], lazy=lazy)

    def test_cc1plus(self):
        """cc1plus, by tables"""
        self.check_compiler(lazy=False)

    def test_cc1plus_lazily(self):
        """cc1plus, by .eh_frame in place"""
        self.check_compiler(lazy=True)

    def test_exceptions(self):
        """A C++ program that throws and catches half of its time."""
        if shutil.which("g++") is None:
            self.skipTest("g++ is not installed")
        program = built("tests/programs/exceptions")
        self.check("C++ exceptions", [str(program), "3"])

    def test_rust(self):
        """A Rust program: std's hashing, sorting, formatting, and panics that are caught."""
        if shutil.which("rustc") is None:
            self.skipTest("rustc is not installed")
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "work"
            subprocess.run(["rustc", "--edition", "2021", "-O", "-o", program, str(WORKLOADS / "work.rs")], check=True,
                           capture_output=True)
            self.check("rust", [str(program), "4000"])

    def test_openssl(self):
        """openssl, with its assembly"""
        self.check("openssl", ["/usr/bin/openssl", "speed", "-seconds", "1", "sha256", "rsa2048"])


if __name__ == "__main__":
    unittest.main()
