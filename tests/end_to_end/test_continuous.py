"""Continuous mode: windows of a program all the time, kept, asked for, and written down when something happens."""
import json
import os
import re
import signal
import statistics
import subprocess
import time
import unittest
from pathlib import Path

from harness import BUILD, PPROFC, EndToEnd, clean_environment, long_or, stolen_ns
from serving import SHARES, Served

TIME_LIMIT_S = 600
NAME = re.compile(r"profile_(\d{8}_\d{6})(_\d{3})?\.(\S+)\.(\d+)\.(cpu|heap)\.(pb\.gz|svg)")


class Kept(EndToEnd):
    """What a history folder holds."""

    def files(self, pattern="*.pb.gz", folder="h"):
        return sorted((self.folder / folder).glob(f"*/{pattern}"), key=lambda path: path.name)

    def assert_complete(self, files):
        """Each window's profile can be read, its picture lies beside it, and it lies in its day's folder."""
        for path in files:
            self.read_profile(path)
            self.assertTrue(path.with_name(path.name.removesuffix(".pb.gz") + ".svg").exists(), path)
            stamp = NAME.fullmatch(path.name).group(1)
            self.assertEqual(path.parent.name, f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}")

    def seconds(self, files):
        """CPU seconds in all of them."""
        return sum(stack.weight for path in files for stack in self.stacks(path).stacks) / 1e9

    def history(self, *args, status=0):
        done = self.pprofc("history", *args)
        self.assertEqual(done.status, status, done.err)
        return done


