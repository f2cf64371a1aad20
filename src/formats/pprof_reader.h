/* What the parts of the pprof reader share.  pprof_read.c goes over the file, pprof_read_parts.c,
 * pprof_read_samples.c and pprof_read_stacks.c read what it finds. */
#ifndef PP_FORMATS_PPROF_READER_H
#define PP_FORMATS_PPROF_READER_H

#include "base/error.h"
#include "formats/pprof.h"
#include "formats/pprof_ids.h"
#include "formats/pprof_stacks.h"
#include "formats/wire.h"
#include "profile/tables.h"

enum { PP_PPROF_OTHER_FIELDS = PP_PPROF_STRING_TABLE + 1 };

enum { PP_PPROF_BATCH = PP_PROFILE_MOST_WALKS, PP_PPROF_KNOWN_LABELS = 256 };

/* A sample that was looked over and is not in the profile yet. */
struct pp_pprof_sample {
    struct pp_wire frames; /* from the first to the end of the last */
    uint64_t hash;         /* of these bytes */
    pp_id node, labels;
    size_t n_values;
    int64_t values[PP_MAX_TYPES];
};

/* A stack that was not met before, on its way into the tree. */
struct pp_pprof_new_stack {
    struct pp_pprof_sample *sample;
    size_t first, n_leaves; /* its frames in 'stack', and how many are before the root's part */
    struct pp_wire root;    /* the bytes of that, when it was not met before; else empty */
    uint64_t root_hash;
};

/* The labels that stand in 'bytes'. */
struct pp_pprof_known_labels {
    struct pp_wire bytes;
    pp_id set;
};

struct pp_pprof_reader {
    struct pprofc_profile *profile;
    const char *name;
    struct pp_wire all;
    struct pprofc_error *err;

    struct range {
        struct pp_wire bytes; /* from the first field to the end of the last */
        size_t n_fields;
    } ranges[PP_PPROF_OTHER_FIELDS + 1]; /* by field number; the last: everything else */

    size_t n_strings; /* read so far */
    pp_id *strings;   /* ours by index in the file */
    struct pp_pprof_ids mappings, functions, locations;
    uint64_t default_type_name; /* index in the file's string table */

    struct pp_pprof_stacks stacks, roots; /* whole ones, and the beginnings of new ones */
    struct pp_pprof_known_labels known_labels[PP_PPROF_KNOWN_LABELS]; /* by hash */
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

/* The next field of 'message': 1, 0 at its end, or the refusal.  '*at_out' is where it begins.  A
 * large file has millions of them, nearly all numbers and messages with a tag of one byte. */
static inline int pp_pprof_next_field(const struct pp_pprof_reader *reader, struct pp_wire *message,
                                      struct pp_wire_field *field, const uint8_t **at_out)
{
    struct pp_wire rest = *message;
    uint64_t value;
    uint8_t tag;

    *at_out = rest.at;
    if (rest.at == rest.end)
        return 0;
    tag = *rest.at++;
    if (tag >= 0x80 || tag < 8 || ((tag & 7) != PP_WIRE_VARINT && (tag & 7) != PP_WIRE_LEN) ||
        !pp_wire_varint(&rest, &value) ||
        ((tag & 7) == PP_WIRE_LEN && value > (uint64_t)(rest.end - rest.at)))
        return pp_pprof_next_long_field(reader, message, field);
    field->number = tag >> 3;
    field->type = (enum pp_wire_type)(tag & 7);
    field->value = field->type == PP_WIRE_VARINT ? value : 0;
    field->bytes = (struct pp_wire){NULL, NULL};
    if (field->type == PP_WIRE_LEN) {
        field->bytes = pp_wire_of(rest.at, value);
        rest.at += value;
    }
    message->at = rest.at;
    return 1;
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

/* Put the stack of 'sample', whose bytes were not met before, behind the other new ones; and all of
 * them into the tree. */
int pp_pprof_add_stack(struct pp_pprof_reader *reader, struct pp_pprof_sample *sample);
void pp_pprof_take_stacks(struct pp_pprof_reader *reader);

#endif
