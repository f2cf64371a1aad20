/* Reading the dictionary of OTLP profiles in JSON. */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "formats/otlp_json.h"

static pp_id read_text(struct pp_otlp_json *reader)
{
    struct pp_json_string text;

    return pp_json_read_string(&reader->json, &text)
               ? pp_profile_string(reader->all.profile, text.bytes, text.n_bytes)
               : 0;
}

/* 64 bits without a sign may stand there with one or without: both are the same bits. */
static void read_address(struct pp_json_reader *json, uint64_t *address)
{
    struct pp_json_string digits;
    int64_t number = 0;
    uint64_t value = 0;
    const char *at = json->at;

    if (pp_json_peek(json) != PP_JSON_STRING) {
        if (pp_json_read_int64(json, &number))
            *address = (uint64_t)number;
        return;
    }
    at = json->at;
    if (!pp_json_read_string(json, &digits))
        return;
    if (digits.n_bytes > 0 && digits.bytes[0] == '-') {
        json->at = at;
        if (pp_json_read_int64(json, &number))
            *address = (uint64_t)number;
        return;
    }
    for (size_t i = 0; i < digits.n_bytes; i++) {
        const char digit = digits.bytes[i];
        if (digit < '0' || digit > '9' || __builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (uint64_t)(digit - '0'), &value)) {
            json->at = at;
            (void)pp_json_refuse(json, "a whole number below 2^64 was expected");
            return;
        }
    }
    *address = value;
}

int pp_otlp_json_read_indexes(struct pp_otlp_json *reader, struct pp_otlp_range *range)
{
    struct pp_otlp_reader *all = &reader->all;
    uint32_t index;

    *range = (struct pp_otlp_range){all->n_indexes, 0};
    if (!pp_json_read_array(&reader->json))
        return 0;
    while (pp_json_next_item(&reader->json) && pp_json_read_index(&reader->json, &index)) {
        if (!PP_OTLP_ROOM(all, indexes))
            return -ENOMEM;
        all->indexes[all->n_indexes++] = index;
        range->n++;
    }
    return 0;
}

/* ---- values and attributes ---- */

/* {"values": [{"stringValue": ".."}]} */
static int read_texts(struct pp_otlp_json *reader, struct pp_otlp_value *value)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key;

    value->kind = PP_OTLP_TEXTS;
    value->texts = (struct pp_otlp_range){all->n_texts, 0};
    if (!pp_json_read_object(json))
        return 0;
    while (pp_json_next_key(json, &key)) {
        if (!pp_json_is(key, "values")) {
            (void)pp_json_skip(json);
            continue;
        }
        if (!pp_json_read_array(json))
            return 0;
        while (pp_json_next_item(json) && pp_json_read_object(json)) {
            while (pp_json_next_key(json, &key)) {
                if (!pp_json_is(key, "stringValue")) {
                    (void)pp_json_skip(json);
                    continue;
                }
                if (!PP_OTLP_ROOM(all, texts))
                    return -ENOMEM;
                all->texts[all->n_texts++] = read_text(reader);
                value->texts.n++;
            }
        }
    }
    return 0;
}

static int read_value(struct pp_otlp_json *reader, struct pp_otlp_value *value)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key;
    int failed = 0;
    bool flag;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        *value = (struct pp_otlp_value){.kind = PP_OTLP_NO_VALUE};
        if (pp_json_is(key, "stringValue")) {
            value->kind = PP_OTLP_TEXT;
            value->text = read_text(reader);
        } else if (pp_json_is(key, "stringValueStrindex")) {
            value->kind = PP_OTLP_STRING;
            (void)pp_json_read_index(json, &value->string);
        } else if (pp_json_is(key, "intValue")) {
            value->kind = PP_OTLP_NUMBER;
            (void)pp_json_read_int64(json, &value->number);
        } else if (pp_json_is(key, "boolValue")) {
            value->kind = PP_OTLP_BOOL;
            value->number = pp_json_read_bool(json, &flag) && flag;
        } else if (pp_json_is(key, "arrayValue")) {
            failed = read_texts(reader, value);
        } else {
            (void)pp_json_skip(json);
        }
    }
    return failed;
}

