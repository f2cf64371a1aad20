"""pprofc serve: what clients get, and what nobody gets."""
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import browser
from harness import BUILD, PPROFC, EndToEnd, built, clean_environment, long_or
from serving import SHARES, SPIN_S, Served


class Profiles(Served):
    IS_SHARED = True

    def test_profile(self):
        """A window at 1000 Hz has the right shares, its CPU time is the kernel's, and afterwards the rate is as before."""
        path = self.profile("/debug/pprof/profile?seconds=1&frequency=1000")
        self.assert_shares(path, 50)
        comments = " ".join(self.read_profile(path).comments)
        self.assertIn("1000", comments)
        self.assertEqual(self.rate_now(), 10)

    def test_overlapping_clients(self):
        """Two clients at 10 and 1000 Hz share the sampler; both have true values, and the slow one is told why it has more."""
        found, took = {}, {}

        def take(hz, seconds):
            begun_s = time.monotonic()
            found[hz] = self.profile(f"/debug/pprof/profile?seconds={seconds}&frequency={hz}")
            took[hz] = time.monotonic() - begun_s

        slow = threading.Thread(target=take, args=(10, 2))
        slow.start()
        time.sleep(0.5)
        take(1000, 1)
        slow.join()
        totals = {hz: sum(stack.weight for stack in self.stacks(path).stacks) / 1e9 for hz, path in found.items()}
        n_fast = self.assert_shares(found[1000], 50)
        n_slow = self.assert_shares(found[10], 50, slow_s=totals[10] - totals[1000])
        self.assertGreater(n_slow, n_fast * 0.8)
        self.assertIn("for another client", " ".join(self.read_profile(found[10]).comments))
        self.assertGreater(totals[10], totals[1000])
        for hz, total in totals.items():  # one thread, in a window that lay between the question and its answer
            self.assertLess(total, took[hz] * 1.01)

    def test_flamegraph_and_formats(self):
        for path, content_type, begins in (
                ("flamegraph?seconds=0.1", "image/svg+xml", b"<?xml"),
                ("profile?seconds=0.1&format=folded", "text/plain", b""),
                ("profile?seconds=0.1&format=json", "application/json", b"{"),
                ("profile?seconds=0.1&debug=1", "text/plain", b""),
                ("profile?seconds=0.1&format=pb", "application/octet-stream", b"")):
            with self.subTest(path):
                status, headers, body = self.ask("/debug/pprof/" + path)
                self.assertEqual(status, 200, body[:200])
                self.assertTrue(headers["Content-Type"].startswith(content_type), headers)
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
                self.assertTrue(body.startswith(begins))

    def test_kinds_to_come_are_empty_and_valid(self):
        for name, types in (("heap", ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]),
                            ("allocs", ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]),
                            ("mutex", ["contentions", "delay"]), ("block", ["contentions", "delay"]),
                            ("threadcreate", ["threadcreate"])):
            with self.subTest(name):
                profile = self.read_profile(self.profile(f"/debug/pprof/{name}"))
                self.assertEqual([one for one, _ in profile.sample_types], types)

    def test_defaults(self):
        """Without parameters 100 Hz, for 30 s."""
        begun_s = time.monotonic()
        client = self.window("")
        self.wait_for(lambda: self.rate_now() == 100)
        if long_or(True, False):
            client.settimeout(60)
            self.assertTrue(client.recv(20).startswith(b"HTTP/1.1 200 "))
            self.assertGreater(time.monotonic() - begun_s, 29.9)
        client.close()
        self.wait_for(lambda: self.rate_now() == 10)

    def test_gone_client(self):
        """A client that goes away ends its window within a second."""
        client = self.window("seconds=60&frequency=500")
        self.wait_for(lambda: self.rate_now() == 500)
        self.assert_leaving_ends_window(client.close)
        self.wait_for(lambda: self.rate_now() == 10)


class EndedProcess(Served):
    def test_within_a_window(self):
        """What there is of a window is answered when the process ends within it."""
        found = []
        client = threading.Thread(target=lambda: found.append(self.ask("/debug/pprof/profile?seconds=60&frequency=500")))
        client.start()
        self.wait_for(lambda: self.rate_now() == 500)
        time.sleep(0.5)
        os.kill(self.target.pid, signal.SIGTERM)
        client.join(30)
        self.assertEqual(found[0][0], 200, found[0][2][:200])
        self.assertEqual(self.ask("/healthz")[0], 503)


