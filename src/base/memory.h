/* Locals that clean up after themselves, and overflow-checked growth of arrays. */
#ifndef PP_BASE_MEMORY_H
#define PP_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void pp_free_pointer(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}

static inline void pp_close_file(FILE **file)
{
    if (*file != NULL)
        (void)fclose(*file);
}

static inline void pp_close_descriptor(int *descriptor)
{
    if (*descriptor >= 0)
        (void)close(*descriptor);
}

#define pp_autofree __attribute__((cleanup(pp_free_pointer)))
#define pp_autoclose __attribute__((cleanup(pp_close_file)))
#define pp_autoclose_fd __attribute__((cleanup(pp_close_descriptor)))

int pp_array_grow(void *array, size_t *capacity, size_t n_wanted, size_t item_bytes);

/* Give '*array' room for 'n_wanted' items of 'item_bytes', at least doubling it.  Returns 0 or
 * -ENOMEM (and then leaves the array as it is). */
static inline int pp_array_reserve(void *array, size_t *capacity, size_t n_wanted,
                                   size_t item_bytes)
{
    return n_wanted <= *capacity ? 0 : pp_array_grow(array, capacity, n_wanted, item_bytes);
}

#endif
