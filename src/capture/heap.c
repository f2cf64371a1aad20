/* Heap profiling of a session.  All but pp_heap_prepare() and pp_heap_begin_here() is the helper
 * thread's. */
#include "capture/heap.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "capture/allocator.h"
#include "capture/heap_exec.h"
#include "capture/heap_history.h"
#include "capture/heap_live.h"
#include "capture/heap_mappings.h"
#include "capture/heap_memory.h"
#include "capture/hook_heap.h"
#include "capture/session.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/heap.h"
#include "sigsafe/heap_sites.h"
#include "sigsafe/heap_usable.h"
#include "sigsafe/store.h"
#include "sigsafe/syscall.h"

enum {
    FIRST_SITES = 256,
    FIRST_FRAMES = 8192,
    FIRST_EXACT = 8, /* times that, where every call comes with its stack at once */
    COUNT_INTERVAL_NS = 100 * 1000 * 1000, /* between two sums over all threads */
};

static const uint64_t MEASURE_INTERVAL_NS = UINT64_C(2) * 1000 * 1000 * 1000;

/* ---- on and off ---- */

int pp_heap_prepare(void)
{
    return pp_heap_memory_make();
}

static void set_off(void)
{
    pp_sig_heap_usable_end();
    atomic_store(&pp_sig_heap.mode, PP_HEAP_OFF);
    atomic_fetch_add(&pp_sig_heap.session, 1);
    pp_heap_filter_clear();
}

static _Atomic bool are_ghosts_expected;

void pp_heap_expect_ghosts(void)
{
    atomic_store(&are_ghosts_expected, true);
    atomic_store(&pp_sig_heap.has_ghosts, 1);
}

static void set_on(uint64_t interval_bytes)
{
    const bool is_exact = interval_bytes <= 1;

    atomic_store(&pp_sig_heap.interval_bytes, interval_bytes);
    atomic_store(&pp_sig_heap.has_ghosts, !pp_heap_is_interposed || are_ghosts_expected);
    atomic_store(&pp_sig_heap.mode, is_exact ? PP_HEAP_EXACT : PP_HEAP_SAMPLED);
    atomic_fetch_add(&pp_sig_heap.session, 1);
}

void pp_heap_begin_here(void)
{
    struct pp_sig_heap_thread *self = pp_sig_heap_thread_mine();

    if (self != NULL)
        pp_sig_heap_consume(self, 0);
}

static int make_tables(struct pp_session *session, bool is_exact)
{
    struct pp_rec_heap *heap = &session->header->heap;
    const uint32_t times = is_exact ? FIRST_EXACT : 1;
    struct pp_rec_site *folded;
    uint64_t *frame;

    if (session->settings.heap_lifetimes) {
        pp_table_init(&heap->lifetimes, sizeof(struct pp_rec_lifetimes), times * FIRST_SITES);
        if (pp_table_reserve(&session->file, &heap->lifetimes, 1) != 0)
            return -ENOSPC;
        atomic_store(&heap->lifetimes.n_items, 1);
    }
    pp_table_init(&heap->sites, sizeof(struct pp_rec_site), times * FIRST_SITES);
    pp_table_init(&heap->frames, sizeof(uint64_t), times * FIRST_FRAMES);
    if (pp_table_reserve(&session->file, &heap->sites, 1) != 0 ||
        pp_table_reserve(&session->file, &heap->frames, 1) != 0)
        return -ENOSPC;
    frame = pp_sig_table_item(session->header, &heap->frames, 0);
    *frame = PP_PC_FOLDED;
    folded = pp_sig_heap_site_at(session->header, PP_SITE_FOLDED);
    folded->n_frames = 1;
    atomic_store(&heap->frames.n_items, 1);
    atomic_store(&heap->sites.n_items, 1);
    atomic_store(&folded->hash, 1);
    return 0;
}

static void clear_counts(struct pp_sig_heap_thread *thread)
{
    thread->n_allocs = thread->n_frees = thread->n_reallocs = 0;
    thread->usable_allocated_bytes = thread->usable_freed_bytes = 0;
    thread->drawn = thread->left;
    atomic_store_explicit(&thread->record, 0, memory_order_relaxed);
}

