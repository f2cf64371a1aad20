/* Reading a recording: from the shared memory of a living or dead process, or from a .ppc file.
 * Trusts nothing: every offset is checked.  One thread a reader. */
#ifndef PP_RECORDING_READER_H
#define PP_RECORDING_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "recording/layout.h"

struct pp_recording_reader;

/* Open the file at 'path' (a .ppc, or /dev/shm/pprofc.UID.PID).  It is mapped, so the process may die afterwards. */
int pp_recording_open(const char *path, struct pp_recording_reader **reader_out, struct pprofc_error *err);

/* A view of 'n_bytes' at 'bytes', which must outlive the reader. */
int pp_recording_view(const void *bytes, size_t n_bytes, const char *name, struct pp_recording_reader **reader_out,
                      struct pprofc_error *err);
void pp_recording_close(struct pp_recording_reader *reader);

/* Map again when the recording has grown since; 0 or a negative errno. */
int pp_recording_refresh(struct pp_recording_reader *reader, struct pprofc_error *err);

const struct pp_rec_header *pp_recording_header(const struct pp_recording_reader *reader);
struct pp_rec_header *pp_recording_shared_header(struct pp_recording_reader *reader); /* to write commands; NULL for files */

/* Thread or module number 'index', or NULL. */
const struct pp_rec_thread *pp_recording_thread(const struct pp_recording_reader *reader, uint32_t index);
const struct pp_rec_module *pp_recording_module(const struct pp_recording_reader *reader, uint32_t index);

/* One event as a caller wants it. */
struct pp_recording_event {
    uint64_t time_ns;
    uint8_t family;
    uint8_t n_values;
    uint16_t flags;
    uint32_t thread, label_set, span;
    int64_t values[PP_REC_MAX_VALUES];
    const uint64_t *pcs; /* leaf first */
    uint32_t n_frames;
    uint64_t stack_key; /* equal keys in one pass mean the same stack (segment, stack) */
};

/* Call 'visit' for every committed event.  Returns the number visited, or what 'visit' returned when that was negative.
 * For recordings of living processes take a snapshot first (pp_recording_snapshot). */
int64_t pp_recording_each(const struct pp_recording_reader *reader,
                          int (*visit)(void *context, const struct pp_recording_event *event), void *context);

/* Send a command and wait up to 'timeout_ms' for its answer; -ETIMEDOUT, -ESRCH when the process is gone. */
int pp_recording_command(struct pp_recording_reader *reader, enum pp_rec_request request, uint64_t argument,
                         int timeout_ms);

/* A consistent copy of a living recording in new memory (free()d by the caller), a .ppc file's bytes. */
int pp_recording_copy(struct pp_recording_reader *reader, void **bytes_out, size_t *n_bytes_out,
                      struct pprofc_error *err);

#endif
