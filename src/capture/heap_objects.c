/* A look at every slot of the map in sigsafe/heap.h. */
#include "capture/heap_objects.h"

#include <stddef.h>

#include "sigsafe/heap.h"

/* An object may go, and its slot be taken by another, while we look: its key tells. */
static void each_of_level(const struct pp_sig_heap_level *level,
                          void (*visit)(void *context, uint64_t address,
                                        const struct pp_sig_heap_object *object),
                          void *context)
{
    const uint64_t n_slots = (uint64_t)PP_HEAP_BUCKET << level->bucket_bits;

    for (uint64_t i = 0; i < n_slots; i++) {
        const uint64_t key = atomic_load_explicit(&level->keys[i], memory_order_acquire);
        const struct pp_sig_heap_object object = level->objects[key > 1 ? i : 0];
        if (key > 1 && atomic_load_explicit(&level->keys[i], memory_order_acquire) == key)
            visit(context, key, &object);
    }
}

void pp_heap_each_object(void (*visit)(void *context, uint64_t address,
                                       const struct pp_sig_heap_object *object),
                         void *context)
{
    const struct pp_sig_heap_map *map = &pp_sig_heap.objects;
    const uint32_t current = atomic_load(&map->current);

    for (uint32_t at = map->first; at <= current && at < PP_HEAP_MAP_LEVELS; at++)
        if (map->levels[at].keys != NULL)
            each_of_level(&map->levels[at], visit, context);
}
