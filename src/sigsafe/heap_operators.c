/* The calls of heap_operators.h. */
#include "sigsafe/heap_operators.h"

#include <stdint.h>

#include "sigsafe/heap.h"
#include "sigsafe/heap_filter.h"
#include "sigsafe/heap_text.h"

struct pp_sig_operators pp_sig_operators;

/* NULL while nothing is profiled: a claim is a system call. */
static struct pp_sig_heap_thread *mine(void)
{
    if (pp_sig_heap_self == NULL &&
        atomic_load_explicit(&pp_sig_heap.mode, memory_order_relaxed) == PP_HEAP_OFF)
        return NULL;
    return pp_sig_heap_thread_mine();
}

static struct pp_sig_heap_thread *count_alloc(void)
{
    struct pp_sig_heap_thread *self = mine();

    if (self != NULL)
        self->n_allocs++;
    else if (atomic_load_explicit(&pp_sig_heap.mode, memory_order_relaxed) != PP_HEAP_OFF)
        atomic_fetch_add_explicit(&pp_sig_heap.n_allocs, 1, memory_order_relaxed);
    return self;
}

/* The allocator gave 'object'; NULL, and what it throws, is not counted in bytes. */
PP_HEAP_TEXT static void *given(struct pp_sig_heap_thread *self, void *object, size_t n_bytes)
{
    if (object != NULL && pp_sig_heap_is_due(self, n_bytes))
        pp_sig_heap_note(self, object, n_bytes, NULL);
    return object;
}

static int is_known(struct pp_sig_heap_thread *self, const void *object)
{
    return self != NULL && pp_sig_heap_may_know(object);
}

/* Before 'object' is freed.  What an operator of the allocator's calls for that is the same free.
 * The thread's block, for freed(). */
PP_HEAP_TEXT static struct pp_sig_heap_thread *forget(void *object)
{
    struct pp_sig_heap_thread *self = object == NULL ? NULL : mine();

    if (self != NULL)
        self->n_frees += self->n_freeing++ == 0;
    else if (object != NULL &&
             atomic_load_explicit(&pp_sig_heap.mode, memory_order_relaxed) != PP_HEAP_OFF)
        atomic_fetch_add_explicit(&pp_sig_heap.n_frees, 1, memory_order_relaxed);
    if (is_known(self, object))
        (void)pp_sig_heap_forget(self, object);
    return self;
}

static void freed(struct pp_sig_heap_thread *self)
{
    if (self != NULL)
        self->n_freeing--;
}

/* 'object', which was followed, is 'after' of 'n_bytes' now; NULL: it is as it was. */
PP_HEAP_TEXT static void *resized(struct pp_sig_heap_thread *self, void *object, void *after,
                                  size_t n_bytes, struct pp_sig_heap_object *known)
{
    if (after != NULL && n_bytes > known->size_bytes)
        self->drawn += n_bytes - known->size_bytes;
    if (after != NULL)
        pp_sig_heap_return(self, after, n_bytes, known, NULL);
    else
        pp_sig_heap_return(self, object, known->size_bytes, known, NULL);
    return after;
}

#define NEW(name, symbol, parameters, arguments)                      \
    PP_HEAP_TEXT void *pp_sig_##name parameters                       \
    {                                                                 \
        struct pp_sig_heap_thread *self = count_alloc();              \
                                                                      \
        if (self != NULL && n_bytes < self->left) {                   \
            self->left -= n_bytes;                                    \
            return pp_sig_operators.name arguments;                   \
        }                                                             \
        return given(self, pp_sig_operators.name arguments, n_bytes); \
    }
PP_SIG_HEAP_NEWS(NEW)

#define DELETE(name, symbol, parameters, arguments)       \
    PP_HEAP_TEXT void pp_sig_##name parameters            \
    {                                                     \
        struct pp_sig_heap_thread *self = forget(object); \
                                                          \
        pp_sig_operators.name arguments;                  \
        freed(self);                                      \
    }
PP_SIG_HEAP_DELETES(DELETE)

/* One that is not followed stays so: what it grows by is not drawn for. */
#define RESIZE(name, symbol, parameters, arguments)                                     \
    PP_HEAP_TEXT void *pp_sig_##name parameters                                         \
    {                                                                                   \
        struct pp_sig_heap_thread *self = object == NULL ? NULL : mine();               \
        struct pp_sig_heap_object known;                                                \
                                                                                        \
        if (object == NULL)                                                             \
            return given(count_alloc(), pp_sig_operators.name arguments, n_bytes);      \
        if (self != NULL)                                                               \
            self->n_reallocs++;                                                         \
        if (!is_known(self, object) || !pp_sig_heap_take(object, &known))               \
            return pp_sig_operators.name arguments;                                     \
        return resized(self, object, pp_sig_operators.name arguments, n_bytes, &known); \
    }
PP_SIG_HEAP_RESIZES(RESIZE)
