/* Source files with what each of their lines cost. */
#ifndef PP_VIEWS_SOURCE_VIEW_H
#define PP_VIEWS_SOURCE_VIEW_H

#include "base/pattern.h"
#include "profile/top.h"
#include "views/profile_head.h"

struct pp_source_options {
    struct pp_view_scope scope;
    struct pp_pattern *pattern; /* functions that match are listed */
    const char *source_path;    /* folders, with colons between them, that files are looked for in;
                                 * NULL: the current one */
    const char *trim_path;      /* beginnings of files' names that are taken off before, likewise */
};

/* The lines of the functions that match, by function, file and line: the first '*n_out' rows of
 * 'top', which is the caller's pp_top_done() when this succeeds.  -ENOENT when nothing matches. */
int pp_source_rows(const struct pprofc_profile *profile, const struct pp_source_options *options,
                   struct pp_top *top, size_t *n_out, struct pprofc_error *err);

/* Where the next function's rows begin, of those from 'first' on. */
size_t pp_source_end(const struct pp_top_row *rows, size_t n_rows, size_t first);

/* Append each function with its source lines.  A file that is not there is told of in its place,
 * and the lines that cost something stand without their text.  -ENOENT when nothing matches. */
int pp_source_write(const struct pprofc_profile *profile, const struct pp_source_options *options,
                    struct pp_buffer *out, struct pprofc_error *err);

/* The same as one page for a browser, lines coloured by what they and their callees cost. */
int pp_source_page_write(const struct pprofc_profile *profile,
                         const struct pp_source_options *options, struct pp_buffer *out,
                         struct pprofc_error *err);

#endif
