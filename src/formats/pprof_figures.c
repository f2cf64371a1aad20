/* Exact figures of a thread as text of a comment; none is negative, and the name comes last, since
 * it may hold anything. */
#include "formats/pprof_figures.h"

#include <inttypes.h>
#include <string.h>

#include "base/numbers.h"

static const char name_key[] = "name=";

void pp_pprof_figures_write(const struct pprofc_profile *profile,
                            const struct pp_pprof_figure *figures, size_t n_figures,
                            const void *thread, struct pp_buffer *out)
{
    const struct pp_thread_who *who = thread;

    for (size_t i = 0; i < n_figures; i++) {
        int64_t value;
        memcpy(&value, (const char *)thread + figures[i].offset, sizeof value);
        pp_buffer_printf(out, "%s%" PRId64 " ", figures[i].key, value);
    }
    pp_buffer_text(out, name_key);
    pp_buffer_text(out, pp_profile_chars(profile, who->name));
}

/* The figure that begins at 'text', of 'n_chars'; false when it is none. */
static bool read_figure(const struct pp_pprof_figure *figures, size_t n_figures, const char *text,
                        size_t n_chars, char *thread)
{
    for (size_t i = 0; i < n_figures; i++) {
        const size_t n_key = strlen(figures[i].key);
        int64_t value;
        if (n_chars <= n_key || memcmp(text, figures[i].key, n_key) != 0)
            continue;
        if (!pp_parse_int64(text + n_key, n_chars - n_key, &value) || value < 0)
            return false;
        memcpy(thread + figures[i].offset, &value, sizeof value);
        return true;
    }
    return false;
}

bool pp_pprof_figures_read(struct pprofc_profile *profile, const struct pp_pprof_figure *figures,
                           size_t n_figures, const char *text, void *thread)
{
    struct pp_thread_who *who = thread;

    while (strncmp(text, name_key, strlen(name_key)) != 0) {
        const size_t n_chars = strcspn(text, " ");
        if (!read_figure(figures, n_figures, text, n_chars, thread) || text[n_chars] == '\0')
            return false;
        text += n_chars + 1;
    }
    who->name = pp_profile_text(profile, text + strlen(name_key));
    return true;
}
