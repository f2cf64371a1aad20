/* Functions of libraries that are loaded while the program runs. */
#ifndef PP_BASE_LOADED_SYMBOL_H
#define PP_BASE_LOADED_SYMBOL_H

#include <stdbool.h>

/* Puts the address of 'name' in 'library' (of dlopen) into the function pointer at
 * 'function_pointer_out'; NULL and false where it has none.  Any thread. */
bool pp_loaded_symbol(void *library, const char *name, void *function_pointer_out);

#endif
