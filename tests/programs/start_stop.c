/* Linked with libpprofc: starts and stops profiling over and over while threads allocate and free.
 * Arguments: start/stop pairs (100), pairs a second (50; 0: as fast as they go), rate in Hz (1000),
 * threads (4). */
#include <errno.h>
#include <pthread.h>

#include "pprofc/pprofc.h"
#include "truth.h"

enum { MAX_THREADS = 16 };

static volatile bool is_over;

static void *allocate_and_free(void *argument)
{
    uint64_t random = (uint64_t)(uintptr_t)&argument | 1;
    void *blocks[64] = {NULL};

    (void)argument;
    while (!is_over) {
        const uint64_t drawn = truth_random(&random);
        free(blocks[drawn % 64]);
        blocks[drawn % 64] = malloc(drawn >> 8 & 0xfff);
    }
    for (int i = 0; i < 64; i++)
        free(blocks[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    const int n_pairs = (int)truth_argument(argc, argv, 1, 100);
    const double pairs_hz = truth_argument(argc, argv, 2, 50);
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_error err;
    pthread_t threads[MAX_THREADS];
    uint64_t n_bytes = 0;
    char extra[96];
    int n_threads = (int)truth_argument(argc, argv, 4, 4);

    options.frequency_hz = truth_argument(argc, argv, 3, 1000);
    n_threads = n_threads > MAX_THREADS ? MAX_THREADS : n_threads;
    for (int i = 0; i < n_threads; i++)
        if (pthread_create(&threads[i], NULL, allocate_and_free, NULL) != 0)
            return 2;
    for (int i = 0; i < n_pairs; i++) {
        struct pprofc_recording *recording = NULL;
        size_t n = 0;
        int rc = pprofc_start(&options, &err);
        if (rc == 0 && pairs_hz > 0)
            (void)usleep((useconds_t)(1e6 / pairs_hz));
        if (rc == 0)
            rc = pprofc_stop(&recording, &err);
        if (rc != 0) {
            (void)fprintf(stderr, "start_stop: pair %d: %s\n", i, err.message);
            return 1;
        }
        (void)pprofc_recording_bytes(recording, &n);
        n_bytes += n;
        pprofc_recording_free(recording);
    }
    is_over = true;
    for (int i = 0; i < n_threads; i++)
        (void)pthread_join(threads[i], NULL);
    (void)snprintf(extra, sizeof extra, ", \"n_pairs\": %d, \"n_bytes\": %llu", n_pairs,
                   (unsigned long long)n_bytes);
    truth_print("start_stop", NULL, 0, truth_main_root, extra);
    return n_bytes > 0 ? 0 : 1;
}
