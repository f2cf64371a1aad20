/* Linked with libpprofc: threads of a few milliseconds, one after the other, made here or (MAKER)
 * by a library.  Two sessions, so that what the first leaves behind is met.  Arguments: file to
 * write
 * (.ppc), threads (400), microseconds each (5000). */
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "pprofc/pprofc.h"
#include "truth.h"

#ifdef MAKER
int make_and_join(void *(*start)(void *), void *argument);
#else
static int make_and_join(void *(*start)(void *), void *argument)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, start, argument) != 0 ? -1 : pthread_join(thread, NULL);
}
#endif

static uint64_t us_each, wall_ns;

static void *thread_main(void *argument)
{
    const uint64_t start_ns = truth_clock_ns(CLOCK_MONOTONIC);

    TRUTH_SPIN_US(us_each);
    wall_ns += truth_clock_ns(CLOCK_MONOTONIC) - start_ns;
    (void)truth_thread_done();
    return argument;
}

static int run_session(const char *path, int n_threads)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_stats stats = {.struct_bytes = sizeof stats};
    struct pprofc_recording *recording = NULL;
    struct pprofc_error err = {0};

    options.frequency_hz = 1000;
    truth_ended_threads_ns = wall_ns = 0;
    if (pprofc_start(&options, &err) != 0)
        goto failed;
    for (int i = 0; i < n_threads; i++)
        if (make_and_join(thread_main, NULL) != 0)
            return 2;
    if (pprofc_stats(&stats, &err) != 0 || pprofc_stop(&recording, &err) != 0 ||
        pprofc_recording_write(recording, path, &err) != 0)
        goto failed;
    pprofc_recording_free(recording);
    (void)printf("{\"threads_ns\": %llu, \"threads_wall_ns\": %llu, \"n_samples\": %llu, "
                 "\"delivery\": \"%s\"}\n",
                 (unsigned long long)truth_ended_threads_ns, (unsigned long long)wall_ns,
                 (unsigned long long)stats.n_samples, stats.delivery);
    return 0;
failed:
    (void)fprintf(stderr, "threads: %s\n", err.message);
    return 1;
}

int main(int argc, char **argv)
{
    const int n_threads = (int)truth_argument(argc, argv, 2, 400);
    char second[4096];
    int result;

    us_each = (uint64_t)truth_argument(argc, argv, 3, 5000);
    (void)truth_calibrate();
    (void)snprintf(second, sizeof second, "%s.2.ppc", argv[1]);
    result = run_session(argv[1], n_threads);
    return result != 0 ? result : run_session(second, n_threads / 4);
}
