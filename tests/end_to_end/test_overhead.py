"""pprofc overhead and pprofc_overhead_measure(): what profiling costs, measured, counted, and told when it cannot be told."""
import json
import unittest
from pathlib import Path

from harness import IS_SANITIZED, EndToEnd, clean_environment


class Overhead(EndToEnd):
    def measure(self, *words, **variables):
        return self.pprofc("overhead", *words, env=clean_environment(TMPDIR=self.folder, **variables))

    def test_figures(self):
        """Two baselines and a profiled run a round; times, limits and floor agree with each other; the recordings' own count is above
        nothing and below a tenth; memory and bytes are told; no file is left."""
        finished = self.measure("-n", "3", "-F", "1000", "--json", "--", self.program("fixed_parts"), "60", "60")
        self.assertEqual(finished.status, 0, finished.err)
        found = json.loads(finished.out)
        self.assertEqual((found["n_rounds"], found["kinds"], found["frequency_hz"]), (3, "cpu", 1000))
        for which in ("wall", "cpu"):
            time = found[which]
            self.assertGreater(min(time["baseline_seconds"], time["profiled_seconds"]), 0.005)
            low, high = time["percent_95"]
            self.assertTrue(low <= time["percent"] <= high, time)
            self.assertEqual(time["is_below_floor"], abs(time["percent"]) <= time["floor_percent"], time)
        counted = found["counted"]
        self.assertTrue(0 < counted["percent"] < 25, counted)
        self.assertGreater(counted["samples"], 10)
        self.assertIsNone(counted["delivery_seconds"])
        self.assertAlmostEqual(counted["program_seconds"], found["cpu"]["profiled_seconds"], delta=0.5 * found["cpu"]["profiled_seconds"])
        self.assertGreater(found["memory"]["recording_bytes"], 100_000)
        self.assertGreater(found["written"]["recording_bytes"], 1000)
        self.assertTrue(200 < found["written"]["profile_bytes"] < found["written"]["recording_bytes"], found["written"])
        self.assertGreater(found["written"]["names_seconds"], 0)
        self.assertEqual(list(self.folder.glob("pprofc-bench.*")), [])

    def test_words(self):
        """For people a line each; what is within the floor is said to be, and what is not known yet."""
        finished = self.measure("-n", "2", "-k", "cpu,heap", "--", self.program("fixed_parts"), "20", "20")
        self.assertEqual(finished.status, 0, finished.err)
        percent = r"[+-][\d.]+ %"
        self.assertRegex(finished.out, rf"(?m)^Time +baseline .*, profiled .*: {percent} \(95 %: [+-][\d.]+ to {percent}\), floor [\d.]+ %$")
        self.assertRegex(finished.out, rf"(?m)^CPU +baseline .*: {percent} ")
        self.assertRegex(finished.out, r"(?m)^Counted +[\d.]+ % of the program's CPU, by the recordings, a run: helper .*, handlers ")
        self.assertIn("measured after 5 s of CPU: 2 of 2 processes were shorter", finished.out)
        self.assertRegex(finished.out, r"(?m)^Memory +recording .*B \(shared\), tables .*B")
        self.assertRegex(finished.out, r"(?m)^Written +.*B a run as raw recordings .*, .*B as \.pb\.gz")
        one = self.measure("-n", "1", "--", self.program("fixed_parts"), "2", "2")
        self.assertEqual(one.status, 0, one.err)
        self.assertIn("one round has no limits: give -n 2 or more", one.out)

    def test_runs_are_what_they_are_said_to_be(self):
        """The baselines have PPROFC=off and no library of ours; the profiled run has it, and what it starts has not, as under `pprofc run`; all
        have the same empty input."""
        script = self.folder / "says.sh"
        script.write_text('#!/bin/sh\necho "${PPROFC:-none} $(grep -c libpprofc-preload /proc/$$/maps) $(wc -c)" >> "$1"\n')
        script.chmod(0o755)
        finished = self.measure("-n", "6", "-q", "--", script, self.folder / "said")
        self.assertEqual(finished.status, 0, finished.err)
        said = [line.split() for line in (self.folder / "said").read_text().splitlines()]
        self.assertEqual(len(said), 18)
        kinds = "".join("b" if words[:2] == ["off", "0"] else "p" if words[0] == "none" and int(words[1]) > 0 else "?" for words in said)
        self.assertEqual([sorted(kinds[i:i + 3]) for i in range(0, 18, 3)], [["b", "b", "p"]] * 6, kinds)
        self.assertEqual({kinds[i:i + 3].index("p") for i in range(0, 18, 3)}, {0, 1, 2})
        self.assertEqual({words[2] for words in said}, {"0"})

    def test_failures(self):
        """A run that fails ends it with the run's status, and says with or without the profiler; the rest is usage, or what cannot be."""
        failed = self.measure("-n", "1", "--", "sh", "-c", "exit 7")
        self.assertEqual((failed.status, failed.out), (7, ""))
        self.assertIn("ended with 7 without the profiler, in round 1: nothing is compared", failed.err)
        for words, status, said in ((["-n", "0", "--", "true"], 2, "no number of runs"), (["--"], 2, "no program given"),
                                    (["--", "/no/such/program"], 127, "not found"), (["--", "/etc/passwd"], 126, "not executable")):
            finished = self.measure(*words)
            self.assertEqual(finished.status, status, finished.err)
            self.assertIn(said, finished.err)
        off = self.measure("--", "true", PPROFC="off")
        self.assertEqual(off.status, 1)
        self.assertIn("nothing to measure; unset it", off.err)

    def test_nothing_is_left_in_memory(self):
        """No recording stays behind in /dev/shm."""
        self.assertEqual(self.measure("-n", "1", "--", self.program("fixed_parts"), "3", "3").status, 0)
        mark = self.program("fixed_parts").encode()
        left = [path for path in Path("/dev/shm").glob("pprofc.*") if path.is_file() and mark in path.read_bytes()[:65536]]
        self.assertEqual(left, [])


