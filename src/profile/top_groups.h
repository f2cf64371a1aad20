/* What the samples of a top are grouped by: a number for the group of each line, location or label
 * set. */
#ifndef PP_PROFILE_TOP_GROUPS_H
#define PP_PROFILE_TOP_GROUPS_H

#include "profile/id_table.h"
#include "profile/profile.h"
#include "profile/top.h"

struct pp_top_group {
    const char *name, *file;
    uint64_t number; /* line, address or thread id, where that tells groups apart */
};

struct pp_top_groups {
    struct pp_top_group *groups;
    uint32_t n_groups;
    size_t groups_capacity;
    struct pp_id_table table; /* ids are group + 1 */
    uint32_t *of_line;      /* by index into profile->lines; NULL when grouping goes by location */
    uint32_t *of_location;  /* by location: its group when that has no lines, or of_line is NULL */
    uint32_t *of_label_set; /* for threads and labels only */
    struct pp_arena *arena; /* made-up names; the top's */
    bool by_name;           /* functions of one name may be in several files */
};

/* The groups that a location belongs to, innermost first; at least one. */
struct pp_top_members {
    const uint32_t *groups;
    uint32_t n;
};

/* 'label_key' is for PP_BY_LABEL. */
int pp_top_groups_init(struct pp_top_groups *groups, const struct pprofc_profile *profile,
                       enum pp_group group, const char *label_key, struct pp_arena *arena);
void pp_top_groups_done(struct pp_top_groups *groups);

static inline struct pp_top_members pp_top_groups_of(const struct pp_top_groups *groups,
                                                     const struct pprofc_profile *profile,
                                                     pp_id location)
{
    const struct pp_location *frame = &profile->locations[location];

    if (groups->of_line == NULL || frame->n_lines == 0)
        return (struct pp_top_members){&groups->of_location[location], 1};
    return (struct pp_top_members){&groups->of_line[frame->first_line], frame->n_lines};
}

/* What one location weighs, wherever it stands in the tree. */
struct pp_top_load {
    int64_t self, total;
};

/* Fill line, module, is_inlined, and file where groups go by name alone, of each row from the frame
 * of its group that weighs most.  'loads' is by location. */
int pp_top_hottest(const struct pp_top_groups *groups, const struct pprofc_profile *profile,
                   const struct pp_top_load *loads, struct pp_top_row *rows);

#endif