/* What was counted before this session is none of its business. */
static void forget_counts(void)
{
    struct pp_sig_heap_thread *thread;

    atomic_store(&pp_sig_heap.n_allocs, 0);
    atomic_store(&pp_sig_heap.n_frees, 0);
    atomic_store(&pp_sig_heap.n_reallocs, 0);
    atomic_store(&pp_sig_heap.requested_bytes, 0);
    atomic_store(&pp_sig_heap.usable_allocated_bytes, 0);
    atomic_store(&pp_sig_heap.usable_freed_bytes, 0);
    atomic_store(&pp_sig_heap.n_unfollowed, 0);
    atomic_store(&pp_sig_heap.unfollowed_bytes, 0);
    for (uint32_t i = 0; (thread = pp_sig_heap_thread_at(i)) != NULL; i++)
        clear_counts(thread);
}

int pp_heap_begin(struct pp_session *session, struct pprofc_error *err)
{
    struct pp_rec_heap *heap = &session->header->heap;
    const uint64_t interval_bytes = session->settings.heap_interval_bytes;

    if (make_tables(session, interval_bytes <= 1) != 0)
        return pp_fail(err, -ENOSPC, 0, "no room for the heap's sites in shared memory");
    pp_heap_memory_clear(interval_bytes);
    forget_counts();
    atomic_store(&heap->interval_bytes, interval_bytes);
    atomic_store(&heap->mode, interval_bytes <= 1 ? PP_HEAP_EXACT : PP_HEAP_SAMPLED);
    if (session->settings.heap_follows_peak) {
        atomic_store(&heap->peak_mark, 1);
        atomic_store(&pp_sig_heap.live_bytes, 0);
        atomic_store(&pp_sig_heap.peak_bytes, 0);
    }
    atomic_store(&pp_sig_heap.follows_peak, session->settings.heap_follows_peak);
    if (pp_heap_blind_spot() != NULL)
        pp_session_message(session->header, "%s", pp_heap_blind_spot());
    atomic_store(&heap->options,
                 (session->settings.heap_usable ? PP_HEAP_COUNTS_USABLE : 0U) |
                     (session->settings.heap_lifetimes ? PP_HEAP_KEEPS_LIFETIMES : 0U));
    atomic_store(&pp_sig_heap.keeps_lifetimes, session->settings.heap_lifetimes);
    if (session->settings.heap_usable)
        pp_sig_heap_usable_begin();
    set_on(interval_bytes);
    pp_heap_mappings_begin(session);
    return 0;
}

int pp_heap_set_interval(struct pp_session *session, uint64_t interval_bytes)
{
    const uint64_t now = atomic_load(&pp_sig_heap.interval_bytes);

    if ((session->settings.kinds & PPROFC_KIND_HEAP) == 0)
        return -ESRCH;
    if (interval_bytes == 0 || interval_bytes > UINT32_MAX)
        return -ERANGE;
    if ((now <= 1) != (interval_bytes <= 1))
        return -ENOTSUP;
    atomic_store(&pp_sig_heap.interval_bytes, interval_bytes);
    atomic_store(&session->header->heap.interval_bytes, interval_bytes);
    return 0;
}

/* ---- counts ---- */

static bool is_gone(int32_t tid)
{
    return syscall(SYS_tgkill, getpid(), tid, 0) != 0 && errno == ESRCH;
}

/* Counts that are just being moved are read again. */
static _Atomic uint32_t n_moves;

