"""A profiled program sees, says and does what it would unprofiled."""
import json
import os
import re
import signal
import subprocess
import time
import unittest

from harness import PPROFC, EndToEnd, clean_environment


class SameSurroundings(EndToEnd):
    """All that a program can see of itself is equal with and without us."""
    KEYS = ("descriptors", "SigBlk", "SigIgn", "SigPnd", "ShdPnd", "argv", "environ", "cwd", "umask", "timers", "limits",
            "comm", "NoNewPrivs", "Seccomp")

    def view(self, *command, env=None):
        finished = self.run_command(*command, env=env)
        self.assertEqual(finished.status, 0, finished.err)
        view = json.loads(finished.out.splitlines()[-1])
        # The two files that hold standard output and error differ by name alone.
        for descriptor in view["descriptors"]:
            if descriptor[0] in (1, 2):
                descriptor[1] = re.sub(r"/#?\w+( \(deleted\))?$", "", descriptor[1])
        return view

    def assert_same(self, *args, options=(), env=None):
        program = self.program("fdlist")
        plain = self.view(program, *args, env=env)
        profiled = self.view(PPROFC, "run", "-q", "-f", "-o", self.folder / "out.pb.gz", *options, "--", program, *args, env=env)
        self.assertTrue((self.folder / "out.pb.gz").exists())
        for key in self.KEYS:
            self.assertEqual(profiled[key], plain[key], f"{key} differs")
        return plain, profiled

    def test_program(self):
        """Descriptors, masks, arguments, environment (LD_PRELOAD and our names are gone), folder, timers, limits, name."""
        self.assert_same("burn", "two words", "", "-F")

    def test_child(self):
        """The same of a child made by fork and exec, handlers included: nothing of us is inherited."""
        plain, profiled = self.assert_same("child")
        self.assertEqual(profiled["SigCgt"], plain["SigCgt"])

    def test_own_preload_stays(self):
        """A LD_PRELOAD of the user's own is kept, letter for letter."""
        library = next((path for path in ("/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6") if os.path.exists(path)), None)
        if library is None:
            self.skipTest("no libm to preload")
        self.assert_same("burn", env=clean_environment(LD_PRELOAD=library))

    def test_only_our_handler(self):
        """While profiled, caught signals differ by our one signal, and by those two that libc has for threads of any program."""
        program = self.program("fdlist")
        plain, profiled = self.view(program, "burn"), \
            self.view(PPROFC, "run", "-q", "-o", self.folder / "out.pb.gz", "--", program, "burn")
        extra = int(profiled["SigCgt"], 16) ^ int(plain["SigCgt"], 16)
        extra &= ~(1 << 31 | 1 << 32)
        self.assertIn(extra, (0, 1 << (signal.SIGTRAP - 1), 1 << (signal.SIGPROF - 1)))

    def test_environment_odd_values(self):
        """Empty values, duplicates of '=' and values with newlines come through."""
        self.assert_same("burn", env=clean_environment(EMPTY="", EQUALS="a=b=c", LINES="a\nb"))


class Streams(EndToEnd):
    """Standard input, output and error belong to the program."""

    def test_input_and_output(self):
        """What goes in comes out, all of it and nothing else."""
        data = os.urandom(300000)
        child = subprocess.run([PPROFC, "run", "-q", "-o", self.folder / "x.pb.gz", "--", "cat"], input=data, capture_output=True,
                               timeout=self.TIMEOUT_S, cwd=self.folder, env=clean_environment())
        self.assertEqual((child.returncode, child.stdout, child.stderr), (0, data, b""))

    def test_error_output_is_first(self):
        """The program's own standard error comes before our lines, unchanged."""
        finished, _ = self.run_profiled("--", "sh", "-c", "echo one >&2; echo two >&2")
        self.assertEqual(finished.err.splitlines()[:2], ["one", "two"])

    def test_closed_pipe(self):
        """A reader that goes away ends the program as it would without us: by SIGPIPE."""
        profiled = subprocess.run(["bash", "-c", f"{PPROFC} run -q -o {self.folder}/x.pb.gz -- yes | head -1; echo ${{PIPESTATUS[0]}}"],
                                  capture_output=True, text=True, timeout=self.TIMEOUT_S, cwd=self.folder)
        self.assertEqual(profiled.stdout.split(), ["y", "141"])

    def test_closed_descriptors(self):
        """With standard input, output and error closed the program still runs and the file is written."""
        script = f"exec {PPROFC} run -q -o {self.folder}/x.pb.gz -- {self.program('exits')} exit 0.1 4 <&- >&- 2>&-"
        finished = self.run_command("sh", "-c", script)
        self.assertEqual(finished.status, 4)
        self.assertTrue((self.folder / "x.pb.gz").exists())


