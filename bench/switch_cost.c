/* What a context switch costs more while the program is profiled: two threads hand a token to and
 * fro on one processor.  Arguments: rate in Hz, pairs of windows.  Prints JSON. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "pprofc/pprofc.h"

enum { N_TURNS = 2000, SETTLE_MS = 5 }; /* the helper switches events on and off meanwhile */

static sem_t there, back;
static atomic_bool is_over;

static void *answer(void *unused)
{
    while (!atomic_load(&is_over)) {
        (void)sem_wait(&there);
        (void)sem_post(&back);
    }
    return unused;
}

static double cpu_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* CPU of the process for one switch. */
static double measure_us(void)
{
    const struct timespec settle = {0, SETTLE_MS * 1000000L};
    double began_us;

    (void)nanosleep(&settle, NULL);
    began_us = cpu_us();
    for (int i = 0; i < N_TURNS; i++) {
        (void)sem_post(&there);
        (void)sem_wait(&back);
    }
    return (cpu_us() - began_us) / (2 * N_TURNS);
}

static int start(double rate_hz)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_error err;

    options.frequency_hz = rate_hz;
    if (pprofc_start(&options, &err) == 0)
        return 0;
    (void)fprintf(stderr, "switch_cost: %s\n", err.message);
    return 1;
}

int main(int argc, char **argv)
{
    const int n_pairs = argc > 2 ? atoi(argv[2]) : 20;
    pthread_t thread;
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0 || sem_init(&there, 0, 0) != 0 ||
        sem_init(&back, 0, 0) != 0 || start(argc > 1 ? atof(argv[1]) : 100) != 0 ||
        pthread_create(&thread, NULL, answer, NULL) != 0)
        return 1;
    printf("{\"pairs\": [");
    for (int i = 0; i < n_pairs; i++) {
        double us[2]; /* paused, profiled */
        for (int k = 0; k < 2; k++) {
            const int is_profiled = (i + k) % 2;
            (void)(is_profiled ? pprofc_resume(NULL) : pprofc_pause(NULL));
            us[is_profiled] = measure_us();
        }
        printf("%s[%.4f, %.4f]", i > 0 ? ", " : "", us[0], us[1]);
    }
    printf("]}\n");
    atomic_store(&is_over, true);
    (void)sem_post(&there);
    return pthread_join(thread, NULL) != 0;
}
