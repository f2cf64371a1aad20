/* What a heap profile says of the whole heap, and how sure its values are, as text. */
#ifndef PP_VIEWS_HEAP_FACTS_H
#define PP_VIEWS_HEAP_FACTS_H

#include "base/buffer.h"
#include "base/numbers.h"
#include "profile/profile.h"

enum { PP_ERROR_TEXT_BYTES = PP_NUMBER_TEXT_BYTES + 8 };

/* "± 0.8 MiB"; "few" where fewer than ten samples tell; "" for what is exact. */
const char *pp_error_text(const struct pp_estimate *estimate, const char *unit,
                          char text[PP_ERROR_TEXT_BYTES]);

struct pp_heap_value {
    bool is_known; /* the profile has the type */
    int64_t value;
    struct pp_estimate estimate;
};

/* The sum of a sample type by its name. */
struct pp_heap_value pp_heap_value(const struct pprofc_profile *profile, const char *type);

/* Append "12.3 MiB ± 0.8 MiB", or "12.3 MiB (fewer than 10 samples)". */
void pp_heap_value_append(struct pp_buffer *out, const struct pp_heap_value *value);

/* "glibc: 10.3 MiB in objects of 101 MiB in memory, 89.8 % of it free between them: fragmented, not
 * leaking"; nothing when the allocator was not asked.  Returns whether that is worth a word. */
bool pp_heap_memory_append(struct pp_buffer *out, const struct pprofc_profile *profile);

/* Append "12.3 MiB usable allocated, 11.2 MiB freed, 1.1 MiB net". */
void pp_heap_usable_append(struct pp_buffer *out, int64_t allocated, int64_t freed);

/* The first 'n_wanted' of those that asked for most, and the sum of all others where there are any:
 * at most n_wanted + 1.  Returns how many. */
uint32_t pp_heap_threads_pick(const struct pp_heap_totals *totals, uint32_t n_wanted,
                              struct pp_heap_thread *threads_out);

/* Append lines of a table's head ("Heap     12.3 MiB ± .. in use, .."); nothing for profiles of
 * other kinds. */
void pp_heap_facts_write(const struct pprofc_profile *profile, struct pp_buffer *out);

#endif
