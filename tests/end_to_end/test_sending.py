"""A sink over time: outages, kills, full disks; by the program 'sends', which gives it windows.

A window's name is its profile_id (OTLP), or from and until (Pyroscope)."""
import collections
import contextlib
import os
import re
import subprocess
import threading
import time
import unittest

import otlp_peer
from harness import PPROFC, EndToEnd, backtraces, clean_environment

PROFILES, METRICS, TRACES = "/v1development/profiles", "/v1/metrics", "/v1/traces"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@unittest.skipIf(otlp_peer.WHY_NOT, otlp_peer.WHY_NOT)
class Sending(EndToEnd):
    def setUp(self):
        super().setUp()
        self.is_up = True
        self.server = otlp_peer.Server(self.answer)
        self.addCleanup(self.server.close)
        (self.folder / "a.folded").write_text("main;heavy 60\nmain;light 30\n")
        self.queue = self.folder / "queue"

    def answer(self, handler, path, body):
        if not self.is_up:
            handler.reply(503, Retry_After="0")
        return not self.is_up

    def sender(self, queue=None, n_bytes=0, protocol="otlp", url=None, more=(), **env):
        child = self.start(self.program("sends"), protocol, url or self.server.url, queue or self.queue, str(n_bytes),
                           self.folder / "a.folded", *more, stdin=subprocess.PIPE, env=clean_environment(**env))
        child.queue = queue or self.queue
        child.n_lines = 0
        self.addCleanup(child.stdin.close)
        return child

    def tell(self, child, command):
        """The line that it answers."""
        child.stdin.write(f"{command}\n".encode())
        child.stdin.flush()
        for _ in range(6000):
            lines = self.text(child, 0).splitlines()
            if len(lines) > child.n_lines and self.text(child, 0).endswith("\n"):
                child.n_lines = len(lines)
                return lines[-1]
            self.assertIsNone(child.poll(), self.text(child, 0))
            threading.Event().wait(0.01)
        self.fail(f"no answer to {command}, after {self.text(child, 0)!r}\n{backtraces(child.pid)}")

    def counts(self, child):
        return {key: int(value) for key, value in re.findall(r"(\w+) (\d+)", self.tell(child, "counts").partition(" error")[0])}

    def end(self, child):
        child.stdin.close()
        return self.finish(child)

    def names(self, path=PROFILES):
        """How often each window arrived."""
        if path == PROFILES:
            return collections.Counter(message.resource_profiles[0].scope_profiles[0].profiles[0].profile_id
                                       for message in self.server.messages(path))
        return collections.Counter(message.resource_spans[0].scope_spans[0].spans[0].span_id for message in self.server.messages(path))

    def files(self):
        return sorted(self.queue.glob("*.pb.gz"))

    def test_outage_and_next_run(self):
        """50 windows of an outage, in the folder as profiles that pprof reads, arrive once each in the next run, oldest first."""
        self.is_up = False
        child = self.sender()
        self.assertEqual(self.tell(child, "take 50"), "failed 0 ")
        self.end(child)
        self.assertEqual(len(self.files()), 50)
        self.assertEqual(self.files()[0].stat().st_mode & 0o777, 0o600)
        self.assertEqual(len(self.read_profile(self.files()[0]).samples), 2)
        self.is_up = True
        child = self.sender()
        self.assertEqual(self.tell(child, "drain 50"), "drained")
        self.assertEqual(self.counts(child)["done"], 50)
        self.end(child)
        self.assertEqual((len(self.names()), max(self.names().values())), (50, 1))
        self.assertEqual((len(self.names(TRACES)), max(self.names(TRACES).values())), (50, 1))
        times = [message.resource_profiles[0].scope_profiles[0].profiles[0].time_unix_nano for message in self.server.messages(PROFILES)]
        self.assertEqual(times, sorted(times))
        self.assertEqual(self.files(), [])
        self.assertEqual(self.server.problems, [])

    def test_recovery_while_it_runs(self):
        """The same in one run, without a folder, beginning with a server that is not there at all."""
        self.is_up = False
        child = self.sender("-")
        self.tell(child, "take 50")
        self.assertIn("could not be sent", self.tell(child, "drain 0.3"))
        self.is_up = True
        self.assertEqual(self.tell(child, "drain 50"), "drained")
        counts = self.counts(child)
        self.assertEqual((counts["done"], counts["refused"], counts["dropped"], counts["waiting"]), (50, 0, 0, 0))
        self.assertGreater(counts["retries"], 0)
        self.end(child)
        self.assertEqual((len(self.names()), max(self.names().values())), (50, 1))

    def test_counts_go_on(self):
        """Metrics are sums since the process's start: they grow, under one start time and one instance."""
        child = self.sender("-")
        path = self.run_profiled("-F", "1000", "--", self.program("two_to_one"), output="b.pb.gz")[1]
        (self.folder / "a.folded").unlink()
        path.rename(self.folder / "a.folded")  # it was read already: another run reads this one
        self.end(child)
        child = self.sender("-")
        self.tell(child, "take 3")
        self.assertEqual(self.tell(child, "drain 20"), "drained")
        self.end(child)
        points = [next(metric for metric in message.resource_metrics[0].scope_metrics[0].metrics
                       if metric.name == "profiling_samples_total").sum.data_points[0] for message in self.server.messages(METRICS)]
        values = [point.as_int for point in points]
        self.assertEqual(values, [values[0], 2 * values[0], 3 * values[0]])
        self.assertEqual(len({point.start_time_unix_nano for point in points}), 1)
        resources = [{one.key: one.value.string_value or one.value.int_value for one in message.resource_metrics[0].resource.attributes}
                     for message in self.server.messages(METRICS)]
        self.assertEqual(len({one["service.instance.id"] for one in resources}), 1)
        self.assertEqual((resources[0]["process.pid"], resources[0]["process.executable.name"]), (child.pid, "sends"))
        self.assertEqual(resources[0]["host.name"], os.uname().nodename)
        self.assertTrue(resources[0]["process.command"].endswith("/sends"))

    def test_metric_interval(self):
        """OTEL_METRIC_EXPORT_INTERVAL: of windows of a second every third carries metrics."""
        child = self.sender("-", OTEL_METRIC_EXPORT_INTERVAL="3000")
        self.tell(child, "take 1")
        self.tell(child, "drain 20")
        self.end(child)
        self.assertEqual(len(self.server.messages(METRICS)), 0)  # a folded profile knows nothing to count
        path = self.run_profiled("--", self.program("two_to_one"), output="b.pb.gz")[1]
        (self.folder / "a.folded").unlink()
        path.rename(self.folder / "a.folded")
        child = self.sender("-", OTEL_METRIC_EXPORT_INTERVAL="3000")
        self.tell(child, "take 7")
        self.tell(child, "drain 20")
        self.end(child)
        self.assertEqual(len(self.server.messages(METRICS)), 3)
        self.assertEqual(len(self.server.messages(PROFILES)), 8)

    def test_parent(self):
        """In a context the window's span is its child, in its trace."""
        child = self.sender("-", more=(PARENT,))
        self.tell(child, "take 1")
        self.tell(child, "drain 20")
        self.end(child)
        [message] = self.server.messages(TRACES)
        span = message.resource_spans[0].scope_spans[0].spans[0]
        self.assertEqual((span.trace_id.hex(), span.parent_span_id.hex()), (PARENT[3:35], PARENT[36:52]))
        self.assertNotEqual(span.span_id, span.parent_span_id)

    def test_killed_in_an_upload(self):
        """kill -9 while a request is on its way, five times: every window arrives, at most one twice for each kill, under its name."""
        arrived, release = threading.Semaphore(0), threading.Semaphore(0)
        kills = [5]

        def answer(handler, path, body):
            if kills[0] == 0:
                return False
            arrived.release()
            with contextlib.suppress(OSError):
                handler.accept(body)  # taken in, but the answer comes too late
            release.acquire(timeout=20)
            return True
        self.server.answer = answer
        for n in range(5):
            child = self.sender()
            if n == 0:
                self.tell(child, "take 10")
            self.assertTrue(arrived.acquire(timeout=20))
            os.kill(child.pid, 9)
            child.wait()
            kills[0] -= 1 if n < 4 else 0
            release.release()
        kills[0] = 0
        for _ in range(10):
            release.release()
        child = self.sender()
        self.assertEqual(self.tell(child, "drain 50"), "drained")
        self.end(child)
        for path in (PROFILES, TRACES):
            self.assertEqual(len(self.names(path)), 10, path)
        n_twice = sum(n - 1 for path in (PROFILES, TRACES) for n in self.names(path).values())
        self.assertLessEqual(n_twice, 5)
        print(f"sending: 5 kills in mid-upload: {n_twice} duplicates, all under the same name")

    def test_bounded(self):
        """Beyond its bytes a queue drops the oldest, and counts them."""
        self.is_up = False
        child = self.sender(n_bytes=20000)
        self.tell(child, "take 100")
        counts = self.counts(child)
        n_files = len(self.files())
        self.assertLess(sum(path.stat().st_size for path in self.files()), 20001)
        self.assertEqual(counts["dropped"] + counts["waiting"], 100)
        self.assertGreater(n_files, 5)
        self.assertAlmostEqual(n_files, counts["waiting"], delta=1)
        self.end(child)
        newest = 1795000000 + 99
        self.assertTrue(self.files()[-1].name.startswith(f"{newest * 10**9:020d}"))

    def test_full_disk(self):
        """A file that cannot be written is a window lost, said and counted; the program goes on, and nothing half-written is left."""
        self.is_up = False
        child = self.sender()
        self.tell(child, "take 2")
        self.assertEqual(self.tell(child, "limit 700"), "limit 0")
        self.assertRegex(self.tell(child, "take 3"), "failed 3 cannot keep a window of .*: File too large; it is lost")
        self.assertEqual(self.counts(child)["dropped"], 3)
        self.tell(child, "limit 1000000")
        self.assertEqual(self.tell(child, "take 1"), "failed 0 ")
        self.end(child)
        self.assertEqual(len(list(self.queue.iterdir())), 3)

    def test_tmpfs(self):
        """The same on a file system without room."""
        mount = self.folder / "small"
        mount.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", mount], capture_output=True).returncode != 0:
            self.skipTest("no tmpfs may be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", mount], capture_output=True)
        self.is_up = False
        self.queue = mount / "queue"
        child = self.sender()
        self.assertRegex(self.tell(child, "take 20"), "failed [1-9].*No space left on device; it is lost")
        counts = self.counts(child)
        self.assertEqual(counts["dropped"] + counts["waiting"], 20)
        self.is_up = True
        self.assertEqual(self.tell(child, "drain 20"), "drained")
        self.end(child)
        self.assertEqual(len(self.names()), counts["waiting"])

    def test_refused_for_good(self):
        """A refusal is counted and the window gone; the next is tried."""
        self.server.answer = lambda handler, path, body: handler.reply(400, b"no") or True
        child = self.sender()
        self.tell(child, "take 3")
        self.assertEqual(self.tell(child, "drain 20"), "drained")
        counts = self.counts(child)
        self.assertEqual((counts["refused"], counts["done"], counts["waiting"]), (3, 0, 0))
        self.assertIn("answers 400: no", self.tell(child, "counts"))
        self.end(child)

    def test_fork(self):
        """In a child of fork() a sink refuses, and the parent's goes on."""
        child = self.sender()
        self.assertEqual(self.tell(child, "fork"), "child 10")  # ECHILD
        self.tell(child, "take 1")
        self.assertEqual(self.tell(child, "drain 20"), "drained")
        self.end(child)

    def test_is_not_profiled(self):
        """The thread that sends is in no profile of the program."""
        commands = self.folder / "commands"
        commands.write_text("take 100\ndrain 40\n")
        path = self.folder / "own.pb.gz"
        with open(commands) as stdin:
            finished = self.run_command(PPROFC, "run", "-F", "2000", "-f", "-o", path, "--", self.program("sends"), "otlp", self.server.url, "-", "0",
                                        self.folder / "a.folded", stdin=stdin)
        self.assertEqual(finished.status, 0, finished.err)
        self.assertIn("drained", finished.out)
        names = {frame for stack in self.stacks(path).stacks for frame in stack.frames}
        self.assertIn("pprofc_sink_take", names)
        self.assertEqual({name for name in names if re.match("upload$|send_window|pp_http_client_post|curl_easy_perform", name)}, set())

    def test_slow_server(self):
        """While a server holds a request the program goes on, and ends when it wants to; the folder keeps what waits."""
        release = threading.Event()
        self.addCleanup(release.set)
        self.server.answer = lambda handler, path, body: release.wait(60)
        for protocol in ("pyroscope", "otlp"):
            child = self.sender(self.queue / protocol, protocol=protocol)
            began_s = time.monotonic()
            self.assertEqual(self.tell(child, "take 20"), "failed 0 ")
            self.assertIn("20 windows could not be sent", self.tell(child, "drain 0.2"))
            self.end(child)
            self.assertLess(time.monotonic() - began_s, 8)
            self.assertEqual(len(list((self.queue / protocol).glob("*.pb.gz"))), 20)

    def test_exit_while_it_sends(self):
        """A program that calls exit() while a request is on its way ends with its own status."""
        arrived, release = threading.Semaphore(0), threading.Event()
        self.addCleanup(release.set)
        self.server.answer = lambda handler, path, body: arrived.release() or release.wait(60)
        child = self.sender()
        self.tell(child, "take 5")
        self.assertTrue(arrived.acquire(timeout=20))
        child.stdin.write(b"leave\n")
        child.stdin.flush()
        self.assertEqual(self.finish(child).status, 3)
        self.assertEqual(len(self.files()), 5)

    def test_memory_is_flat(self):
        """A thousand windows more leave the sender's memory as it was, within 2 MB."""
        def resident_bytes():
            return int(re.search(r"^Anonymous:\s+(\d+) kB", open(f"/proc/{child.pid}/smaps_rollup").read(), re.M).group(1)) * 1024
        self.server.answer = lambda handler, path, body: handler.reply(200) or True  # nothing of it is kept here
        child = self.sender("-")
        self.tell(child, "take 300")
        self.assertEqual(self.tell(child, "drain 50"), "drained")
        before = resident_bytes()
        for _ in range(10):
            self.tell(child, "take 100")
            self.assertEqual(self.tell(child, "drain 50"), "drained")
        grown = resident_bytes() - before
        self.end(child)
        print(f"sending: 1000 windows more: {grown / 1e6:+.2f} MB")
        self.assertLess(grown, 2e6)

    def test_two_senders(self):
        """Two processes over one folder send each window once."""
        self.is_up = False
        first = self.sender()
        self.tell(first, "take 20")
        second = self.sender()
        self.is_up = True
        answers = [self.tell(child, "drain 30") for child in (second, first)]
        self.assertEqual(answers, ["drained", "drained"])
        self.end(first)
        self.end(second)
        self.assertEqual((len(self.names()), max(self.names().values())), (20, 1))

    def test_foreign_files(self):
        """What else lies in the folder is left alone; a window that is damaged is counted as refused and goes."""
        self.queue.mkdir()
        (self.queue / "notes.txt").write_text("mine")
        name = f"{1795000000 * 10**9:020d}-{'ab' * 16}-cpu.0.pb.gz"
        (self.queue / name).write_bytes(b"\x1f\x8b\x08\x04garbage")
        child = self.sender()
        self.assertEqual(self.tell(child, "drain 20"), "drained")
        self.assertEqual(self.counts(child)["refused"], 1)
        self.end(child)
        self.assertEqual([path.name for path in self.queue.iterdir()], ["notes.txt"])


if __name__ == "__main__":
    unittest.main()
