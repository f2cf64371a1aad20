/* Reading the messages of a pprof file: mappings, functions, locations, samples. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "formats/pprof_reader.h"

/* ---- errors ---- */

/* 'at' is the byte the error points at. */
int pp_pprof_refuse(const struct pp_pprof_reader *reader, const uint8_t *at, const char *format,
                    ...)
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

int pp_pprof_no_memory(const struct pp_pprof_reader *reader)
{
    return pp_fail(reader->err, -ENOMEM, 0, "'%s': out of memory", reader->name);
}

/* ---- primitives ---- */

/* Our string for an index of the file's table. */
int pp_pprof_read_string(const struct pp_pprof_reader *reader, const uint8_t *at, uint64_t index,
                         pp_id *string_out)
{
    if (index >= reader->n_strings && index != 0)
        return pp_pprof_refuse(reader, at, "string %" PRIu64 " of a table of %zu", index,
                               reader->n_strings);
    *string_out = index == 0 ? 0 : reader->strings[index];
    return 0;
}

/* The next field of 'message': 1, 0 at its end, or the refusal.  '*at_out' is where it begins. */
int pp_pprof_next_field(const struct pp_pprof_reader *reader, struct pp_wire *message,
                        struct pp_wire_field *field, const uint8_t **at_out)
{
    int found;

    *at_out = message->at;
    found = pp_wire_field(message, field);
    return found < 0 ? pp_pprof_refuse(reader, message->at, "malformed or truncated protobuf field")
                     : found;
}

/* ---- the parts ---- */

int pp_pprof_read_value_type(const struct pp_pprof_reader *reader, struct pp_wire message,
                             struct pp_value_type *type)
{
    struct pp_wire_field field;
    const uint8_t *at;
    int found = 0, failed = 0;

    while (failed == 0 && (found = pp_pprof_next_field(reader, &message, &field, &at)) > 0) {
        if (field.number == PP_PPROF_VT_TYPE)
            failed = pp_pprof_read_string(reader, at, field.value, &type->type);
        else if (field.number == PP_PPROF_VT_UNIT)
            failed = pp_pprof_read_string(reader, at, field.value, &type->unit);
    }
    return failed != 0 ? failed : found;
}

