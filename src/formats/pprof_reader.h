/* What the parts of the pprof reader share.  pprof_read.c goes over the file, pprof_read_parts.c,
 * pprof_read_samples.c and pprof_read_stacks.c read what it finds. */
#ifndef PP_FORMATS_PPROF_READER_H
#define PP_FORMATS_PPROF_READER_H

#include "base/error.h"
#include "formats/bytes_digest.h"
#include "formats/pprof.h"
#include "formats/pprof_ids.h"
#include "formats/pprof_stacks.h"
#include "formats/wire.h"
#include "profile/tables.h"

enum { PP_PPROF_OTHER_FIELDS = PP_PPROF_STRING_TABLE + 1 };

enum { PP_PPROF_BATCH = PP_PROFILE_MOST_WALKS, PP_PPROF_KNOWN_LABELS = 1024 };

/* A sample that was looked over and is not in the profile yet. */
struct pp_pprof_sample {
    struct pp_wire frames;   /* from the first to the end of the last */
    struct pp_digest digest; /* of these bytes */
    pp_id node, labels;
    size_t n_values;
    int64_t values[PP_MAX_TYPES];
};

/* A stack that was not met before, on its way into the tree. */
struct pp_pprof_new_stack {
    struct pp_pprof_sample *sample;
    struct pp_wire packed;        /* its ids, where one field has them all; else NULL */
    struct pp_wire root;          /* the part of them that is looked up, */
    struct pp_digest root_digest; /* under this; */
    bool has_root;                /* and remembered where it was not met before */
    size_t first, n_leaves;       /* its frames in 'stack', and how many are before that part */
};

/* Labels that were met before; 0: none. */
struct pp_pprof_known_labels {
    struct pp_digest digest; /* of the bytes in which they stand */
    pp_id set;
};

struct pp_pprof_reader {
    struct pprofc_profile *profile;
    const char *name;
    struct pp_wire all;
    struct pprofc_error *err;
    struct pp_buffer *buffer; /* that 'all' is in, and that is forgotten as it is read; or NULL */
    size_t n_forgotten;       /* of the range of this pass, up to so many bytes of the file */

    struct range {
        struct pp_wire bytes; /* from the first field to the end of the last */
        size_t n_fields;
    } ranges[PP_PPROF_OTHER_FIELDS + 1]; /* by field number; the last: everything else */

    size_t n_strings; /* read so far */
    pp_id *strings;   /* ours by index in the file */
    struct pp_pprof_ids mappings, functions, locations;
    uint64_t default_type_name; /* index in the file's string table */

    struct pp_digest_key key;
    struct pp_pprof_stacks stacks, roots; /* whole ones, and the beginnings of new ones */
    struct pp_pprof_known_labels known_labels[PP_PPROF_KNOWN_LABELS]; /* by place */
    struct pp_pprof_sample samples[PP_PPROF_BATCH];
    uint32_t n_samples; /* in 'samples' */

    struct pp_pprof_new_stack new_stacks[PP_PPROF_BATCH];
    struct pp_profile_walk walks[PP_PPROF_BATCH]; /* of the new stacks */
    uint32_t n_new_stacks;

    /* Reused from batch to batch, and from message to message. */
    pp_id *stack;
    size_t n_frames; /* in 'stack' */
    struct pp_line *lines;
    struct pp_label *labels;
    size_t stack_capacity, lines_capacity, labels_capacity;
};

/* The refusal of a file: -EBADMSG; 'at' is the byte it points at. */
int pp_pprof_refuse(const struct pp_pprof_reader *reader, const uint8_t *at, const char *format,
                    ...) __attribute__((format(printf, 3, 4)));
int pp_pprof_no_memory(const struct pp_pprof_reader *reader);

/* Our string for an index of the file's table. */
int pp_pprof_read_string(const struct pp_pprof_reader *reader, const uint8_t *at, uint64_t index,
                         pp_id *string_out);

int pp_pprof_next_long_field(const struct pp_pprof_reader *reader, struct pp_wire *message,
                             struct pp_wire_field *field);

/* Of a large file's millions of fields nearly all are messages, or numbers, with a tag of one byte
 * and a length or value of one or two.  False where the field is another one, or wrong. */
__attribute__((always_inline)) static inline bool pp_pprof_next_short_field(
    struct pp_wire *message, struct pp_wire_field *field)
{
    const uint8_t *at = message->at;
    const size_t n_left = (size_t)(message->end - at);
    uint32_t value, tag;

    if (n_left < 3)
        return false;
    tag = at[0];
    value = at[1];
    at += 2;
    if (value >= 0x80) {
        if (*at >= 0x80)
            return false;
        value = (value & 0x7f) | (uint32_t)*at++ << 7;
    }
    if (tag - 8 >= 0x78)
        return false;
    field->number = tag >> 3;
    field->type = (enum pp_wire_type)(tag & 7);
    if (field->type == PP_WIRE_LEN && value <= (size_t)(message->end - at)) {
        field->value = 0;
        field->bytes = (struct pp_wire){at, at + value};
        message->at = at + value;
        return true;
    }
    field->value = value;
    field->bytes = (struct pp_wire){NULL, NULL};
    message->at = field->type == PP_WIRE_VARINT ? at : message->at;
    return field->type == PP_WIRE_VARINT;
}

/* The next field of 'message': 1, 0 at its end, or the refusal.  '*at_out' is where it begins.
 * What is seldom called gets copies, so that the caller's own stay in registers. */
__attribute__((always_inline)) static inline int pp_pprof_next_field(
    const struct pp_pprof_reader *reader, struct pp_wire *message, struct pp_wire_field *field,
    const uint8_t **at_out)
{
    struct pp_wire rest = *message;
    struct pp_wire_field other;
    int found;

    *at_out = message->at;
    if (pp_pprof_next_short_field(message, field))
        return 1;
    if (rest.at == rest.end)
        return 0;
    found = pp_pprof_next_long_field(reader, &rest, &other);
    *message = rest;
    *field = other;
    return found;
}

/* One message each, which begins at 'begin'. */
int pp_pprof_read_value_type(const struct pp_pprof_reader *reader, struct pp_wire message,
                             struct pp_value_type *type);
int pp_pprof_read_mapping(struct pp_pprof_reader *reader, const struct pp_wire_field *whole,
                          const uint8_t *begin);
int pp_pprof_read_function(struct pp_pprof_reader *reader, const struct pp_wire_field *whole,
                           const uint8_t *begin);
int pp_pprof_read_location(struct pp_pprof_reader *reader, const struct pp_wire_field *whole,
                           const uint8_t *begin);

/* A sample may wait for others; pp_pprof_take_samples() takes those that wait. */
int pp_pprof_read_sample(struct pp_pprof_reader *reader, const struct pp_wire_field *whole,
                         const uint8_t *begin);
int pp_pprof_take_samples(struct pp_pprof_reader *reader);

/* Put the stack of 'sample', whose bytes were not met before, behind the other new ones, and have
 * brought here what it needs first; read all of them and put them into the tree.  0, the refusal or
 * -ENOMEM. */
void pp_pprof_expect_stack(struct pp_pprof_reader *reader, struct pp_pprof_sample *sample);
int pp_pprof_take_stacks(struct pp_pprof_reader *reader);

/* The refusal of a sample's frames, or 0. */
int pp_pprof_check_stack(struct pp_pprof_reader *reader, struct pp_pprof_sample *sample);

#endif
