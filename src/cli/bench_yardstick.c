/* A fixed piece of work, timed beside each run of a benchmark. */
#include "cli/bench_yardstick.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

/* 2 ms on a machine of 2020: long against the clock's tick and short against any benchmark. */
enum { N_STEPS = 1000000, N_PIECES = 3, N_WORDS = 4096 };

static double cpu_now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Arithmetic and a walk over 32 KiB, each step waiting for the one before. */
static double time_piece(void)
{
    static volatile uint64_t words[N_WORDS];
    const double start_s = cpu_now_s();
    uint64_t state = 88172645463325252U;
    double took_s;

    for (int i = 0; i < N_STEPS; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words[state % N_WORDS] = state + words[(state >> 20) % N_WORDS];
    }
    took_s = cpu_now_s() - start_s;
    return took_s > 1e-9 ? took_s : 1e-9;
}

double pp_yardstick_s(void)
{
    double pieces[N_PIECES];

    for (int i = 0; i < N_PIECES; i++) {
        const double took_s = time_piece();
        int at = i;
        for (; at > 0 && pieces[at - 1] > took_s; at--)
            pieces[at] = pieces[at - 1];
        pieces[at] = took_s;
    }
    return pieces[N_PIECES / 2];
}

const char *pp_machine_name(void)
{
    static char name[160];
    char line[256];
    pp_autoclose FILE *file = fopen("/proc/cpuinfo", "re");
    const long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);

    (void)snprintf(name, sizeof name, "%ld CPUs", n_cpus);
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", strlen("model name")) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(name, sizeof name, "%.120s, %ld CPUs", colon + 1 + (colon[1] == ' '),
                       n_cpus);
        break;
    }
    return name;
}
