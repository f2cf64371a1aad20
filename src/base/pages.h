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

#endif
