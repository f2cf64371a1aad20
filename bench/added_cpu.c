/* How much CPU profiling adds at a rate: pairs of the same fixed work, one profiled and one with
 * profiling paused, the process's whole CPU time of each, helper thread included.  Prints one JSON
 * line with the paired ratios; bench/run makes the limit of it.
 * Arguments: rate in Hz (100; 0: paused in both, the A/A floor), pairs (40), milliseconds of work
 * (250), what is added: session (everything as users get it) or empty (the same delivery with a
 * handler that does nothing: what no profiler of this kind gets below). */
#include <string.h>

#include "deep_work.h"
#include "empty_handler.h"
#include "pprofc/pprofc.h"

enum { PIECE_US = 100, SETTLE_MS = 5, MAX_PAIRS = 4000 };

struct bench {
    double rate_hz;
    bool is_empty;
    int fd; /* the empty handler's event */
    uint64_t n_iterations;
    uint64_t own_ns; /* what profiling says of itself, within the windows */
};

static void check(int rc, const char *what, const struct pprofc_error *err)
{
    if (rc != 0)
        bench_give_up(what, err->message);
}

static struct pprofc_stats stats_now(const struct bench *bench)
{
    struct pprofc_stats stats = {.struct_bytes = sizeof stats};
    struct pprofc_error err;

    if (!bench->is_empty)
        check(pprofc_stats(&stats, &err), "pprofc_stats", &err);
    return stats;
}

static void start(struct bench *bench)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_error err;

    if (bench->is_empty) {
        bench_install_empty_handler();
        bench->fd = bench_open_event(bench->rate_hz, 0);
        return;
    }
    options.frequency_hz = bench->rate_hz > 0 ? bench->rate_hz : 100;
    check(pprofc_start(&options, &err), "pprofc_start", &err);
}

static void switch_to(const struct bench *bench, bool on)
{
    struct pprofc_error err;

    on = on && bench->rate_hz > 0;
    if (bench->is_empty)
        bench_switch_event(bench->fd, on);
    else if (on)
        check(pprofc_resume(&err), "pprofc_resume", &err);
    else
        check(pprofc_pause(&err), "pprofc_pause", &err);
}

/* CPU time of one window.  What switching costs is over when it begins. */
static uint64_t window_ns(struct bench *bench, bool on, uint64_t n_pieces)
{
    switch_to(bench, on);
    deep_work((uint64_t)SETTLE_MS * 1000 / PIECE_US, bench->n_iterations);
    const uint64_t own_ns = stats_now(bench).own_cpu_ns;
    const uint64_t start_ns = truth_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    deep_work(n_pieces, bench->n_iterations);
    const uint64_t took_ns = truth_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_ns;
    if (on)
        bench->own_ns += stats_now(bench).own_cpu_ns - own_ns;
    return took_ns;
}

int main(int argc, char **argv)
{
    static double ratios[MAX_PAIRS];
    struct bench bench = {.rate_hz = truth_argument(argc, argv, 1, 100), .fd = -1};
    int n_pairs = (int)truth_argument(argc, argv, 2, 40);
    const double window_ms = truth_argument(argc, argv, 3, 250);
    uint64_t on_ns = 0;

    bench.is_empty = argc > 4 && strcmp(argv[4], "empty") == 0;
    if (bench.is_empty && bench.rate_hz <= 0)
        bench_give_up("rate", "the empty handler needs one");
    n_pairs = n_pairs < 1 ? 1 : n_pairs > MAX_PAIRS ? MAX_PAIRS : n_pairs;
    bench.n_iterations = truth_calibrate() * PIECE_US / 1000;
    const uint64_t n_pieces = (uint64_t)(window_ms * 1000 / PIECE_US);

    start(&bench);
    deep_work(n_pieces, bench.n_iterations);
    for (int i = 0; i < n_pairs; i++) {
        uint64_t took_ns[2];
        for (int k = 0; k < 2; k++) {
            /* Which of the two comes first alternates. */
            const bool on = (k == 1) != (i % 2 == 1);
            took_ns[on] = window_ns(&bench, on, n_pieces);
        }
        on_ns += took_ns[1];
        ratios[i] = (double)took_ns[1] / (double)took_ns[0];
    }
    const struct pprofc_stats stats = stats_now(&bench);
    printf("{\"rate_hz\": %g, \"n_samples\": %llu, \"window_ms\": %g, \"delivery\": \"%s\", "
           "\"own_share\": %.6f, \"ratios\": [",
           bench.rate_hz,
           (unsigned long long)(bench.is_empty ? (uint64_t)bench_n_empty : stats.n_samples),
           window_ms, stats.delivery, (double)bench.own_ns / (double)on_ns);
    for (int i = 0; i < n_pairs; i++)
        printf("%s%.6f", i > 0 ? ", " : "", ratios[i]);
    printf("]}\n");
    (void)pprofc_stop(NULL, NULL);
    return 0;
}
