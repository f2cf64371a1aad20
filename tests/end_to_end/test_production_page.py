"""docs/production.md: its commands are run as they stand there, and what it says of their output is what comes."""
import os
import re
import shutil
import unittest

from harness import BUILD, ROOT, EndToEnd, clean_environment, not_sanitized

PAGE = ROOT / "docs/production.md"


class Production(EndToEnd):
    @not_sanitized("what it costs is measured")
    @unittest.skipUnless(shutil.which("gcc") and shutil.which("readelf"), "no gcc or binutils")
    def test_commands(self):
        """Each command succeeds, in its order, with fewer rounds; a shipped program has names, and lines where its debug files are."""
        if self.run_command("sh", "-c", "echo '#include <jansson.h>' | gcc -E -").status != 0:
            self.skipTest("no headers of jansson")
        for name in ("examples", "deploy"):
            os.symlink(ROOT / name, self.folder / name)
        blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
        self.assertEqual(len(blocks), 5)
        said = []
        for block in blocks:
            done = self.run_command("bash", "-e", "-o", "pipefail", "-c", block.replace("overhead -n 5", "overhead -n 2"),
                                    env=clean_environment(PATH=f"{BUILD}:{os.environ['PATH']}"), timeout_s=120)
            self.assertEqual(done.status, 0, done.out + done.err)
            said.append(done.out)
        build_id = re.search(r"Build ID: (\w+)", said[0]).group(1)
        self.assertEqual(said[1].split(), ["image/usr/bin/json_batch", f"image/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug"])
        frames = {path: {frame.function: frame.line for sample in self.read_profile(self.folder / path).samples for frame in sample.frames
                         if frame.file.endswith("json_batch.c") or frame.function == "main"} for path in ("names.pb.gz", "lines.pb.gz")}
        self.assertEqual(frames["names.pb.gz"].get("main"), 0, frames)
        self.assertGreater(frames["lines.pb.gz"]["main"], 0, frames)
        self.assertRegex(said[3], r"(?m)^Counted +[\d.]+ % of the program's CPU")
        self.assertRegex(said[4], r"(?m)^Quality .*, budget 2 %")

    def test_every_block_is_run(self):
        """A block of the page is a command that is run above, or what one of them printed."""
        kinds = re.findall(r"^```(\w*)\n", PAGE.read_text(), re.M)
        self.assertEqual([kind for kind in kinds if kind], ["sh"] * 5)
        self.assertEqual(PAGE.read_text().count("```"), 2 * 6)


if __name__ == "__main__":
    unittest.main()
