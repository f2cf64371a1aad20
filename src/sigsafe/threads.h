/* What a handler knows of the thread it runs on: one control block a thread, in memory that is
 * never given back, so that a late signal always finds it.
 *
 * Writers: the thread itself (busy, clocks), its creator or the helper (claim, bounds, record).
 * Readers: the helper. */
#ifndef PP_SIGSAFE_THREADS_H
#define PP_SIGSAFE_THREADS_H

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "recording/layout.h"
#include "sigsafe/sigsafe.h"

enum {
    PP_N_THREAD_BLOCKS = 14,
    PP_FIRST_THREAD_BLOCK = 64, /* block k holds this << k: a million threads */
    PP_HINT_LOOK_UP =
        0x00FFFFFF, /* index in a hint: the signal tells no thread: look the running one up */
};

enum pp_sig_thread_state {
    PP_SIG_THREAD_FREE,
    PP_SIG_THREAD_CLAIMED, /* somebody is filling it in */
    PP_SIG_THREAD_BORN,    /* the helper should open its event */
    PP_SIG_THREAD_LIVE,    /* the helper knows it */
    PP_SIG_THREAD_ENDING,  /* it has booked its last time; the helper should close its event */
};

/* Of waits that are too short to be events by themselves: their sum, where in it the next event is,
 * and up to where events stand for it. */
struct pp_sig_countdown {
    uint64_t small_ticks, next_ticks, told_ticks;
};

/* Waits of a thread, in ticks of pp_sig_wait_clock (sigsafe/waits.h). */
struct pp_sig_thread_waits {
    uint64_t begin_ns;             /* CLOCK_MONOTONIC; 0: its birth was not seen */
    _Atomic uint64_t end_ns;       /* 0: it lives */
    uint64_t n, ticks;             /* so many, so long, handlers' apart: only ever grow */
    _Atomic uint64_t end_cpu_ns;   /* then */
    _Atomic uint64_t end_queue_ns; /* 1 + its time in run queues then; 0: not known */
    struct pp_sig_countdown small;
    _Atomic uint64_t since_ticks;   /* in a wait since then; 0: in none */
    _Atomic uint64_t claimed_ticks; /* the helper has recorded it up to here */
    uintptr_t frame;                /* where the hook's frame lies */
    uintptr_t function, lock;       /* libc's; 0: no lock that it waits for is known */
    uint32_t kind;                  /* enum pp_rec_wait */
    uint64_t random;
    uint64_t n_marks; /* of sigsafe/kept_cpu.h */
    /* At the last event: what the thread's own overlap of waits and CPU time is reckoned from. */
    uint64_t mark_ns, mark_cpu_ns, mark_ticks;
    _Atomic uint64_t overlap_ns;   /* time of waits that was CPU or run queue; the helper's word */
    _Atomic uint64_t taken_off_ns; /* of it, what has been left out of events */
    _Atomic uint64_t stored_ns;    /* in events */
    /* Of locks. */
    uint64_t n_contentions, delay_ticks;
    struct pp_sig_countdown waited,
        charged;        /* delays of its own, and of others that it is charged for */
    uintptr_t held[4];  /* semaphores that it has waited for and not posted since */
    uint32_t is_inside; /* in our own code behind a hook: a handler that comes is left alone */
};

/* Of sigsafe/thread_context.h: the thread's own. */
struct pp_sig_thread_context {
    uintptr_t
        thread_pointer; /* 0: made in no way that we know, and without thread-locals perhaps */
    uint32_t session, number; /* of the span below in that session's recording; 0: not there */
    uint8_t trace_id[16], span_id[8];
};

