/* Births and ends of threads, and the pauses of all, as the helper sees them. */
#include "capture/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/cpu.h"
#include "capture/directory_entry.h"
#include "capture/kernel_time.h"
#include "capture/waits.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/store.h"
#include "sigsafe/syscall.h"

uint64_t pp_threads_count(void)
{
    struct stat status;

    return stat("/proc/self/task", &status) == 0 && status.st_nlink > 2 ? status.st_nlink - 2 : 0;
}

/* ---- threads that are left out ---- */

static void leave_out(struct pp_sig_thread *thread, struct pp_watch *watch)
{
    watch->is_left_out = true;
    watch->ignored_since_ns = atomic_load_explicit(&thread->last_cpu_ns, memory_order_relaxed);
}

void pp_thread_look_at_ignored(struct pp_session *session, struct pp_sig_thread *thread,
                               struct pp_watch *watch)
{
    uint64_t cpu_ns = atomic_load_explicit(&thread->end_cpu_ns, memory_order_relaxed);
    struct timespec now;

    /* It came and went before the helper saw it. */
    if (cpu_ns != 0 && !watch->is_left_out && !session->is_paused)
        leave_out(thread, watch);
    if (!watch->is_left_out)
        return;
    if (cpu_ns == 0 &&
        clock_gettime(pp_sig_thread_clock(atomic_load_explicit(&thread->tid, memory_order_relaxed)),
                      &now) == 0)
        cpu_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    /* Of one that is gone without a word, what was seen last stands. */
    if (cpu_ns != 0)
        watch->ignored_ns = cpu_ns - watch->ignored_since_ns;
}

void pp_thread_settle_ignored(struct pp_session *session, struct pp_sig_thread *thread,
                              struct pp_watch *watch)
{
    pp_thread_look_at_ignored(session, thread, watch);
    session->excluded_ns += watch->ignored_ns;
    watch->ignored_ns = 0;
    watch->is_left_out = false;
    atomic_store_explicit(&thread->end_cpu_ns, 0, memory_order_relaxed);
}

/* ---- births and ends ---- */

/* Room in the recording for the next threads, up to its bound. */
static void reserve_slots(struct pp_session *session)
{
    const uint32_t n =
        atomic_load_explicit(&session->header->threads.n_items, memory_order_relaxed) + 64;

    (void)pp_table_reserve(&session->file, &session->header->threads,
                           n < PP_MAX_THREAD_SLOTS ? n : PP_MAX_THREAD_SLOTS);
    if (session->said_no_thread_slot ||
        atomic_load_explicit(&session->header->losses[PP_LOSS_NO_THREAD_SLOT],
                             memory_order_relaxed) == 0)
        return;
    session->said_no_thread_slot = true;
    pp_session_message(session->header,
                       "more than %d threads came and went; those that came later are together, as "
                       "[other threads]",
                       PP_MAX_THREAD_SLOTS - 1);
}

/* The block is anybody's, and nothing of this thread is left in the watch of the next one. */
static void give_back(struct pp_sig_thread *thread, struct pp_watch *watch)
{
    memset(watch, 0, sizeof *watch);
    watch->source = (struct pp_source){PP_DELIVERY_NONE, -1, -1, 0};
    pp_sig_thread_release(thread);
}

static void begin(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch,
                  bool is_new)
{
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    uint32_t state = atomic_load_explicit(&thread->state, memory_order_acquire);
    const struct pp_kernel_share kernel =
        is_new ? (struct pp_kernel_share){.has_begun = true} : watch->kernel;
    const struct pp_wait_account waits =
        is_new ? (struct pp_wait_account){.has_begun = false} : watch->waits;

    if (state == PP_SIG_THREAD_ENDING)
        return;
    memset(watch, 0, sizeof *watch);
    watch->waits = waits; /* has stretches before a pause in it */
    watch->source = (struct pp_source){PP_DELIVERY_NONE, -1, -1, 0};
    reserve_slots(session); /* hundreds may begin in one turn */
    if (atomic_load_explicit(&thread->ignored, memory_order_relaxed) != 0) {
        watch->is_left_out = !session->is_paused;
        watch->ignored_since_ns =
            is_new ? atomic_load_explicit(&thread->last_cpu_ns, memory_order_relaxed)
                   : pp_sig_clock_ns(pp_sig_thread_clock(tid));
    } else {
        /* A thread that lived before counts from now on, a new one from its beginning. */
        if (!is_new)
            atomic_store_explicit(&thread->last_cpu_ns, pp_sig_clock_ns(pp_sig_thread_clock(tid)),
                                  memory_order_relaxed);
        if (pp_sig_thread_record(session->header, thread) != NULL && !session->is_paused &&
            session->delivery != PP_DELIVERY_TEST &&
            pp_thread_open_source(session, thread, watch, session->delivery) == -ESRCH) {
            give_back(thread, watch);
            return;
        }
    }
    pp_kernel_time_begin(session, thread, watch, &kernel);
    pp_thread_describe(session, thread, watch);
    /* It may have ended meanwhile: then that stays. */
    (void)atomic_compare_exchange_strong_explicit(&thread->state, &state, PP_SIG_THREAD_LIVE,
                                                  memory_order_acq_rel, memory_order_relaxed);
}

