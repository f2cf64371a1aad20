"""Every switch of the environment, in programs that link libpprofc and in those that it is preloaded into."""
import gzip
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from harness import BUILD, PPROFC, ROOT, EndToEnd, built, clean_environment, free_ports, scorer, session_members

sys.path.insert(0, str(ROOT / "bench"))
import rows_off  # noqa: E402

WAYS = ("switched", "switched_static", "switched_static_pie", "switched_wrapped", "switched_shared")
if shutil.which("musl-gcc"):
    WAYS += ("switched_musl",)
RUNNING = 1  # enum pp_rec_state of recording/layout.h
PRELOAD = BUILD / "libpprofc-preload.so"


class Switched(EndToEnd):
    def switched(self, *arguments, name="switched_shared", preload=False, **variables):
        """Start a program that does as it is told; PPROFC_COMMAND where it is linked statically, as PATH has no pprofc."""
        more = {"LD_PRELOAD": PRELOAD} if preload else {}
        environment = clean_environment(PPROFC_COMMAND=PPROFC, **more, **variables)
        return self.start(self.program(name), *arguments, stdin=subprocess.PIPE, env=environment)

    def run_switched(self, *arguments, status=0, **more):
        ended = self.finish(self.switched(*arguments, **more))
        self.assertEqual(ended.status, status, ended.err)
        return ended

    def wait_for(self, child, text, which=0):
        deadline = time.monotonic() + 30
        while text not in self.text(child, which) and time.monotonic() < deadline:
            time.sleep(0.005)
        self.assertIn(text, self.text(child, which))

    def wait_until(self, is_so, about=""):
        deadline = time.monotonic() + 30
        while not is_so() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertTrue(is_so(), about)

    def files(self, pattern="*"):
        return sorted(path.name for path in self.folder.glob(pattern))

    def cpu_s(self, name):
        return sum(stack.weight for stack in self.stacks(self.folder / name).stacks) / 1e9

    def go_on(self, child):
        child.stdin.write(b"\n")
        child.stdin.flush()


