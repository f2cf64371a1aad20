/* A fixed piece of work, timed beside each run of a benchmark. */
#include "cli/bench_yardstick.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

/* 2 ms on a machine of 2020: long against the clock's tick and short against any benchmark. */
enum { N_STEPS = 1000000, N_PIECES = 3, N_WORDS = 4096 };

static double now_s(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Arithmetic and a walk over 32 KiB, each step waiting for the one before. */
static void do_piece(void)
{
    static volatile uint64_t words[N_WORDS];
    uint64_t state = 88172645463325252U;

    for (int i = 0; i < N_STEPS; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words[state % N_WORDS] = state + words[(state >> 20) % N_WORDS];
    }
}

static double middle_of(double a, double b, double c)
{
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

void pp_yardstick(double *wall_s_out, double *cpu_s_out)
{
    double wall_s[N_PIECES], cpu_s[N_PIECES];

    for (int i = 0; i < N_PIECES; i++) {
        wall_s[i] = -now_s(CLOCK_MONOTONIC);
        cpu_s[i] = -now_s(CLOCK_THREAD_CPUTIME_ID);
        do_piece();
        wall_s[i] += now_s(CLOCK_MONOTONIC);
        cpu_s[i] += now_s(CLOCK_THREAD_CPUTIME_ID);
    }
    *wall_s_out = fmax(middle_of(wall_s[0], wall_s[1], wall_s[2]), 1e-9);
    *cpu_s_out = fmax(middle_of(cpu_s[0], cpu_s[1], cpu_s[2]), 1e-9);
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
