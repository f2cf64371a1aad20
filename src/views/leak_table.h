/* What grows and what nothing leads to, as text. */
#ifndef PP_VIEWS_LEAK_TABLE_H
#define PP_VIEWS_LEAK_TABLE_H

#include "base/buffer.h"
#include "profile/leaks.h"

enum { PP_LEAK_FRAMES = 8 }; /* of a stack are shown */

/* Append the report: the heap, 'n_rows' stacks that grow, 'n_rows' that are suspected, and what may
 * be wrong with it.  0 or -ENOMEM. */
int pp_leak_table_write(const struct pp_leak_report *report, uint32_t n_rows, struct pp_buffer *out,
                        struct pprofc_error *err);

/* Append how the program was paused, "Paused for 3 ms (2.8 ms predicted)"; and that with all else
 * of the look, and what may be wrong with its suspects, a line each. */
void pp_leak_pause_append(const struct pp_leak_report *report, struct pp_buffer *out);
void pp_leak_look_append(const struct pp_leak_report *report, struct pp_buffer *out);

/* Append the first frames of a stack, the leaf first, with their places. */
void pp_leak_frames_append(const struct pprofc_profile *profile, pp_id stack, uint32_t n_frames,
                           const char *between, struct pp_buffer *out);

/* The known limits, a line each; 'line' 0 or 1. */
const char *pp_leak_limit(const struct pp_leak_report *report, int line);

#endif
