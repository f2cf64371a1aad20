/* Reading a recording: from the shared memory of a living or dead process, or from a .ppc file.
 *
 * A reader holds a consistent copy, made when it is opened or refreshed, and shows only that: what
 * it hands out does not change meanwhile, whatever the process does.  Trusts nothing: every offset
 * is checked.  One thread a reader.
 *
 * Texts in fixed-size fields (names, paths, messages) may lack their NUL: read them with strnlen.
 */
#ifndef PP_RECORDING_READER_H
#define PP_RECORDING_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "recording/layout.h"

struct pp_recording_reader;

/* Open the file at 'path' (a .ppc, or /dev/shm/pprofc.UID.PID) and read it.  The file is held open,
 * so the process may die and unlink it afterwards.  -EBADMSG when it is no recording, damaged or
 * cut short (err->offset_bytes says where), -ENOTSUP when a newer pprof-c made it. */
int pp_recording_open(const char *path, struct pp_recording_reader **reader_out,
                      struct pprofc_error *err);

/* Read a recording of 'n_bytes' at 'bytes', which may be one that others write; must outlive the
 * reader. */
int pp_recording_view(const void *bytes, size_t n_bytes, const char *name,
                      struct pp_recording_reader **reader_out, struct pprofc_error *err);
void pp_recording_close(struct pp_recording_reader *reader);

/* Read again what is there now; what the reader handed out before is void.  On failure the reader
 * stays as it was. */
int pp_recording_refresh(struct pp_recording_reader *reader, struct pprofc_error *err);

const struct pp_rec_header *pp_recording_header(const struct pp_recording_reader *reader);

enum { PP_PROGRAM_NAME_BYTES = 256 };

/* What the program is called, for people and in names of files: as it was executed, else its file's
 * name; "" when neither is known.  Returns 'name_out'. */
const char *pp_recording_program_name(const struct pp_rec_header *head,
                                      char name_out[PP_PROGRAM_NAME_BYTES]);

/* The header in the memory of a process that lives, to write commands and reader slots; NULL for
 * files and for the dead.
 */
struct pp_rec_header *pp_recording_shared_header(struct pp_recording_reader *reader);

/* Whether the process's number means in our pid namespace what it means in its own. */
bool pp_recording_pid_is_ours(const struct pp_rec_header *head);

/* Whether the process whose header was given still listens.  Any thread, until the reader is
 * closed. */
bool pp_recording_is_live(const struct pp_recording_reader *reader);

/* Thread or module number 'index', or NULL beyond the last. */
const struct pp_rec_thread *pp_recording_thread(const struct pp_recording_reader *reader,
                                                uint32_t index);
const struct pp_rec_module *pp_recording_module(const struct pp_recording_reader *reader,
                                                uint32_t index);

/* Where the time of thread number 'index' went; NULL where waits are not followed. */
const struct pp_rec_thread_waits *pp_recording_thread_waits(
    const struct pp_recording_reader *reader, uint32_t index);

/* The sum over all threads as it is now, in the memory of a process that lives, whatever the reader
 * shows; 'spare' is 0.  What cannot be read is left out. */
void pp_recording_waits_now(struct pp_recording_reader *reader,
                            struct pp_rec_thread_waits *sum_out);

/* Site number 'index' of the heap, or NULL beyond the last; one that is not filled in yet has the
 * hash 0.  Its frames: '*n_out' of them, leaf first; NULL when they are not there. */
const struct pp_rec_site *pp_recording_site(const struct pp_recording_reader *reader,
                                            uint32_t index);
/* How long its objects lived; NULL where that is not kept. */
const struct pp_rec_lifetimes *pp_recording_lifetimes(const struct pp_recording_reader *reader,
                                                      uint32_t index);
const uint64_t *pp_recording_site_frames(const struct pp_recording_reader *reader,
                                         const struct pp_rec_site *site, uint32_t *n_out);

/* The labels that events of number 'label_set' carry, the span of number 'span'; NULL: not known
 * (yet), or of a span not any more.  And a text that they name: "" for 0, NULL when it is not
 * there. */
const struct pp_rec_label_set *pp_recording_label_set(const struct pp_recording_reader *reader,
                                                      uint32_t label_set);
const struct pp_rec_span *pp_recording_span(const struct pp_recording_reader *reader,
                                            uint32_t span);
const char *pp_recording_text(const struct pp_recording_reader *reader, uint32_t text);

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
    uint64_t stack_key; /* equal keys of one reader mean the same stack (segment, stack) */
    uint64_t slice_ns;  /* of its folded segment; 0: the time is exact */
};

/* Call 'visit' for every committed event as of the open or last refresh: those of folded segments
 * first, then the others in the order of their segments.  Returns the number visited, or what
 * 'visit' returned when that was negative. */
int64_t pp_recording_each(const struct pp_recording_reader *reader,
                          int (*visit)(void *context, const struct pp_recording_event *event),
                          void *context);

/* Send a command and wait up to 'timeout_ms' for its answer; 'argument' is the rate in millihertz
 * of PP_REQUEST_RATE, the limit in milliseconds of PP_REQUEST_LEAK_LOOK.  Returns what the process
 * answered, -ETIMEDOUT, -EPERM when the recording may not be written, -ESRCH when the process is
 * gone.  Several commanders are served one after the other (see reader_command.c). */
int pp_recording_command(struct pp_recording_reader *reader, enum pp_rec_request request,
                         uint64_t argument, int timeout_ms);

/* What became of the look for leaks whose number PP_REQUEST_LEAK_LOOK was answered with, by the
 * live header: -EINPROGRESS, 0 when its results are in the recording, or a negative errno. */
int pp_recording_leak_look_result(const struct pp_rec_header *header, int number);

/* What is there now, as a .ppc file's bytes; on success the buffer's caller ends it. */
int pp_recording_copy(struct pp_recording_reader *reader, struct pp_buffer *copy_out,
                      struct pprofc_error *err);

#define PP_RECORDING_NO_EVENTS UINT64_MAX

/* A reader of its own of what is there now; it stays as it is whatever becomes of 'reader'.  Sums
 * of events that ended before 'since_ns' (of the recording's time; 0: all are wanted) are left out:
 * who takes one window after the other does not need what a process has recorded in its life.  With
 * PP_RECORDING_NO_EVENTS no events are in it. */
int pp_recording_snapshot(struct pp_recording_reader *reader, uint64_t since_ns,
                          struct pp_recording_reader **snapshot_out, struct pprofc_error *err);

#endif
