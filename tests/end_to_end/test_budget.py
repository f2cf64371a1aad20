"""PPROFC_BUDGET and --budget: profiling costs no more than it may, what it says stays true, and each change is told."""
import json
import re
import unittest

from harness import PPROFC, EndToEnd, clean_environment, long_or, not_sanitized
from serving import Served


class Budget(EndToEnd):
    def overhead(self, recording):
        """What /debug/pprof/overhead says of a recording; and the families of /metrics that are about budgets."""
        server = self.start(PPROFC, "serve", "--listen", "unix:served", recording, env=clean_environment())
        Served.wait_for(self, lambda: (self.folder / "served").exists() and " at " in self.text(server, 1))
        texts = [self.run_command("curl", "-sS", "--unix-socket", "served", f"http://localhost/{path}").out
                 for path in ("debug/pprof/overhead", "debug/pprof/overhead?format=text", "metrics")]
        server.terminate()
        self.finish(server)
        return json.loads(texts[0]), texts[1], re.findall(r"(?m)^(profiling_budget_\w+)\{[^}]*\} (\S+)$", texts[2])

    def quality_of(self, path):
        """The quality in a profile's file."""
        self.assertEqual(self.pprofc("convert", "-f", path, "quality.json").status, 0)
        return json.loads((self.folder / "quality.json").read_text())["quality"]

    @not_sanitized("its own work is the cost")
    def test_many_threads(self):
        """200 threads at 10 kHz and a budget of half a percent (40 at 2 % in short): the recording's own count of its cost ends within the
        budget, the shares are right, and the changes are told by the quality, by /debug/pprof/overhead and by /metrics.

        40 s of CPU: what its beginning costs, and another 10 s' budget that the machine's other work may take, is paid back by then."""
        n_threads, seconds, percent = long_or((200, 0.2, 0.5), (40, 1, 2))
        finished, path, _ = self.assert_truth("spinners", n_threads, seconds, rate_hz=10000, options=("--budget", f"{percent}%"), timeout_s=300)
        self.assertRegex(finished.err, rf"(?m)^pprofc: a budget of {percent} % begins with [\d.]+ Hz, not 10000: the rate rises while it holds$")
        line = next(one for one in finished.own_lines if ", budget " in one)
        said = re.search(r", cost ([\d.]+) %, budget ([\d.]+) %", line)
        self.assertLessEqual(float(said.group(1)), percent, line)
        self.assertEqual(float(said.group(2)), percent)
        self.assertEqual(self.quality_of(path)["budget_ppm"], percent * 10000)

    @not_sanitized("its own work is the cost")
    def test_shares_while_it_changes(self):
        """Of a program whose rate a small budget changes, the shares and the sum are right."""
        finished, _, result = self.assert_truth("shares_50_30_20", long_or(32, 10), rate_hz=10000, options=("--budget", "0.05%"), timeout_s=300,
                                               max_sds=5)
        line = next(one for one in finished.own_lines if ", budget " in one)
        print(line)
        self.assertRegex(line, r"\(\d+ changes?\)")

    @not_sanitized("its own work is the cost")
    def test_changes_are_told(self):
        """A rate that is too high for its budget comes down, after 2 s at the earliest: the first change is a message, all stand in the recording.
        (A sample counts as 20 us until it is measured: 10 Hz cost more than 0.02 % by that alone.)"""
        finished, recording = self.run_profiled("-F", "10000", "--budget", "0.02%", "--", self.program("shares_50_30_20"), "8",
                                                output="it.ppc", timeout_s=120)
        self.assertRegex(finished.err, r"(?m)^pprofc: profiling cost [\d.]+ % of the program's CPU and its budget is 0.02 %: from now on [\d.]+ Hz; ")
        found, text, metrics = self.overhead(recording)
        budget = found["budget"]
        self.assertEqual((budget["percent"], budget["asked_hz"]), (0.02, 10000))
        self.assertEqual(len(budget["changes"]), budget["n_lowered"] + budget["n_raised"])
        self.assertGreater(budget["n_lowered"], 0)
        self.assertEqual(min(one["frequency_hz"] for one in budget["changes"]), budget["lowest_hz"])
        self.assertLess(budget["lowest_hz"], 10)
        times = [one["seconds"] for one in budget["changes"]]
        self.assertEqual(times, sorted(times))
        self.assertRegex(text, rf"(?m)^budget 0\.02 %; of late [\d.]+ %; lowered {budget['n_lowered']} times, raised {budget['n_raised']} times$")
        self.assertEqual(metrics, [("profiling_budget_ratio", "0.0002"), ("profiling_budget_changes_total", str(budget["n_lowered"])),
                                   ("profiling_budget_changes_total", str(budget["n_raised"]))])

    @not_sanitized("its own work is the cost")
    def test_served(self):
        """A client's rate is lowered, too: its profile comes, and is right."""
        finished = self.start(PPROFC, "run", "-q", "-F", "10", "--budget", "0.5%", "--http", "unix:served", "-o", self.folder / "whole.pb.gz", "--",
                              self.program("shares_50_30_20"), "4")
        Served.wait_for(self, lambda: " at " in self.text(finished, 1) or (self.folder / "served").exists())
        taken = self.run_command("curl", "-sSf", "--retry", "20", "--retry-all-errors", "--retry-delay", "1", "--unix-socket", "served", "-o", "x.pb.gz",
                                 "http://localhost/debug/pprof/profile?seconds=1.5&frequency=10000")
        self.assertEqual(taken.status, 0, taken.err)
        self.assertEqual(self.finish(finished, 120).status, 0)
        quality = self.quality_of(self.folder / "x.pb.gz")
        self.assertEqual(quality["budget_ppm"], 5000)
        self.assertLess(quality["n_samples"], 1.5 * 2 * 1000)
        self.assertGreater(quality["n_samples"], 5)

    def test_without(self):
        """Without a budget nothing is begun lower, nothing changes, and nothing is said of one."""
        finished, recording = self.run_profiled("-F", "10000", "--", self.program("shares_50_30_20"), "0.5", output="it.ppc")
        self.assertNotIn("budget", finished.err)
        found, text, metrics = self.overhead(recording)
        self.assertNotIn("budget", found)
        self.assertNotIn("budget", text)
        self.assertEqual(metrics, [])
        self.assertNotIn("budget", json.dumps(self.quality_of(recording)))

    @not_sanitized("it has a malloc of its own")
    def test_heap(self):
        """The heap's interval grows when the rate has come down; the bytes of each site stay within five of their own errors."""
        finished, recording = self.run_profiled("-k", "cpu,heap", "--heap-interval", "64K", "--budget", "10%", "--",
                                                self.program("heap_steady"), "8", output="it.ppc", timeout_s=60)
        churned, allocated, kept = map(int, finished.out.split())
        budget = self.overhead(recording)[0]["budget"]
        longest = max(one["heap_interval_bytes"] for one in budget["changes"])
        self.assertTrue(64 * 1024 < longest <= 64 * 64 * 1024, budget)
        self.assertLess(budget["lowest_hz"], 10.001)
        for sample, site, wanted in (("alloc_space", "churned", churned), ("alloc_space", "kept", allocated), ("inuse_space", "kept", kept)):
            report = json.loads(self.pprofc("report", "--json", "--sample", sample, recording).out)
            row = {one["function"]: one for one in report["top"]}[site]
            print(f"{sample} {site}: {row['flat']} +- {row['flat_error']:.0f}, in truth {wanted}")
            self.assertAlmostEqual(row["flat"], wanted, delta=5 * row["flat_error"])
            self.assertLess(row["flat_error"], 0.3 * wanted)

    def test_words(self):
        """What is no budget is refused by the command, and left with a line by the library."""
        for value, said in (("0", "out of range"), ("200%", "out of range"), ("much", "is no")):
            finished = self.pprofc("run", "--budget", value, "--", "true")
            self.assertEqual(finished.status, 125)
            self.assertIn(said, finished.err)
        finished = self.pprofc("run", "--", "true", env=clean_environment(PPROFC_BUDGET="much"))
        self.assertIn('a budget is like 1% or 0.5%', finished.err)
        self.assertEqual(finished.status, 0)
        finished = self.pprofc("run", "-k", "heap", "--heap-interval", "1", "--budget", "1%", "--", "true")
        self.assertIn("which no budget can lower", finished.err)


if __name__ == "__main__":
    unittest.main()