static bool is_gone(int32_t tid)
{
    return syscall(SYS_tgkill, getpid(), tid, 0) != 0;
}

/* The thread has booked its last, or is gone.  Its block stays while the kernel still lists it: a
 * look at /proc must not take it for a new thread and count its time again. */
static void end(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch)
{
    struct pp_rec_thread *slot = NULL;

    /* One that is left over from an earlier session is nothing to this one. */
    if (atomic_load_explicit(&thread->session, memory_order_relaxed) ==
        atomic_load_explicit(&pp_sig_gate->session, memory_order_relaxed))
        slot = pp_sig_thread_record(session->header, thread);
    pp_source_close(&watch->source);
    if (slot != NULL)
        pp_waits_forget(session, thread, watch);
    if (slot != NULL && !pp_thread_is_among_others(thread) &&
        atomic_load_explicit(&slot->end_ns, memory_order_relaxed) == 0) {
        if (!watch->is_named)
            pp_thread_read_name(session, thread);
        watch->is_named = true;
        atomic_store_explicit(&slot->end_ns,
                              pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns,
                              memory_order_relaxed);
    }
    if (!is_gone(atomic_load_explicit(&thread->tid, memory_order_relaxed)))
        return;
    pp_thread_settle_ignored(session, thread, watch);
    give_back(thread, watch);
}

/* A server in the program has a thread for each request, which is ignored a moment after its birth:
 * a place in the recording for each would use those up.  It is waited for once, for a turn. */
static bool may_be_ignored_soon(struct pp_sig_thread *thread)
{
    return atomic_exchange_explicit(&thread->is_of_ignored, 0, memory_order_relaxed) != 0 &&
           atomic_load_explicit(&thread->ignored, memory_order_relaxed) == 0;
}

static void tend(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch)
{
    const uint32_t state = atomic_load_explicit(&thread->state, memory_order_acquire);

    if (state == PP_SIG_THREAD_BORN) {
        if (may_be_ignored_soon(thread))
            return;
        begin(session, thread, watch, true);
    } else if (state == PP_SIG_THREAD_ENDING) {
        end(session, thread, watch);
    } else if (!watch->is_left_out && !session->is_paused &&
               atomic_load_explicit(&thread->ignored, memory_order_relaxed) != 0) {
        pp_source_close(&watch->source);
        leave_out(thread, watch);
    } else if (!watch->is_bounded &&
               atomic_load_explicit(&thread->thread_pointer, memory_order_relaxed) != 0) {
        pp_thread_find_bounds(thread, watch);
    }
}

void pp_threads_tend(struct pp_session *session)
{
    (void)pp_threads_reserve(pp_sig_thread_count() + PP_FIRST_THREAD_BLOCK);
    reserve_slots(session);
    pp_threads_each(session, tend);
}

static void forget_gone(struct pp_session *session, struct pp_sig_thread *thread,
                        struct pp_watch *watch)
{
    /* The directory may leave out a thread when others end while it is read. */
    if (atomic_load_explicit(&thread->state, memory_order_acquire) == PP_SIG_THREAD_LIVE &&
        watch->looked_at != 1 && is_gone(atomic_load_explicit(&thread->tid, memory_order_relaxed)))
        end(session, thread, watch);
    watch->looked_at = 0;
}

/* Whether pthread_create's hook has a block for a thread that has not told its number yet. */
static bool is_one_on_its_way(void)
{
    const uint32_t n = pp_sig_thread_count();

    for (uint32_t i = 0; i < n; i++) {
        const struct pp_sig_thread *thread = pp_sig_thread_at(i);
        if (thread != NULL &&
            atomic_load_explicit(&thread->state, memory_order_acquire) == PP_SIG_THREAD_CLAIMED)
            return true;
    }
    return false;
}

/* False: a block may be on its way to this thread; look again soon. */
static bool look_at(struct pp_session *session, int32_t tid, bool is_sure)
{
    /* All of a forked child's time is its session's, also what it used before that began. */
    const bool is_young = session->delay_ns != 0;
    struct pp_sig_thread *thread = pp_sig_thread_find(tid);
    struct pp_watch *watch;

    if (thread == NULL && !is_sure)
        return false;
    if (thread == NULL) {
        (void)pp_threads_reserve(pp_sig_thread_count() + 8);
        thread = pp_sig_thread_claim();
        if (thread == NULL)
            return true;
        if ((watch = pp_watch_of(session, thread)) == NULL) {
            pp_sig_thread_release(thread);
            return true;
        }
        atomic_store_explicit(&thread->tid, tid, memory_order_relaxed);
        begin(session, thread, watch, is_young || session->n_tasks_seen != 0);
    } else if ((watch = pp_watch_of(session, thread)) == NULL) {
        return true;
    } else if (session->n_tasks_seen == 0) {
        /* Known from an earlier session: in this one it counts from now on, too. */
        begin(session, thread, watch, is_young);
    }
    watch->looked_at = 1;
    return true;
}

