"""Hazards 24, 29, 30, 32, 36, 80 and 85 of hazards.md: processes that processes make, and what they are given."""
import json
import os
import shutil
import statistics
import subprocess
import unittest
from pathlib import Path

from end_to_end.harness import BUILD, PROGRAMS, ROOT, EndToEnd, clean_environment, long_or, not_sanitized, scorer

TIME_LIMIT_S = 1500


def by_hand(folder, rate_hz=1000, **more):
    """The environment that preloads by hand; the recording goes into the folder, the line to a log there."""
    return clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu", PPROFC_FREQUENCY=rate_hz,
                             PPROFC_OUTPUT=folder / "%n.%p.ppc", PPROFC_LOG=folder / "log", **more)


class Processes(EndToEnd):
    """What the classes below share."""

    def run_by_hand(self, *command, rate_hz=1000, **more):
        """A run that is preloaded by hand; what one that ends without ending its session leaves in shared memory is removed."""
        child = self.start(*command, env=by_hand(self.folder, rate_hz), **more)
        finished = self.finish(child)
        for path in Path("/dev/shm").glob(f"pprofc.{os.geteuid()}.{child.pid}*"):
            path.unlink()
        return finished


class Hazard24BigFork(Processes):
    """A process of much memory forks as fast while it is sampled at 1000 Hz: no restart of the system call, twice the time at most."""

    def median_ms(self, finished):
        self.assertEqual(finished.status, 0, finished.err)
        return statistics.median(cpu_ms for cpu_ms, _ in json.loads(finished.out)["forks"])

    def test_fork_time(self):
        """Medians of the CPU time of forks, plain and sampled in turns, of 4 GiB (CI: 256 MiB) in small pages; of pairs of runs the
        median again, as the machine's speed changes from one run to the next."""
        n_mib, n_forks = long_or(4096, 256), long_or(20, 5)
        plain, sampled = [], []
        for _ in range(long_or(3, 5)):
            plain.append(self.median_ms(self.run_command(self.program("big_fork"), n_mib, n_forks, timeout_s=300)))
            sampled.append(self.median_ms(self.run_profiled("-F", "1000", "--", self.program("big_fork"), n_mib, n_forks,
                                                            timeout_s=300)[0]))
        print(f"fork of {n_mib} MiB: {statistics.median(plain):.2f} ms plain, {statistics.median(sampled):.2f} ms sampled, of CPU",
              flush=True)
        self.assertLess(statistics.median(own / other for own, other in zip(sampled, plain)), 2)


class Storms(Processes):
    """Process after process, each checked for its status, under samples that come as often as they can."""

    def check(self, kind, n, rate_hz, *more):
        finished = self.pprofc("run", "-q", "-F", rate_hz, "-f", "-o", self.folder / "x.pb.gz", "--", self.program("process_storm"),
                               kind, n, *more, timeout_s=long_or(1200, 60))
        self.assertEqual(finished.status, 0, finished.err)
        self.assertEqual(json.loads(finished.out)["n_good"], n)
        print(f"{kind}: {n} of {n} at {rate_hz} Hz ended as they should, in {finished.took_s:.1f} s", flush=True)


class Hazard30Vfork(Storms):
    """vfork and posix_spawn run in the parent's memory until exec: nothing of ours runs there."""

    def test_vfork_and_spawn(self):
        """vfork and exec, posix_spawn with environ and with none (hazard 29), at 1000 Hz: every child ends with its status."""
        for kind in ("vfork", "spawn", "spawn_null"):
            with self.subTest(kind):
                self.check(kind, long_or(10000, 100), 1000)


class PerfTraps(Storms):
    """A trap that falls into exec, fork or dlopen kills nobody: samples at 10 kHz, counted deaths, 0 allowed."""
    N = long_or(10000, 300)

    def test_forks(self):
        """10 000 children (CI: 300) that work for a moment."""
        self.check("fork", self.N, 10000)

    def test_spawned_execs(self):
        """10 000 children by vfork and exec."""
        self.check("vfork", self.N, 10000)

    def test_dlopens(self):
        """10 000 times dlopen, work, dlclose."""
        self.check("load", self.N, 10000, PROGRAMS / "plugin_one.so")

    def test_execs(self):
        """A program that executes itself 10 000 times, each life sampled."""
        n = long_or(10000, 100)
        finished = self.pprofc("run", "-q", "-F", 10000, "-f", "-o", self.folder / "x.pb.gz", "--", self.program("exec_chain"), n,
                               timeout_s=long_or(1200, 60))
        self.assertEqual(finished.status, 0, finished.err)
        self.assertEqual(scorer.read_truth(finished.out)["n_execs"], n)
        print(f"exec: {n} of {n} at 10000 Hz lived, in {finished.took_s:.1f} s", flush=True)