class Readers(Served):
    """The recording's slots for readers: those of others stay as they are."""

    def slot(self):
        """Where in the header the server's slot is, None without one."""
        with open(f"/dev/shm/pprofc.{os.getuid()}.{self.target.pid}", "rb") as file:
            header = file.read(32 * 1024)
        signed = struct.pack("<IIQ", self.server.pid, os.stat("/proc/self/ns/pid").st_ino & 0xffffffff, 0)
        at = header.find(signed)
        return None if at < 0 else at

    def test_slot_is_taken_and_given_back(self):
        """A window takes one slot, signed by the server, and its end gives it back."""
        self.assertIsNone(self.slot())
        client = self.window()
        self.wait_for(lambda: self.slot() is not None)
        client.close()
        self.wait_for(lambda: self.slot() is None)


class Killed(Served):
    """A server that is killed leaves the sampler as if it had never been there."""

    def start_another(self):
        self.killed = self.server
        self.server = self.start(PPROFC, "serve", "--listen", self.address(), self.target.pid)
        self.port = self.await_port()

    def test_rate_is_back(self):
        """SIGKILL in mid-window: within two seconds the rate is what it was, or what another server's client wants."""
        client = threading.Thread(target=self.ask_in_vain, args=(self.port, 600))
        client.start()
        self.start_another()
        self.wait_for(lambda: self.rate_now() == 600)
        other = self.window("seconds=60&frequency=50")
        self.killed.kill()
        self.killed.wait()
        killed_s = time.monotonic()
        client.join()
        self.wait_for(lambda: self.rate_now() == 50)
        self.assertLess(time.monotonic() - killed_s, 2)
        other.close()
        self.wait_for(lambda: self.rate_now() == 10)


class InMemory(Served):
    """A process without /dev/shm has its recording in a memfd."""

    def setUp(self):
        EndToEnd.setUp(self)
        self.need_to_run("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/dev/shm")
        preload = BUILD / "libpprofc-preload.so"
        self.target = self.start("unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=4k none /dev/shm && exec env"
                                 f" LD_PRELOAD={preload} PPROFC=cpu PPROFC_FREQUENCY=10 PPROFC_OUTPUT=/dev/null/x"
                                 f" {self.program('shares_50_30_20')} {SPIN_S}")
        self.wait_for(lambda: self.has_memfd() or self.target.poll() is not None)
        self.assertIsNone(self.target.poll(), self.text(self.target, 1))
        self.server = self.start(PPROFC, "serve", "--listen", self.address(), self.target.pid)
        self.port = self.await_port()

    def has_memfd(self):
        links = []
        for task in os.listdir(f"/proc/{self.target.pid}/task"):
            folder = f"/proc/{self.target.pid}/task/{task}/fd"
            try:
                links += [os.readlink(f"{folder}/{one}") for one in os.listdir(folder)]
            except OSError:  # it has just gone
                pass
        return any(link.startswith("/memfd:pprofc") for link in links)

    def test_profile(self):
        """It is found through /proc, and its sampler obeys."""
        self.assert_shares(self.profile("/debug/pprof/profile?seconds=1&frequency=1000"), 50)
        self.assertEqual(self.rate_now(), 10)


