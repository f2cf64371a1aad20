"""Waits and locks against programs that know theirs: how long, whose, and whether all time is accounted for."""
import json
import re
import shutil
import statistics
import subprocess
import unittest

from end_to_end.harness import TICK_NS, long_or, stolen_ns
from end_to_end.wait_runs import HOLDER, LOCK, OFFCPU, SHORTEST_NS, WaitRuns

TIME_LIMIT_S = 1500

RUST_TRUTH = """
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

static IS_TIMED: AtomicBool = AtomicBool::new(false);

fn time_it(name: &str, function: impl FnOnce()) {
    let begin = Instant::now();
    IS_TIMED.store(true, Ordering::SeqCst);
    function();
    println!("{} {}", name, begin.elapsed().as_nanos());
    IS_TIMED.store(false, Ordering::SeqCst);
}
/// Pause, once another thread is about to wait.
fn pause_beside(ms: u64) {
    while !IS_TIMED.load(Ordering::SeqCst) { thread::sleep(Duration::from_millis(1)); }
    thread::sleep(Duration::from_millis(ms));
}
#[inline(never)]
fn sleeper() { thread::sleep(Duration::from_millis(300)); std::hint::black_box(0); }
#[inline(never)]
fn locker(mutex: &Mutex<u64>) { let mut held = mutex.lock().unwrap(); *held += 1; std::hint::black_box(0); }
#[inline(never)]
fn sharer(lock: &RwLock<u64>) { std::hint::black_box(*lock.read().unwrap()); }
#[inline(never)]
fn waiter(pair: &(Mutex<bool>, Condvar)) {
    let mut ready = pair.0.lock().unwrap();
    while !*ready { ready = pair.1.wait(ready).unwrap(); }
    std::hint::black_box(0);
}

fn main() {
    time_it("sleeper", sleeper);
    let mutex = Arc::new(Mutex::new(0u64));
    let held = mutex.lock().unwrap();
    let other = { let mutex = mutex.clone(); thread::spawn(move || time_it("locker", || locker(&mutex))) };
    pause_beside(500);
    drop(held);
    other.join().unwrap();
    let lock = Arc::new(RwLock::new(0u64));
    let held = lock.write().unwrap();
    let other = { let lock = lock.clone(); thread::spawn(move || time_it("sharer", || sharer(&lock))) };
    pause_beside(400);
    drop(held);
    other.join().unwrap();
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let other = { let pair = pair.clone(); thread::spawn(move || {
        pause_beside(200);
        *pair.0.lock().unwrap() = true;
        pair.1.notify_one();
    }) };
    time_it("waiter", || waiter(&pair));
    other.join().unwrap();
}
"""

RUST_LOCKS = """
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

static WAITED_NS: AtomicU64 = AtomicU64::new(0);

#[inline(never)]
fn spin(time: Duration) { let begin = Instant::now(); while begin.elapsed() < time { std::hint::spin_loop(); } }
#[inline(never)]
fn take(mutex: &Mutex<u64>) -> std::sync::MutexGuard<'_, u64> { std::hint::black_box(mutex.lock().unwrap()) }
#[inline(never)]
fn hold(mut held: std::sync::MutexGuard<'_, u64>) { spin(Duration::from_micros(300)); *held += 1; drop(held); std::hint::black_box(0); }

fn main() {
    let mutex = Arc::new(Mutex::new(0u64));
    let begin = Instant::now();
    let threads: Vec<_> = (0..4).map(|_| { let mutex = mutex.clone(); std::thread::spawn(move || {
        while begin.elapsed() < Duration::from_secs(2) {
            let before = Instant::now();
            let held = take(&mutex);
            WAITED_NS.fetch_add(before.elapsed().as_nanos() as u64, Ordering::Relaxed);
            hold(held);
            spin(Duration::from_micros(40));
        }
    }) }).collect();
    for one in threads { one.join().unwrap(); }
    println!("{{\\"waited_ns\\": {}}}", WAITED_NS.load(Ordering::Relaxed));
}
"""


