/* What profiling may cost, as arithmetic. */
#include "capture/budget.h"

static const double dearest_sample_ns = 40000; /* delivery, handler and the helper's part */
static const double idle_cpus = 0.1;           /* who uses less counts as one who uses so much */
static const double window_ns = 5e8;
static const double urgent_ns = 2e9; /* a budget of so long, spent at once, does not wait .. */
static const double soon_ns = 1e8;   /* .. but so long: counts come in pieces */
static const double forget = 0.75;   /* of a window's sums, what the next one keeps */
static const double saved_ns = 2e9;  /* a budget of so long may be saved */
static const double back_ns =
    3e9; /* a debt as large as a budget of so long is paid back first of all */
static const double lowest_hz = 1, low_hz = 10;
static const double least_wait_ns = 2e9; /* from one move to one upwards */
static const double settle_ns =
    2e9; /* at first tables are made, which lower rates save nothing of */
static const double moves_share = 0.1; /* of the budget, that moves may take */
enum { MOST_INTERVALS = 64 };

void pp_budget_init(struct pp_budget *budget, const struct pp_budget_wish *wish)
{
    *budget = (struct pp_budget){.wish = *wish, .heap_interval_bytes = wish->heap_interval_bytes};
    budget->most_hz = wish->share * 1e9 / dearest_sample_ns;
    if (budget->most_hz < low_hz)
        budget->most_hz = low_hz;
}

double pp_budget_rate(const struct pp_budget *budget, double wanted_hz)
{
    return wanted_hz < budget->most_hz ? wanted_hz : budget->most_hz;
}

void pp_budget_owe(struct pp_budget *budget, uint64_t own_ns)
{
    budget->debt_ns += (double)own_ns;
}

/* What is aimed at: a little below the budget, and the lower the more there is to pay back. */
static double target(const struct pp_budget *budget)
{
    const double debt = budget->debt_ns / (budget->wish.share * back_ns);
    const double part = debt < 0 ? 0 : debt > 1 ? 1 : debt;

    return budget->wish.share * (0.85 - 0.65 * part);
}

/* ---- down ---- */

static bool lower_rate(struct pp_budget *budget, double rate_hz, double factor, double floor_hz)
{
    if (!budget->wish.is_sampled || rate_hz <= floor_hz)
        return false;
    factor = factor < 0.125 ? 0.125 : factor > 0.9 ? 0.9 : factor;
    budget->most_hz = rate_hz * factor > floor_hz ? rate_hz * factor : floor_hz;
    return true;
}

static uint64_t longest_interval(const struct pp_budget *budget)
{
    const uint64_t longest = MOST_INTERVALS * budget->wish.heap_interval_bytes;

    return longest < budget->wish.most_heap_interval_bytes ? longest
                                                           : budget->wish.most_heap_interval_bytes;
}

static bool lower_heap(struct pp_budget *budget, double factor)
{
    const uint64_t longest = longest_interval(budget);
    uint64_t *interval = &budget->heap_interval_bytes;

    if (*interval >= longest) /* also where there is none */
        return false;
    *interval *= factor < 0.5 ? 4 : 2;
    if (*interval > longest)
        *interval = longest;
    return true;
}

static bool rest_heap(struct pp_budget *budget)
{
    if (budget->heap_interval_bytes >= budget->wish.most_heap_interval_bytes)
        return false;
    budget->heap_interval_bytes = budget->wish.most_heap_interval_bytes;
    return true;
}

static bool lower(struct pp_budget *budget, double rate_hz, double factor)
{
    if (lower_rate(budget, rate_hz, factor, low_hz) || lower_heap(budget, factor))
        return true;
    /* Next to nothing is measured any more then: neither for a moment nor to pay something back. */
    return budget->cost > budget->wish.share && budget->since_move_ns >= settle_ns &&
           (rest_heap(budget) || lower_rate(budget, rate_hz, factor, lowest_hz));
}

/* ---- up ---- */

static bool raise_rate(struct pp_budget *budget, double rate_hz, double factor, double ceiling_hz)
{
    if (!budget->wish.is_sampled || rate_hz >= ceiling_hz)
        return false;
    factor = factor > 2 ? 2 : factor;
    budget->most_hz = rate_hz * factor < ceiling_hz ? rate_hz * factor : ceiling_hz;
    return true;
}

