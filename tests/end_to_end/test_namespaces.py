"""Programs in another root or other namespaces: profiled where that is possible, else one clear line, and the program runs."""
import os
import re
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from harness import BUILD, EndToEnd, clean_environment, long_or, scorer

TIME_LIMIT_S = 600


class Elsewhere(EndToEnd):
    """What the classes below share."""

    def setUp(self):
        super().setUp()
        self.profiles = self.folder / "profiles"
        self.profiles.mkdir()
        self.folder.chmod(0o755)

    def run_there(self, *command, options=()):
        finished = self.pprofc("run", "-F", "1000", *options, "-o", self.profiles, "--", *command)
        if re.search(r"(unshare|mount|chroot): .*([Oo]peration not permitted|[Pp]ermission denied)", finished.err):
            self.skipTest(finished.err.splitlines()[0])
        self.assertEqual(finished.status, 0, finished.err)
        self.assertNotIn("ld.so", finished.err)
        return finished, scorer.read_truth(finished.out)

    def assert_profiled(self, finished, truth, has_names=True):
        """One file of two_to_one has all its time, two thirds of it in heavy()."""
        files = list(self.profiles.glob("two_to_one.*.pb.gz"))
        self.assertEqual(len(files), 1, finished.err)
        self.assert_sum(files[0], truth["cpu_ns"] / 1e9, within=0.1)
        if has_names:
            self.assertAlmostEqual(self.share(self.stacks(files[0]), "heavy"), 2 / 3, delta=0.1)
        return files[0]


@unittest.skipUnless(shutil.which("unshare"), "no unshare")
class Namespaces(Elsewhere):
    """unshare(1), which becomes the program or has it as its child."""
    SECONDS = long_or(5, 1)

    def target(self):
        return self.program("two_to_one"), self.SECONDS

    def test_pid_with_its_proc(self):
        """In a pid namespace with a /proc of its own the program is number 1; its file has the number that we see."""
        finished, truth = self.run_there("unshare", "--pid", "--fork", "--mount-proc", *self.target(), options=["--follow"])
        self.assertEqual(truth["pid"], 1)
        self.assertNotEqual(self.assert_profiled(finished, truth).name, "two_to_one.1.pb.gz")

    def test_pid_with_our_proc(self):
        """/proc/self/task counts by other numbers there: the program's threads are found all the same."""
        finished, truth = self.run_there("unshare", "--pid", "--fork", *self.target(), options=["--follow"])
        self.assert_profiled(finished, truth)

    def test_two_pid_namespaces(self):
        """Two programs with number 1 in one run have a file each."""
        self.need_to_run("unshare", "--pid", "--fork", "--mount-proc", "true")
        one = " ".join(map(str, ["unshare", "--pid", "--fork", "--mount-proc", *self.target()]))
        finished = self.pprofc("run", "-F", "1000", "--follow", "-o", self.profiles, "--", "sh", "-c", f"{one} & {one} & wait")
        self.assertEqual(len(list(self.profiles.glob("two_to_one.*.pb.gz"))), 2, finished.err)

    def test_name_of_the_living(self):
        """A process with the same number in another pid namespace leaves the recording of one that lives alone."""
        self.need_to_run("unshare", "--pid", "--fork", "--mount-proc", "true")
        names = lambda: {path: path.stat().st_ino for path in Path("/dev/shm").glob(f"pprofc.{os.geteuid()}.1*")
                         if re.search(r"\.1(\.\d+)?$", path.name)}
        before = names()
        environment = clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu", PPROFC_FOLLOW=1, PPROFC_LOG="/dev/null",
                                        PPROFC_OUTPUT=self.folder / "%n.%t.ppc")
        words = ["unshare", "--pid", "--fork", "--mount-proc", self.program("two_to_one")]
        first = self.start(*words, long_or(20, 5), env=environment)
        for _ in range(500):
            first_name = [path for path, inode in names().items() if before.get(path) != inode]
            if first_name or first.poll() is not None:
                break
            time.sleep(0.02)
        self.assertTrue(first_name, "it left no recording")
        inode = first_name[0].stat().st_ino
        self.assertEqual(self.run_command(*words, "0.1", env=environment).status, 0)
        self.assertIsNone(first.poll(), "the first has ended already")
        self.assertEqual(names().get(first_name[0]), inode)
        self.assertEqual(self.finish(first).status, 0)

    def test_user(self):
        """Only a process of one thread may enter a user namespace: our helper is not the second one."""
        finished, truth = self.run_there("unshare", "--user", "--map-root-user", *self.target())
        self.assert_profiled(finished, truth)

    def test_net(self):
        """Another network changes nothing."""
        finished, truth = self.run_there("unshare", "--net", *self.target())
        self.assert_profiled(finished, truth)

    def test_other_shared_memory(self):
        """Where /dev/shm is another one the recording is found in the living process, whether executed or a child."""
        words = " ".join(map(str, [self.program("two_to_one"), long_or(10, 4)]))
        for script in (f"exec {words}", f"{words}; true"):
            with self.subTest(script.split()[0]):
                finished, truth = self.run_there("unshare", "--mount", "sh", "-c", f"mount -t tmpfs none /dev/shm && {script}",
                                                 options=["--follow"])
                self.assert_profiled(finished, truth)
                for path in self.profiles.iterdir():
                    path.unlink()


