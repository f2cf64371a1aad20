/* Reading pprof files: one pass over the top-level fields for each kind of thing, since they may
 * come in any order and lean on each other (Go writes the strings last).  What is unknown is
 * skipped; what contradicts itself is refused, as google/pprof does. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/gzip.h"
#include "base/memory.h"
#include "formats/formats.h"
#include "formats/pprof.h"
#include "formats/pprof_ids.h"
#include "formats/wire.h"

struct reader {
    struct pprofc_profile *profile;
    const char *name;
    struct pp_wire all;
    struct pprofc_error *err;

    size_t n_strings, n_mappings, n_functions, n_locations, n_types;
    pp_id *strings; /* ours by index in the file */
    struct pp_pprof_ids mappings, functions, locations;
    uint64_t default_type_name; /* index in the file's string table */

    /* Reused from message to message. */
    pp_id *stack;
    struct pp_line *lines;
    struct pp_label *labels;
    size_t stack_capacity, lines_capacity, labels_capacity;
};

/* ---- errors ---- */

/* 'at' is the byte the error points at. */
static int __attribute__((format(printf, 3, 4)))
refuse(const struct reader *reader, const uint8_t *at, const char *format, ...)
{
    const uint64_t offset = (uint64_t)(at - reader->all.at);
    char what[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return pp_fail(reader->err, -EBADMSG, offset, "'%s': %s at byte %" PRIu64, reader->name, what,
                   offset);
}

static int no_memory(const struct reader *reader)
{
    return pp_fail(reader->err, -ENOMEM, 0, "'%s': out of memory", reader->name);
}

/* ---- primitives ---- */

/* Our string for an index of the file's table. */
static int read_string(const struct reader *reader, const uint8_t *at, uint64_t index,
                       pp_id *string_out)
{
    if (index >= reader->n_strings && index != 0)
        return refuse(reader, at, "string %" PRIu64 " of a table of %zu", index, reader->n_strings);
    *string_out = index == 0 ? 0 : reader->strings[index];
    return 0;
}

/* The next field of 'message': 1, 0 at its end, or the refusal.  '*at_out' is where it begins. */
static int next_field(const struct reader *reader, struct pp_wire *message,
                      struct pp_wire_field *field, const uint8_t **at_out)
{
    int found;

    *at_out = message->at;
    found = pp_wire_field(message, field);
    return found < 0 ? refuse(reader, message->at, "malformed or truncated protobuf field") : found;
}

/* ---- the parts ---- */

static int read_value_type(const struct reader *reader, struct pp_wire message,
                           struct pp_value_type *type)
{
    struct pp_wire_field field;
    const uint8_t *at;
    int found = 0, failed = 0;

    while (failed == 0 && (found = next_field(reader, &message, &field, &at)) > 0) {
        if (field.number == PP_PPROF_VT_TYPE)
            failed = read_string(reader, at, field.value, &type->type);
        else if (field.number == PP_PPROF_VT_UNIT)
            failed = read_string(reader, at, field.value, &type->unit);
    }
    return failed != 0 ? failed : found;
}

static int read_sample_type(struct reader *reader, const struct pp_wire_field *field,
                            const uint8_t *at)
{
    struct pprofc_profile *profile = reader->profile;

    if (profile->n_types == PP_MAX_TYPES)
        return refuse(reader, at, "%zu sample types where %d are the limit", reader->n_types,
                      PP_MAX_TYPES);
    return read_value_type(reader, field->bytes, &profile->types[profile->n_types++]);
}

static int read_mapping(struct reader *reader, const struct pp_wire_field *whole,
                        const uint8_t *begin)
{
    struct pp_wire message = whole->bytes;
    struct pp_mapping mapping = {0};
    struct pp_wire_field field;
    const uint8_t *at;
    uint64_t id = 0;
    int found = 0, failed = 0;

    while (failed == 0 && (found = next_field(reader, &message, &field, &at)) > 0) {
        switch (field.number) {
        case PP_PPROF_M_ID:
            id = field.value;
            break;
        case PP_PPROF_M_START:
            mapping.start = field.value;
            break;
        case PP_PPROF_M_LIMIT:
            mapping.limit = field.value;
            break;
        case PP_PPROF_M_OFFSET:
            mapping.offset = field.value;
            break;
        case PP_PPROF_M_FILENAME:
            failed = read_string(reader, at, field.value, &mapping.path);
            break;
        case PP_PPROF_M_BUILD_ID:
            failed = read_string(reader, at, field.value, &mapping.build_id);
            break;
        case PP_PPROF_M_HAS_FUNCTIONS:
            mapping.has_functions = field.value != 0;
            break;
        case PP_PPROF_M_HAS_FILENAMES:
            mapping.has_filenames = field.value != 0;
            break;
        case PP_PPROF_M_HAS_LINES:
            mapping.has_lines = field.value != 0;
            break;
        case PP_PPROF_M_HAS_INLINES:
            mapping.has_inlines = field.value != 0;
            break;
        default:
            break;
        }
    }
    if (failed != 0 || found < 0)
        return failed != 0 ? failed : found;
    if (id == 0)
        return refuse(reader, begin, "mapping with reserved id 0");
    failed = pp_pprof_ids_put(&reader->mappings, id, pp_profile_mapping(reader->profile, &mapping));
    return failed == -EEXIST ? refuse(reader, begin, "second mapping with id %" PRIu64, id)
                             : failed;
}

static int read_function(struct reader *reader, const struct pp_wire_field *whole,
                         const uint8_t *begin)
{
    struct pp_wire message = whole->bytes;
    struct pp_function function = {0};
    struct pp_wire_field field;
    const uint8_t *at;
    uint64_t id = 0;
    int found = 0, failed = 0;

    while (failed == 0 && (found = next_field(reader, &message, &field, &at)) > 0) {
        switch (field.number) {
        case PP_PPROF_F_ID:
            id = field.value;
            break;
        case PP_PPROF_F_NAME:
            failed = read_string(reader, at, field.value, &function.name);
            break;
        case PP_PPROF_F_SYSTEM_NAME:
            failed = read_string(reader, at, field.value, &function.system_name);
            break;
        case PP_PPROF_F_FILENAME:
            failed = read_string(reader, at, field.value, &function.file);
            break;
        case PP_PPROF_F_START_LINE:
            function.start_line = (int64_t)field.value;
            break;
        default:
            break;
        }
    }
    if (failed != 0 || found < 0)
        return failed != 0 ? failed : found;
    if (id == 0)
        return refuse(reader, begin, "function with reserved id 0");
    failed =
        pp_pprof_ids_put(&reader->functions, id, pp_profile_function(reader->profile, &function));
    return failed == -EEXIST ? refuse(reader, begin, "second function with id %" PRIu64, id)
                             : failed;
}

/* A line of a function that is not there has no name: google/pprof takes it so. */
static int read_line(struct reader *reader, struct pp_wire message, struct pp_line *line)
{
    struct pp_wire_field field;
    const uint8_t *at;
    int found;

    *line = (struct pp_line){0, 0};
    while ((found = next_field(reader, &message, &field, &at)) > 0) {
        if (field.number == PP_PPROF_LINE_FUNCTION_ID)
            line->function = pp_pprof_ids_find(&reader->functions, field.value);
        else if (field.number == PP_PPROF_LINE_LINE)
            line->line = (int64_t)field.value;
    }
    return found;
}

static int read_location(struct reader *reader, const struct pp_wire_field *whole,
                         const uint8_t *begin)
{
    struct pp_wire message = whole->bytes;
    struct pp_location location = {0};
    struct pp_wire_field field;
    const uint8_t *at;
    uint64_t id = 0;
    int found = 0, failed = 0;

    while (failed == 0 && (found = next_field(reader, &message, &field, &at)) > 0) {
        if (field.number == PP_PPROF_L_ID) {
            id = field.value;
        } else if (field.number == PP_PPROF_L_MAPPING_ID) {
            location.mapping = pp_pprof_ids_find(&reader->mappings, field.value);
        } else if (field.number == PP_PPROF_L_ADDRESS) {
            location.address = field.value;
        } else if (field.number == PP_PPROF_L_IS_FOLDED) {
            location.is_folded = field.value != 0;
        } else if (field.number == PP_PPROF_L_LINE) {
            failed = pp_array_reserve(&reader->lines, &reader->lines_capacity,
                                      (size_t)location.n_lines + 1, sizeof *reader->lines);
            if (failed == 0)
                failed = read_line(reader, field.bytes, &reader->lines[location.n_lines++]);
        }
    }
    if (failed != 0 || found < 0)
        return failed != 0 ? failed : found;
    if (id == 0)
        return refuse(reader, begin, "location with reserved id 0");
    failed = pp_pprof_ids_put(&reader->locations, id,
                              pp_profile_location(reader->profile, &location, reader->lines));
    return failed == -EEXIST ? refuse(reader, begin, "second location with id %" PRIu64, id)
                             : failed;
}

/* ---- samples ---- */

/* What has been read of one sample. */
struct sample {
    size_t n_frames, n_values;
    uint32_t n_labels;
    int64_t values[PP_MAX_TYPES];
};

static int add_frame(struct reader *reader, struct sample *sample, const uint8_t *at, uint64_t id)
{
    const pp_id location = pp_pprof_ids_find(&reader->locations, id);

    if (location == 0)
        return id == 0
                   ? refuse(reader, at, "sample at a location of reserved id 0")
                   : refuse(reader, at, "sample at location %" PRIu64 ", which is not there", id);
    if (sample->n_frames == reader->stack_capacity &&
        pp_array_reserve(&reader->stack, &reader->stack_capacity, sample->n_frames + 1,
                         sizeof(pp_id)) != 0)
        return no_memory(reader);
    reader->stack[sample->n_frames++] = location;
    return 0;
}

static int add_frames(struct reader *reader, struct sample *sample,
                      const struct pp_wire_field *field, const uint8_t *at)
{
    struct pp_wire packed = field->bytes;
    uint64_t id;
    int failed = 0;

    if (field->type != PP_WIRE_LEN)
        return add_frame(reader, sample, at, field->value);
    while (packed.at < packed.end && failed == 0) {
        at = packed.at;
        if (!pp_wire_varint(&packed, &id))
            return refuse(reader, at, "malformed or truncated location id");
        failed = add_frame(reader, sample, at, id);
    }
    return failed;
}

static int add_values(const struct reader *reader, struct sample *sample,
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
                return refuse(reader, at, "malformed or truncated value");
        }
        if (sample->n_values < PP_MAX_TYPES)
            sample->values[sample->n_values] = (int64_t)value;
        sample->n_values++;
    } while (field->type == PP_WIRE_LEN);
    return 0;
}

