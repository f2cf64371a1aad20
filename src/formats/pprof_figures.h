/* Exact figures of a thread as text of a comment: "id=4711 threads=1 allocs=40 .. name=worker". */
#ifndef PP_FORMATS_PPROF_FIGURES_H
#define PP_FORMATS_PPROF_FIGURES_H

#include "base/buffer.h"
#include "profile/profile.h"

/* An int64_t of a struct that begins with a struct pp_thread_who. */
struct pp_pprof_figure {
    const char *key; /* with its '=' */
    size_t offset;
};

void pp_pprof_figures_write(const struct pprofc_profile *profile,
                            const struct pp_pprof_figure *figures, size_t n_figures,
                            const void *thread, struct pp_buffer *out);

/* Into a struct that is all zeros.  False: 'text' is none of them. */
bool pp_pprof_figures_read(struct pprofc_profile *profile, const struct pp_pprof_figure *figures,
                           size_t n_figures, const char *text, void *thread);

#endif
