"""Hazards 59 and 77 of hazards.md, of reading what others wrote: deep stacks, and text whose last record, encoding or events are easily lost."""
import json
import os
import subprocess
import unittest

from end_to_end.harness import EndToEnd, IS_SANITIZED, PPROFC, clean_environment


class Hazard59DeepStacks(EndToEnd):
    """A stack of 100 000 frames is read, written and drawn without recursion, in little memory."""
    DEPTH = 100000
    MOST_MB = 200
    FORMATS = ("pb.gz", "pb", "folded", "json", "txt", "svg")

    def peak_mb(self, *argv):
        """The largest resident set of a command that ends with 0."""
        child = subprocess.Popen([str(one) for one in argv], env=clean_environment(), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        child.stderr.close()
        self.assertEqual(child.returncode, 0, said)
        return usage.ru_maxrss / 1024

    def check(self, source, depth):
        for name in self.FORMATS:
            with self.subTest(source=source.name, to=name):
                peak_mb = self.peak_mb(PPROFC, "convert", "-q", "-f", source, self.folder / f"out.{name}")
                if not IS_SANITIZED:
                    self.assertLess(peak_mb, self.MOST_MB)
        stack = (self.folder / "out.folded").read_text().rsplit(" ", 1)[0]
        self.assertEqual(stack.count(";") + 1, depth)
        report = json.loads((self.folder / "out.json").read_text())
        self.assertTrue(all(row["cum_percent"] <= 100 for row in self.default_type(report)["functions"]))

    def test_folded(self):
        """From folded stacks: every writer finishes below 200 MB, and no function has more than the whole."""
        path = self.folder / "deep.folded"
        path.write_text(";".join(f"f{i % 10}" for i in range(self.DEPTH)) + " 3\n")
        self.check(path, self.DEPTH)

    def test_perf_script(self):
        """From perf's text: the same."""
        path = self.folder / "deep.txt"
        path.write_text("app 7 cycles:\n" + "".join(f"\t{i:x} f{i % 10} (/app)\n" for i in range(self.DEPTH)))
        self.check(path, self.DEPTH + 1)


class Hazard77LostRecords(EndToEnd):
    """No reader of text loses its last record, whatever the line ends, the encoding and the events."""
    RECORDS = "app 7 9.5: 3 cycles:\n\t4f2 f (/app)\n\napp 7 9.6: 5 cycles:\n\t4f2 g (/app)\n"

    def total(self, content):
        path = self.folder / "in.txt"
        path.write_bytes(content)
        self.assertEqual(self.pprofc("convert", "-q", "-f", path, self.folder / "out.folded").status, 0)
        return sum(int(line.rsplit(" ", 1)[1]) for line in (self.folder / "out.folded").read_text().splitlines())

    def test_ends(self):
        """With and without a last blank line or newline, with CR LF, and with text in front: the same total."""
        for text in (self.RECORDS, self.RECORDS + "\n", self.RECORDS[:-1], "[ perf record: Woken up 1 times ]\n# x\n" + self.RECORDS):
            for content in (text, text.replace("\n", "\r\n")):
                self.assertEqual(self.total(content.encode()), 8, content)
        for text in ("a;b 3\nc 5\n", "a;b 3\nc 5", "a;b 3\r\nc 5\r\n", "a;b 3\n\nc 5\n\n"):
            for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
                self.assertEqual(self.total(text.encode(encoding)), 8, (text, encoding))

    def test_events(self):
        """Two events in turn are two types, each with its records."""
        path = self.folder / "in.txt"
        path.write_text(self.RECORDS + "\napp 7 9.7: 7 instructions:\n\t4f2 f (/app)\n")
        for name, total in (("cycles", 8), ("instructions", 7)):
            out = self.folder / f"{name}.folded"
            self.assertEqual(self.pprofc("convert", "--sample", name, path, out).status, 0)
            self.assertEqual(sum(int(line.rsplit(" ", 1)[1]) for line in out.read_text().splitlines()), total)


if __name__ == "__main__":
    unittest.main()