int pp_otlp_json_read_attribute(struct pp_otlp_json *reader, struct pp_otlp_attribute *attribute)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key;
    int failed = 0;

    *attribute = (struct pp_otlp_attribute){.key = 0};
    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "value"))
            failed = read_value(reader, &attribute->value);
        else if (pp_json_is(key, "key"))
            attribute->key = read_text(reader);
        else if (pp_json_is(key, "keyStrindex"))
            (void)pp_json_read_index(json, &attribute->key_index);
        else if (pp_json_is(key, "unitStrindex"))
            (void)pp_json_read_index(json, &attribute->unit_index);
        else
            (void)pp_json_skip(json);
    }
    return failed;
}

/* ---- entries ---- */

static int read_mapping(struct pp_otlp_json *reader)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_json_reader *json = &reader->json;
    struct pp_otlp_mapping mapping = {.start = 0};
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "memoryStart"))
            read_address(json, &mapping.start);
        else if (pp_json_is(key, "memoryLimit"))
            read_address(json, &mapping.limit);
        else if (pp_json_is(key, "fileOffset"))
            read_address(json, &mapping.offset);
        else if (pp_json_is(key, "filenameStrindex"))
            (void)pp_json_read_index(json, &mapping.filename);
        else if (pp_json_is(key, "attributeIndices"))
            failed = pp_otlp_json_read_indexes(reader, &mapping.attributes);
        else
            (void)pp_json_skip(json);
    }
    if (failed != 0 || !PP_OTLP_ROOM(all, mappings))
        return failed != 0 ? failed : -ENOMEM;
    all->mappings[all->n_mappings++] = mapping;
    return 0;
}

static int read_lines(struct pp_otlp_json *reader, struct pp_otlp_range *range)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key;

    *range = (struct pp_otlp_range){all->n_lines, 0};
    if (!pp_json_read_array(json))
        return 0;
    while (pp_json_next_item(json) && pp_json_read_object(json)) {
        struct pp_otlp_line line = {0, 0};
        while (pp_json_next_key(json, &key)) {
            if (pp_json_is(key, "functionIndex"))
                (void)pp_json_read_index(json, &line.function);
            else if (pp_json_is(key, "line"))
                (void)pp_json_read_int64(json, &line.line);
            else
                (void)pp_json_skip(json);
        }
        if (!PP_OTLP_ROOM(all, lines))
            return -ENOMEM;
        all->lines[all->n_lines++] = line;
        range->n++;
    }
    return 0;
}

static int read_location(struct pp_otlp_json *reader)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_json_reader *json = &reader->json;
    struct pp_otlp_location location = {.mapping = 0};
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "mappingIndex"))
            (void)pp_json_read_index(json, &location.mapping);
        else if (pp_json_is(key, "address"))
            read_address(json, &location.address);
        else if (pp_json_is(key, "lines"))
            failed = read_lines(reader, &location.lines);
        else if (pp_json_is(key, "attributeIndices"))
            failed = pp_otlp_json_read_indexes(reader, &location.attributes);
        else
            (void)pp_json_skip(json);
    }
    if (failed != 0 || !PP_OTLP_ROOM(all, locations))
        return failed != 0 ? failed : -ENOMEM;
    all->locations[all->n_locations++] = location;
    return 0;
}

