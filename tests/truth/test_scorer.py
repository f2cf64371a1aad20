"""The scorer itself: it accepts profiles that are right and refuses those that are not."""
import gzip
import random
import unittest

import pprof_read
import scorer
from scorer import Stack, Stacks

SECOND_NS = 1_000_000_000
PERIOD_NS = 1_000_000


def truth_of(shares, seconds=5, **more):
    total_ns = seconds * SECOND_NS
    phases = [{"name": name, "function": name, "cpu_ns": share * total_ns, "is_self": False}
              for name, share in shares.items()]
    return {"cpu_ns": total_ns, "roots": ["main"], "phases": phases, **more}


def draw(shares, n_samples=5000, seed=1, root="main"):
    """A fair sampler's profile of 'shares': each sample drawn by itself, with a jittered weight."""
    generator = random.Random(seed)
    stacks = []
    for name in generator.choices(list(shares), weights=list(shares.values()), k=n_samples):
        stacks.append(Stack([name, root, "_start"] if root else [name], generator.uniform(0.5, 1.5) * PERIOD_NS))
    return Stacks(stacks, PERIOD_NS)


class Scoring(unittest.TestCase):
    SHARES = {"heavy": 0.5, "middle": 0.3, "light": 0.2}

    def test_accepts_fair_samples(self):
        """200 fair profiles of 5000 samples pass: 4 sd of 3 phases fail by chance once in 5000 profiles."""
        for seed in range(200):
            result = scorer.score(draw(self.SHARES, seed=seed), truth_of(self.SHARES), check_total=False)
            self.assertTrue(result.is_ok, scorer.show(result))

    def test_errors_spread_as_the_bound_says(self):
        """The error of a fair profile, in sds, has a mean square of 1: the bound is neither wide nor narrow."""
        squares = []
        for seed in range(300):
            result = scorer.score(draw(self.SHARES, 1000, seed), truth_of(self.SHARES, 1), check_total=False)
            squares.append(result.rows[0].n_sds ** 2)
        self.assertAlmostEqual(sum(squares) / len(squares), 1.0, delta=0.3)

    def test_refuses_a_share_that_is_off(self):
        """5 points of 50 are 7 sd at 5000 samples."""
        result = scorer.score(draw({"heavy": 0.55, "middle": 0.27, "light": 0.18}), truth_of(self.SHARES))
        self.assertFalse(result.is_ok)
        self.assertIn("heavy", " ".join(result.problems))

    def test_kernel_time_outside_of_phases(self):
        """5 % in the kernel, outside of the phases, comes on top of all: right for a truth of the phases alone, off else;
        and a phase that is off, or user code that is missing from all phases, is refused all the same."""
        shares = {"heavy": 0.57, "light": 0.38}
        fair, off = {"heavy": 0.6, "light": 0.4}, {"heavy": 0.56, "light": 0.44}
        missing = {"heavy": 0.54, "light": 0.36, "elsewhere": 0.1}
        for of_phases, drawn, is_ok in ((False, fair, False), (True, fair, True), (True, off, False), (True, missing, False)):
            truth = truth_of(shares, is_of_phases=of_phases)
            result = scorer.score(draw(drawn, 20000), truth, check_total=False)
            self.assertEqual(result.is_ok, is_ok, scorer.show(result))

    def test_unsampled_time_of_a_whole_thread(self):
        """A program says that its phases are threads: what no sample saw of each is its own, nobody's where no thread has it; and it
        does not count where nothing bounds it."""
        def profile(unsampled_of):
            return Stacks([Stack(["work", "_start"], PERIOD_NS, thread="worker") for _ in range(980)]
                          + [Stack([scorer.UNSAMPLED], 20 * PERIOD_NS, n_samples=0, thread=unsampled_of)], PERIOD_NS)

        for is_by_thread, unsampled_of, check_total, is_ok in ((True, "main", True, True), (False, "main", True, False),
                                                               (True, scorer.OTHER_THREADS, True, False), (True, "main", False, False)):
            truth = truth_of({"work": 0.98}, 1, n_threads=40, is_by_thread=is_by_thread)
            truth["phases"][0] |= {"thread": "worker", "function": None}
            result = scorer.score(profile(unsampled_of), truth, check_total=check_total)
            self.assertEqual(result.is_ok, is_ok, scorer.show(result))
            self.assertEqual(result.n_samples, 980)

    def test_refuses_a_biased_turn(self):
        """A sampler in step with turns sees one of them alone: 50 points."""
        result = scorer.score(draw({"a": 1.0, "b": 0.0}), truth_of({"a": 0.5, "b": 0.5}))
        self.assertGreater(result.rows[0].n_sds, 60)

    def test_refuses_stacks_without_root(self):
        """2 % of stacks that stop early are too many, half a percent is not."""
        for n_cut, is_ok in ((100, False), (25, True)):
            profile = draw(self.SHARES, 5000)
            for stack in profile.stacks[:n_cut]:
                del stack.frames[1:]
            result = scorer.score(profile, truth_of(self.SHARES), check_total=False)
            self.assertEqual(result.is_ok, is_ok, scorer.show(result))

    def test_refuses_a_total_that_is_off(self):
        """A profile of 2 % more than the CPU clock is wrong."""
        profile = draw(self.SHARES, 5000)
        total_ns = sum(stack.weight for stack in profile.stacks)
        for factor, is_ok in ((1.0, True), (1.005, True), (0.98, False), (1.02, False)):
            truth = truth_of(self.SHARES)
            truth["cpu_ns"] = total_ns / factor
            for phase in truth["phases"]:
                phase["cpu_ns"] *= truth["cpu_ns"] / (5 * SECOND_NS)
            result = scorer.score(profile, truth)
            self.assertEqual(result.is_ok, is_ok, scorer.show(result))

    def test_refuses_too_much_unsampled(self):
        """One thread may leave two of the longest periods unseen, many threads one each on average, and no more."""
        self.assertAlmostEqual(scorer.max_unsampled_periods(1), 2 * 1.65)
        self.assertAlmostEqual(scorer.max_unsampled_periods(1000), 1, delta=0.01)
        host = scorer.HOST_NS / PERIOD_NS
        for periods, is_ok in ((3.2 + host, True), (3.5 + host, False)):
            profile = draw(self.SHARES, 5000)
            profile.stacks.append(Stack([scorer.UNSAMPLED], periods * PERIOD_NS, 0))
            truth = truth_of(self.SHARES)
            scale = sum(stack.weight for stack in profile.stacks) / truth["cpu_ns"]
            truth["cpu_ns"] *= scale
            for phase in truth["phases"]:
                phase["cpu_ns"] *= scale
            result = scorer.score(profile, truth)
            self.assertEqual(result.is_ok, is_ok, scorer.show(result))

    def test_refuses_an_empty_profile(self):
        """No samples is a failure, not a perfect score."""
        self.assertFalse(scorer.score(Stacks([]), truth_of(self.SHARES)).is_ok)

    def test_self_and_thread(self):
        """is_self looks at the leaf alone, thread at the thread's name alone."""
        stacks = Stacks([Stack(["even", "odd", "main"], 75, 75, "one"), Stack(["odd", "even", "main"], 25, 25, "two")])
        truth = {"cpu_ns": 100, "roots": ["main"],
                 "phases": [{"name": "self", "function": "even", "is_self": True, "cpu_ns": 75},
                            {"name": "total", "function": "even", "is_self": False, "cpu_ns": 100},
                            {"name": "thread", "thread": "two", "cpu_ns": 25}]}
        shares = [row.measured for row in scorer.score(stacks, truth).rows]
        self.assertEqual(shares, [0.75, 1.0, 0.25])

    def test_effective_count(self):
        """Equal weights count fully; weights 1 and 3 count as (1+3)^2 / (1+9) = 1.6 samples."""
        self.assertEqual(scorer.effective_count([Stack([], 2)] * 10), 10)
        self.assertAlmostEqual(scorer.effective_count([Stack([], 1), Stack([], 3)]), 1.6)


