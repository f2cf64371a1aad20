/* Where the time of threads goes that the hooks do not tell: looks at threads, and events of what
 * they find.  By the account of each (capture/wait_account.c) a thread that has waited outside of
 * any hook is looked at until it is seen there. */
#include "capture/waits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "capture/kept_cpu.h"
#include "capture/proc_file.h"
#include "capture/throttle.h"
#include "capture/wait_account.h"
#include "capture/wait_claims.h"
#include "capture/wait_clock.h"
#include "capture/wait_queue.h"
#include "capture/wait_stack.h"
#include "sigsafe/clock.h"
#include "sigsafe/descriptor.h"
#include "sigsafe/handler.h"
#include "sigsafe/store.h"
#include "sigsafe/waits.h"

enum {
    LOOK_NS = 100 * 1000 * 1000,
    COST_SHARE = 250,           /* looks take one part in so many of a CPU */
    LEAST_OUTSIDE_NS = 1000000, /* less is how exactly the clocks agree */
    LEAST_QUEUE_NS = 1000 * 1000,
    MOST_OUTSIDE_NS = 1000 * 1000 * 1000,
    LOCKS_PER_INTERVAL = 10, /* their waits are short: so many times as many events */
};

static uint64_t next_look_ns;
static bool has_offcpu; /* else locks alone are followed, and nothing has to add up */
static uint32_t gate_bits;

static bool is_followed(const struct pp_session *session)
{
    return session->header != NULL &&
           atomic_load_explicit(&session->header->waits.interval_ns, memory_order_relaxed) != 0;
}

static bool is_left_alone(const struct pp_sig_thread *thread, const struct pp_watch *watch)
{
    return atomic_load_explicit(&thread->ignored, memory_order_relaxed) != 0 ||
           atomic_load_explicit(&thread->tid, memory_order_relaxed) == 0 ||
           pp_wait_account_is_closed(thread, &watch->waits);
}

/* ---- events ---- */

static struct pp_wait_event event_of(const struct pp_sig_thread *thread, uint64_t ns,
                                     enum pp_rec_wait kind)
{
    return (struct pp_wait_event){
        .thread = thread, .family = PP_FAMILY_OFFCPU, .count = 1, .ns = ns, .kind = kind};
}

/* It has waited for 'ns' where no hook saw it: at the place where it is seen to wait now. */
static void book_outside(struct pp_session *session, struct pp_sig_thread *thread,
                         struct pp_wait_account *account, uint64_t ns)
{
    struct pp_wait_event event = event_of(thread, ns, PP_WAIT_UNKNOWN);
    const uint64_t now_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
    uint64_t again_ns;

    if (!pp_wait_store_outside(session, &event))
        return;
    account->outside_ns += ns;
    /* As it goes on waiting it is looked at more and more seldom. */
    if (account->outside_since_ns == 0)
        account->outside_since_ns = now_ns;
    again_ns = (now_ns - account->outside_since_ns) / 2;
    again_ns = again_ns < LOOK_NS ? LOOK_NS : again_ns;
    account->next_outside_ns = now_ns + (again_ns < MOST_OUTSIDE_NS ? again_ns : MOST_OUTSIDE_NS);
}

/* Time in waits that still may come to their event: short ones, and one that could not be claimed,
 * since the thread is on its way out of it. */
static uint64_t pending_ns(const struct pp_sig_thread *thread)
{
    const struct pp_sig_countdown *small = &thread->waits.small;

    return pp_sig_wait_ns(pp_at_least_0(small->small_ticks, small->told_ticks)) +
           pp_wait_under_way_ns(thread);
}

/* What is left of the thread's time, and is not pending.  At its end that is in it, too, and the
 * thread has no more to tell of it. */
static void book_remainder(struct pp_session *session, struct pp_sig_thread *thread,
                           struct pp_wait_account *account, bool is_end)
{
    const uint64_t rest_ns = pp_at_least_0(
        account->wall_ns, account->cpu_ns + account->queue_booked_ns +
                              pp_wait_account_stored_ns(thread, account) + account->remainder_ns +
                              (is_end ? 0 : pending_ns(thread)));
    const uint32_t changes = pp_wait_changes_of(thread);
    struct pp_wait_event event = event_of(thread, rest_ns, PP_WAIT_UNKNOWN);

    if (is_end)
        pp_wait_leave_out_so_far(thread);
    event.count = 0;
    event.is_remainder = true;
    event.context = pp_wait_context_since(session, thread, account->rest_changes);
    account->rest_changes = changes;
    if (has_offcpu && rest_ns != 0 && pp_wait_store_pseudo(session, &event, PP_PC_UNSAMPLED) == 0)
        account->remainder_ns += rest_ns;
}

/* ---- looks ---- */

