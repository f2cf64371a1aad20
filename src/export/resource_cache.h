/* Resources of processes, made once a process: what ended last can still be told who it was. */
#ifndef PP_EXPORT_RESOURCE_CACHE_H
#define PP_EXPORT_RESOURCE_CACHE_H

#include "export/resource.h"

enum { PP_MAX_KNOWN_PROCESSES = 64 };

struct pp_known_process {
    int32_t pid; /* 0: none */
    uint64_t start, used;
    struct pp_resource resource;
};

struct pp_resource_cache {
    uint64_t n_asked;
    struct pp_known_process processes[PP_MAX_KNOWN_PROCESSES];
};

/* The resource of the wish's process, until the next call; check 'failed' of it. */
const struct pp_resource *pp_resource_cache_get(struct pp_resource_cache *cache,
                                                const struct pp_resource_wish *wish,
                                                const struct pp_teller *teller);
void pp_resource_cache_done(struct pp_resource_cache *cache);

#endif
