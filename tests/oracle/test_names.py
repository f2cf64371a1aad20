"""Names for any address of any file, in bounded time: a file made to be slow, and (PPROFC_LONG=1) the largest of this machine."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[0:0] = [str(ROOT / "bench"), str(ROOT / "tests")]
import big_binary  # noqa: E402
import huge_debug_info  # noqa: E402
from built import BUILD, built  # noqa: E402

PROGRAM = BUILD / "tests/oracle/name_addresses"
LONG = os.environ.get("PPROFC_LONG") == "1"
BOUND_S = 20  # of CPU: how long a loaded machine takes for that is not ours to say
N_ADDRESSES = 20000
N_FUNCTIONS = 300_000 if LONG else 100_000
MAX_FRAMES = 257  # 256 inlined calls and the function
TIME_LIMIT_S = 900

# What holds much code or much debug information on a developer's machine.
LARGE = ("/usr/lib/gcc/x86_64-linux-gnu/*/cc1plus", "/usr/lib/x86_64-linux-gnu/libLLVM-*.so*", "/usr/lib/llvm-*/lib/libclang-cpp.so.*",
         "/usr/lib/llvm-*/bin/clang", "/usr/lib/chromium/chromium", "/usr/lib/x86_64-linux-gnu/libc.so.6",
         "~/.rustup/toolchains/stable-*/lib/librustc_driver-*.so", "~/.cache/pprof-c-ci/pprof_rs_peer-*/fixed_work_rust")


def name(path, n=N_ADDRESSES, further=()):
    """Counts and times of naming 'n' random addresses of 'path' and the 'further' ones, in a process of its own."""
    finished = subprocess.run([PROGRAM, path, str(n), *(f"{address:x}" for address in further)], stdout=subprocess.PIPE, check=True)
    found = json.loads(finished.stdout)
    found["file"] = str(path)
    print("{file}: {addresses} addresses in {cpu_s:.2f} s of CPU ({wall_s:.2f} s); named {named}, with lines {lines}, "
          "inlined {inlined}".format_map(found), file=sys.stderr)
    return found


class NamesInTime(unittest.TestCase):
    """20 000 addresses all over a file have their names within 20 s, from nothing."""

    def setUp(self):
        built(PROGRAM)
        self.folder = Path(tempfile.mkdtemp(prefix="pprofc-names-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def test_made_to_be_slow(self):
        """100 000 functions (long: 300 000) in a unit, twenty rows each, inlined calls 64 and 10 000 deep: each address has name, line and calls."""
        huge_debug_info.write(self.folder / "huge", N_FUNCTIONS)
        found = name(self.folder / "huge", further=[huge_debug_info.DEEPEST])
        n = N_ADDRESSES + 1
        self.assertEqual((found["named"], found["lines"], found["inlined"]), (n, n, n))
        self.assertEqual(found["most_frames"], MAX_FRAMES)
        self.assertLess(found["cpu_s"], BOUND_S)

    @unittest.skipUnless(LONG, "takes PPROFC_LONG=1")
    def test_largest_of_this_machine(self):
        """Compilers, browsers, interpreters and a program of 20 MB built with -g, whatever of them is here."""
        paths = [big_binary.build(self.folder / "big")]
        paths += [Path(path) for pattern in LARGE for path in sorted(glob.glob(os.path.expanduser(pattern)))[:1]]
        paths += [Path(path).resolve() for path in [shutil.which("node"), BUILD / "libpprofc-report.so"] if path]
        for path in paths:
            with self.subTest(file=path.name):
                self.assertLess(name(path)["cpu_s"], BOUND_S)


if __name__ == "__main__":
    unittest.main()
