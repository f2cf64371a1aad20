/* Reading pprof files: one pass over the top-level fields to see what is where, then one for each
 * kind of thing, since they may come in any order and lean on each other (Go writes the strings
 * last).  What is unknown is skipped; what contradicts itself is refused, as google/pprof does. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/gzip.h"
#include "base/memory.h"
#include "formats/formats.h"
#include "formats/pprof_reader.h"
#include "profile/tables.h"

enum {
    FETCHED_AHEAD_BYTES = 1024,
    FORGOTTEN_BYTES = 512 * 1024, /* at a time */
};

/* ---- what stands once in a file, and sample types ---- */

static int take_sample_type(struct pp_pprof_reader *reader, const struct pp_wire_field *field,
                            const uint8_t *at)
{
    struct pprofc_profile *profile = reader->profile;

    if (profile->n_types == PP_MAX_TYPES)
        return pp_pprof_refuse(reader, at, "%zu sample types where %d are the limit",
                               reader->ranges[PP_PPROF_SAMPLE_TYPE].n_fields, PP_MAX_TYPES);
    return pp_pprof_read_value_type(reader, field->bytes, &profile->types[profile->n_types++]);
}

static int read_comment(struct pp_pprof_reader *reader, const uint8_t *at, uint64_t index)
{
    pp_id comment = 0;
    const int failed = pp_pprof_read_string(reader, at, index, &comment);

    if (failed != 0)
        return failed;
    if (!pp_pprof_read_comment(reader->profile, reader->profile->strings[comment]))
        pp_profile_comment(reader->profile, "%s", reader->profile->strings[comment]);
    return 0;
}

static int read_comments(struct pp_pprof_reader *reader, const struct pp_wire_field *field,
                         const uint8_t *at)
{
    struct pp_wire packed = field->bytes;
    uint64_t index;
    int failed = 0;

    if (field->type != PP_WIRE_LEN)
        return read_comment(reader, at, field->value);
    while (packed.at < packed.end && failed == 0) {
        at = packed.at;
        if (!pp_wire_varint(&packed, &index))
            return pp_pprof_refuse(reader, at, "malformed or truncated comment");
        failed = read_comment(reader, at, index);
    }
    return failed;
}

static int read_single(struct pp_pprof_reader *reader, const struct pp_wire_field *field,
                       const uint8_t *at)
{
    struct pprofc_profile *profile = reader->profile;

    switch (field->number) {
    case PP_PPROF_DROP_FRAMES:
        return pp_pprof_read_string(reader, at, field->value, &profile->drop_frames);
    case PP_PPROF_KEEP_FRAMES:
        return pp_pprof_read_string(reader, at, field->value, &profile->keep_frames);
    case PP_PPROF_TIME_NANOS:
        profile->time_ns = (int64_t)field->value;
        return 0;
    case PP_PPROF_DURATION_NANOS:
        profile->duration_ns = (int64_t)field->value;
        return 0;
    case PP_PPROF_PERIOD_TYPE:
        return pp_pprof_read_value_type(reader, field->bytes, &profile->period_type);
    case PP_PPROF_PERIOD:
        profile->period = (int64_t)field->value;
        return 0;
    case PP_PPROF_COMMENT:
        return read_comments(reader, field, at);
    case PP_PPROF_DEFAULT_SAMPLE_TYPE:
        reader->default_type_name = field->value;
        return 0;
    default:
        return 0;
    }
}

/* ---- passes over the top level ---- */

/* Things lean on those in passes before.  Numbers are those of the fields, but for the last. */
static const uint32_t passes[] = {
    PP_PPROF_STRING_TABLE, PP_PPROF_SAMPLE_TYPE, PP_PPROF_MAPPING,      PP_PPROF_FUNCTION,
    PP_PPROF_LOCATION,     PP_PPROF_SAMPLE,      PP_PPROF_OTHER_FIELDS,
};

static int count_field(struct pp_pprof_reader *reader, const struct pp_wire_field *field,
                       const uint8_t *at, const uint8_t *end)
{
    const bool is_message =
        field->number <= PP_PPROF_STRING_TABLE || field->number == PP_PPROF_PERIOD_TYPE;
    struct range *range =
        &reader->ranges[field->number < PP_PPROF_OTHER_FIELDS ? field->number
                                                              : PP_PPROF_OTHER_FIELDS];

    if (is_message && field->type != PP_WIRE_LEN)
        return pp_pprof_refuse(reader, at, "field %u is no message", field->number);
    if (range->n_fields++ == 0)
        range->bytes.at = at;
    range->bytes.end = end;
    return 0;
}