/* By half, so there must be room for twice the cost. */
static bool raise_heap(struct pp_budget *budget, double factor)
{
    const uint64_t longest = longest_interval(budget);
    uint64_t *interval = &budget->heap_interval_bytes;

    if (*interval <= budget->wish.heap_interval_bytes || factor < 2)
        return false;
    if (*interval > longest)
        *interval = longest;
    else
        *interval /= 2;
    if (*interval < budget->wish.heap_interval_bytes)
        *interval = budget->wish.heap_interval_bytes;
    return true;
}

static bool is_heap_as_asked(const struct pp_budget *budget)
{
    return budget->heap_interval_bytes <= budget->wish.heap_interval_bytes;
}

static bool raise(struct pp_budget *budget, double rate_hz, double wanted_hz, double factor)
{
    const double low = low_hz < wanted_hz ? low_hz : wanted_hz;

    return raise_rate(budget, rate_hz, factor, low) || raise_heap(budget, factor) ||
           (is_heap_as_asked(budget) && raise_rate(budget, rate_hz, factor, wanted_hz));
}

/* ---- one step ---- */

void pp_budget_moved(struct pp_budget *budget, uint64_t own_ns)
{
    budget->move_ns = (double)own_ns;
}

/* Whether moves are seldom enough for another one. */
static bool may_move(const struct pp_budget *budget)
{
    return budget->since_move_ns * budget->wish.share * moves_share >= budget->move_ns;
}

static bool may_lower(const struct pp_budget *budget)
{
    if (budget->age_ns < settle_ns)
        return budget->cost > 4 * budget->wish.share;
    return may_move(budget) || budget->cost > 2 * budget->wish.share;
}

static double base_of(const struct pp_budget_used *used)
{
    const double idle_ns = idle_cpus * (double)used->wall_ns;

    return (double)used->program_ns > idle_ns ? (double)used->program_ns : idle_ns;
}

static void add(struct pp_budget *budget, const struct pp_budget_used *used)
{
    budget->window.wall_ns += used->wall_ns;
    budget->window.program_ns += used->program_ns;
    budget->window.own_ns += used->own_ns;
}

/* The window is over: what it has cost counts. */
static void close_window(struct pp_budget *budget)
{
    const double base_ns = base_of(&budget->window), own_ns = (double)budget->window.own_ns;
    const double share = budget->wish.share;

    budget->age_ns += base_ns;
    budget->since_move_ns += base_ns;
    budget->debt_ns += own_ns - share * base_ns;
    if (budget->debt_ns < -share * saved_ns)
        budget->debt_ns = -share * saved_ns;
    budget->own_ns = forget * budget->own_ns + own_ns;
    budget->base_ns = forget * budget->base_ns + base_ns;
    budget->cost = budget->base_ns > 0 ? budget->own_ns / budget->base_ns : 0;
    budget->window = (struct pp_budget_used){0, 0, 0};
}

enum pp_budget_move pp_budget_step(struct pp_budget *budget, const struct pp_budget_used *used,
                                   double wanted_hz)
{
    const double rate_hz = pp_budget_rate(budget, wanted_hz);
    enum pp_budget_move move = PP_BUDGET_KEPT;
    double aim;

    add(budget, used);
    if ((double)budget->window.wall_ns < soon_ns ||
        ((double)budget->window.wall_ns < window_ns &&
         (double)budget->window.own_ns < budget->wish.share * urgent_ns))
        return PP_BUDGET_KEPT;
    close_window(budget);
    aim = target(budget);
    if (budget->cost > 1.15 * aim && may_lower(budget) &&
        lower(budget, rate_hz, aim / budget->cost))
        move = PP_BUDGET_LOWERED;
    else if (budget->cost < 0.6 * aim && budget->since_move_ns >= least_wait_ns &&
             may_move(budget) &&
             raise(budget, rate_hz, wanted_hz, budget->cost > 0 ? 0.9 * aim / budget->cost : 2))
        move = PP_BUDGET_RAISED;
    if (move != PP_BUDGET_KEPT) /* what was before says nothing of what comes */
        budget->own_ns = budget->base_ns = budget->since_move_ns = 0;
    return move;
}
