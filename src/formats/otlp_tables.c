/* The dictionary of OTLP profiles under construction. */
#include "formats/otlp_tables.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "formats/wire.h"

static void append(struct pp_otlp_tables *tables, enum pp_otlp_table table, const void *bytes,
                   size_t n_bytes)
{
    struct pp_buffer *fields = &tables->tables[table].fields;
    struct pp_otlp_table_entry *entries;
    const uint32_t index = tables->tables[table].n_entries;

    if (pp_array_reserve(&tables->tables[table].entries, &tables->tables[table].entries_capacity,
                         (size_t)index + 1, sizeof *entries) != 0) {
        tables->failed = true;
        return;
    }
    entries = tables->tables[table].entries;
    pp_wire_put_bytes(fields, table, bytes, n_bytes);
    entries[index] = (struct pp_otlp_table_entry){fields->n_bytes - n_bytes, n_bytes};
    tables->tables[table].n_entries++;
    tables->failed |= fields->failed;
}

void pp_otlp_tables_init(struct pp_otlp_tables *tables)
{
    pp_autobuffer struct pp_buffer link = PP_BUFFER_INIT;
    static const char zeros[PP_OTLP_TRACE_BYTES];

    *tables = (struct pp_otlp_tables){.failed = false};
    pp_wire_put_bytes(&link, PP_OTLP_LINK_TRACE, zeros, PP_OTLP_TRACE_BYTES);
    pp_wire_put_bytes(&link, PP_OTLP_LINK_SPAN, zeros, PP_OTLP_SPAN_BYTES);
    tables->failed = link.failed;
    for (uint32_t table = 1; table < PP_OTLP_N_TABLES; table++) {
        const bool is_link = table == PP_OTLP_LINKS && !link.failed;
        append(tables, (enum pp_otlp_table)table, is_link ? link.bytes : "",
               is_link ? link.n_bytes : 0);
    }
}

void pp_otlp_tables_done(struct pp_otlp_tables *tables)
{
    for (uint32_t table = 0; table < PP_OTLP_N_TABLES; table++) {
        pp_buffer_done(&tables->tables[table].fields);
        free(tables->tables[table].entries);
        pp_id_table_done(&tables->tables[table].ids);
    }
}

uint32_t pp_otlp_intern(struct pp_otlp_tables *tables, enum pp_otlp_table table, const void *bytes,
                        size_t n_bytes)
{
    struct pp_id_table *ids = &tables->tables[table].ids;
    const uint64_t hash = pp_hash_bytes(bytes, n_bytes);
    struct pp_id_probe probe;

    if (n_bytes == 0 || tables->failed)
        return 0;
    for (probe = pp_id_table_first(ids, hash); probe.id != 0;
         probe = pp_id_table_after(ids, hash, probe)) {
        const struct pp_otlp_table_entry *entry = &tables->tables[table].entries[probe.id];
        if (entry->n_bytes == n_bytes &&
            memcmp(tables->tables[table].fields.bytes + entry->begin, bytes, n_bytes) == 0)
            return probe.id;
    }
    /* Indexes are int32 in the messages. */
    if (tables->tables[table].n_entries == INT32_MAX ||
        pp_id_table_put(ids, hash, tables->tables[table].n_entries) != 0) {
        tables->failed = true;
        return 0;
    }
    append(tables, table, bytes, n_bytes);
    return tables->tables[table].n_entries - 1;
}

uint32_t pp_otlp_intern_string(struct pp_otlp_tables *tables, const char *bytes, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer clean = PP_BUFFER_INIT;

    if (pp_utf8_valid_bytes(bytes, n_bytes) == n_bytes)
        return pp_otlp_intern(tables, PP_OTLP_STRINGS, bytes, n_bytes);
    pp_utf8_append(&clean, bytes, n_bytes);
    tables->failed |= clean.failed;
    return clean.failed ? 0 : pp_otlp_intern(tables, PP_OTLP_STRINGS, clean.bytes, clean.n_bytes);
}

