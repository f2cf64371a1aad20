/* What a treatment of runs costs: treated ones among pairs of untreated ones, which tell by how
 * much runs differ that nothing was done to. */
#ifndef PP_PROFILE_OVERHEAD_H
#define PP_PROFILE_OVERHEAD_H

#include <stdbool.h>
#include <stdint.h>

enum pp_overhead_run { PP_RUN_BASELINE, PP_RUN_PROFILED, PP_RUN_AGAIN, PP_N_OVERHEAD_RUNS };

/* Times of 'n_rounds' rounds, each of which has one run of a kind; all > 0. */
struct pp_overhead_times {
    uint32_t n_rounds;
    double *seconds[PP_N_OVERHEAD_RUNS];
    double *between; /* by round, of the two baselines */
};

struct pp_overhead {
    double baseline_s, profiled_s; /* means */
    /* How much longer the profiled runs took, with 95 % limits, which are infinite for one round.
     */
    double percent, low_percent, high_percent;
    /* Two baselines alone differ by so much: the farther 95 % limit of their ratio. */
    double floor_percent;
    bool is_below_floor; /* the figure is no larger than that */
};

/* 0 or -ENOMEM; done() in any case. */
int pp_overhead_times_init(struct pp_overhead_times *times, uint32_t n_rounds);
void pp_overhead_times_done(struct pp_overhead_times *times);

/* Which run comes at 'place' (0 to 2) of a round.  Each kind has each place equally often in six
 * rounds, and comes before and behind each other one: what drifts, drifts for all. */
enum pp_overhead_run pp_overhead_turn(uint32_t round, uint32_t place);

void pp_overhead_judge(const struct pp_overhead_times *times, struct pp_overhead *overhead_out);

#endif
