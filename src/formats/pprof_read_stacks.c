/* Reading the stacks of a pprof file that were not met before: a batch at a time, since each waits
 * mostly for memory. */
#include <errno.h>
#include <inttypes.h>

#include "base/memory.h"
#include "formats/pprof_reader.h"

enum { LEAST_ROOT_BYTES = 32 };

/* ---- frames ---- */

static int refuse_frame(const struct pp_pprof_reader *reader, const uint8_t *at, uint64_t id)
{
    return id == 0 ? pp_pprof_refuse(reader, at, "sample at a location of reserved id 0")
                   : pp_pprof_refuse(reader, at,
                                     "sample at location %" PRIu64 ", which is not there", id);
}

/* Ids that there is room for. */
static int add_packed_frames(struct pp_pprof_reader *reader, struct pp_wire packed)
{
    pp_id *stack = reader->stack;
    size_t n = reader->n_frames;

    while (packed.at < packed.end) {
        const uint8_t *at = packed.at;
        pp_id location;
        uint64_t id;
        if (!pp_wire_varint(&packed, &id))
            return pp_pprof_refuse(reader, at, "malformed or truncated location id");
        location = pp_pprof_ids_find(&reader->locations, id);
        if (location == 0)
            return refuse_frame(reader, at, id);
        stack[n++] = location;
    }
    reader->n_frames = n;
    return 0;
}

static int add_frames(struct pp_pprof_reader *reader, const struct pp_wire_field *field,
                      const uint8_t *at)
{
    pp_id location;

    if (field->type == PP_WIRE_LEN)
        return add_packed_frames(reader, field->bytes);
    location = pp_pprof_ids_find(&reader->locations, field->value);
    reader->stack[reader->n_frames++] = location;
    return location == 0 ? refuse_frame(reader, at, field->value) : 0;
}

/* A new stack mostly begins at its root as others do.  Of packed ids, leaf first, the part that is
 * looked up for it: so many bytes at the end that stacks of different depths agree on them. */
static struct pp_wire root_part(struct pp_wire packed)
{
    const size_t n_most = (size_t)(packed.end - packed.at) / 4 * 3;
    size_t n_root = LEAST_ROOT_BYTES;

    if (n_most < LEAST_ROOT_BYTES)
        return (struct pp_wire){packed.end, packed.end};
    while (n_root * 2 <= n_most)
        n_root *= 2;
    packed.at = packed.end - n_root;
    while (packed.at < packed.end && packed.at[-1] >= 0x80)
        packed.at++; /* an id begins behind the end of another */
    return packed;
}

void pp_pprof_expect_stack(struct pp_pprof_reader *reader, struct pp_pprof_sample *sample)
{
    struct pp_pprof_new_stack *new = &reader->new_stacks[reader->n_new_stacks++];
    struct pp_wire bytes = sample->frames;
    struct pp_wire_field field;

    *new = (struct pp_pprof_new_stack){.sample = sample};
    if (!pp_pprof_next_short_field(&bytes, &field) || bytes.at != bytes.end ||
        field.type != PP_WIRE_LEN)
        return;
    new->packed = field.bytes;
    new->root = root_part(field.bytes);
    if (reader->roots.is_off || new->root.at == new->root.end)
        return;
    new->has_root = true;
    new->root_digest =
        pp_digest_of(&reader->key, new->root.at, (size_t)(new->root.end - new->root.at));
    pp_pprof_stacks_fetch(&reader->roots, new->root_digest);
}

/* The usual form: all ids in one field.  What others begin with as well is looked up, not read. */
static int add_packed(struct pp_pprof_reader *reader, struct pp_pprof_new_stack *new,
                      pp_id *root_out)
{
    int failed;

    if (!new->has_root)
        return add_packed_frames(reader, new->packed);
    failed = add_packed_frames(reader, (struct pp_wire){new->packed.at, new->root.at});
    if (failed != 0)
        return failed;
    *root_out = pp_pprof_stacks_find(&reader->roots, new->root_digest);
    if (*root_out != 0) {
        new->has_root = false; /* nothing to remember */
        pp_profile_fetch_children(reader->profile, *root_out);
        return 0;
    }
    new->n_leaves = reader->n_frames - new->first;
    return add_packed_frames(reader, new->root);
}

