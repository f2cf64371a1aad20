/* Which module lay at an address at a time. */
#include "formats/recording_modules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Binaries that are looked at for one address.  Honest recordings need a few; a hostile one may
 * have any number in one place, and an address for each. */
enum { MAX_LOOKED_AT = 512 };

/* ---- the order: by place, then by what lies there, then by time ---- */

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_binaries(const struct pp_rec_module *a, const struct pp_rec_module *b)
{
    int order = compare(a->start, b->start);

    if (order == 0)
        order = compare(a->limit, b->limit);
    if (order == 0)
        order = compare(a->offset, b->offset);
    if (order == 0)
        order = compare(a->bias, b->bias);
    if (order == 0)
        order = compare(a->n_build_id_bytes, b->n_build_id_bytes);
    if (order == 0)
        order = compare(a->flags, b->flags);
    if (order == 0)
        order = memcmp(a->build_id, b->build_id, sizeof a->build_id);
    return order != 0 ? order : strncmp(a->path, b->path, sizeof a->path);
}

static int compare_modules(const void *left, const void *right)
{
    const struct pp_rec_module *a = *(const struct pp_rec_module *const *)left;
    const struct pp_rec_module *b = *(const struct pp_rec_module *const *)right;
    const int order = compare_binaries(a, b);

    return order != 0 ? order : compare(a->mapped_ns, b->mapped_ns);
}

static int compare_times(const void *left, const void *right)
{
    return compare(*(const uint64_t *)left, *(const uint64_t *)right);
}

/* ---- gathering ---- */

static uint64_t end_of(const struct pp_rec_module *module)
{
    const uint64_t unmapped_ns = module->unmapped_ns;

    return unmapped_ns != 0 ? unmapped_ns : UINT64_MAX;
}

static int list_modules(const struct pp_recording_reader *reader,
                        const struct pp_rec_module ***list_out, uint32_t *n_out)
{
    pp_autofree const struct pp_rec_module **list = NULL;
    const struct pp_rec_module *module;
    uint32_t n_all = 0, n = 0;

    while (pp_recording_module(reader, n_all) != NULL)
        n_all++;
    list = calloc(n_all + 1UL, sizeof *list);
    if (list == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; (module = pp_recording_module(reader, i)) != NULL; i++) {
        if (module->start < module->limit)
            list[n++] = module;
    }
    qsort(list, n, sizeof *list, compare_modules);
    *n_out = n;
    *list_out = list;
    list = NULL;
    return 0;
}

/* Times come in order of their beginnings. */
static void add_time(struct pp_recorded_modules *modules, struct pp_recorded_module *module,
                     const struct pp_rec_module *mapped)
{
    struct pp_recorded_time *time = &modules->times[module->first_time + module->n_times];
    const uint64_t end_ns = end_of(mapped);
    const uint64_t before_ns = module->n_times > 0 ? time[-1].latest_end_ns : 0;

    *time = (struct pp_recorded_time){mapped->mapped_ns, end_ns,
                                      end_ns > before_ns ? end_ns : before_ns};
    module->n_times++;
}

static void group(struct pp_recorded_modules *modules, const struct pp_rec_module *const *list,
                  uint32_t n)
{
    struct pp_recorded_module *last = NULL;

    for (uint32_t i = 0; i < n; i++) {
        if (last == NULL || compare_binaries(last->module, list[i]) != 0) {
            const uint64_t before = last != NULL ? last->highest_limit : 0;
            last = &modules->modules[modules->n_modules++];
            *last = (struct pp_recorded_module){
                .module = list[i],
                .start = list[i]->start,
                .limit = list[i]->limit,
                .highest_limit = list[i]->limit > before ? list[i]->limit : before,
                .first_time = i,
            };
        }
        add_time(modules, last, list[i]);
    }
}

