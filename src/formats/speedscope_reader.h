/* What the parts of the speedscope reader share.  speedscope_read.c goes over the document,
 * speedscope_samples.c and speedscope_values.c make samples of what it finds. */
#ifndef PP_FORMATS_SPEEDSCOPE_READER_H
#define PP_FORMATS_SPEEDSCOPE_READER_H

#include "base/error.h"
#include "base/json_reader.h"
#include "profile/profile.h"

struct pp_speedscope_reader {
    struct pprofc_profile *profile;
    const char *name;
    struct pprofc_error *err;
    struct pp_json_reader json;
    struct pp_buffer
        *buffer;        /* that the document is in, and that is forgotten as it is read; or NULL */
    size_t n_forgotten; /* of its bytes */
    uint32_t n_later;   /* members that were passed over and are read later */

    pp_id *frames; /* our locations by index in the file */
    size_t n_frames, frames_capacity;
    bool is_ours;        /* written by pp_speedscope_write(): its profiles are sample types */
    uint32_t n_profiles; /* read so far */
    uint32_t active;     /* the one to be shown first */
    bool has_type[PP_MAX_TYPES], has_threads; /* some type has several profiles */

    uint64_t n_rounded, n_unclosed;
};

/* One profile of the file, which is a thread or a sample type. */
struct pp_speedscope_piece {
    const struct pp_speedscope_unit *unit; /* NULL: not read yet */
    pp_id title;
    uint32_t type; /* ours; where has_type */
    pp_id labels;
    bool has_type, has_title, has_end;
    struct pp_json_number end;
    long double carry; /* what rounding has left over */

    pp_id *stacks; /* of a sampled one, by sample */
    size_t n_stacks, stacks_capacity;
};

/* The unit of that name, or NULL. */
const struct pp_speedscope_unit *pp_speedscope_unit_of(struct pp_json_string name);

/* The refusal of a file: -EBADMSG, pointing at where the reader stands. */
int pp_speedscope_refuse(struct pp_speedscope_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int pp_speedscope_no_frame(struct pp_speedscope_reader *reader, uint32_t frame);

/* What was read goes back, unless something that came too early is read later. */
void pp_speedscope_forget(struct pp_speedscope_reader *reader);

/* Read an array: "samples", then "weights" of these, or "events".  0 where the document itself is
 * wrong: its reader knows. */
int pp_speedscope_read_samples(struct pp_speedscope_reader *reader,
                               struct pp_speedscope_piece *piece);
int pp_speedscope_read_weights(struct pp_speedscope_reader *reader,
                               struct pp_speedscope_piece *piece);
int pp_speedscope_read_events(struct pp_speedscope_reader *reader,
                              struct pp_speedscope_piece *piece);

#endif