/* Of a thread that is gone: what it counted is kept, and its block is free. */
static void retire(struct pp_sig_heap_thread *thread)
{
    atomic_fetch_add(&n_moves, 1);
    atomic_fetch_add(&pp_sig_heap.n_allocs, thread->n_allocs);
    atomic_fetch_add(&pp_sig_heap.n_frees, thread->n_frees);
    atomic_fetch_add(&pp_sig_heap.n_reallocs, thread->n_reallocs);
    atomic_fetch_add(&pp_sig_heap.requested_bytes, thread->drawn - thread->left);
    atomic_fetch_add(&pp_sig_heap.usable_allocated_bytes, thread->usable_allocated_bytes);
    atomic_fetch_add(&pp_sig_heap.usable_freed_bytes, thread->usable_freed_bytes);
    thread->left = 0;
    clear_counts(thread);
    thread->busy = thread->n_freeing = 0;
    thread->thread = NULL;
    thread->resized = NULL;
    atomic_store_explicit(&thread->session, 0, memory_order_relaxed);
    atomic_fetch_add(&n_moves, 1);
    atomic_store_explicit(&thread->tid, 0, memory_order_release);
}

static void add_counts(struct pp_heap_counts *sum, const struct pp_sig_heap_thread *thread)
{
    sum->n_allocs += thread->n_allocs;
    sum->n_frees += thread->n_frees;
    sum->n_reallocs += thread->n_reallocs;
    sum->requested_bytes += thread->drawn - thread->left;
    sum->usable_allocated_bytes += thread->usable_allocated_bytes;
    sum->usable_freed_bytes += thread->usable_freed_bytes;
}

static void count_all(struct pp_heap_counts *all_out)
{
    const struct pp_sig_heap_thread *thread;

    *all_out = (struct pp_heap_counts){
        .n_allocs = atomic_load(&pp_sig_heap.n_allocs),
        .n_frees = atomic_load(&pp_sig_heap.n_frees),
        .n_reallocs = atomic_load(&pp_sig_heap.n_reallocs),
        .requested_bytes = atomic_load(&pp_sig_heap.requested_bytes),
        .usable_allocated_bytes = atomic_load(&pp_sig_heap.usable_allocated_bytes),
        .usable_freed_bytes = atomic_load(&pp_sig_heap.usable_freed_bytes),
    };
    for (uint32_t i = 0; (thread = pp_sig_heap_thread_at(i)) != NULL; i++)
        if (atomic_load_explicit(&thread->tid, memory_order_acquire) != 0)
            add_counts(all_out, thread);
}

void pp_heap_count(struct pp_heap_counts *all_out, struct pp_heap_counts *own_out)
{
    uint32_t before;

    do {
        before = atomic_load(&n_moves);
        count_all(all_out);
        atomic_thread_fence(memory_order_acquire);
    } while (before % 2 != 0 || before != atomic_load(&n_moves));
    *own_out = (struct pp_heap_counts){.n_allocs = 0};
    if (pp_sig_heap_self != NULL)
        add_counts(own_out, pp_sig_heap_self);
}

/* Which thread of the recording's this is: by its block while it lives, and kept for the counts of
 * its last tenth of a second. */
static uint32_t record_of(struct pp_sig_heap_thread *counts, const struct pp_sig_thread *thread)
{
    const uint32_t known = atomic_load_explicit(&counts->record, memory_order_relaxed);

    if (known != 0 || thread == NULL ||
        atomic_load_explicit(&thread->session, memory_order_relaxed) !=
            atomic_load_explicit(&pp_sig_gate->session, memory_order_relaxed))
        return known;
    atomic_store_explicit(&counts->record,
                          atomic_load_explicit(&thread->record, memory_order_relaxed),
                          memory_order_relaxed);
    return atomic_load_explicit(&counts->record, memory_order_relaxed);
}

