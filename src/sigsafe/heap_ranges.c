/* The skip list of heap_ranges.h. */
#include "sigsafe/heap_ranges.h"

#include <stddef.h>

#include "sigsafe/heap_draw.h"

void pp_sig_ranges_init(struct pp_sig_ranges *ranges, struct pp_sig_range *all, uint32_t capacity)
{
    ranges->all = all;
    ranges->capacity = capacity;
    ranges->n_used = 1; /* the head */
    ranges->first_free = PP_RANGE_NONE;
    ranges->n = 0;
    ranges->random = UINT64_C(0x9E3779B97F4A7C15);
}

static uint32_t take_free(struct pp_sig_ranges *ranges)
{
    const uint32_t range = ranges->first_free;

    if (range != PP_RANGE_NONE)
        ranges->first_free = ranges->all[range].next[0];
    else if (ranges->n_used < ranges->capacity)
        return ranges->n_used++;
    return range;
}

void pp_sig_ranges_drop(struct pp_sig_ranges *ranges, uint32_t range)
{
    ranges->all[range].next[0] = ranges->first_free;
    ranges->first_free = range;
}

/* Of each level the last one that begins before 'start'. */
static void find_before(const struct pp_sig_ranges *ranges, uint64_t start, uint32_t *before)
{
    uint32_t at = 0, next;

    for (int level = PP_RANGE_LEVELS; level-- > 0; before[level] = at)
        while ((next = ranges->all[at].next[level]) != PP_RANGE_NONE &&
               ranges->all[next].start < start)
            at = next;
}

static int levels_of_next(struct pp_sig_ranges *ranges)
{
    const uint64_t random = pp_sig_heap_random(&ranges->random) >> 32;
    int n = 1;

    while (n < PP_RANGE_LEVELS && (random >> (3 * n) & 7) == 0)
        n++;
    return n;
}

void pp_sig_ranges_return(struct pp_sig_ranges *ranges, uint32_t range)
{
    const int n_levels = levels_of_next(ranges);
    uint32_t before[PP_RANGE_LEVELS];

    find_before(ranges, ranges->all[range].start, before);
    for (int level = 0; level < n_levels; level++) {
        ranges->all[range].next[level] = ranges->all[before[level]].next[level];
        ranges->all[before[level]].next[level] = range;
    }
    ranges->n++;
}

int pp_sig_ranges_add(struct pp_sig_ranges *ranges, uint64_t start, uint64_t limit,
                      uint32_t mapping)
{
    uint32_t range;

    if (ranges->n + PP_RANGE_RESERVE >= ranges->capacity ||
        (range = take_free(ranges)) == PP_RANGE_NONE)
        return 0;
    ranges->all[range].start = start;
    ranges->all[range].limit = limit;
    ranges->all[range].mapping = mapping;
    pp_sig_ranges_return(ranges, range);
    return 1;
}

/* What lies from 'at' on becomes a range of its own. */
static void cut(struct pp_sig_ranges *ranges, uint32_t range, uint64_t at)
{
    const uint32_t rest = take_free(ranges);

    if (rest == PP_RANGE_NONE)
        return;
    ranges->all[rest].start = at;
    ranges->all[rest].limit = ranges->all[range].limit;
    ranges->all[rest].mapping = ranges->all[range].mapping;
    ranges->all[range].limit = at;
    pp_sig_ranges_return(ranges, rest);
}

uint32_t pp_sig_ranges_take(struct pp_sig_ranges *ranges, uint64_t start, uint64_t limit)
{
    uint32_t before[PP_RANGE_LEVELS], first = PP_RANGE_NONE, last = PP_RANGE_NONE, at;

    find_before(ranges, start, before);
    if (before[0] != 0 && ranges->all[before[0]].limit > start) {
        cut(ranges, before[0], start);
        if (ranges->all[before[0]].limit > start) /* no room */
            find_before(ranges, ranges->all[before[0]].start, before);
    }
    while ((at = ranges->all[before[0]].next[0]) != PP_RANGE_NONE &&
           ranges->all[at].start < limit) {
        if (ranges->all[at].limit > limit)
            cut(ranges, at, limit);
        for (int level = 0; level < PP_RANGE_LEVELS; level++)
            if (ranges->all[before[level]].next[level] == at)
                ranges->all[before[level]].next[level] = ranges->all[at].next[level];
        ranges->all[at].next[0] = PP_RANGE_NONE;
        if (last == PP_RANGE_NONE)
            first = at;
        else
            ranges->all[last].next[0] = at;
        last = at;
        ranges->n--;
    }
    return first;
}
