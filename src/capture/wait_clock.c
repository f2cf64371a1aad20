/* Chooses and measures the clock of waits. */
#include "capture/wait_clock.h"

#include <string.h>
#include <time.h>

#include "capture/environment.h"
#include "capture/proc_file.h"
#include "sigsafe/waits.h"

enum {
    FIRST_SPAN_NS = 1000 * 1000, /* an error of 50 ns in it is one in 20 000 */
    LEAST_WAIT_NS = 1000,
    N_TRIES = 5,
};

static const char SOURCE[] = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

static bool has_tsc(void)
{
#if defined(__x86_64__)
    char text[32];

    return pp_proc_read(SOURCE, text, sizeof text) > 0 && strncmp(text, "tsc", 3) == 0;
#else
    return false;
#endif
}

/* Both clocks at one moment: of a few readings the one that took least. */
static void read_both(uint64_t *ticks_out, uint64_t *ns_out)
{
    uint64_t least = UINT64_MAX;

    for (int i = 0; i < N_TRIES; i++) {
        const uint64_t before = pp_sig_wait_ticks();
        const uint64_t ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
        const uint64_t after = pp_sig_wait_ticks();

        if (after - before < least) {
            least = after - before;
            *ticks_out = before + (after - before) / 2;
            *ns_out = ns;
        }
    }
}

static uint64_t ticks_of(uint64_t ns)
{
    const uint64_t factor = atomic_load_explicit(&pp_sig_wait_clock.ns_q32, memory_order_relaxed);

    return (uint64_t)(((unsigned __int128)ns << 32) / (factor != 0 ? factor : 1));
}

void pp_wait_clock_tend(void)
{
    uint64_t ticks = 0, ns = 0;

    if (pp_sig_wait_clock.uses_tsc == 0)
        return;
    read_both(&ticks, &ns);
    if (ns > pp_sig_wait_clock.base_ns && ticks > pp_sig_wait_clock.base_ticks)
        atomic_store_explicit(
            &pp_sig_wait_clock.ns_q32,
            (uint64_t)(((unsigned __int128)(ns - pp_sig_wait_clock.base_ns) << 32) /
                       (ticks - pp_sig_wait_clock.base_ticks)),
            memory_order_relaxed);
}

void pp_wait_clock_begin(uint64_t interval_ns, uint64_t lock_interval_ns)
{
    struct pp_sig_wait_clock *clock = &pp_sig_wait_clock;
    const struct timespec span = {0, FIRST_SPAN_NS};

    if (clock->base_ns == 0) {
        clock->uses_tsc = has_tsc() && strstr(pp_environment.wait_clock, "monotonic") == NULL;
        atomic_store_explicit(&clock->ns_q32, UINT64_C(1) << 32, memory_order_relaxed);
        read_both(&clock->base_ticks, &clock->base_ns);
        if (clock->uses_tsc != 0) {
            (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
            pp_wait_clock_tend();
        }
    }
    clock->interval_ticks = ticks_of(interval_ns);
    clock->lock_interval_ticks = ticks_of(lock_interval_ns);
    clock->least_ticks = ticks_of(LEAST_WAIT_NS);
}