class Linked(Switched):
    """A program that links libpprofc starts from the environment as one that it is preloaded into."""

    def test_each_way_of_linking(self):
        """Dynamic, static, static-PIE, with --wrap, from the archive in a dynamic program: one line, one file, spin() in it, and calls
        join: start(NULL) is 0, with other options -EALREADY."""
        for name in WAYS:
            with self.subTest(name):
                ended = self.run_switched("spin=0.2", "start", "start=7", name=name, PPROFC="cpu", PPROFC_FREQUENCY=1000,
                                          PPROFC_OUTPUT="%n.pb.gz")
                self.assertEqual(ended.out, "start 0\nstart -114\n")
                self.assertEqual(ended.err, f"pprofc: wrote {name}.pb.gz;   next:  pprofc report {name}.pb.gz\n")
                self.assertGreater(self.share(self.stacks(self.folder / f"{name}.pb.gz"), "spin"), 0.9)

    def test_without_a_call(self):
        """From the archive by `-u pprofc_start` alone: the switches come along."""
        ended = self.run_command(self.program("calls_nothing_static"), 0.3,
                                 env=clean_environment(PPROFC="cpu", PPROFC_FREQUENCY=1000, PPROFC_OUTPUT="out.pb.gz", PPROFC_COMMAND=PPROFC))
        self.assertEqual(ended.status, 0, ended.err)
        self.assert_sum(self.folder / "out.pb.gz", scorer.read_truth(ended.out)["cpu_ns"] / 1e9, within=0.05)

    def test_off(self):
        """Without a switch, with PPROFC=off beside another, with ENABLE_PROFILING=false: no file, no line."""
        for variables in ({}, {"PPROFC": "off", "ENABLE_PROFILING": "true"}, {"ENABLE_PROFILING": "false"},
                          {"PPROFC_OUTPUT": "x.ppc", "PPROFC_FREQUENCY": "100"}):
            for name in ("switched_shared", "switched_static"):
                with self.subTest(variables=variables, name=name):
                    ended = self.run_switched("spin=0.02", name=name, **variables)
                    self.assertEqual((ended.out, ended.err, self.files()), ("", "", []))
        ended = self.run_switched("start", PPROFC="off")
        self.assertEqual(ended.out, "start -1\n")

    def test_enable_profiling(self):
        """ENABLE_PROFILING=true leaves PROGRAM.PID.pb.gz; PPROFC_LOG takes the line."""
        self.run_switched("spin=0.05", ENABLE_PROFILING="true", PPROFC_LOG="log")
        self.assertEqual(len(self.files("switched_shared.*.pb.gz")), 1)
        self.assertIn("pprofc: wrote switched_shared.", (self.folder / "log").read_text())

    def test_beside_the_preload(self):
        """Linked and preloaded: profiled once, by the preload; the program's own copy, where it has one, is refused."""
        for name, start in (("switched_shared", 0), ("switched", -16)):
            ended = self.run_switched("spin=0.1", "start", name=name, preload=True, PPROFC="cpu", PPROFC_OUTPUT="%n.pb.gz")
            self.assertEqual(ended.out, f"start {start}\n")
            self.assertEqual(len(ended.own_lines), 1, ended.err)
            self.assertEqual(self.files(f"{name}.*"), [f"{name}.pb.gz"])

    def test_preload_of_a_static_program(self):
        """A static program has no preloads, whatever LD_PRELOAD says: its own copy starts."""
        self.run_switched("spin=0.1", name="switched_static", preload=True, PPROFC="cpu", PPROFC_OUTPUT="out.ppc")
        self.assertEqual(self.files(), ["out.ppc"])

    def test_under_the_command(self):
        """`pprofc run` takes the recording of a static program that is linked and calls nothing."""
        finished, path = self.run_profiled("-F", "1000", "--", self.program("switched_static"), "spin=0.2")
        self.assertEqual(self.files(), ["out.pb.gz"])
        self.assertGreater(self.share(self.stacks(path), "spin"), 0.9)
        self.assertNotIn("next:  pprofc convert", finished.err)

    def test_secure(self):
        """With rights that its caller has not, everything is ignored."""
        if os.getuid() != 0 or subprocess.run(["which", "setpriv"], capture_output=True).returncode != 0:
            self.skipTest("needs root and setpriv")
        program = self.folder / "secure"
        program.write_bytes(Path(self.program("switched_static")).read_bytes())
        program.chmod(0o4755)
        self.folder.chmod(0o777)
        ended = self.run_command("setpriv", "--reuid=65534", "--clear-groups", program, "spin=0.02", "start",
                                 env=clean_environment(PPROFC="cpu", PPROFC_OUTPUT="x.ppc", PPROFC_HTTP="127.0.0.1:0"))
        self.assertEqual((ended.out, ended.err, self.files()), ("start -1\n", "", ["secure"]))

    def test_forks(self):
        """A forked child leaves a file of its own."""
        self.run_switched("spin=0.1", "fork", "spin=0.2", PPROFC="cpu", PPROFC_FREQUENCY=1000, PPROFC_OUTPUT="%p.ppc", PPROFC_LOG="log")
        self.assertEqual(len(self.files("*.ppc")), 2)

    def test_maybe_profile(self):
        """Switched on: the picture of the call, beside the program's own profile; else nothing."""
        ended = self.run_switched("maybe=a b", PPROFC="cpu", PPROFC_FREQUENCY=1000, PPROFC_OUTPUT="all.ppc")
        self.assertEqual(ended.out, "maybe 0\n")
        self.assertEqual(self.files(), ["a_b_profile.svg", "all.ppc"])
        for path in self.folder.iterdir():
            path.unlink()
        self.assertEqual(self.run_switched("maybe=a b").out, "maybe 0\n")
        self.assertEqual(self.files(), [])


