/* Heap profiling within malloc and free: what is done when a sample is due, and for objects that
 * are followed. */
#include "sigsafe/heap.h"

#include <stddef.h>

#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/heap_account.h"
#include "sigsafe/heap_draw.h"
#include "sigsafe/heap_filter.h"
#include "sigsafe/heap_sites.h"
#include "sigsafe/heap_text.h"
#include "sigsafe/scratch.h"
#include "sigsafe/store.h"
#include "sigsafe/syscall.h"

enum {
    RESIZE_SHARE = 64, /* a site is told when an object's size has changed by this part of it */
};

struct pp_sig_heap pp_sig_heap;
_Atomic(struct pp_sig_heap_thread *) pp_sig_heap_blocks[PP_HEAP_N_BLOCKS];
PP_SIG_TLS struct pp_sig_heap_thread *pp_sig_heap_self;
static const struct pp_sig_heap_thread nobody = {.left = 0};
PP_SIG_TLS struct pp_sig_heap_thread *pp_sig_heap_counting = (struct pp_sig_heap_thread *)&nobody;

/* ---- threads ---- */

struct pp_sig_heap_thread *pp_sig_heap_thread_at(uint32_t index)
{
    uint32_t n_in_block = PP_HEAP_FIRST_BLOCK;

    for (uint32_t block = 0; block < PP_HEAP_N_BLOCKS; block++, n_in_block *= 2) {
        if (index < n_in_block) {
            struct pp_sig_heap_thread *threads =
                atomic_load_explicit(&pp_sig_heap_blocks[block], memory_order_acquire);
            return threads == NULL ? NULL : &threads[index];
        }
        index -= n_in_block;
    }
    return NULL;
}

/* The helper sets tid to 0 when it has taken what a thread that is gone has counted. */
static struct pp_sig_heap_thread *claim(int32_t tid)
{
    static _Atomic uint32_t next;
    const uint32_t first = atomic_load_explicit(&next, memory_order_relaxed);
    struct pp_sig_heap_thread *thread;

    for (int round = 0; round < 2; round++)
        for (uint32_t i = round == 0 ? first : 0;
             (thread = pp_sig_heap_thread_at(i)) != NULL && (round == 0 || i < first); i++) {
            int32_t expected = 0;
            if (atomic_load_explicit(&thread->tid, memory_order_relaxed) == 0 &&
                atomic_compare_exchange_strong_explicit(
                    &thread->tid, &expected, tid, memory_order_acquire, memory_order_relaxed)) {
                atomic_store_explicit(&next, i + 1, memory_order_relaxed);
                return thread;
            }
        }
    return NULL;
}

struct pp_sig_heap_thread *pp_sig_heap_thread_mine(void)
{
    struct pp_sig_heap_thread *thread = pp_sig_heap_self;
    const int32_t tid = thread == NULL ? pp_sig_gettid() : 0;

    if (thread != NULL || (thread = claim(tid)) == NULL)
        return thread;
    thread->random = pp_sig_clock_ns(CLOCK_MONOTONIC) ^ (uint64_t)(uint32_t)tid << 40 ^
                     (uint64_t)(uintptr_t)thread;
    for (int i = 0; i < 4; i++) /* neighbours differ in few bits at first */
        (void)pp_sig_heap_random(&thread->random);
    pp_sig_heap_self = pp_sig_heap_counting = thread;
    return thread;
}

/* ---- draws ---- */

static uint64_t next_left(struct pp_sig_heap_thread *self)
{
    switch (atomic_load_explicit(&pp_sig_heap.mode, memory_order_acquire)) {
    case PP_HEAP_SAMPLED:
        self->interval_bytes =
            atomic_load_explicit(&pp_sig_heap.interval_bytes, memory_order_relaxed);
        return pp_sig_heap_draw(self->interval_bytes, pp_sig_heap_random(&self->random));
    case PP_HEAP_EXACT:
        self->interval_bytes = 1;
        return 0;
    default:
        return PP_HEAP_OFF_BYTES;
    }
}