class Rust(WaitRuns):
    def build_rust(self, text):
        rustc = shutil.which("rustc")
        if rustc is None:
            self.skipTest("there is no rustc")
        source = self.folder / "program.rs"
        source.write_text(text)
        subprocess.run([rustc, "-O", "-g", "-C", "symbol-mangling-version=v0", "-o", self.folder / "program", source],
                       check=True, capture_output=True)
        return self.folder / "program"


class WaitsAreTrue(Rust):
    """A program that waits in functions of its own for times that it measures."""

    def check(self, argv, preloads=None, **more):
        settings = {} if preloads is None else {"preloads": preloads}
        finished, facts = self.record(argv, **settings, **more)
        truth = {name: int(ns) for name, ns in re.findall(r"^(\w+) (\d+)$", finished.out, re.M)}
        self.assertGreaterEqual(len(truth), 4, finished.out)
        for name, ns in truth.items():
            if name == "released":  # no function
                continue
            mine = [event for event in facts["events"] if event["family"] == OFFCPU
                    and any(re.search(rf"(\b|\d){name}\b", frame) for frame in event["frames"])]  # of Rust it is mangled
            self.assert_waited(facts, sum(event["ns"] for event in mine), ns, 0.01, name)
            self.assertEqual(sum(event["count"] for event in mine if event["ns"] > ns / 2), 1, name)
        self.assertEqual(facts["n_lost_waits"], 0)
        return truth, facts

    def test_preloaded(self):
        """Each sum within 1 %, on the function that waited; the lock's waiter and holder are told apart."""
        truth, facts = self.check(self.program("wait_truth"))
        self.check_locker(truth, facts)

    def check_locker(self, truth, facts):
        # Whoever waits for a condition may have to wait for its mutex, too, when it is signalled.
        waited, held = self.events(facts, LOCK, function="locker"), self.events(facts, HOLDER, function="holder")
        self.assertEqual([len(waited), len(held)], [1, 1])
        self.assertIn("locker", waited[0]["frames"])
        self.assertIn("holder", held[0]["frames"])
        self.assertEqual(waited[0]["lock"], held[0]["lock"])
        self.assertNotEqual(waited[0]["lock"], 0)
        self.assert_waited(facts, waited[0]["ns"], truth["locker"], 0.01)
        self.assertLessEqual(held[0]["ns"], truth["locker"] * 1.01)  # until its release, not until the waiter runs
        self.assertGreater(held[0]["ns"], 0.9 * truth["released"])

    def test_linked(self):
        """The same where the hooks are patched into the program's GOT."""
        self.check_locker(*self.check(self.program("wait_truth_linked"), preloads=()))

    def test_ownerless(self):
        """A mutex that does not say who has it: it is waited for all the same, beside one who waits for any lock."""
        for suffix, settings in (("", {}), ("_linked", {"preloads": ()})):
            finished, facts = self.record(self.program("wait_ownerless" + suffix), **settings)
            truth = {name: int(ns) for name, ns in re.findall(r"^(\w+) (\d+)$", finished.out, re.M)}
            self.assertEqual(len(truth), 3)
            for name, ns in truth.items():
                self.assert_waited(facts, self.sum_ns(facts, LOCK, function=name), ns, 0.01, name)

    def test_by_the_monotonic_clock(self):
        """The same without the CPU's counter."""
        truth, facts = self.check(self.program("wait_truth"), PPROFC_WAIT_CLOCK="monotonic")
        self.assertEqual(facts["clock_is_tsc"], 0)
        self.check_locker(truth, facts)

    def test_where_the_kernel_does_not_tell(self):
        """The same where no thread knows that it has kept its CPU: each call's end is timed, by either clock."""
        self.check_locker(*self.check(self.program("wait_truth"), PPROFC_WAIT_CLOCK="twice"))
        self.check_locker(*self.check(self.program("wait_truth_linked"), preloads=(), PPROFC_WAIT_CLOCK="monotonic,twice"))

    def test_c11(self):
        """By <threads.h>."""
        self.check(self.program("wait_truth_c11"))
        self.check(self.program("wait_truth_c11_linked"), preloads=())

    def test_std(self):
        """By C++'s mutex, shared_mutex, condition_variable, future and sleep_for."""
        truth, facts = self.check(self.program("wait_truth_std"))
        for name in ("locker", "sharer", "writer"):
            self.assert_waited(facts, self.sum_ns(facts, LOCK, function=name), truth[name], 0.01, name)

    def test_rust(self):
        """By Rust's Mutex, RwLock, Condvar and sleep."""
        truth, facts = self.check(self.build_rust(RUST_TRUTH))
        for name in ("locker", "sharer"):
            seen = sum(event["ns"] for event in facts["events"] if event["family"] == LOCK
                       and any(name in frame for frame in event["frames"]))
            self.assert_waited(facts, seen, truth[name], 0.01, name)