static int add_string(struct pp_pprof_reader *reader, const struct pp_wire_field *field,
                      const uint8_t *at)
{
    const size_t n_bytes = (size_t)(field->bytes.end - field->bytes.at);

    if (reader->n_strings == 0 && n_bytes != 0)
        return pp_pprof_refuse(reader, at, "the string table does not begin with the empty string");
    reader->strings[reader->n_strings++] =
        pp_profile_string(reader->profile, (const char *)field->bytes.at, n_bytes);
    return 0;
}

static int take_field(struct pp_pprof_reader *reader, const struct pp_wire_field *field,
                      const uint8_t *at)
{
    switch (field->number) {
    case PP_PPROF_STRING_TABLE:
        return add_string(reader, field, at);
    case PP_PPROF_SAMPLE_TYPE:
        return take_sample_type(reader, field, at);
    case PP_PPROF_MAPPING:
        return pp_pprof_read_mapping(reader, field, at);
    case PP_PPROF_FUNCTION:
        return pp_pprof_read_function(reader, field, at);
    case PP_PPROF_LOCATION:
        return pp_pprof_read_location(reader, field, at);
    case PP_PPROF_SAMPLE:
        return pp_pprof_read_sample(reader, field, at);
    default:
        return read_single(reader, field, at);
    }
}

/* The processor fetches what comes next only up to the end of a page of 4 KiB, of which a pass over
 * short messages sees one after the other. */
PP_FETCHES static inline void fetch_ahead(const uint8_t *at)
{
    for (size_t i = 0; i < 3; i++) /* a message is hardly longer than so many lines */
        __builtin_prefetch(
            (const void *)((uintptr_t)at + FETCHED_AHEAD_BYTES + i * PP_CACHE_LINE_BYTES));
}

/* What kinds of fields there are, how many, and from where to where. */
static int count_all(struct pp_pprof_reader *reader)
{
    struct pp_wire message = reader->all;
    struct pp_wire_field field;
    const uint8_t *at;
    int found, failed = 0;

    while (failed == 0 && (found = pp_pprof_next_field(reader, &message, &field, &at)) != 0) {
        fetch_ahead(message.at);
        failed = found < 0 ? found : count_field(reader, &field, at, message.at);
    }
    return failed;
}

/* Whether no pass behind this one looks at where its fields are, which mostly stand together. */
static bool is_apart(const struct pp_pprof_reader *reader, size_t pass)
{
    const struct pp_wire *own = &reader->ranges[passes[pass]].bytes;

    while (++pass < sizeof passes / sizeof passes[0]) {
        const struct pp_wire *other = &reader->ranges[passes[pass]].bytes;
        if (other->at < own->end && own->at < other->end)
            return false;
    }
    return true;
}

/* What was read, up to 'at', goes back where that is 'n_least' bytes, unless somebody needs it. */
static void forget(struct pp_pprof_reader *reader, const uint8_t *at, size_t n_least)
{
    const size_t n_read = (size_t)(at - reader->all.at);

    if (reader->n_samples == 0 && n_read >= reader->n_forgotten &&
        n_read - reader->n_forgotten >= n_least)
        reader->n_forgotten = pp_buffer_forget(reader->buffer, reader->n_forgotten, n_read);
}

/* Take the fields of one kind. */
static int pass_over(struct pp_pprof_reader *reader, size_t i)
{
    const uint32_t pass = passes[i];
    struct pp_wire message = reader->ranges[pass].bytes;
    struct pp_wire_field field;
    const uint8_t *at;
    int found, before, failed = 0;

    if (pass == PP_PPROF_SAMPLE) /* of all types, which are known now */
        pp_profile_expect_samples(reader->profile, reader->ranges[pass].n_fields);
    reader->n_forgotten = SIZE_MAX;
    if (reader->buffer != NULL && message.at != NULL && is_apart(reader, i))
        reader->n_forgotten = (size_t)(message.at - reader->all.at);
    while (failed == 0 && (found = pp_pprof_next_field(reader, &message, &field, &at)) != 0) {
        fetch_ahead(message.at);
        failed = found < 0 ? found : 0;
        if (failed == 0 && (field.number == pass || (field.number > PP_PPROF_OTHER_FIELDS &&
                                                     pass == PP_PPROF_OTHER_FIELDS)))
            failed = take_field(reader, &field, at);
        forget(reader, message.at, FORGOTTEN_BYTES);
    }
    /* Samples that wait come before the one that is wrong, if there is one. */
    if (pass == PP_PPROF_SAMPLE && (before = pp_pprof_take_samples(reader)) != 0)
        failed = before;
    forget(reader, message.at, 0);
    if (failed == -ENOMEM || (failed == 0 && pp_profile_failed(reader->profile)))
        return pp_pprof_no_memory(reader);
    return failed;
}

