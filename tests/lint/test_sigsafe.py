"""What runs in a signal handler calls nothing but pp_sig_* and what sigsafe/allowed.h names.

Two independent looks, both of the compiler's own making: the call graph that gcc writes without
optimisation (so that no call is optimised away), and the undefined symbols of the optimised object.
The call graph also tells each function's stack.

An indirect call is refused unless a comment of allowed.h says 'indirect: CALLER: why'.
"""
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from tree import COMPILE, ROOT, files

ALLOWED_H = ROOT / "src/sigsafe/allowed.h"
# gcc may make these calls by itself, for a struct copy; they are plain loops over memory.
COMPILER_HELPERS = {"memcpy", "memset", "memmove"}
MAX_FRAME_BYTES = 2048


def allowed_names(text):
    """The functions that the header declares again with PP_SIG, and the callers of function pointers."""
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    names = set(re.findall(r"^\s*PP_SIG\b[^;]*?\b(\w+)\s*\(", code, re.M))
    return names | COMPILER_HELPERS, set(re.findall(r"\bindirect: (\w+):", text))


class Object:
    """One source of sigsafe, compiled with and without optimisation."""

    def __init__(self, source, folder, compiler_options=()):
        self.name = source.name
        self.calls = []  # (caller, callee)
        self.frames = {}  # function -> (bytes, kind)
        for level in ("-O0", "-O2"):
            object_path = Path(folder) / f"{source.stem}{level}.o"
            # Without -ftls-model: a thread-local that does not say initial-exec itself shows up.
            subprocess.run(["gcc", *COMPILE, *compiler_options, level, "-fPIC", "-fcallgraph-info=su", "-c", str(source), "-o",
                            str(object_path)], check=True, capture_output=True, text=True)
            graph = object_path.with_suffix(".ci")
            text = graph.read_text() if graph.exists() else ""  # assembly has none
            self.calls += [(plain(a), b) for a, b in
                           re.findall(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', text, re.M)]
            if level == "-O2":
                for function, n_bytes, kind in re.findall(
                        r'^node: \{ title: "([^"]+)" label: "[^"]*\\n(\d+) bytes \(([^)]+)\)', text, re.M):
                    self.frames[plain(function)] = (int(n_bytes), kind)
        listed = subprocess.run(["nm", str(object_path)], check=True, capture_output=True, text=True).stdout
        undefined = set(re.findall(r"^\s+[Uw] (\S+)$", listed, re.M)) - {"_GLOBAL_OFFSET_TABLE_"}
        # Where one of our sections begins and ends: the linker's.
        self.undefined = {name for name in undefined if not re.match(r"__(start|stop)_pp_", name)}
        self.defined = set(re.findall(r"^\S+ [A-TV-Z] (\S+)$", listed, re.M))


def plain(title):
    """A static function's title is 'file.c:name'."""
    return title.rpartition(":")[2]


def violations(objects, allowed, may_call_pointers):
    """What is wrong with the objects, as sentences."""
    found = []
    ours = set().union(*(one.defined for one in objects))
    for one in objects:
        for caller, callee in sorted(set(one.calls)):
            if callee == "__indirect_call":
                if caller not in may_call_pointers:
                    found.append(f"{one.name}: {caller}() calls through a pointer (allowed.h: 'indirect: {caller}: why')")
            elif ":" not in callee and callee not in ours and callee not in allowed:
                found.append(f"{one.name}: {caller}() calls {callee}()")
        for symbol in sorted(one.undefined - ours - allowed):
            found.append(f"{one.name}: needs the symbol {symbol}")
        for symbol in sorted(one.defined):
            if not symbol.startswith("pp_sig_"):
                found.append(f"{one.name}: {symbol} is visible to other files but is not called pp_sig_*")
        for function, (n_bytes, kind) in sorted(one.frames.items()):
            if n_bytes > MAX_FRAME_BYTES or "dynamic" in kind and "bounded" not in kind:
                found.append(f"{one.name}: {function}() takes {n_bytes} bytes of stack ({kind})")
    return found


def compile_all(sources, folder):
    return [Object(source, folder) for source in sources]


class Sigsafe(unittest.TestCase):
    def test_calls_of_the_tree(self):
        """src/sigsafe calls only itself and what allowed.h names, on less than 2 KiB of stack a function."""
        sources = list(files(".c", ".S", folders=("src/sigsafe",)))
        self.assertGreater(len(sources), 10)
        allowed, may_call_pointers = allowed_names(ALLOWED_H.read_text() if ALLOWED_H.exists() else "")
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(violations(compile_all(sources, folder), allowed, may_call_pointers), [])


class SelfTest(unittest.TestCase):
    def look(self, code, allowed_text=""):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "bad.c"
            source.write_text('#include "sigsafe/sigsafe.h"\n' + code)
            return violations(compile_all([source], folder), *allowed_names(allowed_text))

    def test_a_call_of_malloc_is_found(self):
        """Also when the optimiser would throw it away."""
        found = self.look("#include <stdlib.h>\nvoid pp_sig_x(void);\nvoid pp_sig_x(void)\n{\n    free(malloc(1));\n}\n")
        self.assertIn("bad.c: pp_sig_x() calls malloc()", found)

    def test_a_call_in_a_static_function_is_found(self):
        """The caller named is the one that calls."""
        found = self.look("#include <stdio.h>\nvoid pp_sig_x(void);\nstatic __attribute__((noinline)) void say(void)\n"
                          '{\n    printf("%d", 1);\n}\nvoid pp_sig_x(void)\n{\n    say();\n}\n')
        self.assertIn("bad.c: say() calls printf()", found)
        self.assertIn("bad.c: needs the symbol printf", found)

    def test_an_indirect_call_is_found(self):
        """Unless allowed.h gives its reason."""
        code = "void pp_sig_x(void (*f)(void));\nvoid pp_sig_x(void (*f)(void))\n{\n    f();\n    f();\n}\n"
        self.assertEqual(self.look(code), ["bad.c: pp_sig_x() calls through a pointer (allowed.h: 'indirect: pp_sig_x: why')"])
        self.assertEqual(self.look(code, "/* indirect: pp_sig_x: the program's own handler */\n"), [])

    def test_a_name_outside_the_family_is_found(self):
        self.assertEqual(self.look("int pp_other(void);\nint pp_other(void)\n{\n    return 1;\n}\n"),
                         ["bad.c: pp_other is visible to other files but is not called pp_sig_*"])

    def test_another_room_of_ours_is_found(self):
        """A pp_sig_ name is not enough: it must live in sigsafe, or a handler would run unchecked code."""
        self.assertEqual(self.look("void pp_sig_y(void);\nvoid pp_sig_x(void);\nvoid pp_sig_x(void)\n{\n    pp_sig_y();\n}\n"),
                         ["bad.c: pp_sig_x() calls pp_sig_y()", "bad.c: needs the symbol pp_sig_y"])

    def test_a_lazy_thread_local_is_found(self):
        """The general model calls __tls_get_addr, which may allocate."""
        code = "{} int pp_sig_n;\nint pp_sig_x(void);\nint pp_sig_x(void)\n{{\n    return ++pp_sig_n;\n}}\n"
        self.assertEqual(self.look(code.format("__thread")), ["bad.c: needs the symbol __tls_get_addr"])
        self.assertEqual(self.look(code.format("PP_SIG_TLS")), [])

    def test_a_large_frame_is_found(self):
        code = ("void pp_sig_use(volatile char *p);\nvoid pp_sig_use(volatile char *p)\n{\n    p[1] = 1;\n}\n"
                "void pp_sig_x(void);\nvoid pp_sig_x(void)\n{\n    volatile char big[3000];\n    pp_sig_use(big);\n    big[0] = 2;\n}\n")
        self.assertRegex("\n".join(self.look(code)), r"pp_sig_x\(\) takes \d+ bytes of stack")

    def test_what_allowed_h_names_is_allowed(self):
        """One declaration a line; names in comments do not count."""
        allowed, _ = allowed_names("/* PP_SIG int nothing(void); */\nPP_SIG int clock_gettime(clockid_t id, struct timespec *t);\n"
                                   "PP_SIG ssize_t process_vm_readv(pid_t pid, const struct iovec *l, unsigned long n,\n"
                                   "                               const struct iovec *r, unsigned long m, unsigned long f);\n")
        self.assertEqual(allowed - COMPILER_HELPERS, {"clock_gettime", "process_vm_readv"})
        code = "#include <time.h>\nint pp_sig_x(struct timespec *t);\nint pp_sig_x(struct timespec *t)\n{\n    return clock_gettime(0, t);\n}\n"
        self.assertEqual(self.look(code, "PP_SIG int clock_gettime(clockid_t id, struct timespec *t);\n"), [])


if __name__ == "__main__":
    unittest.main()
