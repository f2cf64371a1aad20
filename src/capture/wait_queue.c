/* Time that threads are in run queues, and what of it was the control group's doing.
 *
 * The kernel tells of a control group for how long it was kept from each CPU on which it had
 * something to run, in one sum ('D'), and of a thread how long it was in the run queue, for
 * whatever reason, once that is over.  The group was kept from as many CPUs at once as had threads
 * in their queues: the sum of the threads' queue time by the largest of them, and as many as there
 * are at most.  A thread was throttled for D by that number, if it was in the queue for so long. */
#include "capture/wait_queue.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture/proc_file.h"
#include "capture/throttle.h"
#include "capture/wait_account.h"
#include "capture/wait_stack.h"
#include "sigsafe/store.h"
#include "sigsafe/syscall.h"

enum {
    MEMORY_LOOKS = 8, /* queue time of so many looks tells how many are in queues at once */
    /* The group is let run before the thread has its CPU: D grows before the thread's queue time
     * does.  It may do so by this later. */
    LATEST_NS = 200 * 1000 * 1000,
};

static uint64_t n_cpus;
static uint64_t recent_sum_ns, recent_most_ns; /* of all threads */
static uint64_t growth_ns;                     /* in this look, likewise */
static uint64_t last_throttled_ns;             /* the group, at the end of the last look */

void pp_wait_queue_begin(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);

    last_throttled_ns = 0;
    n_cpus = n < 1 ? 1 : (uint64_t)n;
    pp_wait_queue_look();
}

/* Time run, time in run queues, and turns (Documentation/scheduler/sched-stats.rst). */
static void parse_schedstat(const char *text, uint64_t *queue_ns_out)
{
    char *at;

    (void)strtoull(text, &at, 10);
    *queue_ns_out = strtoull(at, NULL, 10);
}

bool pp_wait_queue_read(int32_t tid, uint64_t *queue_ns_out)
{
    char path[64], text[96];

    (void)snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", tid);
    if (pp_proc_read(path, text, sizeof text) <= 0)
        return false;
    parse_schedstat(text, queue_ns_out);
    return true;
}

bool pp_wait_queue_read_own(uint64_t *queue_ns_out)
{
    char text[96];
    const long fd = pp_sig_syscall4(SYS_openat, AT_FDCWD, (long)"/proc/thread-self/schedstat",
                                    O_RDONLY | O_CLOEXEC, 0);
    long n;

    if (fd < 0)
        return false;
    n = pp_sig_syscall4(SYS_read, fd, (long)text, sizeof text - 1, 0);
    (void)pp_sig_syscall4(SYS_close, fd, 0, 0, 0);
    if (n <= 0)
        return false;
    text[n] = '\0';
    parse_schedstat(text, queue_ns_out);
    return true;
}

void pp_wait_queue_look(void)
{
    recent_sum_ns = recent_most_ns = growth_ns = 0;
}

void pp_wait_queue_note(struct pp_wait_account *account)
{
    const uint64_t new_ns = pp_at_least_0(account->queue_ns, account->queue_noted_ns);

    growth_ns += new_ns;
    account->recent_queue_ns -= account->recent_queue_ns / MEMORY_LOOKS;
    account->recent_queue_ns += new_ns;
    account->queue_noted_ns = account->queue_ns;
    recent_sum_ns += account->recent_queue_ns;
    if (account->recent_queue_ns > recent_most_ns)
        recent_most_ns = account->recent_queue_ns;
}

static uint64_t throttled_ns(struct pp_session *session)
{
    return atomic_load_explicit(&session->header->throttled_ns, memory_order_relaxed);
}

/* Its file costs as much as all else in a look. */
void pp_wait_queue_looked(struct pp_session *session)
{
    if (growth_ns != 0)
        pp_throttle_update(session->header);
    last_throttled_ns = throttled_ns(session);
}

uint64_t pp_wait_queue_throttled_ns(struct pp_session *session, bool is_new)
{
    return is_new ? last_throttled_ns : throttled_ns(session);
}

/* 'ns' of the group by the number of CPUs that it was kept from at once; and back. */
static uint64_t of_one_cpu(uint64_t ns)
{
    if (recent_most_ns == 0)
        return ns;
    if (recent_sum_ns / recent_most_ns >= n_cpus)
        return ns / n_cpus;
    return (uint64_t)((double)ns * (double)recent_most_ns / (double)recent_sum_ns);
}

static uint64_t of_all_cpus(uint64_t ns)
{
    if (recent_most_ns == 0)
        return ns;
    if (recent_sum_ns / recent_most_ns >= n_cpus)
        return ns * n_cpus;
    return (uint64_t)((double)ns * (double)recent_sum_ns / (double)recent_most_ns);
}

/* What of 'new_ns' in the queue the thread was throttled. */
static uint64_t take_throttled(struct pp_session *session, struct pp_wait_account *account,
                               uint64_t new_ns)
{
    const uint64_t group_ns = throttled_ns(session);
    uint64_t kept_ns = of_one_cpu(pp_at_least_0(group_ns, account->throttle_seen_ns));
    uint64_t oldest_ns;

    kept_ns = kept_ns < new_ns ? kept_ns : new_ns;
    account->throttle_seen_ns += of_all_cpus(kept_ns);
    oldest_ns = pp_at_least_0(group_ns, of_all_cpus(LATEST_NS));
    if (account->throttle_seen_ns < oldest_ns)
        account->throttle_seen_ns = oldest_ns;
    return kept_ns;
}

/* CPU and run queue that the next events of the thread will leave out, and those before had no time
 * to: until they do, it stands in those. */
static uint64_t pending_overlap_ns(const struct pp_sig_thread *thread,
                                   const struct pp_wait_account *account)
{
    return pp_at_least_0(account->begin_overlap_ns + account->overlap_ns,
                         atomic_load_explicit(&thread->waits.taken_off_ns, memory_order_relaxed));
}

void pp_wait_queue_book(struct pp_session *session, struct pp_sig_thread *thread,
                        struct pp_wait_account *account, uint64_t least_ns)
{
    const uint64_t new_ns = pp_at_least_0(
        account->queue_ns, account->queue_booked_ns + pending_overlap_ns(thread, account));
    const uint32_t changes = pp_wait_changes_of(thread);
    struct pp_wait_event event = {.thread = thread, .family = PP_FAMILY_OFFCPU, .count = 1};
    uint64_t kept_ns;

    if ((session->settings.kinds & PPROFC_KIND_OFFCPU) == 0 || new_ns < least_ns || new_ns == 0)
        return;
    event.context = pp_wait_context_since(session, thread, account->queue_changes);
    account->queue_changes = changes;
    kept_ns = take_throttled(session, account, new_ns);
    event.ns = new_ns - kept_ns;
    event.kind = PP_WAIT_RUN_QUEUE;
    if (event.ns != 0 && pp_wait_store_pseudo(session, &event, PP_PC_RUN_QUEUE) != 0)
        return;
    event.ns = kept_ns;
    event.kind = PP_WAIT_THROTTLED;
    if (event.ns != 0)
        (void)pp_wait_store_pseudo(session, &event, PP_PC_THROTTLED);
    account->queue_booked_ns += new_ns;
    account->throttled_ns += kept_ns;
}
