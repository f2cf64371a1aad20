/* Texts and sets of labels, as threads carry them: of the process, so that what is set before a
 * session begins is in it, and numbers stay what they are from one session to the next.
 *
 * Writers: threads of the application's, one at a time, under a lock that no handler takes; they
 * only ever add.  Readers: those threads without the lock, and the helper, which copies what is new
 * into the recording. */
#ifndef PP_CAPTURE_LABELS_H
#define PP_CAPTURE_LABELS_H

#include <stddef.h>
#include <stdint.h>

#include "recording/layout.h"

struct pp_session;

enum {
    PP_MAX_KEY_BYTES = 128,
    PP_MAX_VALUE_BYTES = 1024,
    PP_MAX_TEXT_BYTES = 4 << 20, /* of all texts */
    PP_MAX_LABEL_SETS = 1 << 16,
};

/* The number of 'text', kept for good; 0 when there is no room. */
uint32_t pp_labels_text(const char *text, size_t n_bytes);

/* The set that differs from 'before' in this key's value (value 0: in that the key is not there).
 * 0: no labels are left.  -E2BIG when it would have more than PP_REC_MAX_LABELS, -ENOSPC when there
 * is no room for another set. */
int64_t pp_labels_with(uint32_t before, uint32_t key, uint32_t value);

/* 'number' if it is that of a set, else 0: it may come from anybody. */
uint32_t pp_labels_number(uint64_t number);

/* Copy what is new into the session's recording.  The helper's. */
void pp_labels_publish(struct pp_session *session);

/* In a child after fork: its parent's other threads hold no lock here. */
void pp_labels_forget_parent(void);

#endif
