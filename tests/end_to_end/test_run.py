"""`pprofc run`: what it prints, how it exits, what files it leaves, and what it says of programs that it cannot profile."""
import os
import re
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from harness import BUILD, PPROFC, ROOT, EndToEnd, built, clean_environment, gunzip, pprof_read, scorer

TIME_LIMIT_S = 600


class Names(EndToEnd):
    """What a program is called: the file that was executed, before links are followed (perf's comm, not cut to 15 letters)."""

    def setUp(self):
        super().setUp()
        for name in ("call-the-first-of-two", "second"):  # one binary, two programs, as busybox and redis-server have them
            (self.folder / name).symlink_to(self.program("two_to_one"))

    def names(self, pattern="*.pb.gz"):
        return sorted(path.name.split(".")[0] for path in self.folder.glob(pattern))

    def test_links(self):
        """Typed, behind an exec, and as children: each has the name of its link, in the files and in what is said."""
        finished = self.pprofc("run", "-F", "1000", "--", "./second", "0.2")
        self.assertRegex(finished.err, r"second exited 0")
        finished = self.pprofc("run", "-F", "1000", "--", "sh", "-c", "exec ./call-the-first-of-two 0.2")
        self.assertRegex(finished.err, r"call-the-first-of-two exited 0")
        self.assertEqual(self.names(), ["call-the-first-of-two", "second"])
        finished = self.pprofc("run", "-F", "1000", "--follow", "--", "sh", "-c", "./second 0.2; ./call-the-first-of-two 0.2; true")
        self.assertEqual(finished.status, 0, finished.err)
        self.assertEqual(self.names("*two*.pb.gz") + self.names("second*.pb.gz"),
                         ["call-the-first-of-two"] * 2 + ["second"] * 2)

    def test_history(self):
        """Windows have the name, too."""
        self.pprofc("run", "--history", "h", "--cycle", "200ms", "-F", "500", "--", "./second", "1")
        self.assertEqual({path.name.split(".")[1] for path in self.folder.glob("h/*/*.pb.gz")}, {"second"})

    def test_script(self):
        """A script is called by its own name, its interpreter by its."""
        script = self.folder / "work.sh"
        script.write_text("#!/bin/bash\ni=0; while [ $i -lt 200000 ]; do i=$((i+1)); done\n")
        script.chmod(0o755)
        environment = clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu", PPROFC_OUTPUT="%n.pb.gz")
        self.run_command("./work.sh", env=environment)
        self.run_command("bash", "work.sh", env=environment)
        self.run_command("./second", "0.2", env=environment)
        self.assertEqual(self.names(), ["bash", "second", "work"])

    def test_descriptor(self):
        """What is executed by a descriptor has no such name: it has its file's."""
        finished = self.pprofc("run", "-F", "1000", "--follow", "--", "python3", "-c",
                               f"import os; os.execve(os.open({str(self.program('two_to_one'))!r}, os.O_RDONLY), ['x', '0.2'], dict(os.environ))")
        self.assertEqual(finished.status, 0, finished.err)
        self.assertEqual(self.names(), ["two_to_one"])


