/* The threads of which a profile keeps exact figures. */
#include "profile/kept_threads.h"

#include <stdlib.h>
#include <string.h>

#include "profile/tables.h"

static char *find(const struct pp_thread_figures *figures, char *threads, uint32_t n_threads,
                  const struct pp_thread_who *wanted)
{
    for (uint32_t i = 0; i < n_threads; i++) {
        char *thread = threads + i * figures->n_bytes;
        const struct pp_thread_who *who = (void *)thread;
        if (who->id == wanted->id && who->name == wanted->name)
            return thread;
    }
    return NULL;
}

static void add_to_others(const struct pp_thread_figures *figures, struct pp_thread_who *others,
                          const void *thread)
{
    const struct pp_thread_who *who = thread;

    figures->add(others, thread);
    others->n_threads = pp_add_values(others->n_threads, who->n_threads);
}

uint32_t pp_kept_threads_add(const struct pp_thread_figures *figures, void *threads,
                             uint32_t n_threads, void *others, const void *thread)
{
    const struct pp_thread_who *who = thread;
    char *least = (char *)threads + (PP_MAX_KEPT_THREADS - 1) * figures->n_bytes;
    char *known = who->id == 0 ? NULL : find(figures, threads, n_threads, who);

    if (known != NULL) {
        figures->add(known, thread);
    } else if (who->id != 0 && n_threads < PP_MAX_KEPT_THREADS) {
        memcpy((char *)threads + n_threads++ * figures->n_bytes, thread, figures->n_bytes);
    } else if (who->id != 0 && figures->order(thread, least) < 0) {
        add_to_others(figures, others, least);
        memcpy(least, thread, figures->n_bytes);
    } else {
        add_to_others(figures, others, thread);
    }
    qsort(threads, n_threads, figures->n_bytes, figures->order);
    return n_threads;
}
