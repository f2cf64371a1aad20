/* pprofc_overhead_measure(): a function of this program, without the profiler and with it. */
#include "pprofc/overhead.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "profile/overhead.h"
#include "serve/capture_calls.h"

enum { DEFAULT_ROUNDS = 10, MOST_ROUNDS = 1000 };

struct measuring {
    void (*fn)(void *);
    void *argument;
    struct pprofc_options session;
    struct pp_overhead_times wall, cpu;
    /* Sums over the profiled calls, by the profiler's own word. */
    uint64_t own_ns, program_ns, memory_bytes;
};

static double clock_s(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double at_least_a_nanosecond(double seconds)
{
    return seconds > 1e-9 ? seconds : 1e-9;
}

static void call(struct measuring *measuring, enum pp_overhead_run run, uint32_t round)
{
    const double wall_s = clock_s(CLOCK_MONOTONIC), cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);

    measuring->fn(measuring->argument);
    measuring->cpu.seconds[run][round] =
        at_least_a_nanosecond(clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_s);
    measuring->wall.seconds[run][round] = at_least_a_nanosecond(clock_s(CLOCK_MONOTONIC) - wall_s);
}

/* What it took to start is in neither: it is paid once, however long the program runs. */
static int call_profiled(struct measuring *measuring, uint32_t round, struct pprofc_error *err)
{
    struct pprofc_stats before = {.struct_bytes = 0}, after = {.struct_bytes = 0};
    int rc = pprofc_start(&measuring->session, err);

    if (rc != 0)
        return rc;
    rc = pprofc_stats(&before, err);
    if (rc == 0) {
        call(measuring, PP_RUN_PROFILED, round);
        rc = pprofc_stats(&after, err);
    }
    if (rc != 0) {
        (void)pprofc_stop(NULL, NULL);
        return rc;
    }
    measuring->own_ns += after.own_cpu_ns - before.own_cpu_ns;
    measuring->program_ns += after.cpu_ns - before.cpu_ns;
    if (after.recording_bytes + after.table_bytes > measuring->memory_bytes)
        measuring->memory_bytes = after.recording_bytes + after.table_bytes;
    return pprofc_stop(NULL, err);
}

static int run_all(struct measuring *measuring, struct pprofc_error *err)
{
    int rc = 0;

    for (uint32_t round = 0; round < measuring->wall.n_rounds && rc == 0; round++)
        for (uint32_t place = 0; place < PP_N_OVERHEAD_RUNS && rc == 0; place++) {
            const enum pp_overhead_run run = pp_overhead_turn(round, place);
            if (run == PP_RUN_PROFILED)
                rc = call_profiled(measuring, round, err);
            else
                call(measuring, run, round);
        }
    return rc;
}

static void fill_time(const struct pp_overhead_times *times, struct pprofc_overhead_time *out)
{
    struct pp_overhead overhead;

    pp_overhead_judge(times, &overhead);
    out->baseline_s = overhead.baseline_s;
    out->profiled_s = overhead.profiled_s;
    out->percent = overhead.percent;
    out->low_percent = overhead.low_percent;
    out->high_percent = overhead.high_percent;
    out->floor_percent = overhead.floor_percent;
    out->is_below_floor = overhead.is_below_floor;
}

static void fill(const struct measuring *measuring, struct pprofc_overhead *out)
{
    const double own_ns = (double)measuring->own_ns, program_ns = (double)measuring->program_ns;

    fill_time(&measuring->wall, &out->wall);
    fill_time(&measuring->cpu, &out->cpu);
    out->own_cpu_s = own_ns / 1e9 / measuring->wall.n_rounds;
    out->own_percent = program_ns > 0 ? 100 * own_ns / program_ns : 0;
    out->memory_bytes = measuring->memory_bytes;
}

static int measure(struct measuring *measuring, uint32_t n_rounds,
                   struct pprofc_overhead *overhead_out, struct pprofc_error *err)
{
    int rc;

    if (pp_overhead_times_init(&measuring->wall, n_rounds) != 0 ||
        pp_overhead_times_init(&measuring->cpu, n_rounds) != 0)
        return pp_fail(err, -ENOMEM, 0, "no memory for %u rounds", n_rounds);
    rc = run_all(measuring, err);
    if (rc == 0)
        fill(measuring, overhead_out);
    return rc;
}

int pprofc_overhead_measure(void (*fn)(void *), void *argument,
                            const struct pprofc_overhead_options *options,
                            struct pprofc_overhead *overhead_out, struct pprofc_error *err)
{
    const struct pprofc_overhead_options defaults = PPROFC_OVERHEAD_OPTIONS_INIT;
    struct measuring measuring = {.fn = fn, .argument = argument, .session = PPROFC_OPTIONS_INIT};
    struct pprofc_stats running;
    int rc;

    if (options == NULL)
        options = &defaults;
    if (fn == NULL || overhead_out == NULL || options->struct_bytes < sizeof defaults ||
        options->n_rounds > MOST_ROUNDS || overhead_out->struct_bytes < sizeof *overhead_out)
        return pp_fail(err, -EINVAL, 0,
                       "a measurement needs a function, initialised structs and at most %d rounds",
                       MOST_ROUNDS);
    if (pprofc_start == NULL || pprofc_stop == NULL || pprofc_stats == NULL)
        return pp_fail(
            err, -ENOSYS, 0,
            "this program has no capture library: link it as pkg-config --libs pprofc says");
    if (pprofc_stats(&running, NULL) == 0)
        return pp_fail(err, -EBUSY, 0,
                       "a session runs, so there is no baseline: stop it first (pprofc_stop)");
    measuring.session.kinds = options->kinds;
    measuring.session.frequency_hz = options->frequency_hz > 0 ? options->frequency_hz : 100;
    rc = measure(&measuring, options->n_rounds > 0 ? options->n_rounds : DEFAULT_ROUNDS,
                 overhead_out, err);
    pp_overhead_times_done(&measuring.wall);
    pp_overhead_times_done(&measuring.cpu);
    return rc;
}
