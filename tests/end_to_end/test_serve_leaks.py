"""/debug/pprof/leak: suspects of a look that pauses the program, beside a program whose truth is known, in one, and of what is left."""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import BUILD, PPROFC, ROOT, EndToEnd, clean_environment, not_sanitized
from serving import SPIN_S, Served
from test_leaks import HELD, HIDDEN, LOST, Leaks

PRELOAD = BUILD / "libpprofc-preload-heap.so"
TYPES = ["suspect_objects", "suspect_space", "inuse_objects", "inuse_space"]
PAUSE = re.compile(r"Paused (twice, )?for ([\d.]+) (us|ms|s) \(([\d.]+) (us|ms|s) predicted\)")
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class ServedLeaks(Served):
    """leak_truth with every allocation followed, and a server beside it."""
    N = 20000

    def begin(self):
        environment = clean_environment(LD_PRELOAD=PRELOAD, PPROFC="cpu,heap", PPROFC_HEAP_INTERVAL=1, PPROFC_OUTPUT=self.folder / "left.ppc")
        self.target = self.start(self.program("leak_truth"), self.N, stdin=subprocess.PIPE, env=environment)
        self.addCleanup(self.target.stdin.close)
        self.wait_for(lambda: "ready" in self.text(self.target, 0).split())
        self.serve_target()

    def get(self, query=""):
        status, headers, body = self.ask("/debug/pprof/leak" + query)
        self.assertEqual(status, 200, body[:300])
        return headers, body.decode(errors="replace")

    def pause_of(self, text):
        """(seconds, predicted seconds) of the pause that is told."""
        found = PAUSE.search(text)
        self.assertTrue(found, text)
        return tuple(float(found.group(i)) * UNITS[found.group(i + 1)] for i in (2, 4))

    def stop_copy(self):
        """Stop the copy of the program that a look reads; its number, None when there is none (any more)."""
        with contextlib.suppress(OSError):
            for copy in Leaks.copies_of(self.target.pid):
                os.kill(copy, signal.SIGSTOP)
                while (state := Path(f"/proc/{copy}/stat").read_text().rpartition(") ")[2][0]) not in "TZX":
                    time.sleep(0.001)
                if state == "T":
                    return copy
        return None

    @contextlib.contextmanager
    def stopped_copy(self, begin):
        """While a look goes on and on: 'begin' begins one, again where its copy was missed."""
        deadline_s, copy = time.monotonic() + 40, None
        while copy is None:
            look = begin()
            while copy is None and look.is_alive():
                self.assertLess(time.monotonic(), deadline_s, "no copy is seen")
                copy = self.stop_copy()
            if copy is None:
                time.sleep(0.1)  # a next look may not come at once
        try:
            yield look
        finally:
            with contextlib.suppress(OSError):
                os.kill(copy, signal.SIGCONT)
            look.join(60)

    @staticmethod
    def thread(work):
        started = threading.Thread(target=work)
        started.start()
        return started