void pp_sig_heap_consume(struct pp_sig_heap_thread *self, uint64_t n_bytes)
{
    const uint32_t session = atomic_load_explicit(&pp_sig_heap.session, memory_order_acquire);
    const uint32_t drawn_by = (uint32_t)self->interval_bytes;
    const uint64_t left = next_left(self);

    self->sample_interval_bytes = drawn_by;
    self->drawn += n_bytes + left - self->left;
    self->left = left;
    atomic_store_explicit(&self->session, session, memory_order_relaxed);
}

int pp_sig_heap_samples(const struct pp_sig_heap_thread *self)
{
    return atomic_load_explicit(&pp_sig_heap.mode, memory_order_relaxed) != PP_HEAP_OFF &&
           atomic_load_explicit(&self->session, memory_order_relaxed) ==
               atomic_load_explicit(&pp_sig_heap.session, memory_order_relaxed) &&
           self->busy == 0 && pp_sig_guard == 0;
}

static void count_unfollowed(size_t n_bytes)
{
    const uint32_t mode = atomic_load_explicit(&pp_sig_heap.mode, memory_order_relaxed);

    if (mode == PP_HEAP_OFF)
        return;
    atomic_fetch_add_explicit(&pp_sig_heap.requested_bytes, n_bytes, memory_order_relaxed);
    if (mode == PP_HEAP_EXACT)
        atomic_fetch_add_explicit(&pp_sig_heap.n_unfollowed, 1, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&pp_sig_heap.unfollowed_bytes, n_bytes, memory_order_relaxed);
}

int pp_sig_heap_is_due(struct pp_sig_heap_thread *self, size_t n_bytes)
{
    if (self == NULL) {
        count_unfollowed(n_bytes);
        return 0;
    }
    if (atomic_load_explicit(&self->session, memory_order_relaxed) !=
        atomic_load_explicit(&pp_sig_heap.session, memory_order_acquire))
        pp_sig_heap_consume(self, 0); /* a draw of other settings */
    if (n_bytes < self->left) {
        self->left -= n_bytes;
        return 0;
    }
    pp_sig_heap_consume(self, n_bytes);
    if (self->busy != 0) /* a signal handler that came upon us in here */
        atomic_fetch_add_explicit(&pp_sig_heap.n_unfollowed, 1, memory_order_relaxed);
    return pp_sig_heap_samples(self);
}

/* ---- objects that are followed ---- */

/* An address that is known already: whoever freed that object did it behind our back. */
static void bury_ghost(struct pp_rec_header *header, const void *object)
{
    struct pp_sig_heap_object ghost;

    if (!pp_sig_heap_map_take(&pp_sig_heap.objects, (uint64_t)(uintptr_t)object, &ghost))
        return;
    atomic_fetch_add_explicit(&header->heap.n_ghosts, 1, memory_order_relaxed);
    pp_sig_heap_filter_take(object);
    pp_sig_heap_count_freed(header, &ghost);
}

static int is_exact(void)
{
    return atomic_load_explicit(&pp_sig_heap.mode, memory_order_relaxed) == PP_HEAP_EXACT;
}

/* Whether an address that comes may be known: where every object is followed that is looked for
 * only when some frees go unseen. */
static int may_be_ghost(void)
{
    return !is_exact() || atomic_load_explicit(&pp_sig_heap.has_ghosts, memory_order_relaxed) != 0;
}

/* Count it at its site and put it into the map. */
static void follow(struct pp_rec_header *header, const void *object,
                   const struct pp_sig_heap_object *known)
{
    if (!pp_sig_heap_count_allocated(header, known))
        return;
    if (pp_sig_heap_map_put(&pp_sig_heap.objects, (uint64_t)(uintptr_t)object, known)) {
        pp_sig_heap_filter_put(object);
        return;
    }
    /* Allocated for sure; whether it still is nobody will know. */
    pp_sig_heap_count_freed(header, known);
    pp_sig_count_loss(header, PP_LOSS_HEAP_OBJECT);
}

/* What is written of 'object' after the walk, which takes as long as memory does. */
static void fetch_early(const void *object)
{
    __builtin_prefetch((const void *)&pp_sig_heap.filter[pp_sig_heap_place_of(object)], 1);
    pp_sig_heap_map_fetch(&pp_sig_heap.objects, (uint64_t)(uintptr_t)object);
}

