"""pprofc stacks and /debug/pprof/goroutine: where all threads stand."""
import json
import os
import re
import shutil
import signal
import time
import unittest
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import clean_environment
from serving import Served

N_AT_BARRIER = 100
PLACES = {  # by the thread's name: its function, and what it does
    "futex": ("stand_in_futex", "futex wait"), "sleep": ("stand_in_sleep", "nanosleep"),
    "epoll": ("stand_in_epoll", "epoll_wait"), "read": ("stand_in_read", "read"),
    "handler": ("stand_in_handler", "read"), "running": ("stand_running", "running"),
    "barrier": ("stand_at_barrier", "futex wait"), "standing": ("stand_in_main", "sigwait"),
}


GO_WORDS = {"read": "IO wait", "epoll_wait": "IO wait", "nanosleep": "sleep"}
GO_HEAD = re.compile(r"^goroutine (\d+) \[([^\]]+)\]:$")
GO_FUNCTION = re.compile(r"^(.+)\((.*)\)$")
GO_PLACE = re.compile(r"^\t(\?\?|[^:]+\.\w+):(\d+)$")
GO_WITHOUT_STACK = "\tgoroutine running on other thread; stack unavailable"


def parse_goroutines(text):
    """[(name, state, functions)] of debug=2's text, every line of which is as Go writes it."""
    threads, lines = [], iter(text.splitlines())
    for head in lines:
        if head.startswith("#"):
            continue
        found = GO_HEAD.match(head)
        assert found, head
        state, name = re.fullmatch(r'([^,]+)(?:, \d+ minutes)?, "([^"]*)"', found.group(2)).groups()
        functions = []
        for line in lines:
            if line == "":
                break
            if line == GO_WITHOUT_STACK:
                functions.append("[running]")
                continue
            function, place = GO_FUNCTION.match(line), next(lines)
            assert function and GO_PLACE.match(place), (line, place)
            functions.append(function.group(1))
        threads.append((name, state, functions))
    return threads


def parse(text):
    """[(name, state, functions)] of the text of `pprofc stacks`."""
    threads = []
    for block in text.split("\n\n"):
        found = re.match(r'thread \d+ "([^"]*)" \[([^\],]+)(?:, (\d+) s)?\]:\n', block)
        if found:
            lines = block[found.end():].splitlines()
            threads.append((found.group(1), found.group(2), [one for one in lines if not one.startswith(("\t", "#"))]))
    return threads


class Standing(Served):
    """'standing', whose threads wait in known places; one runs, 100 wait at one barrier."""
    PROGRAM = ("standing", N_AT_BARRIER)

    def setUp(self):
        super().setUp()
        self.wait_for(lambda: "ready" in self.text(self.target, 0))
        self.wait_for(lambda: self.are_all_there(self.stacks_text()))

    def stacks_text(self, *options):
        finished = self.pprofc("stacks", *options, self.target.pid)
        self.assertEqual(finished.status, 0, finished.err)
        return finished.out

    def goroutine(self, query=""):
        status, headers, body = self.ask("/debug/pprof/goroutine" + query)
        self.assertEqual(status, 200, body[:200])
        return headers, body

    @staticmethod
    def are_all_there(text):
        threads = parse(text)
        return len(threads) == N_AT_BARRIER + len(PLACES) - 1 and all(
            state == PLACES.get(name, ("", ""))[1] for name, state, _ in threads)

    def end(self):
        """How many calls of the program were interrupted."""
        os.kill(self.target.pid, signal.SIGTERM)
        finished = self.finish(self.target)
        self.assertEqual(finished.status, 0, finished.err)
        return json.loads(finished.out.splitlines()[-1])["n_interrupted"]


    def assert_places(self, threads):
        """Of debug=2."""
        self.assertEqual(Counter(name for name, _, _ in threads),
                         {name: N_AT_BARRIER if name == "barrier" else 1 for name in PLACES})
        for name, state, functions in threads:
            function, wanted = PLACES[name]
            self.assertEqual(state, GO_WORDS.get(wanted, wanted), name)
            if functions == ["[running]"]:
                continue  # it got no CPU in time: the caller counts those that did
            root = "_start" if name == "standing" else "start_thread"
            self.assertIn(function, functions, name)
            self.assertIn(root, functions[functions.index(function):], name)
            self.assertNotIn("[truncated]", functions, name)

    def look_often(self, n_looks):
        """So many looks; how many of them the running thread answered."""
        with ThreadPoolExecutor(5) as pool:
            bodies = list(pool.map(lambda _: self.goroutine("?debug=2")[1].decode(), range(n_looks)))
        looks = [parse_goroutines(body) for body in bodies]
        for threads in looks:
            self.assert_places(threads)
        return sum("stand_running" in functions for threads in looks for _, _, functions in threads)

