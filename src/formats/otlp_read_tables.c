/* Reading the dictionary of OTLP profiles in protobuf: tables of indexes, strings and attributes.
 */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "formats/otlp_wire.h"

/* The next field: 1, 0 at the end, or the refusal. */
int pp_otlp_next_field(struct pp_otlp_wire *reader, struct pp_wire *message,
                       struct pp_wire_field *field)
{
    int found;

    if (message->at != NULL) /* a number where a message belongs has no bytes */
        reader->all.offset = (uint64_t)(message->at - reader->begin);
    found = pp_wire_field(message, field);
    return found < 0 ? pp_otlp_refuse(&reader->all, "malformed or truncated protobuf field")
                     : found;
}

/* Every number of a repeated field, packed or not, given to 'take'. */
int pp_otlp_each_number(struct pp_otlp_wire *reader, const struct pp_wire_field *field,
                        int (*take)(struct pp_otlp_reader *all, uint64_t value, void *context),
                        void *context)
{
    struct pp_wire packed = field->bytes;
    int failed = 0;

    if (field->type != PP_WIRE_LEN)
        return take(&reader->all, field->value, context);
    while (packed.at < packed.end && failed == 0) {
        uint64_t value;
        reader->all.offset = (uint64_t)(packed.at - reader->begin);
        if (!pp_wire_varint(&packed, &value))
            return pp_otlp_refuse(&reader->all, "malformed or truncated number");
        failed = take(&reader->all, value, context);
    }
    return failed;
}

int pp_otlp_take_index(struct pp_otlp_reader *all, uint64_t value, void *context)
{
    struct pp_otlp_range *range = context;

    if (!PP_OTLP_ROOM(all, indexes))
        return -ENOMEM;
    if (range->n++ == 0)
        range->first = all->n_indexes;
    all->indexes[all->n_indexes++] = pp_otlp_index(value);
    return 0;
}

static pp_id string_of(struct pp_otlp_wire *reader, struct pp_wire bytes)
{
    return pp_profile_string(reader->all.profile, (const char *)bytes.at,
                             (size_t)(bytes.end - bytes.at));
}

/* ---- values and attributes ---- */

/* The texts of an array; what else it holds is nothing to us. */
static int read_array(struct pp_otlp_wire *reader, struct pp_wire message,
                      struct pp_otlp_value *value)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_wire_field item, inner;
    int found;

    value->kind = PP_OTLP_TEXTS;
    value->texts = (struct pp_otlp_range){all->n_texts, 0};
    while ((found = pp_otlp_next_field(reader, &message, &item)) > 0) {
        struct pp_wire any = item.bytes;
        if (item.number != PP_OTLP_ARRAY_VALUES || item.type != PP_WIRE_LEN)
            continue;
        while ((found = pp_otlp_next_field(reader, &any, &inner)) > 0) {
            if (inner.number != PP_OTLP_V_STRING || inner.type != PP_WIRE_LEN)
                continue;
            if (!PP_OTLP_ROOM(all, texts))
                return -ENOMEM;
            all->texts[all->n_texts++] = string_of(reader, inner.bytes);
            value->texts.n++;
        }
        if (found < 0)
            return found;
    }
    return found;
}

static int read_value(struct pp_otlp_wire *reader, struct pp_wire message,
                      struct pp_otlp_value *value)
{
    struct pp_wire_field field;
    int found, failed = 0;

    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        if (found < 0)
            return found;
        if (field.number == PP_OTLP_V_STRING && field.type == PP_WIRE_LEN)
            *value = (struct pp_otlp_value){.kind = PP_OTLP_TEXT,
                                            .text = string_of(reader, field.bytes)};
        else if (field.number == PP_OTLP_V_STRING_INDEX)
            *value = (struct pp_otlp_value){.kind = PP_OTLP_STRING,
                                            .string = pp_otlp_index(field.value)};
        else if (field.number == PP_OTLP_V_INT)
            *value = (struct pp_otlp_value){.kind = PP_OTLP_NUMBER, .number = (int64_t)field.value};
        else if (field.number == PP_OTLP_V_BOOL)
            *value = (struct pp_otlp_value){.kind = PP_OTLP_BOOL, .number = field.value != 0};
        else if (field.number == PP_OTLP_V_ARRAY && field.type == PP_WIRE_LEN)
            failed = read_array(reader, field.bytes, value);
    }
    return failed;
}

