#!/usr/bin/python3
"""Write the assembler file that carries the page's files: embed.py OUTPUT FILE...

.incbin takes 11 ms for a megabyte and the bytes stay read-only; gcc 12 has no #embed.
"""
import os
import sys


def main(output, *paths):
    lines = ["/* Made by web/embed.py. */", ".section .rodata"]
    for i, path in enumerate(paths):
        lines += [
            f"name{i}: .asciz \"{os.path.basename(path)}\"",
            f"begin{i}: .incbin \"{os.path.abspath(path)}\"",
            f"end{i}:",
        ]
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
