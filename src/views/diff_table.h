/* What changed from one profile to another, as a table for people. */
#ifndef PP_VIEWS_DIFF_TABLE_H
#define PP_VIEWS_DIFF_TABLE_H

#include "base/buffer.h"
#include "profile/diff.h"

struct pp_diff_table_options {
    uint32_t n_rows; /* 0: 20 */
    bool by_cum;     /* what functions and their callees used, not their own part */
};

/* Append the table: both sides, how it was judged, and a row a function in the diff's order. */
void pp_diff_table_write(const struct pp_diff *diff, const struct pp_diff_table_options *options,
                         struct pp_buffer *out);

/* Append the lines about the whole alone, each with 'prefix' before it. */
void pp_diff_head_write(const struct pp_diff *diff, const char *prefix, struct pp_buffer *out);

/* What there is to warn of, in one line each; "" behind the last: number 'i' of them. */
const char *pp_diff_warning(const struct pp_diff *diff, uint32_t i);

/* "variance between 64 and 61 slices of time" */
void pp_diff_method_write(const struct pp_diff *diff, struct pp_buffer *out);

#endif
