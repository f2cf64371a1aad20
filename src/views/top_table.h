/* The table of hot spots, as text. */
#ifndef PP_VIEWS_TOP_TABLE_H
#define PP_VIEWS_TOP_TABLE_H

#include "base/buffer.h"
#include "profile/profile.h"
#include "profile/top.h"

struct pp_top_table_options {
    uint32_t type;   /* index of the sample type */
    uint32_t n_rows; /* at most; 0: 20 */
    enum pp_group group;
    bool by_cum;           /* sorted by cum instead of by flat */
    const char *label_key; /* for PP_BY_LABEL */
    double min_share;      /* of the whole: rows of less cum are left out */
    bool drops_negative;   /* rows that have become less in a difference are left out */
    int64_t whole;         /* this and the next as in struct pp_view_scope */
    const char *unit, *filters, *base;
    double divide_by;
    bool is_compact;
    bool is_mean; /* values are what one count is worth: a wait, an object; 'whole' is so already */
};

/* The rows that the options ask for, however many; pp_top_done(). */
int pp_top_table_rows(const struct pprofc_profile *profile,
                      const struct pp_top_table_options *options, struct pp_top *top,
                      struct pprofc_error *err);

/* Append command, date, total and quality, then a table: samples, flat, flat %, cum, cum %, name,
 * place.  Shares are of the true total, whatever is left out. */
int pp_top_table_write(const struct pprofc_profile *profile,
                       const struct pp_top_table_options *options, struct pp_buffer *out,
                       struct pprofc_error *err);

/* Append the first 'n_rows' functions by what is booked on themselves, "  38.2 %  parse_item
 * myprog.c:118" a line: how a run ends. */
int pp_top_lines_write(const struct pprofc_profile *profile, uint32_t type, uint32_t n_rows,
                       struct pp_buffer *out, struct pprofc_error *err);

#endif
