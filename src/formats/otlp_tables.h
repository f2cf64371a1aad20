/* The dictionary of OTLP profiles under construction: seven tables of messages, each message in a
 * table once. */
#ifndef PP_FORMATS_OTLP_TABLES_H
#define PP_FORMATS_OTLP_TABLES_H

#include "base/buffer.h"
#include "formats/otlp.h"
#include "profile/id_table.h"

enum { PP_OTLP_N_TABLES = PP_OTLP_STACKS + 1 }; /* by field number; 0 is none */

struct pp_otlp_table_entry {
    size_t begin, n_bytes; /* in the table's fields */
};

struct pp_otlp_tables {
    struct {
        struct pp_buffer fields; /* as they stand in the dictionary */
        struct pp_otlp_table_entry *entries;
        size_t entries_capacity;
        struct pp_id_table ids;
        uint32_t n_entries;
    } tables[PP_OTLP_N_TABLES];
    bool failed; /* no memory: what is there is incomplete */
};

/* Tables with their elements 0. */
void pp_otlp_tables_init(struct pp_otlp_tables *tables);
void pp_otlp_tables_done(struct pp_otlp_tables *tables);

/* The index of 'bytes', a message or a string; 0 for an empty one. */
uint32_t pp_otlp_intern(struct pp_otlp_tables *tables, enum pp_otlp_table table, const void *bytes,
                        size_t n_bytes);

/* The same of a string, made valid UTF-8 as protobuf wants it. */
uint32_t pp_otlp_intern_string(struct pp_otlp_tables *tables, const char *bytes, size_t n_bytes);

/* Indexes of attributes: a text, true, texts, or a number with a unit ("" for none). */
uint32_t pp_otlp_intern_text(struct pp_otlp_tables *tables, const char *key, const char *text,
                             size_t n_bytes);
uint32_t pp_otlp_intern_true(struct pp_otlp_tables *tables, const char *key);
uint32_t pp_otlp_intern_number(struct pp_otlp_tables *tables, const char *key, int64_t number,
                               const char *unit);
/* 'values' holds fields of an array value. */
uint32_t pp_otlp_intern_array(struct pp_otlp_tables *tables, const char *key,
                              const struct pp_buffer *values);

/* Append an AnyValue with a text as field 'number'. */
void pp_otlp_put_text_value(struct pp_buffer *out, uint32_t number, const char *text,
                            size_t n_bytes);

/* Append all tables as the dictionary. */
void pp_otlp_put_dictionary(struct pp_otlp_tables *tables, struct pp_buffer *out);

#endif
