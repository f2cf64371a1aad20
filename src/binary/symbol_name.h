/* What people and what symbol tables call a function. */
#ifndef PP_BINARY_SYMBOL_NAME_H
#define PP_BINARY_SYMBOL_NAME_H

#include "binary/string_pool.h"

/* From a name as it stands in a symbol table: 'shown_out' is demangled and without the suffixes
 * that compilers give to clones and parts of a function (.isra.0, .part.0, .cold ..); 'system_out'
 * keeps both, and loses only a symbol version
 * (@@GLIBC_2.2).  Both belong to 'pool'.  Returns 0 or -ENOMEM. */
int pp_symbol_name(struct pp_string_pool *pool, const char *raw, const char **shown_out,
                   const char **system_out);

#endif
