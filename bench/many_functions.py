"""Makes a program with about 20 MB of .eh_frame: very many small functions, of which main calls a few."""
import hashlib
import os
import subprocess

N_FUNCTIONS = 358000
CALLED = (0, 77777, 199999)
N_KINDS = 7

# Each pushes other registers, so that there are rows and rules as compilers make them.
REGISTERS = ("rbx", "rbp", "r12", "r13", "r14", "r15")
HEAD = "    .text\n"
MAIN = r"""
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

long small_0(long), small_77777(long), small_199999(long);

/* Prints when main began and when it has done 'argv[1]' seconds of work, by CLOCK_MONOTONIC. */
int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 0;
    struct timespec began, now;
    long sum = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &began);
    for (clock_t end = clock() + (clock_t)(seconds * CLOCKS_PER_SEC); clock() < end;)
        for (int i = 0; i < 100000; i++)
            sum += small_0(i) + small_77777(sum) + small_199999(i);
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%lld.%09ld %lld.%09ld\n", (long long)began.tv_sec, began.tv_nsec, (long long)now.tv_sec, now.tv_nsec);
    return sum == 42;
}
"""


def function(i):
    saved = REGISTERS[:2 + i % (N_KINDS - 2)]
    room = 24 + 16 * (i % 13)
    name = f"small_{i}" if i in CALLED else f".Lsmall_{i}"
    lines = [f"    .globl {name}", f"    .type {name}, @function"] if i in CALLED else []
    lines += [f"{name}:", "    .cfi_startproc"]
    depth = 8
    for name in saved:
        depth += 8
        lines += [f"    push %{name}", f"    .cfi_def_cfa_offset {depth}", f"    .cfi_offset {name}, -{depth}"]
    lines += [f"    sub ${room}, %rsp", f"    .cfi_def_cfa_offset {depth + room}", f"    lea {i}(%rdi), %rax", "    imul %rax, %rax",
              f"    add ${room}, %rsp", f"    .cfi_def_cfa_offset {depth}"]
    for name in reversed(saved):
        depth -= 8
        lines += [f"    pop %{name}", f"    .cfi_def_cfa_offset {depth}"]
    return "\n".join(lines + ["    ret", "    .cfi_endproc", ""])


def source():
    return HEAD + "".join(map(function, range(N_FUNCTIONS))) + '    .section .note.GNU-stack,"",@progbits\n'


def build(folder):
    """The program's path; it is made when the folder has none of this recipe (half a minute of CPU)."""
    folder.mkdir(parents=True, exist_ok=True)
    text = source()
    recipe = hashlib.sha256((text + MAIN).encode()).hexdigest()[:12]
    program = folder / f"many_functions_{recipe}"
    if program.exists():
        return program
    (folder / "many.s").write_text(text)
    (folder / "main.c").write_text(MAIN)
    subprocess.run(["gcc", "-O2", "-o", folder / "linking", folder / "main.c", folder / "many.s"], check=True)
    (folder / "many.s").unlink()
    os.rename(folder / "linking", program)
    return program
