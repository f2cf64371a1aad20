"""pprofc leaks: memory that nothing leads to, and memory that grows."""
import contextlib
import json
import math
import subprocess
import time
import unittest
from pathlib import Path

from harness import BUILD, PPROFC, EndToEnd, clean_environment, long_or, not_sanitized

PRELOAD = BUILD / "libpprofc-preload-heap.so"
LOST = ("lost_plain", "lost_chain", "lost_cycle", "lost_below_stack")
HELD = ("held_chain", "held_by_global", "held_inside", "held_by_mapping", "held_by_tag", "held_by_stack", "held_by_tls")
HIDDEN = ("hidden_by_mask", "hidden_by_high_bits", "hidden_past_end")


class Leaks(EndToEnd):
    def start_heap(self, *argv, kinds="heap", **variables):
        """A program whose heap is profiled, which runs until its input ends."""
        child = self.start(*argv, stdin=subprocess.PIPE, cwd=self.folder, env=clean_environment(
            LD_PRELOAD=PRELOAD, PPROFC=kinds, PPROFC_OUTPUT=self.folder / "out.ppc", **variables))
        self.addCleanup(child.stdin.close)
        return child

    def wait_for(self, child, word, timeout_s=30):
        deadline_s = time.monotonic() + timeout_s
        while word not in self.text(child, 0).split():
            self.assertIsNone(child.poll(), "it has ended")
            self.assertLess(time.monotonic(), deadline_s, f"no '{word}'")
            time.sleep(0.02)

    def leaks(self, target, *options):
        finished = self.pprofc("leaks", "--json", "--top", "100", *options, target)
        self.assertEqual(finished.status, 0, finished.err)
        return json.loads(finished.out), finished

    def end(self, child):
        child.stdin.close()
        finished = self.finish(child)
        self.assertEqual(finished.status, 0, finished.err)
        return finished

    @staticmethod
    def copies_of(pid):
        """Children of the program that will be the first to go, as the copy is."""
        found = []
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                for child in (task / "children").read_text().split():
                    if Path(f"/proc/{child}/oom_score_adj").read_text() == "1000\n":
                        found.append(int(child))
        return found

    @staticmethod
    def truth(text):
        """{kind: (objects, bytes)} as leak_truth prints it."""
        return {words[0]: (int(words[1]), int(words[2]))
                for words in map(str.split, text.splitlines()) if len(words) == 3}

    @staticmethod
    def by_kind(report, kinds, rows="suspects"):
        """{kind: (objects, bytes)}: which rows have a function of that name."""
        sums = {kind: [0, 0] for kind in kinds}
        for row in report[rows]:
            for kind in {frame["function"] for frame in row["stack"]} & set(kinds):
                sums[kind][0] += row["suspect_objects"]
                sums[kind][1] += row["suspect_bytes"]
        return {kind: tuple(sum_) for kind, sum_ in sums.items()}


