/* Instructions with what each of them cost: the addresses of a profile, put onto what objdump says
 * of the program. */
#ifndef PP_CLI_DISASSEMBLY_H
#define PP_CLI_DISASSEMBLY_H

#include "base/pattern.h"
#include "views/profile_head.h"

struct pp_disassembly_options {
    struct pp_view_scope scope;
    struct pp_pattern *pattern; /* functions that match, or that something inlined into matches */
    bool is_intel;              /* Intel's syntax */
};

/* Append each function with its instructions.  -ENOENT when nothing matches, or objdump is missing;
 * a program that is not here, or is another one, is told of in its place. */
int pp_disassembly_write(const struct pprofc_profile *profile,
                         const struct pp_disassembly_options *options, struct pp_buffer *out,
                         struct pprofc_error *err);

#endif
