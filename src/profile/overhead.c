/* What a treatment of runs costs. */
#include "profile/overhead.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profile/statistics.h"

int pp_overhead_times_init(struct pp_overhead_times *times, uint32_t n_rounds)
{
    *times = (struct pp_overhead_times){.n_rounds = n_rounds};
    times->between = calloc(n_rounds, sizeof(double));
    for (int run = 0; run < PP_N_OVERHEAD_RUNS; run++) {
        times->seconds[run] = calloc(n_rounds, sizeof(double));
        if (times->seconds[run] == NULL)
            return -ENOMEM;
    }
    return times->between == NULL ? -ENOMEM : 0;
}

void pp_overhead_times_done(struct pp_overhead_times *times)
{
    for (int run = 0; run < PP_N_OVERHEAD_RUNS; run++)
        free(times->seconds[run]);
    free(times->between);
    memset(times, 0, sizeof *times);
}

enum pp_overhead_run pp_overhead_turn(uint32_t round, uint32_t place)
{
    static const enum pp_overhead_run orders[][PP_N_OVERHEAD_RUNS] = {
        {PP_RUN_BASELINE, PP_RUN_PROFILED, PP_RUN_AGAIN},
        {PP_RUN_PROFILED, PP_RUN_AGAIN, PP_RUN_BASELINE},
        {PP_RUN_AGAIN, PP_RUN_BASELINE, PP_RUN_PROFILED},
        {PP_RUN_AGAIN, PP_RUN_PROFILED, PP_RUN_BASELINE},
        {PP_RUN_PROFILED, PP_RUN_BASELINE, PP_RUN_AGAIN},
        {PP_RUN_BASELINE, PP_RUN_AGAIN, PP_RUN_PROFILED},
    };

    return orders[round % (sizeof orders / sizeof orders[0])][place];
}

static double farther(const struct pp_interval *limits)
{
    return 100 * fmax(fabs(limits->low - 1), fabs(limits->high - 1));
}

void pp_overhead_judge(const struct pp_overhead_times *times, struct pp_overhead *overhead_out)
{
    const double *first = times->seconds[PP_RUN_BASELINE], *second = times->seconds[PP_RUN_AGAIN];
    const double *profiled = times->seconds[PP_RUN_PROFILED];
    const uint32_t n = times->n_rounds;
    struct pp_interval limits, floor;
    double ratio;

    memset(overhead_out, 0, sizeof *overhead_out);
    for (uint32_t i = 0; i < n; i++) {
        times->between[i] = sqrt(first[i] * second[i]);
        overhead_out->baseline_s += (first[i] + second[i]) / 2 / n;
        overhead_out->profiled_s += profiled[i] / n;
    }
    ratio = pp_paired_ratio(times->between, profiled, n, &limits);
    (void)pp_paired_ratio(first, second, n, &floor);
    overhead_out->percent = 100 * (ratio - 1);
    overhead_out->low_percent = 100 * (limits.low - 1);
    overhead_out->high_percent = 100 * (limits.high - 1);
    overhead_out->floor_percent = farther(&floor);
    overhead_out->is_below_floor = !(fabs(overhead_out->percent) > overhead_out->floor_percent);
}
