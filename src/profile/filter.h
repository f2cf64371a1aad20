/* Taking out of a profile what is not to be looked at: samples by the functions and labels on them,
 * frames of stacks.  Meaning and order are those of `pprof`'s options of the same names. */
#ifndef PP_PROFILE_FILTER_H
#define PP_PROFILE_FILTER_H

#include "base/pattern.h"
#include "profile/profile.h"

/* In the order in which they act.  A frame matches by its function's name, its source file or its
 * module; NULL and false: not asked for. */
struct pp_filter {
    struct pp_pattern *drop, *keep;  /* functions' names without arguments: whoever calls one that
                                      * matches 'drop' and not 'keep' becomes the leaf */
    const char *tag_root, *tag_leaf; /* "KEY,KEY": labels become frames at the root, the leaf */
    const char *unit;                /* of numeric labels that become frames; NULL: what suits */
    struct pp_pattern *focus;        /* samples that have such a frame */
    struct pp_pattern *ignore;       /* samples that have none */
    struct pp_pattern *hide, *show;  /* frames that match, that do not, leave their stacks */
    struct pp_pattern *show_from;    /* stacks begin at the first such frame from the root */
    struct pp_tag_filter *tag_focus, *tag_ignore; /* samples by their labels */
    struct pp_pattern *tag_show, *tag_hide;       /* labels, by their keys */
    struct pp_pattern *prune_from; /* stacks end at the first such frame from the leaf */
    bool without_inlines; /* what was inlined counts for the function that it was inlined into */
    bool without_time;    /* samples that differ in their time slice only are one */
};

/* Which of the expressions met anything: bits. */
enum pp_filter_match {
    PP_MATCHED_FOCUS = 1,
    PP_MATCHED_IGNORE = 2,
    PP_MATCHED_HIDE = 4,
    PP_MATCHED_SHOW = 8,
    PP_MATCHED_SHOW_FROM = 16,
    PP_MATCHED_PRUNE_FROM = 32,
    PP_MATCHED_TAG_FOCUS = 64,
    PP_MATCHED_TAG_IGNORE = 128,
    PP_MATCHED_TAG_SHOW = 256,
    PP_MATCHED_TAG_HIDE = 512,
    PP_MATCHED_TAG_ROOT = 1024,
    PP_MATCHED_TAG_LEAF = 2048,
    PP_MATCHED_DROP = 4096,
};

/* Change 'profile' in place.  -ENOMEM, and then it is as it was or has some of the steps behind it.
 */
int pp_profile_filter(struct pprofc_profile *profile, const struct pp_filter *filter,
                      uint32_t *matched_out, struct pprofc_error *err);

#endif