class Hazard29SpawnEnvironment(Processes):
    """Nobody rewrites the environment that posix_spawn is given: python's ways to make processes print what they print without us."""

    def test_python(self):
        """posix_spawn with environ, an empty one and NULL (by the C call), and subprocess with and without an environment."""
        path = self.folder / "program.py"
        path.write_text("""import ctypes, os, subprocess
libc, pid = ctypes.CDLL(None), ctypes.c_int()
words = (ctypes.c_char_p * 4)(b"sh", b"-c", b"exit 5", None)
print(libc.posix_spawn(ctypes.byref(pid), b"/bin/sh", None, None, words, None))
print(os.waitstatus_to_exitcode(os.waitpid(pid.value, 0)[1]))
for environment in (os.environ, {}, {"A": "b"}):
    pid = os.posix_spawn("/usr/bin/env", ["env", "-u", "_", "-u", "LC_CTYPE"], environment, setsigmask=[])
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    print(subprocess.run(["env"], env=dict(environment), capture_output=True), flush=True)
    print(subprocess.run(["env"], env=dict(environment), capture_output=True, preexec_fn=os.getpid), flush=True)
""")
        plain = self.run_command("/usr/bin/python3", path)
        self.assertEqual(plain.status, 0, plain.err)
        finished, _ = self.run_profiled("-F", "1000", "--", "/usr/bin/python3", path)
        self.assertEqual(finished.out, plain.out)
        self.assertEqual(self.run_by_hand("/usr/bin/python3", path).out, plain.out)


class Hazard32LocksAtFork(Processes):
    """A child made while eight other threads allocate never waits for a lock that one of them held."""

    def test_children_allocate_and_call_us(self):
        """500 forks (CI: 30): each child allocates, calls pprofc_stats, _pause, _stop and _start, and leaves by exit()."""
        n = long_or(500, 30)
        for name in ("fork_storm", "fork_storm_static"):
            with self.subTest(name):
                finished = self.run_command(self.program(name), n, timeout_s=long_or(600, 60))
                self.assertEqual(finished.status, 0, finished.err)
                self.assertEqual(json.loads(finished.out)["n_good"], n)

    def test_preloaded_too(self):
        """The same when the library is there twice: linked, and preloaded by the command."""
        n = long_or(500, 15)
        finished, _ = self.run_profiled("-F", "1000", "--", self.program("fork_storm"), n, timeout_s=long_or(600, 60))
        self.assertEqual(json.loads(finished.out)["n_good"], n)


@unittest.skipUnless(shutil.which("cc") and shutil.which("readelf"), "no compiler")
class Hazard36AsNeeded(Processes):
    """Debian links with --as-needed: a program that calls us keeps the library, and pkg-config's flags keep it in any case."""

    def needed(self, source, *flags):
        path = self.folder / "linked.c"
        path.write_text(source)
        subprocess.run(["cc", "-O2", "-I", ROOT / "include", "-o", self.folder / "linked", path, "-Wl,--as-needed", "-L", BUILD,
                        *flags, "-Wl,-rpath," + str(BUILD)], check=True)
        shown = subprocess.run(["readelf", "-dW", self.folder / "linked"], capture_output=True, text=True, check=True).stdout
        return "libpprofc.so" in shown

    @not_sanitized("that build is not for installing")
    def test_what_is_kept(self):
        """Called: kept.  Not called: dropped by the plain -lpprofc, kept by what pprofc.pc says."""
        called = '#include <pprofc/pprofc.h>\nint main(void) { return pprofc_start(0, 0) || pprofc_stop(0, 0); }\n'
        silent = "int main(void) { return 0; }\n"
        described = next(line for line in (BUILD / "meson-private" / "pprofc.pc").read_text().splitlines() if line.startswith("Libs:"))
        flags = [word for word in described.split()[1:] if not word.startswith("-L")]
        self.assertTrue(self.needed(called, "-lpprofc"))
        self.assertEqual(self.run_command(self.folder / "linked").status, 0)
        self.assertFalse(self.needed(silent, "-lpprofc"))
        self.assertTrue(self.needed(silent, *flags), described)


