/* The calls of heap_calls.h.  What is not sampled jumps on to the allocator and leaves no frame. */
#include "sigsafe/heap_calls.h"

#include <stdint.h>
#include <string.h>

#include "sigsafe/heap.h"
#include "sigsafe/heap_filter.h"
#include "sigsafe/heap_text.h"

/* In assembly: they call pp_sig_*_slowly() with the registers of the calling function. */
PP_SIG void *pp_sig_malloc_entry(size_t n_bytes);
PP_SIG void *pp_sig_calloc_entry(size_t n_bytes);
PP_SIG void *pp_sig_realloc_entry(void *object, size_t n_bytes);
PP_SIG void *pp_sig_malloc_slowly(size_t n_bytes, const struct pp_sig_arch_registers *registers);
PP_SIG void *pp_sig_calloc_slowly(size_t n_bytes, const struct pp_sig_arch_registers *registers);
PP_SIG void *pp_sig_realloc_slowly(void *object, size_t n_bytes,
                                   const struct pp_sig_arch_registers *registers);

#define LIKELY(x) __builtin_expect((x) != 0, 1)

/* The preload has one that finds the allocator when it is first called. */
__attribute__((weak)) struct pp_sig_allocator pp_sig_allocator;

static int is_off(void)
{
    return atomic_load_explicit(&pp_sig_heap.mode, memory_order_relaxed) == PP_HEAP_OFF;
}

/* ---- allocating ---- */

/* The block of the calling thread, which has just made a call of this kind; NULL: counted
 * elsewhere. */
static struct pp_sig_heap_thread *count_first(size_t offset, _Atomic uint64_t *elsewhere)
{
    struct pp_sig_heap_thread *self = pp_sig_heap_self;

    if (self == NULL && is_off()) /* nobody asks, and a claim is a system call */
        return NULL;
    self = pp_sig_heap_thread_mine();
    if (self != NULL)
        ++*(uint64_t *)((char *)self + offset);
    else
        atomic_fetch_add_explicit(elsewhere, 1, memory_order_relaxed);
    return self;
}

#define COUNT_FIRST(counter) \
    count_first(offsetof(struct pp_sig_heap_thread, counter), &pp_sig_heap.counter)

/* What the allocator said, 'n_bytes' being counted already: those of NULL are not. */
PP_HEAP_TEXT static void *answer(struct pp_sig_heap_thread *self, void *object, size_t n_bytes)
{
    if (object == NULL && self != NULL)
        self->drawn -= n_bytes;
    return object;
}

/* The same of a sampled one. */
PP_HEAP_TEXT static void *note(struct pp_sig_heap_thread *self, void *object, size_t n_bytes,
                               const struct pp_sig_arch_registers *registers)
{
    if (object != NULL)
        pp_sig_heap_note(self, object, n_bytes, registers);
    return answer(self, object, n_bytes);
}

PP_HEAP_TEXT void *pp_sig_malloc_slowly(size_t n_bytes,
                                        const struct pp_sig_arch_registers *registers)
{
    struct pp_sig_heap_thread *self =
        pp_sig_heap_self != NULL ? pp_sig_heap_self : COUNT_FIRST(n_allocs);

    return pp_sig_heap_is_due(self, n_bytes)
               ? note(self, pp_sig_allocator.malloc(n_bytes), n_bytes, registers)
               : answer(self, pp_sig_allocator.malloc(n_bytes), n_bytes);
}

PP_HEAP_TEXT void *pp_sig_malloc(size_t n_bytes)
{
    struct pp_sig_heap_thread *self = pp_sig_heap_counting;

    if (LIKELY(n_bytes < self->left)) {
        self->left -= n_bytes;
        self->n_allocs++;
        return pp_sig_allocator.malloc(n_bytes);
    }
    if (pp_sig_heap_self != NULL)
        self->n_allocs++;
    else if (is_off())
        return pp_sig_allocator.malloc(n_bytes);
    return pp_sig_malloc_entry(n_bytes);
}