class Sidecar(Served):
    """A server that shares /dev/shm with the program and none of its files."""

    def begin(self):
        folder = self.folder / "theirs"
        folder.mkdir()
        self.need_to_run("unshare", "--mount", "mount", "-t", "tmpfs", "none", folder)
        copy = folder / "shares_50_30_20"
        shutil.copy(self.program("shares_50_30_20"), copy)
        environment = clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu", PPROFC_FREQUENCY=10,
                                        PPROFC_OUTPUT=self.folder / "left.ppc")
        self.target = self.start(copy, SPIN_S, env=environment)
        self.await_recording()
        script = f"mount -t tmpfs none {folder} && exec {PPROFC} serve --listen 127.0.0.1:0 {self.target.pid}"
        self.server = self.start("unshare", "--mount", "sh", "-c", script)
        self.wait_for(lambda: " at " in self.text(self.server, 1) or self.server.poll() is not None)
        self.port = self.await_port()

    def test_it_says_what_is_missing(self):
        """The index, each profile, the quality and the table say which modules have no files here, why and what to do."""
        path = self.profile("/debug/pprof/profile?seconds=0.5&frequency=1000")
        whole, hint = f"{self.folder}/theirs/shares_50_30_20", "no files here of shares_50_30_20: their functions have no names; "
        index = self.ask("/debug/pprof/")[2].decode()
        self.assertIn(f"<p>No files here of <code>{whole}</code>: their functions have no names. Show them", index)
        comments = self.read_profile(path).comments
        self.assertIn(f"shares_50_30_20 has no names: cannot read '{whole}': No such file or directory", comments)
        self.assertTrue(any(one.startswith(hint + "show them to pprofc") for one in comments), comments)
        self.assertIn("PPROFC_DEBUG_PATH", " ".join(comments))
        quality = json.loads(self.ask("/debug/pprof/quality")[2])
        self.assertEqual(quality["missing_modules"], "shares_50_30_20")
        self.assertTrue(quality["names"].startswith(hint), quality)
        self.assertIn("\nNames    " + hint, self.ask("/debug/pprof/top")[2].decode())
        self.assertIn("\nNames    " + hint, self.pprofc("report", path).out)
        # Where the files are, symbolize finds the names, and nothing says any more that they are missing.
        self.assertEqual(self.pprofc("symbolize", "-f", path).status, 0)
        said = self.pprofc("report", path).out
        self.assertIn("heavy_50", said)
        self.assertNotIn("Names ", said)
        comments = " ".join(self.read_profile(path).comments)
        self.assertNotIn("no names", comments)
        self.assertNotIn("missing_modules", comments)


class Facts(Served):
    IS_SHARED = True

    def test_index_links_work(self):
        status, headers, body = self.ask("/debug/pprof/")
        self.assertEqual(status, 200)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        links = re.findall(r'href="([^"]+)"', body.decode())
        self.assertGreater(len(links), 8)
        for link in links:
            link = link.replace("&amp;", "&").replace("seconds=5", "seconds=0.1")
            with self.subTest(link):
                self.assertEqual(self.ask(link)[0], 200)

    def test_cmdline(self):
        self.assertEqual(self.ask("/debug/pprof/cmdline")[2].split(b"\0")[1], SPIN_S.encode())

    def test_symbol(self):
        """GET says that there are names; POST names addresses, as pprof asks for them."""
        self.assertTrue(self.ask("/debug/pprof/symbol")[2].startswith(b"num_symbols: 1\n"))
        profile = self.read_profile(self.profile("/debug/pprof/profile?seconds=1&frequency=500"))
        addresses = {frame.function: frame.address for sample in profile.samples for frame in sample.frames
                     if frame.function in SHARES and frame.address}
        self.assertTrue(addresses)
        body = "+".join(hex(address) for address in addresses.values())
        status, _, named = self.ask("/debug/pprof/symbol", "POST", body)
        self.assertEqual(status, 200)
        self.assertEqual(dict(reversed(line.split("\t")) for line in named.decode().splitlines()),
                         {name: hex(address) for name, address in addresses.items()})

    def test_metrics(self):
        _, headers, body = self.ask("/metrics")
        self.assertTrue(headers["Content-Type"].startswith("application/openmetrics-text"))
        self.assertTrue(body.endswith(b"# EOF\n"))
        self.wait_for(lambda: b'function="heavy_50"' in self.ask("/metrics")[2])

    def test_metrics_are_well_formed(self):
        """OpenMetrics: each sample belongs to the family that was announced before it, once; functions are 20 at most with names
        of bounded length; what it is about is there: samples, losses, costs, the rate, what waits."""
        text = self.ask("/metrics")[2].decode()
        self.assertTrue(text.endswith("# EOF\n"))
        kind = name = None
        seen, families = set(), set()
        for line in text.splitlines()[:-1]:
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                self.assertNotIn(name, families)
                families.add(name)
            elif not line.startswith(("# UNIT ", "# HELP ")):
                found = re.fullmatch(r'(\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)+)\} (-?[\d.e+-]+)', line)
                self.assertTrue(found, line)
                self.assertEqual(found.group(1), name + "_total" * (kind == "counter"), line)
                self.assertNotIn(found.group(1, 2), seen)
                seen.add(found.group(1, 2))
        self.assertLessEqual({"profiling_samples", "profiling_lost_samples", "profiling_process_cpu_seconds", "profiling_own_cpu_seconds",
                              "profiling_frequency_hertz", "profiling_function_cpu_time_ratio", "profiling_queue_depth"}, families)
        self.assertLessEqual(text.count("profiling_function_cpu_time_ratio{"), 20)
        self.assertLess(max(len(labels) for _, labels in seen), 400)

    def test_head(self):
        """HEAD has the headers of GET, and no body."""
        for path in ("/debug/pprof/", "/debug/pprof/profile?seconds=0.05", "/debug/pprof/heap", "/metrics", "/healthz", "/nowhere", "/pprof/symbol"):
            with self.subTest(path):
                asked, answered = self.ask(path, "HEAD"), self.ask(path)
                self.assertEqual((asked[0], asked[1]["Content-Type"], asked[2]), (answered[0], answered[1]["Content-Type"], b""))

    def test_no_page_reads_it(self):
        """What a page elsewhere asks for comes without a word that lets it be read, and is not to be taken for something else."""
        for method, path in (("GET", "/debug/pprof/"), ("GET", "/debug/pprof/profile?seconds=0.05"), ("OPTIONS", "/sampling/start"), ("GET", "/nowhere")):
            headers = self.ask(path, method, Origin="http://evil.example", Access_Control_Request_Method="POST")[1]
            self.assertEqual([name for name in headers if name.lower().startswith("access-control")], [])
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

    def test_errors_are_sentences(self):
        """Status, text/plain, X-Go-Pprof, and one sentence."""
        for path, method, status in (("/debug/pprof/profile?seconds=x", "GET", 400),
                                     ("/debug/pprof/profile?seconds=1e9", "GET", 400),
                                     ("/debug/pprof/profile?frequency=0", "GET", 400),
                                     ("/debug/pprof/profile?format=tiff", "GET", 400),
                                     ("/debug/pprof/nothing", "GET", 404), ("/elsewhere", "GET", 404),
                                     ("/debug/pprof/profile?pid=1", "GET", 404), ("/debug/pprof/trace", "GET", 501),
                                     ("/debug/pprof/profile", "POST", 405), ("/off", "GET", 405),
                                     ("/debug/pprof/profile?%zz", "GET", 400)):
            with self.subTest(path):
                got, headers, body = self.ask(path, method)
                self.assertEqual(got, status, body)
                self.assertEqual(headers["X-Go-Pprof"], "1")
                self.assertTrue(headers["Content-Type"].startswith("text/plain"))
                self.assertEqual(body.count(b"\n"), 1)

    def test_other_hosts_are_refused(self):
        """A page that leads its own name here gets nothing."""
        self.assertEqual(self.ask("/", Host="evil.example")[0], 403)
        self.assertEqual(self.ask("/", Host="localhost:1")[0], 200)


