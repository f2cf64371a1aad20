/* The cache of rules. */
#include "sigsafe/rule_cache.h"

struct pp_sig_rule_cache_entry pp_sig_rule_cache[1 << PP_RULE_CACHE_BITS]
    __attribute__((aligned(4096)));

void pp_sig_rule_cache_put(uint64_t pc, uint64_t salt, uint64_t rule)
{
    const uint64_t product = pc * PP_RULE_CACHE_FACTOR;
    struct pp_sig_rule_cache_entry *entry = pp_sig_rule_cache_at(pc);

    __atomic_store_n(&entry->rule, rule, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->key, product ^ salt ^ rule, __ATOMIC_RELAXED);
}

void pp_sig_rule_cache_prepare(void)
{
    enum { PER_PAGE = 4096 / sizeof(struct pp_sig_rule_cache_entry) };

    for (unsigned i = 0; i < 1u << PP_RULE_CACHE_BITS;
         i += PER_PAGE) /* an add, so that it is a write and changes nothing */
        __atomic_fetch_add(&pp_sig_rule_cache[i].rule, 0, __ATOMIC_RELAXED);
}
