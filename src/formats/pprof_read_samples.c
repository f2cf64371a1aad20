/* Reading the samples of a pprof file.  A message is looked over once for its values and for where
 * its frames and its labels are; these are decoded where the same bytes were not met before.
 *
 * In a large file each of the three looks that a sample needs (the stack's slot, its bytes, the
 * sample's slot) is a miss of all caches.  So samples are taken a batch at a time, and what one
 * step needs is fetched in the one before. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/pprof_reader.h"
#include "formats/text_memo.h"
#include "profile/tables.h"

enum { LEAST_ROOT_BYTES = 32 };

/* ---- frames ---- */

static int refuse_frame(const struct pp_pprof_reader *reader, const uint8_t *at, uint64_t id)
{
    return id == 0 ? pp_pprof_refuse(reader, at, "sample at a location of reserved id 0")
                   : pp_pprof_refuse(reader, at,
                                     "sample at location %" PRIu64 ", which is not there", id);
}

static int add_packed_frames(const struct pp_pprof_reader *reader, size_t *n_frames,
                             struct pp_wire packed)
{
    pp_id *stack = reader->stack;
    size_t n = *n_frames;

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
    *n_frames = n;
    return 0;
}

static int add_frames(struct pp_pprof_reader *reader, size_t *n_frames,
                      const struct pp_wire_field *field, const uint8_t *at)
{
    /* An id is at least one byte. */
    const size_t n_most =
        field->type == PP_WIRE_LEN ? (size_t)(field->bytes.end - field->bytes.at) : 1;

    if (pp_array_reserve(&reader->stack, &reader->stack_capacity, *n_frames + n_most,
                         sizeof(pp_id)) != 0)
        return pp_pprof_no_memory(reader);
    if (field->type == PP_WIRE_LEN)
        return add_packed_frames(reader, n_frames, field->bytes);
    reader->stack[*n_frames] = pp_pprof_ids_find(&reader->locations, field->value);
    return reader->stack[(*n_frames)++] == 0 ? refuse_frame(reader, at, field->value) : 0;
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

/* 'n_leaves' frames of the stack are in reader->stack already, and stay there. */
static int find_root(struct pp_pprof_reader *reader, struct pp_wire root, size_t n_leaves,
                     pp_id *node_out)
{
    const uint64_t hash = pp_text_hash((const char *)root.at, (size_t)(root.end - root.at));
    size_t n_frames = n_leaves;
    int failed;

    if (pp_pprof_stacks_find(&reader->roots, root, hash, node_out))
        return 0;
    failed = add_packed_frames(reader, &n_frames, root);
    if (failed != 0)
        return failed;
    *node_out = pp_profile_stack(reader->profile, reader->stack + n_leaves, n_frames - n_leaves);
    pp_pprof_stacks_put(&reader->roots, root, hash, *node_out);
    return 0;
}

/* The usual form: all ids in one field. */
static int decode_packed(struct pp_pprof_reader *reader, struct pp_wire packed, pp_id *node_out)
{
    const struct pp_wire root =
        reader->roots.is_off ? (struct pp_wire){packed.end, packed.end} : root_part(packed);
    size_t n_frames = 0;
    pp_id node = 0;
    int failed;

    if (pp_array_reserve(&reader->stack, &reader->stack_capacity, (size_t)(packed.end - packed.at),
                         sizeof(pp_id)) != 0)
        return pp_pprof_no_memory(reader);
    failed = add_packed_frames(reader, &n_frames, (struct pp_wire){packed.at, root.at});
    if (failed == 0 && root.at == root.end) {
        *node_out = pp_profile_stack(reader->profile, reader->stack, n_frames);
        return 0;
    }
    if (failed == 0)
        failed = find_root(reader, root, n_frames, &node);
    if (failed != 0)
        return failed;
    while (n_frames > 0 && !pp_profile_failed(reader->profile))
        node = pp_profile_child(reader->profile, node, reader->stack[--n_frames]);
    *node_out = node;
    return 0;
}

static int decode_stack(struct pp_pprof_reader *reader, struct pp_wire bytes, pp_id *node_out)
{
    struct pp_wire_field field;
    const uint8_t *at;
    size_t n_frames = 0;
    int found = 0, failed = 0;

    while (failed == 0 && (found = pp_pprof_next_field(reader, &bytes, &field, &at)) > 0) {
        if (field.number != PP_PPROF_S_LOCATION_ID)
            continue;
        if (n_frames == 0 && bytes.at == bytes.end && field.type == PP_WIRE_LEN)
            return decode_packed(reader, field.bytes, node_out);
        failed = add_frames(reader, &n_frames, &field, at);
    }
    if (failed != 0 || found < 0)
        return failed != 0 ? failed : found;
    *node_out = pp_profile_stack(reader->profile, reader->stack, n_frames);
    return 0;
}

/* ---- labels ---- */

static int add_label(struct pp_pprof_reader *reader, uint32_t *n_labels, struct pp_wire message)
{
    struct pp_label *label;
    struct pp_wire_field field;
    const uint8_t *at;
    int found = 0, failed = 0;

    if (pp_array_reserve(&reader->labels, &reader->labels_capacity, (size_t)*n_labels + 1,
                         sizeof *reader->labels) != 0)
        return pp_pprof_no_memory(reader);
    label = &reader->labels[(*n_labels)++];
    *label = (struct pp_label){0};
    while (failed == 0 && (found = pp_pprof_next_field(reader, &message, &field, &at)) > 0) {
        if (field.number == PP_PPROF_LABEL_KEY)
            failed = pp_pprof_read_string(reader, at, field.value, &label->key);
        else if (field.number == PP_PPROF_LABEL_STR)
            failed = pp_pprof_read_string(reader, at, field.value, &label->text);
        else if (field.number == PP_PPROF_LABEL_NUM)
            label->number = (int64_t)field.value;
        else if (field.number == PP_PPROF_LABEL_NUM_UNIT)
            failed = pp_pprof_read_string(reader, at, field.value, &label->unit);
    }
    return failed != 0 ? failed : found;
}

static int decode_labels(struct pp_pprof_reader *reader, struct pp_wire bytes, pp_id *set_out)
{
    struct pp_wire_field field;
    const uint8_t *at;
    uint32_t n_labels = 0;
    int found = 0, failed = 0;

    while (failed == 0 && (found = pp_pprof_next_field(reader, &bytes, &field, &at)) > 0)
        if (field.number == PP_PPROF_S_LABEL)
            failed = add_label(reader, &n_labels, field.bytes);
    if (failed != 0 || found < 0)
        return failed != 0 ? failed : found;
    *set_out = pp_profile_label_set(reader->profile, reader->labels, n_labels);
    return 0;
}

/* Sets are few or as many as samples: of the few the last ones are kept. */
static int find_labels(struct pp_pprof_reader *reader, struct pp_wire bytes, pp_id *set_out)
{
    const size_t n_bytes = (size_t)(bytes.end - bytes.at);
    struct pp_pprof_known_labels *known;
    int failed;

    *set_out = 0;
    if (n_bytes == 0)
        return 0;
    known =
        &reader
             ->known_labels[pp_text_hash((const char *)bytes.at, n_bytes) % PP_PPROF_KNOWN_LABELS];
    if ((size_t)(known->bytes.end - known->bytes.at) == n_bytes &&
        memcmp(known->bytes.at, bytes.at, n_bytes) == 0) {
        *set_out = known->set;
        return 0;
    }
    failed = decode_labels(reader, bytes, set_out);
    if (failed == 0)
        *known = (struct pp_pprof_known_labels){bytes, *set_out};
    return failed;
}

/* ---- samples ---- */

static int add_values(const struct pp_pprof_reader *reader, struct pp_pprof_sample *sample,
                      const struct pp_wire_field *field)
{
    struct pp_wire packed = field->bytes;
    uint64_t value = field->value;

    do {
        const uint8_t *at = packed.at;
        if (field->type == PP_WIRE_LEN) {
            if (packed.at == packed.end)
                break;
            if (!pp_wire_varint(&packed, &value))
                return pp_pprof_refuse(reader, at, "malformed or truncated value");
        }
        if (sample->n_values < PP_MAX_TYPES)
            sample->values[sample->n_values] = (int64_t)value;
        sample->n_values++;
    } while (field->type == PP_WIRE_LEN);
    return 0;
}

/* From the first field of a kind to the end of the last: what stands between them is passed over
 * when they are decoded. */
static void extend(struct pp_wire *bytes, const uint8_t *at, const uint8_t *end)
{
    if (bytes->at == NULL)
        bytes->at = at;
    bytes->end = end;
}

/* Look a message over. */
static int scan(struct pp_pprof_reader *reader, struct pp_wire message, const uint8_t *begin,
                struct pp_pprof_sample *sample)
{
    struct pp_wire labels = {NULL, NULL};
    struct pp_wire_field field;
    const uint8_t *at;
    int found = 0, failed = 0;

    sample->n_values = 0;
    sample->frames = (struct pp_wire){NULL, NULL};
    while (failed == 0 && (found = pp_pprof_next_field(reader, &message, &field, &at)) > 0) {
        if (field.number == PP_PPROF_S_LOCATION_ID)
            extend(&sample->frames, at, message.at);
        else if (field.number == PP_PPROF_S_VALUE)
            failed = add_values(reader, sample, &field);
        else if (field.number == PP_PPROF_S_LABEL)
            extend(&labels, at, message.at);
    }
    if (failed != 0 || found < 0)
        return failed != 0 ? failed : found;
    if (sample->n_values != reader->profile->n_types) {
        failed = decode_stack(reader, sample->frames, &sample->node); /* it comes first */
        return failed != 0
                   ? failed
                   : pp_pprof_refuse(reader, begin, "sample with %zu values for %u sample types",
                                     sample->n_values, reader->profile->n_types);
    }
    return find_labels(reader, labels, &sample->labels);
}

static int find_stack(struct pp_pprof_reader *reader, struct pp_pprof_sample *sample)
{
    int failed;

    sample->node = 0;
    if (pp_pprof_stacks_find(&reader->stacks, sample->frames, sample->hash, &sample->node))
        return 0;
    failed = decode_stack(reader, sample->frames, &sample->node);
    if (failed == 0)
        pp_pprof_stacks_put(&reader->stacks, sample->frames, sample->hash, sample->node);
    return failed;
}

int pp_pprof_take_samples(struct pp_pprof_reader *reader)
{
    struct pp_pprof_sample *samples = reader->samples;
    const uint32_t n_samples = reader->n_samples;
    int failed = 0;

    reader->n_samples = 0;
    for (uint32_t i = 0; i < n_samples; i++)
        pp_pprof_stacks_fetch_bytes(&reader->stacks, samples[i].hash);
    for (uint32_t i = 0; i < n_samples && failed == 0; i++) {
        failed = find_stack(reader, &samples[i]);
        pp_profile_fetch_sample(reader->profile, samples[i].node, samples[i].labels, 0);
    }
    for (uint32_t i = 0; i < n_samples && failed == 0; i++)
        pp_profile_add(reader->profile, samples[i].node, samples[i].labels, 0, samples[i].values);
    return failed;
}

int pp_pprof_read_sample(struct pp_pprof_reader *reader, const struct pp_wire_field *whole,
                         const uint8_t *begin)
{
    struct pp_pprof_sample *sample = &reader->samples[reader->n_samples];
    const int failed = scan(reader, whole->bytes, begin, sample);

    if (failed != 0)
        return failed;
    sample->hash = pp_text_hash((const char *)sample->frames.at,
                                (size_t)(sample->frames.end - sample->frames.at));
    pp_pprof_stacks_fetch_slot(&reader->stacks, sample->hash);
    return ++reader->n_samples == PP_PPROF_BATCH ? pp_pprof_take_samples(reader) : 0;
}