PP_HEAP_TEXT void *pp_sig_calloc_slowly(size_t n_bytes,
                                        const struct pp_sig_arch_registers *registers)
{
    struct pp_sig_heap_thread *self =
        pp_sig_heap_self != NULL ? pp_sig_heap_self : COUNT_FIRST(n_allocs);

    return pp_sig_heap_is_due(self, n_bytes)
               ? note(self, pp_sig_allocator.calloc(1, n_bytes), n_bytes, registers)
               : answer(self, pp_sig_allocator.calloc(1, n_bytes), n_bytes);
}

PP_HEAP_TEXT void *pp_sig_calloc(size_t n_items, size_t item_bytes)
{
    struct pp_sig_heap_thread *self = pp_sig_heap_counting;
    size_t n_bytes;

    if (__builtin_mul_overflow(n_items, item_bytes, &n_bytes))
        return pp_sig_allocator.calloc(n_items, item_bytes);
    if (LIKELY(n_bytes < self->left)) {
        self->left -= n_bytes;
        self->n_allocs++;
        return pp_sig_allocator.calloc(n_items, item_bytes);
    }
    if (pp_sig_heap_self != NULL)
        self->n_allocs++;
    return pp_sig_calloc_entry(n_bytes);
}

/* ---- aligned ---- */

/* What every allocator takes: what it says of other values is in no count. */
static int is_alignment(size_t alignment)
{
    return alignment != 0 && (alignment & (alignment - 1)) == 0;
}

/* 'n_bytes' were asked for, and 'object' is what came of it. */
PP_HEAP_TEXT static void *given(void *object, size_t n_bytes)
{
    struct pp_sig_heap_thread *self = COUNT_FIRST(n_allocs);

    return pp_sig_heap_is_due(self, n_bytes) ? note(self, object, n_bytes, NULL)
                                             : answer(self, object, n_bytes);
}

PP_HEAP_TEXT void *pp_sig_memalign(size_t alignment, size_t n_bytes)
{
    void *object = pp_sig_allocator.memalign(alignment, n_bytes);

    return is_alignment(alignment) ? given(object, n_bytes) : object;
}

PP_HEAP_TEXT void *pp_sig_aligned_alloc(size_t alignment, size_t n_bytes)
{
    void *object = pp_sig_allocator.aligned_alloc(alignment, n_bytes);

    return is_alignment(alignment) ? given(object, n_bytes) : object;
}

PP_HEAP_TEXT int pp_sig_posix_memalign(void **object_out, size_t alignment, size_t n_bytes)
{
    const int result = pp_sig_allocator.posix_memalign(object_out, alignment, n_bytes);

    if (is_alignment(alignment) && alignment % sizeof(void *) == 0)
        (void)given(result == 0 ? *object_out : NULL, n_bytes);
    return result;
}

PP_HEAP_TEXT void *pp_sig_valloc(size_t n_bytes)
{
    return given(pp_sig_allocator.valloc(n_bytes), n_bytes);
}

PP_HEAP_TEXT void *pp_sig_pvalloc(size_t n_bytes)
{
    const size_t n_whole = (n_bytes + PP_HEAP_PAGE - 1) & ~(size_t)(PP_HEAP_PAGE - 1);

    void *object = pp_sig_allocator.pvalloc(n_bytes);

    return n_whole >= n_bytes ? given(object, n_whole) : object;
}

/* ---- freeing ---- */

/* Something followed begins nearby, or nothing is to be freed. */
PP_HEAP_TEXT static void free_near(struct pp_sig_heap_thread *self, void *object)
{
    self->n_frees += object != NULL;
    if (object != NULL && pp_sig_heap_may_know(object))
        (void)pp_sig_heap_forget(self, object);
    pp_sig_allocator.free(object);
}

