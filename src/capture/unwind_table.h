/* Making a table of all rules of an executable mapping.  Memory comes from mmap; malloc is never
 * called. */
#ifndef PP_CAPTURE_UNWIND_TABLE_H
#define PP_CAPTURE_UNWIND_TABLE_H

#include <stdint.h>

#include "sigsafe/module_set.h"

/* Room to work in, kept from build to build; all zero at first. */
struct pp_room {
    void *memory;
    uint64_t n_bytes;
};
struct pp_table_builder {
    struct pp_room pcs, numbers, rules, hash, fdes;
};

/* At least 'n_bytes'; what was in it stays.  0 or -ENOMEM. */
int pp_room_reserve(struct pp_room *room, uint64_t n_bytes);
void pp_room_free(struct pp_room *room);

/* The table of the mapping [start, limit) by 'cfi' (a copy, or in place), whose index may be
 * missing. 0 and the table, which the caller frees; -ENOENT when no rule concerns it; -ENOMEM. */
int pp_unwind_table_build(struct pp_table_builder *builder, const struct pp_sig_cfi *cfi,
                          uint64_t start, uint64_t limit, struct pp_sig_rule_table **table_out);

void pp_unwind_table_free(struct pp_sig_rule_table *table);
void pp_table_builder_done(struct pp_table_builder *builder);

#endif
