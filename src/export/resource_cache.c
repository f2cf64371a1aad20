/* The same pid with another start is another process. */
#include "export/resource_cache.h"

static void forget(struct pp_known_process *process)
{
    pp_resource_done(&process->resource);
    *process = (struct pp_known_process){.pid = 0};
}

/* That of the process, or the one that was asked for the longest ago. */
static struct pp_known_process *find(struct pp_resource_cache *cache, int32_t pid)
{
    struct pp_known_process *oldest = &cache->processes[0];

    for (size_t i = 0; i < PP_MAX_KNOWN_PROCESSES; i++) {
        struct pp_known_process *process = &cache->processes[i];
        if (pid != 0 && process->pid == pid)
            return process;
        if (process->used < oldest->used)
            oldest = process;
    }
    return oldest;
}

const struct pp_resource *pp_resource_cache_get(struct pp_resource_cache *cache,
                                                const struct pp_resource_wish *wish,
                                                const struct pp_teller *teller)
{
    struct pp_known_process *process = find(cache, wish->pid);
    const uint64_t start = wish->pid != 0 ? pp_process_start(wish->pid) : 0;
    const bool is_known = wish->pid != 0 && process->pid == wish->pid &&
                          !process->resource.failed && (start == 0 || start == process->start);

    if (!is_known) {
        forget(process);
        process->pid = wish->pid;
        process->start = start;
        pp_resource_make(&process->resource, wish, teller);
    }
    process->used = ++cache->n_asked;
    return &process->resource;
}

void pp_resource_cache_done(struct pp_resource_cache *cache)
{
    for (size_t i = 0; i < PP_MAX_KNOWN_PROCESSES; i++)
        forget(&cache->processes[i]);
}
