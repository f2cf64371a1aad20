/* The one session of a process: what start, stop and snapshot act on, and what its helper thread
 * works with. */
#ifndef PP_CAPTURE_SESSION_H
#define PP_CAPTURE_SESSION_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "capture/budget.h"
#include "capture/delivery.h"
#include "capture/environment.h"
#include "capture/memory_file.h"
#include "capture/modules.h"
#include "capture/segments.h"
#include "capture/settings.h"
#include "pprofc/pprofc.h"
#include "recording/layout.h"
#include "sigsafe/threads.h"

struct pp_watch; /* what the helper knows of a thread, capture/threads.h */

enum { PP_SAMPLER_CANDIDATES = 128 };

struct pp_sampler_candidate {
    struct pp_sig_thread *thread;
    struct pp_watch *watch;
};

/* Looks at threads that have no event and no timer (capture/sampler.c). */
struct pp_sampler {
    uint64_t due_ns;               /* CLOCK_MONOTONIC; 0: there is no such thread */
    uint32_t n_threads, n_running; /* at the last look */
    uint32_t n_idle_turns;         /* looks in a row in which nothing ran */
    uint32_t n_candidates;         /* that have run since their last samples */
    struct pp_sampler_candidate candidates[PP_SAMPLER_CANDIDATES];
    uint32_t n_late; /* looks in a row that came too late */
    bool has_failed;
};

/* A look at all threads (capture/stacks.c). */
struct pp_look {
    uint32_t number; /* of the last one */
    uint32_t n_threads, n_open;
    bool has_learned; /* the rules of code that was new to it */
};

/* A scan for leaks (capture/leak.c). */
struct pp_leak_work {
    struct pp_leak_scan *scan;           /* NULL: none is under way */
    uint64_t objects_bytes, index_bytes; /* what its tables take */
    void *index;
    int child;
    bool is_at_end;
    bool is_left_alone; /* nobody asks for its end again and again: PP_REQUEST_LEAK_LOOK */
    uint64_t hold_ns;   /* the longest that threads are waited for before the copy */
    uint64_t begun_ns, pause_ns, scan_ns, scanned_bytes;
    uint32_t n_ran, n_unseen, n_passes; /* threads; those of which registers are not known */
    /* Of the first of two passes, what was not reached. */
    struct pp_leak_object *suspects;
    uint64_t suspects_bytes;
    uint32_t n_suspects;
};

/* What keeps to the budget (capture/governor.c). */
struct pp_governor {
    bool is_on;
    struct pp_budget budget;
    /* At the last turn; time_ns is CLOCK_MONOTONIC, 0: there was none. */
    struct pp_governor_seen {
        uint64_t time_ns, program_ns, helper_ns, handlers_ns, n_samples, delivery_ns, n_allocs,
            n_bytes;
    } seen;
};

struct pp_session {
    struct pp_settings settings;
    struct pp_memory_file file;
    struct pp_rec_header *header; /* NULL: nothing runs */
    struct pp_segments segments;
    struct pp_modules *modules;
    uint64_t number; /* counts sessions of this process */
    pthread_t helper;
    _Atomic uint32_t helper_state; /* enum pp_helper_state; a futex */
    _Atomic uint32_t
        helper_order;  /* enum pp_helper_order: what a helper that waits should do; a futex */
    uint64_t delay_ns; /* it waits so long before it begins */
    int helper_result;
    struct pprofc_error helper_error;
    int32_t helper_tid;

    /* The helper's own. */
    enum pp_rec_delivery delivery;
    struct pp_watch *watches[PP_N_THREAD_BLOCKS]; /* beside the thread blocks; NULL: none yet */
    uint64_t period_ns;                           /* mean, as asked */
    double scale; /* of drawn periods, so that the mean comes out right although redrawing restarts
                     an interval */
    /* Of pairs of draws that lack the second, its share, in 0 to 1; 0: a pair begins.  A thread's
     * draws are of the one and the other in turn. */
    double other_shares[2];
    uint64_t random;
    uint64_t redraw_cost_ns; /* CPU time of a draw, of late */
    uint64_t n_redrawn;      /* by the last pass of draws */
    /* Set by a pass of draws: when the next one should be, by the thread that took most samples. */
    uint64_t next_redraw_ns, redraw_in_ns, n_samples_of_busiest;
    uint64_t cpu_base_ns, helper_cpu_base_ns, excluded_ns, pause_cpu_ns;
    uint64_t n_samples_seen, sampled_ns_seen; /* at the last look at the mean interval */
    uint64_t n_draws_seen;                    /* that ended since */
    uint64_t n_tasks_seen;
    uint32_t n_looks;        /* at all threads */
    uint32_t n_calibrations; /* tried */
    uint64_t next_count_ns;  /* when threads are counted again */
    uint64_t next_look_ns;   /* when threads are looked for again at the latest */
    uint64_t module_changes_seen, next_module_look_ns;
    bool has_tables_left; /* to be built, a piece at each turn */
    struct pp_sampler sampler;
    struct pp_look look;
    uint64_t next_tracer_look_ns;
    bool has_timers;         /* some thread was given one beside perf events (kernel_time.h) */
    bool has_left_traps;     /* for a debugger: until it leaves */
    uint32_t said_fallbacks; /* bits, by enum pp_rec_delivery that some thread could not have */
    bool is_paused, said_no_thread_slot;
    bool is_paused_by_program;  /* how it is when no reader wants samples */
    uint64_t wanted_millihertz; /* by readers, as it was last followed; 0: none does */
    uint64_t next_reader_look_ns;

