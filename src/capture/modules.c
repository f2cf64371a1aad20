/* The list of what is mapped, its tables, and the set that handlers see.
 *
 * One thread at a time (the helper; before it lives, the thread that starts the session) calls
 * these functions. */
#include "capture/modules.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>

#include "capture/module_entry.h"
#include "capture/own_memory.h"
#include "sigsafe/rule_cache.h"

enum { N_FDES_A_LOOK = 128 }; /* about 0.1 ms, then the clock is looked at */

struct pp_modules {
    pp_module_seen_fn seen;
    pp_wait_for_handlers_fn wait;
    void *context;
    struct pp_module_list now, next;
    struct pp_module_copies copies;
    struct pp_table_builder builder;
    struct pp_module_entry building; /* whose table that is */
    struct pp_sig_rule_table *built; /* done, and not with its entry yet */
    bool is_building, has_built;
    struct pp_sig_module_set *set;
    uint64_t generation, table_bytes;
    uint64_t first_closes; /* pp_sig_module_closes at the start */
    bool is_first, is_at_start;
};

bool pp_modules_begin_at_start;

static int64_t now_ns(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- what is new, what is gone ---- */

static bool is_same(const struct pp_module_entry *a, const struct pp_module_entry *b)
{
    return a->shown.start == b->shown.start && a->shown.limit == b->shown.limit &&
           a->shown.offset == b->shown.offset && a->device == b->device && a->inode == b->inode &&
           a->header == b->header && a->fingerprint == b->fingerprint &&
           strcmp(a->shown.path, b->shown.path) == 0;
}

/* The program, its loader, the vdso and libc are there to the end. */
static bool cannot_go(const struct pp_module_entry *entry)
{
    const uint64_t program = getauxval(AT_ENTRY), loader = getauxval(AT_BASE);
    const uint64_t libc = (uint64_t)(uintptr_t)&getauxval;

    return entry->shown.is_vdso ||
           (program >= entry->shown.start && program < entry->shown.limit) ||
           (loader != 0 && entry->header == loader) ||
           (libc >= entry->shown.start && libc < entry->shown.limit);
}

/* Give the next list what is known of the entries that were there before.  Returns how many
 * differences there are. */
static uint32_t take_over(struct pp_modules *modules, uint64_t closes)
{
    struct pp_module_entry *old = pp_module_entries(&modules->now),
                           *new = pp_module_entries(&modules->next);
    uint32_t n_kept = 0, n_new = 0, at = 0;

    for (uint32_t i = 0; i < modules->next.n; i++) {
        while (at < modules->now.n && old[at].shown.start < new[i].shown.start)
            at++;
        if (at < modules->now.n && is_same(&old[at], &new[i])) {
            new[i] = old[at];
            new[i].is_kept = old[at].is_kept = true;
            if (!new[i].stays && closes != modules->first_closes)
                new[i].is_wanted = true; /* libraries go: read this one's memory no longer */
            n_kept++;
            continue;
        }
        n_new++;
        pp_module_find_frames(&new[i]);
        new[i].was_here = modules->is_first;
        new[i].stays = modules->is_first &&cannot_go(&new[i]);
        if (!new[i].was_here ||
            new[i].eh_frame_hdr == 0) /* till there is a table, handlers know nothing of it */
            new[i].is_wanted = true;
    }
    return n_new + modules->now.n - n_kept;
}

static void tell_new(struct pp_modules *modules)
{
    struct pp_module_entry *entries = pp_module_entries(&modules->next);

    for (uint32_t i = 0; i < modules->next.n; i++) {
        if (!entries[i].is_kept && entries[i].has_name)
            modules->seen(modules->context, &entries[i].shown, true);
        entries[i].is_kept = false;
    }
}

/* After no handler can use them. */
static void drop_old(struct pp_modules *modules, bool tells)
{
    struct pp_module_entry *entries = pp_module_entries(&modules->now);

    for (uint32_t i = 0; i < modules->now.n; i++) {
        if (entries[i].is_kept)
            continue;
        if (tells && entries[i].has_name)
            modules->seen(modules->context, &entries[i].shown, false);
        if (entries[i].table != NULL)
            modules->table_bytes -= entries[i].table->n_bytes;
        pp_unwind_table_free(entries[i].table);
    }
    modules->now.n = 0;
}

/* ---- tables ---- */

/* Go on with the table under way until it is done or the time is up. */
static void build_on(struct pp_modules *modules, int64_t until_ns)
{
    int result;

    do
        result = pp_unwind_table_go_on(&modules->builder, N_FDES_A_LOOK, &modules->built);
    while (result > 0 && now_ns() < until_ns);
    modules->is_building = result > 0;
    modules->has_built = !modules->is_building;
}

static void give(struct pp_modules *modules, struct pp_module_entry *entry)
{
    entry->is_wanted = false;
    entry->table = modules->built;
    if (entry->table == NULL)
        entry->has_no_table = true;
    else
        modules->table_bytes += entry->table->n_bytes;
    modules->built = NULL;
    modules->has_built = false;
}

/* What was done since the last look goes to its entry, if that is still there. */
static uint32_t give_built(struct pp_modules *modules)
{
    struct pp_module_entry *entries = pp_module_entries(&modules->next);

    for (uint32_t i = 0; modules->has_built && i < modules->next.n; i++)
        if (is_same(&modules->building, &entries[i]) && entries[i].is_kept &&
            entries[i].table == NULL) {
            give(modules, &entries[i]);
            return 1;
        }
    pp_unwind_table_free(modules->built);
    modules->built = NULL;
    modules->has_built = false;
    return 0;
}

/* Returns whether it is done: with a table, or without. */
static bool build_table(struct pp_modules *modules, struct pp_module_entry *entry, int64_t until_ns)
{
    struct pp_sig_cfi cfi;

    modules->building = *entry;
    if (pp_module_copy_frames(&modules->copies, entry, &cfi) >= 0 &&
        pp_unwind_table_begin(&modules->builder, &cfi, entry->shown.start, entry->shown.limit) >= 0)
        build_on(modules, until_ns);
    if (modules->is_building)
        return false;
    give(modules, entry);
    return true;
}

/* What handlers have missed since the set was published. */
static void collect_wanted(struct pp_modules *modules)
{
    struct pp_module_entry *entries = pp_module_entries(&modules->now);

    for (uint32_t i = 0; modules->set != NULL && i < modules->set->n_modules; i++) {
        const struct pp_sig_module *module = &modules->set->modules[i];
        entries[i].n_misses = __atomic_load_n(&module->n_misses, __ATOMIC_RELAXED);
        if (entries[i].n_misses >= module->worth)
            entries[i].is_wanted = true;
    }
}

/* Build what is wanted in the next list, at least a piece of it.  *is_left_out: time was up before
 * all was done. */
static uint32_t build_wanted(struct pp_modules *modules, int64_t until_ns, bool *is_left_out)
{
    struct pp_module_entry *entries = pp_module_entries(&modules->next);
    uint32_t n_built = give_built(modules);

    *is_left_out = false;
    for (uint32_t i = 0; i < modules->next.n && !*is_left_out; i++) {
        if (!entries[i].is_wanted || entries[i].has_no_table || entries[i].table != NULL)
            continue;
        if ((n_built > 0 && now_ns() >= until_ns) || !build_table(modules, &entries[i], until_ns))
            *is_left_out = true;
        else
            n_built++;
    }
    return n_built;
}

static void free_copies(struct pp_modules *modules)
{
    pp_room_free(&modules->copies.header);
    pp_room_free(&modules->copies.frames);
    pp_table_builder_done(&modules->builder);
}

/* ---- publishing ---- */

static struct pp_sig_module_set *allocate_set(uint32_t n_modules)
{
    const uint64_t n_bytes =
        sizeof(struct pp_sig_module_set) + n_modules * sizeof(struct pp_sig_module);
    struct pp_sig_module_set *set = pp_map_anonymous(n_bytes);

    if (set == NULL)
        return NULL;
    set->n_bytes = n_bytes;
    return set;
}

/* A table costs as much as some look-ups in place for each function that it is of: who asks for
 * less does without.  A short program's few samples never pay for libc's.  Only where .eh_frame is
 * sure to stay, or was mapped before anything could be unloaded. */
static uint32_t worth_of(const struct pp_modules *modules, const struct pp_module_entry *entry,
                         const struct pp_sig_cfi *cfi)
{
    return (entry->stays || modules->is_at_start) && cfi->n_fdes > 1 ? cfi->n_fdes : 1;
}

static void fill_set(struct pp_modules *modules, struct pp_sig_module_set *set, uint64_t changes,
                     uint64_t closes)
{
    const struct pp_module_entry *entries = pp_module_entries(&modules->next);

    set->salt = ++modules->generation * 0xd6e8feb86659fd93ull;
    set->changes_seen = changes;
    set->closes_seen = closes;
    set->n_modules = modules->next.n;
    for (uint32_t i = 0; i < modules->next.n; i++) {
        struct pp_sig_module *module = &set->modules[i];
        module->start = entries[i].shown.start;
        module->limit = entries[i].shown.limit;
        module->table = entries[i].table;
        module->n_misses = entries[i].n_misses;
        module->worth = 1;
        if (entries[i].has_no_table)
            module->flags |= PP_MODULE_NO_TABLE;
        if (entries[i].was_here) {
            module->flags |=
                entries[i].stays ? PP_MODULE_STAYS | PP_MODULE_WAS_HERE : PP_MODULE_WAS_HERE;
            if (module->table == NULL && !entries[i].has_no_table &&
                pp_module_open_in_place(&entries[i], &module->cfi) == 0)
                module->worth = worth_of(modules, &entries[i], &module->cfi);
        }
    }
}

static void publish(struct pp_modules *modules, struct pp_sig_module_set *set)
{
    struct pp_sig_module_set *old = modules->set;

    modules->set = set;
    __atomic_store_n(&pp_sig_module_set_current, set, __ATOMIC_SEQ_CST);
    if (old == NULL)
        return;
    modules->wait(modules->context);
    pp_unmap(old, old->n_bytes);
}

/* The next list becomes the list. */
static void turn_over(struct pp_modules *modules)
{
    const struct pp_module_list old = modules->now;

    modules->now = modules->next;
    modules->next = old;
    modules->next.n = 0;
}

static void forget_kept_marks(struct pp_module_list *list)
{
    for (uint32_t i = 0; i < list->n; i++)
        pp_module_entries(list)[i].is_kept = false;
}

int pp_modules_refresh(struct pp_modules *modules, int64_t budget_ns)
{
    const uint64_t changes = __atomic_load_n(&pp_sig_module_changes, __ATOMIC_ACQUIRE);
    const uint64_t closes = __atomic_load_n(&pp_sig_module_closes, __ATOMIC_ACQUIRE);
    const int64_t until_ns = now_ns() + budget_ns;
    struct pp_sig_module_set *set;
    bool is_left_out;
    uint32_t n_changes;
    int result;

    if (modules->is_building)
        build_on(modules, until_ns);
    if (modules->is_building)
        return 1;
    result = pp_module_list_read(&modules->next);
    if (result < 0)
        return result;
    set = allocate_set(modules->next.n);
    if (set == NULL)
        return -ENOMEM;
    collect_wanted(modules);
    n_changes = take_over(modules, closes);
    n_changes += build_wanted(modules, until_ns, &is_left_out);
    if (!modules->is_building)
        free_copies(modules);
    if (n_changes == 0 && modules->set != NULL) {
        pp_unmap(set, set->n_bytes);
        forget_kept_marks(&modules->now);
        __atomic_store_n(&modules->set->changes_seen, changes, __ATOMIC_RELAXED);
        __atomic_store_n(&modules->set->closes_seen, closes, __ATOMIC_RELAXED);
        return is_left_out;
    }
    fill_set(modules, set, changes, closes);
    tell_new(modules);
    publish(modules, set);
    drop_old(modules, true);
    turn_over(modules);
    return is_left_out;
}

struct pp_modules *pp_modules_new(pp_module_seen_fn seen, pp_wait_for_handlers_fn wait,
                                  void *context)
{
    struct pp_modules *modules = pp_map_anonymous(sizeof *modules);
    int result;

    if (modules == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    modules->seen = seen;
    modules->wait = wait;
    modules->context = context;
    modules->is_first = true;
    modules->is_at_start = pp_modules_begin_at_start;
    pp_sig_rule_cache_prepare();
    (void)madvise(pp_sig_rule_cache, sizeof pp_sig_rule_cache, MADV_DONTDUMP);
    modules->first_closes = __atomic_load_n(&pp_sig_module_closes, __ATOMIC_ACQUIRE);
    result = pp_modules_refresh(modules, 0);
    modules->is_first = false;
    if (result < 0) {
        pp_modules_free(modules);
        errno = -result;
        return NULL;
    }
    return modules;
}

uint64_t pp_modules_table_bytes(const struct pp_modules *modules)
{
    return modules->table_bytes;
}

void pp_modules_free(struct pp_modules *modules)
{
    if (modules == NULL)
        return;
    publish(modules, NULL);
    forget_kept_marks(&modules->now);
    drop_old(modules, false);
    pp_unwind_table_free(modules->built);
    free_copies(modules);
    pp_room_free(&modules->now.room);
    pp_room_free(&modules->next.room);
    pp_unmap(modules, sizeof *modules);
}
