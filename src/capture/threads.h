/* The threads of this process, as the helper watches them: births, names, stacks, ends, and each
 * one's source of samples. */
#ifndef PP_CAPTURE_THREADS_H
#define PP_CAPTURE_THREADS_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/delivery.h"
#include "capture/session.h"
#include "sigsafe/threads.h"

enum {
    PP_FIRST_THREAD_SLOTS = 128,
    PP_MAX_THREAD_SLOTS =
        PP_FIRST_THREAD_SLOTS * 127, /* 7 blocks, 2 MB; later threads share slot 0 */
};

/* Of capture/kernel_time.h: a thread's times in clock ticks, at the beginning of the span that is
 * judged; its CPU clock at the last look. */
struct pp_kernel_share {
    bool has_begun; /* the span */
    bool had_timer; /* when the thread was looked at last */
    uint64_t user, kernel, begun_cpu_ns;
    uint64_t cpu_ns;
    uint32_t n_looks;
    double share; /* of the kernel's in it, when it was judged last */
    /* Of its perf event in the span: samples that came, and that a time in the kernel kept from
     * coming; and where it stood when the period there is was set. */
    double n_taken, n_missed;
    uint64_t period_ns, period_samples, period_sampled_ns;
};

/* Of capture/waits.h: where a thread's time has gone since it is followed. */
struct pp_wait_account {
    bool has_begun;
    /* As they were when that began. */
    uint64_t begin_ns, begin_cpu_ns, begin_queue_ns, begin_ticks, begin_n, begin_stored_ns;
    uint64_t begin_overlap_ns, begin_contentions, begin_delay_ticks;
    uint64_t cpu_ns, queue_ns, wall_ns; /* since, at the last look */
    uint64_t boundary_ns;               /* in hooks, likewise */
    uint64_t overlap_ns;                /* more was in hooks, ran and queued than time went by */
    uint64_t claimed_ns, outside_ns;    /* recorded by the helper: of waits in hooks, and others */
    uint64_t claimed_delay_ns, n_claimed_contentions;     /* likewise, of locks */
    uint64_t queue_booked_ns, throttled_ns, remainder_ns; /* recorded, too */
    /* The thread's 'n_changes' when the queue, and the rest, was recorded last. */
    uint32_t queue_changes, rest_changes;
    uint64_t throttle_seen_ns;                /* of the control group: up to there it is recorded */
    uint64_t queue_noted_ns, recent_queue_ns; /* capture/wait_queue.c's */
    bool is_seen;                             /* by the look of now: it is to be told of */
    uint64_t seen_cpu_ns,
        seen_since_ticks; /* by the last look: nothing has changed while they hold */
    bool is_doubtful; /* the last look took it to have left its wait: its queue time is not booked
                         by that */
    uint64_t outside_since_ns, next_outside_ns;
    struct pp_wait_sums {
        uint64_t wall_ns, cpu_ns, queue_ns, throttled_ns, blocked_ns, unattributed_ns, n_waits;
        uint64_t n_contentions, delay_ns;
    } before; /* earlier stretches between pauses */
};

struct pp_watch {
    struct pp_source source;
    uint64_t n_samples_at_redraw, n_samples_at_naming;
    uint32_t n_draws;          /* of its period */
    bool is_left_out;          /* it is ignored, and these two hold */
    uint64_t ignored_since_ns; /* its CPU clock when that began */
    uint64_t ignored_ns;       /* what it has used since, when last looked at */
    uint32_t looked_at;        /* stamp of the last scan that saw it */
    /* Of the sampler: its clock at the last look, looks in a row at which that stood still, looks
     * that pass it over now. */
    uint64_t looked_at_cpu_ns;
    uint32_t n_idle_looks, n_looks_left_out;
    bool is_named, is_bounded;
    struct pp_kernel_share kernel;
    /* Of looks at all threads: what calls upon it, and its clock and the time when it was first
     * seen not to run. */
    struct pp_source look_source;
    bool is_asked;
    uint64_t look_cpu_ns, look_time_ns;
    struct pp_wait_account waits;
};

/* Blocks for thread control, a few ahead of need.  Any thread, before the first handler runs, then
 * the helper. */
int pp_threads_reserve(uint32_t n_threads);

/* What the helper knows of 'thread'. */
struct pp_watch *pp_watch_of(struct pp_session *session, const struct pp_sig_thread *thread);

/* Give back all watches. */
void pp_watches_free(struct pp_session *session);

/* The block of the calling thread, claimed when it has none. */
struct pp_sig_thread *pp_threads_self(void);

/* Watch every thread that is there and not watched yet; forget those that are gone. */
void pp_threads_scan(struct pp_session *session);

/* Open what was born and close what is ending since; cheap when nothing was. */
void pp_threads_tend(struct pp_session *session);

/* Number of threads of the process, by the link count of /proc/self/task. */
uint64_t pp_threads_count(void);

/* Stop all sources; book what they have not seen as [unsampled]. */
void pp_threads_end(struct pp_session *session);

/* Pause or go on: sources off, remainders booked; or clocks set to now and sources on. */
void pp_threads_pause(struct pp_session *session);
void pp_threads_resume(struct pp_session *session);

/* For each watched thread. */
void pp_threads_each(struct pp_session *session,
                     void (*visit)(struct pp_session *, struct pp_sig_thread *, struct pp_watch *));

/* Open 'delivery' for a thread, or the next best that can be had.  0, or -ESRCH when it is gone. */
int pp_thread_open_source(struct pp_session *session, struct pp_sig_thread *thread,
                          struct pp_watch *watch, enum pp_rec_delivery delivery);

/* The same for one that has a source now. */
void pp_thread_change_source(struct pp_session *session, struct pp_sig_thread *thread,
                             struct pp_watch *watch, enum pp_rec_delivery delivery);

/* Whether its slot in the recording is shared with others, for want of one of its own. */
bool pp_thread_is_among_others(const struct pp_sig_thread *thread);

/* Name, bounds of the stack: what the helper finds out about a thread outside its handler. */
void pp_thread_describe(struct pp_session *session, struct pp_sig_thread *thread,
                        struct pp_watch *watch);
void pp_thread_find_bounds(struct pp_sig_thread *thread, struct pp_watch *watch);

/* Its name as it is now; the second one only when it has run since, as threads change them. */
void pp_thread_read_name(struct pp_session *session, struct pp_sig_thread *thread);
void pp_thread_name_again(struct pp_session *session, struct pp_sig_thread *thread,
                          struct pp_watch *watch);

/* Read what an ignored thread has used; add that to what is in no total, once and for all. */
void pp_thread_look_at_ignored(struct pp_session *session, struct pp_sig_thread *thread,
                               struct pp_watch *watch);
void pp_thread_settle_ignored(struct pp_session *session, struct pp_sig_thread *thread,
                              struct pp_watch *watch);

#endif