class LastLines(EndToEnd):
    """The last lines of a run say how it ended, how good the data is, where the time went and what was written."""

    def test_summary_line(self):
        """The summary holds the exit, samples, sampled and CPU seconds, losses and our cost, and they agree with the file."""
        finished, path = self.run_profiled("-F", "1000", "--", self.program("two_to_one"), "1")
        line = finished.own_lines[-1] if "exited" in finished.own_lines[-1] else \
            next(line for line in finished.own_lines if "exited" in line)
        self.assertRegex(line, r"^pprofc: two_to_one exited 0 after [\d.]+ (ms|s); [\d ]+ cpu samples = [\d.]+ (ms|s)"
                               r" of [\d.]+ (ms|s) CPU \([\d.]+ %\), 0 lost, \d+ truncated, cost [\d.]+ %$")
        quality = self.quality(finished)
        stacks = self.stacks(path)
        n_samples = sum(stack.n_samples for stack in stacks.stacks if not stack.is_unsampled)
        self.assertEqual(quality["n_samples"], n_samples)
        self.assertAlmostEqual(quality["cpu_s"], 1.0, delta=0.1)
        self.assertGreater(quality["n_samples"], 800)

    def test_top_lines(self):
        """The hottest functions follow, heavy() at two thirds first, with its file and line."""
        finished, _ = self.run_profiled("-F", "1000", "--", self.program("two_to_one"), "2")
        rows = re.findall(r"^ +([\d.]+) %  +(\S+) +(\S+):(\d+)$", finished.err, re.M)
        self.assertEqual(rows[0][1], "heavy", finished.err)
        self.assertAlmostEqual(float(rows[0][0]), 66.7, delta=6)
        self.assertTrue(rows[0][2].endswith("two_to_one.c"))
        self.assertEqual(rows[1][1], "light", finished.err)

    def test_names_the_files(self):
        """Both files are named with their sizes, and so is the next command."""
        finished = self.pprofc("run", "--", self.program("two_to_one"), "0.3")
        found = re.search(r"wrote (two_to_one\.\d+\.pb\.gz) \([\d.]+ (B|KiB|MiB)\) and (two_to_one\.\d+\.svg); +next: +(.*)$",
                          finished.err, re.M)
        self.assertIsNotNone(found, finished.err)
        for name in found.group(1, 3):
            self.assertGreater((self.folder / name).stat().st_size, 100)
        self.assertEqual(found.group(4), f"pprofc report {found.group(1)}")

    def test_quiet(self):
        """-q prints nothing when nothing is wrong, and the files are there."""
        finished = self.pprofc("run", "-q", "--", self.program("two_to_one"), "0.2")
        self.assertEqual(finished.err, "")
        self.assertEqual(len(list(self.folder.glob("*.pb.gz"))), 1)


class TopFindsTheHotFunction(EndToEnd):
    """two_to_one spends 2/3 of its CPU in heavy() and 1/3 in light()."""

    def test_shares(self):
        """Our JSON has both shares, of the whole, and no sample was lost."""
        report = self.run_and_report("-F", "1000", "--", self.program("two_to_one"), "2")
        self.assert_share(report, "heavy", 2 / 3, within=0.06)
        self.assert_share(report, "light", 1 / 3, within=0.06)
        self.assert_share(report, "main", 1.0, within=0.01)
        self.assertEqual(report["quality"]["n_lost"], 0)


class ExitStatus(EndToEnd):
    """The status is the child's own, or says what kept it from running."""

    def test_status_is_the_childs(self):
        """0, 7 and 255 come through, by exit, _exit and quick_exit."""
        for how, status in (("exit", 0), ("_exit", 7), ("quick_exit", 255), ("return", 3)):
            with self.subTest(how=how):
                self.run_profiled("--", self.program("exits"), how, "0.05", status, status=status)

    def test_signals_are_128_and_more(self):
        """A child killed by a signal gives 128 + its number, and the line says so."""
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV):
            with self.subTest(signal=number.name):
                finished, path = self.run_profiled("--", self.program("exits"), int(number), "0.05",
                                                   status=128 + number)
                self.assertIn(number.name.removeprefix("SIG"), finished.err)
                self.assertTrue(path.exists())

    def test_missing_program(self):
        """A program that is not there is 127, one that is not executable 126, each with one line that names it."""
        plain = self.folder / "plain.txt"
        plain.write_text("no program\n")
        for program, status in (("no-such-program", 127), ("/no/such/program", 127), (plain, 126), (self.folder, 126)):
            with self.subTest(program=str(program)):
                finished = self.pprofc("run", "--", program)
                self.assertEqual(finished.status, status, finished.err)
                self.assertEqual(len(finished.err.splitlines()), 1, finished.err)
                self.assertIn(str(program), finished.err)

    def test_usage(self):
        """An unknown option, a bad rate, mode, kind or extension, or no program: 125, one line with the culprit, nothing run."""
        for culprit, args in (("--frequenzy", ["--frequenzy", "9"]), ("0", ["-F", "0"]), ("10001", ["-F", "10001"]),
                              ("fast", ["-F", "fast"]), ("-5", ["-F", "-5"]), ("nan", ["-F", "nan"]), ("quick", ["--mode", "quick"]),
                              ("cpuu", ["-k", "cpuu"]), ("out.gif", ["-o", "out.gif"]), ("-3s", ["-d", "-3s"])):
            with self.subTest(culprit=culprit):
                marker = self.folder / "marker"
                finished = self.pprofc("run", *args, "--", "touch", marker)
                self.assertEqual(finished.status, 125, finished.err)
                self.assertIn(culprit, finished.err)
                self.assertEqual(len(finished.err.splitlines()), 1, finished.err)
                self.assertFalse(marker.exists(), "the program ran")
        self.assertEqual(self.pprofc("run").status, 125)

    def test_unknown_option_suggests(self):
        """A near miss names the option meant."""
        self.assertIn("--output", self.pprofc("run", "--outptu", "x", "--", "true").err)

    def test_unknown_variable(self):
        """An unknown PPROFC_ name is one line with the nearest known one, and the program still runs."""
        finished = self.pprofc("run", "--", "true", env=clean_environment(PPROFC_FREQENCY="99"))
        self.assertEqual(finished.status, 0)
        about = [line for line in finished.own_lines if "PPROFC_FREQENCY" in line]
        self.assertEqual(len(about), 1, finished.err)
        self.assertIn("PPROFC_FREQUENCY", about[0])

    def test_other_verbs(self):
        """Other verbs give 2 for usage and 1 for files they cannot read."""
        self.assertEqual(self.pprofc("no-such-verb").status, 2)
        self.assertEqual(self.pprofc("report").status, 2)
        self.assertEqual(self.pprofc("report", "--no-such").status, 2)
        self.assertEqual(self.pprofc("report", "no-such-file").status, 1)
        self.assertEqual(self.pprofc("--version").status, 0)
        self.assertEqual(self.pprofc("help").status, 0)


