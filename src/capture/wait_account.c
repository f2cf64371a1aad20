/* The account of a thread's time.
 *
 * Of each thread that is followed:  wall = CPU + run queue + blocked + unattributed.  Hooks time
 * waits with all that happens in them; what of that was CPU or run queue ('overlap') shows when the
 * three add up to more than has gone by, and events are made shorter by it.  When they add up to
 * less, the thread has waited outside of any hook ('outside'). */
#include "capture/wait_account.h"

#include <string.h>
#include <time.h>

#include "capture/wait_claims.h"
#include "capture/wait_queue.h"
#include "capture/wait_stack.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/store.h"
#include "sigsafe/waits.h"

enum {
    LEAST_LEFT_NS = 500 * 1000, /* a wait that has lasted while so much else was, may be none */
    ONE_MOMENT_NS = 200 * 1000, /* what is read within it belongs together */
    MOST_TRIES = 5,
};

/* ---- what the kernel and the thread say ---- */

uint64_t pp_wait_cpu_clock_ns(const struct pp_sig_thread *thread)
{
    return pp_sig_clock_ns(
        pp_sig_thread_clock(atomic_load_explicit(&thread->tid, memory_order_relaxed)));
}

/* Time in hooks so far, that under way included but not what has been claimed of it. */
static uint64_t boundary_ticks(const struct pp_sig_thread *thread, uint64_t *since_out)
{
    uint64_t since, claimed, begin, ticks, now;

    do {
        since = atomic_load_explicit(&thread->waits.since_ticks, memory_order_acquire);
        ticks = *(const volatile uint64_t *)&thread->waits.ticks;
        claimed = atomic_load_explicit(&thread->waits.claimed_ticks, memory_order_relaxed);
        now = pp_sig_wait_ticks();
    } while (atomic_load_explicit(&thread->waits.since_ticks, memory_order_acquire) != since);
    begin = claimed > since ? claimed : since;
    *since_out = since;
    return since != 0 && now > begin ? ticks + now - begin : ticks;
}

/* What is known of a thread at one moment. */
struct reading {
    uint64_t now_ns, cpu_ns, queue_ns, ticks, since_ticks;
};

/* 'queue_ns' stays where the kernel does not tell it any more.  When our own thread loses its CPU
 * between two of the readings, they say that more has been than has gone by: all are read again. */
static void read_thread(const struct pp_sig_thread *thread, struct reading *reading)
{
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);

    for (int i = 0; i < MOST_TRIES; i++) {
        const uint64_t before_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);

        reading->cpu_ns = pp_wait_cpu_clock_ns(thread);
        reading->ticks = boundary_ticks(thread, &reading->since_ticks);
        reading->now_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
        (void)pp_wait_queue_read(tid, &reading->queue_ns);
        if (pp_sig_clock_ns(CLOCK_MONOTONIC) < before_ns + ONE_MOMENT_NS)
            break;
    }
}

/* Its last booking, and what it had then: the kernel counts on while the thread goes away.  What it
 * is known to have queued for stays. */
static void read_end(const struct pp_sig_thread *thread, uint64_t end_ns, uint64_t known_queue_ns,
                     struct reading *reading)
{
    const uint64_t queue_ns =
        atomic_load_explicit(&thread->waits.end_queue_ns, memory_order_relaxed);

    reading->now_ns = end_ns;
    reading->cpu_ns = atomic_load_explicit(&thread->waits.end_cpu_ns, memory_order_relaxed);
    if (queue_ns != 0)
        reading->queue_ns = queue_ns > known_queue_ns ? queue_ns - 1 : known_queue_ns;
}

/* One that nobody saw end, and that is there no more: what it had at the last look, and what it has
 * said itself since.  No more time has gone by for it than that. */
static void read_gone(const struct pp_sig_thread *thread, const struct pp_wait_account *account,
                      struct reading *reading)
{
    const uint64_t known_ns = account->begin_cpu_ns + account->cpu_ns;
    const uint64_t sampled_ns = atomic_load_explicit(&thread->last_cpu_ns, memory_order_relaxed);
    const uint64_t before_ns = account->boundary_ns + account->cpu_ns;
    uint64_t after_ns;

    reading->cpu_ns = sampled_ns > known_ns ? sampled_ns : known_ns;
    reading->ticks = *(const volatile uint64_t *)&thread->waits.ticks;
    reading->since_ticks = 0;
    after_ns = pp_sig_wait_ns(reading->ticks - account->begin_ticks) + account->claimed_ns +
               reading->cpu_ns - account->begin_cpu_ns;
    reading->now_ns = account->begin_ns + account->wall_ns + pp_at_least_0(after_ns, before_ns);
}