static int add_all_frames(struct pp_pprof_reader *reader, struct pp_wire bytes)
{
    struct pp_wire_field field;
    const uint8_t *at;
    int found = 0, failed = 0;

    while (failed == 0 && (found = pp_pprof_next_field(reader, &bytes, &field, &at)) > 0)
        if (field.number == PP_PPROF_S_LOCATION_ID)
            failed = add_frames(reader, &field, at);
    return failed != 0 ? failed : found;
}

/* Its frames, behind those of others; 'walk' begins where they are known to. */
static int decode(struct pp_pprof_reader *reader, struct pp_pprof_new_stack *new,
                  struct pp_profile_walk *walk)
{
    const struct pp_wire bytes = new->sample->frames;
    pp_id root = 0;
    int failed;

    new->first = reader->n_frames;
    /* An id is at least one byte. */
    if (pp_array_reserve(&reader->stack, &reader->stack_capacity,
                         reader->n_frames + (size_t)(bytes.end - bytes.at), sizeof(pp_id)) != 0)
        return pp_pprof_no_memory(reader);
    failed =
        new->packed.at != NULL ? add_packed(reader, new, &root) : add_all_frames(reader, bytes);
    *walk = (struct pp_profile_walk){.n_left = reader->n_frames - new->first, .node = root};
    return failed;
}

int pp_pprof_check_stack(struct pp_pprof_reader *reader, struct pp_pprof_sample *sample)
{
    struct pp_pprof_new_stack new = {.sample = sample};
    struct pp_profile_walk walk;

    return decode(reader, &new, &walk);
}

/* From where its walk has ended to its leaf. */
static void take_stack(struct pp_pprof_reader *reader, const struct pp_pprof_new_stack *new,
                       const struct pp_profile_walk *walk)
{
    struct pprofc_profile *profile = reader->profile;
    size_t n_left = walk->n_left;
    pp_id node = walk->node, root;

    if (n_left > new->n_leaves) {
        node = pp_profile_descend(profile, node, walk->locations + new->n_leaves,
                                  n_left - new->n_leaves);
        n_left = new->n_leaves;
    }
    root = node;
    for (size_t n_below = n_left; n_below < new->n_leaves; n_below++)
        root = profile->node_parent[root];
    if (!pp_profile_failed(profile))
        node = pp_profile_descend(profile, node, walk->locations, n_left);
    if (pp_profile_failed(profile))
        return;
    if (new->has_root)
        pp_pprof_stacks_put(&reader->roots, new->root_digest, root);
    pp_pprof_stacks_put(&reader->stacks, new->sample->digest, node);
    new->sample->node = node;
}

int pp_pprof_take_stacks(struct pp_pprof_reader *reader)
{
    const uint32_t n_new_stacks = reader->n_new_stacks;
    int failed = 0;

    reader->n_new_stacks = 0;
    reader->n_frames = 0;
    for (uint32_t i = 0; i < n_new_stacks && failed == 0; i++)
        failed = decode(reader, &reader->new_stacks[i], &reader->walks[i]);
    if (failed != 0)
        return failed;
    for (uint32_t i = 0; i < n_new_stacks; i++)
        if (reader->walks[i].n_left > 0)
            reader->walks[i].locations = reader->stack + reader->new_stacks[i].first;
    pp_profile_walk_known(reader->profile, reader->walks, n_new_stacks);
    for (uint32_t i = 0; i < n_new_stacks; i++)
        take_stack(reader, &reader->new_stacks[i], &reader->walks[i]);
    return 0;
}
