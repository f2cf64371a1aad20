/* Flame graphs of plain profiles, in which each location is a frame of its own (folded stacks are
 * plain): the profile's tree is the drawn tree, so what is never drawn is never copied. */
#ifndef PP_VIEWS_FLAMEGRAPH_PLAIN_H
#define PP_VIEWS_FLAMEGRAPH_PLAIN_H

#include "views/flamegraph_draft.h"

/* The nodes of a profile that reach a threshold; all that follows is by their place among these. */
struct pp_flame_kept {
    uint64_t *bits;        /* by profile node: whether it is kept */
    uint32_t *n_before;    /* by word of 'bits': how many are kept before it */
    pp_id *node;           /* of the profile; the first one is its root */
    uint32_t *first_child; /* in alphabetical order; 0: none */
    uint32_t *next_sibling;
    uint32_t *n_rest;            /* children that are not kept */
    int64_t *rest;               /* and what they weigh */
    uint32_t n_kept, n_gathered; /* of the latter as many as have such children */
};

/* Sum the values of 'type' and find the frames, which are tree->frames then.  1; 0 when the profile
 * is not plain, or so deep or so heavy that it needs the other way; or -ENOMEM. */
int pp_flame_plain_init(struct pp_flame_draft *draft, const struct pprofc_profile *profile,
                        uint32_t type, struct pp_flame_tree *tree);

/* As pp_flame_threshold(). */
int64_t pp_flame_plain_threshold(const struct pp_flame_draft *draft, int64_t at_least,
                                 uint32_t max_nodes);

/* 0 or -ENOMEM. */
int pp_flame_plain_keep(const struct pp_flame_draft *draft, int64_t min_total,
                        struct pp_flame_kept *kept_out);
void pp_flame_kept_done(struct pp_flame_kept *kept);

static inline uint32_t pp_flame_kept_frame(const struct pp_flame_draft *draft,
                                           const struct pp_flame_kept *kept, uint32_t i)
{
    return draft->frame_of_location[draft->profile->node_location[kept->node[i]]];
}

/* Show 'visit' the nodes that are drawn, in the order of pp_flame_tree, with what is gathered.
 * Once: the links are used up. */
void pp_flame_plain_walk(const struct pp_flame_draft *draft, struct pp_flame_kept *kept,
                         void (*visit)(void *context, const struct pp_flame_node *node),
                         void *context);

/* Make the nodes of 'tree' of those that reach 'min_total'.  0 or -ENOMEM. */
int pp_flame_plain_tree(const struct pp_flame_draft *draft, int64_t min_total,
                        struct pp_flame_tree *tree);

#endif