static int add_label(struct reader *reader, struct sample *sample, struct pp_wire message)
{
    struct pp_label *label;
    struct pp_wire_field field;
    const uint8_t *at;
    int found = 0, failed = 0;

    if (pp_array_reserve(&reader->labels, &reader->labels_capacity, (size_t)sample->n_labels + 1,
                         sizeof *reader->labels) != 0)
        return no_memory(reader);
    label = &reader->labels[sample->n_labels++];
    *label = (struct pp_label){0};
    while (failed == 0 && (found = next_field(reader, &message, &field, &at)) > 0) {
        if (field.number == PP_PPROF_LABEL_KEY)
            failed = read_string(reader, at, field.value, &label->key);
        else if (field.number == PP_PPROF_LABEL_STR)
            failed = read_string(reader, at, field.value, &label->text);
        else if (field.number == PP_PPROF_LABEL_NUM)
            label->number = (int64_t)field.value;
        else if (field.number == PP_PPROF_LABEL_NUM_UNIT)
            failed = read_string(reader, at, field.value, &label->unit);
    }
    return failed != 0 ? failed : found;
}

static int read_sample(struct reader *reader, const struct pp_wire_field *whole,
                       const uint8_t *begin)
{
    struct pprofc_profile *profile = reader->profile;
    struct pp_wire message = whole->bytes;
    struct sample sample = {0};
    struct pp_wire_field field;
    const uint8_t *at;
    int found = 0, failed = 0;

    while (failed == 0 && (found = next_field(reader, &message, &field, &at)) > 0) {
        if (field.number == PP_PPROF_S_LOCATION_ID)
            failed = add_frames(reader, &sample, &field, at);
        else if (field.number == PP_PPROF_S_VALUE)
            failed = add_values(reader, &sample, &field);
        else if (field.number == PP_PPROF_S_LABEL)
            failed = add_label(reader, &sample, field.bytes);
    }
    if (failed != 0 || found < 0)
        return failed != 0 ? failed : found;
    if (sample.n_values != profile->n_types)
        return refuse(reader, begin, "sample with %zu values for %u sample types", sample.n_values,
                      profile->n_types);
    pp_profile_add(profile, pp_profile_stack(profile, reader->stack, sample.n_frames),
                   pp_profile_label_set(profile, reader->labels, sample.n_labels), 0,
                   sample.values);
    return 0;
}

