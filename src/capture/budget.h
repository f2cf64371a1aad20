/* What profiling may cost, as arithmetic: from what it has cost and what the program used in the
 * meantime to a rate and a heap interval.  Knows no session and no clock.
 *
 * Less is done in this order: the rate falls to 10 Hz, the heap's interval grows to 64 times what
 * was asked, heap samples rest (one in 4 GiB), the rate falls to 1 Hz; more in the opposite one.
 *
 * The budget is a share of the program's CPU time, and of a tenth of a CPU where it uses less. What
 * was spent beyond it is paid back, so that it holds over the whole run. */
#ifndef PP_CAPTURE_BUDGET_H
#define PP_CAPTURE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* What the session was asked for. */
struct pp_budget_wish {
    double share;                      /* of the program's CPU time, 0 to 1 */
    bool is_sampled;                   /* there is a rate to lower */
    uint64_t heap_interval_bytes;      /* 0: the heap is not sampled */
    uint64_t most_heap_interval_bytes; /* it cannot be more than that */
};

/* Since the last step. */
struct pp_budget_used {
    uint64_t wall_ns, program_ns, own_ns;
};

enum pp_budget_move { PP_BUDGET_KEPT, PP_BUDGET_LOWERED, PP_BUDGET_RAISED };

struct pp_budget {
    struct pp_budget_wish wish;
    double most_hz;               /* no higher rate for now */
    uint64_t heap_interval_bytes; /* for now */
    double age_ns;                /* since the beginning, of what the budget is a share of */
    double debt_ns;               /* spent beyond the budget; negative: saved, up to a limit */
    struct pp_budget_used window; /* since the last judgement */
    double own_ns, base_ns;       /* of late: sums that forget */
    double cost;                  /* of late, as a share, when it was last judged */
    double since_move_ns;         /* of what the budget is a share of */
    double move_ns;               /* what the last move itself has cost */
};

/* Begins with a rate that no delivery makes dearer than the budget. */
void pp_budget_init(struct pp_budget *budget, const struct pp_budget_wish *wish);

/* The rate where 'wanted_hz' is wanted. */
double pp_budget_rate(const struct pp_budget *budget, double wanted_hz);

/* 'own_ns' were spent once, and are to be paid back: of the start, say. */
void pp_budget_owe(struct pp_budget *budget, uint64_t own_ns);

/* What it has cost to do as the last step said: moves are made so seldom that they take a tenth of
 * the budget at most, but where twice the budget is spent. */
void pp_budget_moved(struct pp_budget *budget, uint64_t own_ns);

/* Add what was used, and change 'most_hz' or 'heap_interval_bytes' where it is time and there is
 * reason to. */
enum pp_budget_move pp_budget_step(struct pp_budget *budget, const struct pp_budget_used *used,
                                   double wanted_hz);

#endif
