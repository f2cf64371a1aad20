/* Which of many nested address ranges is the innermost at an address. */
#include "binary/interval_map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

/* A hostile file can make every entry point at one long range list; this bounds the memory that
 * costs us. */
enum { MAX_INTERVALS = 16 * 1024 * 1024 };

void pp_interval_map_done(struct pp_interval_map *map)
{
    free(map->intervals);
    free(map->segments);
    *map = (struct pp_interval_map){0};
}

int pp_interval_map_add(struct pp_interval_map *map, uint64_t low, uint64_t high, uint32_t depth,
                        uint32_t value)
{
    if (low >= high || map->n_intervals >= MAX_INTERVALS)
        return 0;
    if (pp_array_reserve(&map->intervals, &map->intervals_capacity, map->n_intervals + 1,
                         sizeof *map->intervals) != 0)
        return -ENOMEM;
    map->intervals[map->n_intervals++] = (struct pp_interval){low, high, depth, value};
    return 0;
}

/* Outer ranges first: by start, then the longer, then the less deep. */
static int compare_intervals(const void *left, const void *right)
{
    const struct pp_interval *a = left;
    const struct pp_interval *b = right;

    if (a->low != b->low)
        return a->low < b->low ? -1 : 1;
    if (a->high != b->high)
        return a->high > b->high ? -1 : 1;
    if (a->depth != b->depth)
        return a->depth < b->depth ? -1 : 1;
    return a->value < b->value ? -1 : a->value > b->value;
}

/* A sweep over the sorted intervals: those that are open at 'cursor' stand on a stack, innermost
 * last. */
struct sweep {
    struct pp_interval_map *map;
    uint32_t *open; /* indices of intervals */
    size_t n_open;
    size_t open_capacity;
    uint64_t cursor;
};

/* From 'start' on, 'value' holds, until the next call says otherwise. */
static int begin_segment(struct pp_interval_map *map, uint64_t start, uint32_t value)
{
    struct pp_segment *last = map->n_segments > 0 ? &map->segments[map->n_segments - 1] : NULL;

    if (last != NULL && last->value == value)
        return 0;
    if (last != NULL && last->start == start) {
        last->value = value;
        return 0;
    }
    if (pp_array_reserve(&map->segments, &map->segments_capacity, map->n_segments + 1,
                         sizeof *map->segments) != 0)
        return -ENOMEM;
    map->segments[map->n_segments++] = (struct pp_segment){start, value};
    return 0;
}

/* Close what ends at or before 'until'.  Ranges that overlap without nesting may leave entries
 * below the top that ended earlier: they go silently. */
static int close_until(struct sweep *sweep, uint64_t until)
{
    while (sweep->n_open > 0) {
        const struct pp_interval *top = &sweep->map->intervals[sweep->open[sweep->n_open - 1]];
        uint32_t value = PP_NO_INTERVAL;

        if (top->high > until)
            return 0;
        sweep->cursor = top->high > sweep->cursor ? top->high : sweep->cursor;
        while (sweep->n_open > 0 &&
               sweep->map->intervals[sweep->open[sweep->n_open - 1]].high <= sweep->cursor)
            sweep->n_open--;
        if (sweep->n_open > 0)
            value = sweep->map->intervals[sweep->open[sweep->n_open - 1]].value;
        if (begin_segment(sweep->map, sweep->cursor, value) != 0)
            return -ENOMEM;
    }
    return 0;
}

static int open_interval(struct sweep *sweep, size_t i)
{
    const struct pp_interval *interval = &sweep->map->intervals[i];

    if (pp_array_reserve(&sweep->open, &sweep->open_capacity, sweep->n_open + 1,
                         sizeof *sweep->open) != 0)
        return -ENOMEM;
    sweep->open[sweep->n_open++] = (uint32_t)i;
    sweep->cursor = interval->low;
    return begin_segment(sweep->map, interval->low, interval->value);
}

int pp_interval_map_finish(struct pp_interval_map *map)
{
    struct sweep sweep = {.map = map};
    int result = 0;

    if (map->n_intervals > 1)
        qsort(map->intervals, map->n_intervals, sizeof *map->intervals, compare_intervals);
    for (size_t i = 0; i < map->n_intervals && result == 0; i++) {
        result = close_until(&sweep, map->intervals[i].low);
        if (result == 0)
            result = open_interval(&sweep, i);
    }
    if (result == 0)
        result = close_until(&sweep, UINT64_MAX);
    free(sweep.open);
    free(map->intervals);
    map->intervals = NULL;
    map->n_intervals = map->intervals_capacity = 0;
    return result;
}

uint32_t pp_interval_map_find(const struct pp_interval_map *map, uint64_t addr)
{
    size_t low = 0;
    size_t high = map->n_segments;

    while (low < high) { /* the first segment that starts behind 'addr' */
        const size_t middle = low + (high - low) / 2;
        if (map->segments[middle].start <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? PP_NO_INTERVAL : map->segments[low - 1].value;
}

size_t pp_interval_map_bytes(const struct pp_interval_map *map)
{
    return map->intervals_capacity * sizeof *map->intervals +
           map->segments_capacity * sizeof *map->segments;
}