/* ---- what stands once in a file ---- */

static int read_comment(struct reader *reader, const uint8_t *at, uint64_t index)
{
    pp_id comment = 0;
    const int failed = read_string(reader, at, index, &comment);

    if (failed != 0)
        return failed;
    if (!pp_pprof_read_comment(reader->profile, reader->profile->strings[comment]))
        pp_profile_comment(reader->profile, "%s", reader->profile->strings[comment]);
    return 0;
}

static int read_comments(struct reader *reader, const struct pp_wire_field *field,
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
            return refuse(reader, at, "malformed or truncated comment");
        failed = read_comment(reader, at, index);
    }
    return failed;
}

static int read_single(struct reader *reader, const struct pp_wire_field *field, const uint8_t *at)
{
    struct pprofc_profile *profile = reader->profile;

    switch (field->number) {
    case PP_PPROF_DROP_FRAMES:
        return read_string(reader, at, field->value, &profile->drop_frames);
    case PP_PPROF_KEEP_FRAMES:
        return read_string(reader, at, field->value, &profile->keep_frames);
    case PP_PPROF_TIME_NANOS:
        profile->time_ns = (int64_t)field->value;
        return 0;
    case PP_PPROF_DURATION_NANOS:
        profile->duration_ns = (int64_t)field->value;
        return 0;
    case PP_PPROF_PERIOD_TYPE:
        return read_value_type(reader, field->bytes, &profile->period_type);
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

enum pass { COUNT, STRINGS, BASICS, LOCATIONS, SAMPLES };

static int count_field(struct reader *reader, const struct pp_wire_field *field, const uint8_t *at)
{
    const bool is_message =
        field->number <= PP_PPROF_STRING_TABLE || field->number == PP_PPROF_PERIOD_TYPE;

    if (is_message && field->type != PP_WIRE_LEN)
        return refuse(reader, at, "field %u is no message", field->number);
    reader->n_types += field->number == PP_PPROF_SAMPLE_TYPE;
    reader->n_strings += field->number == PP_PPROF_STRING_TABLE;
    reader->n_mappings += field->number == PP_PPROF_MAPPING;
    reader->n_functions += field->number == PP_PPROF_FUNCTION;
    reader->n_locations += field->number == PP_PPROF_LOCATION;
    return 0;
}

static int add_string(struct reader *reader, const struct pp_wire_field *field, const uint8_t *at)
{
    const size_t n_bytes = (size_t)(field->bytes.end - field->bytes.at);

    if (reader->n_strings == 0 && n_bytes != 0)
        return refuse(reader, at, "the string table does not begin with the empty string");
    reader->strings[reader->n_strings++] =
        pp_profile_string(reader->profile, (const char *)field->bytes.at, n_bytes);
    return 0;
}

static int take_field(struct reader *reader, enum pass pass, const struct pp_wire_field *field,
                      const uint8_t *at)
{
    switch (pass) {
    case COUNT:
        return count_field(reader, field, at);
    case STRINGS:
        return field->number == PP_PPROF_STRING_TABLE ? add_string(reader, field, at) : 0;
    case BASICS:
        if (field->number == PP_PPROF_SAMPLE_TYPE)
            return read_sample_type(reader, field, at);
        if (field->number == PP_PPROF_MAPPING)
            return read_mapping(reader, field, at);
        if (field->number == PP_PPROF_FUNCTION)
            return read_function(reader, field, at);
        return read_single(reader, field, at);
    case LOCATIONS:
        return field->number == PP_PPROF_LOCATION ? read_location(reader, field, at) : 0;
    case SAMPLES:
        return field->number == PP_PPROF_SAMPLE ? read_sample(reader, field, at) : 0;
    }
    return 0;
}

static int pass_over(struct reader *reader, enum pass pass)
{
    struct pp_wire message = reader->all;
    struct pp_wire_field field;
    const uint8_t *at;
    int found = 0, failed = 0;

    while (failed == 0 && (found = next_field(reader, &message, &field, &at)) != 0)
        failed = found < 0 ? found : take_field(reader, pass, &field, at);
    if (failed == -ENOMEM || (failed == 0 && pp_profile_failed(reader->profile)))
        return no_memory(reader);
    return failed;
}

/* google/pprof shows the last type when the file names none, or one that is not there. */
static int choose_default_type(struct reader *reader)
{
    struct pprofc_profile *profile = reader->profile;
    pp_id name = 0;
    const int failed = read_string(reader, reader->all.at, reader->default_type_name, &name);

    profile->default_type = profile->n_types > 0 ? profile->n_types - 1 : 0;
    for (uint32_t type = 0; failed == 0 && name != 0 && type < profile->n_types; type++) {
        if (profile->types[type].type == name) {
            profile->default_type = type;
            break;
        }
    }
    return failed;
}

static int read_all(struct reader *reader)
{
    int failed = pass_over(reader, COUNT);

    if (failed != 0)
        return failed;
    if (reader->n_types == 0)
        return refuse(reader, reader->all.at, "no sample types: not a pprof profile,");
    reader->strings = calloc(reader->n_strings + 1, sizeof *reader->strings);
    if (reader->strings == NULL || pp_pprof_ids_init(&reader->mappings, reader->n_mappings) != 0 ||
        pp_pprof_ids_init(&reader->functions, reader->n_functions) != 0 ||
        pp_pprof_ids_init(&reader->locations, reader->n_locations) != 0)
        return no_memory(reader);
    reader->n_strings = 0;
    for (enum pass pass = STRINGS; pass <= SAMPLES && failed == 0; pass++)
        failed = pass_over(reader, pass);
    return failed != 0 ? failed : choose_default_type(reader);
}

static void reader_done(struct reader *reader)
{
    pprofc_profile_free(reader->profile);
    free(reader->strings);
    free(reader->stack);
    free(reader->lines);
    free(reader->labels);
    pp_pprof_ids_done(&reader->mappings);
    pp_pprof_ids_done(&reader->functions);
    pp_pprof_ids_done(&reader->locations);
}

int pp_pprof_read(const void *bytes, size_t n_bytes, const char *name,
                  struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    __attribute__((cleanup(reader_done))) struct reader reader = {.name = name, .err = err};
    pp_autobuffer struct pp_buffer inflated = PP_BUFFER_INIT;
    int failed;

    if (n_bytes == 0)
        return pp_fail(err, -EBADMSG, 0, "'%s' is empty", name);
    reader.all = pp_wire_of(bytes, n_bytes);
    if (pp_is_gzip(bytes, n_bytes)) {
        failed = pp_gzip_inflate(bytes, n_bytes, PP_GZIP_DEFAULT_LIMIT, name, &inflated, err);
        if (failed != 0)
            return failed;
        reader.all = pp_wire_of(inflated.bytes, inflated.n_bytes);
    }
    reader.profile = pp_profile_new();
    if (reader.profile == NULL)
        return no_memory(&reader);
    failed = read_all(&reader);
    if (failed != 0)
        return failed;
    *profile_out = reader.profile;
    reader.profile = NULL;
    return 0;
}