PP_HEAP_TEXT static void free_first(void *object)
{
    struct pp_sig_heap_thread *self = object != NULL ? COUNT_FIRST(n_frees) : NULL;

    if (self != NULL && pp_sig_heap_may_know(object))
        (void)pp_sig_heap_forget(self, object);
    pp_sig_allocator.free(object);
}

PP_HEAP_TEXT void pp_sig_free(void *object)
{
    struct pp_sig_heap_thread *self = pp_sig_heap_self;

    if (LIKELY(self != NULL)) {
        if (LIKELY(!pp_sig_heap_is_near(object))) {
            self->n_frees++;
            pp_sig_allocator.free(object);
        } else {
            free_near(self, object);
        }
    } else {
        free_first(object);
    }
}

PP_HEAP_TEXT void pp_sig_free_sized(void *object, size_t n_bytes)
{
    (void)n_bytes;
    pp_sig_free(object);
}

PP_HEAP_TEXT void pp_sig_free_aligned_sized(void *object, size_t alignment, size_t n_bytes)
{
    (void)alignment, (void)n_bytes;
    pp_sig_free(object);
}

/* ---- changing size ---- */

/* Of an object that is followed, 'known' of it, and gone to 'after': it stays so. */
PP_HEAP_TEXT static void *keep_following(struct pp_sig_heap_thread *self, void *after,
                                         size_t n_bytes, struct pp_sig_heap_object *known,
                                         const struct pp_sig_arch_registers *registers)
{
    if (n_bytes > known->size_bytes)
        self->drawn += n_bytes - known->size_bytes;
    pp_sig_heap_return(self, after, n_bytes, known, registers);
    return after;
}

static uint64_t n_calls_of(const struct pp_sig_heap_thread *self)
{
    return self->n_allocs + self->n_frees + self->n_reallocs;
}

/* What can be used of an object that is not followed.  One that grows step by step was asked for
 * just now: where this thread has made no call since, it is the same one still. */
static size_t usable_before(const struct pp_sig_heap_thread *self, const void *object,
                            uint64_t n_calls)
{
    return object == self->grown && n_calls == self->grown_calls
               ? self->grown_usable
               : pp_sig_allocator.usable_size((void *)(uintptr_t)object);
}

/* Only what it grows by is drawn for, in bytes that can be used: those asked for before are not
 * known.  'n_calls' were made before this one. */
PP_HEAP_TEXT static void *realloc_unknown(struct pp_sig_heap_thread *self, void *object,
                                          size_t n_bytes, uint64_t n_calls)
{
    const size_t n_before = usable_before(self, object, n_calls);
    size_t n_after, n_more;
    void *after;

    if (n_bytes <= n_before)
        return pp_sig_allocator.realloc(object, n_bytes);
    after = pp_sig_allocator.realloc(object, n_bytes);
    if (after == NULL)
        return NULL;
    n_after = pp_sig_allocator.usable_size(after);
    n_more = n_after - n_before;
    if (LIKELY(n_more < self->left)) {
        self->left -= n_more;
        self->grown = after;
        self->grown_usable = n_after;
        self->grown_calls = n_calls + 1;
        return after;
    }
    return pp_sig_heap_is_due(self, n_more) ? note(self, after, n_bytes, NULL) : after;
}

/* Of a thread that no block is left for. */
PP_HEAP_TEXT static void *realloc_uncounted(void *object, size_t n_bytes)
{
    const size_t n_before = pp_sig_allocator.usable_size(object);
    void *after = pp_sig_allocator.realloc(object, n_bytes);
    const size_t n_after = after == NULL ? 0 : pp_sig_allocator.usable_size(after);

    if (n_after > n_before)
        (void)pp_sig_heap_is_due(NULL, n_after - n_before);
    return after;
}

