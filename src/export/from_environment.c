/* Words to sinks. */
#include "export/from_environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "export/otlp.h"
#include "export/pyroscope.h"

static const char *const names[PP_MAX_SINKS] = {"otlp", "pyroscope"};

static int make_one(const struct pp_sinks_wish *wish, const char *name,
                    const struct pp_uploader_options *upload, struct pp_sink **sink_out,
                    struct pprofc_error *err)
{
    const struct pp_otlp_options otlp = {.hides_command = wish->hides_command, .upload = *upload};
    const struct pp_pyroscope_options pyroscope = {.upload = *upload};

    return strcmp(name, "otlp") == 0 ? pp_otlp_sink_new(&otlp, sink_out, err)
                                     : pp_pyroscope_sink_new(&pyroscope, sink_out, err);
}

static int make(const struct pp_sinks_wish *wish, const char *name, struct pp_sink **sink_out,
                struct pprofc_error *err)
{
    struct pp_uploader_options upload = {.teller = wish->teller};
    pp_autobuffer struct pp_buffer folder = PP_BUFFER_INIT;

    if (wish->queue_folder != NULL) {
        pp_buffer_printf(&folder, "%s/%s", wish->queue_folder, name);
        if (folder.failed)
            return pp_fail(err, -ENOMEM, 0, "cannot prepare sending: out of memory");
        upload.queue_folder = folder.bytes;
    }
    return make_one(wish, name, &upload, sink_out, err);
}

/* Which of them a list names, as bits. */
static int read_list(const char *list, unsigned *wanted_out, struct pprofc_error *err)
{
    pp_autofree char *copy = strdup(list);
    char *rest = copy, *word;
    unsigned wanted = 0;

    if (copy == NULL)
        return pp_fail(err, -ENOMEM, 0, "cannot prepare sending: out of memory");
    while ((word = strsep(&rest, ", ")) != NULL) {
        bool is_known = word[0] == '\0';
        for (unsigned i = 0; i < PP_MAX_SINKS && !is_known; i++) {
            is_known = strcmp(word, names[i]) == 0;
            wanted |= is_known ? 1u << i : 0;
        }
        if (!is_known)
            return pp_fail(err, -EINVAL, 0,
                           "PPROFC_EXPORT=%.100s: '%.60s' is unknown; there are otlp and pyroscope",
                           list, word);
    }
    *wanted_out = wanted;
    return 0;
}

int pp_sinks_make(const struct pp_sinks_wish *wish, struct pp_sink *sinks_out[PP_MAX_SINKS],
                  struct pprofc_error *err)
{
    struct pp_sink *sinks[PP_MAX_SINKS];
    struct pprofc_error why;
    unsigned wanted = 0;
    int n = 0, rc = read_list(wish->list, &wanted, err);

    for (unsigned i = 0; i < PP_MAX_SINKS && rc == 0; i++) {
        if ((wanted >> i & 1) == 0)
            continue;
        rc = make(wish, names[i], &sinks[n], &why);
        if (rc == 0) {
            n++;
        } else if (rc == -ECANCELED) {
            pp_tell(&wish->teller, "%s", why.message);
            rc = 0;
        } else {
            (void)pp_fail(err, rc, 0, "%s", why.message);
        }
    }
    if (rc != 0) {
        for (int i = 0; i < n; i++)
            sinks[i]->free(sinks[i]);
        return rc;
    }
    memcpy(sinks_out, sinks, (size_t)n * sizeof sinks[0]);
    return n;
}