/* False: the thread is none that is known, and may be gone. */
static bool tell_thread(struct pp_session *session, int32_t tid, struct pp_sig_heap_thread *counts)
{
    const struct pp_sig_thread *thread = pp_sig_thread_find(tid);
    const uint32_t record = record_of(counts, thread);
    struct pp_rec_thread *slot = NULL;

    if (record > 1) /* the first is [other threads] */
        slot = pp_sig_table_item(session->header, &session->header->threads, record - 1);
    if (slot != NULL) {
        atomic_store_explicit(&slot->n_allocs, counts->n_allocs, memory_order_relaxed);
        atomic_store_explicit(&slot->n_reallocs, counts->n_reallocs, memory_order_relaxed);
        atomic_store_explicit(&slot->n_frees, counts->n_frees, memory_order_relaxed);
        atomic_store_explicit(&slot->requested_bytes, counts->drawn - counts->left,
                              memory_order_relaxed);
        atomic_store_explicit(&slot->usable_allocated_bytes, counts->usable_allocated_bytes,
                              memory_order_relaxed);
        atomic_store_explicit(&slot->usable_freed_bytes, counts->usable_freed_bytes,
                              memory_order_relaxed);
    }
    return thread != NULL;
}

/* Where not every allocation is followed, one loss stands for as many bytes as one sample does. */
static void count_unfollowed(struct pp_rec_header *header)
{
    const uint64_t interval_bytes = atomic_load(&pp_sig_heap.interval_bytes);
    const uint64_t n_bytes = atomic_load(&pp_sig_heap.unfollowed_bytes);
    const uint64_t n_whole = interval_bytes > 1 ? n_bytes / interval_bytes : 0;

    atomic_fetch_sub(&pp_sig_heap.unfollowed_bytes, n_whole * interval_bytes);
    atomic_fetch_add(&header->losses[PP_LOSS_HEAP_OBJECT],
                     n_whole + atomic_exchange(&pp_sig_heap.n_unfollowed, 0));
}

/* What threads have counted, for readers; and blocks of threads that are gone become free.  Only
 * for those that the thread table does not know the kernel is asked. */
static void sum_up(struct pp_session *session)
{
    struct pp_rec_heap *heap = &session->header->heap;
    struct pp_sig_heap_thread *thread;
    struct pp_heap_counts all;

    if (pp_heap_is_settled(session->header))
        return;
    for (uint32_t i = 0; (thread = pp_sig_heap_thread_at(i)) != NULL; i++) {
        const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_acquire);
        if (tid == 0)
            continue;
        if (!tell_thread(session, tid, thread) && is_gone(tid))
            retire(thread);
    }
    count_unfollowed(session->header);
    count_all(&all);
    if (pp_heap_is_settled(session->header))
        return;
    atomic_store(&heap->n_allocs, all.n_allocs);
    atomic_store(&heap->n_frees, all.n_frees);
    atomic_store(&heap->n_reallocs, all.n_reallocs);
    atomic_store(&heap->requested_bytes, all.requested_bytes);
    pp_heap_mappings_sum_up(session);
    atomic_store(&heap->usable_allocated_bytes, all.usable_allocated_bytes);
    atomic_store(&heap->usable_freed_bytes, all.usable_freed_bytes);
}

/* ---- the allocator's figures ---- */

/* Asking takes memory now and then (dlsym() does for what is not there): that is in no count, and
 * in no profile of the program's. */
static void measure(struct pp_session *session)
{
    struct pp_sig_heap_thread *self = pp_sig_heap_thread_mine(), before;

    if (self != NULL) {
        before = *self;
        pp_sig_guard++;
    }
    pp_allocator_measure(&session->header->heap);
    pp_heap_live_measure(session->header);
    if (self != NULL) {
        pp_sig_guard--;
        self->n_allocs = before.n_allocs;
        self->n_frees = before.n_frees;
        self->n_reallocs = before.n_reallocs;
        self->usable_allocated_bytes = before.usable_allocated_bytes;
        self->usable_freed_bytes = before.usable_freed_bytes;
        self->drawn = before.drawn;
        self->left = before.left;
    }
}

/* ---- the helper's turns ---- */

static void make_room(struct pp_session *session)
{
    struct pp_rec_heap *heap = &session->header->heap;
    const uint32_t n_sites = atomic_load(&heap->sites.n_items);
    const uint32_t n_frames = atomic_load(&heap->frames.n_items);
    const uint32_t n_ahead = n_sites + n_sites / 2 + PP_SITES_AHEAD + 1;

    atomic_store(&pp_sig_heap_wants_room, 0);
    /* Lifetimes first: no site without a place for them. */
    if (heap->lifetimes.item_bytes == 0 ||
        pp_table_reserve(&session->file, &heap->lifetimes, n_ahead) == 0)
        (void)pp_table_reserve(&session->file, &heap->sites, n_ahead);
    (void)pp_table_reserve(&session->file, &heap->frames,
                           n_frames + n_frames / 2 + PP_FRAMES_AHEAD + 1);
}

