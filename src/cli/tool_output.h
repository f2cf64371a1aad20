/* A program of somebody else's, given a buffer and asked for another: graphviz's dot, objdump. */
#ifndef PP_CLI_TOOL_OUTPUT_H
#define PP_CLI_TOOL_OUTPUT_H

#include <stdbool.h>

#include "base/buffer.h"

/* Run words[0], which is looked for in PATH, with 'input' (NULL: nothing) as its standard input,
 * and append what it writes to 'output'.  Both are files in memory, so that neither side waits for
 * the other.  What it says on standard error is shown unless 'is_quiet'.  Its wait status, or a
 * negative errno: -ENOENT when there is no such program, -ENOMEM. */
int pp_tool_run(char *const *words, const struct pp_buffer *input, bool is_quiet,
                struct pp_buffer *output);

#endif
