"""Waits for locks of the Rust crate parking_lot, whose threads wait by words of their own: in kind lock as any other lock's.

The program is bench/peers/parking_lot_waits, built by cargo into the cache (bench/peers/parking_lot.py)."""
import json
import re
import sys
import unittest

from end_to_end.harness import ROOT, long_or
from end_to_end.wait_runs import FUTEX, HOLDER, LOCK, MUTEX, OFFCPU, WaitRuns

sys.path.insert(0, str(ROOT / "bench"))
from peers import parking_lot  # noqa: E402

TIME_LIMIT_S = 600
KINDS = {"mutex": "MUTEX", "fair": "FAIR", "reentrant": "REENTRANT", "timed": "MUTEX", "writers": "LOCK", "upgradable": "LOCK",
         "rwlock": "LOCK"}
SECONDS = long_or(10, 2)


class ParkingLot(WaitRuns):
    """4 threads that contend for a lock and measure their waits."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            cls.programs = parking_lot.programs(limit_s=0)
        except (parking_lot.Unavailable, OSError) as reason:
            raise unittest.SkipTest(str(reason)) from None

    def contend(self, kind, profile="release", mangling="default"):
        program = self.of_next[profile] if mangling == "next" else self.programs[profile, mangling]
        finished, facts = self.record(str(program), kind, 4, SECONDS)
        truth = json.loads(finished.out)
        ratio = facts["delay_ns"] / truth["waited_ns"]
        print(f"{profile} {mangling} {kind}: recorded {ratio:.4f} of {truth['waited_ns'] / 1e9:.2f} s, {truth['n_taken']} times taken",
              flush=True)
        self.assertEqual(sum(facts["n_losses"]), 0)
        return facts, truth, ratio

    def check(self, kind, *build, n_locks=1):
        facts, truth, ratio = self.contend(kind, *build)
        self.assertAlmostEqual(ratio, 1, delta=0.02)
        self.assertAlmostEqual(self.sum_ns(facts, LOCK) / truth["waited_ns"], 1, delta=0.02)
        for family, function in ((LOCK, "take_"), (HOLDER, "hold")):
            all_ns = self.sum_ns(facts, family)
            mine_ns = sum(event["ns"] for event in facts["events"] if event["family"] == family
                          and any(function in frame for frame in event["frames"]))
            self.assertGreater(all_ns, 0)
            self.assertGreaterEqual(mine_ns, 0.99 * all_ns, f"{function} of {kind}")
        # Until the release, not until the waiter has a CPU.
        self.assertLessEqual(self.sum_ns(facts, HOLDER), truth["waited_ns"] * 1.02)
        self.assertGreaterEqual(self.sum_ns(facts, HOLDER), truth["waited_ns"] * 0.9)
        # Threads that end at once may contend for a lock of Rust's own.
        locks, held = ({event["lock"] for event in facts["events"] if event["family"] == family
                        and not any("stack_overflow" in frame for frame in event["frames"])} for family in (LOCK, HOLDER))
        self.assertEqual(len(locks), n_locks, "a lock has one address")
        self.assertEqual(held, locks)
        self.assertNotIn(0, locks)
        # What is a contention is no futex, and the other way round.
        self.assertEqual({event["kind"] for event in facts["events"] if event["family"] == OFFCPU
                          and any("take_" in frame for frame in event["frames"])
                          and not any("hold" in frame for frame in event["frames"])}, {MUTEX})
        return facts, locks

    def test_kinds(self):
        """Each kind of lock: 0.98 to 1.02 of the delay, on the functions that waited and released, for one lock."""
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.check(kind)

    def test_without_optimization(self):
        """Where more calls lie between the lock and the system call."""
        for kind in ("mutex", "rwlock"):
            with self.subTest(kind=kind):
                self.check(kind, "debug")

    def test_mangling_of_today(self):
        """Where names are mangled in rustc's newer way, in which far more of them have those of locks among their parameters."""
        for profile in parking_lot.PROFILES:
            for kind in ("mutex", "rwlock"):
                with self.subTest(kind=kind, profile=profile):
                    self.check(kind, profile, "v0")

    def test_next_version(self):
        """Of the crate's 0.13, whose lock for readers and writers has a parameter; 0.12 is what the others have."""
        try:
            self.of_next = parking_lot.programs_of_next(limit_s=0)
        except (parking_lot.Unavailable, OSError) as reason:
            self.skipTest(str(reason))
        for profile in parking_lot.PROFILES:
            for kind in KINDS:
                with self.subTest(kind=kind, profile=profile):
                    self.check(kind, profile, "next")

    def test_neighbours(self):
        """A mutex without a value is one byte: two side by side are two locks, each waited for by its own threads."""
        facts, locks = self.check("neighbours", n_locks=2)
        first, second = sorted(locks)
        self.assertEqual(second, first + 1)
        for lock, function in ((first, "take_first"), (second, "take_second")):
            for event in facts["events"]:
                if event["family"] == LOCK and event["lock"] == lock:
                    self.assertTrue(any(function in frame for frame in event["frames"]), event)

    def test_condition(self):
        """To wait for a condition is no contention; who is notified, and moved to the mutex's queue by the crate, waits on."""
        for profile in parking_lot.PROFILES:
            finished, facts = self.record(str(self.programs[profile, "default"]), "condition")
            truth = json.loads(finished.out)
            self.assertEqual(self.count(facts, LOCK), 0)
            waited = [event for event in facts["events"] if event["family"] == OFFCPU and event["kind"] == FUTEX
                      and any("wait_for_condition" in frame for frame in event["frames"])]
            self.assert_waited(facts, sum(event["ns"] for event in waited), truth["waited_ns"], 0.02, profile)

    def test_many_threads(self):
        """Who waits is woken by one release, which is charged to the thread that releases, also where hundreds wait: there are as
        many of them as of waits."""
        finished, facts = self.record(str(self.programs["release", "default"]), "fair", 300, 2)
        n_waits, n_releases = self.count(facts, LOCK), self.count(facts, HOLDER)
        print(f"{n_waits} waits, {n_releases} releases, {json.loads(finished.out)['n_taken']} times taken", flush=True)
        self.assertGreater(n_waits, 200)
        self.assertAlmostEqual(n_releases / n_waits, 1, delta=0.03)

    def test_again(self):
        """Who has waited for a condition long enough, and then for its mutex, has waited for that as for any other."""
        for build in self.programs:
            finished, facts = self.record(str(self.programs[build]), "again")
            truth = json.loads(finished.out)
            waited = [event for event in facts["events"] if event["family"] == LOCK]
            self.assertEqual(sum(event["count"] for event in waited), 1, build)
            self.assertTrue(all(any("take_again" in frame for frame in event["frames"]) for event in waited))
            seen_ns = sum(event["ns"] for event in waited)
            # When it began is known between two looks.
            truth_ns = min(max(seen_ns, truth["least_ns"]), truth["most_ns"])
            self.assert_waited(facts, seen_ns, truth_ns, 0.02, build)

    def test_word_of_nobody(self):
        """A thread that waits by a word of the same value, and not for a lock, beside the crate's code: no contention."""
        for build in self.programs:
            finished, facts = self.record(str(self.programs[build]), "futex")
            self.assertEqual(self.count(facts, LOCK) + self.count(facts, HOLDER), 0, build)
            waited = [event for event in facts["events"] if event["family"] == OFFCPU
                      and any("wait_by_word" in frame for frame in event["frames"])]
            self.assertEqual({event["kind"] for event in waited}, {FUTEX})
            self.assert_waited(facts, sum(event["ns"] for event in waited), json.loads(finished.out)["waited_ns"], 0.02, build)

    def test_name_of_lock(self):
        """The label lock names the variable."""
        path = self.folder / "it.lock.pb.gz"
        for kind in ("mutex", "writers"):
            self.pprofc("run", "-f", "-k", "lock", "-o", path, "--", self.programs["release", "default"], kind, 4, 1)
            shown = self.pprofc("report", "--by", "label:lock", path).out
            self.assertTrue(re.search(rf"100\.0 %.*\b{KINDS[kind]}\b", shown), shown)

    def test_without_the_kind(self):
        """Where locks are not asked for all are waits by futex."""
        _, facts = self.record(str(self.programs["release", "default"]), "mutex", 4, 1, kinds="offcpu")
        waited = [event for event in facts["events"] if event["family"] == OFFCPU
                  and any("lock_slow" in frame for frame in event["frames"])]
        self.assertEqual({event["kind"] for event in waited}, {FUTEX})


if __name__ == "__main__":
    unittest.main()
