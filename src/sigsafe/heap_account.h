/* What is recorded of objects that are followed, malloc's and mappings alike: where they come from,
 * and what becomes of the sums of their sites.
 *
 * Writers: any thread, within a call that takes memory or gives it back. */
#ifndef PP_SIGSAFE_HEAP_ACCOUNT_H
#define PP_SIGSAFE_HEAP_ACCOUNT_H

#include <stddef.h>
#include <stdint.h>

#include "recording/layout.h"
#include "sigsafe/arch.h"
#include "sigsafe/heap.h"
#include "sigsafe/heap_map.h"
#include "sigsafe/sigsafe.h"

/* From here to pp_sig_heap_leave() nothing of the recording goes away; NULL, and nothing to leave:
 * there is none.  As pp_sig_enter(). */
PP_SIG struct pp_rec_header *pp_sig_heap_enter(struct pp_sig_heap_thread *self,
                                               struct pp_sig_thread **thread_out);
PP_SIG void pp_sig_heap_leave(struct pp_sig_thread *thread);

/* The site of the function that 'registers' are of; NULL: of whoever called into section
 * pp_heap_text, in which all functions from there to here lie.  'kind': 0 or PP_WALK_MAPPED. */
PP_SIG uint32_t pp_sig_heap_site_here(struct pp_rec_header *header, struct pp_sig_thread *thread,
                                      const struct pp_sig_arch_registers *registers, uint32_t kind);

/* An object of now. */
PP_SIG struct pp_sig_heap_object pp_sig_heap_describe(uint64_t size_bytes, uint32_t interval_bytes,
                                                      uint32_t site);

/* It is there, 0 when its site is not; and it is not any more. */
PP_SIG int pp_sig_heap_count_allocated(struct pp_rec_header *header,
                                       const struct pp_sig_heap_object *object);
PP_SIG void pp_sig_heap_count_freed(struct pp_rec_header *header,
                                    const struct pp_sig_heap_object *object);

/* When an object's life ends, to be asked before it is looked for, and how long it was; where
 * lifetimes are not kept 0, and nothing. */
PP_SIG uint64_t pp_sig_heap_death_ns(void);
PP_SIG void pp_sig_heap_count_lifetime(struct pp_rec_header *header,
                                       const struct pp_sig_heap_object *object, uint64_t death_ns);

/* Growing: what it stands for becomes more, and its site has allocated that much more.  One that
 * has doubled since it got its stack belongs to whoever let it grow. */
PP_SIG void pp_sig_heap_grow(struct pp_rec_header *header, struct pp_sig_thread *thread,
                             struct pp_sig_heap_object *known, size_t size_bytes,
                             const struct pp_sig_arch_registers *registers);

/* Shrinking, to something: it stays followed with P(after) / P(before), so that it stands for what
 * it then is.  0 when it is not followed any more. */
PP_SIG int pp_sig_heap_shrink(struct pp_rec_header *header, struct pp_sig_heap_thread *self,
                              struct pp_sig_heap_object *known, size_t size_bytes);

#endif