/* A KeyValue, or an entry of the attribute table. */
int pp_otlp_read_attribute(struct pp_otlp_wire *reader, struct pp_wire message, bool is_entry,
                           struct pp_otlp_attribute *attribute)
{
    struct pp_wire_field field;
    int found, failed = 0;

    *attribute = (struct pp_otlp_attribute){.key = 0};
    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        if (found < 0)
            return found;
        if (field.number == PP_OTLP_KV_VALUE && field.type == PP_WIRE_LEN)
            failed = read_value(reader, field.bytes, &attribute->value);
        else if (!is_entry && field.number == PP_OTLP_KV_KEY && field.type == PP_WIRE_LEN)
            attribute->key = string_of(reader, field.bytes);
        else if (field.number == (is_entry ? PP_OTLP_A_KEY : PP_OTLP_KV_KEY_INDEX))
            attribute->key_index = pp_otlp_index(field.value);
        else if (is_entry && field.number == PP_OTLP_A_UNIT)
            attribute->unit_index = pp_otlp_index(field.value);
    }
    return failed;
}

/* ---- the dictionary ---- */

static int read_mapping(struct pp_otlp_wire *reader, struct pp_wire message)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_otlp_mapping mapping = {.start = 0};
    struct pp_wire_field field;
    int found, failed = 0;

    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        if (found < 0)
            return found;
        if (field.number == PP_OTLP_M_START)
            mapping.start = field.value;
        else if (field.number == PP_OTLP_M_LIMIT)
            mapping.limit = field.value;
        else if (field.number == PP_OTLP_M_OFFSET)
            mapping.offset = field.value;
        else if (field.number == PP_OTLP_M_FILENAME)
            mapping.filename = pp_otlp_index(field.value);
        else if (field.number == PP_OTLP_M_ATTRIBUTES)
            failed = pp_otlp_each_number(reader, &field, pp_otlp_take_index, &mapping.attributes);
    }
    if (failed != 0 || !PP_OTLP_ROOM(all, mappings))
        return failed != 0 ? failed : -ENOMEM;
    all->mappings[all->n_mappings++] = mapping;
    return 0;
}

static int read_line(struct pp_otlp_wire *reader, struct pp_wire message,
                     struct pp_otlp_location *location)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_otlp_line line = {0, 0};
    struct pp_wire_field field;
    int found;

    while ((found = pp_otlp_next_field(reader, &message, &field)) > 0) {
        if (field.number == PP_OTLP_LINE_FUNCTION)
            line.function = pp_otlp_index(field.value);
        else if (field.number == PP_OTLP_LINE_LINE)
            line.line = (int64_t)field.value;
    }
    if (found < 0 || !PP_OTLP_ROOM(all, lines))
        return found < 0 ? found : -ENOMEM;
    if (location->lines.n++ == 0)
        location->lines.first = all->n_lines;
    all->lines[all->n_lines++] = line;
    return 0;
}

static int read_location(struct pp_otlp_wire *reader, struct pp_wire message)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_otlp_location location = {.mapping = 0};
    struct pp_wire_field field;
    int found, failed = 0;

    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        if (found < 0)
            return found;
        if (field.number == PP_OTLP_L_MAPPING)
            location.mapping = pp_otlp_index(field.value);
        else if (field.number == PP_OTLP_L_ADDRESS)
            location.address = field.value;
        else if (field.number == PP_OTLP_L_LINES)
            failed = read_line(reader, field.bytes, &location);
        else if (field.number == PP_OTLP_L_ATTRIBUTES)
            failed = pp_otlp_each_number(reader, &field, pp_otlp_take_index, &location.attributes);
    }
    if (failed != 0 || !PP_OTLP_ROOM(all, locations))
        return failed != 0 ? failed : -ENOMEM;
    all->locations[all->n_locations++] = location;
    return 0;
}

