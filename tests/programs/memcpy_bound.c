/* Nearly all CPU is in libc's memcpy, called by copy_loop(): a blocklist or a walk that stops in
 * libc loses the caller. Arguments: CPU seconds (3). */
#include <string.h>

#include "truth.h"

enum { BUFFER_BYTES = 1 << 18, N_COPIES = 64 };

static char from[BUFFER_BYTES], to[BUFFER_BYTES];

TRUTH_NOINLINE static void copy_loop(void)
{
    for (int i = 0; i < N_COPIES; i++) {
        memcpy(to, from, sizeof to);
        __asm__ volatile("" ::"r"(to), "r"(from) : "memory"); /* else nobody reads the copy */
    }
}

int main(int argc, char **argv)
{
    struct truth_phase phases[] = {{.name = "copies", .function = "copy_loop"}};

    memset(from, 1, sizeof from);
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 3));
    uint64_t now_ns = truth_thread_ns();
    while (now_ns < end_ns) {
        const uint64_t start_ns = now_ns;
        copy_loop();
        now_ns = truth_thread_ns();
        phases[0].cpu_ns += now_ns - start_ns;
    }
    truth_print("memcpy_bound", phases, 1, truth_main_root, "");
    return 0;
}
