/* What the builder keeps beside a profile's columns: their capacities and the tables that intern.
 */
#ifndef PP_PROFILE_TABLES_H
#define PP_PROFILE_TABLES_H

#include "base/memory.h"
#include "profile/id_table.h"
#include "profile/profile.h"

struct pp_profile_tables {
    bool failed;     /* some allocation was refused: the profile is incomplete */
    bool is_settled; /* the tables of nodes and of samples are made anew when they are needed */

    size_t strings_capacity, string_bytes_capacity, mappings_capacity, functions_capacity,
        lines_capacity, locations_capacity, labels_capacity, label_sets_capacity, comments_capacity;
    size_t node_parent_capacity, node_location_capacity;
    size_t sample_stack_capacity, sample_labels_capacity, sample_slice_capacity,
        sample_values_capacity, sample_estimates_capacity;

    struct pp_id_table strings, mappings, functions, locations, label_sets;
    /* The children that were not made right behind their parents; the others are found beside
     * them.  Most nodes have one child, made with the rest of its stack. */
    struct pp_id_table nodes;

    struct pp_id_table samples; /* ids are sample + 1: sample 0 is a sample like any other */

    /* The stack that pp_profile_stack() made last, root first: the next one mostly shares its
     * beginning. */
    pp_id *path_locations, *path_nodes;
    size_t path_locations_capacity, path_nodes_capacity;
    size_t path_depth;
};

/* Room for 'n_more' items behind 'n_items', or the profile is marked failed.  Ids stay below
 * UINT32_MAX, so that id + 1 is one too. */
static inline bool pp_profile_room(struct pp_profile_tables *tables, void *column, size_t *capacity,
                                   size_t n_items, size_t n_more, size_t item_bytes)
{
    if (n_more < UINT32_MAX - n_items &&
        pp_array_reserve(column, capacity, n_items + n_more, item_bytes) == 0)
        return true;
    tables->failed = true;
    return false;
}

#define PP_PROFILE_ROOM(profile, column, n_items)                                                 \
    pp_profile_room((profile)->tables, &(profile)->column, &(profile)->tables->column##_capacity, \
                    (n_items), 1, sizeof *(profile)->column)

/* a + b, at the end of the scale rather than wrapped around. */
static inline int64_t pp_add_values(int64_t a, int64_t b)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return a < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

static inline uint64_t pp_profile_node_hash(pp_id parent, pp_id location)
{
    return pp_hash_mix((uint64_t)parent << 32 | location);
}

/* Add all nodes of 'source' to the tree of 'profile', at the locations that 'locations' has for
 * those of 'source'.  In 'nodes', by node of the source, is then where each one is. */
void pp_profile_add_nodes(struct pprofc_profile *profile, const struct pprofc_profile *source,
                          const pp_id *locations, pp_id *nodes);

/* A way down the tree. */
struct pp_profile_walk {
    const pp_id *locations; /* leaf first */
    size_t n_left;          /* of them: how many are still to go */
    pp_id node;             /* where it is */

    pp_id next;    /* of pp_profile_walk_known(): where it may go */
    uint64_t hash; /* and under what that is looked for */
};

enum { PP_PROFILE_MOST_WALKS = 64 };

/* Go each way as far as there are nodes, or a little less (walks.c): several together take hardly
 * longer than one, since most of the time goes by in waiting for memory. */
void pp_profile_walk_known(struct pprofc_profile *profile, struct pp_profile_walk *walks,
                           uint32_t n_walks);

/* Have brought here where the first child of 'node' mostly is. */
PP_FETCHES static inline void pp_profile_fetch_children(const struct pprofc_profile *profile,
                                                        pp_id node)
{
    __builtin_prefetch(&profile->node_parent[node + 1]);
    __builtin_prefetch(&profile->node_location[node + 1]);
}

static inline uint64_t pp_profile_sample_hash(pp_id stack, pp_id labels, uint32_t slice)
{
    return pp_hash_add(pp_hash_mix((uint64_t)stack << 32 | labels), slice);
}

/* Have brought here what pp_profile_add() looks at first. */
PP_FETCHES static inline void pp_profile_fetch_sample(const struct pprofc_profile *profile,
                                                      pp_id stack, pp_id labels, uint32_t slice)
{
    const struct pp_id_table *table = &profile->tables->samples;

    if (table->n_slots > 0)
        __builtin_prefetch(&table->slots[pp_id_table_start(
            pp_profile_sample_hash(stack, labels, slice) >> 32, table->n_slots)]);
}

/* For a reader that is done: where they are large, give back the tables that find nodes and
 * samples. Whoever adds something to the profile makes them anew. */
void pp_profile_settle(struct pprofc_profile *profile);
bool pp_profile_unsettle(struct pprofc_profile *profile); /* false: no memory */

/* Make room for about 'n_samples' of the types that are there; a hint, which may be refused. */
void pp_profile_expect_samples(struct pprofc_profile *profile, size_t n_samples);

/* For who changes what samples are known by (their slices): forget them all, then remember each
 * anew. */
void pp_profile_samples_forget(struct pprofc_profile *profile);
void pp_profile_samples_remember(struct pprofc_profile *profile, uint32_t sample);

/* Take the tree and the samples out of 'profile' into 'old' (only those columns, and their tables),
 * leaving an empty tree; and back again, dropping what was built meanwhile. */
struct pp_profile_samples {
    pp_id *node_parent, *node_location;
    pp_id *sample_stack, *sample_labels;
    uint32_t *sample_slice;
    int64_t *sample_values;
    struct pp_estimate *sample_estimates;
    uint32_t n_nodes, n_samples;
    struct pp_profile_tables tables; /* capacities and tables of the columns above */
};

int pp_profile_samples_take(struct pprofc_profile *profile, struct pp_profile_samples *old);
void pp_profile_samples_restore(struct pprofc_profile *profile, struct pp_profile_samples *old);
void pp_profile_samples_done(struct pp_profile_samples *old);

#endif