class OfARun(Kept):
    def test_windows_have_all_of_it(self):
        """Windows follow each other without a gap: together they have the CPU time that the program has used since the first of
        them began, its shares, and nothing is left in the current folder but the history."""
        asked_ns, before_ns = time.time_ns(), stolen_ns()
        done = self.pprofc("run", "--history", "h", "--cycle", "500ms", "-F", "200", "--", self.program("shares_50_30_20"), "3")
        self.assertEqual(done.status, 0, done.err)
        files = self.files()
        self.assertGreaterEqual(len(files), 5)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["h"])
        self.assert_complete(files)
        self.assertIn("pprofc history --dir h", done.err)
        begins = [self.read_profile(path).time_ns for path in files]
        ends = [begin + self.read_profile(path).duration_ns for begin, path in zip(begins, files)]
        for end, begin in zip(ends, begins[1:]):
            self.assertLessEqual(begin, end, "time lies between two windows")
        # What the program used before the first window is not more than the time before it, and what is in two windows is not
        # more than the time that both have: how long either takes is the machine's matter.
        seconds = self.seconds(files)
        before, twice = (begins[0] - asked_ns) / 1e9, sum(end - begin for end, begin in zip(ends, begins[1:])) / 1e9
        self.assertGreater(seconds, 3 * 0.99 - before)
        stolen = (stolen_ns() - before_ns) / 1e9  # at the worst all of it where a window had begun and its clock was not read yet
        self.assertLess(seconds - twice, 3 * 1.05 + stolen)
        merged = self.folder / "all.pb.gz"
        self.history("--dir", "h", "export", "-o", merged)
        for name, share in SHARES.items():
            self.assertAlmostEqual(self.share(self.stacks(merged), name), share, delta=0.12)

    def test_beside_each_other(self):
        """Windows of two processes at one time cover that time, not twice as much; and a diff that finds none says of when."""
        spins = f"{self.program('shares_50_30_20')} 2"
        begin = time.monotonic()
        done = self.pprofc("run", "--history", "h", "--cycle", "500ms", "-F", "200", "--follow", "--", "sh", "-c",
                           f"{spins} & {spins} & wait")
        took = time.monotonic() - begin
        self.assertEqual(done.status, 0, done.err)
        self.assertRegex(done.err, r"sh exited 0 after \S+ s; \d cpu samples in the windows of its first process \(\d+\), 0 lost\n")
        both = [path for path in self.files() if ".shares_50_30_20." in path.name]
        self.assertGreater(sum(self.read_profile(path).duration_ns for path in both), 2.5e9)
        self.history("--dir", "h", "--program", "shares_50_30_20", "export", "-o", "all.pb.gz")
        covered = self.read_profile(self.folder / "all.pb.gz").duration_ns
        self.assertGreater(covered, 1.2e9)
        self.assertLess(covered, took * 1e9)
        self.assertLess(covered, 0.75 * sum(self.read_profile(path).duration_ns for path in both))
        none = self.history("--dir", "h", "--program", "shares_50_30_20", "diff", "--since", "1h", status=4)
        self.assertRegex(none.err, r"no window of h from \d{4}-\d\d-\d\d \S+ on until \d{4}-\d\d-\d\d \S+ UTC is what was asked for")

    def test_exec(self):
        """A script that execs the program, as many launchers do: the windows are the program's, from its first second on."""
        done = self.pprofc("run", "--history", "h", "--cycle", "400ms", "-F", "200", "--", "bash", "-c",
                           f"exec {self.program('shares_50_30_20')} 2")
        self.assertEqual(done.status, 0, done.err)
        files = self.files("*.shares_50_30_20.*.pb.gz")
        self.assertGreaterEqual(len(files), 3)
        self.assertGreater(self.seconds(files), 2 * 0.7)
        self.assertNotIn("does not answer", done.err)

    def test_rests(self):
        """With a cycle the program is sampled for that share of the time, and not between windows."""
        done = self.pprofc("run", "--history", "h", "--cycle", "200ms/1s", "-F", "500", "--", self.program("shares_50_30_20"), "5")
        self.assertEqual(done.status, 0, done.err)
        files = self.files()
        self.assertIn(len(files), range(int(done.took_s * 0.6), int(done.took_s) + 2))
        # A window that begins late is shorter, and one that is ended late is longer: most are as long as they should be, and have
        # no CPU time of the rest before them.
        lasted = [self.read_profile(path).duration_ns / 1e9 for path in files[:-1]]
        self.assertAlmostEqual(statistics.median(lasted), 0.2, delta=0.15)
        self.assertLess(statistics.median(self.seconds([path]) / one for path, one in zip(files, lasted)), 1.05)
        self.assertLess(sum(lasted), done.took_s / 2)
        self.assertLess(self.seconds(files), 5 * 0.35)
        self.assertRegex(done.err, r"exited 0 after \S+ s; [\d ]+ cpu samples in its windows, 0 lost")
        self.assertNotIn("slept", done.err)
        self.assertNotIn("no recording", done.err)

    def test_recording_that_is_made_slowly(self):
        """A process whose recording was found before it was whole is no process that has ended."""
        done = self.pprofc("run", "--history", "h", "--cycle", "300ms", "-F", "500", "--", self.program("shares_50_30_20"), "1.5",
                           env=clean_environment(LD_PRELOAD=self.program("slow_fallocate.so")))
        self.assertEqual(done.status, 0, done.err)
        self.assertGreaterEqual(len(self.files()), 2, done.err)

    def test_libraries_are_folded(self):
        """libc's frames count for their callers, unless another list, or none, is given."""
        def has_libc(*options):
            done = self.pprofc("run", "--history", "h", "--cycle", "300ms", "-F", "500", *options, "--", self.program("libc_heavy"), "1.5")
            self.assertEqual(done.status, 0, done.err)
            self.assertNotEqual(self.files(), [], done.err)
            found = any("libc.so" in frame.module for path in self.files() for sample in self.read_profile(path).samples for frame in sample.frames[:3])
            subprocess.run(["rm", "-r", str(self.folder / "h")], check=True)
            return found

        self.assertFalse(has_libc())
        self.assertTrue(has_libc("--block-lib", "none"))

    def test_heap(self):
        """Heap windows have what was allocated in each, and what is in use at its end."""
        child = self.start(PPROFC, "run", "-k", "heap", "--heap-interval", "1", "--history", "h", "--cycle", "500ms", "--",
                           self.program("leak_server"), "leak", stdin=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while len(self.files("*.heap.pb.gz")) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        child.stdin.close()
        done = self.finish(child)
        files = self.files("*.heap.pb.gz")
        self.assertGreaterEqual(len(files), 2, done.err)
        self.assert_complete(files)
        for path in files:
            self.assertEqual([name for name, _ in self.read_profile(path).sample_types],
                             ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"])
        listed = json.loads(self.history("--dir", "h", "--json", "--sample", "inuse_space").out)
        top = json.loads(self.history("--dir", "h", "top", "--json", "--sample", "inuse_space").out)
        merged = next(one for one in top["types"] if one["type"] == "inuse_space")
        # A state does not add up over time: the sum has that of the last window.
        self.assertEqual(merged["total"], listed[-1]["total"])
        # No session is ever freed: each window but a last short one has more than the one before, and each has allocated.
        totals = [one["total"] for one in listed][:-1]
        self.assertEqual(totals, sorted(set(totals)))
        allocated = json.loads(self.history("--dir", "h", "--json", "--sample", "alloc_space").out)
        self.assertGreater(min(one["total"] for one in allocated[1:-1]), 100_000)

    def test_kinds_together(self):
        """With two kinds each window has both, the one that the program's end cuts short as well."""
        done = self.pprofc("run", "-k", "cpu,heap", "--heap-interval", "1", "--history", "h", "--cycle", "400ms", "-F", "200", "--",
                           self.program("shares_50_30_20"), "1.5")
        self.assertEqual(done.status, 0, done.err)
        stamps = [[NAME.fullmatch(path.name).group(1, 4) for path in self.files(f"*.{kind}.pb.gz")] for kind in ("cpu", "heap")]
        self.assertGreaterEqual(len(stamps[0]), 2)
        self.assertEqual(len(stamps[0]), len(stamps[1]), done.err)
        self.assert_complete(self.files())

    def test_errors(self):
        """What cannot be is said before the program runs; a folder that cannot be made does not keep it from running."""
        for options, said in ((("--cycle", "1s"), "--continuous"), (("--history", "h", "--cycle", "5s/1s"), "is no cycle"),
                              (("--history", "h", "--keep", "7"), "24h,1GiB"), (("--history", "h", "--flight", "cpu"), "is no trigger"),
                              (("--history", "h", "--flight", "rain=5%"), "is no trigger")):
            done = self.pprofc("run", *options, "--", "true")
            self.assertEqual(done.status, 125, options)
            self.assertIn(said, done.err)
        done = self.pprofc("run", "--history", "no/such", "--", "sh", "-c", "exit 3")
        self.assertEqual(done.status, 3, done.err)
        self.assertIn("cannot keep a history in 'no/such'", done.err)

    def test_memory_is_flat(self):
        """Windows of a program whose stacks are random leave nothing behind in the command, however its recording grows: neither copies
        of it nor the flight recorder's windows."""
        n_windows = long_or(1000, 100)
        child = self.start(PPROFC, "run", "--history", "h", "--cycle", "50ms", "--keep", "200K", "-F", "1000", "--",
                           self.program("random_stacks"), str(n_windows * 0.05 + 5))
        deadline = time.monotonic() + n_windows * 0.5 + 60
        seen, at = set(), {}
        while len(seen) < n_windows and child.poll() is None:
            self.assertLess(time.monotonic(), deadline, f"{len(seen)} windows only")
            seen |= {path.name for path in self.files()}
            for n in (n_windows // 10, n_windows // 2, n_windows):
                if len(seen) >= n and n not in at:
                    at[n] = self.resident_bytes(child.pid)
            time.sleep(0.05)
        self.assertEqual(len(at), 3, f"{len(seen)} windows only: {self.text(child, 1)}")
        child.send_signal(signal.SIGTERM)
        print(", ".join(f"after {n} windows {n_bytes >> 10} KiB" for n, n_bytes in at.items()), flush=True)
        self.assertLess(at[n_windows] - at[n_windows // 10], 2 << 20)

    def test_signal(self):
        """With signal= the signal has a bundle written and does not reach the program, which it would kill."""
        child = self.start(PPROFC, "run", "--history", "h", "--cycle", "300ms", "-F", "200", "--flight", "signal=USR1", "--",
                           self.program("shares_50_30_20"), "2")
        deadline = time.monotonic() + 20
        while not self.files() and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(signal.SIGUSR1)
        done = self.finish(child)
        self.assertEqual(done.status, 0, done.err)
        facts = [json.loads(path.read_text()) for path in self.files("flight_*.facts.json")]
        self.assertEqual([one["trigger"] for one in facts], ["signal"])
        self.assertIn("the flight recorder wrote 1 bundle; 0 came too soon after one\n", done.err)

    def resident_bytes(self, pid):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


class OfAServer(Served, Kept):
    OPTIONS = ("--history", "h", "--cycle", "1s", "-F", "100", "--flight", "every=1h")

    def flight(self):
        status, _, body = self.ask("/debug/pprof/flight", "POST")
        return status, json.loads(body)

    def test_end_writes_the_last_window(self):
        """TERM in the middle of a window: what there is of it is written, and the server ends at once."""
        self.wait_for(lambda: len(self.files()) >= 2)
        time.sleep(0.4)
        n_before = len(self.files())
        self.server.send_signal(signal.SIGTERM)
        done = self.finish(self.server, 10)
        self.assertEqual(done.status, 0, done.err)
        files = self.files()
        self.assertGreater(len(files), n_before - 1)
        self.assert_complete(files)
        self.assertIn(f"{len(files)} windows in h", done.err)
        self.assertLess(self.read_profile(files[-1]).duration_ns, 1.5e9)

    def test_killed_server(self):
        """KILL at any moment leaves whole windows, and the next server goes on in the same folder."""
        self.wait_for(lambda: len(self.files()) >= 2)
        self.server.kill()
        self.server.wait()
        self.assert_complete(self.files())
        n_before = len(self.files())
        self.serve_target()
        self.wait_for(lambda: len(self.files()) > n_before)
        self.assert_complete(self.files())

    def test_ended_program(self):
        """A program's end ends its window, which is written up to then; the server goes on."""
        self.wait_for(lambda: len(self.files()) >= 1)
        time.sleep(0.5)
        ended_ns = time.time_ns()
        os.kill(self.target.pid, signal.SIGTERM)
        self.target.wait()

        def last_end_ns():
            profile = self.read_profile(self.files()[-1])
            return profile.time_ns + profile.duration_ns

        self.wait_for(lambda: last_end_ns() > ended_ns - 2e8)
        self.assert_complete(self.files())
        self.assertEqual(self.ask("/healthz")[0], 503)
        self.assertIsNone(self.server.poll())

    def test_clients_beside_it(self):
        """A client's own window at 1000 Hz has true values, and so have the windows of continuous mode."""
        path = self.profile("/debug/pprof/profile?seconds=1&frequency=1000")
        self.assert_shares(path, 50)
        self.wait_for(lambda: len(self.files()) >= 3)
        for file in self.files()[1:-1]:
            self.assertLess(self.seconds([file]), 1.5)

    def test_flight_on_request(self):
        """POST writes the last minutes, each thread's stack and the facts; a second one soon after is held back, and told so."""
        self.wait_for(lambda: len(self.files()) >= 2)
        status, said = self.flight()
        self.assertEqual(status, 200, said)
        bundle = {path.name.split(".", 3)[-1]: path for path in self.files("flight_*")}
        self.assertEqual(set(bundle), {"cpu.pb.gz", "cpu.svg", "stacks.txt", "facts.json"})
        facts = json.loads(bundle["facts.json"].read_text())
        self.assertEqual((facts["trigger"], facts["pid"], facts["missing"]), ("request", self.target.pid, []))
        self.assertGreaterEqual(facts["n_windows"], 3)
        self.assertGreater(self.seconds([bundle["cpu.pb.gz"]]), 0.3)
        self.assertIn("main", bundle["stacks.txt"].read_text())
        self.assertIn(str(bundle["facts.json"].name), said["message"])
        status, said = self.flight()
        self.assertEqual(status, 429, said)
        self.assertIn("another one is not for 3600 s", said["message"])
        self.assertEqual(len(self.files("flight_*.facts.json")), 1)
        self.assertEqual(self.ask("/debug/pprof/flight")[0], 405)
        metrics = dict(re.findall(r"^(profiling_(?:windows|flight|export)\S*) (\d+)$", self.ask("/metrics")[2].decode(), re.M))
        self.assertEqual(metrics['profiling_flight_bundles_total{state="written"}'], "1")
        self.assertEqual(metrics['profiling_flight_bundles_total{state="held_back"}'], "1")
        self.assertEqual(metrics['profiling_windows_total{state="missed"}'], "0")
        # The bundle is one of what the folder has taken.
        self.assertGreater(int(metrics['profiling_exported_windows_total{sink="directory",state="done"}']), 3)
        self.assertGreater(int(metrics['profiling_exported_bytes_total{sink="directory"}']), 10000)


class WithoutIt(Served):
    def test_flight_is_off(self):
        """Without continuous mode the flight recorder says how to switch it on."""
        status, _, body = self.ask("/debug/pprof/flight", "POST")
        self.assertEqual(status, 404)
        self.assertIn(b"--continuous", body)


class Triggers(Served, Kept):
    """Each trigger writes one bundle, which names it, with the values that were seen."""

    def begin(self):
        pass  # each test serves otherwise

    def serve(self, flight, **variables):
        self.OPTIONS = ("--history", "h", "--cycle", "500ms", "-F", "50", "--flight", flight)
        self.VARIABLES = variables
        Served.begin(self)

    def facts(self):
        self.wait_for(lambda: self.files("flight_*.facts.json"))
        return json.loads(self.files("flight_*.facts.json")[0].read_text())

    def group(self, **files):
        folder = self.folder / "group"
        folder.mkdir()
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text)
        return folder

    def test_cpu(self):
        """A program that uses more than a part of a CPU for three seconds."""
        self.serve("cpu=5%")  # a loaded machine gives it less than half a CPU
        facts = self.facts()
        self.assertEqual(facts["trigger"], "cpu")
        self.assertGreaterEqual(facts["seen"]["cpu_ratio"], 0.05)
        self.assertEqual(facts["limits"]["cpu_ratio"], 0.05)

    def test_memory(self):
        """A program whose resident memory is above a number of bytes."""
        self.serve("memory=100K")
        facts = self.facts()
        self.assertEqual(facts["trigger"], "memory")
        self.assertGreater(facts["seen"]["memory_bytes"], 100 << 10)

    def test_share_of_limit(self):
        """A control group whose working set is above a share of memory.max: what of the files nobody uses does not count."""
        folder = self.group(memory_current="1000000", memory_max="1000000", memory_stat="anon 5\ninactive_file 500000\n")
        self.serve("memory=80%", PPROFC_CGROUP=folder)
        self.wait_for(lambda: len(self.files()) >= 4)
        self.assertEqual(self.files("flight_*"), [])
        # Never an empty file: who looks at that sees that none of it is files.
        (self.folder / "later").write_text("anon 5\ninactive_file 100000\n")
        os.replace(self.folder / "later", folder / "memory.stat")
        facts = self.facts()
        self.assertEqual(facts["trigger"], "memory")
        self.assertAlmostEqual(facts["seen"]["memory_share"], 0.9)
        self.assertEqual(facts["seen"]["group_max_bytes"], 1000000)

    def test_pressure(self):
        """A control group that waits for more than a fifth of the time; only one bundle comes of it, the others are counted."""
        text = "some avg10={} avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"
        folder = self.group(cpu_pressure=text.format("0.00"), memory_pressure=text.format("0.10"), io_pressure=text.format("35.25"))
        self.serve("pressure=20%", PPROFC_CGROUP=folder)
        facts = self.facts()
        self.assertEqual((facts["trigger"], facts["seen"]["pressure_of"]), ("pressure", "io"))
        self.assertAlmostEqual(facts["seen"]["pressure"], 0.3525)
        n = len(self.files())
        self.wait_for(lambda: len(self.files()) >= n + 4)
        self.assertEqual(len(self.files("flight_*.facts.json")), 1)

    def test_signal(self):
        """A signal to the server."""
        self.serve("signal=USR1")
        self.wait_for(lambda: self.files())
        self.server.send_signal(signal.SIGUSR1)
        self.assertEqual(self.facts()["trigger"], "signal")
        self.assertIsNone(self.server.poll())

    def serve_bundles(self, **variables):
        """In a rest that lasts: a bundle waits ten seconds for its samples."""
        self.OPTIONS = ("--history", "h", "--cycle", "10ms/1000s", "-F", "100", "--flight", "signal=USR1")
        self.VARIABLES = variables
        Served.begin(self)
        self.server.send_signal(signal.SIGUSR1)

    def terminate(self, status):
        """How long it took to end, and what it said."""
        begin = time.monotonic()
        self.server.send_signal(signal.SIGTERM)
        done = self.finish(self.server, 60)
        took = time.monotonic() - begin
        self.assertEqual(done.status, status, done.err)
        return took, done.err

    def test_end_while_a_bundle_waits(self):
        """TERM while a bundle waits for its samples: it is written at once, whole, and said."""
        self.serve_bundles()
        time.sleep(2)
        self.assertEqual(self.files("flight_*"), [])
        took, said = self.terminate(0)
        self.assertLess(took, 4)
        self.assertEqual([path.name.split(".", 3)[3] for path in self.files("flight_*")],
                         ["cpu.pb.gz", "cpu.svg", "facts.json", "stacks.txt"])
        self.assertRegex(said, r"pprofc: wrote h/\S+/flight_\S+\.facts\.json\n")
        self.assertGreater(self.seconds(self.files("flight_*.pb.gz")), 0.5)

    def test_end_while_a_bundle_cannot_be_written(self):
        """TERM while a disk takes nothing any more in the middle of a bundle: the server ends a second after its five, says what is
        dropped, and there is nothing of the bundle, though two of its files had been written."""
        (self.folder / "slow.c").write_text(
            "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <unistd.h>\n"
            "int fdatasync(int fd) { static int n; (void)fd;\n"
            "    if (access(\"is_slow\", F_OK) == 0 && ++n == 5) { (void)!write(2, \"stuck\\n\", 6); sleep(60); } return 0; }\n")
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", "slow.so", "slow.c"], cwd=self.folder, check=True)
        self.serve_bundles(LD_PRELOAD=self.folder / "slow.so")
        (self.folder / "is_slow").touch()  # its window's two files, then the third of its own
        self.wait_for(lambda: "stuck" in self.text(self.server, 1), 30)
        took, said = self.terminate(1)
        self.assertGreater(took, 5.5)
        self.assertLess(took, 9)
        self.assertRegex(said, r"pprofc: the flight recorder's bundle of shares_50_30_20 \(process \d+\) could not be written in 5 s and is "
                               r"dropped; a slow disk, or many names to read\n")
        self.assertEqual(self.files("flight_*"), [])

    def test_in_the_rest(self):
        """With a cycle whose rest it is, the bundle has a window that began with the trigger."""
        self.OPTIONS = ("--history", "h", "--cycle", "10ms/1000s", "-F", "100", "--flight", "every=1s")
        Served.begin(self)
        status, _, body = self.ask("/debug/pprof/flight", "POST")
        self.assertEqual(status, 200, body)
        self.assertGreater(self.seconds(self.files("flight_*.cpu.pb.gz")), 1)


class ByEnvironment(Kept):
    def test_preloaded(self):
        """PPROFC_HISTORY alone: a command beside the program takes windows, at 10 Hz unless said otherwise, until it ends."""
        environment = clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu", PPROFC_FREQUENCY=100, PPROFC_HISTORY="h",
                                        PPROFC_CYCLE="500ms/500ms", PPROFC_KEEP="1h,10M", PPROFC_COMMAND=PPROFC, PPROFC_LOG="log",
                                        PPROFC_OUTPUT="end.ppc")
        done = self.run_command(self.program("shares_50_30_20"), "3", env=environment)
        self.assertEqual(done.status, 0, done.err)
        deadline = time.monotonic() + 10
        while len(self.files()) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        files = self.files()
        self.assertGreaterEqual(len(files), 3)
        self.assert_complete(files)
        log = (self.folder / "log").read_text() if (self.folder / "log").exists() else ""
        self.assertNotIn("cannot", log)


class InTheProgram(Kept):
    def test_program_keeps_its_windows(self):
        """A program that links both libraries takes its own windows, writes the last one at exit(), and a bundle when it asks."""
        done = self.run_command(self.program("keeps_windows"), "2", "h", "300ms", "flight", env=clean_environment(PPROFC_COMMAND=PPROFC))
        self.assertEqual(done.status, 0, done.err)
        said = dict(line.split(" ", 1) for line in done.out.splitlines())
        self.assertEqual({name: int(text.split()[0]) for name, text in said.items()},
                         {"stop": -3, "directory": 0, "limits": -22, "start": 0, "again": -114, "flight": 0})
        files = self.files("profile_*.pb.gz")
        self.assertGreaterEqual(len(files), 4)
        self.assert_complete(files)
        self.assertGreater(self.seconds(files), 2 * 0.7)
        self.history("--dir", "h", "export", "-o", "all.pb.gz")
        Served.assert_shares(self, self.folder / "all.pb.gz", 100)
        facts = json.loads(self.files("flight_*.facts.json")[0].read_text())
        self.assertEqual((facts["trigger"], facts["missing"]), ("too slow", []))

    def test_signal(self):
        """A signal to the program has a bundle written, and its own handler called."""
        done = self.run_command(self.program("keeps_windows"), "2", "h", "300ms", "signal", env=clean_environment(PPROFC_COMMAND=PPROFC))
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("signals 1\n", done.out)
        facts = [json.loads(path.read_text()) for path in self.files("flight_*.facts.json")]
        self.assertEqual([one["trigger"] for one in facts], ["signal"])


class Queries(Kept):
    """`pprofc history` on a folder made of two programs' windows."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keeper = cls()
        cls.addClassCleanup(cls.keeper.doCleanups)
        EndToEnd.setUp(cls.keeper)
        for program, seconds in (("shares_50_30_20", "3"), ("two_to_one", "2")):
            said = []
            # Where hundreds of others want the CPU a program may not answer in time: its windows are missed then, and that is said.
            while len(cls.keeper.files(f"*.{program}*.pb.gz")) < 5 and len(said) < 5:
                done = cls.keeper.pprofc("run", "--history", "h", "--cycle", "400ms", "-F", "250", "--", cls.keeper.program(program), seconds)
                assert done.status == 0, done.err
                said.append(done.err)
            assert len(said) < 5, said

    def setUp(self):
        super().setUp()
        (self.folder / "h").symlink_to(self.keeper.folder / "h")

    def program_in_names(self, name):
        """In a container the host stands behind it."""
        return next(found.group(3) for path in self.files() if (found := NAME.fullmatch(path.name)) and found.group(3).startswith(name))

    def test_list(self):
        """A line a window, in the order of time; for programs an array."""
        files = self.files()
        lines = self.history("--dir", "h").out.splitlines()
        self.assertEqual(len(lines), len(files) + 1)
        self.assertEqual([line[:19] for line in lines[1:]], sorted(line[:19] for line in lines[1:]))
        listed = json.loads(self.history("--dir", "h", "list", "--json").out)
        self.assertEqual([Path(one["file"]).name for one in listed], [path.name for path in files])
        self.assertTrue(all(one["unit"] == "nanoseconds" and one["kind"] == "cpu" for one in listed))

    def test_spans(self):
        """--since and --until: then or later, and before then; ago, or as a date."""
        listed = json.loads(self.history("--dir", "h", "--json").out)
        middle = listed[len(listed) // 2]["time_s"]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(middle))
        later = json.loads(self.history("--dir", "h", "--json", "--since", stamp).out)
        earlier = json.loads(self.history("--dir", "h", "--json", "--until", stamp).out)
        self.assertEqual(earlier + later, listed)
        self.assertTrue(later and later[0]["time_s"] >= middle)
        self.assertEqual(json.loads(self.history("--dir", "h", "--json", "--since", "1h").out), listed)
        self.assertEqual(json.loads(self.history("--dir", "h", "--json", "--until", "1h").out), [])

    def test_top(self):
        """The sum of the windows of one program, and what they could have shown."""
        done = self.history("--dir", "h", "top", "--program", self.program_in_names("shares_50_30_20"))
        self.assertRegex(done.out, r"\n +\d+ +\S+ \w+ +(4\d|5\d)\.\d % .* heavy_50 ")
        self.assertRegex(done.out, r"Power    \d+ windows: .* a change of the whole by [\d.e+-]+ %")
        mixed = self.history("--dir", "h", "top")
        self.assertIn("several programs", mixed.err)

    def test_label(self):
        """--label leaves the samples that have it."""
        whole = json.loads(self.history("--dir", "h", "top", "--json").out)
        one = json.loads(self.history("--dir", "h", "top", "--json", "--label", "thread_name=two_to_one").out)
        self.assertIn("heavy", {row["name"] for row in self.default_type(one)["functions"]})
        self.assertNotIn("heavy_50", {row["name"] for row in self.default_type(one)["functions"]})
        self.assertLess(self.default_type(one)["total"], self.default_type(whole)["total"])
        self.history("--dir", "h", "top", "--label", "thread_name=nobody", status=4)

    def test_flame_and_export(self):
        """The picture and the sum, where asked for, and nothing is overwritten unasked."""
        self.history("--dir", "h", "flame")
        self.assertTrue((self.folder / "history.svg").read_bytes().startswith(b"<?xml"))
        self.assertIn("give -f", self.history("--dir", "h", "flame", status=1).err)
        for name in ("all.pb.gz", "all.folded", "all.speedscope.json", "all.otlp"):
            self.history("--dir", "h", "export", "-o", name)
            self.assertGreater((self.folder / name).stat().st_size, 0)
        total = self.seconds([self.folder / "all.pb.gz"])
        self.assertAlmostEqual(total, self.seconds(self.files()), delta=0.001)

    def test_diff(self):
        """Two spans of one program, each window a run: the same is the same, and what would have been seen is said."""
        program = self.program_in_names("shares_50_30_20")
        listed = json.loads(self.history("--dir", "h", "--json", "--program", program).out)
        times = [one["time_s"] for one in listed]
        middle = times[len(times) // 2]
        done = self.history("--dir", "h", "diff", "--program", program, "--base-since", "20200101_000000", "--base-until",
                            time.strftime("%Y%m%d_%H%M%S", time.gmtime(middle)), "--since", time.strftime("%Y%m%d_%H%M%S", time.gmtime(middle)),
                            "-o", "diff.svg")
        self.assertRegex(done.out, r"Power    the smallest change that would have been found")
        self.assertRegex(done.out, r"\d % of the whole for the whole")
        self.assertTrue((self.folder / "diff.svg").exists())
        self.assertIn("several programs", self.history("--dir", "h", "diff", status=2).err)

    def test_usage(self):
        """What cannot be asked is refused, and where nothing is met that is said."""
        for args, status in ((("tops",), 2), (("list", "top"), 2), (("--since", "yesterday"), 2), (("--kind", "sparks"), 2),
                             (("--kind", "cpu,heap"), 2), (("--pid", "x"), 2), (("top", "--sample", "sparks"), 2),
                             (("top", "--program", "nobody"), 4), (("flame", "-o", "x.pdf"), 2), (("export", "-o", "x.pdf"), 2)):
            self.history("--dir", "h", *args, status=status)
        self.assertIn("--dir", self.history("--dir", "no/such", status=1).err)

    def test_broken_window(self):
        """A file that is no profile is left out with a line; the others are shown."""
        (self.folder / "g" / "2026-01-01").mkdir(parents=True)
        (self.folder / "g" / "2026-01-01" / "profile_20260101_000000.x.1.cpu.pb.gz").write_bytes(b"nonsense")
        path = self.files()[0]
        copy = self.folder / "g" / path.parent.name
        copy.mkdir()
        (copy / path.name).write_bytes(path.read_bytes())
        done = self.history("--dir", "g", "list", "--json")
        self.assertEqual(len(json.loads(done.out)), 1)
        self.assertIn("a window is left out", done.err)


if __name__ == "__main__":
    unittest.main()
