/* The dictionary of OTLP profiles: from tables of indexes to our functions, locations and stacks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/print.h"
#include "formats/otlp_reader.h"

void pp_otlp_reader_done(struct pp_otlp_reader *reader)
{
    pprofc_profile_free(reader->profile);
    free(reader->strings);
    free(reader->mappings);
    free(reader->locations);
    free(reader->lines);
    free(reader->functions);
    free(reader->links);
    free(reader->attributes);
    free(reader->stacks);
    free(reader->indexes);
    free(reader->texts);
    free(reader->functions_of);
    free(reader->locations_of);
    free(reader->stacks_of);
    free(reader->resource);
    free(reader->sample_attributes);
    free(reader->labels);
    free(reader->location_lines);
    free(reader->ids);
    pp_id_table_done(&reader->ids_table);
}

int pp_otlp_refuse(const struct pp_otlp_reader *reader, const char *format, ...)
{
    char what[256];
    va_list arguments;

    va_start(arguments, format);
    (void)pp_vprint(what, sizeof what, format, arguments);
    va_end(arguments);
    if (!reader->is_placed)
        return pp_fail(reader->err, -EBADMSG, 0, "'%s': %s", reader->name, what);
    return pp_fail(reader->err, -EBADMSG, reader->offset, "'%s': %s at byte %" PRIu64, reader->name,
                   what, reader->offset);
}

int pp_otlp_check(const struct pp_otlp_reader *reader, const char *what, uint64_t index,
                  size_t n_entries)
{
    if (index < n_entries || index == 0)
        return 0;
    return pp_otlp_refuse(reader, "%s %" PRIu64 " of a table of %zu", what, index, n_entries);
}

pp_id pp_otlp_key(const struct pp_otlp_reader *reader, const struct pp_otlp_attribute *attribute)
{
    return attribute->key != 0 ? attribute->key : pp_otlp_string(reader, attribute->key_index);
}

pp_id pp_otlp_text(const struct pp_otlp_reader *reader, const struct pp_otlp_attribute *attribute)
{
    return attribute->value.kind == PP_OTLP_TEXT ? attribute->value.text
           : attribute->value.kind == PP_OTLP_STRING
               ? pp_otlp_string(reader, attribute->value.string)
               : 0;
}

/* ---- checks ---- */

static int check_attribute(const struct pp_otlp_reader *reader,
                           const struct pp_otlp_attribute *attribute)
{
    const uint32_t string = attribute->value.kind == PP_OTLP_STRING ? attribute->value.string : 0;
    int failed = pp_otlp_check(reader, "key_strindex", attribute->key_index, reader->n_strings);

    if (failed == 0)
        failed = pp_otlp_check(reader, "unit_strindex", attribute->unit_index, reader->n_strings);
    return failed != 0 ? failed
                       : pp_otlp_check(reader, "string_value_strindex", string, reader->n_strings);
}

static int check_attributes(const struct pp_otlp_reader *reader)
{
    int failed = 0;

    for (size_t i = 0; failed == 0 && i < reader->n_attributes; i++)
        failed = check_attribute(reader, &reader->attributes[i]);
    return failed;
}

/* An index of the attribute table in some range of 'indexes'. */
static int check_range(const struct pp_otlp_reader *reader, struct pp_otlp_range range,
                       const char *what, size_t n_entries)
{
    int failed = 0;

    for (size_t i = 0; failed == 0 && i < range.n; i++)
        failed = pp_otlp_check(reader, what, reader->indexes[range.first + i], n_entries);
    return failed;
}

/* ---- our things ---- */

static bool is_called(const struct pp_otlp_reader *reader,
                      const struct pp_otlp_attribute *attribute, const char *name)
{
    return strcmp(reader->profile->strings[pp_otlp_key(reader, attribute)], name) == 0;
}

static void apply_attribute(const struct pp_otlp_reader *reader, uint32_t index,
                            struct pp_mapping *mapping)
{
    const struct pp_otlp_attribute *attribute = &reader->attributes[index];
    const bool is_true = attribute->value.kind == PP_OTLP_BOOL && attribute->value.number != 0;

    if (is_called(reader, attribute, PP_OTLP_BUILD_ID) ||
        (mapping->build_id == 0 && is_called(reader, attribute, PP_OTLP_GO_BUILD_ID)))
        mapping->build_id = pp_otlp_text(reader, attribute);
    else if (is_called(reader, attribute, PP_OTLP_HAS_FUNCTIONS))
        mapping->has_functions = is_true;
    else if (is_called(reader, attribute, PP_OTLP_HAS_FILENAMES))
        mapping->has_filenames = is_true;
    else if (is_called(reader, attribute, PP_OTLP_HAS_LINES))
        mapping->has_lines = is_true;
    else if (is_called(reader, attribute, PP_OTLP_HAS_INLINES))
        mapping->has_inlines = is_true;
}

static int make_mapping(struct pp_otlp_reader *reader, size_t i, pp_id *id_out)
{
    const struct pp_otlp_mapping *raw = &reader->mappings[i];
    struct pp_mapping mapping = {.start = raw->start, .limit = raw->limit, .offset = raw->offset};
    int failed = pp_otlp_check(reader, "filename_strindex", raw->filename, reader->n_strings);

    if (failed == 0)
        failed = check_range(reader, raw->attributes, "attribute_index", reader->n_attributes);
    if (failed != 0)
        return failed;
    mapping.path = pp_otlp_string(reader, raw->filename);
    for (size_t k = 0; k < raw->attributes.n; k++) {
        const uint32_t index = reader->indexes[raw->attributes.first + k];
        if (index != 0)
            apply_attribute(reader, index, &mapping);
    }
    *id_out = pp_profile_mapping(reader->profile, &mapping);
    return 0;
}