class Ends(Served):
    """What ends the server, or the profiling."""

    def test_off(self):
        """POST /off ends profiling for good; the program goes on."""
        self.assertEqual(self.ask("/off", "POST")[0], 200)
        status, headers, body = self.ask("/debug/pprof/profile?seconds=1")
        self.assertEqual((status, headers["X-Go-Pprof"]), (500, "1"))
        self.assertRegex(body.decode(), r"\ACould not profile: shares_50_30_20 \(process \d+\) has ended\n\Z")
        self.assertIsNone(self.target.poll())

    def test_end_of_the_server(self):
        """TERM ends the server at once, with a client waiting; the program goes on at its own rate."""
        client = threading.Thread(target=self.ask_in_vain, args=(self.port, 500))
        client.start()
        self.wait_for(lambda: self.rate_now() == 500)
        self.server.terminate()
        self.assertEqual(self.finish(self.server).status, 0)
        client.join(10)
        self.assertIsNone(self.target.poll())


class Sampling(Served):
    IS_SHARED = True

    def test_start_stop(self):
        status, _, body = self.ask("/sampling/start", "POST", json.dumps({"frequency": 500}))
        self.assertEqual((status, json.loads(body)["message"]), (200, "Sampling started at 500Hz"))
        self.assertEqual(self.rate_now(), 500)
        status, _, body = self.ask("/sampling/start", "POST", "{}")
        self.assertEqual((status, json.loads(body)["message"]), (409, "Sampling already in progress"))
        self.assertEqual(self.ask("/sampling/stop", "HEAD")[0], 405)  # it would be lost
        self.assertEqual(json.loads(self.ask("/sampling/status")[2])["status"], "active")
        status, headers, body = self.ask("/sampling/stop", "POST")
        self.assertEqual(status, 200)
        self.assertTrue(headers["Content-Type"].startswith("image/svg+xml"))
        self.assertEqual(self.rate_now(), 10)
        status, _, body = self.ask("/sampling/stop")
        self.assertEqual((status, json.loads(body)["message"]), (404, "No active sampling"))

    def test_change(self):
        """Rate and time change while it runs; the window is one, its CPU time is right, and what was asked for is said."""
        self.assertEqual(self.ask("/sampling/change", "POST", '{"frequency": 50}')[0], 404)
        self.ask("/sampling/start", "POST", json.dumps({"frequency": 800, "seconds": 60}))
        self.let_it_use(0.2)
        for body in ("[]", '{"frequency": 0}', '{"kinds": []}'):
            self.assertEqual(self.ask("/sampling/change", "POST", body)[0], 400, body)
        status, _, body = self.ask("/sampling/change", "POST", json.dumps({"frequency": 50, "seconds": 500}))
        self.assertEqual((status, json.loads(body)["message"]), (200, "Sampling goes on at 50Hz"))
        self.assertEqual(self.rate_now(), 50)
        state = json.loads(self.ask("/sampling/status")[2])
        self.assertEqual((state["frequency"], state["kinds"]), (50, ["cpu"]))
        self.assertGreater(state["seconds_left"], 400)
        self.let_it_use(0.2)
        self.assertEqual(self.ask("/sampling/stop?format=tiff")[0], 400)  # and it goes on
        path = self.profile("/sampling/stop?format=pprof")
        profile = self.read_profile(path)
        self.assertIn("the rate was changed while it was sampled, to 50 Hz in the end", profile.comments)
        self.assertFalse([one for one in profile.comments if "for another client" in one])
        n_samples, cpu_s = (sum(sample.values[i] for sample in profile.samples) / scale for i, scale in ((0, 1), (1, 1e9)))
        self.assertGreater(n_samples, 80)  # some 160 at 800 Hz, 10 at 50
        self.assertGreater(cpu_s, 0.4)
        self.assertEqual(self.rate_now(), 10)

    def let_it_use(self, cpu_s):
        """Until the program has used so much CPU more."""
        clock = ~self.target.pid << 3 | 2
        until_s = time.clock_gettime(clock) + cpu_s
        self.wait_for(lambda: time.clock_gettime(clock) > until_s)

    def test_bad_bodies(self):
        for body in ("[]", "{", '{"frequency": 0}', '{"frequency": "x"}', '{"seconds": 1e9}', '{"kinds": ["heap"]}', "\xff"):
            with self.subTest(body):
                status, _, said = self.ask("/sampling/start", "POST", body.encode("latin-1"))
                self.assertEqual(status, 400, said)
                self.assertEqual(json.loads(said)["status"], "error")

    def test_limit(self):
        """What was switched on for a moment ends by itself, and its profile waits for whoever asks."""
        self.ask("/sampling/start", "POST", json.dumps({"frequency": 500, "seconds": 0.2}))
        self.wait_for(lambda: json.loads(self.ask("/sampling/status")[2])["status"] == "ended")
        self.assertEqual(self.rate_now(), 10)
        self.assertEqual(self.ask("/sampling/stop?format=pprof")[0], 200)


