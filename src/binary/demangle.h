/* Demangling that cannot be blown up: C++ and Rust names by libiberty, the output capped. */
#ifndef PP_BINARY_DEMANGLE_H
#define PP_BINARY_DEMANGLE_H

#include <stddef.h>

/* Write the demangled form of 'mangled' with a NUL into 'text_out'.  Returns its length, or -EINVAL
 * when the name is not mangled or its demangled form would not fit: the caller shows the name as it
 * is. */
int pp_demangle(const char *mangled, char *text_out, size_t capacity);

#endif
