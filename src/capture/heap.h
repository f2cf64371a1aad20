/* Heap profiling of a session: it switches the calls of sigsafe/heap_calls.h on and off, makes room
 * for what they record, sums up what threads count, and keeps the history of each site. */
#ifndef PP_CAPTURE_HEAP_H
#define PP_CAPTURE_HEAP_H

#include <stdbool.h>
#include <stdint.h>

#include "pprofc/error.h"

struct pp_session;

enum { PP_HEAP_DEFAULT_INTERVAL = 512 * 1024 };

/* Memory that the calls need: maps, filter, threads' blocks; made once and kept.  In a thread of
 * the application's.  0 or -ENOMEM. */
int pp_heap_prepare(void);

/* The calling thread's countdown begins with the session, not with its next draw. */
void pp_heap_begin_here(void);

/* The helper's: begin with a recording that has just been made; each turn; the end, while handlers
 * may still run. */
int pp_heap_begin(struct pp_session *session, struct pprofc_error *err);
void pp_heap_turn(struct pp_session *session, uint64_t now_ns);
/* Before long without a turn: what the last turns came too soon to write down.  A program that is
 * killed while it waits would be behind by its last burst. */
void pp_heap_doze(struct pp_session *session);
void pp_heap_end(struct pp_session *session);

/* The allocator's own figures, before the session ends; in a thread of the application's.  Nothing
 * when no session measures the heap, or in a signal handler. */
void pp_heap_measure(struct pp_session *session);

/* The same by the helper, because somebody outside asks: at most every few seconds. */
void pp_heap_measure_by_helper(struct pp_session *session);

/* Bring sums, ages and the history up to now: before somebody reads. */
void pp_heap_settle(struct pp_session *session);

/* Another interval from now on, in the same mode.  -ENOTSUP when the mode would have to change. */
int pp_heap_set_interval(struct pp_session *session, uint64_t interval_bytes);

/* Exact counts of all threads, gone ones too, and of the calling one.  Any thread. */
struct pp_heap_counts {
    uint64_t n_allocs, n_reallocs, n_frees, requested_bytes;
    uint64_t usable_allocated_bytes, usable_freed_bytes; /* 0 where nobody asked for them */
};
void pp_heap_count(struct pp_heap_counts *all_out, struct pp_heap_counts *own_out);

/* Some calls that free go unseen until they are patched, too: an address that is known may come
 * again.  Any thread of the application's, under the session's lock; also while a session runs. */
void pp_heap_expect_ghosts(void);

/* In a child after fork: nothing is sampled, nothing was counted yet. */
void pp_heap_forget_parent(void);

#endif
