"""Numbers that the libraries write and read have a point in every locale: a program that links them may have chosen one
whose point is a comma."""
import re
import unittest

from tree import ROOT, files

PRINT = "base/print.c"
CALL = re.compile(r"\b(?:s|sn|f|d|as)?printf\s*\(")
OF_A_FORMAT = re.compile(r"\bv(?:s|sn|f|d|as)?printf\s*\(")
READING = re.compile(r"\b(?:strto(?:d|f|ld)|atof)\s*\(")
FLOAT = re.compile(r"%[-+ #0']*(?:\*|\d+)?(?:\.(?:\*|\d+)?)?L?[aAeEfFgG]")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.S)


def literals_of_call(text, begin):
    """The string literals of a call whose parenthesis opens before 'begin', joined."""
    depth, found = 1, ""
    for token in re.finditer(r'"((?:\\.|[^"\\])*)"|\'(?:\\.|[^\'\\])\'|[()]', text[begin:]):
        if token[1] is not None:
            found += token[1]
        elif token[0] in "()":
            depth += 1 if token[0] == "(" else -1
            if depth == 0:
                break
    return found


def violations(name, text):
    """What of src/<name> would follow the locale."""
    if name == PRINT:
        return []
    text = without_comments(text)
    found = []

    def line(match):
        return f"{name}:{text.count(chr(10), 0, match.start()) + 1}"

    for match in re.finditer(r"\bsetlocale\s*\(", text):
        found.append(f"{line(match)}: a locale is the program's to choose")
    if name.startswith("cli/"):  # which never calls setlocale(): its locale is C
        return found
    for match in CALL.finditer(text):
        if FLOAT.search(literals_of_call(text, match.end()).replace("%%", "")):
            found.append(f"{line(match)}: {match[0]}..) follows the locale; pp_print() does not")
    for match in OF_A_FORMAT.finditer(text):
        found.append(f"{line(match)}: {match[0]}..) follows the locale; pp_vprint() does not")
    for match in READING.finditer(text):
        found.append(f"{line(match)}: {match[0]}..) follows the locale; pp_read_double() does not")
    return found


class Numbers(unittest.TestCase):
    def test_the_tree(self):
        found = []
        for path in files(".c", ".h", folders=("src",)):
            found += violations(str(path.relative_to(ROOT / "src")), path.read_text(errors="replace"))
        self.assertEqual(found, [])

    def test_violations_are_found(self):
        for name, line in [
            ("views/top_table.c", '(void)snprintf(text, sizeof text, "%.2f", x);'),
            ("views/top_table.c", '(void)snprintf(text, size_of(text), "%s"\n "%+.*g %%", name, 2, x);'),
            ("serve/http.c", "(void)vsnprintf(sentence, sizeof sentence, format, arguments);"),
            ("capture/api.c", "value = strtod(text, &end);"),
            ("cli/main.c", 'setlocale(LC_ALL, "");'),
        ]:
            self.assertEqual(len(violations(name, line)), 1, (name, line))
        for name, line in [
            ("views/top_table.c", 'pp_buffer_printf(out, "%.2f", x);'),
            ("views/top_table.c", '(void)snprintf(text, sizeof text, "%d %%f of %s", n, name), f("%f");'),
            ("views/top_table.c", '/* printf("%f") */ pp_print(text, sizeof text, "%g", x);'),
            ("cli/main.c", 'printf("%.1f", x);'),
            (PRINT, "vsnprintf(to, n_bytes, format, arguments);"),
        ]:
            self.assertEqual(violations(name, line), [], (name, line))


if __name__ == "__main__":
    unittest.main()