/* google/pprof shows the last type when the file names none, or one that is not there. */
static int choose_default_type(struct pp_pprof_reader *reader)
{
    struct pprofc_profile *profile = reader->profile;
    pp_id name = 0;
    const int failed =
        pp_pprof_read_string(reader, reader->all.at, reader->default_type_name, &name);

    profile->default_type = profile->n_types > 0 ? profile->n_types - 1 : 0;
    for (uint32_t type = 0; failed == 0 && name != 0 && type < profile->n_types; type++) {
        if (profile->types[type].type == name) {
            profile->default_type = type;
            break;
        }
    }
    return failed;
}

static int read_all(struct pp_pprof_reader *reader)
{
    const struct range *ranges = reader->ranges;
    int failed = count_all(reader);

    if (failed != 0)
        return failed;
    if (ranges[PP_PPROF_SAMPLE_TYPE].n_fields == 0)
        return pp_pprof_refuse(reader, reader->all.at, "no sample types: not a pprof profile,");
    reader->strings = calloc(ranges[PP_PPROF_STRING_TABLE].n_fields + 1, sizeof *reader->strings);
    if (reader->strings == NULL ||
        pp_pprof_ids_init(&reader->mappings, ranges[PP_PPROF_MAPPING].n_fields) != 0 ||
        pp_pprof_ids_init(&reader->functions, ranges[PP_PPROF_FUNCTION].n_fields) != 0 ||
        pp_pprof_ids_init(&reader->locations, ranges[PP_PPROF_LOCATION].n_fields) != 0)
        return pp_pprof_no_memory(reader);
    reader->key = pp_digest_key();
    for (size_t i = 0; i < sizeof passes / sizeof passes[0] && failed == 0; i++)
        failed = pass_over(reader, i);
    if (failed == 0)
        failed = choose_default_type(reader);
    if (failed == 0 && pp_profile_estimate_heap(reader->profile) != 0)
        return pp_pprof_no_memory(reader);
    return failed;
}

static void reader_done(struct pp_pprof_reader *reader)
{
    pprofc_profile_free(reader->profile);
    free(reader->strings);
    free(reader->stack);
    free(reader->lines);
    free(reader->labels);
    pp_pprof_stacks_done(&reader->stacks);
    pp_pprof_stacks_done(&reader->roots);
    pp_pprof_ids_done(&reader->mappings);
    pp_pprof_ids_done(&reader->functions);
    pp_pprof_ids_done(&reader->locations);
}

/* 'buffer' is the one that 'all' is in, or NULL. */
static int read_profile(struct pp_wire all, struct pp_buffer *buffer, const char *name,
                        struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    __attribute__((cleanup(reader_done))) struct pp_pprof_reader reader = {
        .name = name, .err = err, .all = all, .buffer = buffer};
    int failed;

    reader.profile = pp_profile_new();
    if (reader.profile == NULL)
        return pp_pprof_no_memory(&reader);
    failed = read_all(&reader);
    if (failed != 0)
        return failed;
    pp_profile_settle(reader.profile);
    *profile_out = reader.profile;
    reader.profile = NULL;
    return 0;
}

int pp_pprof_read_buffer(struct pp_buffer *bytes, const char *name,
                         struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    return read_profile(pp_wire_of(bytes->bytes, bytes->n_bytes), bytes, name, profile_out, err);
}

int pp_pprof_read(const void *bytes, size_t n_bytes, const char *name,
                  struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer inflated = PP_BUFFER_INIT;
    int failed;

    if (n_bytes == 0)
        return pp_fail(err, -EBADMSG, 0, "'%s' is empty", name);
    if (!pp_is_gzip(bytes, n_bytes))
        return read_profile(pp_wire_of(bytes, n_bytes), NULL, name, profile_out, err);
    failed = pp_gzip_inflate(bytes, n_bytes, PP_GZIP_DEFAULT_LIMIT, name, &inflated, err);
    return failed != 0 ? failed : pp_pprof_read_buffer(&inflated, name, profile_out, err);
}
