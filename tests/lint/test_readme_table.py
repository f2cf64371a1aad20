"""The README's table of peers: what bench/readme_table makes, and that the README has it."""
import json
import sys
import tempfile
import unittest
from pathlib import Path

from tree import ROOT

sys.path.insert(0, str(ROOT / "bench"))
from measure import Row, as_json  # noqa: E402
from peers import cells, readme  # noqa: E402

TOOLS = {"pprof-c": "pprof-c", "gperftools": "gperftools", "pprof-rs": "pprof-rs", "perf-fp": "perf (fp)",
         "perf-dwarf": "perf (dwarf)"}


class Tool:
    def __init__(self, key, label):
        self.key, self.label = key, label


def made_up(missing=()):
    """What the bench writes, with figures out of the air and one profiler that cannot do one thing."""
    tools = [Tool(key, label) for key, label in TOOLS.items()]
    rows = [Row("tool", None, "", data={"tool": tool.key, "label": tool.label,
                                        "missing": "not here" if tool.key in missing else "",
                                        "version": "" if tool.key == "pprof-c" else "1.2.3"}) for tool in tools]
    for metric in cells.METRICS:
        for tool in tools:
            if tool.key not in missing:
                rows.append(cells.no_cell(metric, tool, "draws none") if (metric, tool.key) == ("svg", "perf-fp")
                            else cells.cell(metric, tool, 1.0, "", "1.0 of it"))
    rows.append(Row(readme.FLOOR, 0.05, " %"))
    about = {"kernel": "6.1.0", "processor": "A Processor", "n_cpus": 2, "is_long": True, "date": "2026-01-02",
             "load_before": [0.1, 0.2, 0.3], "load": [1, 1, 1]}
    return {"about": about, "rows": as_json(rows)}


class ReadmeTable(unittest.TestCase):
    def test_block(self):
        """A row for each metric, a column for each profiler, the machine, and a note where there is no figure."""
        text = readme.block(made_up())
        shape = readme.shape(text)
        self.assertEqual(shape["head"], ["", "pprof-c", "gperftools VERSION", "pprof-rs VERSION", "perf (fp) VERSION",
                                         "perf (dwarf) VERSION"])
        self.assertEqual(shape["rows"], [(label, 6) for label in cells.METRICS.values()])
        self.assertTrue(shape["has_machine"])
        self.assertEqual(shape["empty"], [])
        self.assertIn("differs by +0.05 %", text)
        self.assertIn("| - (1) |", text)
        self.assertIn("1. draws none", text)

    def test_missing_profiler(self):
        """One that was not there has no column, and the README's shape is not that."""
        shape = readme.shape(readme.block(made_up(missing=("pprof-rs",))))
        self.assertEqual(len(shape["head"]), 5)
        self.assertNotEqual(shape, readme.shape(readme.block(made_up())))

    def test_place(self):
        """The first block comes before the last heading; a later one takes the place of the one before."""
        first = readme.with_block("# A\n\n## Read on\n- b\n", readme.block(made_up()))
        self.assertTrue(first.startswith("# A\n\n## Performance\n\n<!--"))
        self.assertTrue(first.endswith("-->\n\n## Read on\n- b\n"))
        other = made_up()
        other["about"]["date"] = "2027-03-04"
        second = readme.with_block(first, readme.block(other))
        self.assertEqual(second, first.replace("2026-01-02", "2027-03-04"))
        with self.assertRaisesRegex(readme.CannotMake, "Read on"):
            readme.with_block("# A\n", "block")

    def test_nothing_measured(self):
        """A file without peers is refused, and what to run is said."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.json"
            path.write_text(json.dumps({"about": {}, "rows": as_json([Row("other", 1.0, "")])}))
            with self.assertRaisesRegex(readme.CannotMake, "bench/run --long --json"):
                readme.load(path)

    def test_readme(self):
        """The README's table has the shape that the generator makes today, whatever the figures."""
        text = readme.block_of((ROOT / "README.md").read_text())
        self.assertIsNotNone(text, "the README has no table of peers: bench/readme_table makes it")
        self.assertEqual(readme.shape(text), readme.shape(readme.block(made_up())))


if __name__ == "__main__":
    unittest.main()
