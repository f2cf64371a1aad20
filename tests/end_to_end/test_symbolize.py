"""pprofc symbolize: names that were missing where the profile was taken."""
import json
import shutil
import subprocess
import unittest

from harness import EndToEnd


@unittest.skipUnless(shutil.which("objcopy") and shutil.which("strip"), "no binutils")
class Symbolize(EndToEnd):
    """A program is profiled stripped; then the file with its names comes to where it lay."""

    def setUp(self):
        super().setUp()
        self.full = self.program("two_to_one")
        self.path = self.folder / "app"
        subprocess.run(["strip", "-o", self.path, self.full], check=True)
        _, self.profile = self.run_profiled("-F", "1000", "--", self.path, "0.3")

    def names(self, path):
        return {frame.function for sample in self.read_profile(path).samples for frame in sample.frames}

    def test_names_come(self):
        """In the place of the file, or as another one: values stay, names, lines and inlined calls come."""
        self.assertNotIn("heavy", self.names(self.profile))
        before = sorted(tuple(sample.values) for sample in self.read_profile(self.profile).samples)
        shutil.copy(self.full, self.path)
        said = self.pprofc("symbolize", self.profile, self.folder / "named.pb")
        self.assertEqual(said.status, 0, said.err)
        self.assertIn("addresses have names", said.err)
        self.assertNotIn("heavy", self.names(self.profile))
        self.assertEqual(self.pprofc("symbolize", self.profile).status, 0)
        for path in (self.profile, self.folder / "named.pb"):
            self.assertTrue({"heavy", "light", "main"} <= self.names(path))
            profile = self.read_profile(path)
            self.assertEqual(sorted(tuple(sample.values) for sample in profile.samples), before)
            self.assertTrue(any(frame.line > 0 for sample in profile.samples for frame in sample.frames
                                if frame.function == "heavy"))

    def test_reports(self):
        """report --symbolize=local names what it shows, a base too, and leaves the file as it is."""
        before = self.profile.read_bytes()
        shutil.copy(self.full, self.path)
        rows = {}
        for how in ("none", "local", "fastlocal", "force"):
            done = self.pprofc("report", "--json", "--functions", f"--symbolize={how}", self.profile)
            self.assertEqual(done.status, 0, done.err)
            rows[how] = {row["name"]: row["flat"] for row in json.loads(done.out)["top"]}
        self.assertNotIn("heavy", rows["none"])
        self.assertGreater(rows["local"]["heavy"], rows["local"]["light"])
        self.assertEqual(rows["local"], rows["force"])
        self.assertEqual(rows["local"], rows["fastlocal"])
        done = self.pprofc("report", "--json", "--functions", "--symbolize=local", f"--base={self.profile}", self.profile)
        self.assertEqual((done.status, json.loads(done.out)["top"]), (4, []), done.err)
        self.assertEqual(self.profile.read_bytes(), before)

    def test_another_build_is_not_used(self):
        """A program of another build id at that path names nothing."""
        shutil.copy(self.program("shares_50_30_20"), self.path)
        named = self.folder / "named.pb"
        self.assertEqual(self.pprofc("symbolize", self.profile, named).status, 0)
        self.assertFalse({name for name in self.names(named) if "heavy" in name or name == "main"})

    def test_mistakes(self):
        """One line, the right status, and the file as it was."""
        before = self.profile.read_bytes()
        for words, status in (([], 2), ([self.folder / "none.pb"], 1), ([self.profile, self.folder / "x.tiff"], 2),
                              ([self.profile, self.path], 2), (["a", "b", "c"], 2)):
            said = self.pprofc("symbolize", *words)
            self.assertEqual((said.status, len(said.own_lines)), (status, 1), said.err)
        self.assertEqual(self.profile.read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
