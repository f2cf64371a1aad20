/* What the reader's files share; nobody else includes this. */
#ifndef PP_RECORDING_READER_PRIVATE_H
#define PP_RECORDING_READER_PRIVATE_H

#include "base/buffer.h"
#include "recording/reader.h"

/* Where a recording's bytes come from: a file (fd >= 0), read with pread so that one cut short
 * under our hands is an error and not a SIGBUS, or memory. */
struct pp_recording_source {
    int fd;
    const unsigned char *bytes;
    uint64_t n_bytes;
    const char *name; /* for messages */
};

/* One segment of a copy: all its events are committed and lie without holes; what was reserved and
 * not committed is zeros behind them. */
struct pp_recording_segment {
    const unsigned char *area;
    uint32_t n_log_bytes, n_area_bytes;
    uint64_t slice_ns; /* 0: raw */
};

struct pp_recording_reader {
    struct pp_recording_source source;
    char *name;
    struct pp_buffer copy; /* as pp_recording_copy_source() makes it */
    struct pp_recording_segment segments[PP_REC_MAX_SEGMENTS];
    uint32_t n_segments;
    struct pp_rec_header *shared; /* the header in the living process's memory, or NULL */
    bool is_writable;
};

/* A consistent copy of what 'source' holds, appended to the empty 'out': layout.h's form with only
 * committed events, only the segments that count (folded first, then raw by sequence), and nothing
 * between them.  'since_ns' as pp_recording_snapshot() has it. */
int pp_recording_copy_source(struct pp_recording_source *source, uint64_t since_ns,
                             struct pp_buffer *out, struct pprofc_error *err);

/* A folded segment, checked: where its area is in the source, and what of it is used. */
struct pp_recording_sums {
    const struct pp_recording_source *source;
    uint64_t area_offset;
    uint32_t n_area_bytes, n_log_bytes, n_stack_bytes;
    uint64_t slice_ns, since_ns;
};

/* Append to 'events' those that reach beyond 'since_ns', and to 'stacks' theirs, as they lie behind
 * the events in a copy. */
int pp_recording_take_sums(const struct pp_recording_sums *sums, struct pp_buffer *events,
                           struct pp_buffer *stacks, struct pprofc_error *err);

/* Ask for the size of a source that is a file. */
int pp_recording_measure_source(struct pp_recording_source *source, struct pprofc_error *err);

/* Read exactly 'n_bytes' at 'offset' of the source; -EBADMSG when they are not there. */
int pp_recording_read_source(const struct pp_recording_source *source, uint64_t offset, void *bytes,
                             uint64_t n_bytes, struct pprofc_error *err);

/* -EBADMSG with what is wrong and where. */
int pp_recording_damaged(const struct pp_recording_source *source, struct pprofc_error *err,
                         uint64_t offset, const char *what);

/* Whether 'head' is that of a recording which this version can read, and all of it is there. */
int pp_recording_check_header(const struct pp_recording_source *source,
                              const struct pp_rec_header *head, struct pprofc_error *err);

/* A log as it was read, twice. */
struct pp_recording_log {
    const unsigned char *states; /* the first reading: says what is committed */
    const unsigned char
        *bodies; /* read later: what was committed then is whole here; may be the same */
    uint32_t n_bytes;
};

/* No event is longer. */
enum {
    PP_RECORDING_EXTRA_BYTES = 16, /* weight and variance, or start and duration */
    PP_RECORDING_MAX_EVENT_BYTES =
        (int)sizeof(struct pp_rec_event) + PP_REC_MAX_VALUES * 8 + 2 * PP_RECORDING_EXTRA_BYTES,
};

/* The next committed event at or after '*position', which moves behind it; NULL at the end.
 * '*n_bytes_out' is its length. */
const struct pp_rec_event *pp_recording_next_event(const struct pp_recording_log *log,
                                                   uint32_t *position, uint32_t *n_bytes_out);

/* A log that was read twice, with its stacks behind the second reading, in a copy that is made. */
struct pp_recording_events {
    const unsigned char *states;
    unsigned char *area;
    uint32_t n_area_bytes; /* in the source, by which events say where their stacks are */
    uint32_t n_log_bytes, n_stack_bytes;
};

/* Move the committed events together, at the area's begin, their stacks counted from there; returns
 * their bytes. */
uint32_t pp_recording_gather_events(const struct pp_recording_events *events);

#endif
