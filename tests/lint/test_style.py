"""What style asks of every file and a program can see."""
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from tree import COMPILE, ROOT, files, short

MAX_LINES = 700
GOOD_LINES = 500
# Written in two halves, so that this file passes.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(ho" r"me|ro" r"ot|wo" r"rk|Us" r"ers)/\w")
TEXT = (".c", ".h", ".S", ".py", ".js", ".mjs", ".css", ".map")


def complaints(name, text):
    """What is wrong with a file called 'name'."""
    found = []
    if re.search(r"(^|[/_-])utils?([._-]|$)", name):
        found.append(f"{name}: say what lives in it; there is no utils")
    if text.count("\n") > MAX_LINES:
        found.append(f"{name}: {text.count(chr(10))} lines; over {MAX_LINES} it is two files")
    for number, line in enumerate(text.split("\n"), 1):
        if UNFINISHED.search(line):
            found.append(f"{name}:{number}: unfinished: {line.strip()}")
        if MACHINE_PATH.search(line):
            found.append(f"{name}:{number}: a path of one machine: {line.strip()}")
        if line != line.rstrip():
            found.append(f"{name}:{number}: blanks at the end of the line")
    return found


def tracked_texts():
    """Every text of the project: code, and what stands beside it."""
    yield from files(*TEXT)
    for pattern in ("*.md", "docs/**/*.md", "man/*", "completion/*", "cmake/*", "scripts/*", ".ci/*", "tests/run", "tests/fuzz/run",
                    "bench/run", "bench/readme_table", "Makefile", "meson.build", "**/meson.build"):
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and not path.relative_to(ROOT).parts[0].startswith("build"):
                yield path


def guard_of(path):
    """pprofc/error.h is guarded by PPROFC_ERROR_H, base/error.h by PP_BASE_ERROR_H."""
    relative = path.relative_to(ROOT / path.relative_to(ROOT).parts[0])
    words = re.sub(r"\W", "_", str(relative)).upper()
    return words if words.startswith("PPROFC_") else "PP_" + words


class Style(unittest.TestCase):
    def test_texts(self):
        """No leftovers, no machine's own paths, no file of everything."""
        found = []
        for path in dict.fromkeys(tracked_texts()):
            text = path.read_text(errors="replace")
            found += complaints(short(path), text)
            if text.count("\n") > GOOD_LINES and path.suffix in TEXT:
                print(f"note: {short(path)} has {text.count(chr(10))} lines, over {GOOD_LINES}")
        self.assertEqual(found, [])

    def test_nothing_generated(self):
        """No profile, recording or build result is kept with the sources: tests and fuzzers make their own."""
        if not (ROOT / ".git").exists():
            self.skipTest("no git here to list what is kept")
        listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True)
        if listed.returncode != 0:
            self.skipTest(f"git lists nothing: {listed.stderr.strip()}")
        kept = listed.stdout.split("\n")
        self.assertEqual([name for name in kept if name.endswith((".gz", ".zst", ".ppc", ".pprof", ".folded", ".otlp", ".o", ".a", ".so", ".png"))], [])
        # What is no text was made by something: that is kept instead.
        found = []
        for name in filter(None, kept):
            path = ROOT / name
            if not path.is_file():
                continue  # removed here, not yet committed
            try:
                text = path.read_bytes().decode()
            except UnicodeDecodeError:
                text = "\0"
            if re.search(r"[\x00-\x08\x0b-\x1f]", text):
                found.append(name)
        self.assertEqual(found, [])

    def test_own_mappings(self):
        """What capture maps itself does not pass the hooks that follow the program's mappings: capture/own_mapping.h."""
        for path in files(".c", folders=("src/capture", "src/sigsafe")):
            if "hook_wrap" not in path.name:
                self.assertEqual(re.findall(r"(?<![\w.>])(?:mmap|mmap64|munmap|mremap)\(", re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)),
                                 [], short(path))

    def test_header_guards(self):
        """Named after the file, so that two headers never share one."""
        for path in files(".h", folders=("src", "include")):
            guard = guard_of(path)
            self.assertRegex(path.read_text(), rf"#ifndef {guard}\n#define {guard}\n", short(path))

    def test_format(self):
        """clang-format would change nothing (make fmt does it)."""
        sources = [str(path) for path in files(".c", ".h", ".hpp", folders=("src", "include", "tests", "examples", "bench"))]
        try:
            done = subprocess.run(["clang-format", "--dry-run", "-Werror", *sources], capture_output=True, text=True)
        except FileNotFoundError:
            self.skipTest("clang-format is not installed")
        said = done.stderr.replace(f"{ROOT}/", "")
        unformatted = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", said, re.M)))
        self.assertEqual(unformatted, [], "run 'make fmt'; the first of them:\n" + said[:800])
        self.assertEqual(done.returncode, 0, said[:4000])

    def test_self(self):
        """Each kind of complaint is made."""
        for name, text in [("src/base/utils.c", ""), ("src/base/str_util.h", ""), ("a.c", "\n" * (MAX_LINES + 1)),
                           ("a.c", "/* TO" "DO: later */\n"), ("a.c", 'open("/ho' 'me/me/x")\n'), ("a.c", "int a; \n")]:
            self.assertNotEqual(complaints(name, text), [], name)
        self.assertEqual(complaints("src/base/error.c", "/* Reads /proc/self/maps. */\nint a;\n"), [])


class Headers(unittest.TestCase):
    def compile(self, command, text, suffix):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / f"one{suffix}"
            source.write_text(text)
            done = subprocess.run([*command, "-fsyntax-only", str(source)], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, text + done.stderr)

    def test_each_header_stands_alone(self):
        """Included first, and twice, it compiles."""
        text = "".join(f'#include "{path.relative_to(ROOT / folder)}"\n'
                       for folder in ("include", "src") for path in files(".h", folders=(folder,)))
        for line in text.splitlines():
            self.compile(["gcc", *COMPILE, "-Wall", "-Wextra", "-Werror"], f"{line}\n{line}\n", ".c")

    def test_version_is_one(self):
        """The public header and meson.build say the same version."""
        header = (ROOT / "include/pprofc/pprofc.h").read_text()
        build = (ROOT / "meson.build").read_text()
        self.assertEqual(re.findall(r'#define PPROFC_VERSION "(.*)"', header), re.findall(r"^  version: '(.*)',$", build, re.M))

    def test_public_headers_are_c99_and_cxx17(self):
        """Strict C99 without our defines, and C++17."""
        text = "".join(f"#include <{path.relative_to(ROOT / 'include')}>\n" for path in files(".h", folders=("include",)))
        options = [f"-I{ROOT / 'include'}", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
        self.compile(["gcc", "-std=c99", *options], text, ".c")
        try:
            self.compile(["g++", "-std=c++17", *options], text, ".cc")
        except FileNotFoundError:
            self.skipTest("g++ is not installed")


if __name__ == "__main__":
    unittest.main()