    uint64_t next_flip_ns; /* of the cycle; 0: none */

    /* Of the heap: when threads' counts are summed up, sites get another point, ages are looked
     * at; and how far points lie apart, 0: none yet. */
    bool has_heap_counts_left; /* a turn came too soon after the last sums */
    uint64_t next_heap_count_ns, next_heap_point_ns, next_heap_ages_ns, heap_interval_ns;
    uint64_t next_heap_measure_ns;
    _Atomic uint64_t asking_since_ns; /* the allocator, whose lock somebody may never give back */

    struct pp_leak_work leak;
    struct pp_governor governor;

    uint64_t stop_at_ns; /* CLOCK_MONOTONIC; 0: nobody has set an end */
    void (*on_end)(struct pp_session *
                       session); /* called by the helper when that end has come and all is booked */

    struct pprofc_cursor written; /* up to here a window's end has written it */

    /* Commands from within the process; those from outside come by the recording's own block. */
    struct pp_rec_command command;
    _Atomic uint32_t toggles; /* times the toggling signal came */
};

enum pp_helper_order { PP_ORDER_WAIT, PP_ORDER_BEGIN, PP_ORDER_GIVE_UP };
enum pp_helper_state {
    PP_HELPER_NONE,
    PP_HELPER_STARTING,
    PP_HELPER_RUNNING,
    PP_HELPER_FAILED,
    PP_HELPER_ENDED
};

extern struct pp_session pp_session;

/* Switched off from outside (`pprofc off`): nothing starts in this process, and in those that it
 * forks, any more. */
extern _Atomic bool pp_session_is_banned;

/* Called by the helper when the toggling signal or the cycle has switched sampling on or off, in
 * this process and its children; NULL: nothing is written then. */
extern void (*pp_session_on_flip)(struct pp_session *session);

/* Start, stop: the caller holds the lock. */
void pp_session_lock(void);
bool pp_session_lock_within(uint32_t timeout_ms); /* false: somebody holds it for longer */
void pp_session_unlock(void);
int pp_session_start(const struct pp_settings *settings, struct pprofc_error *err);
int pp_session_stop(struct pprofc_error *err); /* the recording stays until pp_session_close() */

/* In a child after fork: begin in a while, unless it execs before or asks for it sooner (any call
 * of the API does).  Most children exec at once, and a recording for each would be a waste. */
void pp_session_start_later(const struct pp_settings *settings, uint64_t delay_ns);

/* Whether a session runs; one that waits begins now. */
bool pp_session_runs(void);

/* The helper's part of the start: the recording, the handler, the gate. */
int pp_session_make(struct pp_session *session, struct pprofc_error *err);
void pp_session_close(bool unlink_name);
int pp_session_request(enum pp_rec_request request, uint64_t argument, struct pprofc_error *err);

/* The helper thread (capture/helper.c). */
void *pp_helper_main(void *session);

/* Wake the helper: something is to be done. */
void pp_helper_wake(struct pp_rec_header *header);

/* Refresh the list of what is mapped where there is reason to.  The helper thread's. */
void pp_helper_look_at_modules(struct pp_session *session, uint64_t now_ns);

/* Wait until no handler that runs now can hold what was published before. */
void pp_wait_for_handlers(void *unused);

/* Append a message for a person to the recording. */
void pp_session_message(struct pp_rec_header *header, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Signals (capture/signals.c): install our handler for 'signo', keeping what was there in the
 * chain.  0 or a negative errno. */
int pp_signal_install(int signo);
/* Whether our handler is installed for 'signo' (an application that links us may have replaced it);
 * puts it back and chains theirs. */
void pp_signal_check(int signo);

/* Whether our handler is installed for 'signo'. */
bool pp_signal_is_ours(int signo);

/* Whether a handler that we know nothing of is installed for 'signo'. */
bool pp_signal_is_foreign(int signo);

/* pthread_create as libc has it, also where the preload has its own; and for which thread that is.
 */
extern int (*pp_real_pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                                     void *);
extern int (*pp_real_sigaction)(int, const struct sigaction *, struct sigaction *);

/* In a child after fork: the lock is free, nothing runs, and what was the parent's is left alone.
 */
void pp_session_lock_init(void);
void pp_session_forget(void);

/* Fork handlers (capture/fork.c), registered once. */
void pp_fork_register(void);

/* _Fork(), clone() and the bare system call run no fork handlers.  Their child, which has the
 * gate's page wiped, finds that out here: it is not profiled, but it may exit, and start a session.
 */
void pp_fork_look(void);

/* Memory that handlers need, the gate first; made once. */
int pp_gate_make(void);

#endif
