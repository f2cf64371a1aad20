/* Filtering a profile: its tree is looked at from the root to the leaves, what samples need of it
 * is built anew.  Every step is linear in nodes and samples. */
#include "profile/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "profile/filter_frames.h"
#include "profile/filter_tags.h"
#include "profile/tables.h"

enum { NO_STACK = UINT32_MAX };

/* What is known of a node's path from the root. */
enum { IS_FOCUSED = 1, IS_IGNORED = 2, HAS_BEGUN = 4, IS_NEEDED = 8, IS_CUT = 16, HAS_USER = 32 };

/* ---- building the samples anew ---- */

struct rebuilding {
    struct pprofc_profile *profile;
    struct pp_profile_samples old;
    pp_id *stacks;           /* by old node: the stack of samples that end there, or NO_STACK */
    uint8_t *states;         /* by old node */
    const pp_id *label_sets; /* by old label set; NULL: they stay */
    const bool *is_wanted;   /* by old label set; NULL: all are */
    bool without_time;
};

static int rebuilding_init(struct rebuilding *rebuilding, struct pprofc_profile *profile)
{
    *rebuilding = (struct rebuilding){.profile = profile,
                                      .stacks = calloc(profile->n_nodes, sizeof(pp_id)),
                                      .states = calloc(profile->n_nodes, 1)};
    if (rebuilding->stacks != NULL && rebuilding->states != NULL &&
        pp_profile_samples_take(profile, &rebuilding->old) == 0)
        return 0;
    free(rebuilding->stacks);
    free(rebuilding->states);
    return -ENOMEM;
}

/* Done, or as it was. */
static int rebuilding_done(struct rebuilding *rebuilding)
{
    struct pprofc_profile *profile = rebuilding->profile;
    int status = 0;

    if (pp_profile_failed(profile)) {
        pp_profile_samples_restore(profile, &rebuilding->old);
        profile->tables->failed = false; /* only what this would have made is missing */
        status = -ENOMEM;
    } else {
        pp_profile_samples_done(&rebuilding->old);
    }
    free(rebuilding->stacks);
    free(rebuilding->states);
    return status;
}

static void add_sample(struct rebuilding *rebuilding, uint32_t sample, pp_id stack)
{
    const struct pp_profile_samples *old = &rebuilding->old;
    const size_t first = (size_t)sample * rebuilding->profile->n_types;
    const pp_id labels = old->sample_labels[sample];

    pp_profile_add_estimate(
        rebuilding->profile, stack,
        rebuilding->label_sets != NULL ? rebuilding->label_sets[labels] : labels,
        rebuilding->without_time ? 0 : old->sample_slice[sample], old->sample_values + first,
        old->sample_estimates == NULL ? NULL : old->sample_estimates + first);
}

static void add_samples(struct rebuilding *rebuilding)
{
    const struct pp_profile_samples *old = &rebuilding->old;

    for (uint32_t i = 0; i < old->n_samples; i++) {
        const pp_id stack = rebuilding->stacks[old->sample_stack[i]];
        if (stack != NO_STACK &&
            (rebuilding->is_wanted == NULL || rebuilding->is_wanted[old->sample_labels[i]]))
            add_sample(rebuilding, i, stack);
    }
}

/* ---- drop and keep ---- */

/* The outermost line of the location that matches, or -1. */
static int64_t dropped_line(const struct pprofc_profile *profile, const bool *is_dropped,
                            pp_id location)
{
    const struct pp_location *frame = &profile->locations[location];

    for (uint32_t i = frame->n_lines; i-- > 0;)
        if (is_dropped[profile->lines[frame->first_line + i].function])
            return i;
    return -1;
}

/* Frames before the first one that stays are no reason to drop all of a stack. */
static void drop_node(struct rebuilding *rebuilding, const bool *is_dropped, pp_id node)
{
    struct pprofc_profile *profile = rebuilding->profile;
    const pp_id location = rebuilding->old.node_location[node];
    const pp_id parent = rebuilding->old.node_parent[node];
    const int64_t line = dropped_line(profile, is_dropped, location);
    const uint8_t state = rebuilding->states[parent];

    rebuilding->states[node] = state;
    rebuilding->stacks[node] = rebuilding->stacks[parent];
    if ((state & IS_CUT) != 0)
        return;
    if (line < 0)
        rebuilding->states[node] |= HAS_USER;
    if (line < 0 || (state & HAS_USER) == 0) {
        rebuilding->stacks[node] = pp_profile_child(profile, rebuilding->stacks[parent], location);
        return;
    }
    rebuilding->states[node] |= IS_CUT;
    if (line + 1 < profile->locations[location].n_lines)
        rebuilding->stacks[node] =
            pp_profile_child(profile, rebuilding->stacks[parent],
                             pp_frame_part(profile, location, (uint32_t)line + 1,
                                           profile->locations[location].n_lines - 1));
}

