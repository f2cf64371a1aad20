/* Writes single bytes to /dev/null: nearly all of its time is in the kernel, under write().
 * Argument: CPU seconds (2). */
#include <fcntl.h>

#include "truth.h"

TRUTH_NOINLINE static void write_some(int fd)
{
    for (int i = 0; i < 2000; i++)
        if (write(fd, "x", 1) != 1)
            exit(2);
    TRUTH_KEEP_FRAME();
}

int main(int argc, char **argv)
{
    const uint64_t end_ns = truth_thread_ns() + (uint64_t)(truth_argument(argc, argv, 1, 2) * 1e9);
    const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct truth_phase phase = {.name = "write", .function = "write_some"};
    const uint64_t start_ns = truth_thread_ns();

    while (truth_thread_ns() < end_ns)
        write_some(fd);
    phase.cpu_ns = truth_thread_ns() - start_ns;
    truth_print("writer", &phase, 1, truth_main_root, "");
    return 0;
}