class Measure(EndToEnd):
    """pprofc_overhead_measure() of a function that spins."""

    def test_in_the_program(self):
        """It calls the function three times a round; times, limits and floor agree; the profiler's own count is in it; a session that runs is
        refused."""
        finished = self.run_command(self.program("overheads"), "1000", timeout_s=60)
        self.assertEqual(finished.status, 0, finished.err)
        found = {words[0]: [float(word) for word in words[1:]] for words in map(str.split, finished.out.splitlines())}
        self.assertEqual(found["calls"], [12])
        for which in ("wall", "cpu"):
            baseline, profiled, percent, low, high, floor, is_below = found[which]
            self.assertTrue(low <= percent <= high and baseline > 0 and profiled > 0, finished.out)
            self.assertEqual(bool(is_below), abs(percent) <= floor, finished.out)
        own_s, own_percent = found["own"]
        self.assertGreater(own_s, 0)
        self.assertTrue(0 < own_percent < 25, finished.out)
        self.assertGreater(found["memory"][0], 100_000)


@unittest.skipIf(IS_SANITIZED, "its reader of recordings is not built")
class DeliveriesAreCounted(EndToEnd):
    """Each sample is counted at what its own way of coming costs, once that is measured, after 5 s of CPU."""

    def facts(self, *argv, **variables):
        path = self.folder / "it.ppc"
        finished = self.pprofc("run", "-f", "-F", "100", "-o", path, "--", *argv, env=clean_environment(**variables))
        self.assertEqual(finished.status, 0, finished.err)
        facts = json.loads(self.run_command(self.program("cost_facts"), path).out)
        self.assertGreater(facts["n_samples"], 100)
        return facts

    def test_short(self):
        """Of 2 s nothing is known."""
        facts = self.facts(self.program("kernel_time"), 2)
        self.assertEqual((facts["is_known"], facts["cost_ns"]), (0, 0))

    def test_beside_others(self):
        """Where many threads want the CPUs it is known as well: no signal is brought in less than a microsecond."""
        facts = self.facts(self.program("spinners"), 40, 0.16)
        self.assertEqual(facts["is_known"], 1)
        self.assertGreater(facts["cost_ns"] / facts["n_samples"], 1e3)
        self.assertLess(facts["cost_ns"] / facts["n_samples"], 100e3)

    def test_by_timer(self):
        """A thread that is much in the kernel has a CPU timer: its samples cost less than those of perf events before."""
        facts = self.facts(self.program("kernel_time"), 6.5)
        self.assertEqual(facts["is_known"], 1)
        self.assertGreater(facts["timer_delivery_ns"], 0)
        self.assertGreater(facts["n_by_timer"], 0.8 * facts["n_samples"])
        others = max(facts["n_samples"] - facts["n_by_timer"], 0)
        self.assertEqual(facts["cost_ns"], facts["n_by_timer"] * facts["timer_delivery_ns"] + others * facts["delivery_ns"])

    def test_by_timers_alone(self):
        """Where there is nothing else, too."""
        facts = self.facts(self.program("kernel_time"), 0.5, 6, PPROFC_DELIVERY="cpu-timer")
        self.assertEqual(facts["delivery_ns"], facts["timer_delivery_ns"])
        self.assertEqual(facts["cost_ns"], facts["n_by_timer"] * facts["timer_delivery_ns"])
        self.assertGreater(facts["cost_ns"], 0)


if __name__ == "__main__":
    unittest.main()