static int drop_frames(struct pprofc_profile *profile, const struct pp_filter *filter,
                       uint32_t *matched)
{
    pp_autofree bool *is_dropped = pp_frame_match_names(profile, filter->drop, filter->keep);
    struct rebuilding rebuilding;
    bool is_any = false;

    if (is_dropped == NULL)
        return -ENOMEM;
    for (pp_id function = 1; function < profile->n_functions; function++)
        is_any |= is_dropped[function];
    if (!is_any)
        return 0;
    *matched |= PP_MATCHED_DROP;
    if (rebuilding_init(&rebuilding, profile) != 0)
        return -ENOMEM;
    for (pp_id node = 1; node < rebuilding.old.n_nodes; node++)
        drop_node(&rebuilding, is_dropped, node);
    add_samples(&rebuilding);
    return rebuilding_done(&rebuilding);
}

/* ---- labels as frames ---- */

static int add_label_frames(struct pprofc_profile *profile, const struct pp_filter *filter,
                            uint32_t *matched)
{
    __attribute__((cleanup(pp_tag_frames_done))) struct pp_tag_frames roots = {0}, leaves = {0};
    pp_autofree pp_id *path = NULL;
    size_t path_capacity = 0;
    struct rebuilding rebuilding;

    if (pp_tag_frames_init(&roots, profile, filter->tag_root, filter->unit) != 0 ||
        pp_tag_frames_init(&leaves, profile, filter->tag_leaf, filter->unit) != 0 ||
        rebuilding_init(&rebuilding, profile) != 0)
        return -ENOMEM;
    *matched |= (roots.has_matched ? PP_MATCHED_TAG_ROOT : 0) |
                (leaves.has_matched ? PP_MATCHED_TAG_LEAF : 0);
    for (uint32_t i = 0; i < rebuilding.old.n_samples && !pp_profile_failed(profile); i++) {
        const pp_id labels = rebuilding.old.sample_labels[i];
        pp_id stack = pp_tag_frames_put(&roots, profile, 0, labels);
        size_t depth = 0;
        for (pp_id node = rebuilding.old.sample_stack[i]; node != 0;
             node = rebuilding.old.node_parent[node]) {
            if (pp_array_reserve(&path, &path_capacity, depth + 1, sizeof *path) != 0)
                profile->tables->failed = true;
            else
                path[depth++] = rebuilding.old.node_location[node];
        }
        while (depth > 0)
            stack = pp_profile_child(profile, stack, path[--depth]);
        add_sample(&rebuilding, i, pp_tag_frames_put(&leaves, profile, stack, labels));
    }
    return rebuilding_done(&rebuilding);
}

/* ---- the rest ---- */

/* From the root down: what each path has met. */
static uint32_t look_at_nodes(struct rebuilding *rebuilding, const struct pp_filter *filter,
                              const struct pp_frame_fates *fates)
{
    uint32_t matched = 0;

    rebuilding->states[0] = (uint8_t)((filter->focus == NULL ? IS_FOCUSED : 0) |
                                      (filter->show_from == NULL ? HAS_BEGUN : 0));
    for (pp_id node = 1; node < rebuilding->old.n_nodes; node++) {
        const struct pp_frame_fate *fate = &fates->fates[rebuilding->old.node_location[node]];
        uint8_t state = rebuilding->states[rebuilding->old.node_parent[node]];
        if ((fate->met & PP_MATCHED_FOCUS) != 0)
            state |= IS_FOCUSED;
        if ((fate->met & PP_MATCHED_IGNORE) != 0)
            state |= IS_IGNORED;
        if (fate->begins && !fate->is_hidden)
            state |= HAS_BEGUN;
        rebuilding->states[node] = state;
        matched |= fate->met;
    }
    return matched;
}

/* From the samples up: which nodes those need that stay. */
static void mark_needed(struct rebuilding *rebuilding)
{
    const struct pp_profile_samples *old = &rebuilding->old;

    for (uint32_t i = 0; i < old->n_samples; i++) {
        uint8_t *state = &rebuilding->states[old->sample_stack[i]];
        if ((*state & (IS_FOCUSED | IS_IGNORED | HAS_BEGUN)) == (IS_FOCUSED | HAS_BEGUN) &&
            (rebuilding->is_wanted == NULL || rebuilding->is_wanted[old->sample_labels[i]]))
            *state |= IS_NEEDED;
    }
    for (pp_id node = old->n_nodes; node-- > 1;)
        if ((rebuilding->states[node] & IS_NEEDED) != 0)
            rebuilding->states[old->node_parent[node]] |= IS_NEEDED;
}

