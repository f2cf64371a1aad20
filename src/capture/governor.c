/* Keeps the profiler within its budget.
 *
 * What it costs is what the recording counts: the helper's clock, the handlers' estimate, and the
 * samples times what a delivery costs; until that is known, and of heap samples always, a price
 * that was measured elsewhere.  Nothing else reads them, so nothing here changes without a budget.
 */
#include "capture/governor.h"

#include <time.h>

#include "capture/commands.h"
#include "capture/heap.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/heap.h"
#include "sigsafe/store.h"

enum {
    DELIVERY_NS = 20000,  /* of a sample, until it is measured here */
    HEAP_SAMPLE_NS = 600, /* of one: its stack, its site, the map; 360 where all is in the caches */
    HEAP_CALL_NS = 3,     /* of an allocation and its free that are not sampled */
};

static uint64_t count_samples(struct pp_rec_header *header)
{
    const uint32_t n = atomic_load_explicit(&header->threads.n_items, memory_order_relaxed);
    uint64_t n_samples = 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct pp_rec_thread *slot = pp_sig_table_item(header, &header->threads, i);
        if (slot != NULL)
            n_samples += atomic_load_explicit(&slot->n_samples, memory_order_relaxed);
    }
    return n_samples;
}

/* Each allocation is a sample at most, and so is each interval of bytes. */
static uint64_t heap_ns(uint64_t n_allocs, uint64_t n_bytes, uint64_t interval_bytes)
{
    const uint64_t n_intervals = interval_bytes > 0 ? n_bytes / interval_bytes : 0;

    return n_allocs * HEAP_CALL_NS +
           (n_intervals < n_allocs ? n_intervals : n_allocs) * HEAP_SAMPLE_NS;
}

static void look(struct pp_session *session, uint64_t now_ns, struct pp_governor_seen *seen_out)
{
    struct pp_rec_header *header = session->header;

    seen_out->time_ns = now_ns;
    seen_out->program_ns = atomic_load_explicit(&header->cpu_ns, memory_order_relaxed);
    seen_out->helper_ns = atomic_load_explicit(&header->helper_cpu_ns, memory_order_relaxed);
    seen_out->handlers_ns = atomic_load_explicit(&header->handler_cpu_ns, memory_order_relaxed);
    seen_out->n_samples = count_samples(header);
    seen_out->delivery_ns = atomic_load_explicit(&header->delivery_total_ns, memory_order_relaxed);
    seen_out->n_allocs = atomic_load_explicit(&header->heap.n_allocs, memory_order_relaxed);
    seen_out->n_bytes = atomic_load_explicit(&header->heap.requested_bytes, memory_order_relaxed);
}

