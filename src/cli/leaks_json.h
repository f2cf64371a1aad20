/* A report on leaks as JSON. */
#ifndef PP_CLI_LEAKS_JSON_H
#define PP_CLI_LEAKS_JSON_H

#include "base/buffer.h"
#include "profile/leaks.h"

/* Append all that views/leak_table.h shows, and a newline.  0 or -ENOMEM. */
int pp_leaks_json_write(const struct pp_leak_report *report, uint32_t n_rows, struct pp_buffer *out,
                        struct pprofc_error *err);

#endif