/* ---- accounts ---- */

static uint64_t followed_since_ns;

void pp_wait_account_follow_from(uint64_t now_ns)
{
    followed_since_ns = now_ns;
}

/* All of its life has been followed, and none of it is in an account yet. */
static bool is_all_new(const struct pp_sig_thread *thread, const struct pp_wait_account *account)
{
    return thread->waits.begin_ns > followed_since_ns && account->before.wall_ns == 0;
}

bool pp_wait_account_is_closed(const struct pp_sig_thread *thread,
                               const struct pp_wait_account *account)
{
    return !account->has_begun && !is_all_new(thread, account) &&
           atomic_load_explicit(&thread->waits.end_ns, memory_order_acquire) != 0;
}

void pp_wait_account_begin(struct pp_session *session, struct pp_sig_thread *thread,
                           struct pp_wait_account *account)
{
    const struct pp_sig_thread_waits *waits = &thread->waits;
    const struct pp_wait_sums before = account->before;
    const bool is_new = is_all_new(thread, account);
    struct reading reading = {0};

    memset(account, 0, sizeof *account);
    account->before = before;
    account->has_begun = true;
    account->throttle_seen_ns = pp_wait_queue_throttled_ns(session, is_new);
    account->begin_overlap_ns = atomic_load_explicit(&waits->taken_off_ns, memory_order_relaxed);
    atomic_store_explicit(&thread->waits.overlap_ns, account->begin_overlap_ns,
                          memory_order_relaxed);
    if (is_new) {
        account->begin_ns = waits->begin_ns;
        return;
    }
    /* What was before is in no event either: of a wait that has not ended, and of short ones. */
    pp_wait_leave_out_so_far(thread);
    thread->waits.small.told_ticks = thread->waits.small.small_ticks;
    account->queue_changes = account->rest_changes = pp_wait_changes_of(thread);
    read_thread(thread, &reading);
    account->begin_ns = reading.now_ns;
    account->begin_cpu_ns = reading.cpu_ns;
    account->begin_queue_ns = reading.queue_ns;
    account->begin_ticks = reading.ticks;
    account->begin_n = waits->n;
    account->begin_stored_ns = atomic_load_explicit(&waits->stored_ns, memory_order_relaxed);
    account->begin_contentions = waits->n_contentions;
    account->begin_delay_ticks = waits->delay_ticks;
}

/* More was CPU and run queue than what was not in hooks, and all that was: the kernel has counted
 * on, of a thread that has ended, while it went away. */
static void leave_out_what_came_after(struct pp_wait_account *account)
{
    const uint64_t seen_ns = account->boundary_ns + account->outside_ns;
    const uint64_t excess_ns = pp_at_least_0(account->overlap_ns, seen_ns);

    account->queue_ns = pp_at_least_0(account->queue_ns, excess_ns);
    account->overlap_ns -= excess_ns;
}

/* A wait is said to be under way, and more has been than went by: whether the thread is in it no
 * more.  One that runs has left it if it is running what was too much, and not waiting for a CPU:
 * it may have woken, lost its CPU and not come to the wait's end yet. */
static bool has_left_wait(const struct pp_sig_thread *thread, uint64_t excess_ns,
                          uint64_t new_cpu_ns)
{
    if (excess_ns < LEAST_LEFT_NS)
        return false;
    switch (pp_wait_state_of(thread)) {
    case PP_WAIT_LEFT:
        return true;
    case PP_WAIT_RUNS:
        return new_cpu_ns >= excess_ns / 4;
    default:
        return false;
    }
}