/* realloc(object, 0): glibc frees it; others may give an object of no bytes. */
PP_HEAP_TEXT static void *realloc_to_nothing(void *object)
{
    struct pp_sig_heap_thread *self = COUNT_FIRST(n_frees);
    void *after;

    if (self != NULL && pp_sig_heap_may_know(object))
        (void)pp_sig_heap_forget(self, object);
    after = pp_sig_allocator.realloc(object, 0);
    if (after != NULL)
        (void)COUNT_FIRST(n_allocs);
    return after;
}

/* A followed object whose size changes by little, as a vector's does that grows step by step: in
 * place nothing is to be done.  (Where it moves its old address may have gone to another thread's
 * object, and been followed, before we take it out: once in a great many times that one's site is
 * told.) */
PP_HEAP_TEXT static void *resize_a_little(struct pp_sig_heap_thread *self, void *object,
                                          size_t n_bytes)
{
    void *after = pp_sig_allocator.realloc(object, n_bytes);
    struct pp_sig_heap_object known;

    if (LIKELY(after == object) || after == NULL)
        return after;
    self->resized = NULL;
    return pp_sig_heap_take(object, &known) ? keep_following(self, after, n_bytes, &known, NULL)
                                            : after;
}

/* Of one that free() would ask the map for. */
PP_HEAP_TEXT void *pp_sig_realloc_slowly(void *object, size_t n_bytes,
                                         const struct pp_sig_arch_registers *registers)
{
    struct pp_sig_heap_thread *self = pp_sig_heap_self;
    struct pp_sig_heap_object known;
    void *after;

    /* Before the allocator gives its address to another thread. */
    if (!pp_sig_heap_take(object, &known))
        return realloc_unknown(self, object, n_bytes, n_calls_of(self) - 1);
    after = pp_sig_allocator.realloc(object, n_bytes);
    if (after != NULL)
        return keep_following(self, after, n_bytes, &known, registers);
    pp_sig_heap_return(self, object, known.size_bytes, &known, NULL);
    return NULL;
}

/* What realloc_unknown() is not asked for, and calls of a thread that has no block yet. */
PP_HEAP_TEXT static void *realloc_otherwise(void *object, size_t n_bytes)
{
    struct pp_sig_heap_thread *self;

    if (object == NULL)
        return pp_sig_malloc(n_bytes);
    if (n_bytes == 0)
        return realloc_to_nothing(object);
    self = pp_sig_heap_self;
    if (self == NULL)
        self = COUNT_FIRST(n_reallocs);
    if (atomic_load_explicit(&pp_sig_heap.mode, memory_order_relaxed) == PP_HEAP_OFF)
        return pp_sig_allocator.realloc(object, n_bytes);
    if (self == NULL)
        return realloc_uncounted(object, n_bytes);
    return pp_sig_heap_may_know(object)
               ? pp_sig_realloc_entry(object, n_bytes)
               : realloc_unknown(self, object, n_bytes, n_calls_of(self) - 1);
}

PP_HEAP_TEXT void *pp_sig_realloc(void *object, size_t n_bytes)
{
    struct pp_sig_heap_thread *self = pp_sig_heap_self;

    if (LIKELY(self != NULL && object != NULL && n_bytes != 0)) {
        const uint64_t n_calls = n_calls_of(self);
        self->n_reallocs++;
        if (object == self->resized && n_bytes - self->resized_least <= self->resized_range)
            return resize_a_little(self, object, n_bytes);
        if (LIKELY(!pp_sig_heap_is_near(object)))
            return realloc_unknown(self, object, n_bytes, n_calls);
    }
    return realloc_otherwise(object, n_bytes);
}

PP_HEAP_TEXT void *pp_sig_reallocarray(void *object, size_t n_items, size_t item_bytes)
{
    size_t n_bytes;

    /* More than there can be: the allocator says no as it does. */
    if (__builtin_mul_overflow(n_items, item_bytes, &n_bytes))
        return pp_sig_allocator.reallocarray(object, n_items, item_bytes);
    return pp_sig_realloc(object, n_bytes);
}