void pp_heap_turn(struct pp_session *session, uint64_t now_ns)
{
    if ((session->settings.kinds & PPROFC_KIND_HEAP) == 0)
        return;
    if (atomic_load_explicit(&pp_sig_heap_wants_room, memory_order_relaxed) != 0)
        make_room(session);
    session->has_heap_counts_left = true;
    if (now_ns < session->next_heap_count_ns)
        return;
    session->next_heap_count_ns = now_ns + COUNT_INTERVAL_NS;
    (void)pp_heap_blocks_tend();
    sum_up(session);
    session->has_heap_counts_left = false;
    pp_heap_history_tend(session, now_ns);
}

void pp_heap_doze(struct pp_session *session)
{
    if (!session->has_heap_counts_left)
        return;
    session->has_heap_counts_left = false;
    sum_up(session);
}

/* What following costs in memory: tables of ours. */
static void measure_cost(struct pp_session *session)
{
    struct pp_rec_heap *heap = &session->header->heap;
    const uint32_t n_sites = atomic_load_explicit(&heap->sites.n_items, memory_order_acquire);

    atomic_store(&heap->tables_bytes,
                 pp_heap_memory_bytes() + pp_heap_mappings_bytes() +
                     n_sites * sizeof(struct pp_rec_site) +
                     atomic_load(&heap->lifetimes.n_items) * sizeof(struct pp_rec_lifetimes) +
                     atomic_load(&heap->frames.n_items) * sizeof(uint64_t));
}

void pp_heap_settle(struct pp_session *session)
{
    if ((session->settings.kinds & PPROFC_KIND_HEAP) == 0)
        return;
    sum_up(session);
    measure_cost(session);
    pp_heap_history_ages(session);
}

void pp_heap_measure(struct pp_session *session)
{
    if (session->header != NULL && (session->settings.kinds & PPROFC_KIND_HEAP) != 0 &&
        !pp_allocator_is_barred())
        measure(session);
}

void pp_heap_measure_by_helper(struct pp_session *session)
{
    const uint64_t now_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);

    if ((session->settings.kinds & PPROFC_KIND_HEAP) == 0 || now_ns < session->next_heap_measure_ns)
        return;
    /* A thread may sit in a signal handler that came upon the allocator's lock, for ever. */
    atomic_store(&session->asking_since_ns, now_ns);
    measure(session);
    atomic_store(&session->asking_since_ns, 0);
    session->next_heap_measure_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) + MEASURE_INTERVAL_NS;
}

void pp_heap_end(struct pp_session *session)
{
    if ((session->settings.kinds & PPROFC_KIND_HEAP) == 0)
        return;
    pp_heap_settle(session);
    pp_heap_history_last(session);
    pp_heap_mappings_end();
    set_off();
}

void pp_heap_forget_parent(void)
{
    struct pp_sig_heap_thread *self = pp_sig_heap_self, *thread;

    for (uint32_t i = 0; (thread = pp_sig_heap_thread_at(i)) != NULL; i++) {
        clear_counts(thread);
        thread->busy = thread->n_freeing = 0;
        if (thread != self)
            atomic_store(&thread->tid, 0);
    }
    if (self != NULL)
        atomic_store(&self->tid, pp_sig_gettid());
    atomic_store(&pp_sig_heap.objects.current, pp_sig_heap.objects.first);
    atomic_store(&pp_sig_heap.sites.current, 0);
    atomic_store(&pp_sig_heap_wants_room, 0);
    pp_heap_mappings_forget_parent();
    if (atomic_load(&pp_sig_heap.mode) != PP_HEAP_OFF)
        set_off();
}