@not_sanitized("the runtime's malloc holds what was freed, and has its own leak check")
class EveryAllocationFollowed(Leaks):
    """leak_truth with PPROFC_HEAP_INTERVAL=1."""
    N = 3000

    def setUp(self):
        super().setUp()
        self.child = self.start_heap(self.program("leak_truth"), self.N, PPROFC_HEAP_INTERVAL=1)
        self.wait_for(self.child, "ready")
        self.planted = self.truth(self.text(self.child, 0))

    def assert_found(self, report):
        found = self.by_kind(report, LOST + HELD + HIDDEN)
        for kind in LOST:
            self.assertGreaterEqual(found[kind][1], 0.999 * self.planted[kind][1], kind)
            self.assertLessEqual(found[kind][1], self.planted[kind][1], kind)
        for kind in HELD:
            self.assertEqual(found[kind], (0, 0), kind)
        for kind in HIDDEN:  # as docs/limits.md says
            self.assertGreaterEqual(found[kind][1], 0.999 * self.planted[kind][1], kind)
        others = report["scan"]["suspect_bytes"] - sum(n_bytes for _, n_bytes in found.values())
        self.assertEqual(others, 0, "somebody else's memory")

    def test_truth(self):
        """Plain objects, chains and cycles that nothing leads to are found to the byte (0.1 %); what globals, mappings, stacks,
        thread-locals, chains, pointers into the middle and tags in low bits hold is not suspected; masked pointers, high tags
        and pointers just behind an object are not seen.  The pause is predicted first, and wait() sees no child."""
        report, finished = self.leaks(self.child.pid)
        self.assertIn("looking for leaks pauses process", finished.own_lines[0])
        self.assert_found(report)
        scan = report["scan"]
        self.assertEqual(scan["objects"] + scan["too_young"], report["in_use_objects"])
        self.assertGreater(scan["pause_ms"], 0)
        self.assertGreater(scan["scanned_bytes"], report["in_use_bytes"] // 2)
        again, _ = self.leaks(self.child.pid)  # results are not added to those of before
        self.assert_found(again)
        text = self.pprofc("leaks", "--top", "2", self.child.pid).out
        for words in ("Growth: ", "Suspects: ", "is held", "Paused ", "suspected wrongly: ", "not suspected: "):
            self.assertIn(words, text)
        finished = self.end(self.child)
        self.assertIn("children 0", finished.out)
        after, _ = self.leaks(self.folder / "out.ppc")
        self.assertEqual(after["scan"]["suspect_bytes"], again["scan"]["suspect_bytes"])

    def test_api(self):
        """pprofc_leak_scan() of the program itself finds the same."""
        status, n_objects, n_bytes = next(map(int, words[1:]) for words in map(str.split, self.text(self.child, 0).splitlines())
                                          if words[0] == "api")
        wanted = [self.planted[kind] for kind in LOST + HIDDEN]
        self.assertEqual(status, 0)
        self.assertLessEqual(n_objects, sum(n for n, _ in wanted))
        self.assertGreaterEqual(n_bytes, 0.999 * sum(n for _, n in wanted))
        self.end(self.child)


@not_sanitized("the runtime's malloc holds what was freed, and has its own leak check")
class Sampled(Leaks):
    N, INTERVAL = 20000, 8192

    def test_truth(self):
        """One sample in 8 KiB: lost objects come out within five standard errors, of lost chains the heads at most, what is held
        is not suspected.  A longer pause than allowed is refused, told, and made by --force."""
        child = self.start_heap(self.program("leak_truth"), self.N, PPROFC_HEAP_INTERVAL=self.INTERVAL)
        self.wait_for(child, "ready")
        refused = self.pprofc("leaks", "--max-pause", "1ms", child.pid)
        self.assertEqual(refused.status, 1, refused.err)
        self.assertRegex(refused.err, r"would be paused for about [\d.]+ ms; allow that by --max-pause or --force")
        report, _ = self.leaks(child.pid, "--force")
        planted = self.truth(self.text(child, 0))
        found = self.by_kind(report, LOST + HELD + HIDDEN)
        for kind in ("lost_plain", *HIDDEN):
            n_bytes = planted[kind][1]
            self.assertLess(abs(found[kind][1] - n_bytes), 5 * math.sqrt(self.INTERVAL * n_bytes), kind)
        for kind in HELD:
            self.assertEqual(found[kind], (0, 0), kind)
        self.assertLess(found["lost_chain"][0], 0.3 * planted["lost_chain"][0])  # a tenth are heads
        self.end(child)


@not_sanitized("the runtime's malloc holds what was freed, and has its own leak check")
class AtTheEnd(Leaks):
    def test_told_apart(self):
        """PPROFC=leak looks when the program ends: what nothing leads to is told apart from what is still held."""
        child = self.start_heap(self.program("leak_truth"), 1000, kinds="leak", PPROFC_HEAP_INTERVAL=1)
        self.wait_for(child, "ready")
        planted = self.truth(self.text(child, 0))
        self.end(child)
        report, _ = self.leaks(self.folder / "out.ppc")
        found = self.by_kind(report, LOST + HELD)
        for kind in ("lost_plain", "lost_chain", "lost_cycle"):
            self.assertGreaterEqual(found[kind][1], 0.999 * planted[kind][1], kind)
        for kind in ("held_chain", "held_by_global", "held_inside", "held_by_mapping", "held_by_tag"):
            self.assertEqual(found[kind], (0, 0), kind)
        self.assertGreater(report["in_use_bytes"], report["scan"]["suspect_bytes"])

    def test_run(self):
        """`run -k leak` writes the heap's files and says what nothing led to at the end, the most bytes first."""
        finished = self.pprofc("run", "-k", "leak", "--heap-interval", "1", "-o", self.folder / "out.pb.gz", "--",
                               self.program("leak_truth"), 1000)
        self.assertEqual(finished.status, 0, finished.err)
        self.assertRegex(finished.err, r"pprofc: leak_truth exited 0 after .* in use at the end\n")
        self.assertRegex(finished.err, r"pprofc: leaks: suspected are [\d.]+ MiB in 6 \d+ objects, to which nothing leads; the "
                                       r"other [\d.]+ MiB is held")
        self.assertRegex(finished.err, r"(?m)^  [\d.]+ KiB in 1 000  make  leak_truth.c:\d+ < lost_plain  leak_truth.c:\d+ < plant")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["out.pb.gz"])


