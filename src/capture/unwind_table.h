/* Making a table of all rules of an executable mapping.  Memory comes from mmap; malloc is never
 * called. */
#ifndef PP_CAPTURE_UNWIND_TABLE_H
#define PP_CAPTURE_UNWIND_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "sigsafe/cfi.h"
#include "sigsafe/module_set.h"

/* Room to work in, kept from build to build; all zero at first. */
struct pp_room {
    void *memory;
    uint64_t n_bytes;
};
/* A table under way. */
struct pp_table_build {
    struct pp_sig_cfi cfi;
    struct pp_sig_cie cie; /* read last */
    uint64_t start, limit;
    uint64_t scan_offset, n_entries; /* without an index: FDEs found, up to there */
    uint64_t next;                   /* of the index, or of what was found */
    bool is_sorted;
    uint32_t *pcs;
    uint16_t *numbers;
    uint64_t *rules;
    uint32_t *hash; /* number + 1 of the rule, 0: free */
    uint32_t n_rows, n_rules, row_capacity,
        hash_bits;              /* few bits at first, to stay in the CPU's cache */
    uint64_t last_rule, gap_at; /* gap_at: the last function ended there; ~0: no gap is open */
    uint16_t last_number;
    int error;
};
struct pp_table_builder {
    struct pp_room pcs, numbers, rules, hash, fdes;
    struct pp_table_build build;
};

/* At least 'n_bytes'; what was in it stays.  0 or -ENOMEM. */
int pp_room_reserve(struct pp_room *room, uint64_t n_bytes);
void pp_room_free(struct pp_room *room);

/* The table of the mapping [start, limit) by 'cfi' (a copy, or in place), whose index may be
 * missing. 0 and the table, which the caller frees; -ENOENT when no rule concerns it; -ENOMEM. */
int pp_unwind_table_build(struct pp_table_builder *builder, const struct pp_sig_cfi *cfi,
                          uint64_t start, uint64_t limit, struct pp_sig_rule_table **table_out);

/* The same in steps, for whoever has other things to do.  'cfi' must stay what it is from the begin
 * to the end. */
int pp_unwind_table_begin(struct pp_table_builder *builder, const struct pp_sig_cfi *cfi,
                          uint64_t start, uint64_t limit);

/* About 'n_fdes' functions' worth of it.  1: there is more to do; else as pp_unwind_table_build().
 */
int pp_unwind_table_go_on(struct pp_table_builder *builder, uint32_t n_fdes,
                          struct pp_sig_rule_table **table_out);

void pp_unwind_table_free(struct pp_sig_rule_table *table);
void pp_table_builder_done(struct pp_table_builder *builder);

#endif
