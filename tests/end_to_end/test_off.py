"""`pprofc off PID`: the kill switch."""
import os
import subprocess
import time
import unittest
from pathlib import Path

from harness import BUILD, PPROFC, EndToEnd, clean_environment, session_members


class Off(EndToEnd):
    """A program is preloaded by hand, linked, or run by the command, and switched off while it works."""

    def switched(self, *arguments, name="switched_shared", **variables):
        return self.start(self.program(name), *arguments, stdin=subprocess.PIPE, env=clean_environment(**variables))

    def wait_for_recording(self, pid):
        path = Path(f"/dev/shm/pprofc.{os.getuid()}.{pid}")
        deadline = time.monotonic() + 20
        while not (path.exists() and path.read_bytes().startswith(b"pprofc\r\n")):
            self.assertLess(time.monotonic(), deadline, "no recording")
            time.sleep(0.005)

    def test_linked(self):
        """Off, off again, and nothing begins anew: not by a call, not in a child; the program goes on and ends well."""
        child = self.switched("start", "line", "start", "stop", "fork", "start")
        self.wait_for_recording(child.pid)
        for _ in range(2):
            off = self.pprofc("off", child.pid)
            self.assertEqual((off.status, off.err), (0, f"pprofc: profiling of switched_shared (process {child.pid}) is off\n"))
        tasks = os.listdir(f"/proc/{child.pid}/task")
        self.assertEqual(len(tasks), 1, "the helper thread is gone")
        child.communicate(b"\n")
        ended = self.finish(child)
        self.assertEqual((ended.status, ended.err), (0, ""))
        self.assertEqual(ended.out, "start 0\nline 1\nstart -1\nstop -3\nstart -1\n")
        self.assertEqual(self.pprofc("off", child.pid).status, 1)

    def test_while_it_starts(self):
        """The helper was ended before the thread that called pprofc_start() ran again: it did start, and is off."""
        child = self.switched("held", "start", "line", "start")
        self.wait_for_recording(child.pid)
        self.assertEqual(self.pprofc("off", child.pid).status, 0)
        self.wait_for(child, "start 0")
        self.assertEqual(self.pprofc("off", child.pid).status, 0, "its recording is there until it ends")
        child.communicate(b"\n")
        self.assertEqual(self.finish(child).out, "start 0\nline 1\nstart -1\n")

    def wait_for(self, child, word):
        """Until the program has said 'word': the call before it is done."""
        deadline = time.monotonic() + 30
        while word not in self.text(child, 0) and time.monotonic() < deadline:
            time.sleep(0.005)
        self.assertIn(word, self.text(child, 0))

    def test_preloaded(self):
        """What was recorded before is written at the end; what came after is not in it."""
        child = self.switched("spin=0.3", "count", "counted", "line", "spin=0.5", LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu",
                              PPROFC_FREQUENCY=1000, PPROFC_OUTPUT="out.pb.gz", PPROFC_COMMAND=PPROFC)
        self.wait_for(child, "wait")
        self.assertEqual(self.pprofc("off", "-q", child.pid).err, "")
        child.communicate(b"\n")
        self.assertEqual(self.finish(child).status, 0)
        self.assert_sum(self.folder / "out.pb.gz", 0.3, within=0.15)

    def test_under_the_command(self):
        """`pprofc run` writes the part until then, says so, and gives the program's status."""
        run = self.start(PPROFC, "run", "-F", "1000", "-o", "out.pb.gz", "--", self.program("switched_shared"), "spin=0.3", "count",
                         "counted", "line", "spin=0.5", stdin=subprocess.PIPE)
        self.wait_for(run, "wait")
        pid = next(pid for pid in session_members(run.pid) if pid != run.pid)
        self.assertEqual(self.pprofc("off", pid).status, 0)
        run.communicate(b"\n")
        ended = self.finish(run)
        self.assertEqual(ended.status, 0, ended.err)
        self.assertIn("switched off while it ran", ended.err)
        self.assert_sum(self.folder / "out.pb.gz", 0.3, within=0.15)

    def test_errors(self):
        """One line and the right status: no number, no recording, another user's process."""
        for words, status, about in ((["off"], 2, "no process given"), (["off", "x"], 2, "'x' is no process number"),
                                     (["off", "--no"], 2, "--no"), (["off", str(os.getpid())], 1, "has no recording")):
            with self.subTest(words):
                said = self.pprofc(*words)
                self.assertEqual(said.status, status, said.err)
                self.assertIn(about, said.own_lines[0])
                self.assertEqual(len(said.own_lines), 1)
        if os.getuid() != 0:
            self.assertEqual(self.pprofc("off", "1").status, 5)
            return
        said = self.run_command("setpriv", "--reuid=65534", "--clear-groups", PPROFC, "off", str(os.getpid()))
        self.assertEqual((said.status, len(said.own_lines)), (5, 1), said.err)
        self.assertIn("belongs to another user", said.err)


if __name__ == "__main__":
    unittest.main()
