/* Hard cases of heap profiling, one a run.  Arguments: which, and how much.
 *   spin MS         detached threads allocate through main's return, atexit functions and
 * destructors forks N         eight threads allocate while main forks N times; each child allocates
 * and exits bias N          N objects, of 64 bytes and 64 KiB in turns, from one place; all are
 * freed pairs N         N pairs of malloc and free in a hundred places hold MIB        MIB
 * mebibytes in grow_here(), says so, and waits for its end eat MIB         likewise, and goes on
 * until it is killed fragments N     N objects, of which nine in ten are freed again stress S S
 * seconds of everything at once in four threads */
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static volatile bool is_over;
static void *volatile sink;

static void say(const char *text)
{
    if (write(1, text, strlen(text)) < 0)
        _exit(2);
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void churn(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink = malloc(16 + i * 37 % 5000);
        free(sink);
    }
}

static void *churn_for_ever(void *argument)
{
    void *kept[32] = {NULL};

    for (unsigned i = 0; !is_over; i++) {
        free(kept[i % 32]);
        kept[i % 32] = i % 3 == 0   ? malloc(16 + i * 37 % 9000)
                       : i % 3 == 1 ? calloc(1 + i % 5, 100)
                                    : realloc(malloc(50), 200 + i % 1000);
    }
    for (int i = 0; i < 32; i++)
        free(kept[i]);
    return argument;
}

static void start_threads(int n, pthread_t *threads)
{
    for (int i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, churn_for_ever, NULL) != 0)
            _exit(2);
}

/* ---- the end of main ---- */

static unsigned ms_at_end;

static void churn_at_end(void)
{
    const double until_s = now_s() + ms_at_end / 1e3;

    while (ms_at_end > 0 && now_s() < until_s)
        churn(10);
}

__attribute__((destructor)) static void at_unload(void)
{
    churn_at_end();
}

static int spin(unsigned ms)
{
    pthread_t threads[3];

    ms_at_end = 2;
    (void)atexit(churn_at_end);
    start_threads(3, threads);
    for (int i = 0; i < 3; i++)
        (void)pthread_detach(threads[i]);
    (void)usleep(ms * 1000);
    return 0;
}

/* ---- forks ---- */

static int forks(unsigned n)
{
    pthread_t threads[8];
    unsigned n_good = 0;
    char line[64];
    int status;

    start_threads(8, threads);
    for (unsigned i = 0; i < n; i++) {
        void *from_parent = malloc(1000);
        const pid_t child = fork();
        if (child == 0) {
            free(from_parent);
            churn(1000);
            exit(0);
        }
        free(from_parent);
        n_good += child > 0 && waitpid(child, &status, 0) == child && status == 0;
    }
    is_over = true;
    for (int i = 0; i < 8; i++)
        (void)pthread_join(threads[i], NULL);
    (void)snprintf(line, sizeof line, "{\"n_good\": %u}\n", n_good);
    say(line);
    return n_good == n ? 0 : 1;
}

/* ---- known heaps ---- */

NOINLINE static void *take_either(unsigned i)
{
    return malloc(i % 2 == 0 ? 64 : 64 * 1024);
}

static int bias(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sink = take_either(i);
        free(sink);
    }
    return 0;
}

/* Each depth is a place of its own. */
NOINLINE static void pairs_at(unsigned depth, unsigned n)
{
    if (depth > 0)
        pairs_at(depth - 1, n);
    else
        churn(n);
    __asm__ volatile("" ::: "memory"); /* no tail call */
}

static int pairs(unsigned n)
{
    for (unsigned depth = 0; depth < 100; depth++)
        pairs_at(depth, n / 100);
    return 0;
}

NOINLINE static void grow_here(unsigned n_mib)
{
    for (unsigned i = 0; i < n_mib * 16; i++) {
        sink = malloc(64 * 1024);
        memset(sink, 1, 64 * 1024);
    }
}

static int hold(unsigned n_mib)
{
    grow_here(n_mib);
    say("held\n");
    (void)pause();
    return 0;
}

static int eat(unsigned n_mib)
{
    while (!is_over) {
        grow_here(n_mib);
        (void)usleep(200 * 1000);
    }
    return 0;
}

static int fragments(unsigned n)
{
    void **objects = calloc(n, sizeof *objects);

    for (unsigned i = 0; objects != NULL && i < n; i++) {
        objects[i] = malloc(16 + i * 37 % 1000);
        memset(objects[i], 1, 16);
    }
    for (unsigned i = 0; objects != NULL && i < n; i++)
        if (i % 10 != 0)
            free(objects[i]);
    sink = objects;
    return 0;
}

/* ---- everything ---- */

static void *short_life(void *argument)
{
    churn(200);
    return argument;
}

static int stress(unsigned seconds)
{
    const double until_s = now_s() + seconds;
    pthread_t threads[3], brief;
    unsigned n_turns = 0;
    int status;

    start_threads(3, threads);
    for (; now_s() < until_s; n_turns++) {
        if (pthread_create(&brief, NULL, short_life, NULL) == 0)
            (void)pthread_join(brief, NULL);
        if (n_turns % 20 == 0) {
            const pid_t child = fork();
            if (child == 0) {
                churn(100);
                _exit(0);
            }
            if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
                return 1;
        }
        if (n_turns % 50 == 0)
            (void)malloc_trim(0);
    }
    is_over = true;
    for (int i = 0; i < 3; i++)
        (void)pthread_join(threads[i], NULL);
    return n_turns > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(unsigned);
    } CASES[] = {{"spin", spin}, {"forks", forks}, {"bias", bias},           {"pairs", pairs},
                 {"hold", hold}, {"eat", eat},     {"fragments", fragments}, {"stress", stress}};

    for (size_t i = 0; argc > 2 && i < sizeof CASES / sizeof CASES[0]; i++)
        if (strcmp(argv[1], CASES[i].name) == 0)
            return CASES[i].run((unsigned)strtoul(argv[2], NULL, 10));
    return 2;
}
