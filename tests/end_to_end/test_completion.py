"""Completion in the shells: what is offered, and that it is what the command takes."""
import re
import shutil
import subprocess
import unittest

from harness import PPROFC, ROOT, EndToEnd, built

BASH = ROOT / "completion/pprofc"
ZSH = ROOT / "completion/_pprofc"
VERBS = ["bench", "convert", "diff", "help", "history", "leaks", "merge", "off", "overhead", "push", "report", "run", "serve", "stacks", "symbolize"]
TABLES = {"run": "run_options.c", "report": "report_options.c", "convert": "cmd_convert.c", "merge": "cmd_merge.c",
          "diff": "cmd_diff.c", "bench": "cmd_bench.c", "overhead": "cmd_overhead.c", "stacks": "cmd_stacks.c", "leaks": "cmd_leaks.c", "history": "history_request.c", "serve": "cmd_serve.c", "off": "cmd_off.c", "push": "cmd_push.c"}
# Regular expressions: nothing can be offered for them.
FREE = {"--peek", "--list", "--focus", "--ignore", "--hide", "--show", "--show_from", "--prune_from", "--tagshow", "--taghide",
        "--case", "--filter", "--disasm", "--weblist", "--pid", "--add_comment"}

# Sources the completion and asks it for the last word of "$@", as readline does.
ASK = r"""
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMPREPLY=()
compopt() { :; }
_pprofc pprofc "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def options_of(verb):
    """The options that the verb's table in the source has now: "--output", "-o" ..; and which of them take a value."""
    text = (ROOT / "src/cli" / TABLES[verb]).read_text()
    if "PP_CONTINUOUS_OPTIONS" in text:  # those that two verbs share
        text += (ROOT / "src/cli/continuous_options.h").read_text()
    options, with_value = set(), set()
    for name, letter, takes_value, is_later in re.findall(r"""\{"([\w-]+)", (0|'\w'), (true|false), (true|false)\}""", text):
        if is_later == "true":
            continue
        names = {f"--{name}"} | ({f"-{letter[1]}"} if letter != "0" else set())
        options |= names
        with_value |= names if takes_value == "true" else set()
    return options, with_value


class Bash(unittest.TestCase):
    def setUp(self):
        if shutil.which("bash") is None:
            self.skipTest("there is no bash")

    def ask(self, *words, cwd=None):
        done = subprocess.run(["bash", "--norc", "-c", ASK, "bash", str(BASH), "pprofc", *words], capture_output=True, text=True,
                              timeout=20, cwd=cwd)
        self.assertEqual(done.stderr, "")
        return sorted(done.stdout.split())

    def test_verbs(self):
        """The first word is a verb."""
        self.assertEqual(self.ask(""), VERBS)
        self.assertEqual(self.ask("re"), ["report"])
        self.assertEqual(self.ask("help", ""), VERBS)

    def test_options(self):
        """Of each verb every option that its table has, and no other."""
        for verb in TABLES:
            offered = set(self.ask(verb, "-")) - {"--"}
            self.assertEqual(offered, options_of(verb)[0], verb)

    def test_run_may_be_left_out(self):
        """pprofc -<tab> offers run's options and the command's own."""
        self.assertEqual(set(self.ask("-")) - {"--"}, options_of("run")[0] | {"--version", "-V"})
        self.assertEqual(self.ask("--mode", "h"), ["high"])

    def test_values(self):
        """Each option with a value offers values, also in the form --option=value, which bash parts into three words."""
        self.assertEqual(self.ask("run", "--mode", ""), ["high", "low", "standard"])
        self.assertEqual(self.ask("run", "--mode", "=", "s"), ["standard"])
        self.assertEqual(self.ask("run", "--mode", "="), ["high", "low", "standard"])
        self.assertEqual(self.ask("report", "--by", "m"), ["module"])
        for verb in TABLES:
            for option in options_of(verb)[1] - {"-o", "--output", "--base", "--diff_base", "--source_path", "--trim_path", "--tools"} - FREE:
                self.assertNotEqual(self.ask(verb, option, ""), [], f"{verb} {option}")

    def test_values_are_taken(self):
        """The command takes each value that is offered."""
        built("pprofc")
        for option in sorted(options_of("run")[1] - {"-o", "--output"}):
            for value in self.ask("run", option, ""):
                done = subprocess.run([PPROFC, "run", option, value, "-o", "/nowhere/at/all.pb.gz", "--", "no-such-program"],
                                      capture_output=True, text=True, timeout=20)
                self.assertNotIn(value, done.stderr.replace("/nowhere/at/all.pb.gz", ""), f"{option} {value}: {done.stderr}")
        for value in set(self.ask("report", "--by", "")) - {"label:"}:
            done = subprocess.run([PPROFC, "report", "--by", value, "-"], input="main;f 1\n", capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 0, f"--by {value}: {done.stderr}")

    def test_program(self):
        """Behind run's options comes a program, and behind that no option of ours."""
        self.assertIn("true", self.ask("run", "-F", "1000", "tru"))
        self.assertIn("true", self.ask("run", "--mode", "=", "high", "--", "tru"))
        self.assertNotIn("--mode", self.ask("run", "--", "ls", "--"))
        self.assertNotIn("--mode", self.ask("run", "ls", "--mo"))


