"""Programs that daemonize, stop, move, close, rename, change their user or execute themselves under `pprofc run`: each sane."""
import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest
from pathlib import Path

from harness import BUILD, PPROFC, EndToEnd, clean_environment, kill_session, long_or

TIME_LIMIT_S = 600
PYTHON = "/usr/bin/python3"
BURN = """
def burn(seconds):
    import time
    end = time.process_time() + seconds
    while time.process_time() < end: sum(range(1000))
"""


@unittest.skipUnless(os.path.exists(PYTHON), "no python3 of Debian's")
class OddPrograms(EndToEnd):
    """Each is a few lines of Python."""
    SECONDS = long_or(3, 0.4)

    def profile(self, code, status=0, **more):
        return self.run_profiled("-F", "1000", "--", PYTHON, "-S", "-c", BURN + code, status=status, **more)

    def assert_all_seen(self, finished, at_least_s):
        quality = self.quality(finished)
        self.assertGreaterEqual(quality["cpu_s"], 0.9 * at_least_s)  # the program counts our helper
        self.assertGreater(quality["sampled_s"] / quality["cpu_s"], 0.85, finished.err)
        self.assertEqual(quality["n_lost"], 0)

    def test_changes_its_folder(self):
        """The profile lies where it was asked for, though the program has gone elsewhere; by hand too."""
        code = f"import os; burn({self.SECONDS}); os.chdir('/')"
        finished = self.pprofc("run", "-o", "here.pb.gz", "--", PYTHON, "-S", "-c", BURN + code)
        self.assertEqual(finished.status, 0, finished.err)
        self.read_profile(self.folder / "here.pb.gz")
        environment = clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu", PPROFC_OUTPUT="by_hand.ppc")
        finished = self.run_command(PYTHON, "-S", "-c", BURN + code, env=environment)
        self.assertEqual(finished.status, 0, finished.err)
        self.assertTrue((self.folder / "by_hand.ppc").exists(), finished.err)

    def test_closes_its_outputs(self):
        """Closed standard output and error are the program's affair: the status is its own and the last lines are said."""
        finished, path = self.profile(f"import os; os.close(1); os.close(2); burn({self.SECONDS}); os._exit(9)", status=9)
        self.assert_all_seen(finished, self.SECONDS)
        self.read_profile(path)

    def test_reader_that_goes_away(self):
        """`pprofc run PROGRAM | head -1`: the program gets its SIGPIPE, and the profile is written."""
        finished = self.run_command("bash", "-c", f"{PPROFC} run -o x.pb.gz -- yes | head -1; echo ${{PIPESTATUS[0]}}")
        self.assertEqual(finished.out.split(), ["y", str(128 + signal.SIGPIPE)])
        self.read_profile(self.folder / "x.pb.gz")

    def test_changes_its_name(self):
        """prctl(PR_SET_NAME): the thread has its new name in the profile."""
        _, path = self.profile(f"import ctypes; ctypes.CDLL(None).prctl(15, b'renamed', 0, 0, 0); burn({self.SECONDS})")
        names = {sample.labels.get("thread_name") for sample in self.read_profile(path).samples}
        self.assertIn("renamed", names)

    @unittest.skipUnless(os.geteuid() == 0, "changing the user needs root")
    def test_changes_its_user(self):
        """setuid to nobody in the middle: sampled to the end, and the recording, which is root's, goes all the same."""
        before = set(Path("/dev/shm").glob("pprofc.*"))
        finished, _ = self.profile(f"import os; burn({self.SECONDS}); os.setgroups([]); os.setgid(65534); os.setuid(65534); "
                                   f"burn({self.SECONDS}); print(os.getpid())")
        self.assert_all_seen(finished, 2 * self.SECONDS)
        left = {path for path in set(Path("/dev/shm").glob("pprofc.*")) - before if f".{int(finished.out)}" in path.name}
        self.assertEqual(left, set())

    @unittest.skipUnless(os.geteuid() == 0, "changing the user needs root")
    def test_children_of_another_user(self):
        """A worker that becomes nobody and then burns is found by the command of root."""
        finished = self.pprofc("run", "-F", "1000", "-o", self.folder, "--", PYTHON, "-S", "-c", BURN + f"""
import os
pid = os.fork()
if pid == 0:
    os.setgid(65534); os.setuid(65534); burn({self.SECONDS}); os._exit(0)
print(pid, os.waitpid(pid, 0)[1])""")
        pid, status = map(int, finished.out.split())
        self.assertEqual(status, 0)
        worker = [path for path in self.folder.glob(f"*.{pid}.pb.gz")]
        self.assertEqual(len(worker), 1, finished.err)
        self.assert_sum(worker[0], self.SECONDS, within=0.15)

    def test_executes_itself(self):
        """Three lives of one process are one profile with the time of all."""
        script = self.folder / "lives.py"
        script.write_text(BURN + f"import os, sys\nburn({self.SECONDS})\nn = int(sys.argv[1])\n"
                          f"if n: os.execv({PYTHON!r}, [{PYTHON!r}, '-S', sys.argv[0], str(n - 1)])\n")
        finished, _ = self.run_profiled("-F", "1000", "--", PYTHON, "-S", script, "2")
        self.assert_all_seen(finished, 3 * self.SECONDS)

    def test_daemonizes(self):
        """The parent has ended and the daemon burns on: its profile ends with the command, it lives, and one line says so."""
        finished = self.pprofc("run", "-F", "1000", "-o", self.folder, "--", PYTHON, "-S", "-c", BURN + """
import os, time
if os.fork(): time.sleep(0.7); os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
open("pid", "w").write(str(os.getpid()))
burn(30)""")
        self.assertEqual(finished.status, 0, finished.err)
        pid = int((self.folder / "pid").read_text())
        try:
            self.assertRegex(finished.err, r"still runs?; its profile ends here")
            self.assertTrue(list(self.folder.glob(f"*.{pid}.pb.gz")), finished.err)
            self.assertNotIn(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0], "ZX")
        finally:
            os.kill(pid, signal.SIGKILL)


