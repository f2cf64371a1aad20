/* What one sample costs at 10 kHz, 60 frames deep.  Windows of fixed work alternate with and
 * without samples; prints the median cost of a sample as one JSON line. Arguments: mode, windows of
 * each sort (60), rate in Hz (10000), milliseconds of work in a window (50). empty    our own
 * sigtrap event, a handler that reads the thread's clock and returns handler  the same event, our
 * handler: clock, unwinding, storing session  everything as users get it: jitter, the helper
 * thread's CPU included idle     no samples in either sort of window: the noise of this measurement
 */
#include <string.h>

#include "deep_work.h"
#include "empty_handler.h"
#include "pprofc/pprofc.h"
#include "sigsafe/handler.h"
#include "sigsafe/threads.h"

enum { MAX_WINDOWS = 4000, SPIN_PIECE_US = 20, MODE_STANDS_STILL_HZ = 1 };

static uint64_t n_samples_now(void)
{
    struct pprofc_stats stats = {.struct_bytes = sizeof stats};
    return pprofc_stats(&stats, NULL) == 0 ? stats.n_samples : 0;
}

static void start_session(double rate_hz)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_error err;

    options.frequency_hz = rate_hz;
    if (pprofc_start(&options, &err) != 0)
        bench_give_up("pprofc_start", err.message);
}

static void switch_samples(bool is_session, int fd, double rate_hz, bool on)
{
    struct pprofc_error err;

    if (is_session) {
        if (pprofc_set_frequency(on ? rate_hz : MODE_STANDS_STILL_HZ, &err) != 0)
            bench_give_up("pprofc_set_frequency", err.message);
    } else if (fd >= 0) {
        bench_switch_event(fd, on);
    }
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    static double differences_ns[MAX_WINDOWS];
    const char *mode = argc > 1 ? argv[1] : "handler";
    int n_windows = (int)truth_argument(argc, argv, 2, 60);
    const double rate_hz = truth_argument(argc, argv, 3, 10000);
    const double window_ms = truth_argument(argc, argv, 4, 50);
    const bool is_empty = strcmp(mode, "empty") == 0, is_handler = strcmp(mode, "handler") == 0;
    const bool is_session = strcmp(mode, "session") == 0;
    /* The helper's time is the session's, not the handler's. */
    const clockid_t clock = is_session ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID;
    uint64_t sum_on_ns = 0, sum_off_ns = 0, n_samples;
    int fd = -1;

    n_windows = n_windows < 1 ? 1 : n_windows > MAX_WINDOWS ? MAX_WINDOWS : n_windows;
    const uint64_t n_iterations = truth_calibrate() * SPIN_PIECE_US / 1000;
    const uint64_t n_pieces = (uint64_t)(window_ms * 1000 / SPIN_PIECE_US);

    if (is_handler || is_session)
        start_session(MODE_STANDS_STILL_HZ);
    if (is_empty)
        bench_install_empty_handler();
    deep_work(n_pieces, n_iterations); /* also makes this thread known to the helper */
    if (is_handler && pp_sig_thread_find((int32_t)syscall(SYS_gettid)) == NULL)
        bench_give_up("this thread", "the helper does not know it");
    if (is_empty)
        fd = bench_open_event(rate_hz, 0);
    if (is_handler)
        fd = bench_open_event(
            rate_hz, pp_sig_thread_hint(pp_sig_thread_find((int32_t)syscall(SYS_gettid))->index));

    const uint64_t n_before = n_samples_now();
    for (int i = 0; i < 2 * n_windows; i++) {
        /* off on, on off, off on: a drift of the machine's speed cancels. */
        const bool on = (i % 2 == 1) != (i / 2 % 2 == 1);
        switch_samples(is_session, fd, rate_hz, on);
        const uint64_t start_ns = truth_clock_ns(clock);
        deep_work(n_pieces, n_iterations);
        const uint64_t took_ns = truth_clock_ns(clock) - start_ns;
        *(on ? &sum_on_ns : &sum_off_ns) += took_ns;
        differences_ns[i / 2] += on ? (double)took_ns : -(double)took_ns;
    }
    switch_samples(is_session, fd, rate_hz, false);
    n_samples = is_empty ? (uint64_t)bench_n_empty : n_samples_now() - n_before;
    qsort(differences_ns, (size_t)n_windows, sizeof differences_ns[0], compare);
    const double median_ns = differences_ns[n_windows / 2];
    const double per_window = n_samples > 0 ? (double)n_samples / n_windows : 1;
    printf(
        "{\"mode\": \"%s\", \"rate_hz\": %g, \"n_samples\": %llu, \"sample_us\": %.3f, \"mean_sample_us\": %.3f, "
        "\"window_cpu_ms\": %.3f}\n",
        mode, rate_hz, (unsigned long long)n_samples, median_ns / per_window / 1e3,
        ((double)sum_on_ns - (double)sum_off_ns) / n_windows / per_window / 1e3,
        (double)sum_off_ns / n_windows / 1e6);
    (void)pprofc_stop(NULL, NULL);
    return 0;
}