class LocksAreTrue(Rust):
    """Threads that contend for a lock and measure their own waits: what is recorded is 0.98 to 1.02 of them."""

    def check(self, *argv, **settings):
        finished, facts = self.record(*argv, **settings)
        truth = json.loads(finished.out)
        ratio = facts["delay_ns"] / truth["waited_ns"]
        of_events = self.sum_ns(facts, LOCK) / truth["waited_ns"]
        print(f"{argv[0].rpartition('/')[2]} {argv[1:]}: recorded {ratio:.4f}, in events {of_events:.4f} "
              f"of {truth['waited_ns'] / 1e9:.2f} s", flush=True)
        self.assertAlmostEqual(ratio, 1, delta=0.02)
        self.assertAlmostEqual(of_events, 1, delta=0.02)
        self.assertEqual(sum(facts["n_losses"]), 0)
        return truth, facts

    def check_lock(self, kind, *suffix, **settings):
        truth, facts = self.check(self.program("wait_locks" + "".join(suffix)), kind, 4, long_or(10, 3), **settings)
        for family, function in ((LOCK, "take"), (HOLDER, "hold")):
            self.assertGreater(self.sum_ns(facts, family), 0)
            self.assertEqual(self.sum_ns(facts, family, function=function, lock=truth["lock"]), self.sum_ns(facts, family),
                             f"{kind}: not all in {function}()")
        # Until the release, not until the waiter has a CPU: never more than was waited.
        self.assertLessEqual(self.sum_ns(facts, HOLDER), truth["waited_ns"] * 1.02)
        if kind != "rwlock":  # whose readers hold it together
            self.assertEqual(truth["counter"], truth["n_taken"])

    def test_kinds(self):
        """Each kind of lock that libc has, preloaded."""
        for kind in ("mutex", "recursive", "errorcheck", "inherits", "robust", "adaptive", "rwlock", "c11", "semaphore"):
            with self.subTest(kind=kind):
                self.check_lock(kind)

    def test_linked(self):
        """Where the library is linked in."""
        for kind in ("mutex", "rwlock", "c11", "semaphore"):
            with self.subTest(kind=kind):
                self.check_lock(kind, "_linked", preloads=())

    def test_rust(self):
        """Rust's Mutex, which waits by a system call of its own."""
        _, facts = self.check(str(self.build_rust(RUST_LOCKS)))
        for family, function in ((LOCK, "take"), (HOLDER, "hold")):
            mine = sum(event["ns"] for event in facts["events"] if event["family"] == family
                       and any(function in frame for frame in event["frames"]))
            self.assertGreaterEqual(mine, 0.99 * self.sum_ns(facts, family))


