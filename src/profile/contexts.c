/* Groups told apart by how they were reached. */
#include "profile/contexts.h"

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "profile/id_table.h"
#include "profile/tables.h"

enum { ROOT = UINT32_MAX };

struct building {
    struct pp_contexts *contexts;
    struct pp_id_table table; /* of (outer context, group); ids are context + 1 */
    uint32_t *outer;          /* by context: the one around it, or ROOT */
    size_t outer_capacity;
};

static void building_done(struct building *building)
{
    pp_id_table_done(&building->table);
    free(building->outer);
}

/* The context of 'group' within 'outer', made when it is new; ROOT without memory. */
static uint32_t within(struct building *building, uint32_t outer, uint32_t group)
{
    struct pp_contexts *contexts = building->contexts;
    const uint64_t hash = pp_hash_mix((uint64_t)outer << 32 | group);
    struct pp_id_probe probe = pp_id_table_first(&building->table, hash);

    for (; probe.id != 0; probe = pp_id_table_after(&building->table, hash, probe))
        if (building->outer[probe.id - 1] == outer && contexts->group[probe.id - 1] == group)
            return probe.id - 1;
    if (pp_array_reserve(&contexts->group, &contexts->capacity, contexts->n + 1UL,
                         sizeof *contexts->group) != 0 ||
        pp_array_reserve(&building->outer, &building->outer_capacity, contexts->n + 1UL,
                         sizeof *building->outer) != 0 ||
        pp_id_table_put(&building->table, hash, contexts->n + 1) != 0)
        return ROOT;
    contexts->group[contexts->n] = group;
    building->outer[contexts->n] = outer;
    return contexts->n++;
}

/* How many members all nodes have together; 0 when that is more than can be numbered. */
static uint32_t count_members(const struct pprofc_profile *profile,
                              const struct pp_top_groups *groups)
{
    uint64_t n = 1;

    for (pp_id node = 1; node < profile->n_nodes && n < UINT32_MAX / 2; node++)
        n += pp_top_groups_of(groups, profile, profile->node_location[node]).n;
    return n < UINT32_MAX / 2 ? (uint32_t)n : 0;
}

int pp_contexts_init(struct pp_contexts *contexts, const struct pprofc_profile *profile,
                     const struct pp_top_groups *groups)
{
    __attribute__((cleanup(building_done))) struct building building = {.contexts = contexts};
    const uint32_t n_members = count_members(profile, groups);
    uint32_t n = 0;

    *contexts = (struct pp_contexts){
        .first = calloc((size_t)profile->n_nodes + 1, sizeof *contexts->first),
        .members = calloc((size_t)n_members + 1, sizeof *contexts->members),
    };
    if (n_members == 0 || contexts->first == NULL || contexts->members == NULL)
        return -ENOMEM;
    for (pp_id node = 1; node < profile->n_nodes; node++) { /* a parent comes before its children */
        const pp_id parent = profile->node_parent[node];
        const struct pp_top_members members =
            pp_top_groups_of(groups, profile, profile->node_location[node]);
        uint32_t context = parent != 0 ? contexts->members[contexts->first[parent]] : ROOT;
        contexts->first[node] = n;
        n += members.n;
        for (uint32_t i = members.n; i-- > 0;) { /* the callers first */
            context = within(&building, context, members.groups[i]);
            if (context == ROOT)
                return -ENOMEM;
            contexts->members[contexts->first[node] + i] = context;
        }
    }
    return 0;
}

void pp_contexts_done(struct pp_contexts *contexts)
{
    free(contexts->group);
    free(contexts->first);
    free(contexts->members);
    *contexts = (struct pp_contexts){.group = NULL};
}