@unittest.skipUnless(os.geteuid() == 0 and shutil.which("chroot") and shutil.which("ldd"), "chroot needs root")
class OtherRoot(Elsewhere):
    """A small tree with the program and its libraries, entered by chroot(8)."""

    def make_root(self, with_us=False, with_proc=False):
        root = self.folder / "root"
        shown = subprocess.run(["ldd", self.program("two_to_one"), *([BUILD / "libpprofc-preload.so"] if with_us else [])],
                               capture_output=True, text=True, check=True).stdout
        files = {line for line in re.findall(r"(/\S+) \(0x", shown)} | ({str(BUILD / "libpprofc-preload.so")} if with_us else set())
        for name in files:
            (root / name[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, root / name[1:])
        shutil.copy(self.program("two_to_one"), root / "two_to_one")
        if with_proc:
            (root / "proc").mkdir()
            mounted = subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], capture_output=True, text=True)
            if mounted.returncode != 0:
                self.skipTest(f"cannot mount: {mounted.stderr.strip()}")
            self.addCleanup(subprocess.run, ["umount", root / "proc"], check=True)
        return root

    def test_without_us(self):
        """The library is not there: the loader is not asked for it, the program runs, and one line says what is missing."""
        root = self.make_root()
        for options in ([], ["--follow"]):
            finished, _ = self.run_there("chroot", root, "/two_to_one", "0.3", options=options)
            self.assertEqual(len([line for line in finished.own_lines if "chroot" in line and "in no recording" in line]), 1,
                             finished.err)

    def test_with_us_alone(self):
        """The library without /proc and /dev/shm: the same line."""
        finished, _ = self.run_there("chroot", self.make_root(with_us=True), "/two_to_one", "0.3")
        self.assertIn("in no recording", finished.err)

    def test_with_us_and_proc(self):
        """With /proc, and yet no /dev/shm, it is profiled; the recording is found while the program lives.  Its files lie
        in that root, so it has no names."""
        root = self.make_root(with_us=True, with_proc=True)
        finished, truth = self.run_there("chroot", root, "/two_to_one", long_or(10, 4))
        self.assert_profiled(finished, truth, has_names=False)

    def test_program_that_enters_one(self):
        """A program that calls chroot itself, as servers do, goes on being profiled, threads that it makes there too."""
        (self.folder / "empty").mkdir()
        code = f"""import os, threading, time
os.chroot({str(self.folder / "empty")!r}); os.chdir("/")
def burn():
    end = time.thread_time() + {long_or(3, 0.5)}
    while time.thread_time() < end: sum(range(1000))
threads = [threading.Thread(target=burn) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
burn()
print(time.process_time())"""
        finished, path = self.run_profiled("-F", "1000", "--", "/usr/bin/python3", "-S", "-c", code)
        self.assert_sum(path, float(finished.out), within=0.1)
        quality = self.quality(finished)
        self.assertGreater(quality["sampled_s"] / quality["cpu_s"], 0.9)


if __name__ == "__main__":
    unittest.main()