class AllTimeIsAccountedFor(WaitRuns):
    """CPU, waits, run queue and what is left over are the wall time of each thread, which it knows; 1 % is left over at most."""

    def check(self, n_threads, seconds, suffix="", most_left=0.01, **settings):
        finished, facts = self.record(self.program("wait_mix" + suffix), n_threads, seconds, **settings)
        for name, (least, most) in json.loads(finished.out).items():
            wall = self.thread(facts, name)["wall_ns"]
            self.assertGreaterEqual(wall, least * 0.999, name)
            self.assertLessEqual(wall, most * 1.001, name)
        worst = self.assert_adds_up(facts)
        print(f"{n_threads} threads{suffix}, {settings or 'offcpu,lock'}: at most {worst:.4%} left over, {facts['stolen_ns'] / 1e6:.0f} ms stolen", flush=True)
        self.assertLessEqual(worst, most_left)
        self.assertEqual(sum(facts["n_losses"]), 0)

    def test_4_threads(self):
        """Sleep, poll, mutex, a busy loop, and a mix: preloaded and linked, with and without CPU samples."""
        self.check(5, long_or(10, 4))
        self.check(5, long_or(10, 4), "_linked", preloads=())
        self.check(4, long_or(10, 4), kinds="cpu,offcpu,lock")

    def test_32_threads(self):
        """The same on many more threads than CPUs."""
        self.check(32, long_or(20, 6))
        self.check(32, long_or(20, 6), kinds="cpu,offcpu,lock")

    def test_starved(self):
        """A thread that waits for a CPU for longer than for anything else: its waits are not counted twice."""
        _, facts = self.record(self.program("wait_starved"), 2)
        self.assert_adds_up(facts)

    def test_slow_birth(self):
        """What it takes to make a thread is no time of the thread, however long it is."""
        finished, facts = self.record(self.program("wait_slow_birth"), status=None)
        if finished.status == 77:
            self.skipTest("memory cannot be locked here (ulimit -l)")
        self.assertEqual(finished.status, 0, finished.err)
        self.assertGreater(int(finished.out), 4e6)  # else nothing is shown
        one = self.thread(facts, "slow-birth")
        self.assertLess(one["unattributed_ns"], 0.01 * one["wall_ns"] + facts["stolen_ns"], one)

    def test_ends(self):
        """What a thread has queued for since the helper's last look is known when it has ended."""
        for suffix, settings in (("", {}), ("_linked", {"preloads": ()})):
            _, facts = self.record(self.program("wait_ends" + suffix), long_or(50, 10), **settings)
            self.assert_adds_up(facts)
            ended = [one for one in facts["threads"] if one["name"] == "ends"]
            wall, queued, left = (sum(one[name] for one in ended) for name in ("wall_ns", "run_queue_ns", "unattributed_ns"))
            self.assertGreater(queued, wall / 4)
            self.assertLess(left, wall / 20 + facts["stolen_ns"])  # the sleeps in it are a hundredth or so

    def test_goes_slowly(self):
        """A thread that the kernel lists for a while after its function has returned is settled once: nothing counts twice."""
        for suffix, is_long, settings in (("", 0, {}), ("", 1, {}), ("_linked", 0, {"preloads": ()})):
            with self.subTest(suffix=suffix, is_long=is_long):
                finished, facts = self.record(self.program("wait_goes_slowly" + suffix), 4 if is_long else 8, is_long, **settings)
                self.assert_adds_up(facts)
                for name, cpu_ns in json.loads(finished.out).items():
                    one = self.thread(facts, name)
                    self.assert_within(one["cpu_ns"], cpu_ns, 0.25, name)  # a tick of another's more or less; not twice
                    self.assertEqual(one["n_waits"], 1)

    def test_pauses(self):
        """What is in a pause counts nowhere, of a wait that lasts beyond it neither; what was before it still counts."""
        finished, facts = self.record(self.program("wait_pauses"), kinds="cpu,offcpu,lock", preloads=())
        self.assert_adds_up(facts)
        for name, (least_ns, most_ns) in json.loads(finished.out).items():
            one = self.thread(facts, name)
            wall_ns = one.get("wall_ns", 0)  # one that was in the pause alone has no account
            # What a hypervisor takes of a thread before its first moment is taken for its maker's time; steal is told in ticks.
            self.assertGreaterEqual(wall_ns, least_ns - facts["stolen_ns"] - TICK_NS, name)
            self.assertLessEqual(wall_ns, most_ns, name)
            self.assertAlmostEqual(self.time_in_events(facts, one), wall_ns, delta=0.01 * least_ns, msg=name)
        waits = self.events(facts, OFFCPU, function="wait_for_end")
        self.assertEqual(sum(one["count"] for one in waits), 1)

    def test_two_sessions(self):
        """Of a wait that began before a session nothing is in it that was before, nor when it ends in that."""
        finished = self.run_command(self.program("wait_sessions"), self.folder / "wait.ppc", env=self.environment(preloads=(), kinds=""))
        self.assertEqual(finished.status, 0, finished.err)
        facts = self.read_facts()
        self.assert_adds_up(facts)
        for name, (least_ns, most_ns) in json.loads(finished.out).items():
            waits = self.events(facts, OFFCPU, function="wait_for_end")
            self.assertGreaterEqual(sum(one["ns"] for one in waits), 0.98 * least_ns, name)
            self.assertLessEqual(sum(one["ns"] for one in waits), most_ns, name)

    def test_cycle(self):
        """Each file of a cycle tells of its own window: threads' times are that long, and add up."""
        self.record(self.program("wait_mix"), 5, 2.1, kinds="cpu,offcpu,lock", PPROFC_CYCLE="0.3s/0.8s")
        paths = sorted(self.folder.glob("wait*.ppc"))
        self.assertEqual(len(paths), 3)
        lengths = []
        for path in paths:
            with self.subTest(path=path.name):
                facts = self.read_facts(path)
                self.assert_adds_up(facts)
                walls = [one["wall_ns"] for one in facts["threads"] if one.get("wall_ns", 0) > 0]
                self.assertEqual(len(walls), 1 + 5)
                lengths.append(max(walls))
                if path.name != "wait.ppc":  # the first, in which they are born
                    self.assertLess(max(walls) - min(walls), 0.06e9)  # read one after the other
        # It begins and ends when the helper has a CPU: most are as long as they should be, and none of a rest is in one.
        self.assertAlmostEqual(statistics.median(lengths), 0.3e9, delta=0.06e9)

    def test_storm(self):
        """Sessions and pauses at odd moments, threads that come and go in them and between: nothing is made up in any row."""
        before_ns = stolen_ns()
        finished = self.run_command(self.program("wait_storm"), self.folder, long_or(60, 4), env=self.environment(preloads=(), kinds=""))
        taken_ns = stolen_ns() - before_ns
        self.assertEqual(finished.status, 0, finished.err)
        n_rows = 0
        for number in range(int(finished.out)):
            facts = self.read_facts(self.folder / f"{number}.ppc")
            for one in facts["threads"]:
                wall_ns = one.get("wall_ns", 0)
                if one["name"] == "[other threads]" or wall_ns == 0:
                    continue
                total_ns = one["cpu_ns"] + one["blocked_ns"] + one["run_queue_ns"] + one["unattributed_ns"]
                if wall_ns >= SHORTEST_NS:
                    self.assert_within(total_ns, wall_ns, 0.01, f"{number}: {one}")
                if one["name"] != "breeder":  # in a wait of up to 100 ms when a session begins
                    self.assertLess(one["unattributed_ns"], 0.05 * wall_ns + 15e6 + taken_ns, f"{number}: {one}")
                self.assertLessEqual(one["delay_ns"], wall_ns * 1.01 + 1e6, f"{number}: {one}")
                self.assertLess(one["n_waits"], 1e6, f"{number}: {one}")
                n_rows += 1
            for event in facts["events"]:
                self.assertGreaterEqual(event["ns"], 0, f"{number}: {event}")
        self.assertGreater(n_rows, 100)

    def test_short_threads(self):
        """Threads that end before the helper's next look: all adds up; what it cannot tell any more it does not make up."""
        self.check(5, 0.05, most_left=1)
        for _ in range(long_or(100, 6)):  # a look in the wrong moment: 1 of 20 runs had a thread whose queue time stood in two events
            self.check(32, 0.2, most_left=1)


if __name__ == "__main__":
    unittest.main()
