/* Takes snapshots back to back while two threads work, and adds up what is in them and what is in
 * the whole recording: the sums must be the same.  Arguments: wall seconds (3), rate in Hz (1000).
 */
#include <pthread.h>
#include <string.h>

#include "deep_work.h"
#include "pprofc/pprofc.h"
#include "recording/reader.h"

enum { N_THREADS = 2, PIECE_US = 100 };

struct sums {
    int64_t n_samples, cpu_ns;
};

static volatile bool is_over;
static uint64_t n_iterations;

static void check(int rc, const char *what, const struct pprofc_error *err)
{
    if (rc >= 0)
        return;
    (void)fprintf(stderr, "snapshot_loss: %s: %s\n", what, err->message);
    exit(1);
}

static void *work(void *argument)
{
    (void)argument;
    while (!is_over)
        deep_work(20, n_iterations);
    return NULL;
}

static int add_event(void *context, const struct pp_recording_event *event)
{
    struct sums *sums = context;
    if (event->n_values >= 2) {
        sums->n_samples += event->values[0];
        sums->cpu_ns += event->values[1];
    }
    return 0;
}

/* Adds what 'recording' holds to 'sums' and frees it. */
static void add_recording(struct pprofc_recording *recording, struct sums *sums)
{
    struct pp_recording_reader *reader = NULL;
    struct pprofc_error err;
    size_t n_bytes = 0;
    const void *bytes = pprofc_recording_bytes(recording, &n_bytes);

    check(pp_recording_view(bytes, n_bytes, "snapshot", &reader, &err), "read", &err);
    (void)pp_recording_each(reader, add_event, sums);
    pp_recording_close(reader);
    pprofc_recording_free(recording);
}

int main(int argc, char **argv)
{
    const double seconds = truth_argument(argc, argv, 1, 3);
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_cursor cursor = PPROFC_CURSOR_INIT;
    struct pprofc_stats stats = {.struct_bytes = sizeof stats};
    struct pprofc_recording *recording = NULL;
    struct sums parts = {0, 0}, whole = {0, 0};
    struct pprofc_error err;
    pthread_t threads[N_THREADS];
    long n_snapshots = 0;

    options.frequency_hz = truth_argument(argc, argv, 2, 1000);
    n_iterations = truth_calibrate() * PIECE_US / 1000;
    check(pprofc_start(&options, &err), "pprofc_start", &err);
    for (int i = 0; i < N_THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return 2;
    const uint64_t end_ns = truth_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
    while (truth_clock_ns(CLOCK_MONOTONIC) < end_ns) {
        check(pprofc_snapshot(&cursor, &recording, &err), "pprofc_snapshot", &err);
        add_recording(recording, &parts);
        n_snapshots++;
    }
    is_over = true;
    for (int i = 0; i < N_THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    /* Nothing comes between the last snapshot and the whole. */
    check(pprofc_pause(&err), "pprofc_pause", &err);
    check(pprofc_snapshot(&cursor, &recording, &err), "pprofc_snapshot", &err);
    add_recording(recording, &parts);
    check(pprofc_stats(&stats, &err), "pprofc_stats", &err);
    check(pprofc_stop(&recording, &err), "pprofc_stop", &err);
    add_recording(recording, &whole);
    printf(
        "{\"n_snapshots\": %ld, \"n_lost\": %llu, \"n_parts\": %lld, \"n_whole\": %lld, \"parts_ns\": %lld, "
        "\"whole_ns\": %lld}\n",
        n_snapshots, (unsigned long long)stats.n_lost, (long long)parts.n_samples,
        (long long)whole.n_samples, (long long)parts.cpu_ns, (long long)whole.cpu_ns);
    return 0;
}
