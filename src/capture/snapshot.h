/* A copy of the recording as it stands: the bytes of a .ppc file. */
#ifndef PP_CAPTURE_SNAPSHOT_H
#define PP_CAPTURE_SNAPSHOT_H

#include <stdint.h>

#include "pprofc/pprofc.h"
#include "recording/layout.h"

struct pprofc_recording {
    uint64_t n_mapped, n_bytes;
    char *bytes;
};

/* Copy what came since 'cursor' (NULL: all) and move the cursor on.  The helper may work meanwhile.
 * -ENOMEM, -EAGAIN when the segments kept changing (the helper is folding without pause: cannot
 * be). */
int pp_snapshot_take(struct pp_rec_header *header, uint64_t session, struct pprofc_cursor *cursor,
                     struct pprofc_recording **recording_out, struct pprofc_error *err);

/* Give up a cursor's claim on segments. */
void pp_snapshot_release(struct pp_rec_header *header, struct pprofc_cursor *cursor);

/* Keep only events of the threads that 'keeps' says (for one call's profile); works on the copy. */
void pp_snapshot_filter(struct pprofc_recording *recording,
                        int (*keeps)(void *context, const struct pp_rec_thread *), void *context);

/* Of src/capture/snapshot_waits.c: of a copy that holds a part of the events, the table of where
 * threads' time went is emptied, and filled by an event. */
void pp_snapshot_clear_waits(struct pp_rec_header *header);
void pp_snapshot_count_wait(struct pp_rec_header *header, const struct pp_rec_event *event);

#endif