/* The new tree.  'ended' is, by old node, the stack that prune_from leaves of it. */
static void build_nodes(struct rebuilding *rebuilding, const struct pp_frame_fates *fates,
                        pp_id *ended)
{
    struct pprofc_profile *profile = rebuilding->profile;
    const struct pp_profile_samples *old = &rebuilding->old;

    ended[0] = NO_STACK;
    for (pp_id node = 1; node < old->n_nodes; node++) {
        const pp_id location = old->node_location[node], parent = old->node_parent[node];
        const struct pp_frame_fate *fate = &fates->fates[location];
        const bool is_begin = (rebuilding->states[parent] & HAS_BEGUN) == 0;
        rebuilding->stacks[node] = rebuilding->stacks[parent];
        ended[node] = ended[parent];
        if ((rebuilding->states[node] & (IS_NEEDED | HAS_BEGUN)) != (IS_NEEDED | HAS_BEGUN) ||
            fate->is_hidden)
            continue;
        rebuilding->stacks[node] =
            pp_profile_child(profile, rebuilding->stacks[parent],
                             pp_frame_left(fates, profile, location, is_begin, false));
        if (fate->ends && (!is_begin || fate->first <= fate->last))
            ended[node] = pp_profile_child(profile, rebuilding->stacks[parent],
                                           pp_frame_left(fates, profile, location, is_begin, true));
    }
}

/* Samples that stay get the stacks that are left; those of which no frame is left go. */
static void choose_stacks(struct rebuilding *rebuilding, const pp_id *ended)
{
    for (pp_id node = 0; node < rebuilding->old.n_nodes; node++) {
        const uint8_t state = rebuilding->states[node];
        if (ended[node] != NO_STACK)
            rebuilding->stacks[node] = ended[node];
        if ((state & (IS_FOCUSED | IS_IGNORED | HAS_BEGUN)) != (IS_FOCUSED | HAS_BEGUN) ||
            (node != 0 && rebuilding->stacks[node] == 0))
            rebuilding->stacks[node] = NO_STACK;
    }
}

static int filter_samples(struct pprofc_profile *profile, const struct pp_filter *filter,
                          uint32_t *matched)
{
    __attribute__((cleanup(pp_frame_fates_done))) struct pp_frame_fates fates = {.fates = NULL};
    __attribute__((cleanup(pp_tag_choice_done))) struct pp_tag_choice tags = {0};
    pp_autofree pp_id *ended = calloc(profile->n_nodes, sizeof *ended);
    struct rebuilding rebuilding;

    if (ended == NULL || pp_frame_fates_init(&fates, profile, filter) != 0 ||
        pp_tag_choice_init(&tags, profile, filter, matched) != 0 ||
        rebuilding_init(&rebuilding, profile) != 0)
        return -ENOMEM;
    rebuilding.label_sets = tags.label_sets;
    rebuilding.is_wanted = tags.is_wanted;
    rebuilding.without_time = filter->without_time;
    *matched |= look_at_nodes(&rebuilding, filter, &fates);
    mark_needed(&rebuilding);
    build_nodes(&rebuilding, &fates, ended);
    choose_stacks(&rebuilding, ended);
    add_samples(&rebuilding);
    if (rebuilding_done(&rebuilding) != 0)
        return -ENOMEM;
    if (filter->without_time)
        profile->slice_ns = 0;
    return 0;
}

static bool has_failed(const struct pp_filter *filter)
{
    struct pp_pattern *const patterns[] = {
        filter->drop, filter->keep,      filter->focus,    filter->ignore,   filter->hide,
        filter->show, filter->show_from, filter->tag_show, filter->tag_hide, filter->prune_from};
    bool failed = false;

    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
        failed |= patterns[i] != NULL && pp_pattern_failed(patterns[i]);
    return failed;
}

int pp_profile_filter(struct pprofc_profile *profile, const struct pp_filter *filter,
                      uint32_t *matched_out, struct pprofc_error *err)
{
    const bool wants_samples =
        filter->focus != NULL || filter->ignore != NULL || filter->hide != NULL ||
        filter->show != NULL || filter->show_from != NULL || filter->prune_from != NULL ||
        filter->tag_focus != NULL || filter->tag_ignore != NULL || filter->tag_show != NULL ||
        filter->tag_hide != NULL || filter->without_inlines || filter->without_time;
    uint32_t matched = 0;
    int status = 0;

    if (pp_profile_failed(profile))
        return pp_fail(err, -ENOMEM, 0, "cannot filter the profile: out of memory");
    if (filter->drop != NULL)
        status = drop_frames(profile, filter, &matched);
    if (status == 0 && (filter->tag_root != NULL || filter->tag_leaf != NULL))
        status = add_label_frames(profile, filter, &matched);
    if (status == 0 && wants_samples)
        status = filter_samples(profile, filter, &matched);
    if (status != 0)
        profile->tables->failed = false; /* nothing that was there is missing */
    if (status != 0 || has_failed(filter))
        return pp_fail(err, -ENOMEM, 0, "cannot filter the profile: out of memory");
    if (matched_out != NULL)
        *matched_out = matched;
    return 0;
}
