/* What rule a pc has, remembered for the whole process.
 *
 * Any handler reads and writes any entry at any time, without a lock: an entry's key is the pc
 * (multiplied, so that all bits differ) and the set's salt XOR the rule, hence a key and a rule
 * that were not written together do not match. */
#ifndef PP_SIGSAFE_RULE_CACHE_H
#define PP_SIGSAFE_RULE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "sigsafe/sigsafe.h"

enum { PP_RULE_CACHE_BITS = 13 };

struct pp_sig_rule_cache_entry {
    uint64_t key, rule;
};

extern struct pp_sig_rule_cache_entry pp_sig_rule_cache[1 << PP_RULE_CACHE_BITS];

/* Odd, hence nothing is lost by multiplying with it. */
#define PP_RULE_CACHE_FACTOR 0x9e3779b97f4a7c15ull

/* Code that lies together has entries that lie together: a walk then touches few pages of the
 * cache, and the program has turned most of them out of the TLB since the last sample.  Calls are
 * four bytes apart or more, as good as always; code 32 KiB apart is laid out in another order. */
static inline struct pp_sig_rule_cache_entry *pp_sig_rule_cache_at(uint64_t pc)
{
    return &pp_sig_rule_cache[(pc ^ pc >> PP_RULE_CACHE_BITS) >> 2 &
                              ((1u << PP_RULE_CACHE_BITS) - 1)];
}

static inline bool pp_sig_rule_cache_get(uint64_t pc, uint64_t salt, uint64_t *rule_out)
{
    const uint64_t product = pc * PP_RULE_CACHE_FACTOR;
    const struct pp_sig_rule_cache_entry *entry = pp_sig_rule_cache_at(pc);
    const uint64_t rule = __atomic_load_n(&entry->rule, __ATOMIC_RELAXED);
    const uint64_t key = __atomic_load_n(&entry->key, __ATOMIC_RELAXED);

    *rule_out = rule;
    return (key ^ rule) == (product ^ salt);
}

PP_SIG void pp_sig_rule_cache_put(uint64_t pc, uint64_t salt, uint64_t rule);

/* Touch all of it, so that no handler takes its page faults. */
PP_SIG void pp_sig_rule_cache_prepare(void);

#endif
