/* Reading the messages of a pprof file: mappings, functions, locations. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/print.h"
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
    (void)pp_vprint(what, sizeof what, format, arguments);
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

int pp_pprof_next_long_field(const struct pp_pprof_reader *reader, struct pp_wire *message,
                             struct pp_wire_field *field)
{
    const int found = pp_wire_field(message, field);

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
