"""pprofc diff: what it says of profiles whose differences are known, in all its forms, and what it exits with."""
import json
import re
import unittest

from harness import EndToEnd

BEFORE = "main;worse 2000\nmain;better 4000\nmain;gone 500\nmain;same 3000\nmain;rare 3\n"
AFTER = "main;worse 3000\nmain;better 2500\nmain;new 600\nmain;same 3020\nmain;rare 5\n"
STATES = {"worse": "regressed", "better": "improved", "new": "new", "gone": "gone", "same": "within noise", "rare": "too few samples",
          "main": "too few samples"}


class Diff(EndToEnd):
    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def sides(self):
        return self.write("before.folded", BEFORE), self.write("after.folded", AFTER)

    def test_table(self):
        """Each function with its state, values, change and limits; real changes first; the head has totals and the method."""
        finished = self.pprofc("diff", *self.sides())
        self.assertEqual(finished.status, 0, finished.err)
        lines = finished.out.splitlines()
        self.assertRegex(lines[0], r"^Before +9 503 of samples in 9 503 samples$")
        self.assertRegex(lines[2], r"^Change +-4\.0 %, improvement 4\.0 %$")
        self.assertRegex(lines[3], r"^Judged +by cost a run; binomial variance.*Benjamini-Hochberg")
        rows = [line for line in lines if re.search(r"(better|worse|new|gone|same|rare)$", line)]
        self.assertEqual([line.split()[-1] for line in rows[:4]], ["better", "worse", "new", "gone"])
        self.assertRegex(rows[1], r"^regressed +2 000 +3 000 +\+50\.0 % +\+4\d\.\d \.\. \+5\d\.\d +21\.0 +32\.9 +\+11\.\d\d .* 2 000 +3 000  worse$")
        self.assertIn("give three files or more", finished.out)

    def test_json(self):
        """The same for programs: sides, method, every function's figures with limits, flat and cum."""
        found = json.loads(self.pprofc("diff", "--json", *self.sides()).out)
        self.assertEqual((found["variance"], found["judged_by"], found["windows_differ"]), ("binomial", "cost", False))
        self.assertEqual((found["before"]["total"], found["after"]["n_samples"]), (9503, 9125))
        rows = {row["function"]: row for row in found["functions"]}
        self.assertEqual({name: row["flat"]["state"] for name, row in rows.items()}, STATES)
        worse = rows["worse"]["flat"]
        self.assertEqual((worse["cost"], worse["n_samples"]), ([2000, 3000], [2000, 3000]))
        self.assertAlmostEqual(worse["ratio"], 1.5)
        self.assertTrue(worse["ratio_95"][0] < 1.5 < worse["ratio_95"][1] and worse["share_change_95"][0] > 0)
        self.assertAlmostEqual(worse["growth_of_whole"], 1000 / 9503, places=4)
        self.assertEqual((rows["new"]["flat"]["ratio"], rows["new"]["flat"]["ratio_95"]), (None, [None, None]))
        self.assertEqual(rows["main"]["cum"]["cost"], [9503, 9125])

    def test_fail_above(self):
        """3 when something surely became dearer by more than the limit, and it is named; 0 below it, and for what may be chance."""
        before, after = self.sides()
        finished = self.pprofc("diff", "--fail-above", "3%", before, after)
        self.assertEqual(finished.status, 3)
        self.assertEqual(finished.own_lines, ["pprofc: worse is dearer by 10.5 % of the whole: the limit is 3 %"])
        self.assertEqual(self.pprofc("diff", before, "--", after, "--fail-above=11%").status, 0)
        self.assertEqual(self.pprofc("diff", "--fail-above", "0.1", before, before).status, 0)
        few = self.write("few.folded", "main;a 40\nmain;b 60\n"), self.write("more.folded", "main;a 50\nmain;b 50\n")
        self.assertEqual(self.pprofc("diff", "--fail-above", "3", *few).status, 0)

    def test_runs(self):
        """With three files a side the spread between runs decides, and the whole has limits and a verdict as well."""
        before = [self.write(f"b{i}.folded", f"main;a {1000 + 5 * i}\nmain;b {3000 - 4 * i}\n") for i in range(4)]
        after = [self.write(f"a{i}.folded", f"main;a {1000 - 5 * i}\nmain;b {3400 + 4 * i}\n") for i in range(3)]
        finished = self.pprofc("diff", "--json", *before, "--", *after, "--fail-above", "5%")
        found = json.loads(finished.out)
        self.assertEqual((found["variance"], found["before"]["n_profiles"], found["after"]["n_profiles"]), ("runs", 4, 3))
        self.assertTrue(1.05 < found["total_ratio_95"][0] < found["total_ratio"] < found["total_ratio_95"][1])
        rows = {row["function"]: row["flat"] for row in found["functions"]}
        self.assertEqual((rows["a"]["state"], rows["b"]["state"]), ("within noise", "regressed"))
        self.assertEqual((finished.status, finished.own_lines[0][:27]), (3, "pprofc: the whole is dearer"))

    def test_files(self):
        """-o writes a table, JSON or a picture, and a flame graph of either side; an existing file needs -f."""
        sides = self.sides()
        finished = self.pprofc("diff", "-o", "d.svg", "--before-svg", "b.svg", "--after-svg", "a.svg", *sides)
        self.assertEqual(finished.status, 0, finished.err)
        self.assertIn("regressed", finished.out)
        picture = (self.folder / "d.svg").read_text()
        self.assertIn("<title>before.folded → after.folded</title>", picture)
        self.assertRegex(picture, r'<rect class="d8 born"[^>]*><title>new \(0 \(0\.00 %\) to 600 \(6\.58 %\), new\)</title>')
        self.assertRegex(picture, r'<rect class="d0 died"[^>]*><title>gone \(500')
        self.assertRegex(picture, r'<rect class="d4"[^>]*><title>same \(')
        self.assertIn("better", (self.folder / "b.svg").read_text())
        self.assertEqual(self.pprofc("diff", "-q", "-o", "d.txt", *sides).status, 0)
        self.assertIn("improved", (self.folder / "d.txt").read_text())
        self.assertEqual(self.pprofc("diff", "-o", "d.json", *sides).status, 0)
        self.assertEqual(json.loads((self.folder / "d.json").read_text())["sample_type"], "samples")
        again = self.pprofc("diff", "-o", "d.json", *sides)
        self.assertEqual((again.status, "give -f" in again.err), (1, True))
        self.assertEqual(self.pprofc("diff", "-f", "-o", "d.json", *sides).status, 0)

    def test_recordings(self):
        """Two recordings of the same work: time has slices, and nothing has changed; the program's parts are there."""
        paths = [self.run_profiled("-F", "1000", "--", self.program("shares_50_30_20"), "1", output=f"{name}.ppc")[1] for name in "ab"]
        finished = self.pprofc("diff", "--json", "--fail-above", "3%", *paths)
        self.assertEqual(finished.status, 0, finished.err)
        found = json.loads(finished.out)
        self.assertEqual((found["variance"], found["sample_type"]), ("slices", "cpu"))
        self.assertGreaterEqual(found["before"]["n_batches"], 8)
        rows = {row["function"]: row["flat"] for row in found["functions"]}
        for name, share in (("heavy_50", 0.5), ("middle_30", 0.3), ("light_20", 0.2)):
            self.assertAlmostEqual(rows[name]["share"][0], share, delta=0.15)

    def test_usage(self):
        """What is missing or wrong is said: 2 for usage, 1 for a file that cannot be read, 4 for one without samples."""
        before, after = self.sides()
        empty = self.write("empty.folded", "main;a 0\n")
        for words, status, said in (([before], 2, "a side has no profiles"), ([before, "--"], 2, "a side has no profiles"),
                                    ([before, after, before], 2, "a side has no profiles"),
                                    (["--fail-above", "x", before, after], 2, "no percentage"),
                                    (["--judge", "x", before, after], 2, "none of cost"),
                                    (["-o", "x.pb.gz", before, after], 2, ".svg, .json or .txt"),
                                    (["--sample", "cpu", before, after], 2, "no sample type"),
                                    ([before, "nowhere.folded"], 1, "nowhere.folded"), ([before, empty], 4, "no samples")):
            with self.subTest(words):
                finished = self.pprofc("diff", *words)
                self.assertEqual(finished.status, status, finished.err)
                self.assertRegex(finished.err, said)


if __name__ == "__main__":
    unittest.main()
