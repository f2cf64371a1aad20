/* What a thread asked of the allocator, as a comment of a pprof file: "pprofc: heap_thread=id=4711
 * threads=1 allocs=40 reallocs=0 frees=38 requested_bytes=4096 name=worker". */
#include <inttypes.h>
#include <string.h>

#include "base/numbers.h"
#include "formats/pprof.h"

const char pp_pprof_thread_key[] = "heap_thread";

static const char name_key[] = "name=";

static const struct {
    const char *key;
    size_t offset;
} figures[] = {
    {"id=", offsetof(struct pp_heap_thread, id)},
    {"threads=", offsetof(struct pp_heap_thread, n_threads)},
    {"allocs=", offsetof(struct pp_heap_thread, n_allocs)},
    {"reallocs=", offsetof(struct pp_heap_thread, n_reallocs)},
    {"frees=", offsetof(struct pp_heap_thread, n_frees)},
    {"requested_bytes=", offsetof(struct pp_heap_thread, requested_bytes)},
    {"usable_allocated_bytes=", offsetof(struct pp_heap_thread, usable_allocated_bytes)},
    {"usable_freed_bytes=", offsetof(struct pp_heap_thread, usable_freed_bytes)},
};
enum { N_FIGURES = sizeof figures / sizeof figures[0], FIRST_USABLE = N_FIGURES - 2 };

static int64_t *figure_of(struct pp_heap_thread *thread, size_t i)
{
    return (int64_t *)(void *)((char *)thread + figures[i].offset);
}

void pp_pprof_thread_text(const struct pprofc_profile *profile, const struct pp_heap_thread *thread,
                          struct pp_buffer *out)
{
    const size_t n_figures = profile->heap.counts_usable ? N_FIGURES : FIRST_USABLE;
    struct pp_heap_thread copy = *thread;

    for (size_t i = 0; i < n_figures; i++)
        pp_buffer_printf(out, "%s%s%" PRId64, i == 0 ? "" : " ", figures[i].key,
                         *figure_of(&copy, i));
    pp_buffer_printf(out, " %s", name_key);
    pp_buffer_text(out, pp_profile_chars(profile, thread->name));
}

/* The figure that begins at 'text', of 'n_chars'; false when it is none. */
static bool read_figure(struct pp_heap_thread *thread, const char *text, size_t n_chars)
{
    for (size_t i = 0; i < N_FIGURES; i++) {
        const size_t n_key = strlen(figures[i].key);
        if (n_chars > n_key && memcmp(text, figures[i].key, n_key) == 0)
            return pp_parse_int64(text + n_key, n_chars - n_key, figure_of(thread, i)) &&
                   *figure_of(thread, i) >= 0;
    }
    return false;
}

bool pp_pprof_thread_read(struct pprofc_profile *profile, const char *text)
{
    struct pp_heap_thread thread = {.name = 0};

    while (strncmp(text, name_key, strlen(name_key)) != 0) {
        const size_t n_chars = strcspn(text, " ");
        if (!read_figure(&thread, text, n_chars) || text[n_chars] == '\0')
            return false;
        text += n_chars + 1;
    }
    thread.name = pp_profile_text(profile, text + strlen(name_key));
    pp_heap_totals_add_thread(&profile->heap, &thread);
    return true;
}
