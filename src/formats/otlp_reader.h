/* What the readers of OTLP profiles share.  otlp_read.c (protobuf) and otlp_json.c fill the tables
 * as they stand in the file; otlp_dictionary.c makes our things of them once they are complete,
 * since they lean on each other in any order; otlp_samples.c adds the samples. */
#ifndef PP_FORMATS_OTLP_READER_H
#define PP_FORMATS_OTLP_READER_H

#include "base/error.h"
#include "formats/otlp.h"
#include "profile/id_table.h"
#include "profile/profile.h"

struct pp_otlp_range {
    size_t first, n;
};

enum pp_otlp_value_kind {
    PP_OTLP_NO_VALUE, /* none, or of a kind that is no label */
    PP_OTLP_TEXT,
    PP_OTLP_STRING, /* an index of the string table */
    PP_OTLP_NUMBER,
    PP_OTLP_BOOL,
    PP_OTLP_TEXTS, /* an array */
};

struct pp_otlp_value {
    enum pp_otlp_value_kind kind;
    pp_id text;                 /* our string */
    uint32_t string;            /* index */
    int64_t number;             /* also 0 or 1 */
    struct pp_otlp_range texts; /* into the reader's */
};

struct pp_otlp_attribute {
    pp_id key;          /* our string, where the message has it; else */
    uint32_t key_index; /* of the string table */
    uint32_t unit_index;
    struct pp_otlp_value value;
};

struct pp_otlp_mapping {
    uint64_t start, limit, offset;
    uint32_t filename;
    struct pp_otlp_range attributes; /* into 'indexes' */
};

struct pp_otlp_function {
    uint32_t name, system_name, filename;
    int64_t start_line;
};

struct pp_otlp_line {
    uint32_t function;
    int64_t line;
};

struct pp_otlp_location {
    uint32_t mapping;
    uint64_t address;
    struct pp_otlp_range lines, attributes;
};

struct pp_otlp_link {
    unsigned char trace[PP_OTLP_TRACE_BYTES], span[PP_OTLP_SPAN_BYTES];
};

struct pp_otlp_sample {
    uint32_t stack, link;
    size_t n_values, n_times;
    int64_t value; /* sum of the values */
    size_t n_attributes;
};

/* Who sends a profile twice gives it the same one.  As it stands in the file: bytes, or JSON's
 * spelling of them; without one, or where it is too long to be one, it has no bytes. */
enum { PP_OTLP_MAX_ID_BYTES = 32 };
struct pp_otlp_id {
    unsigned char bytes[PP_OTLP_MAX_ID_BYTES];
    uint32_t n_bytes, type;
};

struct pp_otlp_profile {
    struct pp_otlp_id id;
    bool is_repeated; /* its samples are those of one before it */
    bool has_type;
    uint32_t type;                     /* ours, where has_type */
    uint32_t period_type, period_unit; /* strings of the table */
    uint64_t time_ns;
    int64_t duration_ns, period;
};

#define PP_OTLP_COLUMN(kind, name) \
    kind *name;                    \
    size_t n_##name, name##_capacity

struct pp_otlp_reader {
    struct pprofc_profile *profile;
    const char *name;
    struct pprofc_error *err;
    uint64_t offset; /* of what is being read, for messages */
    bool is_placed;  /* 'offset' means something */

    PP_OTLP_COLUMN(pp_id, strings);
    PP_OTLP_COLUMN(struct pp_otlp_mapping, mappings);
    PP_OTLP_COLUMN(struct pp_otlp_location, locations);
    PP_OTLP_COLUMN(struct pp_otlp_line, lines);
    PP_OTLP_COLUMN(struct pp_otlp_function, functions);
    PP_OTLP_COLUMN(struct pp_otlp_link, links);
    PP_OTLP_COLUMN(struct pp_otlp_attribute, attributes);
    PP_OTLP_COLUMN(struct pp_otlp_range, stacks); /* into 'indexes' */
    PP_OTLP_COLUMN(uint32_t, indexes);
    PP_OTLP_COLUMN(pp_id, texts);

    pp_id *functions_of, *locations_of, *stacks_of; /* ours, by index */

    uint32_t n_resources, n_profiles;                   /* in the file; read so far */
    PP_OTLP_COLUMN(struct pp_otlp_attribute, resource); /* attributes of the one being read */
    PP_OTLP_COLUMN(uint32_t, sample_attributes);        /* of the sample being read */
    PP_OTLP_COLUMN(struct pp_label, labels);            /* reused */
    PP_OTLP_COLUMN(struct pp_line, location_lines);     /* reused */
    PP_OTLP_COLUMN(struct pp_otlp_id, ids);             /* of the profiles that have one */
    struct pp_id_table ids_table;                       /* ids are index + 1 */
    uint64_t end_ns;                                    /* of the latest profile */
    uint32_t n_repeated;
    pp_id default_type; /* string */
    uint64_t n_ignored; /* attributes that are no labels: lists, bytes, fractions */
};

/* Room for one more at the end of a column, as an expression: false without memory. */
#define PP_OTLP_ROOM(reader, name)                                                         \
    (pp_array_reserve(&(reader)->name, &(reader)->name##_capacity, (reader)->n_##name + 1, \
                      sizeof *(reader)->name) == 0)

void pp_otlp_reader_done(struct pp_otlp_reader *reader);

/* The refusal of a file: -EBADMSG. */
int pp_otlp_refuse(const struct pp_otlp_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* 0, or the refusal of an index of a table of 'n_entries'; 0 is none and always right. */
int pp_otlp_check(const struct pp_otlp_reader *reader, const char *what, uint64_t index,
                  size_t n_entries);

/* Our string of an index that was checked. */
static inline pp_id pp_otlp_string(const struct pp_otlp_reader *reader, uint32_t index)
{
    return index == 0 ? 0 : reader->strings[index];
}

/* All tables are there: check what they say of each other and make our things of them. */
int pp_otlp_dictionary_resolve(struct pp_otlp_reader *reader);

/* The key of an attribute, and its text where it has one. */
pp_id pp_otlp_key(const struct pp_otlp_reader *reader, const struct pp_otlp_attribute *attribute);
pp_id pp_otlp_text(const struct pp_otlp_reader *reader, const struct pp_otlp_attribute *attribute);

/* Take the id that stands in the file: all zeroes is none. */
void pp_otlp_take_id(struct pp_otlp_profile *profile, const void *bytes, size_t n_bytes);

/* Begin a profile whose sample type are these strings of the table. */
int pp_otlp_begin_profile(struct pp_otlp_reader *reader, struct pp_otlp_profile *profile,
                          uint32_t type, uint32_t unit);
int pp_otlp_add_sample(struct pp_otlp_reader *reader, const struct pp_otlp_profile *profile,
                       const struct pp_otlp_sample *sample);
/* What it says besides; 'attributes' is a range of 'indexes'. */
int pp_otlp_end_profile(struct pp_otlp_reader *reader, const struct pp_otlp_profile *profile,
                        struct pp_otlp_range attributes);

/* The attributes of a resource, which are read before its profiles; and the file is read. */
void pp_otlp_take_resource(struct pp_otlp_reader *reader);
int pp_otlp_finish(struct pp_otlp_reader *reader);

#endif
