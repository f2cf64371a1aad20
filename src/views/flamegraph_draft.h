/* The tree of a flame graph while it is made: from addresses to functions.  Private to
 * flamegraph_tree.c, flamegraph_frames.c, flamegraph_plain.c and flamegraph_kept.c. */
#ifndef PP_VIEWS_FLAMEGRAPH_DRAFT_H
#define PP_VIEWS_FLAMEGRAPH_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "views/flamegraph_parts.h"

enum { PP_FLAME_NO_FRAME = UINT32_MAX, PP_FLAME_NO_TYPE = UINT32_MAX };

/* A node while nodes are still found by (parent, frame); children are linked later. */
struct pp_flame_draft_node {
    int64_t total, self, inlined;
    uint32_t parent, frame;
    uint32_t first_child, next_sibling;
};

/* A column of totals, in 32 bits where these will do; none where both are NULL. */
struct pp_flame_totals {
    uint32_t *narrow;
    int64_t *wide;
};

static inline bool pp_flame_has_totals(const struct pp_flame_totals *totals)
{
    return totals->narrow != NULL || totals->wide != NULL;
}

static inline int64_t pp_flame_total_at(const struct pp_flame_totals *totals, uint32_t i)
{
    return totals->narrow != NULL ? totals->narrow[i] : totals->wide[i];
}

struct pp_flame_draft {
    const struct pprofc_profile *profile;
    struct pp_flame_tree *tree;
    uint32_t type, type_after;         /* PP_FLAME_NO_TYPE: one profile */
    int64_t *self, *total;             /* by profile node */
    struct pp_flame_totals sums;       /* in a plain profile, instead of 'total'; */
    struct pp_flame_totals sums_after; /* and of 'after', whose selfs follow from them */
    struct pp_flame_after *after;      /* by profile node; NULL for one profile */
    uint32_t *frame_of_string;         /* by function name */
    uint32_t *frame_of_location;       /* for those without lines */
    uint32_t *drawn;                   /* by profile node: the drawn node it ends in */
    struct pp_flame_frame *frames;
    size_t n_frames, frames_capacity;
    struct pp_flame_draft_node *nodes;
    struct pp_flame_after *nodes_after; /* beside 'nodes'; NULL for one profile */
    size_t n_nodes, nodes_capacity, nodes_after_capacity;
    bool is_plain;   /* each location is a frame of its own: a drawn node for each profile node */
    uint32_t *slots; /* node ids + 1 by hash of (parent, frame) */
    size_t n_slots;
};

/* The sum, or the largest number. */
static inline int64_t pp_flame_add(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* What lies on and below a profile node. */
static inline int64_t pp_flame_total(const struct pp_flame_draft *draft, pp_id node)
{
    return draft->total != NULL ? draft->total[node] : pp_flame_total_at(&draft->sums, node);
}

/* Room for 'n' totals, whose values are nothing yet.  0 or -ENOMEM. */
int pp_flame_totals_init(struct pp_flame_totals *totals, uint32_t n, bool is_narrow);
void pp_flame_totals_done(struct pp_flame_totals *totals);
void pp_flame_draft_done(struct pp_flame_draft *draft);

/* The frame of a line of a location (NULL: it has none), made when it is new; PP_FLAME_NO_FRAME
 * without memory. */
uint32_t pp_flame_frame_of(struct pp_flame_draft *draft, pp_id location_id,
                           const struct pp_line *line);

/* Make a frame of each function and of each address without one, by 'total' of the nodes.  0 or
 * -ENOMEM. */
int pp_flame_find_frames(struct pp_flame_draft *draft);

/* Sort the frames by name and make equal names (two spellings of one address) one frame, so that
 * siblings are in alphabetical order when they are in the order of frame ids.  0 or -ENOMEM. */
int pp_flame_sort_frames(struct pp_flame_draft *draft);

#endif
