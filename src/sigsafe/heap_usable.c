/* The calls of heap_usable.h. */
#include "sigsafe/heap_usable.h"

#include <stdatomic.h>
#include <stdint.h>

#include "sigsafe/heap.h"
#include "sigsafe/heap_operators.h"
#include "sigsafe/heap_text.h"

/* What the tables held before. */
static struct pp_sig_allocator allocator;
static struct pp_sig_operators operators;
static _Atomic uint32_t is_on;

__attribute__((noinline)) static uint64_t usable_bytes(const void *object)
{
    return object == NULL ? 0 : allocator.usable_size((void *)object);
}

/* A thread without a block counts with all others of that kind. */
static void add_allocated(uint64_t n_bytes)
{
    struct pp_sig_heap_thread *self = pp_sig_heap_self;

    if (self != NULL)
        self->usable_allocated_bytes += n_bytes;
    else
        atomic_fetch_add_explicit(&pp_sig_heap.usable_allocated_bytes, n_bytes,
                                  memory_order_relaxed);
}

static void add_freed(uint64_t n_bytes)
{
    struct pp_sig_heap_thread *self = pp_sig_heap_self;

    if (self != NULL)
        self->usable_freed_bytes += n_bytes;
    else
        atomic_fetch_add_explicit(&pp_sig_heap.usable_freed_bytes, n_bytes, memory_order_relaxed);
}

static void *given(void *object)
{
    add_allocated(usable_bytes(object));
    return object;
}

/* An object of 'before' bytes became 'after'; what it has more was allocated, what it has less
 * freed.  NULL: it was freed when that was asked for, else it is as it was. */
static void *resized(uint64_t before, void *after, size_t n_bytes)
{
    const uint64_t now = usable_bytes(after);

    if (after == NULL && n_bytes != 0)
        return NULL;
    if (now > before)
        add_allocated(now - before);
    else
        add_freed(before - now);
    return after;
}

/* ---- the malloc family ---- */

PP_HEAP_TEXT static void *count_malloc(size_t n_bytes)
{
    return given(allocator.malloc(n_bytes));
}

PP_HEAP_TEXT static void count_free(void *object)
{
    add_freed(usable_bytes(object));
    allocator.free(object);
}

PP_HEAP_TEXT static void *count_calloc(size_t n_items, size_t item_bytes)
{
    return given(allocator.calloc(n_items, item_bytes));
}

PP_HEAP_TEXT static void *count_realloc(void *object, size_t n_bytes)
{
    const uint64_t before = usable_bytes(object);

    return resized(before, allocator.realloc(object, n_bytes), n_bytes);
}

PP_HEAP_TEXT static void *count_memalign(size_t alignment, size_t n_bytes)
{
    return given(allocator.memalign(alignment, n_bytes));
}

PP_HEAP_TEXT static void *count_aligned_alloc(size_t alignment, size_t n_bytes)
{
    return given(allocator.aligned_alloc(alignment, n_bytes));
}

PP_HEAP_TEXT static int count_posix_memalign(void **object_out, size_t alignment, size_t n_bytes)
{
    const int result = allocator.posix_memalign(object_out, alignment, n_bytes);

    if (result == 0)
        (void)given(*object_out);
    return result;
}

PP_HEAP_TEXT static void *count_valloc(size_t n_bytes)
{
    return given(allocator.valloc(n_bytes));
}

PP_HEAP_TEXT static void *count_pvalloc(size_t n_bytes)
{
    return given(allocator.pvalloc(n_bytes));
}

/* ---- what some allocators have beside it ---- */

#define NEW(name, symbol, parameters, arguments)      \
    PP_HEAP_TEXT static void *count_##name parameters \
    {                                                 \
        return given(operators.name arguments);       \
    }
PP_SIG_HEAP_NEWS(NEW)

/* Not for the one that another one calls. */
static void add_deleted(const void *object)
{
    const struct pp_sig_heap_thread *self = pp_sig_heap_self;

    if (self == NULL || self->n_freeing <= 1)
        add_freed(usable_bytes(object));
}

#define DELETE(name, symbol, parameters, arguments)  \
    PP_HEAP_TEXT static void count_##name parameters \
    {                                                \
        add_deleted(object);                         \
        operators.name arguments;                    \
    }
PP_SIG_HEAP_DELETES(DELETE)

#define RESIZE(name, symbol, parameters, arguments)                \
    PP_HEAP_TEXT static void *count_##name parameters              \
    {                                                              \
        const uint64_t before = usable_bytes(object);              \
                                                                   \
        return resized(before, operators.name arguments, n_bytes); \
    }
PP_SIG_HEAP_RESIZES(RESIZE)

/* ---- in front, and away again ---- */

/* Those that are called in threads that go on meanwhile: each word is whole.  What the allocator
 * does not have stays so; its reallocarray is asked for more than there can be only. */
#define EXCHANGE(table, real, name, call)                                                     \
    do {                                                                                      \
        if ((real).name != NULL)                                                              \
            __atomic_store_n(&(table).name, wanted ? (call) : (real).name, __ATOMIC_RELEASE); \
    } while (0)
#define EXCHANGE_OPERATOR(name, symbol, parameters, arguments) \
    EXCHANGE(pp_sig_operators, operators, name, count_##name);

static void exchange(int wanted)
{
    EXCHANGE(pp_sig_allocator, allocator, malloc, count_malloc);
    EXCHANGE(pp_sig_allocator, allocator, free, count_free);
    EXCHANGE(pp_sig_allocator, allocator, calloc, count_calloc);
    EXCHANGE(pp_sig_allocator, allocator, realloc, count_realloc);
    EXCHANGE(pp_sig_allocator, allocator, memalign, count_memalign);
    EXCHANGE(pp_sig_allocator, allocator, aligned_alloc, count_aligned_alloc);
    EXCHANGE(pp_sig_allocator, allocator, posix_memalign, count_posix_memalign);
    EXCHANGE(pp_sig_allocator, allocator, valloc, count_valloc);
    EXCHANGE(pp_sig_allocator, allocator, pvalloc, count_pvalloc);
    PP_SIG_HEAP_NEWS(EXCHANGE_OPERATOR)
    PP_SIG_HEAP_DELETES(EXCHANGE_OPERATOR)
    PP_SIG_HEAP_RESIZES(EXCHANGE_OPERATOR)
}

void pp_sig_heap_usable_begin(void)
{
    if (atomic_load(&is_on) != 0)
        return;
    allocator = pp_sig_allocator;
    operators = pp_sig_operators;
    atomic_store(&is_on, 1);
    exchange(1);
}

void pp_sig_heap_usable_end(void)
{
    if (atomic_load(&is_on) == 0)
        return;
    exchange(0);
    atomic_store(&is_on, 0);
}

const struct pp_sig_allocator *pp_sig_allocator_itself(void)
{
    return atomic_load(&is_on) != 0 ? &allocator : &pp_sig_allocator;
}
