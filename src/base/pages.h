/* Memory for what is large and short-lived, straight from the kernel: it goes back when it is
 * freed, and malloc, which is the program's where a program serves itself, learns nothing from it.
 */
#ifndef PP_BASE_PAGES_H
#define PP_BASE_PAGES_H

#include <stddef.h>

/* From this size on: glibc maps such blocks as well, until the first that is freed raises its
 * limit; later ones then lie in arenas, which keep up to twice their size. */
enum { PP_PAGES_LEAST_BYTES = 128 * 1024 };

/* Makes 'old' (of 'old_bytes'; NULL: none) as large as 'new_bytes', perhaps elsewhere; what is new
 * is zero.  NULL when there is no memory; 'old' is then as it was. */
void *pp_pages_resize(void *old, size_t old_bytes, size_t new_bytes);

void pp_pages_free(void *pages, size_t n_bytes);

/* For who will write all over new pages: they come at once, not with a fault each. */
void pp_pages_fill(void *pages, size_t n_bytes);

int pp_pages_array_grow(void *array, size_t *capacity, size_t n_wanted, size_t item_bytes);

/* Give '*array' room for 'n_wanted' items, at least doubling it: what is new is zero, and a large
 * array takes memory only where something else is written.  Returns 0 or -ENOMEM (and then leaves
 * it as it is); pp_pages_array_free() frees it. */
static inline int pp_pages_array_reserve(void *array, size_t *capacity, size_t n_wanted,
                                         size_t item_bytes)
{
    return n_wanted <= *capacity ? 0 : pp_pages_array_grow(array, capacity, n_wanted, item_bytes);
}

void pp_pages_array_free(void *array, size_t capacity, size_t item_bytes);

/* For who will not look at these 'n_bytes' of pages any more, but at what is behind them: their
 * memory goes back, some pages at a time.  Returns how many bytes, from 'begin' on, that settles;
 * what is left belongs to the next piece. */
size_t pp_pages_forget(void *begin, size_t n_bytes);

#endif
