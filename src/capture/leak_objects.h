/* The followed objects, as a scan for leaks needs them: by address. */
#ifndef PP_CAPTURE_LEAK_OBJECTS_H
#define PP_CAPTURE_LEAK_OBJECTS_H

#include <stdint.h>

#include "capture/leak_scan.h"

/* Sort by address, in place. */
void pp_leak_sort(struct pp_leak_object *objects, uint32_t n);

/* How many keys the map of objects holds, about: it changes meanwhile. */
uint32_t pp_leak_count_objects(void);

/* Copy what is followed now into 'objects', 'capacity' of them at most; those born at 'young_ms' or
 * later are young.  How many there are. */
uint32_t pp_leak_copy_objects(struct pp_leak_object *objects, uint32_t capacity, uint32_t young_ms);

/* Whether it is still the same object. */
int pp_leak_is_still_there(const struct pp_leak_object *object);

/* How many pages all of them lie in, counted once. */
uint64_t pp_leak_count_pages(const struct pp_leak_object *objects, uint32_t n);

#endif
