/* What a thread asked of the allocator, as a comment of a pprof file: "pprofc: heap_thread=id=4711
 * threads=1 allocs=40 reallocs=0 frees=38 requested_bytes=4096 name=worker". */
#include "formats/pprof.h"
#include "formats/pprof_figures.h"

const char pp_pprof_thread_key[] = "heap_thread";

static const struct pp_pprof_figure figures[] = {
    {"id=", offsetof(struct pp_heap_thread, who.id)},
    {"threads=", offsetof(struct pp_heap_thread, who.n_threads)},
    {"allocs=", offsetof(struct pp_heap_thread, n_allocs)},
    {"reallocs=", offsetof(struct pp_heap_thread, n_reallocs)},
    {"frees=", offsetof(struct pp_heap_thread, n_frees)},
    {"requested_bytes=", offsetof(struct pp_heap_thread, requested_bytes)},
    {"usable_allocated_bytes=", offsetof(struct pp_heap_thread, usable_allocated_bytes)},
    {"usable_freed_bytes=", offsetof(struct pp_heap_thread, usable_freed_bytes)},
};
enum { N_FIGURES = sizeof figures / sizeof figures[0], FIRST_USABLE = N_FIGURES - 2 };

void pp_pprof_thread_text(const struct pprofc_profile *profile, const struct pp_heap_thread *thread,
                          struct pp_buffer *out)
{
    const size_t n_figures = profile->heap.counts_usable ? N_FIGURES : FIRST_USABLE;

    pp_pprof_figures_write(profile, figures, n_figures, thread, out);
}

bool pp_pprof_thread_read(struct pprofc_profile *profile, const char *text)
{
    struct pp_heap_thread thread = {.n_allocs = 0};

    if (!pp_pprof_figures_read(profile, figures, N_FIGURES, text, &thread))
        return false;
    pp_heap_totals_add_thread(&profile->heap, &thread);
    return true;
}