static bool is_unchanged(const struct pp_sig_thread *thread, const struct pp_wait_account *account,
                         uint64_t now_ns)
{
    const uint64_t since = atomic_load_explicit(&thread->waits.since_ticks, memory_order_relaxed);

    if (since != account->seen_since_ticks)
        return false;
    if (since != 0)
        return true;
    return now_ns < account->next_outside_ns &&
           pp_wait_cpu_clock_ns(thread) == account->seen_cpu_ns;
}

static void look_at(struct pp_session *session, struct pp_sig_thread *thread,
                    struct pp_watch *watch, bool is_forced)
{
    struct pp_wait_account *account = &watch->waits;
    const uint64_t now_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
    const uint64_t cpu_before_ns = account->seen_cpu_ns;
    uint64_t since, missing_ns;

    if (is_left_alone(thread, watch))
        return;
    if (!account->has_begun)
        pp_wait_account_begin(session, thread, account);
    else if (!is_forced && is_unchanged(thread, account, now_ns))
        return;
    missing_ns = pp_wait_account_update(thread, account, &since);
    if (account->seen_cpu_ns != cpu_before_ns)
        account->outside_since_ns = account->next_outside_ns = 0;
    if (has_offcpu && since == 0 && missing_ns >= LEAST_OUTSIDE_NS &&
        atomic_load_explicit(&thread->state, memory_order_relaxed) == PP_SIG_THREAD_LIVE)
        book_outside(session, thread, account, missing_ns);
    account->is_seen = true;
}

static void look(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch)
{
    const bool is_claimed =
        !is_left_alone(thread, watch) && pp_wait_claim_due(session, thread, &watch->waits);

    look_at(session, thread, watch, is_claimed);
    pp_wait_queue_note(&watch->waits);
}

static void look_closely(struct pp_session *session, struct pp_sig_thread *thread,
                         struct pp_watch *watch)
{
    look_at(session, thread, watch, true);
    pp_wait_queue_note(&watch->waits);
}

/* When all are looked at: how many were in queues at once says what each was throttled. */
static void book(struct pp_session *session, struct pp_sig_thread *thread,
                 struct pp_wait_account *account, uint64_t least_queue_ns)
{
    if (!account->is_seen)
        return;
    account->is_seen = false;
    pp_wait_queue_book(session, thread, account, least_queue_ns);
    pp_wait_account_tell(session, thread, account);
}

static void book_looked_at(struct pp_session *session, struct pp_sig_thread *thread,
                           struct pp_watch *watch)
{
    book(session, thread, &watch->waits, watch->waits.is_doubtful ? UINT64_MAX : LEAST_QUEUE_NS);
}

static void look_at_all(struct pp_session *session,
                        void (*visit)(struct pp_session *, struct pp_sig_thread *,
                                      struct pp_watch *))
{
    pp_wait_queue_look();
    pp_threads_each(session, visit);
    pp_wait_queue_looked(session);
}

static void sum_locks(struct pp_session *session)
{
    struct pp_rec_header *header = session->header;
    const uint32_t n = atomic_load_explicit(&header->waits.threads.n_items, memory_order_relaxed);
    uint64_t n_contentions = 0, delay_ns = 0;

    for (uint32_t i = 0; i < n; i++) {
        const struct pp_rec_thread_waits *slot =
            pp_sig_table_item(header, &header->waits.threads, i);
        if (slot == NULL)
            continue;
        n_contentions += atomic_load_explicit(&slot->n_contentions, memory_order_relaxed);
        delay_ns += atomic_load_explicit(&slot->delay_ns, memory_order_relaxed);
    }
    atomic_store(&header->waits.n_contentions, n_contentions);
    atomic_store(&header->waits.delay_ns, delay_ns);
}

/* As often as samples of CPU time are wanted. */
static void set_interval(struct pp_session *session)
{
    struct pp_rec_waits *waits = &session->header->waits;

    pp_wait_clock_begin(session->period_ns, session->period_ns / LOCKS_PER_INTERVAL);
    atomic_store(&waits->interval_ns, session->period_ns);
    atomic_store(&waits->lock_interval_ns, session->period_ns / LOCKS_PER_INTERVAL);
}

void pp_waits_turn(struct pp_session *session, uint64_t now_ns)
{
    uint64_t before_ns, cost_ns;

    if (!is_followed(session) || session->is_paused || now_ns < next_look_ns)
        return;
    if (atomic_load(&session->header->waits.interval_ns) != session->period_ns)
        set_interval(session);
    before_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    pp_wait_clock_tend();
    pp_wait_claims_begin_look();
    look_at_all(session, look);
    pp_threads_each(session, book_looked_at);
    sum_locks(session);
    cost_ns = (pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns) * COST_SHARE;
    next_look_ns = now_ns + (cost_ns > LOOK_NS ? cost_ns : LOOK_NS);
}