int pp_pprof_read_mapping(struct pp_pprof_reader *reader, const struct pp_wire_field *whole,
                          const uint8_t *begin)
{
    struct pp_wire message = whole->bytes;
    struct pp_mapping mapping = {0};
    struct pp_wire_field field;
    const uint8_t *at;
    uint64_t id = 0;
    int found = 0, failed = 0;

    while (failed == 0 && (found = pp_pprof_next_field(reader, &message, &field, &at)) > 0) {
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
            failed = pp_pprof_read_string(reader, at, field.value, &mapping.path);
            break;
        case PP_PPROF_M_BUILD_ID:
            failed = pp_pprof_read_string(reader, at, field.value, &mapping.build_id);
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
        return pp_pprof_refuse(reader, begin, "mapping with reserved id 0");
    failed = pp_pprof_ids_put(&reader->mappings, id, pp_profile_mapping(reader->profile, &mapping));
    return failed == -EEXIST ? pp_pprof_refuse(reader, begin, "second mapping with id %" PRIu64, id)
                             : failed;
}

int pp_pprof_read_function(struct pp_pprof_reader *reader, const struct pp_wire_field *whole,
                           const uint8_t *begin)
{
    struct pp_wire message = whole->bytes;
    struct pp_function function = {0};
    struct pp_wire_field field;
    const uint8_t *at;
    uint64_t id = 0;
    int found = 0, failed = 0;

    while (failed == 0 && (found = pp_pprof_next_field(reader, &message, &field, &at)) > 0) {
        switch (field.number) {
        case PP_PPROF_F_ID:
            id = field.value;
            break;
        case PP_PPROF_F_NAME:
            failed = pp_pprof_read_string(reader, at, field.value, &function.name);
            break;
        case PP_PPROF_F_SYSTEM_NAME:
            failed = pp_pprof_read_string(reader, at, field.value, &function.system_name);
            break;
        case PP_PPROF_F_FILENAME:
            failed = pp_pprof_read_string(reader, at, field.value, &function.file);
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
        return pp_pprof_refuse(reader, begin, "function with reserved id 0");
    failed =
        pp_pprof_ids_put(&reader->functions, id, pp_profile_function(reader->profile, &function));
    return failed == -EEXIST
               ? pp_pprof_refuse(reader, begin, "second function with id %" PRIu64, id)
               : failed;
}

/* A line of a function that is not there has no name: google/pprof takes it so. */
static int read_line(struct pp_pprof_reader *reader, struct pp_wire message, struct pp_line *line)
{
    struct pp_wire_field field;
    const uint8_t *at;
    int found;

    *line = (struct pp_line){0, 0};
    while ((found = pp_pprof_next_field(reader, &message, &field, &at)) > 0) {
        if (field.number == PP_PPROF_LINE_FUNCTION_ID)
            line->function = pp_pprof_ids_find(&reader->functions, field.value);
        else if (field.number == PP_PPROF_LINE_LINE)
            line->line = (int64_t)field.value;
    }
    return found;
}

int pp_pprof_read_location(struct pp_pprof_reader *reader, const struct pp_wire_field *whole,
                           const uint8_t *begin)
{
    struct pp_wire message = whole->bytes;
    struct pp_location location = {0};
    struct pp_wire_field field;
    const uint8_t *at;
    uint64_t id = 0;
    int found = 0, failed = 0;

    while (failed == 0 && (found = pp_pprof_next_field(reader, &message, &field, &at)) > 0) {
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
        return pp_pprof_refuse(reader, begin, "location with reserved id 0");
    failed = pp_pprof_ids_put(&reader->locations, id,
                              pp_profile_location(reader->profile, &location, reader->lines));
    return failed == -EEXIST
               ? pp_pprof_refuse(reader, begin, "second location with id %" PRIu64, id)
               : failed;
}

/* ---- samples ---- */

/* What has been read of one sample. */
struct sample {
    size_t n_frames, n_values;
    uint32_t n_labels;
    int64_t values[PP_MAX_TYPES];
};

static int refuse_frame(const struct pp_pprof_reader *reader, const uint8_t *at, uint64_t id)
{
    return id == 0 ? pp_pprof_refuse(reader, at, "sample at a location of reserved id 0")
                   : pp_pprof_refuse(reader, at,
                                     "sample at location %" PRIu64 ", which is not there", id);
}

/* Half of the time goes by in this loop. */
static int add_packed_frames(const struct pp_pprof_reader *reader, struct sample *sample,
                             struct pp_wire packed)
{
    pp_id *stack = reader->stack;
    size_t n_frames = sample->n_frames;

    while (packed.at < packed.end) {
        const uint8_t *at = packed.at;
        pp_id location;
        uint64_t id;
        if (!pp_wire_varint(&packed, &id))
            return pp_pprof_refuse(reader, at, "malformed or truncated location id");
        location = pp_pprof_ids_find(&reader->locations, id);
        if (location == 0)
            return refuse_frame(reader, at, id);
        stack[n_frames++] = location;
    }
    sample->n_frames = n_frames;
    return 0;
}

static int add_frames(struct pp_pprof_reader *reader, struct sample *sample,
                      const struct pp_wire_field *field, const uint8_t *at)
{
    /* An id is at least one byte. */
    const size_t n_most =
        field->type == PP_WIRE_LEN ? (size_t)(field->bytes.end - field->bytes.at) : 1;

    if (pp_array_reserve(&reader->stack, &reader->stack_capacity, sample->n_frames + n_most,
                         sizeof(pp_id)) != 0)
        return pp_pprof_no_memory(reader);
    if (field->type == PP_WIRE_LEN)
        return add_packed_frames(reader, sample, field->bytes);
    reader->stack[sample->n_frames] = pp_pprof_ids_find(&reader->locations, field->value);
    return reader->stack[sample->n_frames++] == 0 ? refuse_frame(reader, at, field->value) : 0;
}

static int add_values(const struct pp_pprof_reader *reader, struct sample *sample,
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

static int add_label(struct pp_pprof_reader *reader, struct sample *sample, struct pp_wire message)
{
    struct pp_label *label;
    struct pp_wire_field field;
    const uint8_t *at;
    int found = 0, failed = 0;

    if (pp_array_reserve(&reader->labels, &reader->labels_capacity, (size_t)sample->n_labels + 1,
                         sizeof *reader->labels) != 0)
        return pp_pprof_no_memory(reader);
    label = &reader->labels[sample->n_labels++];
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

int pp_pprof_read_sample(struct pp_pprof_reader *reader, const struct pp_wire_field *whole,
                         const uint8_t *begin)
{
    struct pprofc_profile *profile = reader->profile;
    struct pp_wire message = whole->bytes;
    struct sample sample = {0};
    struct pp_wire_field field;
    const uint8_t *at;
    int found = 0, failed = 0;

    while (failed == 0 && (found = pp_pprof_next_field(reader, &message, &field, &at)) > 0) {
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
        return pp_pprof_refuse(reader, begin, "sample with %zu values for %u sample types",
                               sample.n_values, profile->n_types);
    pp_profile_add(profile, pp_profile_stack(profile, reader->stack, sample.n_frames),
                   pp_profile_label_set(profile, reader->labels, sample.n_labels), 0,
                   sample.values);
    return 0;
}