/* Clocks that are read one after the other may seem to go back. */
static uint64_t since(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static struct pp_budget_used used_since(const struct pp_session *session,
                                        const struct pp_governor_seen *now)
{
    const struct pp_governor_seen *before = &session->governor.seen;
    struct pp_budget_used used = {.wall_ns = since(now->time_ns, before->time_ns),
                                  .program_ns = since(now->program_ns, before->program_ns)};

    used.own_ns =
        since(now->helper_ns, before->helper_ns) + since(now->handlers_ns, before->handlers_ns) +
        (before->delivery_ns != 0 ? since(now->delivery_ns, before->delivery_ns)
                                  : since(now->n_samples, before->n_samples) * DELIVERY_NS) +
        heap_ns(since(now->n_allocs, before->n_allocs), since(now->n_bytes, before->n_bytes),
                session->governor.budget.heap_interval_bytes);
    return used;
}

/* ---- what is told ---- */

static void tell(struct pp_session *session, enum pp_budget_move move)
{
    struct pp_rec_budget *told = &session->header->budget;
    const struct pp_budget *budget = &session->governor.budget;
    const uint32_t n = atomic_load_explicit(&told->n_lowered, memory_order_relaxed) +
                       atomic_load_explicit(&told->n_raised, memory_order_relaxed);
    struct pp_rec_budget_change *change = &told->changes[n % PP_REC_N_BUDGET_CHANGES];
    const uint64_t rate = (uint64_t)(pp_budget_rate(budget, pp_commands_wanted_hz(session)) * 1000);

    change->time_ns = session->governor.seen.time_ns - pp_sig_gate->start_monotonic_ns;
    change->rate_millihertz = rate;
    change->heap_interval_bytes = budget->heap_interval_bytes;
    change->cost_ppm = (uint64_t)(budget->cost * 1e6);
    if (rate < atomic_load_explicit(&told->lowest_millihertz, memory_order_relaxed))
        atomic_store_explicit(&told->lowest_millihertz, rate, memory_order_relaxed);
    if (budget->heap_interval_bytes >
        atomic_load_explicit(&told->longest_interval_bytes, memory_order_relaxed))
        atomic_store_explicit(&told->longest_interval_bytes, budget->heap_interval_bytes,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(move == PP_BUDGET_LOWERED ? &told->n_lowered : &told->n_raised, 1,
                              memory_order_release);
    if (n == 0)
        pp_session_message(session->header,
                           "profiling cost %.2f %% of the program's CPU and its budget is %.4g %%: "
                           "from now on %g Hz; all changes are in /debug/pprof/overhead",
                           100 * budget->cost, 100 * budget->wish.share, (double)rate / 1000);
}

static void begin_telling(struct pp_session *session, double rate_hz)
{
    struct pp_rec_budget *told = &session->header->budget;
    const struct pp_budget *budget = &session->governor.budget;
    const double asked_hz = session->settings.rate_hz;

    atomic_store(&told->share_ppm, (uint64_t)(budget->wish.share * 1e6 + 0.5));
    atomic_store(&told->asked_millihertz, (uint64_t)(asked_hz * 1000));
    atomic_store(&told->lowest_millihertz, (uint64_t)(rate_hz * 1000));
    atomic_store(&told->asked_interval_bytes, session->settings.heap_interval_bytes);
    atomic_store(&told->longest_interval_bytes, budget->heap_interval_bytes);
    if (budget->wish.is_sampled && rate_hz < asked_hz)
        pp_session_message(session->header,
                           "a budget of %.4g %% begins with %g Hz, not %g: the rate rises "
                           "while it holds",
                           100 * budget->wish.share, rate_hz, asked_hz);
}

/* ---- the helper's calls ---- */

void pp_governor_begin(struct pp_session *session)
{
    const struct pp_settings *settings = &session->settings;
    const bool has_heap = (settings->kinds & PPROFC_KIND_HEAP) != 0;
    struct pp_budget_wish wish = {.share = settings->budget_share,
                                  .is_sampled = (settings->kinds & PPROFC_KIND_CPU) != 0};

    if (settings->budget_share <= 0)
        return;
    if (has_heap && settings->heap_interval_bytes > 1) {
        wish.heap_interval_bytes = settings->heap_interval_bytes;
        wish.most_heap_interval_bytes = UINT32_MAX;
    } else if (has_heap) {
        pp_session_message(session->header,
                           "the heap counts every allocation, which no budget can lower: give it a "
                           "heap interval of 512K");
    }
    pp_budget_init(&session->governor.budget, &wish);
    session->governor.is_on = true;
    begin_telling(session, pp_governor_rate(session, settings->rate_hz));
}

double pp_governor_rate(const struct pp_session *session, double wanted)
{
    return session->governor.is_on ? pp_budget_rate(&session->governor.budget, wanted) : wanted;
}

static void apply(struct pp_session *session, uint64_t interval_before)
{
    const uint64_t interval = session->governor.budget.heap_interval_bytes;
    const uint64_t before_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);

    if (interval != interval_before)
        (void)pp_heap_set_interval(session, interval);
    else
        pp_commands_set_rate(session); /* an interruption a thread */
    pp_budget_moved(&session->governor.budget,
                    pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns);
}

void pp_governor_turn(struct pp_session *session, uint64_t now_ns)
{
    struct pp_governor *governor = &session->governor;
    const uint64_t interval_before = governor->budget.heap_interval_bytes;
    struct pp_governor_seen now;
    struct pp_budget_used used;
    enum pp_budget_move move;
    bool is_first;
    if (!governor->is_on)
        return;
    look(session, now_ns, &now);
    used = used_since(session, &now);
    if (governor->seen.time_ns == 0)
        pp_budget_owe(&governor->budget, now.helper_ns);
    is_first = governor->seen.time_ns == 0;
    governor->seen = now;
    if (session->is_paused || is_first)
        return;
    move = pp_budget_step(&governor->budget, &used, pp_commands_wanted_hz(session));
    atomic_store_explicit(&session->header->budget.cost_ppm,
                          (uint64_t)(governor->budget.cost * 1e6), memory_order_relaxed);
    if (move == PP_BUDGET_KEPT)
        return;
    apply(session, interval_before);
    tell(session, move);
}
