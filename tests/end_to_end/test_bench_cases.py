"""pprofc bench with cases: what they took, kept as a baseline, and what has changed since."""
import json
import math
import unittest

from harness import PROGRAMS, EndToEnd, clean_environment, long_or
from planted import assert_planted

RUNS = "8"


class Cases(EndToEnd):
    def bench(self, *args, status=0, **more):
        finished = self.pprofc("bench", *args, **more)
        self.assertEqual(finished.status, status, finished.err + finished.out)
        return finished

    def plain(self, *args, extra=0, cases=("first", "second"), **more):
        """The plain program, whose cases are its arguments."""
        names = [word for case in cases for word in ("--case", case)]
        return self.bench(*args, *names, "--", self.program("bench_cases"), env=clean_environment(BENCH_CASES_EXTRA=extra), **more)

    def compared(self, *args, **more):
        """The cases of the JSON, by name."""
        return {case["case"]: case for case in json.loads(self.plain(*args, "--json", **more).out)["cases"]}


class Judged(Cases):
    """Times that are written by hand: the program's answer is known, whatever the machine does meanwhile."""
    quiet, restless = (1, 1.02, 0.99, 1.01, 0.98), (1, 1.8, 1.75, 0.95, 1.7)

    def judged(self, before, after, spin=1.0):
        for name, times, machine in (("before", before, 1), ("after", after, spin)):
            self.plain("-q", "-n", "5", "--save-baseline", name, cases=["first"])
            path = self.folder / f".pprofc-bench/{name}/first.json"
            kept = json.loads(path.read_text())
            for kind in ("cpu", "wall"):
                kept[f"{kind}_seconds"] = list(times)
                kept[f"spin_{kind}_seconds"] = [machine] * 5
                kept[f"empty_{kind}_seconds"] = [0.001] * 5
            path.write_text(json.dumps(kept))
        shown = self.bench("--baseline", "before", "--load-baseline", "after", "--json")
        return json.loads(shown.out)["cases"][0]["cpu_seconds"]

    def test_small_change(self):
        """40 % and 5 % more are found where runs differ by 1 %, and told by their limits."""
        for percent in (40, 5):
            found = self.judged(self.quiet, [time * (1 + percent / 100) for time in self.quiet])
            self.assertEqual(found["state"], "regressed", found)
            self.assertAlmostEqual(found["ratio"], 1 + percent / 100, places=5)
            self.assertTrue(1 < found["ratio_95"][0] < found["ratio"] < found["ratio_95"][1] < found["ratio"] ** 2, found)

    def test_doubt(self):
        """The same is within noise where the machine's speed changes by as much, between runs or between the two."""
        self.assertEqual(self.judged(self.restless, [time * 1.4 for time in self.restless])["state"], "within noise")
        found = self.judged(self.quiet, [time * 1.4 for time in self.quiet], spin=1.5)
        self.assertEqual(found["state"], "within noise", found)
        self.assertTrue(found["ratio_95"][0] < 1, found)


