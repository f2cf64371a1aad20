/* A fixed amount of work, 60 frames deep, the same whoever profiles it.  Prints one JSON line.
 * Arguments: pieces of work (0: none), iterations in a piece (0: 100 us of them), the monotonic
 * clock in nanoseconds when it was started.
 * cpu_ns is the whole process's for the work alone, program_ns the working thread's, and
 * process_cpu_ns all of it so far. */
#include "../deep_work.h"

enum { PIECE_US = 100 };

static long status_kb(const char *key)
{
    char line[256];
    long kb = 0;
    FILE *file = fopen("/proc/self/status", "r");

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            kb = strtol(line + strlen(key), NULL, 10);
    if (file != NULL)
        (void)fclose(file);
    return kb;
}

int main(int argc, char **argv)
{
    const uint64_t main_ns = truth_clock_ns(CLOCK_MONOTONIC);
    const uint64_t n_pieces = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000;
    uint64_t n_iterations = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    const uint64_t started_ns = argc > 3 ? strtoull(argv[3], NULL, 10) : main_ns;

    if (n_iterations == 0)
        n_iterations = truth_calibrate() * PIECE_US / 1000;
    const uint64_t start_thread_ns = truth_thread_ns();
    const uint64_t start_ns = truth_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    deep_work(n_pieces, n_iterations);
    const uint64_t cpu_ns = truth_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_ns;
    const uint64_t program_ns = truth_thread_ns() - start_thread_ns;
    printf(
        "{\"program\": \"fixed_work\", \"n_pieces\": %llu, \"n_iterations\": %llu, \"start_ms\": "
        "%.3f, \"cpu_ns\": %llu, \"program_ns\": %llu, \"process_cpu_ns\": %llu, \"rss_kb\": %ld}\n",
        (unsigned long long)n_pieces, (unsigned long long)n_iterations,
        (double)(main_ns - started_ns) / 1e6, (unsigned long long)cpu_ns,
        (unsigned long long)program_ns,
        (unsigned long long)truth_clock_ns(CLOCK_PROCESS_CPUTIME_ID), status_kb("VmRSS:"));
    return 0;
}
