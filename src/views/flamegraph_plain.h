/* Flame graphs of plain profiles, in which each location is a frame of its own (folded stacks are
 * plain): the profile's tree is the drawn tree, so what is never drawn is never copied. */
#ifndef PP_VIEWS_FLAMEGRAPH_PLAIN_H
#define PP_VIEWS_FLAMEGRAPH_PLAIN_H

#include "views/flamegraph_draft.h"
#include "views/flamegraph_set.h"

/* Children that are not kept. */
struct pp_flame_rest {
    int64_t total, after; /* what of it is the second profile's */
    uint32_t n;
};

enum { PP_FLAME_MOST_LEVELS = 240 }; /* what a picture without scripts can show */

/* The nodes of a profile that reach a threshold; columns are by their place among these. */
struct pp_flame_kept {
    struct pp_flame_set set; /* of profile nodes; its root is the first one */
    uint32_t *frame;         /* while it is made, the profile's nodes */
    /* The latter: of two profiles only.  For the last picture what is left of them when the
     * children and the rest are taken off. */
    struct pp_flame_totals totals, totals_after;
    bool has_selfs;                /* instead of totals */
    uint32_t *first_child;         /* in alphabetical order; 0: none */
    struct pp_flame_set with_next; /* of places: most nodes are an only child, or the last one */
    uint32_t *next_sibling;        /* by place in that set */
    struct pp_flame_set with_rest; /* of places */
    struct pp_flame_rest *rests;   /* by place in that set */
};

/* Sum the values of 'type', for two profiles those of 'type_after' too (PP_FLAME_NO_TYPE: one), and
 * find the frames, which are tree->frames then.  1; 0 when the profile is not plain, or so deep or
 * so heavy that it needs the other way; or -ENOMEM. */
int pp_flame_plain_init(struct pp_flame_draft *draft, const struct pprofc_profile *profile,
                        uint32_t type, uint32_t type_after, struct pp_flame_tree *tree);

/* Make the nodes of 'tree' of those that reach 'min_total'.  0 or -ENOMEM. */
int pp_flame_plain_tree(struct pp_flame_draft *draft, int64_t min_total,
                        struct pp_flame_tree *tree);

/* As pp_flame_threshold(). */
int64_t pp_flame_plain_threshold(const struct pp_flame_draft *draft, int64_t at_least,
                                 uint32_t max_nodes);

/* ---- flamegraph_kept.c ---- */

/* 0 or -ENOMEM.  For the last picture the draft's totals are given back on the way, and its nodes
 * are shown without theirs. */
int pp_flame_plain_keep(struct pp_flame_draft *draft, int64_t min_total, bool is_last,
                        struct pp_flame_kept *kept_out);
void pp_flame_kept_done(struct pp_flame_kept *kept);

/* Show 'visit' the nodes that are drawn, in the order of pp_flame_tree, with what is gathered;
 * 'after' is NULL for one profile.  Once: the links are used up. */
void pp_flame_plain_walk(struct pp_flame_kept *kept,
                         void (*visit)(void *context, const struct pp_flame_node *node,
                                       const struct pp_flame_after *after),
                         void *context);

#endif