class Signals(EndToEnd):
    """TERM, HUP, USR1 and USR2 are forwarded; Ctrl-C waits for the child and still writes."""
    TRAP = "trap 'echo got {name}; exit 3' {name}; echo ready; i=0; while :; do i=$((i+1)); done"

    def start_and_wait(self, name):
        child = self.start(PPROFC, "run", "-f", "-o", self.folder / "out.pb.gz", "--", "sh", "-c", self.TRAP.format(name=name))
        for _ in range(300):
            if "ready" in self.text(child, 0):
                return child
            time.sleep(0.02)
        self.fail(f"the program did not start: {self.text(child, 1)}")

    def test_forwarded(self):
        """A signal to pprofc reaches the program once, its status comes through, and the profile is written."""
        for name in ("TERM", "HUP", "USR1", "USR2"):
            with self.subTest(signal=name):
                child = self.start_and_wait(name)
                os.kill(child.pid, getattr(signal, "SIG" + name))
                finished = self.finish(child, 20)
                self.assertEqual(finished.status, 3, finished.err)
                self.assertEqual(finished.out.split("\n")[1:], [f"got {name}", ""])
                self.assertTrue((self.folder / "out.pb.gz").exists())
                (self.folder / "out.pb.gz").unlink()

    def test_interrupt(self):
        """Ctrl-C goes to the whole group: the program ends by it, pprofc writes and says 130."""
        child = self.start(PPROFC, "run", "-f", "-o", self.folder / "out.pb.gz", "--", self.program("two_to_one"), "30")
        time.sleep(1.0)
        os.killpg(child.pid, signal.SIGINT)
        finished = self.finish(child, 20)
        self.assertEqual(finished.status, 130, finished.err)
        profiled_s = sum(stack.weight for stack in self.stacks(self.folder / "out.pb.gz").stacks) / 1e9
        self.assertTrue(0.05 < profiled_s < 1.5, profiled_s)

    def test_ignored_signals_stay_ignored(self):
        """Under nohup the program ignores HUP as it would without us."""
        finished = self.run_command("sh", "-c", f"trap '' HUP; {PPROFC} run -q -o {self.folder}/x.pb.gz -- {self.program('fdlist')}")
        self.assertEqual(int(json.loads(finished.out)["SigIgn"], 16) & 1, 1)


class EnvironmentKept(EndToEnd):
    def test_exec_by_the_same_process(self):
        """A wrapper that executes the real program is one program: the profile is the real one's."""
        finished, path = self.run_profiled("-F", "1000", "--", "sh", "-c", f"exec {self.program('two_to_one')} 1")
        self.assertEqual(finished.status, 0)
        self.assertAlmostEqual(self.share(self.stacks(path), "heavy"), 2 / 3, delta=0.1)

    def test_exec_beside_other_preloads(self):
        """The same where the user preloads something else, which each program sees as the user has set it."""
        script = f'echo "$LD_PRELOAD"; exec sh -c \'echo "$LD_PRELOAD"; exec {self.program("two_to_one")} 1\''
        finished, path = self.run_profiled("-F", "1000", "--", "sh", "-c", script,
                                           env=clean_environment(LD_PRELOAD="libm.so.6"))
        self.assertEqual(finished.out.splitlines()[:2], ["libm.so.6", "libm.so.6"])
        self.assertAlmostEqual(self.share(self.stacks(path), "heavy"), 2 / 3, delta=0.1)


if __name__ == "__main__":
    unittest.main()
