"""What the tests of waits and locks share: running a program with the preload for waits, or one that has the library linked
in, and looking at what its recording says (tests/programs/wait_facts.c)."""
import json
import unittest

from end_to_end.harness import BUILD, EndToEnd, IS_SANITIZED, clean_environment, stolen_ns

WAIT = BUILD / "libpprofc-preload-wait.so"
CPU, OFFCPU, LOCK, HOLDER = 1, 2, 3, 6  # families of events
# What it takes to make a thread and to end it lies outside of its life as the hooks see it, and is CPU time of its own.
SHORTEST_NS = 40e6
(UNKNOWN, SLEEP, READ, WRITE, NETWORK, POLL, MUTEX, CONDITION, FUTEX, CHILD, FILE, RUN_QUEUE, THROTTLED) = range(13)


@unittest.skipIf(IS_SANITIZED, "the hooks of waits stand behind the sanitizer's own")
class WaitRuns(EndToEnd):
    """Base: programs that are run with PPROFC=offcpu,lock."""

    def environment(self, kinds="offcpu,lock", preloads=(WAIT,), rate_hz=None, **more):
        preload = ":".join(str(one) for one in preloads)
        return clean_environment(PPROFC=kinds, PPROFC_OUTPUT=self.folder / "wait.ppc",
                                 **({"LD_PRELOAD": preload} if preload else {}),
                                 **({"PPROFC_FREQUENCY": rate_hz} if rate_hz else {}), **more)

    def read_facts(self, path=None):
        read = self.run_command(self.program("wait_facts"), path or self.folder / "wait.ppc")
        self.assertEqual(read.status, 0, read.err)
        return json.loads(read.out)

    def record(self, *argv, status=0, timeout_s=None, **settings):
        """Run a program; gives how it ended and what its recording says.  stolen_ns: what the hypervisor took meanwhile."""
        before_ns = stolen_ns()
        (self.folder / "wait.ppc").unlink(missing_ok=True)
        finished = self.run_command(*argv, env=self.environment(**settings), timeout_s=timeout_s)
        if status is not None:
            self.assertEqual(finished.status, status, f"{argv}\n{finished.out}{finished.err}")
        return finished, self.read_facts() | {"stolen_ns": stolen_ns() - before_ns}

    @staticmethod
    def events(facts, family, **wanted):
        """Those of a family whose fields are as wanted; function=NAME: with it on the stack."""
        function = wanted.pop("function", None)
        return [event for event in facts["events"] if event["family"] == family
                and all(event[name] == value for name, value in wanted.items())
                and (function is None or any(name == function or name.startswith(function + "(") for name in event["frames"]))]

    def sum_ns(self, facts, family, **wanted):
        return sum(event["ns"] for event in self.events(facts, family, **wanted))

    def count(self, facts, family, **wanted):
        return sum(event["count"] for event in self.events(facts, family, **wanted))

    @staticmethod
    def thread(facts, name):
        return next(one for one in facts["threads"] if one["name"] == name)

    @staticmethod
    def time_in_events(facts, row):
        """CPU time and waits of a thread, a row of the table, by its events."""
        number = facts["threads"].index(row)
        return sum(event["ns"] for event in facts["events"] if event["family"] in (CPU, OFFCPU) and event["thread"] == number)

    def assert_within(self, seen, truth, part, what=""):
        self.assertAlmostEqual(seen / truth, 1, delta=part, msg=f"{what}: {seen} of {truth}")

    def assert_waited(self, facts, seen_ns, truth_ns, part, what=""):
        """A wait is as long as the program says.  It ends when the thread could run again; the program's clock goes on until it
        does, so up to the time in run queues may be missing."""
        queued_ns = sum(event["ns"] for event in facts["events"] if event["family"] == OFFCPU and event["kind"] == RUN_QUEUE)
        self.assertLessEqual(seen_ns, truth_ns * (1 + part), what)
        self.assertGreaterEqual(seen_ns + min(queued_ns, truth_ns / 2), truth_ns * (1 - part), what)

    def assert_adds_up(self, facts):
        """Of every thread that was followed: CPU, waits, run queue and what is left over are its wall time, and so are its
        events.  Gives the largest part that was left over, and that the hypervisor did not take."""
        worst = 0
        for one in facts["threads"]:
            if one.get("wall_ns", 0) < SHORTEST_NS or one["name"] == "[other threads]":
                continue
            total = one["cpu_ns"] + one["blocked_ns"] + one["run_queue_ns"] + one["unattributed_ns"]
            self.assert_within(total, one["wall_ns"], 0.01, f"table: {one}")
            self.assert_within(self.time_in_events(facts, one), one["wall_ns"], 0.01, f"events: {one}")
            worst = max(worst, (one["unattributed_ns"] - facts.get("stolen_ns", 0)) / one["wall_ns"])
        return worst