static int make_functions(struct pp_otlp_reader *reader)
{
    reader->functions_of = calloc(reader->n_functions + 1, sizeof(pp_id));
    if (reader->functions_of == NULL)
        return -ENOMEM;
    for (size_t i = 1; i < reader->n_functions; i++) {
        const struct pp_otlp_function *raw = &reader->functions[i];
        struct pp_function function = {.start_line = raw->start_line};
        int failed = pp_otlp_check(reader, "name_strindex", raw->name, reader->n_strings);
        if (failed == 0)
            failed =
                pp_otlp_check(reader, "system_name_strindex", raw->system_name, reader->n_strings);
        if (failed == 0)
            failed = pp_otlp_check(reader, "filename_strindex", raw->filename, reader->n_strings);
        if (failed != 0)
            return failed;
        function.name = pp_otlp_string(reader, raw->name);
        function.system_name = pp_otlp_string(reader, raw->system_name);
        function.file = pp_otlp_string(reader, raw->filename);
        reader->functions_of[i] = pp_profile_function(reader->profile, &function);
    }
    return 0;
}

static int make_location(struct pp_otlp_reader *reader, const pp_id *mappings_of, size_t i)
{
    const struct pp_otlp_location *raw = &reader->locations[i];
    struct pp_location location = {.address = raw->address, .n_lines = (uint32_t)raw->lines.n};
    int failed = pp_otlp_check(reader, "mapping_index", raw->mapping, reader->n_mappings);

    if (failed == 0)
        failed = check_range(reader, raw->attributes, "attribute_index", reader->n_attributes);
    if (failed != 0)
        return failed;
    if (raw->lines.n >= UINT32_MAX ||
        pp_array_reserve(&reader->location_lines, &reader->location_lines_capacity, raw->lines.n,
                         sizeof *reader->location_lines) != 0)
        return -ENOMEM;
    location.mapping = raw->mapping == 0 ? 0 : mappings_of[raw->mapping];
    for (size_t k = 0; k < raw->lines.n; k++) {
        const struct pp_otlp_line *line = &reader->lines[raw->lines.first + k];
        failed = pp_otlp_check(reader, "function_index", line->function, reader->n_functions);
        if (failed != 0)
            return failed;
        reader->location_lines[k] = (struct pp_line){
            line->function == 0 ? 0 : reader->functions_of[line->function], line->line};
    }
    for (size_t k = 0; k < raw->attributes.n; k++) {
        const uint32_t index = reader->indexes[raw->attributes.first + k];
        location.is_folded |= index != 0 &&
                              is_called(reader, &reader->attributes[index], PP_OTLP_IS_FOLDED) &&
                              reader->attributes[index].value.number != 0;
    }
    reader->locations_of[i] =
        pp_profile_location(reader->profile, &location, reader->location_lines);
    return 0;
}

static int make_locations(struct pp_otlp_reader *reader)
{
    pp_autofree pp_id *mappings_of = calloc(reader->n_mappings + 1, sizeof(pp_id));
    int failed = 0;

    reader->locations_of = calloc(reader->n_locations + 1, sizeof(pp_id));
    if (mappings_of == NULL || reader->locations_of == NULL)
        return -ENOMEM;
    for (size_t i = 1; failed == 0 && i < reader->n_mappings; i++)
        failed = make_mapping(reader, i, &mappings_of[i]);
    for (size_t i = 0; failed == 0 && i < reader->n_locations; i++)
        failed = make_location(reader, mappings_of, i);
    return failed;
}

static int make_stacks(struct pp_otlp_reader *reader)
{
    reader->stacks_of = calloc(reader->n_stacks + 1, sizeof(pp_id));
    if (reader->stacks_of == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < reader->n_stacks; i++) {
        const struct pp_otlp_range range = reader->stacks[i];
        int failed = check_range(reader, range, "location_index", reader->n_locations);
        if (failed == 0 && range.n > 0 && reader->n_locations == 0)
            failed = pp_otlp_refuse(reader, "a stack without a table of locations");
        if (failed != 0)
            return failed;
        if (range.n == 0)
            continue;
        /* The indexes are not needed any more: each becomes our id where it stands. */
        for (size_t k = range.first; k < range.first + range.n; k++)
            reader->indexes[k] = reader->locations_of[reader->indexes[k]];
        reader->stacks_of[i] =
            pp_profile_stack(reader->profile, reader->indexes + range.first, range.n);
    }
    return 0;
}

int pp_otlp_dictionary_resolve(struct pp_otlp_reader *reader)
{
    int failed;

    reader->is_placed = false;
    if (reader->n_strings > 0 && reader->strings[0] != 0)
        return pp_otlp_refuse(reader, "string_table does not begin with the empty string");
    failed = check_attributes(reader);
    if (failed == 0)
        failed = make_functions(reader);
    if (failed == 0)
        failed = make_locations(reader);
    if (failed == 0)
        failed = make_stacks(reader);
    if (failed == 0 && pp_profile_failed(reader->profile))
        failed = -ENOMEM;
    reader->is_placed = true;
    return failed;
}