uint64_t pp_wait_account_update(struct pp_sig_thread *thread, struct pp_wait_account *account,
                                uint64_t *since_out)
{
    const uint64_t end_ns = atomic_load_explicit(&thread->waits.end_ns, memory_order_acquire);
    const uint64_t known_queue_ns = account->begin_queue_ns + account->queue_ns;
    struct reading reading = {.queue_ns = known_queue_ns};
    uint64_t explained_ns, new_cpu_ns = account->cpu_ns;

    read_thread(thread, &reading);
    if (end_ns != 0)
        read_end(thread, end_ns, known_queue_ns, &reading);
    else if (reading.cpu_ns == 0)
        read_gone(thread, account, &reading);
    *since_out = account->seen_since_ticks = reading.since_ticks;
    account->seen_cpu_ns = reading.cpu_ns;
    if (reading.cpu_ns >= account->begin_cpu_ns + account->cpu_ns)
        account->cpu_ns = reading.cpu_ns - account->begin_cpu_ns;
    new_cpu_ns = account->cpu_ns - new_cpu_ns;
    account->queue_ns = reading.queue_ns - account->begin_queue_ns;
    account->wall_ns = pp_at_least_0(reading.now_ns, account->begin_ns);
    account->boundary_ns =
        pp_sig_wait_ns(reading.ticks - account->begin_ticks) + account->claimed_ns;
    explained_ns = account->boundary_ns + account->cpu_ns + account->queue_ns + account->outside_ns;
    account->is_doubtful =
        *since_out != 0 &&
        has_left_wait(thread, pp_at_least_0(explained_ns, account->wall_ns + account->overlap_ns),
                      new_cpu_ns);
    if (account->is_doubtful) {
        explained_ns -= account->boundary_ns;
        account->boundary_ns =
            pp_sig_wait_ns(thread->waits.ticks - account->begin_ticks) + account->claimed_ns;
        explained_ns += account->boundary_ns;
        account->seen_since_ticks = *since_out = 0;
    }
    if (explained_ns > account->wall_ns + account->overlap_ns) {
        account->overlap_ns = explained_ns - account->wall_ns;
        leave_out_what_came_after(account);
        atomic_store_explicit(&thread->waits.overlap_ns,
                              account->begin_overlap_ns + account->overlap_ns,
                              memory_order_relaxed);
    }
    return pp_at_least_0(account->wall_ns + account->overlap_ns, explained_ns);
}

uint64_t pp_wait_account_stored_ns(const struct pp_sig_thread *thread,
                                   const struct pp_wait_account *account)
{
    return atomic_load_explicit(&thread->waits.stored_ns, memory_order_relaxed) -
           account->begin_stored_ns + account->claimed_ns + account->outside_ns;
}

/* The times of the thread with those of earlier stretches. */
static struct pp_wait_sums sums_so_far(const struct pp_sig_thread *thread,
                                       const struct pp_wait_account *account)
{
    const struct pp_sig_thread_waits *waits = &thread->waits;
    const uint64_t blocked_ns =
        pp_at_least_0(account->boundary_ns + account->outside_ns, account->overlap_ns);
    struct pp_wait_sums sums = account->before;

    sums.wall_ns += account->wall_ns;
    sums.cpu_ns += account->cpu_ns;
    sums.queue_ns += account->queue_ns;
    sums.throttled_ns += account->throttled_ns;
    sums.blocked_ns += blocked_ns;
    sums.unattributed_ns +=
        pp_at_least_0(account->wall_ns, account->cpu_ns + account->queue_ns + blocked_ns);
    sums.n_waits += waits->n - account->begin_n;
    sums.n_contentions +=
        waits->n_contentions - account->begin_contentions + account->n_claimed_contentions;
    sums.delay_ns +=
        pp_sig_wait_ns(waits->delay_ticks - account->begin_delay_ticks) + account->claimed_delay_ns;
    return sums;
}

void pp_wait_account_tell(struct pp_session *session, struct pp_sig_thread *thread,
                          const struct pp_wait_account *account)
{
    struct pp_rec_header *header = session->header;
    const struct pp_wait_sums sums = sums_so_far(thread, account);
    const uint32_t record = atomic_load_explicit(&thread->record, memory_order_relaxed);
    struct pp_rec_thread_waits *slot;

    if (record == 0 || atomic_load_explicit(&thread->session, memory_order_relaxed) !=
                           atomic_load_explicit(&pp_sig_gate->session, memory_order_relaxed))
        return;
    if (pp_table_reserve(&session->file, &header->waits.threads, record + 64) != 0)
        (void)pp_table_reserve(&session->file, &header->waits.threads, record);
    slot = pp_sig_table_item(header, &header->waits.threads, record - 1);
    if (slot == NULL)
        return;
    if (atomic_load_explicit(&header->waits.threads.n_items, memory_order_relaxed) < record)
        atomic_store_explicit(&header->waits.threads.n_items, record, memory_order_release);
    atomic_store(&slot->wall_ns, sums.wall_ns);
    atomic_store(&slot->cpu_ns, sums.cpu_ns);
    atomic_store(&slot->run_queue_ns, sums.queue_ns);
    atomic_store(&slot->throttled_ns, sums.throttled_ns);
    atomic_store(&slot->blocked_ns, sums.blocked_ns);
    atomic_store(&slot->unattributed_ns, sums.unattributed_ns);
    atomic_store(&slot->n_waits, sums.n_waits + pp_wait_is_claimed(thread));
    atomic_store(&slot->n_contentions, sums.n_contentions);
    atomic_store(&slot->delay_ns, sums.delay_ns);
}

void pp_wait_account_end(const struct pp_sig_thread *thread, struct pp_wait_account *account)
{
    account->before = sums_so_far(thread, account);
    account->has_begun = false;
}