class Token(Served):
    OPTIONS = ("--token-file", "/dev/stdin")

    def setUp(self):
        EndToEnd.setUp(self)
        token_file = self.folder / "token"
        token_file.write_text("0123456789abcdef-secret\n")
        self.OPTIONS = ("--token-file", token_file)
        super().setUp()

    def test_token(self):
        self.assertEqual(self.ask("/debug/pprof/")[0], 401)
        self.assertEqual(self.ask("/debug/pprof/", Authorization="Bearer 0123456789abcdef-secreT")[0], 401)
        self.assertEqual(self.ask("/debug/pprof/", Authorization="Bearer 0123456789abcdef-secret")[0], 200)


class HiddenCommandLine(Served):
    OPTIONS = ("--hide-cmdline",)

    def test_it_is_nowhere(self):
        """Neither the page of its own nor the index, a profile or a picture tells it."""
        self.assertEqual(self.ask("/debug/pprof/cmdline")[0], 403)
        for path in ("", "profile?seconds=0.1&format=pb", "flamegraph?seconds=0.1", "top", "profile?seconds=0.1&format=json"):
            status, _, body = self.ask("/debug/pprof/" + path)
            self.assertEqual(status, 200)
            self.assertNotIn(b"shares_50_30_20 " + SPIN_S.encode(), body, path)


