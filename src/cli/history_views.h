/* What `pprofc history` shows of windows. */
#ifndef PP_CLI_HISTORY_VIEWS_H
#define PP_CLI_HISTORY_VIEWS_H

#include "base/buffer.h"
#include "cli/history_query.h"
#include "profile/diff.h"
#include "profile/power.h"

/* A line a window: when, how long, whose, what, how much, the file. */
void pp_history_list_write(const struct pp_history *history,
                           const struct pp_history_windows *windows, struct pp_buffer *out);

/* The same for programs: an array of objects. */
void pp_history_list_json(const struct pp_history *history,
                          const struct pp_history_windows *windows, struct pp_buffer *out);

/* Append what change two spans as long as this one would have shown: of the whole.  Nothing with
 * fewer than two windows of about one length. */
void pp_history_power_write(const struct pp_history_windows *windows, struct pp_buffer *out);

/* The same of a comparison that was made: of the whole, and of the first function in it. */
void pp_history_diff_power_write(const struct pp_history_windows sides[PP_N_SIDES],
                                 const struct pp_diff *diff, struct pp_buffer *out);

/* Leave out windows that are shorter or longer than most by more than a fifth: first and last ones
 * are cut, and what a window pays is compared.  States stay.  Returns how many went; none where
 * that would leave fewer than two. */
uint32_t pp_history_drop_odd(struct pp_history_windows *windows);

#endif
