/* Names for the stubs through which a program calls other libraries: "malloc@plt". */
#ifndef PP_BINARY_PLT_H
#define PP_BINARY_PLT_H

#include "binary/symbol_table.h"

/* Add the stubs of the x86-64 program 'file' to 'stubs'; 'symbols' (finished) are the program's own
 * functions. Returns 0 or -ENOMEM. */
int pp_plt_read(struct pp_symbol_table *stubs, struct pp_symbol_table *symbols,
                const struct pp_elf_file *file);

#endif