@not_sanitized("its own malloc comes first")
class Running(Leaks):
    """leak_movers: threads that always run, and a main thread that forks and waits."""

    def test_nothing_is_suspected(self):
        """Objects on their way from list to list are suspected in one look of eight to two, and in none that looks twice; the
        program sees its own children only."""
        child = self.start_heap(self.program("leak_movers"), PPROFC_HEAP_INTERVAL=1)
        self.wait_for(child, "ready")
        for _ in range(long_or(100, 10)):
            report, _ = self.leaks(child.pid, "--force")
            self.assertEqual(report["suspects"], [], report["scan"])
        self.assertIn("ok", self.end(child).out.split())

    def test_many_at_once_and_an_end(self):
        """Five commands at once are answered one after the other; the program is killed while it is looked at: the command
        says so, the copy does not live on."""
        child = self.start_heap(self.program("leak_movers"), PPROFC_HEAP_INTERVAL=1)
        self.wait_for(child, "ready")
        commands = [self.start(PPROFC, "leaks", "--json", "--force", child.pid) for _ in range(5)]
        for command in commands:
            finished = self.finish(command)
            self.assertEqual(finished.status, 0, finished.err)
            self.assertEqual(json.loads(finished.out)["suspects"], [])
        command = self.start(PPROFC, "leaks", "--force", child.pid)
        deadline_s = time.monotonic() + 20
        while not (copies := self.copies_of(child.pid)):
            self.assertLess(time.monotonic(), deadline_s, "no copy is seen")
            if command.poll() is not None:
                command = self.start(PPROFC, "leaks", "--force", child.pid)
        child.kill()
        self.assertIn(self.finish(command).status, (0, 1))
        while any(Path(f"/proc/{pid}/exe").exists() for pid in copies):
            self.assertLess(time.monotonic(), deadline_s, "the copy lives on")
            time.sleep(0.01)


@not_sanitized("its own malloc comes first")
class Registers(Leaks):
    """leak_registers: objects that only registers of other threads hold."""
    KINDS = ("held_by_rbx", "held_by_r15", "held_by_xmm8")

    def look(self, *command):
        child = self.start_heap(*command, PPROFC_HEAP_INTERVAL=1)
        self.wait_for(child, "ready")
        report, _ = self.leaks(child.pid, "--force")
        self.end(child)
        self.assertEqual(self.by_kind(report, ("lost",))["lost"], (1, 200))
        return report

    def test_threads_that_run(self):
        """Three threads spin with an object in rbx, r15 and a vector register each: they are held while the copy is made, and none
        is suspected; the three objects of registers that no thread has are."""
        report = self.look(self.program("leak_registers"), "spin")
        self.assertEqual(set(self.by_kind(report, self.KINDS).values()), {(0, 0)}, report["suspects"])
        self.assertEqual(self.by_kind(report, ("held_by_r13",))["held_by_r13"], (1, 248))
        self.assertEqual(report["scan"]["threads_not_seen"], 0)

    def test_without_perf_events(self):
        """Nothing can reach them without ending a call of theirs: they are not held, and the report counts them."""
        report = self.look(self.program("without_calls"), "perf_event_open=EPERM", self.program("leak_registers"), "spin")
        self.assertEqual(report["scan"]["threads_not_seen"], 3)


@not_sanitized("its own malloc comes first")
class Growth(Leaks):
    """leak_server, which serves some 300 requests a second."""

    def judge(self, mode):
        """The verdict on the sessions, as soon as there is one."""
        child = self.start_heap(self.program("leak_server"), mode, PPROFC_HEAP_INTERVAL=1)
        self.wait_for(child, "filled")
        deadline_s = time.monotonic() + 40
        while True:
            report, _ = self.leaks(child.pid)
            if report["growth"] != "too early to say" and (mode == "leak" or report["growth"] == "stable"):
                break
            self.assertLess(time.monotonic(), deadline_s, report)
            time.sleep(0.3)
        self.end(child)
        return report

    def test_a_server_that_leaks(self):
        """Its sessions grow, by what they do; its working memory does not; nothing is suspected, since it is all in a list."""
        report = self.judge("leak")
        self.assertEqual(report["growth"], "growing")
        row = report["growing"][0]
        self.assertIn("store_session", [frame["function"] for frame in row["stack"]])
        self.assertEqual(report["stacks_growing"], 1)
        self.assertGreater(row["bytes_per_second"], 4 * row["bytes_per_second_error"])
        self.assertGreater(row["bytes_per_second"] * report["seconds"], 0.3 * row["in_use_bytes"])
        self.assertLess(row["bytes_per_second"] * report["seconds"], 3 * row["in_use_bytes"])
        self.assertEqual(report["scan"]["suspect_objects"], 0)

    def test_a_cache_that_fills(self):
        """It grows until it is full, then it is stable."""
        report = self.judge("cache")
        self.assertEqual(report["growing"], [])
        self.assertEqual(report["scan"]["suspect_objects"], 0)


class Refusals(Leaks):
    def test_usage(self):
        """No process, two of them, one that is not recorded, one whose heap is not profiled: said, with the right status."""
        for options, status, words in (
                ((), 2, "no process given"), (("1", "2"), 2, "one process at a time"), (("--max-pause", "x", "1"), 2, "no duration"),
                (("999999999",), 1, "has no recording"), ((self.folder / "none.ppc",), 1, "none.ppc")):
            finished = self.pprofc("leaks", *options)
            self.assertEqual(finished.status, status, finished.err)
            self.assertIn(words, finished.err)
        out = self.folder / "cpu.ppc"
        self.run_profiled("--", self.program("two_to_one"), output=out)
        finished = self.pprofc("leaks", out)
        self.assertEqual(finished.status, 4, finished.err)
        self.assertIn("the heap was not profiled", finished.err)


if __name__ == "__main__":
    unittest.main()
