/* Finding the rule for a pc. */
#include "sigsafe/module_set.h"

#include <stddef.h>

#include "sigsafe/arch.h"
#include "sigsafe/unwind.h"

struct pp_sig_module_set *pp_sig_module_set_current;
uint64_t pp_sig_module_changes, pp_sig_module_closes;

void pp_sig_modules_closing(void)
{
    __atomic_fetch_add(&pp_sig_module_closes, 1, __ATOMIC_RELEASE);
    pp_sig_modules_changed();
}

void pp_sig_modules_changed(void)
{
    __atomic_fetch_add(&pp_sig_module_changes, 1, __ATOMIC_RELEASE);
}

uint64_t pp_sig_rule_table_find(const struct pp_sig_rule_table *table, uint64_t pc)
{
    const uint64_t offset = pc - table->base;
    uint64_t page;
    uint32_t low, high;

    if (offset >= table->span)
        return PP_RULE_NONE;
    page = offset >> table->page_shift;
    low = table->pages[page];
    high = table->pages[page + 1] + 1;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (table->pcs[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return table->rules[table->rule_numbers[low]];
}

static struct pp_sig_module *find_module(struct pp_sig_module_set *set, uint64_t pc)
{
    uint32_t low = 0, high = set->n_modules;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (set->modules[middle].limit <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->n_modules && set->modules[low].start <= pc ? &set->modules[low] : NULL;
}

/* May its .eh_frame be read where it is?  A start-up library cannot be unloaded either, but when
 * the session began late it cannot be told from a plugin; so trust only lasts until the next
 * dlclose is begun (its hook comes first). */
static bool is_readable_in_place(const struct pp_sig_module_set *set,
                                 const struct pp_sig_module *module)
{
    if ((module->flags & PP_MODULE_STAYS) != 0)
        return true;
    return (module->flags & PP_MODULE_WAS_HERE) != 0 &&
           __atomic_load_n(&set->closes_seen, __ATOMIC_RELAXED) ==
               __atomic_load_n(&pp_sig_module_closes, __ATOMIC_ACQUIRE);
}

bool pp_sig_module_set_is_old(const struct pp_sig_module_set *set)
{
    return __atomic_load_n(&set->changes_seen, __ATOMIC_RELAXED) !=
           __atomic_load_n(&pp_sig_module_changes, __ATOMIC_ACQUIRE);
}

uint64_t pp_sig_module_set_find(struct pp_sig_module_set *set, uint64_t pc)
{
    struct pp_sig_module *module = set != NULL ? find_module(set, pc) : NULL;
    uint64_t rule = PP_RULE_NONE;
    uint32_t n_misses;
    bool in_place;

    if (module == NULL)
        return PP_RULE_NONE | PP_RULE_INFERRED | PP_RULE_NEW_CODE;
    if (module->table != NULL) {
        rule = pp_sig_rule_table_find(module->table, pc);
    } else if ((module->flags & PP_MODULE_NO_TABLE) == 0) {
        n_misses = __atomic_add_fetch(&module->n_misses, 1, __ATOMIC_RELAXED);
        in_place = is_readable_in_place(set, module);
        if (in_place)
            rule = pp_sig_cfi_find(&module->cfi, pc);
        if (!in_place || n_misses >= module->worth)
            rule |= PP_RULE_NEW_CODE;
    }
    if ((module->flags & PP_MODULE_STAYS) == 0)
        rule |= PP_RULE_UNLOADABLE;
    if (pp_sig_rule_kind(rule) == PP_RULE_NONE)
        rule |= PP_RULE_INFERRED;
    return rule;
}