class KilledBetweenLooks(EndToEnd):
    def test_is_told_as_it_is(self):
        """Killed before the helper has looked again, as a rule: that CPU time was the program's own, and of no other that it became."""
        perl = shutil.which("perl")
        if perl is None:
            self.skipTest("no perl")
        finished = self.pprofc("run", "-F", "10", "-o", "it.pb.gz", "--", perl, "-e", "1 while (times)[0] < 0.12; kill 9, $$")
        self.assertEqual(finished.status, 128 + signal.SIGKILL)
        self.assertNotIn("became another one", finished.err)


class Outputs(EndToEnd):
    """Where files go and what they are called."""

    def names(self):
        return sorted(re.sub(r"\.\d+\.(?=pb|svg|\d+\.(pb|svg))", ".PID.", path.name) for path in self.folder.iterdir())

    def test_default_names(self):
        """PROG.PID.pb.gz and PROG.PID.svg, in the current folder."""
        self.pprofc("run", "--", self.program("two_to_one"), "0.2")
        self.assertEqual(self.names(), ["two_to_one.PID.pb.gz", "two_to_one.PID.svg"])

    def test_existing_output_is_kept(self):
        """An output named with -o that exists is an error before the program runs; -f overwrites it."""
        path = self.folder / "mine.pb.gz"
        path.write_text("precious")
        finished = self.pprofc("run", "-o", path, "--", self.program("two_to_one"), "0.2")
        self.assertEqual(finished.status, 125, finished.err)
        self.assertIn("exists; give -f to overwrite or another -o", finished.err)
        self.assertEqual(path.read_text(), "precious")
        self.assertEqual(self.pprofc("run", "-f", "-o", path, "--", self.program("two_to_one"), "0.2").status, 0)
        self.assertEqual(gunzip(path)[:1], b"\x0a")

    def test_taken_default_names_are_numbered(self):
        """Into a folder where the name is taken, .1 and .2 come before the extension; both files keep one number."""
        # The pid is not known beforehand: the program itself takes the names that are to be taken.
        target = self.program("two_to_one")
        script = f'touch "two_to_one.$$.pb.gz" "two_to_one.$$.1.svg"; exec {target} 0.2'
        finished = self.pprofc("run", "--follow", "--", "sh", "-c", script)
        self.assertEqual(finished.status, 0, finished.err)
        found = re.search(r"(two_to_one\.\d+\.\d+\.pb\.gz)", finished.err)
        self.assertIsNotNone(found, finished.err)
        self.assertRegex(found.group(1), r"\.[12]\.pb\.gz$")

    def test_formats_by_extension(self):
        """Each extension gives its format, and all of them hold heavy at about two thirds."""
        for name, begins in (("a.pb.gz", b"\x1f\x8b"), ("b.pb", b"\x0a"), ("c.pprof", b"\x1f\x8b"), ("d.folded", None),
                             ("e.json", b"{"), ("f.txt", None), ("g.svg", b"<"), ("h.ppc", b"pprofc\r\n")):
            with self.subTest(name=name):
                _, path = self.run_profiled("-F", "1000", "--", self.program("two_to_one"), "0.3", output=name)
                data = path.read_bytes()
                self.assertGreater(len(data), 50)
                if begins is not None:
                    self.assertTrue(data.startswith(begins), data[:16])
                if name.endswith((".folded", ".txt", ".svg", ".json")):
                    self.assertIn(b"heavy", data)
        for name in ("a.pb.gz", "b.pb", "c.pprof", "d.folded"):
            stacks = scorer.load(self.folder / name)
            self.assertAlmostEqual(self.share(stacks, "heavy"), 2 / 3, delta=0.12)

    def test_folder(self):
        """-o FOLDER/ writes the default names there."""
        folder = self.folder / "profiles"
        folder.mkdir()
        self.pprofc("run", "-o", folder, "--", self.program("two_to_one"), "0.2")
        self.assertEqual(len(list(folder.glob("two_to_one.*.pb.gz"))), 1)
        self.assertEqual(len(list(folder.glob("two_to_one.*.svg"))), 1)

    def test_standard_output(self):
        """-o - writes a pprof file to standard output after the program's own output, messages to standard error."""
        child = subprocess.run([PPROFC, "run", "-o", "-", "--", self.program("fdlist"), "burn"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, cwd=self.folder, timeout=self.TIMEOUT_S)
        own, _, profile = child.stdout.partition(b"}\n")
        self.assertTrue(own.startswith(b"{"))
        self.assertGreater(len(profile), 20)
        pprof_read.parse(profile)

    def test_reader_that_leaves(self):
        """A reader of -o - that has had enough is told of; the status is the program's, and the recording can still be converted."""
        read_end, write_end = os.pipe()
        os.close(read_end)
        child = subprocess.run([PPROFC, "run", "-o", "-", "--", "sh", "-c", "exit 7"], stdout=write_end, stderr=subprocess.PIPE, text=True,
                               cwd=self.folder, timeout=self.TIMEOUT_S)
        os.close(write_end)
        self.assertEqual(child.returncode, 7, child.stderr)
        self.assertIn("Broken pipe", child.stderr)
        kept = re.search(r"pprofc convert (\S+) ", child.stderr).group(1)
        self.assertEqual(self.pprofc("convert", kept, self.folder / "kept.pb.gz").status, 0)
        os.unlink(kept)

    def test_unwritable_folder(self):
        """An output in a folder that is not there is refused before the program runs."""
        marker = self.folder / "marker"
        finished = self.pprofc("run", "-o", "/no/such/folder/x.svg", "--", "touch", marker)
        self.assertEqual(finished.status, 125, finished.err)
        self.assertIn("/no/such/folder", finished.err)
        self.assertFalse(marker.exists())

    def test_duration(self):
        """-d 1s ends the profile, not the program: the file is written then, and the status is still the program's."""
        finished, path = self.run_profiled("-F", "1000", "-d", "1s", "--", self.program("exits"), "exit", "3", "9", status=9)
        # A second by the clock on the wall, from the program's start on: on a busy machine that is less of CPU time.
        profiled_s = sum(stack.weight for stack in self.stacks(path).stacks) / 1e9
        lasted_s = self.read_profile(path).duration_ns / 1e9
        self.assertTrue(0.1 < profiled_s < lasted_s * 1.01, (profiled_s, lasted_s))
        # It went on: of the three CPU seconds that it uses a good part is not in the profile.
        self.assertLess(profiled_s, 3 * 0.8)
        self.assertGreater(finished.took_s, 3)


@unittest.skipUnless(os.geteuid() == 0, "mounting a small file system needs root")
class FullDisk(EndToEnd):
    """A full disk costs the file, never a half-written one, and never the program."""

    def setUp(self):
        super().setUp()
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", self.disk], capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"cannot mount: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", self.disk], check=True)

    def test_full_disk(self):
        """The program runs, one line names the file and the reason, and nothing half-written stays."""
        (self.disk / "filler").write_bytes(b"x" * 28672)
        finished = self.pprofc("run", "-F", "1000", "-o", self.disk / "x.svg", "--", self.program("shares_50_30_20"), "0.5")
        self.assertIn('"phases"', finished.out)
        self.assertIn("No space left", finished.err)
        self.assertIn("x.svg", finished.err)
        self.assertEqual(finished.status, 0, "the program's own status")
        self.assertEqual([path.name for path in self.disk.iterdir()], ["filler"])


class CannotBeProfiled(EndToEnd):
    """One clear line says why, and the program still runs with its own status and output."""

    def assert_runs_unprofiled(self, program, *args, says, status=7, has_output=True, **more):
        finished = self.pprofc("run", "--", program, *args, **more)
        self.assertEqual(finished.status, status, finished.err)
        if has_output:
            self.assertNotEqual(finished.out, "")
        self.assertEqual(len(finished.own_lines), 1, finished.err)
        self.assertRegex(finished.own_lines[0], says)
        self.assertNotIn("ld.so", finished.err)
        self.assertEqual([path.name for path in self.folder.glob("*.pb.gz")], [])
        strict = self.pprofc("run", "--strict", "--", program, *args, **more)
        self.assertEqual((strict.status, strict.out), (125, ""), "--strict does not run it")

    def test_static(self):
        """A static program: link it with -lpprofc."""
        self.assert_runs_unprofiled(self.program("exits_static"), "exit", "0.05", says=r"exits_static.*static.*-lpprofc")

    def test_static_pie(self):
        """A static PIE has a dynamic section and yet no loader."""
        self.assert_runs_unprofiled(self.program("exits_static_pie"), "exit", "0.05", says=r"static.*-lpprofc")

    @unittest.skipUnless(os.geteuid() == 0, "making a program of another user needs root")
    def test_setuid(self):
        """A setuid program: the loader would ignore us, and say so on the program's stderr; we never ask it."""
        copy = self.folder / "exits"
        shutil.copy(self.program("exits"), copy)
        os.chown(copy, 65534, 65534)
        copy.chmod(0o4755)
        os.chmod(self.folder, 0o755)
        self.assert_runs_unprofiled(copy, "exit", "0.05", says=r"set-?user-?id|setuid")

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setcap"), "setcap is not here or not root")
    def test_capabilities(self):
        """A program with file capabilities is in secure mode too, for those who have not got them: not for root."""
        copy = self.folder / "exits"
        shutil.copy(self.program("exits"), copy)
        if subprocess.run(["setcap", "cap_net_raw+ep", copy], capture_output=True).returncode != 0:
            self.skipTest("the file system has no capabilities")
        self.folder.chmod(0o777)
        self.need_to_run(PPROFC, "--version", user=65534, group=65534)
        self.assert_runs_unprofiled(copy, "exit", "0.05", says=r"capabilit", user=65534, group=65534, extra_groups=[])

    @unittest.skipUnless(shutil.which("musl-gcc"), "no musl-gcc")
    def test_musl(self):
        """A musl program cannot load a library made for glibc."""
        source = self.folder / "hello.c"
        source.write_text('#include <stdio.h>\nint main(void) { puts("hello"); return 7; }\n')
        subprocess.run(["musl-gcc", "-O2", "-o", self.folder / "hello", source], check=True)
        self.assert_runs_unprofiled(self.folder / "hello", says=r"musl")

    @unittest.skipUnless(shutil.which("as") and shutil.which("ld"), "no assembler")
    def test_32_bit(self):
        """A 32-bit program, even a dynamic one, is named as such."""
        source = self.folder / "small.s"
        # write(1, "hi\n", 3); exit(7) by the 32-bit system calls.
        source.write_text(".globl _start\n_start: mov $4,%eax; mov $1,%ebx; mov $text,%ecx; mov $3,%edx; int $0x80\n"
                          "mov $1,%eax; mov $7,%ebx; int $0x80\n.data\ntext: .ascii \"hi\\n\"\n")
        subprocess.run(["as", "--32", "-o", self.folder / "small.o", source], check=True)
        subprocess.run(["ld", "-m", "elf_i386", "-o", self.folder / "small", self.folder / "small.o"], check=True)
        if subprocess.run([self.folder / "small"], capture_output=True).returncode != 7:
            self.skipTest("this kernel runs no 32-bit programs")
        self.assert_runs_unprofiled(self.folder / "small", says=r"32-bit")

    @unittest.skipUnless(shutil.which("go"), "no go")
    def test_go(self):
        """A static Go program is told of Go's own profiler."""
        source = self.folder / "hello.go"
        source.write_text('package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\nfunc main() {\n\tfmt.Println("hello")\n\tos.Exit(7)\n}\n')
        environment = clean_environment(CGO_ENABLED=0, GOCACHE=self.folder / "cache", GOFLAGS="-mod=mod", GOPROXY="off")
        subprocess.run(["go", "build", "-o", self.folder / "hello", source], check=True, env=environment, cwd=self.folder,
                       capture_output=True)
        self.assert_runs_unprofiled(self.folder / "hello", says=r"(Go|static)")

    def test_address_sanitizer(self):
        """A program built with the address sanitizer wants its runtime first: it runs unprofiled and reports nothing of us."""
        self.assert_runs_unprofiled(self.program("exits_asan"), "exit", "0.05", says=r"[Ss]anitizer")


class Scripts(EndToEnd):
    """A script's interpreter is what is profiled."""

    def test_shell_script(self):
        """A script with a #! line runs, with its status, and its interpreter's profile is written."""
        script = self.folder / "work.sh"
        script.write_text("#!/bin/sh\ni=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done $i; exit 5\n")
        script.chmod(0o755)
        finished, path = self.run_profiled("-F", "1000", "--", script, status=5)
        self.assertEqual(finished.out, "done 100000\n")
        modules = {frame.module for sample in self.read_profile(path).samples for frame in sample.frames}
        self.assertTrue(any(re.search(r"/(dash|bash|sh)$", module) for module in modules), modules)

    def test_script_without_interpreter(self):
        """A #! that names nothing is reported as the shell would: the script is not executable or not found."""
        script = self.folder / "bad.sh"
        script.write_text("#!/no/such/interpreter\n")
        script.chmod(0o755)
        finished = self.pprofc("run", "--", script)
        self.assertIn(finished.status, (126, 127))
        self.assertIn("/no/such/interpreter", finished.err)


class ByHand(EndToEnd):
    """LD_PRELOAD and ENABLE_PROFILING, without the command."""

    def preload(self):
        return built("libpprofc-preload.so")

    def test_preloaded_by_hand(self):
        """The profile lands where PPROFC_OUTPUT says; at most one line is said, on standard error."""
        environment = clean_environment(LD_PRELOAD=self.preload(), ENABLE_PROFILING="true", PPROFC_FREQUENCY=1000,
                                        PPROFC_OUTPUT=self.folder / "%n.%p.ppc")
        finished = self.run_command(self.program("two_to_one"), "1", env=environment)
        self.assertEqual(finished.status, 0)
        self.assertLessEqual(len(finished.err.splitlines()), 1)
        self.assertEqual(len(finished.out.splitlines()), 1, "the truth alone")
        files = list(self.folder.glob("two_to_one.*.ppc"))
        self.assertEqual(len(files), 1)
        converted = self.folder / "out.pb.gz"
        self.assertEqual(self.pprofc("convert", files[0], converted).status, 0)
        self.assertAlmostEqual(self.share(self.stacks(converted), "heavy"), 2 / 3, delta=0.08)

    def test_off_beats_everything(self):
        """PPROFC=off: no file, no helper, nothing."""
        environment = clean_environment(LD_PRELOAD=self.preload(), ENABLE_PROFILING="true", PPROFC="off",
                                        PPROFC_OUTPUT=self.folder / "x.ppc")
        self.assertEqual(self.run_command(self.program("two_to_one"), "0.2", env=environment).status, 0)
        self.assertEqual(list(self.folder.iterdir()), [])


# Arguments: picture to write, rate.
PROFILES_ITSELF = r"""
#include <pprofc/pprofc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static void spin(clock_t ms)
{
    const clock_t end = clock() + ms * (CLOCKS_PER_SEC / 1000);
    while (clock() < end)
        for (volatile int i = 0; i < 20000; i++)
            ;
}
int main(int argc, char **argv)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    options.frequency_hz = atof(argv[argc - 1]);
    printf("%d ", pprofc_start(&options, NULL));
    spin(100);
    printf("%d ", pprofc_stop(&recording, NULL));
    spin(100);
    printf("%d\n", pprofc_recording_write(recording, argv[1], NULL));
    pprofc_recording_free(recording);
    return 0;
}
"""


class Others(EndToEnd):
    """Recordings of other runs, which may be large and many."""

    def test_are_not_read(self):
        """A run looks each second for what its program left, and reads nothing of what others did."""
        other = self.start(self.program("spinners"), "1", "60", env=clean_environment(
            LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu", PPROFC_OUTPUT=self.folder / "other.ppc"))
        left = Path(f"/dev/shm/pprofc.{os.geteuid()}.{other.pid}")
        while not left.exists() or left.stat().st_size < 1 << 19:
            self.assertIsNone(other.poll())
            time.sleep(0.02)
        run = self.start(PPROFC, "run", "-q", "-o", self.folder / "own.pb.gz", "--", "sleep", "60")

        def bytes_read():
            return int(re.search(r"(?m)^rchar: (\d+)$", Path(f"/proc/{run.pid}/io").read_text()).group(1))

        time.sleep(1.5)
        before = bytes_read()
        time.sleep(2.2)
        self.assertLess(bytes_read() - before, 1 << 18)


class Linked(EndToEnd):
    """A program that links libpprofc, statically too, profiles itself by the API."""

    def test_linked(self):
        """The recording it leaves holds its phases, wherever the library came from."""
        for name in ("linked", "linked_static"):
            with self.subTest(program=name):
                self.assert_phases_right(name)

    def assert_phases_right(self, name, *more):
        recording, converted = self.folder / f"{name}.ppc", self.folder / f"{name}.pb.gz"
        finished = self.run_command(self.program(name), recording, "2", "1000", *more)
        self.assertEqual(finished.status, 0, finished.err)
        self.assertEqual(self.pprofc("convert", recording, converted).status, 0)
        # It starts after its calibration, so the shares are those of its phases among themselves.
        truth = scorer.read_truth(finished.out)
        truth["cpu_ns"] = sum(phase["cpu_ns"] for phase in truth["phases"])
        result = scorer.score(self.stacks(converted), truth)
        self.assertTrue(result.is_ok, scorer.show(result))

    def test_ignored_and_gone(self):
        """Threads that ask to be ignored are in no total, nor are those that end before anybody has looked at them."""
        self.assert_phases_right("linked", "brief")

    @unittest.skipUnless(shutil.which("cc"), "no compiler")
    def test_under_the_command(self):
        """One that profiles itself, under `pprofc run`: its own picture is made, and what is missing is said for what it is."""
        source, program, picture = self.folder / "own.c", self.folder / "own", self.folder / "own-picture.svg"
        source.write_text(PROFILES_ITSELF)
        subprocess.run(["cc", "-O1", "-I", ROOT / "include", source, "-o", program,
                        "-L", BUILD, "-lpprofc", f"-Wl,-rpath,{BUILD}"], check=True)
        # The child that writes the picture used more than a tenth of the CPU, and is no child of the program's own.
        for rate, refused in (("100", False), ("500", True)):
            with self.subTest(rate=rate):
                finished = self.pprofc("run", "-f", "-o", self.folder / "run.pb.gz", "--", program, picture, rate,
                                       env=clean_environment(PATH=f"{BUILD}:{os.environ['PATH']}"))
                self.assertEqual(finished.status, 0, finished.err)
                self.assertEqual(finished.out.split(), ["-114" if refused else "0", "0", "0"])
                self.assertTrue(picture.read_bytes().startswith(b"<"))
                self.assertEqual(finished.err.count("starts or stops the profile itself (pprofc_start, pprofc_stop)"), 1, finished.err)
                self.assertEqual(finished.err.count("calls pprofc_start() itself, with other options, and was refused"), int(refused))
                self.assertNotIn("--follow", finished.err)
                self.assertNotIn("exec", finished.err)
                picture.unlink()


if __name__ == "__main__":
    unittest.main()