class JobControl(EndToEnd):
    """At a terminal: Ctrl-Z stops the program and us, fg goes on, and the profile is whole."""

    def read_until(self, master, pattern):
        text, end_s = "", time.monotonic() + 40
        while not re.search(pattern, text):
            ready, _, _ = select.select([master], [], [], max(0, end_s - time.monotonic()))
            self.assertTrue(ready, f"no {pattern} in {text!r}")
            text += os.read(master, 4096).decode(errors="replace")
        return text

    def test_stop_and_go_on(self):
        """A shell with job control sees one stopped job, continues it, and gets its status; the stop is no CPU time."""
        master, slave = pty.openpty()
        shell = subprocess.Popen(["bash", "--norc", "--noprofile", "-i"], stdin=slave, stdout=slave, stderr=slave, cwd=self.folder,
                                 env=clean_environment(PS1="ready> ", TERM="dumb"), start_new_session=True,
                                 preexec_fn=lambda: __import__("fcntl").ioctl(0, 0x540E, 0))
        os.close(slave)
        try:
            self.read_until(master, "ready> ")
            os.write(master, f"{PPROFC} run -q -F 1000 -o x.pb.gz -- {self.program('two_to_one')} 1.5\n".encode())
            time.sleep(1)
            os.write(master, b"\x1a")
            self.read_until(master, "Stopped")
            os.write(master, b"fg; echo status=$?\n")
            self.read_until(master, r"status=0")
            os.write(master, b"exit\n")
            shell.wait(20)
        finally:
            if shell.poll() is None:
                kill_session(shell.pid)
                shell.wait()
            os.close(master)
        self.assert_sum(self.folder / "x.pb.gz", 1.5, within=0.15)


if __name__ == "__main__":
    unittest.main()
