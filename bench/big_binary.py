"""Makes a C program of about 20 MB with debug information, whose samples fall all over it."""
import hashlib
import os
import subprocess
from pathlib import Path

N_FILES = 8
N_FUNCTIONS = 900  # in each file
N_FIELDS = 33

HEAD = """\
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <time.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <netinet/in.h>
"""

FUNCTION = """\
struct record_{f}_{i} {{ uint64_t first_{i}; double second_{i}; struct {{ int inner_a_{i}; char inner_b_{i}[8]; }} inner; {fields} struct record_{f}_{i} *next; }};
static inline uint64_t helper_{f}_{i}(struct record_{f}_{i} *record, uint64_t seed)
{{
    record->first_{i} ^= seed * {odd}u;
    record->second_{i} += (double)(seed & 0xff);
    record->inner.inner_a_{i} = (int)(seed >> 7);
    return record->first_{i} ^ (uint64_t)record->inner.inner_a_{i};
}}
__attribute__((noinline)) uint64_t function_{f}_{i}(uint64_t seed)
{{
    struct record_{f}_{i} record = {{.first_{i} = seed}};
    uint64_t sum_{i} = 0;
    for (int step_{i} = 0; step_{i} < 300; step_{i}++) {{
        uint64_t local_{i} = helper_{f}_{i}(&record, seed + (uint64_t)step_{i});
        switch (local_{i} & 3) {{
        case 0: sum_{i} += local_{i} >> 3; break;
        case 1: sum_{i} ^= local_{i} << 2; break;
        case 2: sum_{i} -= local_{i} * 3; break;
        default: sum_{i} += helper_{f}_{i}(&record, sum_{i}); break;
        }}
        __asm__ volatile("" : "+r"(sum_{i}));
    }}
    return sum_{i};
}}
"""

# Arguments: CPU seconds (1), address to serve its profiles at, where libpprofc-report is loaded.
MAIN = """\
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
typedef uint64_t function(uint64_t);
{declarations}
static function *const functions[] = {{{names}}};
__attribute__((weak)) int pprofc_http_serve(const char *address, void *err);
int main(int argc, char **argv)
{{
    struct timespec now;
    uint64_t sum = 1;
    const double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    if (argc > 2 && (pprofc_http_serve == NULL || pprofc_http_serve(argv[2], NULL) != 0))
        return 1;
    for (double end = (double)clock() + seconds * CLOCKS_PER_SEC; (double)clock() < end;)
        for (unsigned i = 0; i < sizeof functions / sizeof functions[0]; i++)
            sum += functions[i](sum);
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%llu\\n%lld.%09ld\\n", (unsigned long long)sum, (long long)now.tv_sec, now.tv_nsec);
    return 0;
}}
"""


def fields(f, i):
    """Types are most of what real debug information holds."""
    return " ".join(f"int32_t field_{n}_of_record_{f}_{i};" for n in range(N_FIELDS))


def sources():
    for f in range(N_FILES):
        yield f"part{f}.c", HEAD + "".join(FUNCTION.format(f=f, i=i, fields=fields(f, i), odd=2 * i + 0x9E3779B1) for i in range(N_FUNCTIONS))
    names = [f"function_{f}_{i}" for f in range(N_FILES) for i in range(N_FUNCTIONS)]
    yield "main.c", MAIN.format(declarations="\n".join(f"function {name};" for name in names), names=", ".join(names))


def build(folder):
    """The program's path; it is made when the folder has none of this recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = hashlib.sha256("".join(text for _, text in sources()).encode()).hexdigest()[:12]
    program = folder / f"big_{recipe}"
    if program.exists():
        return program
    objects, running = [], []
    for name, text in sources():
        (folder / name).write_text(text)
        objects.append(folder / (name + ".o"))
        running.append(subprocess.Popen(["gcc", "-g", "-O1", "-c", "-o", objects[-1], folder / name]))
        if len(running) >= 2 and running.pop(0).wait() != 0:
            raise RuntimeError("cannot compile the big binary")
    if any(child.wait() != 0 for child in running):
        raise RuntimeError("cannot compile the big binary")
    temporary = folder / "linking"
    subprocess.run(["gcc", "-g", "-o", temporary, *objects, "-lm"], check=True)
    os.rename(temporary, program)
    for path in list(objects) + [Path(folder, name) for name, _ in sources()]:
        path.unlink()
    return program
