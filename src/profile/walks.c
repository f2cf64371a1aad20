/* Several ways down the tree side by side.  Each step of one is two misses of all caches (where the
 * table of nodes may know a child, and what that child is), which wait for each other; those of
 * different ways do not. */
#include "profile/tables.h"

/* Along what was made at one time, one node after the other, and fetch what comes next. */
PP_FETCHES static inline void begin_step(const struct pprofc_profile *profile,
                                         struct pp_profile_walk *walk)
{
    const struct pp_id_table *table = &profile->tables->nodes;

    while (walk->n_left > 0 && walk->node + 1 < profile->n_nodes &&
           profile->node_parent[walk->node + 1] == walk->node &&
           profile->node_location[walk->node + 1] == walk->locations[walk->n_left - 1]) {
        walk->node++;
        walk->n_left--;
    }
    if (walk->n_left == 0 || table->n_slots == 0)
        return;
    walk->hash = pp_profile_node_hash(walk->node, walk->locations[walk->n_left - 1]);
    __builtin_prefetch(&table->slots[pp_id_table_start(walk->hash >> 32, table->n_slots)]);
}

PP_FETCHES static inline void look_up(const struct pprofc_profile *profile,
                                      struct pp_profile_walk *walk)
{
    walk->next = walk->n_left == 0 ? 0 : pp_id_table_first(&profile->tables->nodes, walk->hash).id;
    if (walk->next == 0)
        return;
    __builtin_prefetch(&profile->node_parent[walk->next]);
    __builtin_prefetch(&profile->node_location[walk->next]);
}

/* False where it ends, or the table has something else under the same hash. */
static bool end_step(const struct pprofc_profile *profile, struct pp_profile_walk *walk)
{
    if (walk->next == 0 || profile->node_parent[walk->next] != walk->node ||
        profile->node_location[walk->next] != walk->locations[walk->n_left - 1])
        return false;
    walk->node = walk->next;
    walk->n_left--;
    return walk->n_left > 0;
}

void pp_profile_walk_known(struct pprofc_profile *profile, struct pp_profile_walk *walks,
                           uint32_t n_walks)
{
    struct pp_profile_walk *going[PP_PROFILE_MOST_WALKS];
    uint32_t n_going = 0;

    if (n_walks > PP_PROFILE_MOST_WALKS ||
        (profile->tables->is_settled && !pp_profile_unsettle(profile)))
        return;
    for (uint32_t i = 0; i < n_walks; i++)
        going[n_going++] = &walks[i];
    while (n_going > 0) {
        const uint32_t n = n_going;
        for (uint32_t i = 0; i < n; i++)
            begin_step(profile, going[i]);
        for (uint32_t i = 0; i < n; i++)
            look_up(profile, going[i]);
        n_going = 0;
        for (uint32_t i = 0; i < n; i++)
            if (end_step(profile, going[i]))
                going[n_going++] = going[i];
    }
}