class Hazard80SecureMode(Processes):
    """Programs that take other rights are left alone, and nothing that somebody planted is followed or waited for."""

    @unittest.skipUnless(os.geteuid() == 0, "making a program of another user needs root")
    @not_sanitized("ld.so tells of the runtime, which it cannot preload either")
    def test_preloaded_by_hand(self):
        """A setuid copy, preloaded by hand: its own output, nothing on standard error, and no recording anywhere."""
        copy = self.folder / "exits"
        shutil.copy(self.program("exits"), copy)
        os.chown(copy, 65534, 65534)
        copy.chmod(0o4755)
        self.folder.chmod(0o755)
        finished = self.run_by_hand(copy, "exit", "0.1", "7")
        self.assertEqual((finished.status, finished.err), (7, ""))
        self.assertIn('"phases"', finished.out)
        self.assertEqual(list(self.folder.glob("*.ppc")), [])

    def test_planted_names(self):
        """A link, a dead link or a pipe where the recording should lie: it takes the next name, and what is there stays."""
        victim = self.folder / "victim"
        for plant in (f"ln -s {victim} $name", f"ln -s {self.folder}/nothing $name", "mkfifo $name", "touch $name"):
            with self.subTest(plant):
                victim.write_text("precious")
                more = " ".join(f"{name}={value}" for name, value in by_hand(self.folder).items()
                                if name.startswith(("PPROFC", "LD_PRELOAD")))
                script = f"name=/dev/shm/pprofc.$(id -u).$$; echo $name; {plant}; exec env {more} {self.program('two_to_one')} 0.2"
                finished = self.run_command("sh", "-c", script)
                self.addCleanup(Path(finished.out.split()[0]).unlink, missing_ok=True)
                self.assertEqual((finished.status, finished.err), (0, ""))
                recording = next(self.folder.glob("two_to_one.*.ppc"))
                self.assertEqual(self.pprofc("convert", "-f", recording, self.folder / "x.pb.gz").status, 0)
                self.assertGreater(self.share(self.stacks(self.folder / "x.pb.gz"), "heavy"), 0.3)
                recording.unlink()
                self.assertLess(finished.took_s, 20)
                self.assertEqual(victim.read_text(), "precious")
                self.assertFalse((self.folder / "nothing").exists())

    def test_planted_outputs(self):
        """A link where the output should go is replaced or passed by, never followed."""
        for target in ("victim", "nothing"):
            (self.folder / "victim").write_text("precious")
            (self.folder / "x.ppc").unlink(missing_ok=True)
            (self.folder / "x.ppc").symlink_to(self.folder / target)
            environment = by_hand(self.folder)
            environment["PPROFC_OUTPUT"] = str(self.folder / "x.ppc")
            self.assertEqual(self.run_command(self.program("two_to_one"), "0.1", env=environment).status, 0)
            self.assertEqual((self.folder / "victim").read_text(), "precious")
            self.assertFalse((self.folder / "nothing").exists())


class BareFork(Processes):
    """Children that no fork handler hears of, by _Fork() or clone(), live on and end as they would without us."""

    def test_bare_children(self):
        """They burn CPU, make a thread and a child, and leave by exit(), with the command and without."""
        n = long_or(100, 2)
        for finished in (self.run_by_hand(self.program("bare_fork"), n),
                         self.run_profiled("-F", "1000", "--", self.program("bare_fork"), n)[0]):
            self.assertEqual(json.loads(finished.out)["n_good"], [n, n, n], finished.err)


@not_sanitized("the runtime's own variables are on the stack, and a life without them has no runtime")
class StackOfTheKernel(Processes):
    """What the kernel put on the first stack stays as programs expect it, though our variables are gone from it."""

    def test_auxiliary_vector(self):
        """It is found behind the environment on the stack, behind main's and behind environ; none of these holds ours."""
        for environment in (by_hand(self.folder), {name: value for name, value in by_hand(self.folder).items()
                                                   if name.startswith(("PPROFC", "LD_"))}):
            seen = json.loads(self.run_command(self.program("initial_stack"), env=environment).out)
            n_others = len([name for name in environment if not name.startswith(("PPROFC", "LD_"))])
            self.assertEqual(seen, {"stack": 1, "main": 1, "environ": 1, "n_ours": [0, 0, 0], "n": n_others})

    def test_title_over_the_strings(self):
        """A program that writes its title over its environment and then executes itself is profiled in both lives."""
        finished = self.run_by_hand(self.program("initial_stack"), "title")
        self.assertEqual(finished.status, 0, finished.err)
        lives = [json.loads(line) for line in finished.out.splitlines()]
        self.assertEqual([life["n_ours"] for life in lives], [[0, 0, 0]] * 2)
        self.assertEqual(lives[1]["n"], 0)
        self.assertEqual(len(list(self.folder.glob("*.ppc"))), 1, "the second life's, by what the first gave it")

    def test_dynamic_go(self):
        """Go's runtime in a dynamic program starts and works, sampled at 10 kHz: Debian's own `go` is one."""
        tools = [path for path in sorted(Path("/usr/lib").glob("go-*/bin/go")) if b"ld-linux" in path.read_bytes()[:4096]]
        if not tools:
            self.skipTest("no go that is linked dynamically")
        plain = self.run_command(tools[0], "env", "-json")
        self.assertEqual(plain.status, 0, plain.err)
        for _ in range(long_or(200, 5)):
            finished = self.run_by_hand(tools[0], "env", "-json", rate_hz=10000)
            self.assertEqual((finished.status, len(json.loads(finished.out)), finished.err), (0, len(json.loads(plain.out)), ""))


if __name__ == "__main__":
    unittest.main()
