/* OTLP profiles while they are written: otlp_write.c writes samples and profiles,
 * otlp_write_tables.c what those refer to. */
#ifndef PP_FORMATS_OTLP_WRITER_H
#define PP_FORMATS_OTLP_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "formats/formats.h"
#include "formats/otlp_tables.h"
#include "profile/slice_sums.h"

struct pp_otlp_writer {
    const struct pprofc_profile *profile;
    struct pp_otlp_origin origin;
    struct pp_slice_sums sums;
    struct pp_otlp_tables tables;
    bool is_ours; /* profiled by us: frames are native ones */
    bool failed;

    /* Indexes in the file, by our ids, plus 1; 0: none yet. */
    uint32_t *strings, *mappings, *functions, *locations, *stacks;
    struct pp_buffer message, stack, labels; /* reused */
    pp_id labels_of;                         /* the set whose fields 'labels' holds */
};

/* Indexes in the dictionary of what our ids stand for; 0 for none. */
uint32_t pp_otlp_writer_string(struct pp_otlp_writer *writer, pp_id string);
uint32_t pp_otlp_writer_stack(struct pp_otlp_writer *writer, pp_id leaf);

/* Of an attribute. */
uint32_t pp_otlp_writer_text(struct pp_otlp_writer *writer, const char *key, pp_id text);

/* Of the message under construction in 'message', with the attributes 'indexes' (may be NULL)
 * behind. */
uint32_t pp_otlp_writer_message(struct pp_otlp_writer *writer, enum pp_otlp_table table,
                                uint32_t attributes_field, const struct pp_buffer *indexes);

#endif
