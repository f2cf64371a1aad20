"""Labels and spans: each sample says whose work its thread did."""
import json
import unittest

from harness import PPROFC, EndToEnd, clean_environment, pprof_read

OUTER_TRACE, OUTER_SPAN = "ab0102030405060708090a0b0c0d0e0f", "cd01020304050607"
INNER_TRACE, INNER_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Labels(EndToEnd):
    def work(self, *arguments, kinds="cpu", output="out.pb.gz", **variables):
        """What the program printed, once it ended well, and its profile; it finds faults of the calls itself."""
        environment = clean_environment(PPROFC=kinds, PPROFC_FREQUENCY=1000, PPROFC_OUTPUT=output, PPROFC_COMMAND=PPROFC, **variables)
        finished = self.run_command(self.program("labels"), *arguments, env=environment)
        self.assertEqual(finished.status, 0, finished.out + finished.err)
        return finished.out, pprof_read.read(self.folder / output)

    @staticmethod
    def within(profile, function):
        """Labels of samples that have the function in their stack, and CPU nanoseconds."""
        return [(sample.labels, sample.values[1]) for sample in profile.samples
                if any(function == frame.function for frame in sample.frames) and sample.values[0] > 0]

    def assert_all(self, profile, function, **wanted):
        """Every sample in the function has these labels (None: has none of that key); there are some."""
        found = self.within(profile, function)
        self.assertGreater(len(found), 0, f"no sample in {function}")
        for labels, _ in found:
            self.assertEqual({key: labels.get(key) for key in wanted}, wanted, function)

    def test_switching(self):
        """Two threads that change their label 10 000 times a second: no sample has another's, or an old one."""
        _, profile = self.work("switch", "1.5")
        for function, color in (("spin_red", "red"), ("spin_blue", "blue"), ("spin_none", None)):
            self.assert_all(profile, function, color=color)
        self.assertEqual(len({labels["thread_id"] for labels, _ in self.within(profile, "spin_red")}), 2)

    def test_nesting(self):
        """Scopes nest: the inner label stands in front of the outer of its key and beside others, and both end with their blocks."""
        _, profile = self.work("nest")
        self.assert_all(profile, "spin_red", color="red", shape=None)
        self.assert_all(profile, "spin_both", color="blue", shape="round")

    def test_passing(self):
        """A context goes on in another thread until it is given back, labels in a child of fork()."""
        self.work("pass")
        # The child ends first, and takes the name.
        child, parent = (pprof_read.read(self.folder / name) for name in ("out.pb.gz", "out.1.pb.gz"))
        self.assert_all(parent, "spin_passed", color="red")
        self.assert_all(parent, "spin_none", color=None)
        self.assert_all(child, "spin_child", color="red")

    def test_spans(self):
        """Samples in a span carry its ids and name, and the summary tells what it took: CPU to a per cent, waits by the clock."""
        out, profile = self.work("spans")
        self.assert_all(profile, "spin_outer", trace_id=OUTER_TRACE, span_id=OUTER_SPAN, profile_id=OUTER_SPAN, span_name="outer work")
        self.assert_all(profile, "spin_inner", trace_id=INNER_TRACE, span_id=INNER_SPAN, profile_id=INNER_SPAN, span_name="inner work")
        self.assert_all(profile, "spin_none", trace_id=None, span_id=None, profile_id=None, span_name=None)
        told = json.loads(out)
        n_inner, n_outer = (sum(sample.values[0] for sample in profile.samples if sample.labels.get("span_id") == span)
                            for span in (INNER_SPAN, OUTER_SPAN))
        self.assertEqual((told["inner"]["n"], told["outer"]["n"]), (n_inner, n_outer))
        self.assertAlmostEqual(told["inner"]["cpu_ns"] / 200e6, 1, delta=0.01)
        self.assertAlmostEqual(told["outer"]["cpu_ns"] / 500e6, 1, delta=0.01)
        self.assertGreaterEqual(told["inner"]["wait_ns"], 50e6)
        self.assertAlmostEqual(told["inner"]["wall_ns"] - told["inner"]["cpu_ns"], told["inner"]["wait_ns"], delta=1e5)
        self.assertTrue(told["outer"]["is_in_spin"])
        self.assertGreater(told["outer"]["n_hottest"], 0)

    def context(self, *arguments):
        """The profiles of CPU time and of waits of a program with a tracing SDK, which knows nothing of us."""
        finished = self.pprofc("run", "-q", "-k", "cpu,offcpu", "-F", "1000", "-o", self.folder, "--", self.program("thread_context"), *arguments)
        self.assertEqual(finished.status, 0, finished.out + finished.err)
        return [pprof_read.read(next(self.folder.glob(f"*.{kind}.pb.gz"))) for kind in ("cpu", "offcpu")]

    def test_thread_context(self):
        """What the program's own SDK publishes as otel_thread_ctx_v1 is on its samples and waits, in every thread; none is in a wrong span."""
        cpu, waits = self.context()
        for function, digit in (("spin_first", "1"), ("spin_second", "3")):
            self.assert_all(cpu, function, trace_id=digit * 32, span_id=f"{digit}{int(digit) + 1}" * 8)
            self.assertEqual(len({labels["thread_id"] for labels, _ in self.within(cpu, function)}), 3)
        self.assert_all(cpu, "spin_none", trace_id=None, span_id=None)
        self.assert_all(waits, "sleep_second", trace_id="3" * 32, span_id="34" * 8)

    def test_thread_context_of_nothing(self):
        """Pointers to nowhere and records that are not valid: no span, and no harm."""
        cpu, _ = self.context("odd")
        for function in ("spin_first", "spin_second", "spin_none"):
            self.assert_all(cpu, function, trace_id=None, span_id=None)

    def test_heap(self):
        """Allocations carry the labels of the thread that made them."""
        _, profile = self.work("heap", kinds="heap", PPROFC_HEAP_INTERVAL=1)
        in_use = profile.type_index("inuse_space")
        by_color = {sample.labels.get("color"): sample.values[in_use] for sample in profile.samples if sample.values[in_use] > 0}
        self.assertEqual((by_color.get("red"), by_color.get("blue")), (1000, 3000))

    def test_refusals(self):
        """Keys of ours, ids of zeros, headers that are none, a 17th label: refused, and nothing changes."""
        finished = self.run_command(self.program("labels"), "refuse", env=clean_environment())
        self.assertEqual((finished.status, finished.out, finished.err), (0, "", ""))

    def test_more_values_than_there_is_room_for(self):
        """65 535 sets are kept; beyond, the key is off the thread and the loss is counted, rather than a wrong value kept."""
        out, profile = self.work("many")
        n_refused = int(out.split()[0])
        self.assertEqual(n_refused, 100000 - 65535)
        self.assert_all(profile, "spin_none", id=None)
        self.assertIn(f"pprofc: loss.label={n_refused + 1}", profile.comments)

    def test_views(self):
        """report filters and groups by a label, in a table and a picture."""
        self.work("nest")
        found = self.run_command(PPROFC, "report", "--json", "--tagfocus", "shape=round", self.folder / "out.pb.gz")
        names = {row["function"] for row in json.loads(found.out)["top"]}
        self.assertIn("spin_both", names)
        self.assertNotIn("spin_red", names)
        by_label = self.run_command(PPROFC, "report", "--by", "label:color", self.folder / "out.pb.gz")
        self.assertRegex(by_label.out, r"(?m)^.* red$")
        self.assertRegex(by_label.out, r"(?m)^.* blue$")


if __name__ == "__main__":
    unittest.main()
