/* Names of functions in DWARF, looked up once for all their inlined copies. */
#ifndef PP_BINARY_DWARF_FUNCTION_H
#define PP_BINARY_DWARF_FUNCTION_H

#include <stddef.h>
#include <stdint.h>

#include <elfutils/libdw.h>

#include "base/arena.h"
#include "binary/string_pool.h"

struct pp_dwarf_function {
    const void *key;  /* the bytes of the entry that describes it */
    const char *name; /* demangled, "" when DWARF has none */
    const char *system_name;
    int64_t start_line; /* 0: unknown */
};

struct pp_dwarf_functions {
    struct pp_arena arena;
    struct pp_string_pool *strings;
    struct pp_dwarf_function **slots; /* open addressing by key; n_slots is 0 or a power of two */
    size_t n_slots;
    size_t n_functions;
};

void pp_dwarf_functions_done(struct pp_dwarf_functions *functions);

/* The function of a DW_TAG_subprogram or DW_TAG_inlined_subroutine.  NULL when there is no memory.
 */
const struct pp_dwarf_function *pp_dwarf_function_of(struct pp_dwarf_functions *functions,
                                                     Dwarf_Die *die);

#endif
