"""Includes go one way: what each room of src/ may lean on."""
import re
import unittest

from tree import ROOT, files

REPORT_PUBLIC = {"pprofc/error.h", "pprofc/profile.h"}
CAPTURE_PUBLIC = {"pprofc/error.h", "pprofc/pprofc.h"}

# room -> what its files may include: rooms, or single headers.
ARROWS = {
    "base": {"pprofc/error.h"},
    # Handlers write events where layout.h says; it is constants and structs, no code of the reader.
    "sigsafe": {"recording/layout.h"},
    "capture": {"base", "sigsafe", "recording/layout.h"} | CAPTURE_PUBLIC,
    "recording": {"base"} | REPORT_PUBLIC,
    "binary": {"base"} | REPORT_PUBLIC,
    "profile": {"base"} | REPORT_PUBLIC,
    # A recording is one of the formats, and gets its names when it is read as a profile.
    "formats": {"base", "profile", "recording", "binary"} | REPORT_PUBLIC,
    "views": {"base", "profile"} | REPORT_PUBLIC,
}
REPORT_SIDE = {"base", "recording", "binary", "profile", "formats", "views"}
# Who makes windows hands them to sinks.
ARROWS["export"] = REPORT_SIDE | REPORT_PUBLIC | CAPTURE_PUBLIC | {"pprofc/export.h"}
ARROWS["serve"] = REPORT_SIDE | {"export"} | REPORT_PUBLIC | CAPTURE_PUBLIC | {"pprofc/serve.h", "pprofc/compare.h", "pprofc/overhead.h", "pprofc/export.h"}
ARROWS["cli"] = REPORT_SIDE | {"serve", "export", "pprofc"}

# Headers that hold for a single file instead of its room.
FILE_ARROWS = {
    "recording/layout.h": {"recording/layout_heap.h", "recording/layout_table.h", "recording/layout_waits.h"},
    "recording/layout_heap.h": {"recording/layout_table.h"},
    "recording/layout_table.h": set(),
    "recording/layout_waits.h": {"recording/layout_table.h"},
    # Pictures and tables are formats to whoever names a file; views know nothing of formats.
    "formats/encode.c": {"base", "profile", "formats", "views"} | REPORT_PUBLIC,
}

# In other people's processes there is libc and nothing else.
FOREIGN = re.compile(r"(elfutils/|libelf|gelf\.h|dwarf\.h|libdeflate|libiberty|libunwind|unwind\.h|zlib\.h|zstd\.h)")


def violations(name, text):
    """What is wrong with the includes of src/<name>."""
    room = name.partition("/")[0]
    allowed = FILE_ARROWS.get(name, ARROWS.get(room))
    if allowed is None:
        return [f"{name}: the room '{room}' has no line in ARROWS"]
    own = set() if name in FILE_ARROWS else {room}
    found = []
    for bracket, target in re.findall(r'^\s*#\s*include\s+(["<])([^">]+)', text, re.M):
        if bracket == "<":
            if room in ("capture", "sigsafe") and FOREIGN.match(target):
                found.append(f"{name}: <{target}> is not libc's")
        elif target not in allowed and target.partition("/")[0] not in allowed | own:
            found.append(f"{name}: must not include \"{target}\"")
    return found


class Includes(unittest.TestCase):
    def test_arrows_of_the_tree(self):
        """No file of src/ includes a room above its own."""
        found = []
        for path in files(".c", ".h", ".S", folders=("src",)):
            found += violations(str(path.relative_to(ROOT / "src")), path.read_text(errors="replace"))
        self.assertEqual(found, [])

    def test_rooms_are_known(self):
        """Each folder of src/ is a room of style."""
        folders = {path.name for path in (ROOT / "src").iterdir() if path.is_dir()}
        self.assertEqual(folders - set(ARROWS), set())

    def test_public_headers_stand_alone(self):
        """A public header includes nothing but public headers and libc's."""
        for path in files(".h", ".hpp", folders=("include",)):
            for target in re.findall(r'^\s*#\s*include\s+"([^"]+)', path.read_text(), re.M):
                self.assertTrue(target.startswith("pprofc/"), f"{path.name} includes {target}")

    def test_examples_use_public_headers_only(self):
        """An example is what a stranger could write."""
        for path in files(".c", ".cc", ".cpp", folders=("examples",)):
            for target in re.findall(r'^\s*#\s*include\s+"([^"]+)', path.read_text(), re.M):
                self.assertTrue(target.startswith("pprofc/") or (path.parent / target).exists(), f"{path.name} includes {target}")


class SelfTest(unittest.TestCase):
    def test_wrong_arrows_are_found(self):
        """Each of these is refused."""
        for name, line in [
            ("base/error.c", '#include "profile/profile.h"'),
            ("sigsafe/ring.c", '#include "base/buffer.h"'),
            ("sigsafe/ring.c", '#include "recording/reader.h"'),
            ("capture/cpu.c", '#  include "recording/reader.h"'),
            ("capture/cpu.c", '#include "pprofc/profile.h"'),
            ("capture/cpu.c", "#include <elfutils/libdw.h>"),
            ("profile/top.c", '#include "formats/formats.h"'),
            ("profile/top.c", '#include "binary/symbolizer.h"'),
            ("views/flamegraph.c", '#include "cli/main.h"'),
            ("recording/layout.h", '#include "recording/reader.h"'),
            ("recording/layout_heap.h", '#include "recording/layout.h"'),
            ("nowhere/x.c", '#include "base/error.h"'),
        ]:
            self.assertNotEqual(violations(name, f"/* . */\n{line}\n"), [], f"{name}: {line}")

    def test_right_arrows_are_not(self):
        """Each of these is fine."""
        for name, line in [
            ("base/error.c", '#include "base/error.h"'),
            ("sigsafe/ring.c", '#include "recording/layout.h"'),
            ("capture/cpu.c", '#include "sigsafe/unwind.h"'),
            ("capture/modules.c", "#include <elf.h>"),
            ("formats/pprof.c", '#include "profile/profile.h"'),
            ("binary/index.c", "#include <elfutils/libdw.h>"),
            ("cli/main.c", '#include "pprofc/pprofc.h"'),
        ]:
            self.assertEqual(violations(name, line), [])


if __name__ == "__main__":
    unittest.main()
