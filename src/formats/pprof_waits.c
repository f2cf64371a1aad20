/* Where threads' time went, as comments of a pprof file: "pprofc: wait_thread=id=4711 threads=1
 * wall_ns=900 cpu_ns=100 .. name=worker", and "pprofc: waits=.." of all of them. */
#include <string.h>

#include "base/memory.h"
#include "formats/pprof.h"
#include "formats/pprof_figures.h"

static const char totals_key[] = "waits", thread_key[] = "wait_thread";

static const struct pp_pprof_figure figures[] = {
    {"id=", offsetof(struct pp_wait_thread, who.id)},
    {"threads=", offsetof(struct pp_wait_thread, who.n_threads)},
    {"wall_ns=", offsetof(struct pp_wait_thread, wall_ns)},
    {"cpu_ns=", offsetof(struct pp_wait_thread, cpu_ns)},
    {"blocked_ns=", offsetof(struct pp_wait_thread, blocked_ns)},
    {"run_queue_ns=", offsetof(struct pp_wait_thread, run_queue_ns)},
    {"unattributed_ns=", offsetof(struct pp_wait_thread, unattributed_ns)},
    {"throttled_ns=", offsetof(struct pp_wait_thread, throttled_ns)},
    {"waits=", offsetof(struct pp_wait_thread, n_waits)},
    {"contentions=", offsetof(struct pp_wait_thread, n_contentions)},
    {"delay_ns=", offsetof(struct pp_wait_thread, delay_ns)},
    {"cut_off=", offsetof(struct pp_wait_thread, n_cut_off)},
};
enum { N_FIGURES = sizeof figures / sizeof figures[0] };

/* ---- writing ---- */

static void write_thread(const struct pprofc_profile *profile, const char *key,
                         const struct pp_wait_thread *thread,
                         void (*put)(void *context, const char *comment), void *context)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;

    pp_buffer_printf(&text, "pprofc: %s=", key);
    pp_pprof_figures_write(profile, figures, N_FIGURES, thread, &text);
    put(context, text.failed ? NULL : text.bytes);
}

void pp_pprof_waits_write(const struct pprofc_profile *profile,
                          void (*put)(void *context, const char *comment), void *context)
{
    const struct pp_wait_totals *waits = &profile->waits;

    if (!waits->is_known)
        return;
    write_thread(profile, totals_key, &waits->all, put, context);
    for (uint32_t i = 0; i < waits->n_threads; i++)
        write_thread(profile, thread_key, &waits->threads[i], put, context);
    if (waits->other_threads.who.n_threads > 0)
        write_thread(profile, thread_key, &waits->other_threads, put, context);
}

/* ---- reading ---- */

static bool is_key(const char *key, size_t n_key, const char *known)
{
    return n_key == strlen(known) && memcmp(key, known, n_key) == 0;
}

bool pp_pprof_waits_read(struct pprofc_profile *profile, const char *key, size_t n_key,
                         const char *text)
{
    struct pp_wait_thread thread = {.wall_ns = 0};

    if (is_key(key, n_key, totals_key)) {
        if (!pp_pprof_figures_read(profile, figures, N_FIGURES, text, &thread))
            return false;
        profile->waits.is_known = true;
        profile->waits.all = thread;
        return true;
    }
    if (!is_key(key, n_key, thread_key) ||
        !pp_pprof_figures_read(profile, figures, N_FIGURES, text, &thread))
        return false;
    pp_wait_totals_add_thread(&profile->waits, &thread);
    return true;
}