@not_sanitized("the runtime's malloc holds what was freed, and has its own leak check")
class Beside(ServedLeaks):
    IS_SHARED = True

    def test_profile(self):
        """By function the suspects are what was planted, to 0.1 %; what is held is none.  The pause, as predicted and as it was,
        and what may be wrong with suspects are in the file, the pause in a header too."""
        path = self.folder / "leak.pb.gz"
        status, headers, body = self.ask("/debug/pprof/leak?look=1&force=1")
        self.assertEqual(status, 200, body[:300])
        path.write_bytes(body)
        profile = self.read_profile(path)
        self.assertEqual([one for one, _ in profile.sample_types], TYPES)
        found = {kind: [0, 0] for kind in LOST + HELD + HIDDEN}
        for sample in profile.samples:
            for kind in {frame.function for frame in sample.frames} & set(found):
                found[kind] = [a + b for a, b in zip(found[kind], sample.values[:2])]
        planted = Leaks.truth(self.text(self.target, 0))
        for kind in LOST + HIDDEN:
            self.assertGreaterEqual(found[kind][1], 0.999 * planted[kind][1], kind)
            self.assertLessEqual(found[kind][1], planted[kind][1], kind)
        for kind in HELD:
            self.assertEqual(found[kind], [0, 0], kind)
        comments = "\n".join(profile.comments)
        for words in ("suspected wrongly: objects held by pointers that are masked", "not suspected: "):
            self.assertIn(words, comments)
        pause_s, predicted_s = self.pause_of(comments)
        self.assertEqual(self.pause_of(headers["Pprofc-Pause"]), (pause_s, predicted_s))
        self.assertGreater(pause_s, 0)
        self.assertGreater(predicted_s, 0.0003)

    def test_text(self):
        """debug=1 is the table of pprofc leaks: what grows, suspects by stack, how they were found, known limits."""
        headers, text = self.get("?debug=1&top=3")
        self.assertTrue(headers["Content-Type"].startswith("text/plain"))
        for words in (f"leak_truth (process {self.target.pid}): ", "\nGrowth: ", "\nSuspects: ", "is held", "suspected wrongly: ",
                      "not suspected: ", " judged", "leak_truth.c:", "more (--top)"):
            self.assertIn(words, text)
        self.assertEqual(self.pause_of(text), self.pause_of(headers["Pprofc-Pause"]))
        self.assertEqual(self.ask("/debug/pprof/leak?debug=1&top=0")[0], 400)

    def test_formats(self):
        """As of other kinds: a picture, folded stacks, JSON, of suspects or of what is in use."""
        for query, content_type, words in (
                ("leak?format=svg", "image/svg+xml", "suspect_space"), ("flamegraph?kind=leak", "image/svg+xml", "<title>lost_plain ("),
                ("flamegraph?kind=leak&sample=inuse_space&look=0", "image/svg+xml", "<title>held_chain ("),
                ("leak?format=folded", "text/plain", ";lost_plain;make "), ("leak?format=json", "application/json", '"suspect_space"')):
            with self.subTest(query):
                status, headers, body = self.ask("/debug/pprof/" + query)
                self.assertEqual(status, 200, body[:300])
                self.assertTrue(headers["Content-Type"].startswith(content_type))
                self.assertIn(words, body.decode())
        self.assertEqual(self.ask("/debug/pprof/leak?format=tiff")[0], 400)
        self.assertEqual(self.ask("/debug/pprof/leak?sample=cpu")[0], 400)
        self.assertIn("memory that nothing leads to", self.ask("/debug/pprof/")[2].decode())

    @unittest.skipUnless(shutil.which("curl"), "no curl")
    def test_page(self):
        """The requests that docs/memory.md shows."""
        page = (ROOT / "docs/memory.md").read_text()
        block = next(text for text in re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S) if "pprof/leak" in text)
        said = self.run_command("bash", "-e", "-c", re.sub(r"(seconds|after)=5", r"\1=0.1", block),
                                env=clean_environment(URL=f"http://127.0.0.1:{self.port}"))
        self.assertEqual(said.status, 0, said.err)
        for words in ("\nSuspects: ", " of inuse_space", "/s of alloc_space, in 0.1"):
            self.assertIn(words, said.out)
        self.assertEqual([one for one, _ in self.read_profile(self.folder / "leak.pb.gz").sample_types], TYPES)

    def test_limit(self):
        """A pause that would be longer than allowed is refused in one sentence, and is made with force=1."""
        deadline_s, status = time.monotonic() + 40, 200
        while status == 200:  # until the last look has stood for a hundred times its pause
            self.assertLess(time.monotonic(), deadline_s)
            status, headers, body = self.ask("/debug/pprof/leak?max_pause=0.001")
            time.sleep(0.05)
        self.assertEqual((status, headers["X-Go-Pprof"]), (409, "1"), body[:300])
        self.assertRegex(body.decode(), r"\ACould not look for leaks: process \d+ would be paused for about [\d.]+ ms; allow that by force=1\n\Z")
        self.get("?max_pause=0.001&force=1")
        self.assertEqual(self.ask("/debug/pprof/leak?max_pause=x")[0], 400)

    def test_at_most_a_hundredth(self):
        """However many ask, the program is paused for a hundredth of the time: who comes earlier gets the last look's."""
        begun_s, pauses = time.monotonic(), []
        with ThreadPoolExecutor(4) as pool:
            for headers, _ in pool.map(self.get, ["?format=folded"] * 60):
                pauses.append(headers["Pprofc-Pause"])
        elapsed_s = time.monotonic() - begun_s
        looks = [self.pause_of(one)[0] for one in dict.fromkeys(pauses)]
        print(f"{len(looks)} looks paused for {sum(looks) * 1000:.1f} ms in {elapsed_s:.1f} s")
        self.assertLess(sum(sorted(looks)[:-2]) * 99, elapsed_s)  # less the first, and the last's own time
        self.assertLess(len(looks), 60)

    def test_others_meanwhile(self):
        """While a look goes on, which takes as long as reading the memory does, everything else is answered."""
        command = []

        def begin():
            command.append(self.start(PPROFC, "leaks", "--json", self.target.pid))
            return self.thread(command[-1].wait)

        with self.stopped_copy(begin) as look:
            for path in ("/debug/pprof/profile?seconds=0.2", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=1", "/metrics"):
                status, _, body = self.ask(path)
                self.assertEqual(status, 200, body[:300])
            self.assertTrue(look.is_alive())
        finished = self.finish(command[-1])
        self.assertEqual(finished.status, 0, finished.err)
        self.assertGreater(json.loads(finished.out)["scan"]["suspect_bytes"], 0)


@not_sanitized("the runtime's malloc holds what was freed, and has its own leak check")
class Ends(ServedLeaks):
    def test_end_of_the_server(self):
        """The server ends at once while it waits for a look; the program goes on, and the next server has the answer."""
        answers = []

        def begin():
            return self.thread(lambda: answers.append(self.ask("/debug/pprof/leak")[::2]))

        with self.stopped_copy(begin):
            self.server.terminate()
            self.assertEqual(self.finish(self.server).status, 0)
        self.assertEqual(answers[-1], (503, b"Could not look for leaks: the server was stopped while leaks were looked for\n"))
        self.serve_target()
        self.assertIn("Suspects: ", self.get("?debug=1")[1])
        self.target.stdin.close()
        self.assertEqual(self.finish(self.target).status, 0)
        # It has ended: its recording holds the last look, and what was still in use.
        self.assertIn("Suspects: ", self.get("?debug=1")[1])


class Left(Served):
    """A recording of a process that has ended without a look."""

    def begin(self):
        _, path = self.run_profiled("-k", "heap", "--heap-interval", "1", "--", self.program("heap_sites"), output="x.ppc")
        self.server = self.start(PPROFC, "serve", "--listen", self.address(), path)
        self.port = self.await_port()

    def test_what_there_is(self):
        """Still in use by stack, first; that nobody looked is said."""
        path = self.profile("/debug/pprof/leak")
        profile = self.read_profile(path)
        self.assertEqual([one for one, _ in profile.sample_types], TYPES)
        self.assertIn("nobody looked for what nothing leads to: this is what is in use", profile.comments)
        found = json.loads(self.ask("/debug/pprof/leak?format=json")[2])
        self.assertEqual(found["default_type"], "inuse_space")
        in_use = {row["name"]: row["flat"] for row in self.default_type(found)["functions"]}
        self.assertEqual(in_use["few_large"], 20 << 20)
        self.assertIn("Nothing was looked for that no pointer leads to", self.ask("/debug/pprof/leak?debug=1")[2].decode())


class InProgram(Served):
    """A program that serves itself looks at itself."""

    def begin(self):
        self.server = self.start(self.program("serves_itself"), SPIN_S, "127.0.0.1:0", stdin=subprocess.PIPE,
                                 env=clean_environment(PPROFC_COMMAND=PPROFC, PPROFC="cpu,heap", PPROFC_HEAP_INTERVAL=1))
        self.addCleanup(self.server.stdin.close)
        self.port = self.await_port()

    @not_sanitized("the runtime's malloc comes first")
    def test_leak(self):
        """The same answer, with its pause told and with lines, which the child reads."""
        self.server.stdin.write(b"lose\n")
        self.server.stdin.flush()

        def has_found():
            status, headers, body = self.ask("/debug/pprof/leak?debug=1&top=100")
            self.assertEqual(status, 200, body[:300])
            self.assertRegex(headers["Pprofc-Pause"], PAUSE)
            self.assertIn("serves_itself (process ", body.decode())
            return re.search(r"(?m)^  9[\d.]+ KiB in (100|9\d) objects, .*\n +lose_some  serves_itself\.c:\d+\n +obey  serves_itself\.c:\d+$",
                             body.decode())

        self.wait_for(has_found)  # what is younger than a moment is not judged
        profile = self.read_profile(self.profile("/debug/pprof/leak"))
        self.assertEqual([one for one, _ in profile.sample_types], TYPES)
        rows = [sample for sample in profile.samples if sample.frames[0].function == "lose_some"]
        n_objects, n_bytes = (sum(row.values[i] for row in rows) for i in (0, 1))
        self.assertIn(n_objects, range(90, 101))  # stale pointers may hold the last ones
        self.assertEqual(n_bytes, 1000 * n_objects)
        self.assertGreater(rows[0].frames[0].line, 0)
        self.server.stdin.write(b"handle /debug/pprof/leak\n")  # mounted in a server of the program's own
        self.server.stdin.flush()
        self.wait_for(lambda: "200 application/octet-stream " in self.text(self.server, 0))


class Refusals(EndToEnd):
    def test_older(self):
        """pprofc leaks of a process that has ended, and of one without a heap, is one line."""
        child = self.start(self.program("shares_50_30_20"), SPIN_S, env=clean_environment(LD_PRELOAD=BUILD / "libpprofc-preload.so", PPROFC="cpu"))
        deadline_s = time.monotonic() + 30
        while not os.path.exists(f"/dev/shm/pprofc.{os.getuid()}.{child.pid}"):
            self.assertLess(time.monotonic(), deadline_s)
            time.sleep(0.05)
        said = self.pprofc("leaks", child.pid)
        self.assertEqual((said.status, len(said.own_lines)), (4, 1), said.err)
        self.assertIn("is not profiled; start it with PPROFC=heap", said.err)


if __name__ == "__main__":
    unittest.main()