/* Mark whatever overlaps something else, and list when such places changed. */
static void find_shared_places(struct pp_recorded_modules *modules)
{
    for (uint32_t i = 0; i < modules->n_modules; i++) {
        struct pp_recorded_module *module = &modules->modules[i];
        const bool before = i > 0 && modules->modules[i - 1].highest_limit > module->start;
        const bool behind =
            i + 1 < modules->n_modules && modules->modules[i + 1].start < module->limit;
        module->shares_place = before || behind;
        for (uint32_t t = 0; module->shares_place && t < module->n_times; t++) {
            const struct pp_recorded_time *time = &modules->times[module->first_time + t];
            modules->changes[modules->n_changes++] = time->mapped_ns;
            modules->changes[modules->n_changes++] = time->unmapped_ns;
        }
    }
    qsort(modules->changes, modules->n_changes, sizeof *modules->changes, compare_times);
}

int pp_recorded_modules_init(struct pp_recorded_modules *modules,
                             const struct pp_recording_reader *reader)
{
    pp_autofree const struct pp_rec_module **list = NULL;
    uint32_t n = 0;
    int status = list_modules(reader, &list, &n);

    *modules = (struct pp_recorded_modules){0};
    if (status != 0)
        return status;
    modules->modules = calloc(n + 1UL, sizeof *modules->modules);
    modules->times = calloc(n + 1UL, sizeof *modules->times);
    modules->changes = calloc(2UL * n + 1, sizeof *modules->changes);
    if (modules->modules == NULL || modules->times == NULL || modules->changes == NULL) {
        pp_recorded_modules_done(modules);
        return -ENOMEM;
    }
    group(modules, list, n);
    find_shared_places(modules);
    return 0;
}

void pp_recorded_modules_done(struct pp_recorded_modules *modules)
{
    free(modules->modules);
    free(modules->times);
    free(modules->changes);
    *modules = (struct pp_recorded_modules){0};
}

/* ---- looking ---- */

uint32_t pp_recorded_modules_epoch(const struct pp_recorded_modules *modules, uint64_t time_ns)
{
    uint32_t low = 0, high = modules->n_changes;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (modules->changes[middle] <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How far 'time_ns' is from a time at which the module was mapped; 0 inside one.  What we note
 * comes after the fact: a library is used before the helper thread sees it, so a time before the
 * mapping is nearer than one after its end. */
static uint64_t distance(const struct pp_recorded_modules *modules,
                         const struct pp_recorded_module *module, uint64_t time_ns)
{
    const struct pp_recorded_time *times = &modules->times[module->first_time];
    uint32_t low = 0, high = module->n_times;

    while (low < high) { /* the first that begins after 'time_ns' */
        const uint32_t middle = low + (high - low) / 2;
        if (times[middle].mapped_ns <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0 && times[low - 1].latest_end_ns > time_ns)
        return 0;
    if (low < module->n_times)
        return (times[low].mapped_ns - time_ns) / 2;
    return UINT64_MAX / 2 + (time_ns - times[low - 1].latest_end_ns) / 2;
}

uint32_t pp_recorded_modules_below(const struct pp_recorded_modules *modules, uint64_t address)
{
    uint32_t low = 0, high = modules->n_modules;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (modules->modules[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t pp_recorded_modules_find(const struct pp_recorded_modules *modules, uint64_t address,
                                 uint64_t time_ns)
{
    uint64_t least = UINT64_MAX;
    int64_t found = -1;

    const uint32_t n_below = pp_recorded_modules_below(modules, address);

    for (uint32_t i = n_below; i > 0 && n_below - i < MAX_LOOKED_AT; i--) {
        const struct pp_recorded_module *module = &modules->modules[i - 1];
        uint64_t here;
        if (module->highest_limit <= address)
            break; /* nothing before this one reaches so far */
        if (address >= module->limit)
            continue;
        if (!module->shares_place)
            return i - 1;
        here = distance(modules, module, time_ns);
        if (found < 0 || here < least) {
            least = here;
            found = i - 1;
        }
    }
    return found;
}
