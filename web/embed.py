#!/usr/bin/python3
"""Write the assembler file that carries the page's files: embed.py OUTPUT FILE...

.incbin takes 11 ms for a megabyte and the bytes stay read-only; gcc 12 has no #embed.
What stands around the scripts is written here too, so that their hashes can be known: a server that
shows the picture names them in its content security policy.
"""
import base64
import hashlib
import json
import os
import sys

OPENING = "\n(function () {\n'use strict';\n"
CLOSING = "})();\n"
# With scripts on, the static picture is not even laid out.
MARK = "document.documentElement.classList.add('scripted')"


def source(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def script_of(paths):
    """The page's script as it stands in the picture."""
    parts = []
    for path in paths:
        if path.endswith(".js"):
            with open(path, encoding="utf-8", newline="") as file:
                parts.append(file.read())
    return OPENING + "".join(parts) + CLOSING


def string_lines(name, text):
    return [f".globl {name}", f".hidden {name}", f".type {name}, @object", f"{name}: .asciz {json.dumps(text)}",
            f".size {name}, . - {name}"]


def main(output, *paths):
    lines = ["/* Made by web/embed.py. */", ".section .rodata"]
    for i, path in enumerate(paths):
        lines += [
            f"name{i}: .asciz \"{os.path.basename(path)}\"",
            f"begin{i}: .incbin \"{os.path.abspath(path)}\"",
            f"end{i}:",
        ]
    lines += string_lines("pp_web_script_opening", OPENING)
    lines += string_lines("pp_web_script_closing", CLOSING)
    lines += string_lines("pp_web_mark_script", MARK)
    lines += string_lines("pp_web_script_sources", source(MARK) + " " + source(script_of(paths)))
    lines += [
        ".section .data.rel.ro, \"aw\"",
        ".balign 8",
        ".globl pp_web_files",
        ".hidden pp_web_files",
        ".type pp_web_files, @object",
        "pp_web_files:",
    ]
    lines += [f".quad name{i}, begin{i}, end{i}" for i in range(len(paths))]
    lines += [
        ".quad 0, 0, 0",
        ".size pp_web_files, . - pp_web_files",
        ".section .note.GNU-stack, \"\", @progbits",
    ]
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
