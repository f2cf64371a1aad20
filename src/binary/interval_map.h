/* Which of many nested address ranges is the innermost at an address: symbols, compile units,
 * functions and inlined calls all ask this. */
#ifndef PP_BINARY_INTERVAL_MAP_H
#define PP_BINARY_INTERVAL_MAP_H

#include <stddef.h>
#include <stdint.h>

#define PP_NO_INTERVAL UINT32_MAX

struct pp_interval {
    uint64_t low;
    uint64_t high; /* one past the end */
    uint32_t depth;
    uint32_t value;
};

/* From 'start' to the start of the next segment, 'value' (PP_NO_INTERVAL: nothing is there). */
struct pp_segment {
    uint64_t start;
    uint32_t value;
};

struct pp_interval_map {
    struct pp_interval *intervals; /* as added; given back by pp_interval_map_finish() */
    size_t n_intervals;
    size_t intervals_capacity;
    struct pp_segment *segments; /* sorted, not overlapping */
    size_t n_segments;
    size_t segments_capacity;
};

void pp_interval_map_done(struct pp_interval_map *map);

/* Add [low, high); of two equal ranges the one with the greater 'depth' is the inner one.  Returns
 * 0 or -ENOMEM; an empty range and one beyond the limit of 16 million are left out. */
int pp_interval_map_add(struct pp_interval_map *map, uint64_t low, uint64_t high, uint32_t depth,
                        uint32_t value);

/* Make the map ready for look-ups; nothing can be added afterwards.  Returns 0 or -ENOMEM. */
int pp_interval_map_finish(struct pp_interval_map *map);

/* The value of the innermost range at 'addr', or PP_NO_INTERVAL. */
uint32_t pp_interval_map_find(const struct pp_interval_map *map, uint64_t addr);

/* The bytes that the map holds. */
size_t pp_interval_map_bytes(const struct pp_interval_map *map);

#endif
