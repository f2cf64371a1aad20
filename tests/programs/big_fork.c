/* Forks with a lot of memory in use and prints how long each fork() took, in milliseconds of the
 * thread's CPU time and of the clock on the wall.  Arguments: MiB resident (256), forks (20). */
#include <sys/mman.h>
#include <sys/wait.h>

#include "truth.h"

static uint64_t wall_ns(void)
{
    return truth_clock_ns(CLOCK_MONOTONIC);
}

int main(int argc, char **argv)
{
    const size_t n_bytes = (size_t)(truth_argument(argc, argv, 1, 256) * 1048576);
    const int n_forks = (int)truth_argument(argc, argv, 2, 20);
    char *memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return 1;
    /* Many small pages are what makes fork slow. */
    (void)madvise(memory, n_bytes, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < n_bytes; i += 4096)
        memory[i] = 1;
    printf("{\"forks\": [");
    for (int i = 0; i < n_forks; i++) {
        const uint64_t cpu_ns = truth_thread_ns(), start_ns = wall_ns();
        const pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        printf("%s[%.3f, %.3f]", i == 0 ? "" : ", ", (double)(truth_thread_ns() - cpu_ns) / 1e6,
               (double)(wall_ns() - start_ns) / 1e6);
        if (pid < 0 || waitpid(pid, NULL, 0) != pid)
            return 1;
        TRUTH_SPIN(1000000);
    }
    printf("]}\n");
    return 0;
}
