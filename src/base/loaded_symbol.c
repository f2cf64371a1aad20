/* Functions of libraries that are loaded while the program runs. */
#include "base/loaded_symbol.h"

#include <dlfcn.h>
#include <string.h>

bool pp_loaded_symbol(void *library, const char *name, void *function_pointer_out)
{
    void *found = dlsym(library, name);

    /* C has no conversion from the one to the other; POSIX has both of one size. */
    memcpy(function_pointer_out, &found, sizeof found);
    return found != NULL;
}
