"""The documents: links lead somewhere, the manual knows every option, name and call, headers say what callers must know."""
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import ROOT, built

from test_completion import TABLES, options_of

MAN = ROOT / "man"
PAGES = sorted(path for path in MAN.iterdir() if path.suffix in {".1", ".3", ".7"})
HEADERS = sorted((ROOT / "include/pprofc").glob("*.h"))
# A comment and what it stands before, up to the semicolon.
DECLARATION = re.compile(r"(?:/\*((?:[^*]|\*(?!/))*)\*/\n)?((?:int|void|const void|struct \w+) [^;{}()]*?\bpprofc_\w+\([^;{}]*?\));", re.S)


def functions(path):
    """(name, comment, declaration) of each public function of a header."""
    for comment, declaration in DECLARATION.findall(path.read_text()):
        yield re.search(r"(pprofc_\w+)\(", declaration).group(1), comment or "", declaration


def render(page):
    """A page as people read it, in one long line a paragraph."""
    done = subprocess.run(["man", "--warnings", "-l", str(page)], capture_output=True, text=True, timeout=60,
                          env={"PATH": "/usr/bin:/bin", "MANWIDTH": "1000", "MANPAGER": "cat", "LC_ALL": "C.UTF-8"})
    return done.returncode, re.sub("[\u2010\u2212]", "-", re.sub(".\b", "", done.stdout)), done.stderr


class Links(unittest.TestCase):
    def test_relative_links(self):
        """Every relative link of every .md file of the project resolves, sections included."""
        n_links = 0
        for path in ROOT.rglob("*.md"):
            if any(part.startswith((".", "build")) for part in path.relative_to(ROOT).parts):
                continue
            for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, section = target.partition("#")
                there = (path.parent / name).resolve() if name else path
                self.assertTrue(there.exists(), f"{path.relative_to(ROOT)}: {target}")
                if section:
                    headings = re.findall(r"^#+ (.*)$", there.read_text(), re.M)
                    self.assertIn(section, [re.sub(r"[^\w\- ]", "", one).lower().replace(" ", "-") for one in headings], target)
                n_links += 1
        self.assertGreater(n_links, 8)

    def test_readme_names_every_document(self):
        """README leads to every file of docs/ and every example."""
        readme = (ROOT / "README.md").read_text()
        for path in [*(ROOT / "docs").glob("*.md"), *(one for one in (ROOT / "examples").iterdir() if one.is_dir())]:
            self.assertIn(f"({path.relative_to(ROOT)})", readme)


class Readme(unittest.TestCase):
    README = (ROOT / "README.md").read_text()

    def test_first_commands(self):
        """It is short, its first block holds the two commands, and they are there."""
        self.assertLess(len(self.README.splitlines()), 150)
        block = re.search(r"^```\n(.*?)^```", self.README, re.M | re.S).group(1)
        commands = [line.partition("#")[0].strip() for line in block.splitlines()]
        self.assertEqual(commands, ["scripts/demo", "scripts/test"])
        for command in commands:
            self.assertTrue((ROOT / command).stat().st_mode & 0o100, command)

    def test_make_targets(self):
        """Each make target that a document names exists."""
        makefile = (ROOT / "Makefile").read_text()
        for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
            for target in re.findall(r"\bmake ([a-z]+)\b", " ".join(re.findall(r"(?<!`)`([^`\n]+)`(?!`)", path.read_text()))):
                self.assertRegex(makefile, rf"(?m)^{target}:", f"{path.name}: make {target}")

    def test_snippets_compile(self):
        """What it shows of C, C++ and Rust compiles without a warning."""
        include = f"-I{ROOT / 'include'}"
        commands = {"c": ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", include],
                    "cpp": ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", include],
                    "rust": ["rustc", "--edition", "2021", "--emit=metadata", "-Dwarnings", "-Adead-code"]}
        suffix = {"c": "c", "cpp": "cpp", "rust": "rs"}
        for language, command in commands.items():
            snippet = re.search(rf"^```{language}\n(.*?)^```", self.README, re.M | re.S)
            self.assertIsNotNone(snippet, language)
            if shutil.which(command[0]) is None:
                print(f"readme: no {command[0]}: the {language} snippet is not compiled")
                continue
            with tempfile.TemporaryDirectory() as folder:
                source = Path(folder) / f"snippet.{suffix[language]}"
                source.write_text(snippet.group(1))
                if language == "rust":
                    shutil.copy(ROOT / "examples/rust/src/pprofc.rs", folder)
                done = subprocess.run([*command, str(source)], capture_output=True, text=True, cwd=folder, timeout=120)
                self.assertEqual(done.returncode, 0, done.stderr)


class Headers(unittest.TestCase):
    def test_every_function_is_documented(self):
        """Each public function has a comment with its cost, threads, signals and fork, a line each, and what it can fail with."""
        n_functions = 0
        for path in HEADERS:
            for name, comment, declaration in functions(path):
                for word in ("Cost:    ", "Threads: ", "Signals: ", "Fork:    "):
                    self.assertRegex(comment, rf"(?m)^ \* {word}\S", f"{path.name}: {name} does not say '{word.strip()}'")
                if "struct pprofc_error *err" in declaration:
                    self.assertRegex(comment.partition("Cost:")[0], r"(?i)-E[A-Z]+|errors (of|are those)", f"{path.name}: {name} names no error")
                n_functions += 1
        self.assertGreaterEqual(n_functions, 20)

    def test_every_exported_function_is_declared(self):
        """What the libraries export is what the headers declare, and no more."""
        declared = {name for path in HEADERS for name, _, _ in functions(path)}
        declared |= {name for path in HEADERS for name in re.findall(r"(?m)^extern \w+ (pprofc_\w+);$", path.read_text())}
        exported = set()
        for library in ("libpprofc.so", "libpprofc-report.so"):
            out = subprocess.run(["nm", "-D", "--defined-only", built(library)], capture_output=True, text=True, check=True).stdout
            exported |= set(re.findall(r"^\S+ [A-Z] ([^\s@]+)", out, re.M))
        self.assertEqual(exported, declared)


