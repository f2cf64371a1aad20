"""Profiles of waits, locks and wall time: reports, files, serving and sending, of a recording made by hand whose true profile is known
(tests/unit/recording/write_waits.c) and of programs that wait."""
import base64
import gzip
import json
import re
import subprocess
import time
import unittest

import otlp_peer
from harness import BUILD, PPROFC, EndToEnd, clean_environment
from serving import Served

MAKER = BUILD / "tests" / "unit" / "recording" / "write_waits"
S = 1_000_000_000
KINDS = ("read", "lock", "condition", "run queue")


def make_recording(folder):
    path = folder / "made.ppc"
    subprocess.run([MAKER, path], check=True, timeout=60)
    return path


class Made(EndToEnd):
    """Three threads for 10 s: main uses 4 s of CPU, reads for 3, waits for a lock for 2 and for a CPU for 1; worker-1 and worker-2 use
    0.5 s and wait for a condition, in one stack."""

    def setUp(self):
        super().setUp()
        self.path = make_recording(self.folder)

    def report(self, *args, status=0):
        done = self.pprofc("report", *args, self.path)
        self.assertEqual(done.status, status, done.err)
        return done

    def rows(self, *args):
        """{name: flat} of the top."""
        shown = json.loads(self.report("--json", "--top", "100", *args).out)
        by = shown["by"]
        return {row[by]: row["flat"] for row in shown["top"] if row["flat"]}

    def test_each_kind_by_its_types(self):
        """--sample picks the profile; without it cpu comes, and one line says what else there is."""
        self.assertEqual(self.rows("--sample", "cpu"), {"prog+0x100": 5 * S})
        self.assertEqual(self.rows("--sample", "wait"), {"prog+0x300": 19 * S, "prog+0x200": 3 * S, "prog+0x400": 2 * S, "[run queue]": S})
        self.assertEqual(self.rows("--sample", "delay"), {"prog+0x400": 2 * S})
        self.assertEqual(self.rows("--sample", "holder_delay"), {"prog+0x100": 2 * S})
        self.assertEqual(sum(self.rows("--sample", "wall").values()), 30 * S)
        self.assertEqual(self.rows("--sample", "waits")["prog+0x300"], 20)
        done = self.report()
        self.assertIn("Total    5.00 s of cpu", done.out)
        self.assertIn("this is the cpu profile of", done.err)
        self.assertIn("offcpu too: --sample wait, lock too: --sample delay, wall too: --sample wall", done.err)
        self.assertEqual(self.report("--sample", "wait").err, "")
        self.assertIn("no sample type is called 'weight'", self.report("--sample", "weight", status=2).err)

    def test_who_waits_and_for_what(self):
        """Tables by thread, by pool and by label; filters and frames by label."""
        self.assertEqual(self.rows("--sample", "wait", "--by", "thread"),
                         {"worker-1 (43)": 9.5 * S, "worker-2 (44)": 9.5 * S, "main (42)": 6 * S})
        self.assertEqual(self.rows("--sample", "wait", "--by", "pool"), {"worker-*": 19 * S, "main": 6 * S})
        self.assertEqual(self.rows("--sample", "wait", "--by", "label:wait_kind"),
                         {"condition": 19 * S, "read": 3 * S, "lock": 2 * S, "run queue": S})
        self.assertEqual(self.rows("--sample", "wait", "--by", "label:descriptor")["pipe"], 3 * S)
        self.assertEqual(self.rows("--sample", "delay", "--by", "label:lock"), {"0x7f0012345678": 2 * S})
        self.assertEqual(self.rows("--sample", "wall", "--by", "label:wait_kind")["running"], 5 * S)
        self.assertEqual(self.rows("--sample", "wait", "--tagfocus", "wait_kind=read"), {"prog+0x200": 3 * S})
        self.assertEqual(self.rows("--sample", "wait", "--tagignore", "wait_kind=condition|run queue"),
                         {"prog+0x200": 3 * S, "prog+0x400": 2 * S})
        shown = json.loads(self.report("--json", "--sample", "wait", "--tagroot", "wait_kind").out)
        self.assertEqual({row["function"]: row["cum"] for row in shown["top"] if row["function"] in KINDS},
                         {"condition": 19 * S, "read": 3 * S, "lock": 2 * S, "run queue": S})

    def test_idle(self):
        """Workers that wait for work are left out, and how much that is stands in the head; not of a difference."""
        for sample, left in (("wait", 6 * S), ("wall", 11 * S)):
            self.assertEqual(sum(self.rows("--sample", sample, "--ignore-idle").values()), left)
        shown = self.report("--sample", "wall", "--ignore-idle").out
        self.assertIn("Filter   ignore-idle (19.00 s in 1 stack of 2 threads)", shown)
        self.assertIn("Shown    11.00 s (36.7 %)", shown)
        self.assertIn("leaves nothing out", self.report("--sample", "cpu", "--ignore-idle").err)
        self.assertIn("not for a difference", self.report("--sample", "wait", "--ignore-idle", "--base", self.path, status=2).err)

    def test_the_head_and_json(self):
        """The exact totals of all threads and of each."""
        shown = self.report("--sample", "wait").out
        self.assertIn("Threads  3 for 30.00 s in all: 16.7 % on CPU, 80.0 % blocked, 3.3 % in run queues, 0.0 % unattributed", shown)
        self.assertIn("main (42) 10.00 s: 40.0 % on CPU, 50.0 % blocked, 10.0 % in run queues", shown)
        self.assertIn("Quality  40 waits = 25.00 s of 25.00 s off CPU (100.0 %), 1.00 s in run queues, 0 lost", shown)
        self.assertIn("Quality  10 contentions of exactly 10 = 2.00 s, 0 lost", self.report("--sample", "delay").out)
        self.assertIn("Quality  30 cpu samples = 5.00 s of 5.00 s CPU (100.0 %), 60 waits = 25.00 s of 25.00 s off CPU", self.report("--sample", "wall").out)
        self.assertEqual(self.pprofc("convert", "--sample", "wait", self.path, "out.json").status, 0)
        waits = json.loads((self.folder / "out.json").read_text())["waits"]
        self.assertEqual((waits["wall_ns"], waits["blocked_ns"], waits["run_queue_ns"], waits["n_contentions"]), (30 * S, 24 * S, S, 10))
        self.assertEqual({one["name"]: one["cpu_ns"] for one in waits["threads"]}, {"main": 4 * S, "worker-1": S // 2, "worker-2": S // 2})

    def test_files(self):
        """Converted, the profile keeps its types, labels and totals; its picture has its kind's colours."""
        for sample, kind in (("wait", "offcpu"), ("delay", "lock"), ("wall", "wall")):
            self.assertEqual(self.pprofc("convert", "-f", "--sample", sample, self.path, "out.pb.gz").status, 0)
            self.assertEqual(self.pprofc("convert", "-f", "--sample", sample, self.path, "out.svg").status, 0)
            self.assertIn(f'"kind":"{kind}"', (self.folder / "out.svg").read_text().replace('": "', '":"'))
            content = gzip.decompress((self.folder / "out.pb.gz").read_bytes())
            self.assertIn(f"pprofc: kind={kind}".encode(), content)
            self.assertIn(b"pprofc: waits=id=0 threads=3 wall_ns=30000000000 cpu_ns=5000000000 ", content)
            again = self.pprofc("report", "out.pb.gz").out
            self.assertIn("Threads  3 for 30.00 s in all", again)
        profile = self.read_profile(self.folder / "out.pb.gz")
        self.assertEqual(profile.sample_types, [("samples", "count"), ("wall", "nanoseconds")])

    def test_difference(self):
        """Two recordings are compared in the kind that is asked for."""
        done = self.pprofc("diff", "--sample", "wait", self.path, "--", self.path)
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("prog+0x300", done.out)

    def test_otlp(self):
        """Types as OpenTelemetry has them: off_cpu; the labels are attributes of samples."""
        self.assertEqual(self.pprofc("convert", "--sample", "wait", self.path, "out.otlp").status, 0)
        again = json.loads(self.pprofc("report", "--json", "--by", "label:wait_kind", "out.otlp").out)
        self.assertEqual({row["label"]: row["flat"] for row in again["top"] if row["flat"]}["condition"], 19 * S)


class ServedRecording(EndToEnd):
    """The same recording over HTTP."""

    def setUp(self):
        super().setUp()
        self.path = make_recording(self.folder)
        self.server = self.start(PPROFC, "serve", "--listen", "127.0.0.1:0", self.path, env=clean_environment())
        Served.wait_for(self, lambda: " at " in self.text(self.server, 1) or self.server.poll() is not None)
        self.port = int(re.search(r"at http://127\.0\.0\.1:(\d+)/", self.text(self.server, 1)).group(1))

    ask = Served.ask

    def get(self, path, status=200):
        got, _, body = self.ask(path)
        self.assertEqual(got, status, body[:500])
        return body

    def sums(self, path):
        """{type: sum} of a pprof file."""
        (self.folder / "got.pb.gz").write_bytes(self.get(path))
        profile = self.read_profile(self.folder / "got.pb.gz")
        return {name: sum(sample.values[i] for sample in profile.samples) for i, (name, _) in enumerate(profile.sample_types)}

    def test_profiles(self):
        """Each path has its types and its sums."""
        for path, sums in (("offcpu", {"waits": 50, "wait": 25 * S}),
                           ("lock", {"contentions": 10, "delay": 2 * S, "holder_contentions": 10, "holder_delay": 2 * S}),
                           ("wall", {"samples": 80, "wall": 30 * S}), ("block", {"contentions": 30, "delay": 21 * S}),
                           ("mutex", {"contentions": 10, "delay": 2 * S}), ("delta_mutex", {"contentions": 10, "delay": 2 * S}),
                           ("delta_block", {"contentions": 30, "delay": 21 * S})):
            with self.subTest(path):
                self.assertEqual(self.sums(f"/debug/pprof/{path}"), sums)
        for path in ("top?kind=offcpu", "tree?kind=offcpu", "offcpu?debug=1", "flamegraph?kind=offcpu&format=text"):
            self.assertIn(b"prog+0x300", self.get(f"/debug/pprof/{path}"), path)
        self.assertIn(b'"kind":"wall"', self.get("/debug/pprof/flamegraph?kind=wall").replace(b'": "', b'":"'))
        self.get("/debug/pprof/top?kind=sleep", status=400)

    def test_contention(self):
        """What gperftools' own pprof asks for."""
        text = self.get("/pprof/contention").decode()
        self.assertTrue(text.startswith("--- contention:\ncycles/second = 1000000000\nsampling period = 1\n"), text[:200])
        self.assertEqual(re.findall(r"^(\d+ \d+) @ 0x10400 0x10001$", text, re.M), ["200000000 1"] * 10)
        self.assertRegex(text, r"\nMAPPED_LIBRARIES:\n00010000-00020000 r-xp 00000000 00:00 0 /gone/prog\n")

    def test_metrics_and_index(self):
        """Counters of threads' time, waits and locks; rows of the index that say nothing of a lack."""
        text = self.get("/metrics").decode()
        for name, value in (("thread_seconds_total{[^}]*state=\"blocked\"}", "24.000000"), ("thread_seconds_total{[^}]*state=\"run_queue\"}", "1.000000"),
                            ("offcpu_waits_total{[^}]*}", "60"), ("offcpu_wait_seconds_total{[^}]*}", "24.000000"),
                            ("lock_contentions_total{[^}]*}", "10"), ("lock_wait_seconds_total{[^}]*}", "2.000000")):
            self.assertRegex(text, rf"\nprofiling_{name} {re.escape(value)}\n")
        page = self.get("/debug/pprof/").decode()
        for link in ("offcpu", "wall", "lock", "block", "mutex", "fgprof"):
            self.assertIn(f'/debug/pprof/{link}', page)
        self.assertNotIn("-k offcpu", page)


class Waiting(EndToEnd):
    """wait_truth: sleeper() 300 ms, reader() 400, locker() 500 on a second thread, waiter() 200."""

    def profile_of(self, path, sample):
        shown = json.loads(self.pprofc("report", "--json", "--sample", sample, "--top", "200", path).out)
        return {row["function"]: row["cum"] for row in shown["top"]}

    def test_files_of_each_kind(self):
        """-k offcpu,lock leaves two profiles, with the kind in their names and in the last lines, which say what threads did."""
        finished = self.run_command(PPROFC, "run", "-k", "offcpu,lock", "--", self.program("wait_truth"), env=clean_environment())
        self.assertEqual(finished.status, 0, finished.err)
        [pid] = re.findall(r"wrote wait_truth\.(\d+)\.lock\.pb\.gz", finished.err)[-1:]  # its child, which sleeps, has files too
        names = sorted(path.name.replace(pid, "PID") for path in self.folder.glob(f"wait_truth.{pid}.*"))
        self.assertEqual(names, [f"wait_truth.PID.{kind}.{end}" for kind in ("lock", "offcpu") for end in ("pb.gz", "svg")])
        self.assertRegex(finished.err, r"wait_truth exited 0 after [^;]+; [\d ]+ waits = [^;]+ off CPU \(\d+\.\d %\)")
        self.assertRegex(finished.err, r"by what threads did: .*sleep \d+\.\d %")
        self.assertRegex(finished.err, r"lock: \d+ contentions? of exactly \d+ = ")
        self.assertRegex(finished.err, r"waited for the lock mutex \d+\.\d %")
        path = self.folder / f"wait_truth.{pid}.offcpu.pb.gz"
        waits = self.profile_of(path, "wait")
        truth = dict(re.findall(r"^(\w+) (\d+)$", finished.out, re.M))
        for name in ("sleeper", "reader", "locker", "waiter"):
            truth_ns = int(truth[name])
            # A wait ends when the thread could run again, the program's time when it does.
            queued_ns = min(waits.get("[run queue]", 0), truth_ns / 2)
            self.assertGreaterEqual(waits.get(name, 0) + queued_ns, 0.95 * truth_ns, f"{name} in {waits}")
            self.assertLessEqual(waits.get(name, 0), 1.01 * truth_ns, name)
        shown = json.loads(self.pprofc("report", "--json", "--by", "label:wait_kind", path).out)
        self.assertLessEqual({"sleep", "read", "lock", "condition"}, {row["label"] for row in shown["top"]})

    def test_wall_is_one_profile(self):
        """-k wall records cpu and offcpu and leaves one profile of both; a raw recording holds the two."""
        finished = self.run_command(PPROFC, "run", "-k", "wall", "-o", "all.pb.gz", "--", "sleep", "0.3", env=clean_environment())
        self.assertEqual(finished.status, 0, finished.err)
        self.assertEqual(self.read_profile(self.folder / "all.pb.gz").sample_types, [("samples", "count"), ("wall", "nanoseconds")])
        self.run_command(PPROFC, "run", "-k", "wall", "-o", "all.ppc", "--", "sleep", "0.3", env=clean_environment())
        for sample, name in (("cpu", "cpu"), ("wait", "wait"), ("wall", "wall")):
            self.assertIn(f" of {name}", self.pprofc("report", "--sample", sample, "all.ppc").out)

    def test_idle_threads_are_left_out(self):
        """--ignore-idle: the pool's waits for work are in no file, and how much that was is said, here and in the file."""
        finished = self.run_command(PPROFC, "run", "-k", "offcpu,lock", "--ignore-idle", "--", self.program("wait_pool"), "3", env=clean_environment())
        [(value, n_threads)] = re.findall(r"offcpu: left out (\d+\.\d\d) s in \d+ stacks? of (\d) idle threads", finished.err)
        self.assertGreater(float(value), 3)  # of four threads that do next to nothing for three seconds
        self.assertGreaterEqual(int(n_threads), 4)
        self.assertNotIn("lock: left out", finished.err)
        [path] = self.folder.glob("wait_pool.*.offcpu.pb.gz")
        self.assertIn(f"left out (--ignore-idle): {value} s in", self.pprofc("report", "--comments", path).out)

    def test_a_program_that_slept_is_told(self):
        """Who was asked for its CPU time and slept is told how to see where."""
        finished = self.run_command(PPROFC, "run", "-o", "slept.pb.gz", "--", "sleep", "1.2", env=clean_environment())
        self.assertRegex(finished.err, r"sleep slept \d+\.\d % of the time\. Where it waited: pprofc run -k offcpu -- sleep\n")
        finished = self.run_command(PPROFC, "run", "-k", "cpu,offcpu", "--", "sleep", "1.2", env=clean_environment())
        self.assertNotIn("Where it waited", finished.err)

    def test_options_that_do_not_go_together(self):
        """One profile on standard output; --ignore-idle where waits are profiled."""
        for words, said in ((("-k", "cpu,offcpu", "-o", "-"), "two kinds were asked for"), (("-k", "all", "-o", "-"), "several kinds were asked for"),
                            (("--ignore-idle",), "--ignore-idle needs -k offcpu or -k wall")):
            done = self.pprofc("run", *words, "--", self.program("wait_truth"))
            self.assertNotEqual(done.status, 0)
            self.assertIn(said, done.err)


class Windows(EndToEnd):
    """wait_pool for as long as a test takes, all kinds, served by the run itself."""

    def setUp(self):
        super().setUp()
        self.run_ = self.start(PPROFC, "run", "-k", "all", "--http", "127.0.0.1:0", "--", self.program("wait_pool"), "300",
                               env=clean_environment())
        Served.wait_for(self, lambda: " at " in self.text(self.run_, 1) or self.run_.poll() is not None)
        self.port = int(re.search(r"at http://127\.0\.0\.1:(\d+)/", self.text(self.run_, 1)).group(1))
        Served.wait_for(self, lambda: self.ask("/debug/pprof/offcpu")[0] == 200)

    ask = Served.ask

    def profile(self, path):
        """The profile, how long it says it lasts, and the exact wall and CPU time of all threads in it."""
        status, _, body = self.ask(path)
        self.assertEqual(status, 200, body[:300])
        (self.folder / "got.pb.gz").write_bytes(body)
        exact = re.search(rb"pprofc: waits=id=0 threads=\d+ wall_ns=(\d+) cpu_ns=(\d+) ", gzip.decompress(body))
        return self.read_profile(self.folder / "got.pb.gz"), *(int(one) for one in exact.groups())

    @staticmethod
    def run_queue_ns(profile):
        """Of all threads in it, exact."""
        [comment] = [text for text in profile.comments if text.startswith("pprofc: waits=id=0 ")]
        return int(re.search(r" run_queue_ns=(\d+)", comment).group(1))

    @staticmethod
    def total(profile, name):
        index = [one for one, _ in profile.sample_types].index(name)
        return sum(sample.values[index] for sample in profile.samples)

    def test_time_off_cpu(self):
        """What is in a window is the wall time of the five threads less their CPU: each window by itself, and all so far."""
        for _ in range(2):
            asked_ns = time.time_ns()
            profile, wall_ns, cpu_ns = self.profile("/debug/pprof/offcpu?seconds=2")
            answered_ns = time.time_ns()
            # It ends 2 s after the question or later, begins when it says or a moment before, and lies before the answer.
            self.assertGreater(wall_ns / 5, asked_ns + 2 * 0.99 * S - profile.time_ns)
            self.assertLess(wall_ns / 5, (answered_ns - asked_ns) * 1.01)
            self.assertAlmostEqual(self.total(profile, "wait") / (wall_ns - cpu_ns), 1, delta=0.02)
        profile, wall_ns, _ = self.profile("/debug/fgprof?seconds=2")
        self.assertEqual(profile.sample_types, [("samples", "count"), ("time", "nanoseconds")])
        self.assertAlmostEqual(self.total(profile, "time") / wall_ns, 1, delta=0.02)

    def test_locks_and_conditions(self):
        """In a window: who waited for the guard and who held it are the same time; block has conditions, too."""
        profile, _, _ = self.profile("/debug/pprof/lock?seconds=2")
        delay, held = self.total(profile, "delay"), self.total(profile, "holder_delay")
        self.assertGreater(delay, 0.1 * S)  # three of four wait 1 to 3 ms, twenty times a second
        self.assertLessEqual(held, 1.1 * delay)
        self.assertGreaterEqual(held + min(self.run_queue_ns(profile), delay / 2), 0.9 * delay)  # who was let go waits for a CPU
        shown = json.loads(self.pprofc("report", "--json", "--by", "label:lock", "got.pb.gz").out)
        self.assertEqual(shown["top"][0]["label"], "guard")
        self.assertIn("work", self.pprofc("report", "got.pb.gz").out)
        mutex, _, _ = self.profile("/debug/pprof/mutex?seconds=2")
        self.assertEqual(mutex.sample_types, [("contentions", "count"), ("delay", "nanoseconds")])
        self.assertGreater(self.total(mutex, "delay"), 0.1 * S)
        block, _, _ = self.profile("/debug/pprof/block?seconds=2")
        self.assertGreater(self.total(block, "delay"), self.total(mutex, "delay"))
        self.assertIn("take", self.pprofc("report", "got.pb.gz").out)

    def test_idle(self):
        """The pool's waits for work are idle, those for its lock are not."""
        self.profile("/debug/pprof/offcpu?seconds=3")
        kinds = [{row["label"]: row["flat"] for row in json.loads(self.pprofc("report", "--json", "--by", "label:wait_kind", *more, "got.pb.gz").out)["top"]}
                 for more in ((), ("--ignore-idle",))]
        self.assertLess(kinds[1].get("condition", 0), 0.05 * kinds[0]["condition"])  # a first wait may have another stack
        self.assertEqual(kinds[1]["lock"], kinds[0]["lock"])


@unittest.skipIf(otlp_peer.WHY_NOT, otlp_peer.WHY_NOT)
class Sent(EndToEnd):
    """Off-CPU profiles go to Pyroscope under their own name; those of wall time and locks by /ingest, which makes the names."""

    def test_names(self):
        path = make_recording(self.folder)
        seen = []

        def take(handler, where, body):
            seen.append((where, body, handler.headers.get("Content-Type", "")))
            handler.reply(200, b"{}")
            return True

        server = otlp_peer.Server(take)
        self.addCleanup(server.close)
        for sample in ("wait", "wall", "delay"):
            self.assertEqual(self.pprofc("convert", "--sample", sample, path, f"{sample}.pb.gz").status, 0)
            done = self.pprofc("push", "--to", f"pyroscope+{server.url}", "--service", 'sh"op\\', f"{sample}.pb.gz", env=clean_environment())
            self.assertEqual(done.status, 0, done.err)
        (where, body, kind), *others = seen
        self.assertEqual((where, kind), ("/push.v1.PusherService/Push", "application/json"))
        [series] = json.loads(body)["series"]
        labels = {label["name"]: label["value"] for label in series["labels"]}
        self.assertEqual((labels["__name__"], labels["service_name"]), ("offcpu", "sh_op\\"))
        [sample] = series["samples"]
        self.assertRegex(sample["ID"], r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
        (self.folder / "got.pb").write_bytes(gzip.decompress(base64.b64decode(sample["rawProfile"])))
        self.assertEqual(self.read_profile(self.folder / "got.pb").sample_types, [("waits", "count"), ("wait", "nanoseconds")])
        for where, body, _ in others:
            self.assertTrue(where.startswith("/ingest?"), where)
        self.assertIn(b'"display-name":"mutex_duration"', others[1][1])


if __name__ == "__main__":
    unittest.main()