class BashFiles(EndToEnd):
    def test_files(self):
        """report and convert offer profiles and folders, not everything."""
        for name in ("a.pb.gz", "b.folded", "c.c", "d.svg"):
            (self.folder / name).touch()
        (self.folder / "sub").mkdir()
        self.assertEqual(Bash.ask(self, "report", "", cwd=self.folder), ["a.pb.gz", "b.folded", "sub/"])
        self.assertEqual(Bash.ask(self, "convert", "a.pb.gz", "", cwd=self.folder), ["a.pb.gz", "b.folded", "d.svg", "sub/"])
        self.assertEqual(Bash.ask(self, "run", "-o", "d", cwd=self.folder), ["d.svg"])


class Zsh(unittest.TestCase):
    def setUp(self):
        if shutil.which("zsh") is None:
            self.skipTest("there is no zsh")

    def test_syntax(self):
        """zsh reads it without a word, and compinit takes it for pprofc."""
        done = subprocess.run(["zsh", "-n", str(ZSH)], capture_output=True, text=True, timeout=20)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        script = f'fpath=("{ZSH.parent}" $fpath); autoload -U compinit; compinit -D -u; print -r -- "$_comps[pprofc]"'
        done = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stdout.strip(), "_pprofc", done.stderr)

    def test_options(self):
        """Of each verb every option that its table has, and no other."""
        text = ZSH.read_text()
        for verb in TABLES:
            block = re.search(rf"^_pprofc_{verb}\(\) \{{\n(.*?)^\}}", text, re.M | re.S).group(1)
            # What stands before the description in brackets, less the lists of what excludes it.
            heads = re.sub(r"\([^)]*\)", " ", re.sub(r"\[[^\]]*\][^\\\n]*", " ", block).replace("'*", "'"))
            offered = set(re.findall(r"(?<![\w-])(--?[a-zA-Z][\w-]*)", heads)) - {"-S", "-A", "-g", "-e"}
            self.assertEqual(offered, options_of(verb)[0], verb)


class Help(unittest.TestCase):
    def test_help_has_the_options(self):
        """`pprofc help VERB` tells of each option that its table has, and of no other."""
        built("pprofc")
        for verb in TABLES:
            text = subprocess.run([PPROFC, "help", verb], capture_output=True, text=True, check=True, timeout=20).stdout
            told = set(re.findall(r"(?<![\w-])(--?[a-zA-Z][\w-]*)", text)) | {"-h", "--help"}
            self.assertEqual(told, options_of(verb)[0], verb)


if __name__ == "__main__":
    unittest.main()
