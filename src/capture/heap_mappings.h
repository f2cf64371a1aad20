/* The program's mappings in a session: memory for the list of sigsafe/heap_mappings.h, on and off,
 * and sums for readers. */
#ifndef PP_CAPTURE_HEAP_MAPPINGS_H
#define PP_CAPTURE_HEAP_MAPPINGS_H

#include <stdint.h>

struct pp_session;
struct pp_sig_heap_object;

/* Memory for the list, made once and kept, and a look at whose mappings come to us.  In a thread of
 * the application's, when the allocator is found and entries are patched.  0 or -ENOMEM. */
int pp_heap_mappings_prepare(void);

/* The helper's, of a session that wants mappings followed: it begins, or tells why it cannot; sums
 * for readers; its end. */
void pp_heap_mappings_begin(struct pp_session *session);
void pp_heap_mappings_sum_up(struct pp_session *session);
void pp_heap_mappings_end(void);

/* In a child after fork: nothing is followed. */
void pp_heap_mappings_forget_parent(void);

/* Call 'visit' with each mapping that is followed, as pp_heap_each_object() does, without
 * addresses: a mapping may lie in pieces. */
void pp_heap_mappings_each(void (*visit)(void *context, uint64_t start,
                                         const struct pp_sig_heap_object *object),
                           void *context);

/* Exact sums of the session. */
struct pp_heap_mapping_counts {
    uint64_t n_maps, mapped_bytes, n_others, other_bytes, n_unmaps, unmapped_bytes;
};
void pp_heap_mappings_count(struct pp_heap_mapping_counts *counts_out);

/* How much of the list is in memory. */
uint64_t pp_heap_mappings_bytes(void);

#endif