/* ---- what is under way ---- */

static void flush(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch)
{
    book(session, thread, &watch->waits, 0);
    if (is_left_alone(thread, watch))
        return;
    pp_wait_claim_now(session, thread, &watch->waits);
    if (watch->waits.has_begun)
        book_remainder(session, thread, &watch->waits, false);
}

void pp_waits_flush(struct pp_session *session)
{
    if (!is_followed(session) || session->is_paused)
        return;
    look_at_all(session, look_closely);
    pp_threads_each(session, flush);
    sum_locks(session);
}

/* ---- ends ---- */

static void settle(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch)
{
    struct pp_wait_account *account = &watch->waits;

    look_at(session, thread, watch, true);
    if (!account->has_begun)
        return;
    if (account->queue_ns >= account->queue_booked_ns + LEAST_QUEUE_NS)
        pp_throttle_update(session->header); /* it is not looked at again */
    book(session, thread, account, 0);
    if (!is_left_alone(thread, watch))
        pp_wait_claim_now(session, thread, account);
    book_remainder(session, thread, account, true);
    thread->waits.small.told_ticks = thread->waits.small.small_ticks;
    pp_wait_account_tell(session, thread, account);
    pp_wait_account_end(thread, account);
}

void pp_waits_forget(struct pp_session *session, struct pp_sig_thread *thread,
                     struct pp_watch *watch)
{
    if (is_followed(session) && !session->is_paused)
        settle(session, thread, watch);
}

void pp_waits_begin_thread(struct pp_session *session, struct pp_sig_thread *thread,
                           struct pp_watch *watch)
{
    if (is_followed(session) && !is_left_alone(thread, watch) && !watch->waits.has_begun)
        pp_wait_account_begin(session, thread, &watch->waits);
}

void pp_waits_resume(struct pp_session *session)
{
    if (!is_followed(session))
        return;
    pp_throttle_update(session->header);
    pp_wait_account_follow_from(pp_sig_clock_ns(CLOCK_MONOTONIC));
    next_look_ns = 0;
}

void pp_waits_end(struct pp_session *session)
{
    if (!is_followed(session))
        return;
    if (!session->is_paused) {
        look_at_all(session, look_closely);
        pp_threads_each(session, settle);
    }
    /* Not before: a wait that ended meanwhile would have no stack. */
    atomic_store_explicit(&pp_sig_gate->waits, 0, memory_order_relaxed);
    sum_locks(session);
}

/* ---- begin ---- */

/* "Seccomp:\t2" of /proc/self/status. */
static bool is_filtered(void)
{
    static char text[4096];
    const char *at;

    if (pp_proc_read("/proc/self/status", text, sizeof text) <= 0)
        return false;
    at = strstr(text, "\nSeccomp:");
    return at != NULL && strtol(at + strlen("\nSeccomp:"), NULL, 10) != 0;
}

int pp_waits_begin(struct pp_session *session, struct pprofc_error *err)
{
    const uint32_t kinds = session->settings.kinds;
    struct pp_rec_waits *waits = &session->header->waits;

    if ((kinds & (PPROFC_KIND_OFFCPU | PPROFC_KIND_LOCK)) == 0)
        return 0;
    pp_table_init(&waits->threads, sizeof(struct pp_rec_thread_waits), PP_FIRST_THREAD_SLOTS);
    if (pp_table_reserve(&session->file, &waits->threads, PP_FIRST_THREAD_SLOTS) != 0)
        return pp_fail(err, -ENOSPC, 0, "no room for the times of threads in shared memory");
    pp_wait_queue_begin();
    pp_wait_account_follow_from(pp_sig_gate->start_monotonic_ns);
    next_look_ns = 0;
    pp_sig_descriptor_is_filtered = pp_sig_descriptor_is_filtered || is_filtered();
    set_interval(session);
    pp_kept_cpu_begin();
    atomic_store(&waits->clock_is_tsc, pp_sig_wait_clock.uses_tsc);
    has_offcpu = (kinds & PPROFC_KIND_OFFCPU) != 0;
    gate_bits =
        (has_offcpu ? PP_WAITS_OFFCPU : 0) | ((kinds & PPROFC_KIND_LOCK) != 0 ? PP_WAITS_LOCKS : 0);
    return 0;
}

/* The gate last: a wait from before the session that ends meanwhile is in no event. */
void pp_waits_begin_threads(struct pp_session *session)
{
    if (!is_followed(session))
        return;
    pp_threads_each(session, pp_waits_begin_thread);
    atomic_store_explicit(&pp_sig_gate->waits, gate_bits, memory_order_release);
}