class Names(Switched):
    """Each variable, in a linked program and in a preloaded one, does what pprofc(7) says."""

    def test_rates(self):
        """PPROFC_FREQUENCY, PPROFC_MODE; the API's NULL options join whatever it is."""
        for variables, rate in (({"PPROFC_FREQUENCY": "250"}, 250), ({"PPROFC_MODE": "high"}, 1000), ({"PPROFC_MODE": "low"}, 10), ({}, 100)):
            for preload in (False, True):
                with self.subTest(variables=variables, preload=preload):
                    ended = self.run_switched(f"start={rate}", "start=7777", preload=preload, PPROFC="cpu", PPROFC_OUTPUT="r.ppc", **variables)
                    self.assertEqual(ended.out, "start 0\nstart -114\n")

    def test_output(self):
        """%p %h %t %n %k %% in the name; a taken one gets .1; a relative one is where the program was started."""
        child = self.switched(name="switched_static", PPROFC="cpu", PPROFC_OUTPUT="%p-%h-%t-%n-%k-%%.ppc")
        self.assertEqual(self.finish(child).status, 0)
        host = re.escape(socket.gethostname())
        self.assertRegex(self.files()[0], rf"^{child.pid}-{host}-\d{{8}}_\d{{6}}-switched_static-cpu-%\.ppc$")
        for _ in range(2):
            self.run_switched(PPROFC="cpu", PPROFC_OUTPUT="again.ppc")
        self.assertEqual(self.files("again*"), ["again.1.ppc", "again.ppc"])

    def test_duration(self):
        """PPROFC_DURATION: written then, with its line, and not again at the end; the program goes on."""
        for preload in (False, True):
            with self.subTest(preload=preload):
                child = self.switched("spin=0.1", "line", "spin=0.1", preload=preload, PPROFC="cpu", PPROFC_DURATION="300ms",
                                      PPROFC_OUTPUT=f"d{preload}.ppc")
                self.wait_for(child, "pprofc: wrote", which=1)
                self.assertIsNone(child.poll())
                child.communicate(b"\n")
                self.assertEqual(self.finish(child).status, 0)
                self.assertEqual(self.files(f"d{preload}*"), [f"d{preload}.ppc"])

    def test_block(self):
        """PPROFC_BLOCK folds libc's frames into the caller, PPROFC_BLOCK_DROP leaves its samples out, counted."""
        for drop in ("0", "1"):
            ended = self.run_command(self.program("memcpy_bound"), "0.3", env=clean_environment(
                LD_PRELOAD=PRELOAD, PPROFC="cpu", PPROFC_FREQUENCY=1000, PPROFC_OUTPUT=f"{drop}.json", PPROFC_BLOCK="libc",
                PPROFC_BLOCK_DROP=drop))
            self.assertEqual(ended.status, 0, ended.err)
            report = json.loads((self.folder / f"{drop}.json").read_text())
            self.assertEqual([row["name"] for row in self.default_type(report)["functions"] if "memcpy" in row["name"] and "libc" in row["module"]],
                             [])
            self.assertEqual(report["quality"]["n_dropped"] > 0, drop == "1")

    def test_follow(self):
        """PPROFC_FOLLOW=1: what a preloaded program starts is profiled, too; without it not."""
        for follow, n in (("1", 2), ("0", 1)):
            with self.subTest(follow):
                ended = self.run_command("bash", "-c", f"{self.program('two_to_one')} 1; true", env=clean_environment(
                    LD_PRELOAD=PRELOAD, PPROFC="cpu", PPROFC_FOLLOW=follow, PPROFC_OUTPUT=f"f{follow}.%p.ppc", PPROFC_LOG="log"))
                self.assertEqual(ended.status, 0)
                self.assertEqual(len(self.files(f"f{follow}.*")), n)

    def test_config(self):
        """PPROFC_CONFIG: comments, quotes, export; variables beat it; an error names file and line."""
        config = self.folder / "config"
        config.write_text("# pprof-c\n  export PPROFC=cpu\nPPROFC_FREQUENCY=333 # a third\n\nPPROFC_OUTPUT=\"a b.ppc\"\n")
        ended = self.run_switched("start=333", "start=334", PPROFC_CONFIG=config)
        self.assertEqual(ended.out, "start 0\nstart -114\n")
        self.assertEqual(self.files("*.ppc"), ["a b.ppc"])
        ended = self.run_switched("start=444", PPROFC_CONFIG=config, PPROFC_FREQUENCY=444)
        self.assertEqual(ended.out, "start 0\n")
        config.write_text("PPROFC=cpu\nPPROFC_OUTPUT=c.ppc\nPPROFC_FREQUENCY='fast'\n")
        ended = self.run_switched(PPROFC_CONFIG=config)
        self.assertEqual(len(ended.own_lines), 1)
        self.assertIn("config:3: cannot read PPROFC_FREQUENCY=fast", ended.err)

    def test_config_under_the_command(self):
        """`pprofc run` leaves open what the file says."""
        (self.folder / "config").write_text("PPROFC_FREQUENCY=1000\n")
        self.run_command(PPROFC, "run", "-o", "out.ppc", "--", self.program("switched_static"), "spin=0.3",
                         env=clean_environment(PPROFC_CONFIG="config"))
        shown = self.pprofc("convert", "out.ppc", "out.json")
        self.assertEqual(shown.status, 0, shown.err)
        report = json.loads((self.folder / "out.json").read_text())
        self.assertEqual(report["quality"]["asked_hz"], 1000)

    def test_complaints(self):
        """An unknown name, a value that cannot be read, a kind that there is not: in the one line, and cpu goes on."""
        for variables, about in (({"PPROFC_FREQENCY": "10"}, "did you mean PPROFC_FREQUENCY?"), ({"PPROFC_MODE": "fast"}, "PPROFC_MODE=fast"),
                                 ({"PPROFC": "cpu,sleep"}, "cannot measure PPROFC=cpu,sleep"),
                                 ({"PPROFC_CYCLE": "5"}, "a cycle is like 60s/360s")):
            with self.subTest(variables):
                ended = self.run_switched(PPROFC_OUTPUT="x.ppc", **{"PPROFC": "cpu", **variables})
                self.assertEqual(len(ended.own_lines), 1, ended.err)
                self.assertIn("wrote x", ended.err)
                self.assertIn(about, ended.err)

    def test_nothing_that_can_be_done(self):
        """Only kinds that there are not: one line, no profile."""
        ended = self.run_switched("spin=0.02", PPROFC="sleep")
        self.assertEqual((len(ended.own_lines), self.files()), (1, []), ended.err)
        self.assertIn("this version knows: cpu", ended.err)

    def test_kind_of_a_name(self):
        """%k is the kind that the file has: of several the first."""
        for kinds, kind in (("heap", "heap"), ("offcpu", "offcpu"), ("lock,offcpu", "offcpu"), ("heap,cpu", "cpu")):
            with self.subTest(kinds):
                self.run_switched("spin=0.02", PPROFC=kinds, PPROFC_OUTPUT="x.%k.pb.gz")
                self.assertEqual(self.files(), [f"x.{kind}.pb.gz"])
                self.assertIn(f"pprofc: kind={kind}".encode(), gzip.decompress((self.folder / f"x.{kind}.pb.gz").read_bytes()))
                (self.folder / f"x.{kind}.pb.gz").unlink()

    def test_heapprofile(self):
        """HEAPPROFILE names a heap profile in pprof's format."""
        ended = self.run_switched("spin=0.02", HEAPPROFILE=self.folder / "heap")
        self.assertIn("wrote", ended.err)
        types = [one for one, _ in self.read_profile(self.folder / "heap").sample_types]
        self.assertEqual(types, ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"])

    def test_gperftools(self):
        """CPUPROFILE names the file, whatever its extension; CPUPROFILE_FREQUENCY and PPROFC=off count."""
        ended = self.run_switched("start=50", "spin=0.05", CPUPROFILE="app.prof", CPUPROFILE_FREQUENCY="50")
        self.assertEqual((ended.out, self.files()), ("start 0\n", ["app.prof"]))
        self.assertIn("spin", self.pprofc("report", "app.prof").out)
        self.assertEqual(self.run_switched("start", CPUPROFILE="app.prof", PPROFC="off").out, "start -1\n")

    def test_gperftools_is_there(self):
        """Where the program has gperftools' library, its names are left to it."""
        library = next(Path("/usr/lib").rglob("libprofiler.so.0"), None)
        if library is None:
            self.skipTest("no libprofiler.so.0 (Debian package libgoogle-perftools4)")
        ended = self.run_command(self.program("switched_shared"), "start", "spin=0.05",
                                 env=clean_environment(LD_PRELOAD=library, CPUPROFILE="app.prof"))
        self.assertNotIn("pprofc:", ended.err)


class Windows(Switched):
    """The signal and the cycle: on and off, and a file each time that it goes off."""

    def test_signal(self):
        """The first signal begins, the second ends and writes, as often as one likes; what is between is in no file."""
        for preload in (False, True):
            with self.subTest(preload=preload):
                name = f"s{preload}"
                words = [word for i in range(4) for word in (f"spin=0.{i + 1}", f"say=done{i}", "line")]
                child = self.switched(*words, preload=preload, PPROFC="cpu", PPROFC_FREQUENCY=1000, PPROFC_SIGNAL="USR2",
                                      PPROFC_OUTPUT=f"{name}.ppc", PPROFC_LOG="log")
                for i in range(4):
                    self.wait_for(child, f"done{i}")
                    child.send_signal(signal.SIGUSR2)
                    if i % 2 == 1:
                        wanted = [f"{name}.ppc"] if i == 1 else [f"{name}.1.ppc", f"{name}.ppc"]
                        self.wait_until(lambda: self.files(f"{name}*") == wanted)
                    else:
                        self.wait_until(lambda: self.state_of(child.pid) == RUNNING)
                    self.go_on(child)
                self.assertEqual(self.finish(child).status, 0)
                self.assertEqual(self.files(f"{name}*"), [f"{name}.1.ppc", f"{name}.ppc"])
                for file, wanted_s in ((f"{name}.ppc", 0.2), (f"{name}.1.ppc", 0.4)):
                    self.pprofc("convert", "-f", file, "w.pb.gz")
                    self.assertAlmostEqual(self.cpu_s("w.pb.gz"), wanted_s, delta=0.06)

    @staticmethod
    def state_of(pid):
        """What the recording says that the helper does."""
        with open(f"/dev/shm/pprofc.{os.getuid()}.{pid}", "rb") as file:
            return struct.unpack_from("<8sIIQI", file.read(64))[4]

    def test_cycle(self):
        """PPROFC_CYCLE: on for the first of every second, a file for each time, and about that share of the CPU time in all."""
        self.run_switched("spin=1.2", PPROFC="cpu", PPROFC_FREQUENCY=1000, PPROFC_CYCLE="100ms/400ms", PPROFC_OUTPUT="c.%t.ppc", PPROFC_LOG="log")
        files = self.files("c.*.ppc")
        self.assertGreaterEqual(len(files), 3)
        total_s = 0
        for file in files:
            self.pprofc("convert", "-f", file, "w.pb.gz")
            total_s += self.cpu_s("w.pb.gz")
        self.assertGreater(total_s, 0.05)
        self.assertLess(total_s, 0.9)


class Served(Switched):
    """PPROFC_HTTP: a server beside the program, which does not see it."""

    def get(self, url):
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.read()

    def url_of(self, child):
        self.wait_for(child, "serving", which=1)
        return re.search(r"at (http://\S+?)/debug", self.text(child, 1)).group(1)

    def test_serves_and_is_not_seen(self):
        """Linked and preloaded: profiles are there, no SIGCHLD, no child for wait(), no descriptor; it ends with the program."""
        for name, preload in (("switched_static", False), ("switched_shared", True)):
            with self.subTest(name=name):
                child = self.switched("count", "line", "counted", "line", name=name, preload=preload, PPROFC_HTTP="127.0.0.1:0")
                url = self.url_of(child)
                self.assertIn(b"switched", self.get(f"{url}/debug/pprof/"))
                self.get(f"{url}/debug/pprof/profile?seconds=1")
                descriptors = os.listdir(f"/proc/{child.pid}/fd")
                self.assertEqual(sorted(descriptors), ["0", "1", "2"])
                self.go_on(child)
                self.wait_for(child, "wait")
                self.assertIn("sigchld 0\nwait -10\n", self.text(child, 0))
                servers = self.servers_of(child.pid)
                self.assertEqual(len(servers), 1)
                self.assertEqual(self.between(servers[0]), (True, []))
                child.communicate(b"\n")
                self.assertEqual(self.finish(child).status, 0)
                self.wait_until(lambda: not os.path.exists(f"/proc/{servers[0]}"), "the server ends with the program")
                self.assertEqual(self.files(), [], "nobody asked for a file")

    @staticmethod
    def between(server):
        """Of the process between program and server: whether it has given its memory back (200 KB at most), and its descriptors."""
        parent = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[1]
        held_kb = int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{parent}/status").read_text()).group(1))
        return held_kb < 200, os.listdir(f"/proc/{parent}/fd")

    @staticmethod
    def servers_of(pid):
        """Processes that serve 'pid'."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                words = Path("/proc", entry, "cmdline").read_bytes().split(b"\0") if entry.isdigit() else []
            except OSError:
                continue
            if b"serve" in words and str(pid).encode() in words:
                found.append(int(entry))
        return found

    def test_killed_program(self):
        """SIGKILL of the program ends its server, too; a socket's path is taken away."""
        path = self.folder / "socket"
        child = self.switched("line", preload=True, PPROFC="cpu", PPROFC_LOG="log", PPROFC_HTTP=f"unix:{path}")
        self.wait_until(path.exists)
        servers = self.servers_of(child.pid)
        child.kill()
        child.wait()
        self.wait_until(lambda: not any(os.path.exists(f"/proc/{server}") for server in servers))
        self.wait_until(lambda: not path.exists())
        for left in Path("/dev/shm").glob(f"pprofc.*.{child.pid}"):
            left.unlink()

    def test_exec_and_fork(self):
        """A program that execs is served at the same address after it; a forked child starts no server."""
        [port] = free_ports()
        child = self.start("bash", "-c", f"exec {self.program('switched_static')} fork line", stdin=subprocess.PIPE, env=clean_environment(
            LD_PRELOAD=PRELOAD, PPROFC="cpu", PPROFC_OUTPUT="%p.ppc", PPROFC_COMMAND=PPROFC, PPROFC_HTTP=f"127.0.0.1:{port}"))
        self.wait_until(lambda: self.text(child, 1).count("serving switched_static") == 1, self.text(child, 1))
        self.assertIn(b"switched_static", self.get(f"http://127.0.0.1:{port}/debug/pprof/"))
        time.sleep(0.3)  # the forked child has had time to start one, which would stay
        self.wait_until(lambda: len(self.servers_of(child.pid)) == 1)  # bash's may take a moment to end
        child.communicate(b"\n")
        ended = self.finish(child)
        self.assertEqual(ended.status, 0)
        self.assertNotIn("cannot listen", ended.err)

    def test_token_and_errors(self):
        """PPROFC_TOKEN_FILE is asked for; without the command, and at a bad address, one line and the program runs."""
        (self.folder / "token").write_text("0123456789abcdef0123\n")
        child = self.switched("line", PPROFC_HTTP="127.0.0.1:0", PPROFC_TOKEN_FILE="token")
        url = self.url_of(child)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.get(f"{url}/debug/pprof/")
        self.assertEqual(refused.exception.code, 401)
        request = urllib.request.Request(f"{url}/debug/pprof/", headers={"Authorization": "Bearer 0123456789abcdef0123"})
        self.assertIn(b"switched", self.get(request))
        child.communicate(b"\n")
        self.finish(child)
        environment = clean_environment(PPROFC_COMMAND="/nowhere/pprofc", PPROFC_HTTP="127.0.0.1:0")
        ended = self.run_command(self.program("switched_shared"), "spin=0.02", env=environment)
        self.assertEqual((ended.status, len(ended.own_lines)), (0, 1))
        self.assertIn("no 'pprofc' to be found to serve at 127.0.0.1:0", ended.err)
        child = self.switched("line", PPROFC_HTTP="nonsense")
        self.wait_for(child, "nonsense is no address", which=1)
        child.communicate(b"\n")
        self.assertEqual(self.finish(child).status, 0)

    def test_off_ends_it(self):
        """`pprofc off` ends the server, too."""
        child = self.switched("line", PPROFC_HTTP="127.0.0.1:0")
        self.url_of(child)
        servers = self.servers_of(child.pid)
        self.assertEqual(self.pprofc("off", child.pid).status, 0)
        self.wait_until(lambda: not os.path.exists(f"/proc/{servers[0]}"))
        child.communicate(b"\n")
        self.assertEqual(self.finish(child).status, 0)

    def test_run_takes_it(self):
        """`pprofc run` serves where PPROFC_HTTP says, once."""
        run = self.start(PPROFC, "run", "-o", "out.ppc", "--", self.program("switched_static"), "line", stdin=subprocess.PIPE,
                         env=clean_environment(PPROFC_HTTP="127.0.0.1:0"))
        self.wait_for(run, "serving at http://", which=1)
        pid = next(pid for pid in session_members(run.pid) if pid != run.pid)
        self.assertEqual(self.servers_of(pid), [])
        run.communicate(b"\n")
        self.assertEqual(self.finish(run).status, 0)


class HiddenChild(Switched):
    """Conversions, which run the command, are nothing that the program sees."""

    def test_conversion_at_the_end_of_the_duration(self):
        """A program that waits for its children meanwhile gets none of ours, also one that ignores SIGCHLD."""
        for ignore in ((), ("ignore",)):
            child = self.switched("count", *ignore, "spin=0.02", "line", "counted", PPROFC="cpu", PPROFC_DURATION="100ms",
                                  PPROFC_OUTPUT="out%p.pb.gz")
            self.wait_for(child, "pprofc: wrote", which=1)
            self.go_on(child)
            ended = self.finish(child)
            self.assertIn("sigchld 0\nwait -10\n", ended.out)
        self.assertEqual(len(self.files("*.pb.gz")), 2)


class Off(EndToEnd):
    """Built in and switched off."""

    def test_branch(self):
        """PPROFC_MAYBE_PROFILE adds three instructions to a call: load, compare, branch (by callgrind)."""
        program = built("bench/off_branch_shared")
        if shutil.which("valgrind") is None:
            self.skipTest("no valgrind")
        plain, macro = (rows_off.instructions(program, way, 1) for way in ("direct", "macro"))
        print(f"instructions a call: {macro:.3f} with the branch, {plain:.3f} without")
        self.assertLess(abs(macro - plain - 3), 0.01)


if __name__ == "__main__":
    unittest.main()
