/* The tree of stacks of a profile under construction. */
#include "base/memory.h"
#include "profile/profile.h"
#include "profile/tables.h"

enum { LEAST_TO_SETTLE_BYTES = 1024 * 1024, FETCHED_AHEAD = 32 /* nodes */ };

/* The child that is there, or 0.  What was made last has none; the first child of most stands
 * right behind its parent. */
static pp_id find_child(const struct pprofc_profile *profile, pp_id parent, pp_id location)
{
    const struct pp_id_table *table = &profile->tables->nodes;
    const pp_id *parents = profile->node_parent, *locations = profile->node_location;
    const pp_id next = parent + 1;
    struct pp_id_probe probe;
    uint64_t hash;

    if (next >= profile->n_nodes)
        return 0;
    if (locations[next] == location && parents[next] == parent)
        return next;
    hash = pp_profile_node_hash(parent, location);
    probe = pp_id_table_first(table, hash);
    while (probe.id != 0 && (locations[probe.id] != location || parents[probe.id] != parent))
        probe = pp_id_table_after(table, hash, probe);
    return probe.id;
}

static pp_id new_node(struct pprofc_profile *profile, pp_id parent, pp_id location)
{
    struct pp_profile_tables *tables = profile->tables;
    const pp_id node = profile->n_nodes;

    if (!PP_PROFILE_ROOM(profile, node_parent, node) ||
        !PP_PROFILE_ROOM(profile, node_location, node))
        return 0;
    if (node != parent + 1 &&
        pp_id_table_put(&tables->nodes, pp_profile_node_hash(parent, location), node) != 0) {
        tables->failed = true;
        return 0;
    }
    profile->node_parent[node] = parent;
    profile->node_location[node] = location;
    return profile->n_nodes++;
}

bool pp_profile_unsettle(struct pprofc_profile *profile)
{
    struct pp_profile_tables *tables = profile->tables;
    const pp_id *parents = profile->node_parent;

    pp_id_table_done(&tables->nodes);
    pp_id_table_done(&tables->samples);
    tables->is_settled = false;
    for (pp_id node = 1; node < profile->n_nodes && !tables->failed; node++)
        if (parents[node] + 1 != node &&
            pp_id_table_put(&tables->nodes,
                            pp_profile_node_hash(parents[node], profile->node_location[node]),
                            node) != 0)
            tables->failed = true;
    for (uint32_t i = 0; i < profile->n_samples && !tables->failed; i++)
        pp_profile_samples_remember(profile, i);
    return !tables->failed;
}

void pp_profile_settle(struct pprofc_profile *profile)
{
    struct pp_profile_tables *tables = profile->tables;
    const uint64_t n_slots = (uint64_t)tables->nodes.n_slots + tables->samples.n_slots;

    if (n_slots * sizeof(uint64_t) < LEAST_TO_SETTLE_BYTES)
        return;
    pp_id_table_done(&tables->nodes);
    pp_id_table_done(&tables->samples);
    tables->is_settled = true;
}

pp_id pp_profile_child(struct pprofc_profile *profile, pp_id parent, pp_id location)
{
    pp_id known;

    if (profile->tables->is_settled && !pp_profile_unsettle(profile))
        return 0;
    known = find_child(profile, parent, location);
    return known != 0 ? known : new_node(profile, parent, location);
}

/* What is below a new node is new. */
static pp_id new_chain(struct pprofc_profile *profile, pp_id parent, const pp_id *locations,
                       size_t n_locations)
{
    struct pp_profile_tables *tables = profile->tables;
    pp_id node = profile->n_nodes, *parents, *node_locations;

    if (!pp_profile_room(tables, &profile->node_parent, &tables->node_parent_capacity, node,
                         n_locations, sizeof *parents) ||
        !pp_profile_room(tables, &profile->node_location, &tables->node_location_capacity, node,
                         n_locations, sizeof *node_locations))
        return 0;
    if (node != parent + 1 &&
        pp_id_table_put(&tables->nodes, pp_profile_node_hash(parent, locations[n_locations - 1]),
                        node) != 0) {
        tables->failed = true;
        return 0;
    }
    parents = profile->node_parent;
    node_locations = profile->node_location;
    for (; n_locations > 0; parent = node++) {
        parents[node] = parent;
        node_locations[node] = locations[--n_locations];
    }
    profile->n_nodes = node;
    return node - 1;
}

