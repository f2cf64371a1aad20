/* Locals that clean up after themselves, and overflow-checked growth of arrays. */
#include "base/memory.h"

#include <errno.h>
#include <string.h>

int pp_array_grow(void *array, size_t *capacity, size_t n_wanted, size_t item_bytes)
{
    size_t n_items = *capacity;
    void *grown = NULL;

    n_items = n_items < 8 ? 8 : n_items;
    while (n_items < n_wanted) {
        if (n_items > SIZE_MAX / 2)
            return -ENOMEM;
        n_items *= 2;
    }
    memcpy(&grown, array, sizeof grown);
    grown = reallocarray(grown, n_items, item_bytes);
    if (grown == NULL)
        return -ENOMEM;
    memcpy(array, &grown, sizeof grown);
    *capacity = n_items;
    return 0;
}
