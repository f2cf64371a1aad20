"""Programs nobody wrote for us: their profiles name the functions that such work is known to spend its time in."""
import re
import shutil
import subprocess
import unittest

from harness import EndToEnd, long_or

SECONDS = long_or(10, 1)


def need(program):
    return unittest.skipUnless(shutil.which(program), f"no {program}")


class RealPrograms(EndToEnd):
    """Hot functions are named where there are symbols; the time adds up to the kernel's; nothing is lost."""

    def profile(self, *command, options=(), stdin=None):
        more = {} if stdin is None else {"stdin": stdin}
        finished, path = self.run_profiled("-F", "1000", *options, "--", *command, **more)
        quality = self.quality(finished)
        self.assertEqual(quality["n_lost"], 0, finished.err)
        self.assertGreater(quality["n_samples"], 100, finished.err)
        self.assertAlmostEqual(quality["sampled_s"] / quality["cpu_s"], 1.0, delta=0.05, msg=finished.err)
        return finished, self.stacks(path), path

    def assert_rooted(self, stacks, roots, at_least=0.99):
        seen = [stack for stack in stacks.stacks if not stack.is_unsampled]
        rooted = sum(stack.weight for stack in seen if any(roots.search(name) for name in stack.frames[-3:]))
        self.assertGreaterEqual(rooted / sum(stack.weight for stack in seen), at_least)

    def assert_modules(self, path, pattern, at_least):
        """The part of the time whose leaf is in a module that matches."""
        profile = self.read_profile(path)
        time_index = profile.type_index("cpu")
        total = sum(sample.values[time_index] for sample in profile.samples)
        inside = sum(sample.values[time_index] for sample in profile.samples
                     if sample.frames and re.search(pattern, sample.frames[0].module))
        self.assertGreaterEqual(inside / total, at_least)

    @need("sqlite3")
    def test_sqlite3(self):
        """A recursive query runs in sqlite's virtual machine: its library has most of the time (libc copies for it)."""
        query = f"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<{3000000 * SECONDS}) SELECT sum(x) FROM c;"
        finished, stacks, path = self.profile("sqlite3", ":memory:", query)
        n = 3000000 * SECONDS
        self.assertEqual(finished.out.strip(), str(n * (n + 1) // 2))
        self.assert_modules(path, r"libsqlite3|/sqlite3$", 0.7)
        self.assertGreater(self.share(stacks, re.compile(r"^sqlite3_(step|exec)$")), 0.9)

    @need("perl")
    def test_perl(self):
        """A loop of perl is all under perl_run, mostly in Perl_pp_* and the run loop."""
        _, stacks, _ = self.profile("perl", "-e", f"my $x = 0; for (1 .. {20000000 * SECONDS}) {{ $x += $_ * 2; }} print $x;")
        self.assertGreater(self.share(stacks, "perl_run"), 0.97)
        self.assertGreater(self.share(stacks, re.compile(r"^Perl_(pp_|runops)")), 0.8)

    def test_python3(self):
        """The interpreter's evaluation loop, and the sort called from it."""
        python = "/usr/bin/python3" if shutil.which("/usr/bin/python3") else "python3"
        code = f"import random; random.seed(1); d = [random.random() for _ in range(300000)]\nfor _ in range({5 * SECONDS}): sorted(d)"
        _, stacks, _ = self.profile(python, "-S", "-c", code)
        self.assertGreater(self.share(stacks, re.compile(r"^(_?PyEval_EvalFrame(Default|Ex)|Py_RunMain|Py_BytesMain)")), 0.9)

    def test_python3_that_imports(self):
        """Libraries come while it runs and have the time at once: each costs a stack or two until it has rules."""
        code = f"""
import os
data = os.urandom({100000 * SECONDS})
for name in ("lzma", "bz2", "zlib"):
    library = __import__(name)
    started = os.times().user
    while os.times().user - started < 0.4 * {SECONDS}: library.compress(data)
"""
        finished, path = self.run_profiled("-F", "100", "--", "python3", "-S", "-c", code)
        self.assertLessEqual(self.quality(finished)["n_truncated"], 9, finished.err)
        self.assert_modules(path, r"liblzma|libbz2|libz\.|_lzma|_bz2|zlib", 0.7)

    @need("jq")
    def test_jq(self):
        """jq's own interpreter has the time."""
        _, _, path = self.profile("jq", "-n", f"[range({400000 * SECONDS})] | map(. * 2) | add")
        self.assert_modules(path, r"libjq|/jq$|libc", 0.9)

    @need("openssl")
    def test_openssl(self):
        """Hashing is hand-written assembly in libcrypto; its callers are found all the same."""
        finished, stacks, path = self.profile("openssl", "speed", "-elapsed", "-seconds", str(SECONDS), "-bytes", "16384", "sha256")
        self.assert_modules(path, r"libcrypto", 0.9)
        self.assertEqual(finished.status, 0)
        self.assertGreater(self.share(stacks, re.compile(r"^(EVP_DigestFinal_ex|EVP_DigestUpdate|EVP_Digest|SHA256_Update)$")), 0.8)

    @need("gcc")
    def test_gcc_with_follow(self):
        """Under --follow the compiler proper, which gcc starts, has the time, in a file of its own."""
        source = self.folder / "big.c"
        source.write_text("\n".join(f"int f{i}(int x) {{ int s = 0; for (int i = 0; i < x; i++) s += i * {i} ^ x; return s; }}"
                                    for i in range(400 * SECONDS)))
        finished = self.pprofc("run", "-F", "1000", "--follow", "-o", self.folder, "--", "gcc", "-O2", "-c", "-o",
                               self.folder / "big.o", source)
        self.assertEqual(finished.status, 0, finished.err)
        files = sorted(path.name for path in self.folder.glob("*.pb.gz"))
        compiler = [name for name in files if name.startswith("cc1.")]
        self.assertEqual(len(compiler), 1, files)
        self.assert_modules(self.folder / compiler[0], r"/cc1$", 0.7)

    @need("bash")
    def test_bash_with_follow(self):
        """A bash script whose time goes to children: without --follow the last lines say so, with it each has its file."""
        script = self.folder / "work.sh"
        script.write_text(f"#!/bin/bash\n{self.program('two_to_one')} {SECONDS} >/dev/null\nfor i in 1 2 3; do : ; done\n")
        script.chmod(0o755)
        finished = self.pprofc("run", "-F", "1000", "-o", self.folder, "--", script)
        self.assertEqual(finished.status, 0, finished.err)
        self.assertIn("--follow", finished.err)
        for path in self.folder.glob("*.pb.gz"):
            path.unlink()
        finished = self.pprofc("run", "-F", "1000", "--follow", "-o", self.folder, "--", script)
        children = list(self.folder.glob("two_to_one.*.pb.gz"))
        self.assertEqual(len(children), 1, finished.err)
        self.assertAlmostEqual(self.share(self.stacks(children[0]), "heavy"), 2 / 3, delta=0.1)
        self.assertNotIn("use --follow", finished.err)

    @need("go")
    def test_go_tool_reads_it(self):
        """`go tool pprof -raw` and -top accept the file and give the same order."""
        _, path = self.run_profiled("-F", "1000", "--", self.program("two_to_one"), str(SECONDS))
        for flag in ("-raw", "-top"):
            shown = subprocess.run(["go", "tool", "pprof", "-symbolize=none", flag, path], capture_output=True, text=True, timeout=60)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertIn("heavy", shown.stdout)
        names = re.findall(r"^\s+[\d.]+m?s\s+[\d.]+%.*\s(\w+)$", shown.stdout, re.M)
        self.assertEqual(names[:2], ["heavy", "light"], shown.stdout)


if __name__ == "__main__":
    unittest.main()