static int read_function(struct pp_otlp_wire *reader, struct pp_wire message)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_otlp_function function = {0, 0, 0, 0};
    struct pp_wire_field field;
    int found;

    while ((found = pp_otlp_next_field(reader, &message, &field)) > 0) {
        if (field.number == PP_OTLP_F_NAME)
            function.name = pp_otlp_index(field.value);
        else if (field.number == PP_OTLP_F_SYSTEM_NAME)
            function.system_name = pp_otlp_index(field.value);
        else if (field.number == PP_OTLP_F_FILENAME)
            function.filename = pp_otlp_index(field.value);
        else if (field.number == PP_OTLP_F_START_LINE)
            function.start_line = (int64_t)field.value;
    }
    if (found < 0 || !PP_OTLP_ROOM(all, functions))
        return found < 0 ? found : -ENOMEM;
    all->functions[all->n_functions++] = function;
    return 0;
}

/* Ids of another length are none. */
static int read_link(struct pp_otlp_wire *reader, struct pp_wire message)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_otlp_link link = {{0}, {0}};
    struct pp_wire_field field;
    int found;

    while ((found = pp_otlp_next_field(reader, &message, &field)) > 0) {
        const size_t n_bytes = (size_t)(field.bytes.end - field.bytes.at);
        if (field.number == PP_OTLP_LINK_TRACE && n_bytes == sizeof link.trace)
            memcpy(link.trace, field.bytes.at, sizeof link.trace);
        else if (field.number == PP_OTLP_LINK_SPAN && n_bytes == sizeof link.span)
            memcpy(link.span, field.bytes.at, sizeof link.span);
    }
    if (found < 0 || !PP_OTLP_ROOM(all, links))
        return found < 0 ? found : -ENOMEM;
    all->links[all->n_links++] = link;
    return 0;
}

static int read_stack(struct pp_otlp_wire *reader, struct pp_wire message)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_otlp_range stack = {0, 0};
    struct pp_wire_field field;
    int found, failed = 0;

    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        if (found < 0)
            return found;
        if (field.number == PP_OTLP_STACK_LOCATIONS)
            failed = pp_otlp_each_number(reader, &field, pp_otlp_take_index, &stack);
    }
    if (failed != 0 || !PP_OTLP_ROOM(all, stacks))
        return failed != 0 ? failed : -ENOMEM;
    all->stacks[all->n_stacks++] = stack;
    return 0;
}

static int read_entry(struct pp_otlp_wire *reader, const struct pp_wire_field *field)
{
    struct pp_otlp_reader *all = &reader->all;
    int failed;

    switch (field->number) {
    case PP_OTLP_MAPPINGS:
        return read_mapping(reader, field->bytes);
    case PP_OTLP_LOCATIONS:
        return read_location(reader, field->bytes);
    case PP_OTLP_FUNCTIONS:
        return read_function(reader, field->bytes);
    case PP_OTLP_LINKS:
        return read_link(reader, field->bytes);
    case PP_OTLP_STACKS:
        return read_stack(reader, field->bytes);
    case PP_OTLP_STRINGS:
        if (!PP_OTLP_ROOM(all, strings))
            return -ENOMEM;
        all->strings[all->n_strings++] = string_of(reader, field->bytes);
        return 0;
    case PP_OTLP_ATTRIBUTES:
        if (!PP_OTLP_ROOM(all, attributes))
            return -ENOMEM;
        failed =
            pp_otlp_read_attribute(reader, field->bytes, true, &all->attributes[all->n_attributes]);
        all->n_attributes++;
        return failed;
    default:
        return 0;
    }
}

int pp_otlp_read_dictionary(struct pp_otlp_wire *reader, struct pp_wire message)
{
    struct pp_wire_field field;
    int found, failed = 0;

    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0)
        failed = found < 0 ? found : field.type == PP_WIRE_LEN ? read_entry(reader, &field) : 0;
    return failed;
}
