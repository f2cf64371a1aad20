/* The known name that a mistyped one was probably meant to be. */
#ifndef PP_CLI_NEAREST_H
#define PP_CLI_NEAREST_H

#include <stddef.h>

/* Of 'n_names' names (each 'stride_bytes' after the one before, a NULL pointer is skipped) the one
 * nearest to 'word' by edits (insert, delete, replace, swap of neighbours), or NULL when none is
 * near: at most a third of the word, and at least one edit, may be wrong. */
const char *pp_nearest_name(const char *word, const char *const *names, size_t n_names,
                            size_t stride_bytes);

#endif
