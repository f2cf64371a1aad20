/* Reading the samples of a pprof file.  A message is looked over once for its values and for where
 * its frames and its labels are; these are decoded where the same bytes were not met before.
 *
 * In a large file each of the three looks that a sample needs (the stack's slot, its bytes, the
 * sample's slot) is a miss of all caches.  So samples are taken a batch at a time, and what one
 * step needs is fetched in the one before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/pprof_reader.h"
#include "formats/text_memo.h"
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
        failed = pp_pprof_add_stack(reader, sample); /* what is wrong with it comes first */
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
    int failed = 0;

    reader->n_samples = 0;
    for (uint32_t i = 0; i < n_samples; i++)
        pp_pprof_stacks_fetch_bytes(&reader->stacks, samples[i].hash);
    for (uint32_t i = 0; i < n_samples && failed == 0; i++)
        if (!pp_pprof_stacks_find(&reader->stacks, samples[i].frames, samples[i].hash,
                                  &samples[i].node))
            failed = pp_pprof_add_stack(reader, &samples[i]);
    if (failed != 0)
        return failed;
    pp_pprof_take_stacks(reader);
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
    sample->hash = pp_text_hash((const char *)sample->frames.at,
                                (size_t)(sample->frames.end - sample->frames.at));
    pp_pprof_stacks_fetch_slot(&reader->stacks, sample->hash);
    return ++reader->n_samples == PP_PPROF_BATCH ? pp_pprof_take_samples(reader) : 0;
}