/* The directory of our threads; -1 without /proc (chroot), and where that counts by the numbers of
 * another pid namespace (unshare --pid without a new /proc). */
static int open_tasks(void)
{
    const int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[16];

    (void)snprintf(name, sizeof name, "%d", pp_sig_gettid());
    if (fd >= 0 && faccessat(fd, name, F_OK, 0) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

void pp_threads_scan(struct pp_session *session)
{
    bool is_complete = true;
    _Alignas(struct pp_directory_entry) char entries[4096];
    const int fd = open_tasks();
    long n;

    if (fd < 0) { /* the hooks know the others */
        (void)look_at(session, getpid(), true);
        session->n_tasks_seen = UINT64_MAX;
        return;
    }
    while ((n = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0) {
        /* Asked after the threads were listed and before their blocks are looked for: a listed
         * thread whose block was on its way then is found by its number now, or is left for the
         * next look. With a block more it would be sampled and counted twice. */
        const bool is_sure = !is_one_on_its_way();
        for (long at = 0; at < n;) {
            const struct pp_directory_entry *entry =
                (const struct pp_directory_entry *)(entries + at);
            const int32_t tid = atoi(entry->name);
            at += entry->n_bytes;
            if (tid != 0 && tid != session->helper_tid)
                is_complete = look_at(session, tid, is_sure) && is_complete;
        }
    }
    (void)close(fd);
    pp_threads_each(session, forget_gone);
    pp_threads_each(session, pp_thread_name_again);
    session->n_tasks_seen = is_complete ? pp_threads_count() : UINT64_MAX; /* soon again */
}

/* ---- end, pause, resume ---- */

static void close_source(struct pp_session *session, struct pp_sig_thread *thread,
                         struct pp_watch *watch)
{
    (void)session, (void)thread;
    pp_source_close(&watch->source);
}

/* Of one that has ended just now, in a pause that had begun, what it has left behind. */
static void book(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch)
{
    uint64_t cpu_ns = pp_sig_clock_ns(
        pp_sig_thread_clock(atomic_load_explicit(&thread->tid, memory_order_relaxed)));

    (void)watch;
    if (cpu_ns == 0 &&
        atomic_load_explicit(&thread->state, memory_order_acquire) == PP_SIG_THREAD_ENDING)
        cpu_ns = atomic_load_explicit(&thread->waits.end_cpu_ns, memory_order_relaxed);
    if (atomic_load_explicit(&thread->ignored, memory_order_relaxed) == 0 && cpu_ns != 0)
        pp_sig_book_remainder(session->header, thread, cpu_ns);
}

/* So that a later session counts every thread from its own start. */
static void unrecord(struct pp_session *session, struct pp_sig_thread *thread,
                     struct pp_watch *watch)
{
    (void)session, (void)watch;
    if (atomic_load_explicit(&thread->state, memory_order_relaxed) == PP_SIG_THREAD_ENDING)
        pp_sig_thread_release(thread);
    else
        atomic_store_explicit(&thread->state, PP_SIG_THREAD_LIVE, memory_order_relaxed);
}

void pp_threads_end(struct pp_session *session)
{
    pp_threads_each(session, close_source);
    pp_threads_each(session, pp_thread_name_again);
    pp_wait_for_handlers(NULL);
    if (!session->is_paused)
        pp_threads_each(session, book);
    pp_threads_each(session, unrecord);
}

/* Both its times up to one moment. */
static void pause_one(struct pp_session *session, struct pp_sig_thread *thread,
                      struct pp_watch *watch)
{
    pp_waits_forget(session, thread, watch);
    book(session, thread, watch);
}

void pp_threads_pause(struct pp_session *session)
{
    atomic_store_explicit(&pp_sig_gate->is_paused, 1, memory_order_seq_cst);
    pp_threads_each(session, close_source);
    pp_wait_for_handlers(NULL);
    pp_threads_each(session, pause_one);
    pp_threads_each(session, pp_thread_settle_ignored);
}

static void reopen(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch)
{
    pp_waits_begin_thread(session, thread, watch);
    begin(session, thread, watch, false);
}

void pp_threads_resume(struct pp_session *session)
{
    pp_waits_resume(session);
    /* Clocks first: a thread that ends meanwhile must not book what it used in the pause. */
    pp_threads_each(session, reopen);
    atomic_store_explicit(&pp_sig_gate->is_paused, 0, memory_order_seq_cst);
}
