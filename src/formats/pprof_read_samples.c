/* Reading the samples of a pprof file.  A message is looked over once for its values and for where
 * its frames and its labels are; these are decoded where the same bytes were not met before.
 *
 * In a large file each of the two looks that a sample needs (the stack's slot, the sample's slot)
 * is a miss of all caches.  So samples are taken a batch at a time, and what one step needs is
 * fetched in the one before. */
#include <errno.h>

#include "base/memory.h"
#include "formats/pprof_reader.h"
#include "profile/tables.h"

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
    struct pp_digest digest;
    int failed;

    *set_out = 0;
    if (n_bytes == 0)
        return 0;
    digest = pp_digest_of(&reader->key, bytes.at, n_bytes);
    known = &reader->known_labels[digest.place % PP_PPROF_KNOWN_LABELS];
    if (known->set != 0 && pp_digest_is(known->digest, digest)) {
        *set_out = known->set;
        return 0;
    }
    failed = decode_labels(reader, bytes, set_out);
    if (failed == 0)
        *known = (struct pp_pprof_known_labels){digest, *set_out};
    return failed;
}

/* ---- samples ---- */

static int add_packed_values(const struct pp_pprof_reader *reader, int64_t *values,
                             struct pp_wire packed, size_t *n_values)
{
    uint64_t value;
    size_t n = *n_values;

    for (; packed.at < packed.end; n++) {
        const uint8_t *at = packed.at;
        if (!pp_wire_varint(&packed, &value))
            return pp_pprof_refuse(reader, at, "malformed or truncated value");
        if (n < PP_MAX_TYPES)
            values[n] = (int64_t)value;
    }
    *n_values = n;
    return 0;
}

/* From the first field of a kind to the end of the last: what stands between them is passed over
 * when they are decoded. */
static inline void extend(struct pp_wire *bytes, const uint8_t *at, const uint8_t *end)
{
    if (bytes->at == NULL)
        bytes->at = at;
    bytes->end = end;
}

/* Look a message over. */
static int look_over(struct pp_pprof_reader *reader, struct pp_wire message,
                     struct pp_pprof_sample *sample, struct pp_wire *labels_out)
{
    struct pp_wire frames = {NULL, NULL}, labels = {NULL, NULL};
    struct pp_wire_field field;
    const uint8_t *at;
    size_t n_values = 0;
    int found = 0, failed = 0;

    while (failed == 0 && (found = pp_pprof_next_field(reader, &message, &field, &at)) > 0) {
        if (field.number == PP_PPROF_S_LOCATION_ID)
            extend(&frames, at, message.at);
        else if (field.number == PP_PPROF_S_LABEL)
            extend(&labels, at, message.at);
        else if (field.number == PP_PPROF_S_VALUE && field.type == PP_WIRE_LEN)
            failed = add_packed_values(reader, sample->values, field.bytes, &n_values);
        else if (field.number == PP_PPROF_S_VALUE && n_values++ < PP_MAX_TYPES)
            sample->values[n_values - 1] = (int64_t)field.value;
    }
    sample->n_values = n_values;
    sample->frames = frames;
    *labels_out = labels;
    return failed != 0 ? failed : found;
}

static int scan(struct pp_pprof_reader *reader, struct pp_wire message, const uint8_t *begin,
                struct pp_pprof_sample *sample)
{
    struct pp_wire labels;
    int failed = look_over(reader, message, sample, &labels);

    if (failed != 0)
        return failed;
    if (sample->n_values != reader->profile->n_types) {
        failed = pp_pprof_check_stack(reader, sample); /* what is wrong with it comes first */
        return failed != 0
                   ? failed
                   : pp_pprof_refuse(reader, begin, "sample with %zu values for %u sample types",
                                     sample->n_values, reader->profile->n_types);
    }
    return find_labels(reader, labels, &sample->labels);
}

int pp_pprof_take_samples(struct pp_pprof_reader *reader)
{
    struct pp_pprof_sample *samples = reader->samples;
    const uint32_t n_samples = reader->n_samples;
    int failed;

    reader->n_samples = 0;
    for (uint32_t i = 0; i < n_samples; i++) {
        samples[i].node = pp_pprof_stacks_find(&reader->stacks, samples[i].digest);
        if (samples[i].node == 0)
            pp_pprof_expect_stack(reader, &samples[i]);
    }
    failed = pp_pprof_take_stacks(reader);
    if (failed != 0)
        return failed;
    for (uint32_t i = 0; i < n_samples; i++)
        pp_profile_fetch_sample(reader->profile, samples[i].node, samples[i].labels, 0);
    for (uint32_t i = 0; i < n_samples; i++)
        pp_profile_add(reader->profile, samples[i].node, samples[i].labels, 0, samples[i].values);
    return 0;
}

int pp_pprof_read_sample(struct pp_pprof_reader *reader, const struct pp_wire_field *whole,
                         const uint8_t *begin)
{
    struct pp_pprof_sample *sample = &reader->samples[reader->n_samples];
    const int failed = scan(reader, whole->bytes, begin, sample);

    if (failed != 0)
        return failed;
    sample->digest = pp_digest_of(&reader->key, sample->frames.at,
                                  (size_t)(sample->frames.end - sample->frames.at));
    pp_pprof_stacks_fetch(&reader->stacks, sample->digest);
    return ++reader->n_samples == PP_PPROF_BATCH ? pp_pprof_take_samples(reader) : 0;
}
