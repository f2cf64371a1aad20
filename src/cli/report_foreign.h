/* Options of `go tool pprof` that `pprofc report` does not have: what to do instead. */
#ifndef PP_CLI_REPORT_FOREIGN_H
#define PP_CLI_REPORT_FOREIGN_H

#include <stddef.h>

/* What to do instead of the option called 'name', of 'n_chars'; NULL when pprof has none such. */
const char *pp_foreign_option(const char *name, size_t n_chars);

#endif