/* ---- attributes ---- */

void pp_otlp_put_text_value(struct pp_buffer *out, uint32_t number, const char *text,
                            size_t n_bytes)
{
    const size_t begin = pp_wire_begin(out, number);
    size_t begin_text;

    if (pp_utf8_valid_bytes(text, n_bytes) == n_bytes) {
        pp_wire_put_bytes(out, PP_OTLP_V_STRING, text, n_bytes);
    } else {
        begin_text = pp_wire_begin(out, PP_OTLP_V_STRING);
        pp_utf8_append(out, text, n_bytes);
        pp_wire_end(out, begin_text);
    }
    pp_wire_end(out, begin);
}

static uint32_t intern_attribute(struct pp_otlp_tables *tables, struct pp_buffer *message)
{
    tables->failed |= message->failed;
    return message->failed
               ? 0
               : pp_otlp_intern(tables, PP_OTLP_ATTRIBUTES, message->bytes, message->n_bytes);
}

static void put_key(struct pp_otlp_tables *tables, struct pp_buffer *message, const char *key)
{
    pp_wire_put_integer(message, PP_OTLP_A_KEY, pp_otlp_intern_string(tables, key, strlen(key)));
}

uint32_t pp_otlp_intern_text(struct pp_otlp_tables *tables, const char *key, const char *text,
                             size_t n_bytes)
{
    pp_autobuffer struct pp_buffer message = PP_BUFFER_INIT;

    put_key(tables, &message, key);
    pp_otlp_put_text_value(&message, PP_OTLP_A_VALUE, text, n_bytes);
    return intern_attribute(tables, &message);
}

uint32_t pp_otlp_intern_true(struct pp_otlp_tables *tables, const char *key)
{
    pp_autobuffer struct pp_buffer message = PP_BUFFER_INIT;
    size_t begin;

    put_key(tables, &message, key);
    begin = pp_wire_begin(&message, PP_OTLP_A_VALUE);
    pp_wire_put_element(&message, PP_OTLP_V_BOOL, 1);
    pp_wire_end(&message, begin);
    return intern_attribute(tables, &message);
}

uint32_t pp_otlp_intern_number(struct pp_otlp_tables *tables, const char *key, int64_t number,
                               const char *unit)
{
    pp_autobuffer struct pp_buffer message = PP_BUFFER_INIT;
    size_t begin;

    put_key(tables, &message, key);
    begin = pp_wire_begin(&message, PP_OTLP_A_VALUE);
    pp_wire_put_element(&message, PP_OTLP_V_INT, (uint64_t)number);
    pp_wire_end(&message, begin);
    pp_wire_put_integer(&message, PP_OTLP_A_UNIT,
                        pp_otlp_intern_string(tables, unit, strlen(unit)));
    return intern_attribute(tables, &message);
}

uint32_t pp_otlp_intern_array(struct pp_otlp_tables *tables, const char *key,
                              const struct pp_buffer *values)
{
    pp_autobuffer struct pp_buffer message = PP_BUFFER_INIT;
    size_t begin;

    put_key(tables, &message, key);
    begin = pp_wire_begin(&message, PP_OTLP_A_VALUE);
    pp_wire_put_bytes(&message, PP_OTLP_V_ARRAY, values->bytes, values->n_bytes);
    pp_wire_end(&message, begin);
    message.failed |= values->failed;
    return intern_attribute(tables, &message);
}

void pp_otlp_put_dictionary(struct pp_otlp_tables *tables, struct pp_buffer *out)
{
    const size_t begin = pp_wire_begin(out, PP_OTLP_DICTIONARY);

    for (uint32_t table = 1; table < PP_OTLP_N_TABLES; table++)
        pp_buffer_append(out, tables->tables[table].fields.bytes,
                         tables->tables[table].fields.n_bytes);
    pp_wire_end(out, begin);
    tables->failed |= out->failed;
}