PP_HEAP_TEXT void pp_sig_heap_note(struct pp_sig_heap_thread *self, void *object, size_t size_bytes,
                                   const struct pp_sig_arch_registers *registers)
{
    struct pp_sig_heap_object known;
    struct pp_sig_thread *thread;
    struct pp_rec_header *header;

    self->busy++;
    header = pp_sig_heap_enter(self, &thread);
    if (header != NULL) {
        if (atomic_load_explicit(&pp_sig_gate->is_paused, memory_order_relaxed) == 0 &&
            atomic_load_explicit(&thread->ignored, memory_order_relaxed) == 0) {
            fetch_early(object);
            known = pp_sig_heap_describe(size_bytes, self->sample_interval_bytes,
                                         pp_sig_heap_site_here(header, thread, registers, 0));
            if (may_be_ghost() && pp_sig_heap_may_know(object))
                bury_ghost(header, object);
            follow(header, object, &known);
        }
        pp_sig_heap_leave(thread);
    } else {
        atomic_fetch_add_explicit(&pp_sig_heap.n_unfollowed, 1, memory_order_relaxed);
    }
    self->busy--;
}

int pp_sig_heap_forget(struct pp_sig_heap_thread *self, const void *object)
{
    const uint64_t death_ns = pp_sig_heap_death_ns();
    struct pp_sig_heap_object known;
    struct pp_sig_thread *thread;
    struct pp_rec_header *header;
    int was_followed = 0;

    if (!is_exact()) /* else its neighbours have been there just now */
        pp_sig_heap_map_fetch(&pp_sig_heap.objects, (uint64_t)(uintptr_t)object);
    header = pp_sig_heap_enter(self, &thread);
    if (object == self->resized) /* what comes to lie there is another object */
        self->resized = NULL;
    if (header == NULL)
        return 0;
    if (pp_sig_heap_map_take(&pp_sig_heap.objects, (uint64_t)(uintptr_t)object, &known)) {
        pp_sig_heap_filter_take(object);
        pp_sig_heap_count_freed(header, &known);
        pp_sig_heap_count_lifetime(header, &known, death_ns);
        was_followed = 1;
    }
    pp_sig_heap_leave(thread);
    return was_followed;
}

/* ---- objects that grow and shrink ---- */

PP_HEAP_TEXT void pp_sig_heap_return(struct pp_sig_heap_thread *self, const void *object,
                                     size_t size_bytes, struct pp_sig_heap_object *known,
                                     const struct pp_sig_arch_registers *registers)
{
    struct pp_sig_thread *thread;
    struct pp_rec_header *header = pp_sig_heap_enter(self, &thread);
    int is_followed = 1;

    self->resized = NULL;
    if (header == NULL)
        return;
    self->busy++;
    if (size_bytes > known->size_bytes)
        pp_sig_heap_grow(header, thread, known, size_bytes, registers);
    else if (size_bytes < known->size_bytes)
        is_followed = pp_sig_heap_shrink(header, self, known, size_bytes);
    if (is_followed) {
        if (pp_sig_heap_map_put(&pp_sig_heap.objects, (uint64_t)(uintptr_t)object, known)) {
            pp_sig_heap_filter_put(object);
            self->resized = self->interval_bytes >= PP_HEAP_RESIZED_FROM_BYTES ? object : NULL;
            self->resized_least = known->size_bytes - known->size_bytes / RESIZE_SHARE;
            self->resized_range = known->size_bytes / RESIZE_SHARE * 2;
        } else {
            pp_sig_heap_count_freed(header, known);
            pp_sig_count_loss(header, PP_LOSS_HEAP_OBJECT);
        }
    }
    self->busy--;
    pp_sig_heap_leave(thread);
}

int pp_sig_heap_take(const void *object, struct pp_sig_heap_object *known_out)
{
    if (!pp_sig_heap_map_take(&pp_sig_heap.objects, (uint64_t)(uintptr_t)object, known_out))
        return 0;
    pp_sig_heap_filter_take(object);
    return 1;
}