struct pp_sig_thread {
    uint32_t index;
    _Atomic uint32_t state;
    _Atomic int32_t tid;
    _Atomic uint32_t busy;    /* not 0: its handler or our own code uses the recording now */
    _Atomic uint32_t n_exits; /* times that it was done with that */
    /* The same within malloc and free, which a handler of the program's may leave by longjmp(). */
    _Atomic uint32_t heap_busy, n_heap_exits;
    _Atomic uint32_t record;  /* 1 + its index in the recording's thread table; 0: none */
    _Atomic uint32_t session; /* number of the session that 'record' belongs to */
    _Atomic uint32_t ignored;
    _Atomic uint32_t
        is_of_ignored; /* an ignored thread made it: it may be about to ask for that too */
    _Atomic uint32_t is_called_upon;      /* by the sampler: from its first signal on */
    _Atomic uintptr_t stack_lo, stack_hi; /* plain loads are safe in between; hi 0: not known */
    _Atomic uintptr_t
        thread_pointer; /* seen by the first handler: where the helper finds the stack by */
    _Atomic uint64_t last_cpu_ns; /* its CPU clock at the last booking */
    _Atomic uint64_t end_cpu_ns;  /* ignored, and at its end: the clock then */
    _Atomic uint32_t label_set;   /* in the recording's numbers; 0: none */
    _Atomic uint32_t n_changes;   /* how often that or the span has become another */
    _Atomic uint64_t span; /* 1 + index of a struct pp_sig_span, its generation above; 0: none
                            */
    uint64_t span_cpu_ns;  /* the thread's own: its CPU clock when that became its span */
    _Atomic uint32_t look; /* not 0: the next signal of ours tells where it stands, for this look */
    /* What a start routine needs, for threads made through our pthread_create. */
    void *(*start)(void *);
    void *argument;
    size_t stack_bytes;
    struct pp_sig_thread_waits waits;
    struct pp_sig_thread_context context;
};

extern _Atomic(struct pp_sig_thread *) pp_sig_thread_blocks[PP_N_THREAD_BLOCKS];
extern PP_SIG_TLS struct pp_sig_thread
    *pp_sig_self;                        /* NULL until known; for calls, not for handlers */
extern PP_SIG_TLS uint32_t pp_sig_guard; /* not 0: what this thread calls is our own doing */

/* Number 'index', or NULL. */
PP_SIG struct pp_sig_thread *pp_sig_thread_at(uint32_t index);

/* A block nobody uses, in state CLAIMED, or NULL when all are taken (the helper adds blocks ahead
 * of need). */
PP_SIG struct pp_sig_thread *pp_sig_thread_claim(void);

/* Nobody needs 'thread' any more: its thread is gone, or it was never filled in. */
PP_SIG void pp_sig_thread_release(struct pp_sig_thread *thread);

/* The block of thread 'tid', or NULL. */
PP_SIG struct pp_sig_thread *pp_sig_thread_find(int32_t tid);

/* That of the calling thread, claimed when it has none; NULL when all are taken.  Without
 * thread-locals. */
PP_SIG struct pp_sig_thread *pp_sig_thread_running(void);

/* Whether nothing of the thread is to be recorded: no place of the recording's is to be taken. */
static inline int pp_sig_thread_is_left_out(const struct pp_sig_thread *thread)
{
    return atomic_load_explicit(&thread->ignored, memory_order_relaxed) != 0 &&
           atomic_load_explicit(&thread->record, memory_order_relaxed) == 0;
}

/* The calling thread is about to have other labels, or another span. */
static inline void pp_sig_thread_note_change(struct pp_sig_thread *thread)
{
    atomic_store_explicit(&thread->n_changes,
                          atomic_load_explicit(&thread->n_changes, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* How many blocks have ever been used: for loops over all. */
PP_SIG uint32_t pp_sig_thread_count(void);

/* What goes into perf_event_attr.sig_data and sigevent.sigev_value: it marks a signal as ours. */
PP_SIG uint64_t pp_sig_thread_hint(uint32_t index);

/* 1 and the index when 'hint' is one of ours. */
PP_SIG int pp_sig_hint_index(uint64_t hint, uint32_t *index_out);

#endif