class UnixSocket(Served):
    def address(self):
        return f"unix:{self.folder}/socket"

    def await_port(self):
        self.wait_for(lambda: " at " in self.text(self.server, 1) or self.server.poll() is not None)
        return 0

    def test_curl(self):
        path = self.folder / "socket"
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        if shutil.which("curl") is not None:
            said = self.run_command("curl", "-s", "--unix-socket", path, "http://localhost/healthz")
            self.assertEqual(said.out, "ok\n")
        self.server.terminate()
        self.assertEqual(self.finish(self.server).status, 0)
        self.assertFalse(path.exists())


class Refusals(EndToEnd):
    """What cannot be served is said in one line."""

    def test_each(self):
        for words, status, text in (([], 2, "no process given"), ([str(2 ** 22 + 1)], 1, "has no recording"),
                                    (["/nowhere/x.ppc"], 1, "cannot"), (["-l", "x", "1"], 1, ""),
                                    (["--token-file", "/nowhere", "1"], 2, "cannot read a token")):
            with self.subTest(words):
                said = self.pprofc("serve", *words)
                self.assertEqual(said.status, status, said.err)
                self.assertEqual(len(said.own_lines), 1, said.err)
                self.assertIn(text, said.err)

    def test_without_libmicrohttpd(self):
        """One line says what to install, no socket stays, and a program that was to be served beside runs as it would have."""
        (self.folder / "libmicrohttpd.so.12").touch()  # found first, and no library
        finished, path = self.run_profiled("--", self.program("shares_50_30_20"), "0.1", output="x.ppc")
        address, env = f"unix:{self.folder}/socket", clean_environment(LD_LIBRARY_PATH=self.folder)
        line = f"pprofc: cannot serve at {address}: there is no libmicrohttpd.so.12 here; install libmicrohttpd12\n"
        said = self.pprofc("serve", "-l", address, path, env=env)
        self.assertEqual((said.status, said.err), (1, line))
        said = self.pprofc("run", "-q", "--http", address, "-f", "-o", "x.pb.gz", "--", "sh", "-c", "echo done; exit 3", env=env)
        self.assertEqual((said.status, said.out, said.err), (3, "done\n", line))
        self.assertFalse((self.folder / "socket").exists())

    def test_open_address_needs_a_token(self):
        finished, path = self.run_profiled("--", self.program("shares_50_30_20"), "0.1", output="x.ppc")
        said = self.pprofc("serve", "-l", "0.0.0.0:0", path)
        self.assertEqual(said.status, 5, said.err)
        self.assertIn("token", said.err)
        # With one, or on one's own risk; where nobody can come.
        token = self.folder / "token"
        token.write_text("0123456789abcdef-secret\n")
        self.need_to_run("unshare", "--net", "true")
        for words in (("--insecure",), ("--token-file", token)):
            server = self.start("unshare", "--net", PPROFC, "serve", "-l", "0.0.0.0:0", *words, path)
            deadline_s = time.monotonic() + 30
            while "at http://0.0.0.0:" not in self.text(server, 1):
                self.assertIsNone(server.poll(), self.text(server, 1))
                self.assertLess(time.monotonic(), deadline_s)
                time.sleep(0.05)
            server.terminate()
            self.assertEqual(self.finish(server).status, 0)


