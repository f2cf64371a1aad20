/* What code is mapped and how to unwind it, as handlers see it.
 *
 * Writer: capture/modules.c, which makes a new set and swaps one pointer.  Readers: handlers, which
 * read the pointer once per walk.  Only 'n_misses' goes the other way: a handler missed a table.
 */
#ifndef PP_SIGSAFE_MODULE_SET_H
#define PP_SIGSAFE_MODULE_SET_H

#include <stdint.h>

#include "sigsafe/cfi.h"
#include "sigsafe/sigsafe.h"

/* All rules of one executable mapping, sorted by pc.  One block of memory of ours. */
struct pp_sig_rule_table {
    uint64_t n_bytes; /* of the block */
    uint64_t base;    /* pcs are told from here, which is where the mapping starts */
    uint64_t span;
    uint32_t n_rows, n_rules;
    uint32_t page_shift;
    const uint32_t *pages; /* for each page of pcs the row that holds its first one */
    const uint32_t *pcs;   /* the first is 0 */
    const uint16_t *rule_numbers;
    const uint64_t *rules;
};

enum pp_sig_module_flags {
    PP_MODULE_STAYS = 1 << 0, /* cannot be unloaded: its .eh_frame may be read in place */
    PP_MODULE_WAS_HERE =
        1 << 2, /* mapped at the start: in place too, until some dlclose is called */
    PP_MODULE_NO_TABLE = 1 << 1, /* there is nothing to make a table of, or it failed */
};

struct pp_sig_module {
    uint64_t start, limit;
    const struct pp_sig_rule_table *table; /* NULL: none yet */
    struct pp_sig_cfi cfi;                 /* in place, for modules that stay */
    uint32_t flags;
    uint32_t n_misses; /* atomic: how often a handler would have liked a table */
    uint32_t worth;    /* so many misses are worth one */
};

struct pp_sig_module_set {
    uint64_t n_bytes; /* of the block */
    uint64_t salt;    /* differs from set to set: rules cached under another one do not match */
    uint64_t changes_seen; /* atomic: what pp_sig_module_changes was before this was looked up */
    uint64_t closes_seen;  /* atomic: and pp_sig_module_closes */
    uint32_t n_modules;
    struct pp_sig_module modules[]; /* sorted by start */
};

/* Published by capture/modules.c; NULL: none. */
extern struct pp_sig_module_set *pp_sig_module_set_current;

/* Count the calls of dlopen and dlclose, and those of dlclose alone. */
extern uint64_t pp_sig_module_changes, pp_sig_module_closes;

/* The rule at 'pc' (for a caller: one less than its return address, so that the call is meant),
 * with what is to be said of it: PP_RULE_INFERRED, PP_RULE_NEW_CODE, PP_RULE_UNLOADABLE.  'set' may
 * be NULL. */
PP_SIG uint64_t pp_sig_module_set_find(struct pp_sig_module_set *set, uint64_t pc);

/* Have dlopen or dlclose been called since the set was looked up? */
PP_SIG bool pp_sig_module_set_is_old(const struct pp_sig_module_set *set);

PP_SIG uint64_t pp_sig_rule_table_find(const struct pp_sig_rule_table *table, uint64_t pc);

#endif