class Plain(Cases):
    def test_slower_case(self):
        """A case of five times the work is found, by CPU time and function, with its picture and status 3; the other one is not."""
        saved = self.plain("-n", RUNS, "--save-baseline", "main")
        self.assertIn("pprofc: saved as main in .pprofc-bench", saved.own_lines)
        self.assertRegex(saved.out, r"(?m)^first\n  CPU +[\d.]+ ms \(95 %: [\d.]+ ms to [\d.]+ ms\)$")
        found = self.compared("-n", RUNS, "--baseline", "main", "--fail-above", "10%", extra=400, status=3)
        cpu = found["first"]["cpu_seconds"]
        self.assertEqual((cpu["state"], len(cpu["before"]), len(cpu["after"])), ("regressed", 8, 8), cpu)
        self.assertLess(1, cpu["ratio_95"][0])
        kept = json.loads((self.folder / ".pprofc-bench/main/first.json").read_text())
        start_part = sum(kept["empty_cpu_seconds"]) / sum(kept["cpu_seconds"])  # of a run, which is not five times as much
        assert_planted(self, cpu, 5 - 4 * start_part)
        rows = {row["function"]: row["flat"]["state"] for row in found["first"]["profiles"]["functions"]}
        self.assertEqual((rows["extra_work"], found["first"]["profiles"]["variance"]), ("new", "runs"))
        assert_planted(self, found["second"]["cpu_seconds"], 1)
        self.assertIn("extra_work", (self.folder / ".pprofc-bench/first.svg").read_text())
        self.assertTrue((self.folder / ".pprofc-bench/second.svg").exists())

    def test_text(self):
        """People see when and against what, both times with limits, the functions, the picture's name, and a count."""
        self.plain("-n", RUNS)
        shown = self.plain("-n", RUNS, extra=400)
        self.assertRegex(shown.out, r"^Before   base of \d{4}-\d\d-\d\d \d\d:\d\d UTC, 8 runs a case; now 8\n")
        self.assertRegex(shown.out, r"(?m)^first\n  CPU +.* ms -> +.* \+\d.* % \(95 %: \+.* to \+.* %\)  regressed$")
        self.assertRegex(shown.out, r"(?m)^        new +\+.* % of the whole, now +\d.* %  extra_work$")
        self.assertIn("flame graph of both: .pprofc-bench/first.svg\n", shown.out)
        self.assertRegex(shown.out, r"\n2 cases by CPU time: .*1 regressed")

    def test_run_before(self):
        """Without a word about baselines a run is compared with the one before, and replaces it; --baseline replaces nothing."""
        self.plain("-n", RUNS, extra=400)
        self.assertEqual(self.compared("-n", RUNS)["first"]["cpu_seconds"]["state"], "improved")
        before = {path.name: path.read_bytes() for path in (self.folder / ".pprofc-bench/base").iterdir()}
        self.assertEqual(sorted(before), ["first.json", "first.pb.gz", "second.json", "second.pb.gz"])
        self.assertEqual(self.compared("-n", RUNS, "--baseline", "base", extra=400)["first"]["cpu_seconds"]["state"], "regressed")
        self.assertEqual(before, {path.name: path.read_bytes() for path in (self.folder / ".pprofc-bench/base").iterdir()})

    def test_two_baselines(self):
        """Saved baselines are compared without measuring, case by case, also by an expression."""
        self.plain("-n", RUNS, "--store", "kept", "--save-baseline", "one")
        self.plain("-n", RUNS, "--store", "kept", "--save-baseline", "two", extra=400)
        shown = json.loads(self.bench("--store", "kept", "--baseline", "one", "--load-baseline", "two", "--json", "--filter", "^f").out)
        self.assertEqual([(case["case"], case["cpu_seconds"]["state"]) for case in shown["cases"]], [("first", "regressed")])
        self.assertEqual((shown["baseline"], shown["saved"], shown["cases"][0]["profiles"]["variance"]), ("one", None, "runs"))

    def test_new_and_missing(self):
        """A case that the baseline lacks is new and never fails; one that was not measured is counted and stays."""
        self.plain("-n", "2", cases=["second"])
        shown = self.plain("-n", "2", "--fail-above", "0%", "-o", "pictures", cases=["first"])
        self.assertIn("first  (new)\n", shown.out)
        self.assertIn("1 case by CPU time: 1 new\n", shown.out)
        self.assertEqual({path.name for path in (self.folder / ".pprofc-bench/base").glob("*.json")}, {"first.json", "second.json"})
        shown = self.plain("-n", "2", cases=["first"])
        self.assertIn("Note     1 cases of the baseline were not measured\n", shown.out)

    def test_profiles_are_files(self):
        """The profile of a case is one pprof file, in which a label says which run a sample is of."""
        self.plain("-n", "3", cases=["first"])
        self.assertTrue(self.read_profile(self.folder / ".pprofc-bench/base/first.pb.gz"))
        report = json.loads(self.pprofc("report", "--by", "label:bench_run", "--json", ".pprofc-bench/base/first.pb.gz").out)
        self.assertEqual(sorted(row["label"] for row in report["top"]), ["0", "1", "2"])

    def test_commands_of_their_own(self):
        """--case NAME=COMMAND is run by the shell, whatever characters the name has."""
        program = self.program("bench_cases")
        names = ["a/b <c> 'd' %", "." * 3, "long " * 60]
        cases = [word for name in names for word in ("--case", f"{name}={program} first 5 && true")]
        listed = self.bench("--list", *cases)
        self.assertEqual(listed.out, "".join(name + "\n" for name in names))
        self.assertFalse((self.folder / ".pprofc-bench").exists())
        self.bench("-n", "2", *cases)
        self.assertIn("within noise", self.bench("-n", "2", *cases).out)
        kept = list((self.folder / ".pprofc-bench/base").glob("*.json")) + list((self.folder / ".pprofc-bench/base").glob(".*.json"))
        self.assertEqual(sorted(json.loads(path.read_text())["case"] for path in kept), sorted(names))

    def test_failures(self):
        """What fails is named, with its status, and leaves the baseline as it was; so does wrong usage."""
        self.plain("-n", "2")
        before = {path.name: path.read_bytes() for path in (self.folder / ".pprofc-bench/base").iterdir()}
        finished = self.plain("-n", "2", cases=["first", "third"], status=9)
        self.assertRegex(finished.own_lines[-1], "pprofc: run 1 of case third failed with 9: exec ")
        self.assertEqual(before, {path.name: path.read_bytes() for path in (self.folder / ".pprofc-bench/base").iterdir()})
        for status, said, words in ((1, "there is no baseline old in .pprofc-bench", ["--baseline", "old", "--case", "a=true"]),
                                    (2, "has no command", ["--case", "a"]),
                                    (2, "two cases are called a", ["--case", "a=true", "--case", "a=false"]),
                                    (2, "either two commands", ["--before", "true", "--after", "true", "--case", "a=true"]),
                                    (2, "a baseline cannot be called", ["--save-baseline", "a/b", "--case", "a=true"]),
                                    (2, "one of them", ["--save-baseline", "a", "--baseline", "b", "--case", "a=true"]),
                                    (2, "measures nothing", ["--load-baseline", "a", "--case", "a=true"]),
                                    (2, "matches no case", ["--filter", "x", "--case", "a=true"]),
                                    (2, "no cases given", ["--save-baseline", "a"]),
                                    (1, "lists no benchmarks", ["--", "false"])):
            finished = self.bench(*words, status=status)
            self.assertIn(said, finished.err)

    def test_broken_baseline(self):
        """A baseline that is no baseline is refused before anything is run, with the file and the byte."""
        self.plain("-n", "2")
        path = self.folder / ".pprofc-bench/base/first.json"
        path.write_text(path.read_text().replace('"cpu_seconds":[', '"cpu_seconds":[-'))
        finished = self.plain("-n", "2", status=1)
        self.assertRegex(finished.err, r"first\.json: no times of a benchmark: a time that is none at byte \d+")
        path.write_text('{"pprofc_bench": 99, "case": "first"}')
        self.assertIn("is of a newer pprofc", self.plain("-n", "2", status=1).err)

    def test_nothing_changed(self):
        """The same program twice is within noise: of cases that did not change those said to have are few (binomial)."""
        cases = [f"same {i}={self.program('bench_cases')} first 40" for i in range(3)]
        words = [word for case in cases for word in ("--case", case)]
        n_changed = n_rounds = 0
        for _ in range(long_or(20, 6)):
            self.bench("-q", "-n", "5", "--save-baseline", "same", *words)
            found = json.loads(self.bench("-q", "-n", "5", "--json", "--baseline", "same", *words).out)
            states = [case[key]["state"] for case in found["cases"] for key in ("cpu_seconds", "wall_seconds")]
            n_changed += any(state != "within noise" for state in states)
            n_rounds += 1
        print(f"{n_changed} of {n_rounds} comparisons of a program with itself say that something changed", flush=True)
        # One in twenty: more than 4 of 20 come by chance in one case of 390, more than 3 of 6 in one of 11 000.
        self.assertLessEqual(n_changed, long_or(4, 3))


