/* The filter of heap_filter.h.  A word is changed in one operation, so whatever the order in which
 * threads come and go, it is right. */
#include "sigsafe/heap_filter.h"

#include <stdbool.h>

enum {
    UNCOUNTED = PP_HEAP_FILTER_UNCOUNTED,
    ONE = PP_HEAP_FILTER_ONE,
    MOST = UNCOUNTED / ONE - 1,
};

static uint16_t *word_of(const void *object)
{
    return &pp_sig_heap.filter[pp_sig_heap_place_of(object)];
}

void pp_sig_heap_filter_put(const void *object)
{
    uint16_t *word = word_of(object);
    uint16_t now = __atomic_load_n(word, __ATOMIC_RELAXED), next;

    /* Where every object is followed there is nothing to tell apart. */
    const int is_exact =
        atomic_load_explicit(&pp_sig_heap.mode, memory_order_relaxed) == PP_HEAP_EXACT;

    do {
        if (now == UNCOUNTED)
            return;
        next = is_exact || now / ONE == MOST
                   ? UNCOUNTED
                   : (uint16_t)((now + ONE) ^ pp_sig_heap_position_of(object));
    } while (
        !__atomic_compare_exchange_n(word, &now, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

void pp_sig_heap_filter_take(const void *object)
{
    uint16_t *word = word_of(object);
    uint16_t now = __atomic_load_n(word, __ATOMIC_RELAXED);

    do
        if (now == UNCOUNTED || now < ONE) /* 0: emptied since, with the map */
            return;
    while (!__atomic_compare_exchange_n(word, &now,
                                        (uint16_t)((now - ONE) ^ pp_sig_heap_position_of(object)),
                                        true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}
