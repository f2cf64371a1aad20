"""`pprofc report`: what is written for other programs, and by them."""
import shutil
import unittest

import pprof_text
from test_report_views import Report


class Outputs(Report):
    def test_tools(self):
        """objdump and dot are looked for in --tools first, a folder or pprof's TOOL:FOLDER, and in PATH else."""
        for folder, said in (("one", "from one"), ("two", "from two")):
            (self.folder / folder).mkdir()
            (self.folder / folder / "dot").write_text(f"#!/bin/sh\necho {said}\n")
            (self.folder / folder / "dot").chmod(0o755)
        for tools, wanted in ((f"{self.folder}/one,{self.folder}/two", "from one\n"), (f"nm:/nowhere,dot:{self.folder}/two", "from two\n")):
            self.assertEqual(self.report("--svg", f"--tools={tools}", "cpu.pb.gz"), wanted)
        if shutil.which("dot"):
            self.assertIn("<svg", self.report("--svg", "--tools=/nowhere", "cpu.pb.gz"))

    def test_callgrind_differences(self):
        """What has become less has no room in callgrind's format: refused by name, or left out when that is asked for."""
        (self.folder / "a.folded").write_text("main;grown 5\nmain;shrunk 7\n")
        (self.folder / "b.folded").write_text("main;grown 9\nmain;shrunk 4\n")
        done = self.pprofc("report", "--callgrind", "--base=a.folded", "b.folded")
        self.assertEqual((done.status, len(done.err.splitlines())), (2, 1))
        self.assertRegex(done.err, "shrunk is; give --drop_negative")
        own, calls = pprof_text.callgrind(self.report("--callgrind", "--drop_negative", "--base=a.folded", "b.folded"))
        self.assertEqual((own, calls), ({"grown": 4, "main": 0}, {("main", "grown"): 4}))

    def test_left_out_is_said(self):
        """Rows that are left out for their weight are counted, in the table and in the comments of --topproto."""
        (self.folder / "many.folded").write_text("".join(f"f{i} {i}\n" for i in range(1, 21)))
        self.assertIn(" 5 of less than 3 % left out (--nodefraction)\n", self.report("--nodefraction=0.03", "many.folded"))
        self.report("--topproto", "--nodefraction=0.03", "-o", "top.pb.gz", "many.folded")
        self.assertIn("5 rows of less than 3 % were left out\n", self.report("--comments", "top.pb.gz"))
        self.assertEqual(len(self.report_json("top.pb.gz")["top"]), 15)


if __name__ == "__main__":
    unittest.main()