class Google(Cases):
    """A real program of Google Benchmark, where libbenchmark-dev is installed."""

    def setUp(self):
        super().setUp()
        if not (PROGRAMS / "google_cases").exists():
            self.skipTest("Google Benchmark's library is not installed: libbenchmark-dev")

    def google(self, *args, extra=0, **more):
        return self.bench(*args, "--", PROGRAMS / "google_cases", "--benchmark_min_time=0.02",
                          env=clean_environment(GOOGLE_CASES_EXTRA=extra), **more)

    def test_list(self):
        """The program's own list is the list of cases."""
        self.assertEqual(self.google("--list").out.splitlines(),
                         ["BM_parts/5000", "BM_parts/50000", "BM_sum<uint64_t>/real_time", "BM_fails"])

    def assert_parts(self, steady, slow, ratio):
        """By their shares slow_part() has two of three iterations' parts (4 standard errors), and what both are dearer by is what the times say."""
        n_samples = steady["n_samples"][1] + slow["n_samples"][1]
        share = slow["share"][1] / (steady["share"][1] + slow["share"][1])
        self.assertLess(abs(share - 2 / 3), 4 * math.sqrt(2 / 9 / n_samples), (steady, slow))
        self.assertLess(abs(steady["growth_of_whole"] + slow["growth_of_whole"] - (ratio - 1)), 0.1 * ratio, (steady, slow))

    def test_slower_benchmark(self):
        """Times are the program's own, of an iteration; three times the work is found as such, although the program runs for as long."""
        self.google("-n", RUNS, "--filter", "BM_parts|BM_sum", "--save-baseline", "main")
        shown = self.google("-n", RUNS, "--filter", "BM_parts|BM_sum", "--baseline", "main", "--json", "--fail-above", "10%", extra=200,
                            status=3)
        found = {case["case"]: case for case in json.loads(shown.out)["cases"]}
        self.assertEqual(len(found), 3)
        for name in ("BM_parts/5000", "BM_parts/50000"):
            cpu = found[name]["cpu_seconds"]
            self.assertEqual((found[name]["per"], cpu["state"]), ("iteration", "regressed"), cpu)
            assert_planted(self, cpu, 3)
            rows = {row["function"].rpartition("::")[2]: row["flat"] for row in found[name]["profiles"]["functions"]}
            self.assertIn(rows["slow_part"]["state"], ("new", "regressed"))
            self.assert_parts(rows["steady_part"], rows["slow_part"], sum(cpu["after"]) / sum(cpu["before"]))
        # 50 000 steps take ten times as long as 5 000: no time of a whole run.
        times = [sum(found[name]["cpu_seconds"]["before"]) for name in ("BM_parts/5000", "BM_parts/50000")]
        self.assertTrue(6 < times[1] / times[0] < 15, times)

    def test_benchmark_that_fails(self):
        """One that says that it cannot work is left out with its own words; when none is left that is a failure."""
        finished = self.google("-n", "1", "--filter", "BM_fails|50000")
        self.assertIn("pprofc: case BM_fails is left out: it says: this one cannot work", finished.own_lines)
        self.assertIn("BM_parts/50000", finished.out)
        self.assertIn("no case is left", self.google("-n", "1", "--filter", "BM_fails", status=1).err)

    def test_own_words(self):
        """What the program says on standard error is shown when it fails, and not else."""
        self.assertNotIn("Run on", self.google("-n", "1", "--filter", "50000").err)
        finished = self.google("-n", "1", "--filter", "50000", extra=-1, status=5)
        self.assertIn("google_cases: it cannot go on", finished.err)
        finished = self.bench("-n", "1", "--", PROGRAMS / "google_cases", "--no-such-flag", status=1)
        self.assertIn("lists no benchmarks", finished.err)


if __name__ == "__main__":
    unittest.main()
