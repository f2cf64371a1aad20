"""src/profile/statistics.c beside values computed in another way: densities integrated, equations solved by bisection, sums exact.

Nothing here shares a formula with the C code: no continued fraction, no expansion, no closed form of an interval.
"""
import fractions
import math
import random
import statistics
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from built import BUILD, built  # noqa: E402

PROGRAM = BUILD / "tests/oracle/statistics_values"
Z = statistics.NormalDist().inv_cdf(0.975)


def ask(questions):
    """The program's answer to each question, as a list of numbers."""
    text = "".join(" ".join([name, *map(repr, map(float, values))]) + "\n" for name, *values in questions)
    done = subprocess.run([PROGRAM], input=text, capture_output=True, text=True, check=True, timeout=60)
    return [list(map(float, line.split())) for line in done.stdout.splitlines()]


def integrate(function, low, high, n=4000):
    """Simpson's rule."""
    step = (high - low) / n
    inner = sum((4 if i % 2 else 2) * function(low + i * step) for i in range(1, n))
    return (function(low) + inner + function(high)) * step / 3


def student_p(t, degrees):
    """The two tails of Student's density.  With t = sqrt(degrees) tan(angle) it is a power of a cosine, on a bounded piece."""
    def density(angle):
        return math.cos(angle) ** (degrees - 1)
    edge = math.atan(t / math.sqrt(degrees))
    scale = math.gamma((degrees + 1) / 2) / (math.gamma(degrees / 2) * math.sqrt(math.pi))
    return 2 * scale * integrate(density, edge, math.pi / 2)