class Manual(unittest.TestCase):
    def setUp(self):
        if shutil.which("man") is None or shutil.which("groff") is None:
            self.skipTest("there is no man")

    def test_no_warnings(self):
        """man and groff take every page without a word."""
        self.assertEqual({page.name for page in PAGES},
                         {"pprofc.1", "pprofc-bench.1", "pprofc-run.1", "pprofc-report.1", "pprofc-convert.1", "pprofc-diff.1",
                          "pprofc-serve.1", "pprofc-history.1", "pprofc-leaks.1", "pprofc-merge.1", "pprofc-off.1", "pprofc-overhead.1", "pprofc-push.1", "pprofc-stacks.1", "pprofc-symbolize.1",
                          "pprofc.3", "pprofc.7"})
        for page in PAGES:
            status, text, said = render(page)
            self.assertEqual((status, said), (0, ""), page.name)
            self.assertGreater(len(text), 1000, page.name)

    def test_options(self):
        """Each verb's page has an entry for each option of its table and its help, and for no other."""
        for verb in TABLES:
            text = render(MAN / f"pprofc-{verb}.1")[1]
            entries = re.findall(r"^     (-.*)$", text, re.M)
            told = set(re.findall(r"(?<![\w-])(--?[a-zA-Z][\w-]*)", " ".join(entries)))
            self.assertEqual(told, options_of(verb)[0], verb)

    def test_variables(self):
        """pprofc(7) has every name that capture or the command reads from the environment."""
        source = (ROOT / "src/capture/environment.c").read_text()
        names = set(re.findall(r'^ +\{"(PPROFC\w*|ENABLE_PROFILING)", \w+\},', source, re.M)) | set(re.findall(r'"(CPUPROFILE\w*|HEAPPROFILE)=', source))
        names |= {name for path in (ROOT / "src/cli").glob("*.c") for name in re.findall(r'getenv\("(PPROFC\w*)"\)', path.read_text())}
        self.assertIn("PPROFC_FREQUENCY", names)
        text = (MAN / "pprofc.7").read_text()
        entries = set(re.findall(r"\b[A-Z][A-Z_]+\b", " ".join(re.findall(r"^\.It Ev (.*)$", text, re.M))))
        self.assertEqual(names - entries, set(), "read by the code and not in pprofc(7)")
        self.assertEqual(entries - names, set(), "in pprofc(7) and read by nobody")

    def test_functions(self):
        """pprofc(3) names each public function at its top, in its synopsis and in its text, and each has a page of its own name."""
        page = (MAN / "pprofc.3").read_text()
        synopsis = page.partition(".Sh SYNOPSIS")[2].partition(".Sh")[0]
        text = page.partition(".Sh DESCRIPTION")[2]
        aliases = (MAN / "meson.build").read_text()
        declared = [name for path in HEADERS for name, _, _ in functions(path)]
        for name in declared:
            self.assertRegex(page, rf"(?m)^\.Nm {name}( ,)?$")
            self.assertIn(f".Fn {name}", synopsis)
            self.assertIn(f".Fn {name}", text)
            self.assertIn(f"'{name}'", aliases)
        self.assertEqual(set(re.findall(r"'(pprofc_\w+)'", aliases)), set(declared))

    def test_errors(self):
        """pprofc(3) explains each error that a header names."""
        named = {error for path in HEADERS for error in re.findall(r"-(E[A-Z]+)\b", path.read_text())}
        page = (MAN / "pprofc.3").read_text()
        told = set(re.findall(r"\bE[A-Z]{2,}\b", page.partition(".Sh ERRORS")[2])) | {"ENAMETOOLONG"}
        self.assertEqual(named - told, set())


class Pictures(unittest.TestCase):
    def test_flame_text(self):
        """scripts/flame_text draws roots at the bottom, widths as shares, and cuts what does not fit."""
        with tempfile.NamedTemporaryFile("w", suffix=".folded") as file:
            file.write("main;heavy 60\nmain;light;small_helper 20\nmain 19\nother 1\n")
            file.flush()
            drawn = subprocess.run([ROOT / "scripts/flame_text", file.name, "40"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(drawn, "                        |small_~|\n"
                                "|heavy 60 %             |light ~|\n"
                                "|main 99 %                              |\n")

    def test_pictures_are_of_this_project(self):
        """Each function in the pictures of docs/reading-flame-graphs.md is one of the programs they are said to be made from."""
        text = (ROOT / "docs/reading-flame-graphs.md").read_text()
        sources = "".join(path.read_text() for folder in ("tests/programs", "examples") for path in (ROOT / folder).glob("*.[ch]"))
        libc = {"_start", "__libc_start_main", "__libc_start_call_main", "start_thread", "clone3", "msort_with_tmp", "qsort_r", "cfree",
                "[unsampled]"}
        for name in set(re.findall(r"\|([\w\[\]]+) \d+ %", text)) - libc:
            self.assertRegex(sources, rf"\b{re.escape(name)}\b")


if __name__ == "__main__":
    unittest.main()