class RunHttp(Served):
    """pprofc run --http: served while it runs; the profile of the whole is written all the same."""

    def setUp(self):
        EndToEnd.setUp(self)
        self.server = self.start(PPROFC, "run", "-F", "10", "-o", self.folder / "whole.pb.gz", "--http", "127.0.0.1:0",
                                 "--", self.program("shares_50_30_20"), SPIN_S)
        self.port = self.await_port()

    def test_window_and_whole(self):
        self.wait_for(lambda: self.ask("/healthz")[0] == 200)
        self.assert_shares(self.profile("/debug/pprof/profile?seconds=1&frequency=1000"), 50)
        self.server.terminate()
        self.assertEqual(self.finish(self.server).status, 128 + signal.SIGTERM)
        self.assertTrue((self.folder / "whole.pb.gz").exists())
        with self.assertRaises(OSError):
            self.ask("/healthz")

    def test_open_address_needs_a_token(self):
        said = self.pprofc("run", "--http", "0.0.0.0:0", "--", self.program("shares_50_30_20"), "1")
        self.assertEqual((said.status, said.out), (125, ""))
        self.assertIn("PPROFC_TOKEN_FILE", said.err)

    def test_taken_port(self):
        """A port that is taken is said before the program starts."""
        said = self.pprofc("run", "--http", f"127.0.0.1:{self.port}", "--", self.program("shares_50_30_20"), "1")
        self.assertEqual(said.status, 125)
        self.assertIn("cannot listen", said.err)
        self.assertEqual(said.out, "")


class Itself(Served):
    """pprofc_http_serve: the program serves itself, sampled only when somebody asks."""

    def begin(self):
        self.server = self.start(self.program("serves_itself"), SPIN_S, "127.0.0.1:0", stdin=subprocess.PIPE,
                                 env=clean_environment(PPROFC_COMMAND=PPROFC))
        self.addCleanup(self.server.stdin.close)
        self.port = self.await_port()

    def tell(self, line):
        n_before = self.text(self.server, 0).count("\n")
        self.server.stdin.write(f"{line}\n".encode())
        self.server.stdin.flush()
        self.wait_for(lambda: self.text(self.server, 0).count("\n") > n_before)
        return self.text(self.server, 0).splitlines()[n_before]


class InProgram(Itself):
    IS_SHARED = True

    def test_profile(self):
        """Shares are right, lines come from the child, and no thread of the server is in it."""
        self.assertEqual(self.rate_now(), 0)
        path = self.profile("/debug/pprof/profile?seconds=1&frequency=1000")
        self.assert_shares(path, 50)
        profile = self.read_profile(path)
        self.assertTrue(any(frame.line > 0 for sample in profile.samples for frame in sample.frames
                            if frame.function == "heavy_50"), profile.comments)
        sampled = [sample for sample in profile.samples if sample.frames[0].function != "[unsampled]"]
        self.assertEqual({sample.labels.get("thread_name") for sample in sampled}, {"serves_itself"})
        self.assertFalse(any("server.c" in frame.file for sample in profile.samples for frame in sample.frames))
        self.assertEqual(self.rate_now(), 0)

    def test_threads(self):
        """Where the program's own threads stand, with lines from the child; those of the server and the helper are left out."""
        self.profile("/debug/pprof/profile?seconds=0.1")
        for _ in range(30):  # the thread that works may get no CPU in time
            status, _, body = self.ask("/debug/pprof/goroutine?debug=2")
            text = body.decode()
            self.assertEqual((status, len(re.findall(r"(?m)^goroutine \d+ \[", text))), (200, 2), text)
            self.assertRegex(text, r"(?m)^main\(\.\.\.\)\n\t\S*serves_itself\.c:\d+\n")
            if "\nrun_slice(...)\n" in text:
                return
        self.fail(text)

    def test_threads_seen(self):
        """The program's own threads are counted once each; those that answer us are not among them, however many they were."""
        for _ in range(3):
            profile = self.read_profile(self.profile("/debug/pprof/threadcreate"))
            self.assertEqual([list(sample.values) for sample in profile.samples], [[2]])

    def test_places_of_threads(self):
        """The threads that answer us take no places in the recording, of which a session has 16 255."""
        facts = built("bench/recording_facts")

        def n_places():
            said = self.run_command(facts, f"/dev/shm/pprofc.{os.getuid()}.{self.server.pid}")
            return json.loads(said.out)["n_threads"]

        before = n_places()
        for _ in range(60):
            self.assertEqual(self.ask("/debug/pprof/cmdline")[0], 200)
        self.assertLess(n_places() - before, 6)

    def test_own_server(self):
        """A server of the program's own may mount the paths."""
        self.assertTrue(self.tell("handle /debug/pprof/profile?seconds=0.2").startswith("200 application/octet-stream "))
        self.assertTrue(self.tell("handle /nowhere").startswith("404 text/plain"))
        self.assertTrue(self.tell("handle /?%00").startswith("400 text/plain"))


