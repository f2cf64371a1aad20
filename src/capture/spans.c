/* Spans: a pool of them, given out under a lock that no handler takes. */
#include "capture/spans.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "capture/own_memory.h"
#include "capture/session.h"
#include "sigsafe/clock.h"
#include "sigsafe/syscall.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t n_used, first_free; /* first_free: 1 + index, 0: none */

/* ---- the pool ---- */

/* 1 + the index of one that is free, or a negative errno.  Under the lock. */
static int64_t take(void)
{
    struct pp_sig_span *pool = atomic_load_explicit(&pp_sig_spans, memory_order_relaxed);
    uint32_t index = first_free;

    if (pool == NULL) {
        pool = pp_map_anonymous(PP_MAX_SPANS * sizeof *pool);
        if (pool == NULL)
            return -ENOMEM;
        atomic_store_explicit(&pp_sig_spans, pool, memory_order_release);
    }
    if (index != 0)
        first_free = pool[index - 1].next_free;
    else if (n_used < PP_MAX_SPANS)
        index = ++n_used;
    else
        return -ENOSPC;
    return index;
}

static void give_back(struct pp_sig_span *span)
{
    const uint32_t index = (uint32_t)(span - atomic_load(&pp_sig_spans)) + 1;

    atomic_fetch_add_explicit(&span->generation, 1, memory_order_release);
    (void)pthread_mutex_lock(&lock);
    span->next_free = first_free;
    first_free = index;
    (void)pthread_mutex_unlock(&lock);
}

/* ---- which one a thread is in ---- */

/* CPU time so far is the old one's. */
static void enter(struct pp_sig_thread *thread, uint64_t key, uint64_t cpu_ns)
{
    struct pp_sig_span *before =
        pp_sig_span_of(atomic_load_explicit(&thread->span, memory_order_relaxed));

    if (before != NULL)
        atomic_fetch_add_explicit(&before->cpu_ns, cpu_ns - thread->span_cpu_ns,
                                  memory_order_relaxed);
    thread->span_cpu_ns = cpu_ns;
    pp_sig_thread_note_change(thread);
    atomic_store_explicit(&thread->span, key, memory_order_release);
}

static void clear(struct pp_sig_span *span)
{
    atomic_store_explicit(&span->record, 0, memory_order_relaxed);
    atomic_store_explicit(&span->n_samples, 0, memory_order_relaxed);
    atomic_store_explicit(&span->cpu_ns, 0, memory_order_relaxed);
    for (uint32_t i = 0; i < PP_N_HOT_PCS; i++) {
        atomic_store_explicit(&span->hot_pcs[i], 0, memory_order_relaxed);
        atomic_store_explicit(&span->hot_counts[i], 0, memory_order_relaxed);
    }
}

int pp_span_begin(struct pp_sig_thread *thread, const uint8_t trace_id[16],
                  const uint8_t span_id[8], uint32_t name)
{
    struct pp_sig_span *span;
    uint32_t generation;
    int64_t index;

    (void)pthread_mutex_lock(&lock);
    index = take();
    (void)pthread_mutex_unlock(&lock);
    if (index < 0)
        return (int)index;
    span = &atomic_load(&pp_sig_spans)[index - 1];
    clear(span);
    memcpy(span->trace_id, trace_id, sizeof span->trace_id);
    memcpy(span->span_id, span_id, sizeof span->span_id);
    span->name = name;
    span->parent = atomic_load_explicit(&thread->span, memory_order_relaxed);
    span->tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    span->begin_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
    span->begin_cpu_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    generation = atomic_fetch_add_explicit(&span->generation, 1, memory_order_release) + 1;
    enter(thread, (uint64_t)generation << 32 | (uint32_t)index, span->begin_cpu_ns);
    return 0;
}

int pp_span_end(struct pp_sig_thread *thread, struct pp_sig_span *ended_out,
                struct pp_span_times *times_out)
{
    struct pp_sig_span *parent,
        *span = pp_sig_span_of(atomic_load_explicit(&thread->span, memory_order_relaxed));
    const uint64_t cpu_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);

    if (span == NULL || span->tid != atomic_load_explicit(&thread->tid, memory_order_relaxed))
        return -ESRCH;
    enter(thread, span->parent, cpu_ns);
    parent = pp_sig_span_of(span->parent);
    if (parent != NULL) /* what it used its parent did, too */
        atomic_fetch_add_explicit(&parent->cpu_ns,
                                  atomic_load_explicit(&span->cpu_ns, memory_order_relaxed),
                                  memory_order_relaxed);
    *times_out = (struct pp_span_times){pp_sig_clock_ns(CLOCK_MONOTONIC) - span->begin_ns,
                                        cpu_ns - span->begin_cpu_ns};
    memcpy(ended_out, span, sizeof *span);
    give_back(span);
    return 0;
}

void pp_span_move(struct pp_sig_thread *thread, uint64_t key)
{
    const uint64_t to = pp_sig_span_of(key) != NULL ? key : 0;

    if (to != atomic_load_explicit(&thread->span, memory_order_relaxed))
        enter(thread, to, pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID));
}

/* ---- for readers ---- */

void pp_spans_publish(struct pp_session *session)
{
    struct pp_rec_table *table = &session->header->spans;
    const uint32_t n_items = atomic_load_explicit(&table->n_items, memory_order_relaxed);
    const uint32_t n_wanted =
        atomic_load_explicit(&session->header->n_spans, memory_order_relaxed) == 0
            ? PP_REC_FIRST_SPANS
            : PP_REC_N_SPANS;

    if (n_items < n_wanted && pp_table_reserve(&session->file, table, n_wanted) == 0)
        atomic_store_explicit(&table->n_items, n_wanted, memory_order_release);
}

void pp_spans_forget_parent(void)
{
    struct pp_sig_span *span = pp_sig_self == NULL ? NULL : pp_sig_span_of(pp_sig_self->span);

    (void)pthread_mutex_init(&lock, NULL);
    for (; span != NULL; span = pp_sig_span_of(span->parent)) /* whose thread has a new number */
        span->tid = pp_sig_gettid();
}