static int read_function(struct pp_otlp_json *reader)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_json_reader *json = &reader->json;
    struct pp_otlp_function function = {0, 0, 0, 0};
    struct pp_json_string key;

    if (!pp_json_read_object(json))
        return 0;
    while (pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "nameStrindex"))
            (void)pp_json_read_index(json, &function.name);
        else if (pp_json_is(key, "systemNameStrindex"))
            (void)pp_json_read_index(json, &function.system_name);
        else if (pp_json_is(key, "filenameStrindex"))
            (void)pp_json_read_index(json, &function.filename);
        else if (pp_json_is(key, "startLine"))
            (void)pp_json_read_int64(json, &function.start_line);
        else
            (void)pp_json_skip(json);
    }
    if (!PP_OTLP_ROOM(all, functions))
        return -ENOMEM;
    all->functions[all->n_functions++] = function;
    return 0;
}

static int hexadecimal(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* In hexadecimal, unlike other bytes in protobuf's JSON.  An id of another length is none. */
static void read_id(struct pp_json_reader *json, unsigned char *bytes, size_t n_bytes)
{
    struct pp_json_string text;

    if (!pp_json_read_string(json, &text) || text.n_bytes != 2 * n_bytes)
        return;
    for (size_t i = 0; i < n_bytes; i++) {
        const int high = hexadecimal(text.bytes[2 * i]), low = hexadecimal(text.bytes[2 * i + 1]);
        if (high < 0 || low < 0) {
            (void)pp_json_refuse(json, "an id in hexadecimal was expected");
            return;
        }
        bytes[i] = (unsigned char)(high << 4 | low);
    }
}

static int read_link(struct pp_otlp_json *reader)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_json_reader *json = &reader->json;
    struct pp_otlp_link link = {{0}, {0}};
    struct pp_json_string key;

    if (!pp_json_read_object(json))
        return 0;
    while (pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "traceId"))
            read_id(json, link.trace, sizeof link.trace);
        else if (pp_json_is(key, "spanId"))
            read_id(json, link.span, sizeof link.span);
        else
            (void)pp_json_skip(json);
    }
    if (!PP_OTLP_ROOM(all, links))
        return -ENOMEM;
    all->links[all->n_links++] = link;
    return 0;
}

static int read_stack(struct pp_otlp_json *reader)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_json_reader *json = &reader->json;
    struct pp_otlp_range stack = {0, 0};
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "locationIndices"))
            failed = pp_otlp_json_read_indexes(reader, &stack);
        else
            (void)pp_json_skip(json);
    }
    if (failed != 0 || !PP_OTLP_ROOM(all, stacks))
        return failed != 0 ? failed : -ENOMEM;
    all->stacks[all->n_stacks++] = stack;
    return 0;
}

static int read_string(struct pp_otlp_json *reader)
{
    struct pp_otlp_reader *all = &reader->all;

    if (!PP_OTLP_ROOM(all, strings))
        return -ENOMEM;
    all->strings[all->n_strings++] = read_text(reader);
    return 0;
}

static int read_table_attribute(struct pp_otlp_json *reader)
{
    struct pp_otlp_reader *all = &reader->all;
    int failed;

    if (!PP_OTLP_ROOM(all, attributes))
        return -ENOMEM;
    failed = pp_otlp_json_read_attribute(reader, &all->attributes[all->n_attributes]);
    all->n_attributes++;
    return failed;
}

int pp_otlp_json_read_dictionary(struct pp_otlp_json *reader)
{
    static const struct {
        const char *key;
        int (*read)(struct pp_otlp_json *reader);
    } tables[] = {
        {"mappingTable", read_mapping},   {"locationTable", read_location},
        {"functionTable", read_function}, {"linkTable", read_link},
        {"stringTable", read_string},     {"attributeTable", read_table_attribute},
        {"stackTable", read_stack},
    };
    enum { N_TABLES = sizeof tables / sizeof tables[0] };
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        size_t i = 0;
        while (i < N_TABLES && !pp_json_is(key, tables[i].key))
            i++;
        if (i == N_TABLES) {
            (void)pp_json_skip(json);
            continue;
        }
        if (!pp_json_read_array(json))
            return 0;
        while (failed == 0 && pp_json_next_item(json))
            failed = tables[i].read(reader);
    }
    return failed;
}