class DefaultAddress(Served):
    """pprofc_http_serve(NULL)."""

    def begin(self):
        """Each test has its own."""

    def serve(self, **variables):
        """What the program said first, and whether it serves."""
        self.server = self.start(self.program("serves_itself"), SPIN_S, "default", stdin=subprocess.PIPE, env=clean_environment(**variables))
        self.addCleanup(self.server.stdin.close)
        self.wait_for(lambda: self.text(self.server, 1).endswith("\n"))
        return self.text(self.server, 1), " serving at " in self.text(self.server, 1)

    def test_environment(self):
        """PPROFC_HTTP says where."""
        path = self.folder / "socket"
        self.assertEqual(self.serve(PPROFC_HTTP=f"unix:{path}"), (f"pprofc: serving at unix:{path}/debug/pprof/\n", True))

    def test_none(self):
        """Without it that is 127.0.0.1:6060; where somebody has that, the error says so and what to do."""
        taken = "serves_itself: cannot listen at 127.0.0.1:6060: Address already in use; choose another, or port 0 for one that is free\n"
        try:
            with socket.create_server(("127.0.0.1", 6060)):
                self.assertEqual(self.serve(PPROFC_HTTP=""), (taken, False))
            self.assertEqual(self.server.wait(30), 1)
        except OSError:
            print("somebody listens at 127.0.0.1:6060")
        said, is_served = self.serve()
        self.assertEqual(said, "pprofc: serving at http://127.0.0.1:6060/debug/pprof/\n" if is_served else taken)


class InProgramAlone(Itself):
    def test_memory_stays(self):
        """Debug information never enters the program, and profiles leave nothing behind: after many it is as large as
        after the first few, since large blocks are mappings of their own and not malloc's."""
        def memory_kb():
            with open(f"/proc/{self.server.pid}/status", encoding="ascii") as status:
                return int(re.search(r"RssAnon:\s+(\d+)", status.read()).group(1))

        def heap_bytes(n_profiles):
            """What is allocated after each; the least is without what a connection still holds as it ends."""
            after = []
            for _ in range(n_profiles):
                self.profile("/debug/pprof/profile?seconds=0.05&frequency=1000")
                after.append(int(self.tell("heap")))
            return min(after[n_profiles // 2:])

        before_kb = memory_kb()
        early_bytes, early_kb = heap_bytes(long_or(30, 8)), memory_kb()
        late_bytes, late_kb = heap_bytes(long_or(100, 8)), memory_kb()
        self.assertLess(early_kb - before_kb, 4 * 1024)  # less than the DWARF of the program, or of libc
        self.assertLess(late_kb - early_kb, 512)  # mappings that stay
        self.assertLess(late_bytes - early_bytes, 128 * 1024)  # what malloc gave and nobody frees; caches are 10 KB

    def test_stop(self):
        """A client that waits for its profile is told why it gets none; then nobody is answered."""
        answers = []
        client = threading.Thread(target=lambda: answers.append(self.ask("/debug/pprof/profile?seconds=60&frequency=500")))
        client.start()
        self.wait_for(lambda: self.rate_now() == 500)
        self.assertEqual(self.tell("stop"), "0")
        client.join(30)
        self.assertEqual((answers[0][0], answers[0][2]),
                         (503, b"Could not profile: the server was stopped while the profile was taken\n"))
        with self.assertRaises(OSError):
            self.ask("/healthz")
        self.assertEqual(self.tell("stop"), str(-3))
        self.assertIsNone(self.server.poll())


class InABrowser(Served):
    def test_flame_graph_runs_its_scripts(self):
        """The policy sent along lets the page's own scripts run, and nothing else."""
        reason = browser.missing()
        if reason:
            self.skipTest(reason)
        policy = self.ask("/debug/pprof/flamegraph?seconds=0.1")[1]["Content-Security-Policy"]
        self.assertRegex(policy, r"default-src 'none';.* script-src '(sha256-[\w+/=]+)' '(sha256-[\w+/=]+)';")
        page = browser.Browser()
        self.addCleanup(page.close)
        page.open(f"http://127.0.0.1:{self.port}/debug/pprof/flamegraph?seconds=1&frequency=500")
        page.wait_for("return document.documentElement.classList.contains('scripted')"
                      " && document.documentElement.textContent.includes('heavy_50')")
        self.assertEqual([text for text in page.errors() if "favicon" not in text], [])


if __name__ == "__main__":
    unittest.main()
