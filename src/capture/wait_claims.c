/* Waits under way, recorded up to now.
 *
 * The thread's hook leaves out what is claimed when it reads 'claimed_ticks' at the wait's end. The
 * helper's store there has long been seen by it when the stack has been read, and the wait still is
 * the same. */
#include "capture/wait_claims.h"

#include "capture/wait_stack.h"
#include "sigsafe/waits.h"

enum {
    LEAST_CLAIM_NS = 1000 * 1000,
    FIRST_DUE_NS = 1000 * 1000 * 1000,
    /* Each costs 10 to 30 us: with the looks' own less than 1 % of a CPU, however many wait. */
    MOST_A_LOOK = 16,
};

static uint32_t n_left;

/* ---- one ---- */

struct under_way {
    uint64_t since, begin, now; /* begin: what is not recorded yet */
    bool is_claimed;
};

static bool find(const struct pp_sig_thread *thread, struct under_way *wait_out)
{
    const uint64_t since = atomic_load_explicit(&thread->waits.since_ticks, memory_order_acquire);
    const uint64_t claimed =
        atomic_load_explicit(&thread->waits.claimed_ticks, memory_order_relaxed);
    const bool is_claimed = claimed > since;

    *wait_out =
        (struct under_way){since, is_claimed ? claimed : since, pp_sig_wait_ticks(), is_claimed};
    return since != 0 && wait_out->now > wait_out->begin;
}

static bool claim(struct pp_session *session, struct pp_sig_thread *thread,
                  struct pp_wait_account *account, const struct under_way *wait)
{
    struct pp_wait_event event = {.thread = thread, .family = PP_FAMILY_OFFCPU};
    uint32_t claimed;

    event.ns = pp_sig_wait_ns(wait->now - wait->begin);
    event.count = wait->is_claimed ? 0 : 1;
    claimed = pp_wait_claim(session, thread, &event, wait->since, wait->now);
    if ((claimed & PP_CLAIMED_WAIT) != 0)
        account->claimed_ns += event.ns;
    if ((claimed & PP_CLAIMED_LOCK) != 0) {
        account->claimed_delay_ns += event.ns;
        account->n_claimed_contentions += (uint64_t)event.count;
    }
    return claimed != 0;
}

void pp_wait_claim_now(struct pp_session *session, struct pp_sig_thread *thread,
                       struct pp_wait_account *account)
{
    struct under_way wait;

    if (find(thread, &wait) && pp_sig_wait_ns(wait.now - wait.begin) >= LEAST_CLAIM_NS)
        (void)claim(session, thread, account, &wait);
}

void pp_wait_leave_out_so_far(struct pp_sig_thread *thread)
{
    struct under_way wait;

    if (find(thread, &wait))
        atomic_store_explicit(&thread->waits.claimed_ticks, wait.now, memory_order_seq_cst);
}

uint64_t pp_wait_under_way_ns(const struct pp_sig_thread *thread)
{
    struct under_way wait;

    return find(thread, &wait) ? pp_sig_wait_ns(wait.now - wait.begin) : 0;
}

bool pp_wait_is_claimed(const struct pp_sig_thread *thread)
{
    struct under_way wait;

    return find(thread, &wait) && wait.is_claimed;
}

/* ---- from time to time ---- */

void pp_wait_claims_begin_look(void)
{
    n_left = MOST_A_LOOK;
}

bool pp_wait_claim_due(struct pp_session *session, struct pp_sig_thread *thread,
                       struct pp_wait_account *account)
{
    struct under_way wait;
    uint64_t new_ns;

    if (n_left == 0 || !account->has_begun || !find(thread, &wait))
        return false;
    new_ns = pp_sig_wait_ns(wait.now - wait.begin);
    if (new_ns < FIRST_DUE_NS || new_ns < pp_sig_wait_ns(wait.begin - wait.since))
        return false;
    n_left--;
    return claim(session, thread, account, &wait);
}