def tag(number, wire):
    return number_bytes(number << 3 | wire)


def number_bytes(value):
    out = bytearray()
    value &= (1 << 64) - 1
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def block(number, data):
    return tag(number, 2) + number_bytes(len(data)) + data


def scalar(number, value):
    return tag(number, 0) + number_bytes(value)


def small_profile(values=(3, 5)):
    """Written by hand after profile.proto: one sample, 3 and 5, at leaf (inlined in whole) called by main."""
    strings = ["", "samples", "count", "cpu", "nanoseconds", "leaf", "whole", "main", "a.c", "/bin/x", "thread_name", "w"]
    data = block(1, scalar(1, 1) + scalar(2, 2)) + block(1, scalar(1, 3) + scalar(2, 4))
    data += block(2, block(1, number_bytes(7) + number_bytes(8)) + block(2, b"".join(number_bytes(value) for value in values)) +
                  block(3, scalar(1, 10) + scalar(2, 11)))
    data += block(3, scalar(1, 1) + scalar(2, 0x1000) + scalar(3, 0x2000) + scalar(5, 9))
    data += block(4, scalar(1, 7) + scalar(2, 1) + scalar(3, 0x1100) + block(4, scalar(1, 1) + scalar(2, 11)) +
                  block(4, scalar(1, 2) + scalar(2, 22)))
    data += block(4, scalar(1, 8) + scalar(2, 1) + scalar(3, 0x1200) + block(4, scalar(1, 3) + scalar(2, 33)))
    for i, name in enumerate((5, 6, 7)):
        data += block(5, scalar(1, i + 1) + scalar(2, name) + scalar(4, 8) + scalar(5, 10 * i))
    for text in strings:
        data += block(6, text.encode())
    return data + scalar(10, 123) + scalar(12, 1000000) + scalar(14, 3)


class ReadingPprof(unittest.TestCase):
    def test_reads_all_parts(self):
        """Each field of a hand-made profile comes out where it belongs, from plain and gzipped bytes."""
        for data in (small_profile(), gzip.compress(small_profile())):
            profile = pprof_read.parse(data)
            self.assertEqual(profile.sample_types, [("samples", "count"), ("cpu", "nanoseconds")])
            self.assertEqual((profile.period, profile.duration_ns, profile.default_type), (1000000, 123, "cpu"))
            sample = profile.samples[0]
            self.assertEqual([(f.function, f.line, f.is_inlined, f.module) for f in sample.frames],
                             [("leaf", 11, True, "/bin/x"), ("whole", 22, False, "/bin/x"), ("main", 33, False, "/bin/x")])
            self.assertEqual((sample.values, sample.labels), ([3, 5], {"thread_name": "w"}))

    def test_refuses_broken_bytes(self):
        """A profile cut anywhere is refused or shorter; none of it is invented, and nothing else is raised."""
        whole = small_profile()
        for n_bytes in range(len(whole)):
            try:
                profile = pprof_read.parse(whole[:n_bytes])
            except (pprof_read.PprofError, IndexError):
                continue
            self.assertLessEqual(len(profile.samples), 1)

    def test_refuses_wrong_value_count(self):
        """A sample with one value under two types is refused."""
        with self.assertRaises(pprof_read.PprofError):
            pprof_read.parse(small_profile(values=(3,)))


if __name__ == "__main__":
    unittest.main()
