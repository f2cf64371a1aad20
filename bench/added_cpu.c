/* How much CPU profiling adds at a rate: pairs of the same fixed work, one profiled and one with
 * profiling paused, the process's whole CPU time of each, helper thread included.  Prints one JSON
 * line with the paired ratios; bench/run makes the limit of it. Arguments: rate in Hz (100; 0:
 * paused in both, the A/A floor), pairs (40), milliseconds of work (250). */
#include <string.h>

#include "deep_work.h"
#include "pprofc/pprofc.h"

enum { PIECE_US = 100, MAX_PAIRS = 4000 };

static void check(int rc, const char *what, const struct pprofc_error *err)
{
    if (rc == 0)
        return;
    (void)fprintf(stderr, "added_cpu: %s: %s\n", what, err->message);
    exit(1);
}

int main(int argc, char **argv)
{
    static double ratios[MAX_PAIRS];
    const double rate_hz = truth_argument(argc, argv, 1, 100);
    int n_pairs = (int)truth_argument(argc, argv, 2, 40);
    const double window_ms = truth_argument(argc, argv, 3, 250);
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_stats stats = {.struct_bytes = sizeof stats};
    struct pprofc_error err;

    n_pairs = n_pairs < 1 ? 1 : n_pairs > MAX_PAIRS ? MAX_PAIRS : n_pairs;
    const uint64_t n_iterations = truth_calibrate() * PIECE_US / 1000;
    const uint64_t n_pieces = (uint64_t)(window_ms * 1000 / PIECE_US);

    options.frequency_hz = rate_hz > 0 ? rate_hz : 100;
    check(pprofc_start(&options, &err), "pprofc_start", &err);
    deep_work(n_pieces, n_iterations);
    for (int i = 0; i < n_pairs; i++) {
        uint64_t took_ns[2];
        for (int k = 0; k < 2; k++) {
            /* Which of the two comes first alternates. */
            const bool on = (k == 1) != (i % 2 == 1);
            if (on && rate_hz > 0)
                check(pprofc_resume(&err), "pprofc_resume", &err);
            else
                check(pprofc_pause(&err), "pprofc_pause", &err);
            const uint64_t start_ns = truth_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
            deep_work(n_pieces, n_iterations);
            took_ns[on] = truth_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_ns;
        }
        ratios[i] = (double)took_ns[1] / (double)took_ns[0];
    }
    check(pprofc_stats(&stats, &err), "pprofc_stats", &err);
    printf(
        "{\"rate_hz\": %g, \"n_samples\": %llu, \"window_ms\": %g, \"delivery\": \"%s\", \"ratios\": [",
        rate_hz, (unsigned long long)stats.n_samples, window_ms, stats.delivery);
    for (int i = 0; i < n_pairs; i++)
        printf("%s%.6f", i > 0 ? ", " : "", ratios[i]);
    printf("]}\n");
    check(pprofc_stop(NULL, &err), "pprofc_stop", &err);
    return 0;
}
