"""pprofc bench: two commands in turn, their times, their profiles, and what it exits with."""
import json
import unittest
from pathlib import Path

from harness import EndToEnd, clean_environment
from planted import assert_planted


class Bench(EndToEnd):
    def command(self, pieces):
        return f"{self.program('fixed_parts')} {pieces}"

    def test_finds_what_became_dearer(self):
        """A part that takes eight times as much is found: in the CPU time with its limits, in the functions, by the status, in the picture."""
        before, after = self.command("40 60"), self.command("320 60")
        finished = self.pprofc("bench", "-n", "10", "--json", "--fail-above", "3%", "-o", "diff.svg", "--keep", "kept",
                               "--before", before, "--after", after)
        self.assertEqual(finished.status, 3, finished.err)
        found = json.loads(finished.out)
        cpu = found["cpu_seconds"]
        self.assertEqual((found["n_runs"], len(cpu["before"]), len(found["wall_seconds"]["after"])), (10, 10, 10))
        self.assertTrue(1 < cpu["ratio_95"][0] < cpu["ratio"] < cpu["ratio_95"][1], cpu)
        assert_planted(self, cpu, 3.1, 3.8)  # what a start takes beside both is a quarter of the shorter one at most
        self.assertEqual(found["profiles"]["variance"], "runs")
        rows = {row["function"]: row["flat"] for row in found["profiles"]["functions"]}
        self.assertEqual(rows["first_part"]["state"], "regressed")
        self.assertGreater(rows["first_part"]["growth_of_whole"], 2 * abs(rows["second_part"]["growth_of_whole"]))
        self.assertIn("first_part", (self.folder / "diff.svg").read_text())
        self.assertGreaterEqual(len(list((self.folder / "kept").glob("*.ppc"))), 20)

    def test_nothing_changed(self):
        """A command against itself: nothing fails, both lines are there, and no recording is left."""
        work = self.command("20 20")
        finished = self.pprofc("bench", "-n", "3", "--fail-above", "200%", "--before", work, "--after", work,
                               env=clean_environment(TMPDIR=self.folder))
        self.assertEqual(finished.status, 0, finished.err)
        self.assertRegex(finished.out, r"(?m)^Time +before .*, after .*: [+-].* %\), improvement .* %$")
        self.assertRegex(finished.out, r"(?m)^CPU +before ")
        self.assertRegex(finished.out, r"(?m)^Judged +by cost a run; variance between 3 and 3 runs")
        self.assertIn("second_part", finished.out)
        self.assertEqual(list(self.folder.glob("pprofc-bench.*")), [])

    def test_processes_that_are_killed(self):
        """What a killed process, and the shell that never comes to its end, have recorded is in the profile, and nothing stays in memory."""
        work = f"{self.command('60 60')} & wait; {self.command('60 60')}; kill -9 $$"
        finished = self.pprofc("bench", "-n", "1", "--before", f"sh -c '{work}' || true", "--after", f"sh -c '{work}' || true",
                               env=clean_environment(TMPDIR=self.folder))
        self.assertEqual(finished.status, 0, finished.err)
        self.assertIn("second_part", finished.out)
        mark = self.program("fixed_parts").encode()
        left = [path for path in Path("/dev/shm").glob("pprofc.*") if path.is_file() and mark in path.read_bytes()[:65536]]
        self.assertEqual(left, [])

    def test_shell_and_failures(self):
        """Commands are the shell's; one that fails ends the benchmark with its status and is named."""
        finished = self.pprofc("bench", "-n", "1", "--before", "true && echo seen", "--after", "true; exit 7")
        self.assertEqual(finished.status, 7)
        self.assertEqual((finished.own_lines[-1], finished.out), ("pprofc: run 1 of --after failed with 7: true; exit 7", ""))
        for words, said in ((["--before", "true"], "no --after"), (["-n", "0"], "no number of runs"), (["true"], "in one word")):
            finished = self.pprofc("bench", *words)
            self.assertEqual(finished.status, 2)
            self.assertIn(said, finished.err)


class Compare(EndToEnd):
    """pprofc_compare(): the second of two functions does half of the work of the first."""

    def test_half_of_the_work(self):
        """It tells an improvement with limits around it, fixed_piece() as improved, and leaves three pictures under a safe name."""
        finished = self.run_command(self.program("compares"), self.folder)
        self.assertEqual(finished.status, 0, finished.err)
        before_s, after_s, *rest, n_regressed, n_improved = map(float, finished.out.split())
        self.assertGreater(before_s, after_s)
        cpu, low, high = rest[3:]
        self.assertTrue(0 < low < cpu < high, finished.out)
        assert_planted(self, {"ratio": 1 - cpu / 100, "ratio_95": [1 - high / 100, 1 - low / 100]}, 0.5)
        self.assertEqual((n_regressed, n_improved), (0, 1), finished.out)
        self.assertEqual(sorted(path.name for path in self.folder.glob("*.svg")), [f"less_work_{one}.svg" for one in ("after", "before", "diff")])
        self.assertRegex((self.folder / "less_work_diff.svg").read_text(), r'<rect class="d0 died"[^>]*><title>twice \(')


if __name__ == "__main__":
    unittest.main()
