"""The flame graph in a real browser: what it shows, how fast it opens, what it answers to keys and pointers."""
import os
import random
import statistics
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import browser
from harness import BUILD, built

DRAW = BUILD / "tests" / "unit" / "views" / "folded_flamegraph"

SMALL = """\
main@/bin/app@main.c:10;alpha@/bin/app@a.c:20;^beta@/bin/app@a.c:40 300
main@/bin/app@main.c:10;alpha@/bin/app@a.c:20 100
main@/bin/app@main.c:10;gamma@/lib/libz.so.1@z.c:7;alpha@/bin/app@a.c:20 200
main@/bin/app@main.c:10;gamma@/lib/libz.so.1@z.c:7 390
[unsampled] 10
"""

# The box under the pointer's details, as text; the labels that are drawn.
LABELS = "return [...document.querySelectorAll('#chart text')].map(t => t.textContent)"
DETAILS = "return document.getElementById('details').innerText || document.getElementById('details').textContent"
MATCHED = "return document.getElementById('matched').textContent"


def many_stacks(n_stacks):
    """n distinct stacks, 10 to 45 deep, of 3000 functions."""
    choose = random.Random(5)
    stacks = set()
    while len(stacks) < n_stacks:
        frame, stack = 0, []
        for level in range(choose.randint(10, 45)):
            frame = (frame * 31 + min(int(choose.expovariate(0.9)), 9) + level * 7) % 3000
            stack.append(f"ns{frame % 37}::Class{frame % 211}::method_{frame}")
        stacks.add(";".join(stack))
    return "".join(f"{stack} {int(choose.paretovariate(1.2) * 1e6)}\n" for stack in sorted(stacks))


class FlameGraphPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if browser.missing():
            raise unittest.SkipTest(browser.missing())
        built("tests/unit/views/folded_flamegraph")
        cls.folder = tempfile.TemporaryDirectory(prefix="pprofc-flame-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.browser = browser.Browser()
        cls.addClassCleanup(cls.browser.close)
        cls.small = cls.draw("small", SMALL, "cpu")

    @classmethod
    def draw(cls, name, folded, kind="count"):
        source, picture = Path(cls.folder.name, name + ".folded"), Path(cls.folder.name, name + ".svg")
        source.write_bytes(folded if isinstance(folded, bytes) else folded.encode())
        subprocess.run([DRAW, source, picture, kind], check=True, stdout=subprocess.DEVNULL)
        return picture

    def setUp(self):
        self.browser.size(1200, 800)
        self.browser.dark(False)
        self.browser.errors()

    def open(self, picture, hash_part=""):
        self.browser.open(picture.as_uri() + hash_part)

    def tearDown(self):
        self.assertEqual(self.browser.errors(), [], "the page complained")

    def point_at(self, label):
        """The middle of the box that has this label."""
        return self.browser.run(
            "const t = [...document.querySelectorAll('#chart text')].find(t => t.textContent === arguments[0]);"
            "const r = t.getBoundingClientRect(); return [r.x + 4, r.y + r.height / 2]", label)

    def hash(self):
        return self.browser.run("return location.hash")

    def test_boxes_and_header(self):
        """Every frame wide enough has its name; the header has the facts and the quality."""
        self.open(self.small)
        labels = self.browser.run(LABELS)
        for name in ("all", "main", "alpha", "gamma", "beta"):
            self.assertIn(name, labels)
        head = self.browser.run("return document.querySelector('header').textContent")
        self.assertIn("2025-11-24 16:00:00 UTC", head)
        self.assertIn("1 229", head)
        self.assertNotEqual(self.browser.run("return document.getElementById('quality').textContent"), "")
        self.assertEqual(self.browser.run("return document.title"), str(self.small.with_suffix(".folded")))

    def test_details(self):
        """A pointer at rest shows name, place, module, self and total with shares, as text that can be selected."""
        self.open(self.small)
        self.browser.pointer(*self.point_at("gamma"))
        self.browser.wait_for("return document.getElementById('name').textContent === 'gamma'")
        details = self.browser.run(DETAILS)
        for part in ("z.c:7", "/lib/libz.so.1", "self 390 ns (39.00 %)", "total 590 ns (59.00 %)"):
            self.assertIn(part, details)
        self.browser.pointer(*self.point_at("beta"))
        self.browser.wait_for("return document.getElementById('name').textContent === 'beta'")
        self.assertIn("inlined", self.browser.run(DETAILS))
        selected = self.browser.run("getSelection().selectAllChildren(document.getElementById('place')); return String(getSelection())")
        self.assertIn("a.c:40", selected)

    def test_search(self):
        """alpha is under main twice: 400 and 200 of 1000; beta lies inside one of them."""
        self.open(self.small, "#search=alpha|beta")
        self.assertIn("matched 60.00 %", self.browser.run(MATCHED))
        self.browser.keys("Escape")
        self.assertEqual(self.browser.run(MATCHED), "")
        self.assertEqual(self.hash(), "")
        self.browser.keys(("Control", "f"), *"^gam")
        self.assertIn("matched 59.00 %", self.browser.run(MATCHED))
        self.assertEqual(self.hash(), "#search=%5Egam")
        self.assertEqual(self.browser.run("return document.querySelectorAll('#chart text.on').length"), 1)
        self.browser.keys("Escape", "/", *"(")
        self.assertRegex(self.browser.run(MATCHED), "(?i)regular expression")

    def test_zoom(self):
        """A click zooms, the address says where, a reload shows the same, Back and Esc undo."""
        self.open(self.small)
        self.browser.pointer(*self.point_at("gamma"), click=True)
        self.assertEqual(self.hash(), "#zoom=main;gamma")
        x, _ = self.point_at("alpha")
        self.assertLess(x, 20)  # the zoom's first child starts at the left edge
        self.open(self.small, "#zoom=main;gamma&search=alpha")
        self.assertNotIn("beta", self.browser.run(LABELS))
        self.assertIn("33.90 % of the zoom", self.browser.run(MATCHED))
        self.open(self.small)
        self.browser.pointer(*self.point_at("alpha"), click=True)
        self.assertEqual(self.hash(), "#zoom=main;alpha")
        self.browser.run("history.back()")
        self.browser.wait_for("return location.hash === '' && [...document.querySelectorAll('#chart text')].some(t => t.textContent === 'gamma')")
        self.browser.pointer(*self.point_at("alpha"), click=True)
        self.browser.keys("Escape")
        self.assertEqual(self.hash(), "")
        self.assertIn("gamma", self.browser.run(LABELS))

    def test_touch(self):
        """A finger zooms like a mouse."""
        self.open(self.small)
        self.browser.pointer(*self.point_at("gamma"), click=True, kind="touch")
        self.assertEqual(self.hash(), "#zoom=main;gamma")

    def test_keys(self):
        """Arrows walk the boxes, Enter zooms, i inverts, m changes the colours, Tab goes on from box to box."""
        self.open(self.small)
        name = "return document.getElementById('name').textContent"
        self.browser.run("document.getElementById('chart').focus()")
        self.browser.keys("ArrowUp")
        self.assertEqual(self.browser.run(name), "main")
        self.browser.keys("ArrowUp")
        self.assertEqual(self.browser.run(name), "gamma")  # the widest of main's children
        self.browser.keys("ArrowLeft")
        self.assertEqual(self.browser.run(name), "alpha")
        self.assertIn("alpha", self.browser.run("return document.getElementById('cursor').getAttribute('aria-label')"))
        self.browser.keys("Tab")
        self.assertEqual(self.browser.run(name), "gamma")
        self.browser.keys("Enter")
        self.assertEqual(self.hash(), "#zoom=main;gamma")
        top = self.point_at("all")[1]
        self.browser.keys("i", "m")
        self.assertEqual(self.hash(), "#zoom=main;gamma&invert=1&color=name")
        self.assertLess(self.point_at("all")[1], top)
        self.browser.keys("Escape")
        self.assertEqual(self.hash(), "#invert=1&color=name")

    def test_names_are_text(self):
        """Names that look like markup or scripts are shown, not run."""
        evil = b"<script>window.owned=1</script>;</script><script>window.owned=2</script>;]]><g onload='window.owned=3'/>;" \
               b"\xff\x01\x1b<!--;\xe2\x80\xae${x} 10\n"
        picture = self.draw("evil", evil)
        self.open(picture, "#search=%3Cscript%3Ewindow.owned%3D4%3C/script%3E")
        labels = self.browser.run(LABELS)
        self.assertIn("<script>window.owned=1</script>", labels)
        self.assertIn("\\xFF\\x01\\x1B<!--", labels)
        self.assertIn("\\u{202E}${x}", labels)
        self.assertIsNone(self.browser.run("return window.owned === undefined ? null : window.owned"))

    def test_without_scripts(self):
        """With scripts off, and as an image, the boxes are there with names and tooltips, and fit the width."""
        self.browser.cdp("Emulation.setScriptExecutionDisabled", value=True)
        try:
            self.open(self.small)
            shot = self.browser.cdp("DOMSnapshot.captureSnapshot", computedStyles=[])
        finally:
            self.browser.cdp("Emulation.setScriptExecutionDisabled", value=False)
        strings = shot["strings"]
        drawn = {strings[i] for i in shot["documents"][0]["layout"]["text"] if i >= 0}
        self.assertLessEqual({"main", "alpha", "gamma", "beta"}, drawn)
        self.assertIn("gamma (590 ns, 59.00 %)", strings)
        page = Path(self.folder.name, "page.html")
        page.write_text(f'<body style="margin:0"><img src="{self.small.name}">')
        self.open(page)
        width, height = self.browser.run("const i = document.querySelector('img'); return [i.width, i.naturalHeight > 0]")
        self.assertEqual((width, height), (1200, True))

    def test_resize(self):
        """The graph follows the window's width, names are fitted anew, and nothing sticks out."""
        self.open(self.small)
        wide = self.point_at("gamma")[0]
        self.browser.size(400, 700)
        self.browser.wait_for("return document.getElementById('chart').clientWidth <= 400")
        self.browser.wait_for(f"const t = [...document.querySelectorAll('#chart text')].find(t => t.textContent.startsWith('gam'));"
                              f"return t && t.getBoundingClientRect().x < {wide} / 2")
        self.assertLessEqual(self.browser.run("return document.querySelector('.app').scrollWidth"), 400)

    def test_dark(self):
        """Dark mode follows the system."""
        self.open(self.small)
        paper = "return getComputedStyle(document.querySelector('.app')).backgroundColor"
        light = self.browser.run(paper)
        self.browser.dark(True)
        self.assertNotEqual(self.browser.run(paper), light)

    def test_depth(self):
        """A stack of 100 000 frames opens, draws only what is seen, and its deepest frames can be reached."""
        picture = self.draw("deep", "main;" + ";".join(f"f{i % 7}" for i in range(99998)) + ";deepest 10\n")
        self.open(picture)
        self.assertLess(self.browser.run("return document.querySelectorAll('*').length"), 1000)
        self.assertIn("main", self.browser.run(LABELS))
        self.browser.run("document.getElementById('chart').scrollTop = 0")
        self.browser.wait_for("return [...document.querySelectorAll('#chart text')].some(t => t.textContent === 'deepest')")
        self.open(picture, "#node=100000")
        self.assertIn("deepest", self.browser.run(LABELS))

    def test_narrow_frames_can_be_reached(self):
        """Frames too narrow to draw stand in 'other (n)'; zooming into it shows them, and the address keeps that."""
        picture = self.draw("narrow", "main;wide 1000000\n" + "".join(f"main;tiny{i:04} 30\n" for i in range(2000)))
        self.open(picture)
        labels = [label for label in self.browser.run(LABELS) if label.startswith("other")]
        self.assertEqual(len(labels), 1)
        self.browser.pointer(*self.point_at(labels[0]), click=True)
        self.assertIn("&other=", self.hash())
        shown = self.browser.run("return document.getElementById('name').textContent")
        self.assertIn("2\u202f000", shown)
        zoomed = self.hash()
        self.open(picture, zoomed)
        self.assertEqual(self.browser.run("return document.getElementById('name').textContent"), shown)

    def test_many_stacks_open_fast(self):
        """100 000 distinct stacks: the file is below 10 MB and on the screen within a second."""
        picture = self.draw("many", many_stacks(100000))
        self.assertLess(picture.stat().st_size, 10e6)
        times = []
        for _ in range(6):
            self.open(picture)
            times.append(self.browser.run(
                "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"))
            if min(times) <= 1000:
                break
            time.sleep(1)  # the machine is busy: the best counts
        print(f"100 000 stacks: {picture.stat().st_size / 1e6:.1f} MB, drawn after {min(times):.0f} ms")
        crowd = max(1, os.getloadavg()[0] / os.cpu_count())  # others on the same processors
        self.assertLessEqual(min(times), 1000 * crowd)
        times = [self.browser.run("const s = document.getElementById('search'), start = performance.now(); s.value = 'method_1[0-9]$';"
                                  "s.dispatchEvent(new Event('input')); document.documentElement.getBoundingClientRect(); return performance.now() - start")
                 for _ in range(5)]
        print(f"searched in {statistics.median(times):.0f} ms")
        self.assertLess(statistics.median(times), 1000 * crowd)
        self.assertRegex(self.browser.run(MATCHED), r"matched \d+\.\d\d % in")


if __name__ == "__main__":
    unittest.main()
