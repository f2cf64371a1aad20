"""Hazards 52, 61 and 76 of hazards.md: fairness between threads, capped rates, addresses, names that break pages."""
import json
import os
import re
import shutil
import subprocess
import unittest
import xml.parsers.expat

from end_to_end.harness import PROGRAMS, EndToEnd, long_or, scorer

TIME_LIMIT_S = 1500


class Hazard52FairThreads(EndToEnd):
    """Equal threads get equal shares, also when there are more of them than CPUs."""

    def spread(self, n_threads, seconds_each, within):
        finished, path = self.run_profiled("-F", "1000", "--", self.program("spinners"), n_threads, seconds_each,
                                           timeout_s=long_or(900, 250))
        truth = scorer.read_truth(finished.out)
        result = scorer.score(self.stacks(path), truth)
        self.assertTrue(result.is_ok, scorer.show(result))
        for row in result.rows:
            self.assertAlmostEqual(row.measured, 1 / n_threads, delta=within)

    def test_two(self):
        """Two spinners have 50 +- 3 % each."""
        self.spread(2, long_or(10, 1.5), 0.03)

    def test_eight(self):
        """Eight spinners on whatever CPUs there are have 12.5 +- 2 % each."""
        self.spread(8, long_or(5, 0.5), 0.02)


class Hazard61AddressArithmetic(EndToEnd):
    """Names are right whatever the layout: PIE or not, segments apart or together, other linkers, run through the loader."""

    def assert_names(self, *command):
        finished, path = self.run_profiled("-F", "1000", "--", *command)
        truth = scorer.read_truth(finished.out)
        result = scorer.score(self.stacks(path), truth)
        self.assertTrue(result.is_ok, scorer.show(result))

    def test_layouts(self):
        """heavy and light have their shares in every layout."""
        names = ["two_to_one"] + sorted(path.name for path in PROGRAMS.glob("two_to_one_*")
                                        if path.is_file() and not path.name.endswith(("_fp", "_stripped")))
        self.assertGreaterEqual(len(names), 4)
        for name in names:
            with self.subTest(layout=name):
                self.assert_names(self.program(name), "1")

    def test_through_the_loader(self):
        """Run as `ld.so ./prog` the names are the program's, not the loader's."""
        loader = next((path for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(path)),
                      None)
        if loader is None:
            self.skipTest("no glibc loader at a known place")
        self.assert_names(loader, self.program("two_to_one"), "1")

    @unittest.skipUnless(shutil.which("objcopy"), "no objcopy")
    def test_added_section(self):
        """A copy whose file offsets objcopy has moved by adding a section has the same names."""
        extra = self.folder / "extra"
        extra.write_bytes(b"x" * 12345)
        copy = self.folder / "two_to_one_moved"
        subprocess.run(["objcopy", f"--add-section=.extra={extra}", self.program("two_to_one"), copy], check=True)
        self.assert_names(copy, "1")

    def test_locations_agree_with_nm(self):
        """Each address of the program in the pprof file lies in the function that nm has there."""
        _, path = self.run_profiled("-F", "1000", "--", self.program("two_to_one"), "1")
        lines = subprocess.run(["nm", "-S", "--defined-only", self.program("two_to_one")], capture_output=True, text=True,
                               check=True).stdout
        symbols = {name: (int(start, 16), int(size, 16))
                   for start, size, name in re.findall(r"^([0-9a-f]+) ([0-9a-f]+) [tT] (\S+)$", lines, re.M)}
        headers = subprocess.run(["readelf", "-lW", self.program("two_to_one")], capture_output=True, text=True, check=True).stdout
        offset, address = re.search(r"LOAD\s+(0x[0-9a-f]+) (0x[0-9a-f]+) \S+ \S+ \S+ R E", headers).group(1, 2)
        n_checked = 0
        for sample in self.read_profile(path).samples:
            for frame in sample.frames:
                if frame.function in ("heavy", "light") and not frame.is_inlined:
                    at = frame.address - frame.mapping.start + frame.mapping.offset + int(address, 16) - int(offset, 16)
                    start, size = symbols[frame.function]
                    self.assertTrue(start <= at < start + size, f"{frame.function} {at:#x}")
                    n_checked += 1
        self.assertGreater(n_checked, 1)


class Hazard76NamesThatBreakPages(EndToEnd):
    """Names with any byte leave the picture well-formed, the JSON valid, and no script of theirs runs."""
    HOSTILE = ["</script><script>alert(1)</script>", "<img src=x onerror=alert(2)>", "]]>", "&amp;", "\"quoted\" 'quoted'",
               "<!--", "${alert(3)}", "javascript:alert(4)"]

    def setUp(self):
        super().setUp()
        # Every byte but the three that separate in folded files; \x80 and up alone are no UTF-8, a cut character is neither.
        names = [b"byte%03d" % byte + bytes([byte]) + b"end" for byte in range(1, 256) if byte not in b";\n\r"]
        names += [name.encode() for name in self.HOSTILE] + ["été".encode()[:-1], "\U0001f525".encode()[:3], b"nul\0name"]
        self.n_names = len(names)
        self.source = self.folder / "in.folded"
        self.source.write_bytes(b"".join(b"main;" + name + b" 1\n" for name in names))

    def convert(self, name):
        out = self.folder / name
        finished = self.pprofc("convert", self.source, out)
        self.assertEqual(finished.status, 0, finished.err)
        return out.read_bytes()

    @staticmethod
    def active_parts(data):
        """How many elements there are that could act, and of which kind; and the attributes that hold code."""
        parts = {}

        def start(element, given):
            kinds = [element] if element.lower() in ("script", "img", "image", "iframe", "object", "a", "foreignobject") else []
            kinds += [f"{element} {name}" for name in given if name.lower().startswith("on")]
            for kind in kinds:
                parts[kind] = parts.get(kind, 0) + 1

        parser = xml.parsers.expat.ParserCreate()
        parser.StartElementHandler = start
        parser.Parse(data, True)
        return parts

    def test_picture_is_well_formed(self):
        """An XML parser accepts the SVG, which is UTF-8, and finds no element or handler that a name brought in."""
        data = self.convert("out.svg")
        data.decode("utf-8")
        hostile = self.active_parts(data)
        self.source.write_text("main;a 1\nmain;b 1\n")
        (self.folder / "out.svg").unlink()
        harmless = self.active_parts(self.convert("out.svg"))
        self.assertEqual(hostile, harmless)
        # A script element's text cannot be closed early by a name: no name shows its angle brackets raw.
        for name in self.HOSTILE[:2]:
            self.assertNotIn(name.encode(), data)
        self.assertNotIn(b"<script>alert", data)

    def test_json_is_valid(self):
        """The JSON parses and holds the hostile names as they were."""
        text = self.convert("out.json").decode("utf-8")
        self.assertIn(self.HOSTILE[0], json.dumps(json.loads(text), ensure_ascii=False).replace('\\"', '"'))

    def test_pprof_keeps_every_sample(self):
        """The pprof file has as many samples as there were lines."""
        self.convert("out.pb.gz")
        profile = self.read_profile(self.folder / "out.pb.gz")
        self.assertEqual(sum(sample.values[0] for sample in profile.samples), self.n_names)


if __name__ == "__main__":
    unittest.main()