def bisect(function, low, high):
    """Where an increasing function is 0."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


def wilson(share, n, z):
    """The true shares that are just 'z' of their own standard errors away from the one seen."""
    def distance(true):
        return abs(share - true) - z * math.sqrt(true * (1 - true) / n)
    low = 0.0 if share == 0 else bisect(lambda true: -distance(true), 0, share)
    high = 1.0 if share == 1 else bisect(distance, share, 1)
    return low, high


class Statistics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        built(PROGRAM)

    def test_student_p(self):
        """Tails of Student's distribution are those of its integrated density, from 1 degree to 120."""
        cases = [(t, degrees) for degrees in (1, 1.5, 2, 3, 4.7, 9, 17.776, 30, 61.3, 120) for t in (0.1, 0.7, 1.5, 2.1, 4, 8)]
        for (t, degrees), (found,) in zip(cases, ask([("student_p", *case) for case in cases])):
            with self.subTest(t=t, degrees=degrees):
                # The density has a corner at the end of the piece for degrees below 3.
                self.assertAlmostEqual(found, student_p(t, degrees), delta=2e-4 if degrees < 2 and degrees != 1 else 1e-9)

    def test_normal(self):
        """With many degrees it is the normal distribution, far into the tail."""
        for t in (0.01, 0.5, 1, Z, 3, 5, 8):
            (found,), = ask([("student_p", t, 1e9)])
            wanted = 2 * integrate(statistics.NormalDist().pdf, t, t + 12)
            self.assertAlmostEqual(found / wanted, 1, delta=1e-6)
        self.assertAlmostEqual(ask([("student_95", 1e12)])[0][0], Z, delta=1e-9)

    def test_student_95(self):
        """95 % points are where the integrated density leaves 5 %; the expansion is good to a thousandth."""
        for degrees in (1, 2, 3, 3.9, 4, 5.5, 8, 12.3, 29, 60, 119):
            (found,), = ask([("student_95", degrees)])
            wanted = bisect(lambda t: 0.05 - student_p(t, degrees), 0, 20)
            self.assertAlmostEqual(found / wanted, 1, delta=1e-3, msg=str(degrees))

    def test_log_variance(self):
        """Mean and variance of the logarithm of chi-squared / degrees are those of its integrated density, and back."""
        for degrees in (1.5, 2, 3, 7, 9, 19, 21, 47, 500):
            def density(log, degrees=degrees):  # of log(chi-squared / degrees)
                x = degrees * math.exp(log)
                return math.exp(degrees / 2 * (math.log(x) - math.log(2)) - x / 2 - math.lgamma(degrees / 2))
            low, high = -60 / degrees - 1, min(5, 20 / math.sqrt(degrees))
            self.assertAlmostEqual(integrate(density, low, high, 40000), 1, delta=1e-7)
            mean = integrate(lambda log, of=density: log * of(log), low, high, 40000)
            variance = integrate(lambda log, of=density, mean=mean: (log - mean) ** 2 * of(log), low, high, 40000)
            (found_mean, found_variance), (back,) = ask([("log_variance", degrees), ("degrees_of_spread", variance)])
            with self.subTest(degrees=degrees):
                self.assertAlmostEqual(found_mean, mean, delta=1e-7)
                self.assertAlmostEqual(found_variance / variance, 1, delta=1e-6)
                self.assertAlmostEqual(back / degrees, 1, delta=1e-5)
        for nothing in (0, -0.1):
            self.assertEqual(ask([("degrees_of_spread", nothing)])[0][0], math.inf)

    def test_wilson(self):
        """Wilson's limits solve the equation they come from."""
        for share, n in ((0, 20), (1, 20), (0.3, 10), (0.308, 263), (0.0005, 12345.6), (0.9999, 50000), (0.5, 1)):
            for z in (1, Z, 3):
                with self.subTest(share=share, n=n, z=z):
                    (low, high), = ask([("wilson", share, n, z)])
                    wanted = wilson(share, n, z)
                    self.assertAlmostEqual(low, wanted[0], delta=1e-9)
                    self.assertAlmostEqual(high, wanted[1], delta=1e-9)

    def test_wilson_covers(self):
        """They hold the true share in about 95 % of all outcomes of n trials, by the exact binomial distribution."""
        for n in (20, 50, 200):
            limits = ask([("wilson", hits / n, n, Z) for hits in range(n + 1)])
            covered = []
            for true in (0.05, 0.1, 0.3, 0.5, 0.77):
                exact = fractions.Fraction(true).limit_denominator(100)
                sums = sum(math.comb(n, hits) * exact ** hits * (1 - exact) ** (n - hits)
                           for hits, (low, high) in enumerate(limits) if low <= true <= high)
                covered.append(float(sums))
                self.assertGreater(covered[-1], 0.92, f"{true} of {n}")
            self.assertAlmostEqual(statistics.mean(covered), 0.95, delta=0.02)

    def test_newcombe(self):
        """His limits are Wilson's of both shares put together as the sides of right angles."""
        for a, n_a, b, n_b in ((0.8, 70, 0.6, 80), (0.9, 10, 0.3, 10), (5 / 56, 56, 0, 29), (0, 10, 0, 10), (0.2, 30000, 0.21, 29000)):
            (low, high), = ask([("newcombe", a, n_a, b, n_b, Z)])
            (low_a, high_a), (low_b, high_b) = wilson(a, n_a, Z), wilson(b, n_b, Z)
            self.assertAlmostEqual(low, b - a - math.dist((b, high_a), (low_b, a)), delta=1e-9)
            self.assertAlmostEqual(high, b - a + math.dist((high_b, a), (b, low_a)), delta=1e-9)

    def test_newcombe_covers(self):
        """They hold the true difference in about 95 % of all pairs of outcomes, by the exact binomial distribution."""
        n_a, n_b, true_a, true_b = 40, 30, 0.3, 0.45
        pairs = [(a, b) for a in range(n_a + 1) for b in range(n_b + 1)]
        found = ask([("newcombe", a / n_a, n_a, b / n_b, n_b, Z) for a, b in pairs])
        covered = sum(math.comb(n_a, a) * true_a ** a * (1 - true_a) ** (n_a - a) * math.comb(n_b, b) * true_b ** b * (1 - true_b) ** (n_b - b)
                      for (a, b), (low, high) in zip(pairs, found) if low <= true_b - true_a <= high)
        self.assertAlmostEqual(covered, 0.95, delta=0.02)

    def test_welch(self):
        """Degrees of freedom in exact fractions; ratios, limits and p of random runs by mean, variance and the integrated density."""
        for numbers in ((0.3200556, 9, 0.4009, 9), (1, 3, 100, 17), (5, 2, 5, 2)):
            va, da, vb, db = map(fractions.Fraction, numbers)
            (found,), = ask([("welch_degrees", *numbers)])
            self.assertAlmostEqual(found, float((va + vb) ** 2 / (va ** 2 / da + vb ** 2 / db)), delta=1e-9)
        source = random.Random(7)
        for n in (2, 3, 8, 20):
            before, after = ([source.lognormvariate(middle, 0.1) for _ in range(n)] for middle in (0, 0.08))
            (ratio, low, high, p), = ask([("unpaired", *before, *after)])
            logs = [list(map(math.log, side)) for side in (before, after)]
            errors = [statistics.variance(side) / n for side in logs]
            degrees = sum(errors) ** 2 / sum(error ** 2 / (n - 1) for error in errors)
            middle = statistics.mean(logs[1]) - statistics.mean(logs[0])
            error = math.sqrt(sum(errors))
            self.assertAlmostEqual(ratio, statistics.geometric_mean(after) / statistics.geometric_mean(before), delta=1e-9)
            self.assertAlmostEqual(p, student_p(abs(middle) / error, degrees), delta=2e-4 if degrees < 2 else 1e-8)
            half = error * bisect(lambda t: 0.05 - student_p(t, degrees), 0, 20)
            self.assertAlmostEqual(math.log(low), middle - half, delta=1e-3 * half + 1e-9)
            self.assertAlmostEqual(math.log(high), middle + half, delta=1e-3 * half + 1e-9)

    def test_benjamini_hochberg(self):
        """An adjusted value is the smallest rate at which the procedure, done as the paper says, finds that test."""
        source = random.Random(3)
        for n in (1, 2, 7, 40):
            p = [round(source.random() ** 3, 6) for _ in range(n)]
            for value, adjusted in zip(p, ask([("benjamini_hochberg", *p)])[0]):
                def finds(rate, value=value):
                    passing = [sorted(p)[k] for k in range(n) if sorted(p)[k] <= (k + 1) / n * rate]
                    return bool(passing) and value <= max(passing)
                self.assertTrue(finds(adjusted * (1 + 1e-12)), (p, value, adjusted))
                self.assertFalse(finds(adjusted * (1 - 1e-9)) and adjusted > 0, (p, value, adjusted))


if __name__ == "__main__":
    unittest.main()