pp_id pp_profile_descend(struct pprofc_profile *profile, pp_id node, const pp_id *locations,
                         size_t n_locations)
{
    if (profile->tables->is_settled && !pp_profile_unsettle(profile))
        return 0;
    for (; n_locations > 0; n_locations--) {
        const pp_id known = find_child(profile, node, locations[n_locations - 1]);
        if (known == 0)
            return new_chain(profile, node, locations, n_locations);
        node = known;
    }
    return node;
}

/* Where the child of a node that is known already may stand in the table. */
PP_FETCHES static inline void fetch_ahead(const struct pprofc_profile *profile,
                                          const struct pprofc_profile *source,
                                          const pp_id *locations, const pp_id *nodes, pp_id node)
{
    const struct pp_id_table *table = &profile->tables->nodes;
    const pp_id ahead = node + FETCHED_AHEAD, parent = source->node_parent[ahead];
    uint64_t hash;

    if (parent >= node || parent + 1 == ahead || table->n_slots == 0)
        return;
    hash = pp_profile_node_hash(nodes[parent], locations[source->node_location[ahead]]);
    __builtin_prefetch(&table->slots[pp_id_table_start(hash >> 32, table->n_slots)]);
}

/* There is room for all of them, so that a new one behind its parent, as nearly all are where trees
 * differ, is two numbers written. */
void pp_profile_add_nodes(struct pprofc_profile *profile, const struct pprofc_profile *source,
                          const pp_id *locations, pp_id *nodes)
{
    struct pp_profile_tables *tables = profile->tables;
    const uint32_t n_more = source->n_nodes;

    nodes[0] = 0;
    if (!pp_profile_room(tables, &profile->node_parent, &tables->node_parent_capacity,
                         profile->n_nodes, n_more, sizeof *profile->node_parent) ||
        !pp_profile_room(tables, &profile->node_location, &tables->node_location_capacity,
                         profile->n_nodes, n_more, sizeof *profile->node_location) ||
        (tables->is_settled && !pp_profile_unsettle(profile)))
        return;
    for (pp_id node = 1; node < n_more && !tables->failed; node++) {
        if (node + FETCHED_AHEAD < n_more)
            fetch_ahead(profile, source, locations, nodes, node);
        const pp_id parent = nodes[source->node_parent[node]];
        const pp_id location = locations[source->node_location[node]];
        if (parent + 1 == profile->n_nodes) {
            profile->node_parent[profile->n_nodes] = parent;
            profile->node_location[profile->n_nodes] = location;
            nodes[node] = profile->n_nodes++;
            continue;
        }
        nodes[node] = find_child(profile, parent, location);
        if (nodes[node] == 0)
            nodes[node] = new_node(profile, parent, location);
    }
}

pp_id pp_profile_stack(struct pprofc_profile *profile, const pp_id *locations, size_t n_locations)
{
    struct pp_profile_tables *tables = profile->tables;
    size_t depth = 0;
    pp_id node = 0;

    if (pp_array_reserve(&tables->path_locations, &tables->path_locations_capacity, n_locations,
                         sizeof(pp_id)) != 0 ||
        pp_array_reserve(&tables->path_nodes, &tables->path_nodes_capacity, n_locations,
                         sizeof(pp_id)) != 0) {
        tables->failed = true;
        return 0;
    }
    while (depth < n_locations && depth < tables->path_depth &&
           tables->path_locations[depth] == locations[n_locations - 1 - depth])
        depth++;
    if (depth > 0)
        node = tables->path_nodes[depth - 1];
    for (; depth < n_locations; depth++) {
        const pp_id location = locations[n_locations - 1 - depth];
        node = pp_profile_child(profile, node, location);
        if (node == 0) {
            tables->path_depth = 0;
            return 0;
        }
        tables->path_locations[depth] = location;
        tables->path_nodes[depth] = node;
    }
    tables->path_depth = n_locations;
    return node;
}
