/* What the list of modules is made of, between the files that fill it: module_list.c (from maps),
 * module_frames.c (unwind information) and modules.c (what is new, tables, publishing). */
#ifndef PP_CAPTURE_MODULE_ENTRY_H
#define PP_CAPTURE_MODULE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/modules.h"
#include "capture/unwind_table.h"
#include "sigsafe/module_set.h"

/* One executable mapping. */
struct pp_module_entry {
    struct pp_mapped_module shown;
    uint64_t device, inode, header, fingerprint;
    uint64_t eh_frame_hdr, n_eh_frame_hdr_bytes; /* 0: no index */
    uint64_t eh_frame, eh_frame_limit; /* 0: not known; by the index it ends before the limit */
    struct pp_sig_rule_table *table;
    bool has_name, stays, was_here, has_no_table, is_wanted, is_kept;
    uint32_t n_misses; /* as in the set's */
};

struct pp_module_list {
    struct pp_room room;
    uint32_t n;
};

static inline struct pp_module_entry *pp_module_entries(const struct pp_module_list *list)
{
    return list->room.memory;
}

/* Fill 'list' with what is mapped now.  0 or a negative errno. */
int pp_module_list_read(struct pp_module_list *list);

/* Say where the entry's unwind information is, if it has any. */
void pp_module_find_frames(struct pp_module_entry *entry);

/* What handlers interpret until there is a table.  -ENOENT: nothing they can. */
int pp_module_open_in_place(const struct pp_module_entry *entry, struct pp_sig_cfi *cfi_out);

/* Copies of .eh_frame_hdr and .eh_frame, kept from module to module. */
struct pp_module_copies {
    struct pp_room header, frames;
};
int pp_module_copy_frames(struct pp_module_copies *copies, const struct pp_module_entry *entry,
                          struct pp_sig_cfi *cfi_out);

#endif