class WhereThreadsStand(Standing):
    def helper_descriptors(self):
        """The fewest of several listings: now and then it holds one for a moment."""
        tasks = Path(f"/proc/{self.target.pid}/task")
        helper = next(task for task in tasks.iterdir() if (task / "comm").read_text() == "pprofc\n")
        return min(len(os.listdir(helper / "fd")) for _ in range(20))

    def test_places(self):
        """Each thread stands in its function, called from its root; the running one answers; of 50 looks none interrupts a
        call or leaves a descriptor open, and the recording stays within the segments that it has anyhow."""
        self.assertGreater(self.look_often(10), 0)
        before = self.helper_descriptors()
        self.assertGreater(self.look_often(40), 0)
        self.wait_for(lambda: self.helper_descriptors() == before)  # what is left open stays
        self.assertEqual(len(os.listdir(f"/proc/{self.target.pid}/fd")), 6)  # 0, 1, 2, epoll, the pipe
        recording = os.stat(f"/dev/shm/pprofc.{os.getuid()}.{self.target.pid}")
        self.assertLess(recording.st_blocks * 512, 3 << 20)
        self.assertEqual(self.end(), 0)

    def test_signal_frame(self):
        """A thread that waits in a signal handler stands in the handler, called where the signal came; a thread that has not
        run since an earlier look says for how long."""
        time.sleep(1.1)
        text = self.stacks_text()
        stack = next(functions for name, _, functions in parse(text) if name == "handler")
        self.assertLess(stack.index("on_usr1"), stack.index("stand_in_handler"))
        self.assertRegex(text, r'(?m)^thread \d+ "sleep" \[nanosleep, \d+ s\]:$')

    def test_formats(self):
        """pprof with a sample a thread and labels; debug=1 with counts, as Go has it; go tool pprof reads both."""
        headers, body = self.goroutine()
        self.assertEqual(headers["Content-Type"], "application/octet-stream")
        path = self.folder / "threads.pb.gz"
        path.write_bytes(body)
        profile = self.read_profile(path)
        self.assertEqual(profile.sample_types, [("threads", "count")])
        grouped = self.goroutine("?debug=1")[1].decode()
        self.assertTrue(grouped.startswith(f"threads profile: total {N_AT_BARRIER + len(PLACES) - 1}\n"), grouped[:80])
        self.assertRegex(grouped, rf"(?m)^{N_AT_BARRIER} @( 0x[0-9a-f]+)+\n(#\t.*\n)*#\t0x[0-9a-f]+\tstand_at_barrier\t")
        self.assertEqual(self.stacks_text("--group").split("\n")[0], grouped.split("\n")[0])
        if shutil.which("go") is None:
            self.skipTest("no go: its pprof reads what is served")
        for query in ("", "?debug=1"):
            said = self.run_command("go", "tool", "pprof", "-top", f"http://127.0.0.1:{self.port}/debug/pprof/goroutine{query}",
                                    env=clean_environment(PPROF_TMPDIR=self.folder), timeout_s=120)
            self.assertEqual(said.status, 0, said.err)
            self.assertIn("Type: threads", said.out)
            self.assertIn("stand_at_barrier", said.out)


class Paused(Standing):
    """With a signal as its switch a program begins paused."""
    PROGRAM_VARIABLES = {"PPROFC_SIGNAL": "USR2"}

    def test_paused(self):
        """Looks work while sampling is paused, also at the thread that runs; it stays paused, and nothing is sampled."""
        self.assertGreater(self.look_often(10), 0)
        self.assertIn(b"<p>paused at", self.ask("/debug/pprof/")[2])
        quality = json.loads(self.ask("/debug/pprof/quality")[2])
        self.assertEqual(quality["n_samples"], 0)
        self.assertLess(quality["cpu_ns"], 1e6)  # before it was paused
        self.assertEqual(self.end(), 0)


class FramePointers(Standing):
    """The same program built with frame pointers: libc's calls leave rbp to their callers, and the kernel does not tell it."""
    PROGRAM = ("standing_fp", N_AT_BARRIER)

    @staticmethod
    def are_all_there(text):
        return len(parse(text)) == N_AT_BARRIER + len(PLACES) - 1

    def test_nothing_wrong(self):
        """Where a frame needs a register that nobody told, the stack ends, is marked and counted; no frame is wrong."""
        text = self.stacks_text()
        threads = parse(text)
        truncated = [functions for _, _, functions in threads if "[truncated]" in functions]
        if truncated:
            self.assertIn(f"# {len(truncated)} of {len(threads)} stacks end before their root", text)
        for name, _, functions in threads:
            root = ["stand_in_main", "main"] if name == "standing_fp" else [PLACES[name][0], "go_there", "start_thread"]
            known = [one for one in functions if one in root]
            self.assertEqual(known, root[:len(known)], name)
            self.assertEqual("[truncated]" in functions, len(known) < len(root), f"{name}: {functions}")
        self.assertFalse([name for name, _, functions in threads if name == "barrier" and "[truncated]" in functions])


class Refused(Served):
    def test_errors(self):
        """A process that is not recorded, one that has ended, and wrong words: one clear line each."""
        for words, status, said in ((("stacks", os.getpid()), 1, "has no recording"), (("stacks",), 2, "no process given"),
                                    (("stacks", "word"), 2, "no process number"), (("stacks", "1", "2"), 2, "one process")):
            finished = self.pprofc(*words)
            self.assertEqual(finished.status, status, finished.err)
            self.assertIn(said, finished.err)


if __name__ == "__main__":
    unittest.main()
