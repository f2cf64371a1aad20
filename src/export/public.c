/* pprofc_export_*, pprofc_sink_*: sinks for whoever links the library. */
#include "pprofc/export.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "export/otlp.h"
#include "export/pyroscope.h"

struct pprofc_sink {
    struct pp_sink outer; /* for continuous mode: the caller may use it, too */
    pthread_mutex_t lock; /* take() is called by one thread at a time */
    struct pp_sink *sink;
};

/* ---- from within ---- */

static struct pprofc_sink *whole(struct pp_sink *outer)
{
    return (struct pprofc_sink *)outer;
}

static int take(struct pp_sink *outer, const struct pp_export_window *window,
                struct pprofc_error *err)
{
    struct pprofc_sink *sink = whole(outer);
    int rc;

    (void)pthread_mutex_lock(&sink->lock);
    rc = sink->sink->take(sink->sink, window, err);
    (void)pthread_mutex_unlock(&sink->lock);
    return rc;
}

static int drain(struct pp_sink *outer, double seconds, struct pprofc_error *err)
{
    return pprofc_sink_drain(whole(outer), seconds, err);
}

static void facts(struct pp_sink *outer, struct pp_sink_facts *facts_out)
{
    whole(outer)->sink->facts(whole(outer)->sink, facts_out);
}

struct pp_sink *pp_sink_of(struct pprofc_sink *sink)
{
    return &sink->outer;
}

/* ---- making them ---- */

static int check(const struct pprofc_export_options *options, struct pprofc_error *err)
{
    if (options->struct_bytes == sizeof *options)
        return 0;
    return pp_fail(err, -EINVAL, 0,
                   "options.struct_bytes is %zu, not %zu: begin with PPROFC_EXPORT_OPTIONS_INIT",
                   options->struct_bytes, sizeof *options);
}

static struct pp_uploader_options upload_options(const struct pprofc_export_options *options)
{
    return (struct pp_uploader_options){.queue_folder = options->queue_folder,
                                        .queue_bytes = options->queue_bytes,
                                        .queue_age_s = options->queue_age_s};
}

static int wrap(struct pp_sink *inner, struct pprofc_sink **sink_out, struct pprofc_error *err)
{
    struct pprofc_sink *sink = calloc(1, sizeof *sink);

    if (sink == NULL) {
        inner->free(inner);
        return pp_fail(err, -ENOMEM, 0, "cannot prepare sending: out of memory");
    }
    sink->outer =
        (struct pp_sink){.name = inner->name, .take = take, .drain = drain, .facts = facts};
    sink->sink = inner;
    (void)pthread_mutex_init(&sink->lock, NULL);
    *sink_out = sink;
    return 0;
}

int pprofc_export_otlp(const struct pprofc_export_options *options, struct pprofc_sink **sink_out,
                       struct pprofc_error *err)
{
    const struct pprofc_export_options none = PPROFC_EXPORT_OPTIONS_INIT;
    const struct pprofc_export_options *given = options != NULL ? options : &none;
    const struct pp_otlp_options ours = {.wish = {given->endpoint, given->protocol},
                                         .service_name = given->service_name,
                                         .hides_command = given->hides_command != 0,
                                         .upload = upload_options(given)};
    struct pp_sink *inner = NULL;
    int rc = check(given, err);

    if (rc == 0)
        rc = pp_otlp_sink_new(&ours, &inner, err);
    return rc == 0 ? wrap(inner, sink_out, err) : rc;
}

int pprofc_export_pyroscope(const struct pprofc_export_options *options,
                            struct pprofc_sink **sink_out, struct pprofc_error *err)
{
    const struct pprofc_export_options none = PPROFC_EXPORT_OPTIONS_INIT;
    const struct pprofc_export_options *given = options != NULL ? options : &none;
    const struct pp_pyroscope_options ours = {.address = given->endpoint,
                                              .service_name = given->service_name,
                                              .upload = upload_options(given)};
    struct pp_sink *inner = NULL;
    int rc = check(given, err);

    if (rc == 0)
        rc = pp_pyroscope_sink_new(&ours, &inner, err);
    return rc == 0 ? wrap(inner, sink_out, err) : rc;
}

/* ---- windows ---- */

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void pp_window_times(const struct pprofc_profile *profile, uint64_t *begin_ns, uint64_t *end_ns)
{
    const uint64_t duration_ns = profile->duration_ns > 0 ? (uint64_t)profile->duration_ns : 1;

    if (*begin_ns == 0)
        *begin_ns = profile->time_ns > 0 ? (uint64_t)profile->time_ns : now_ns() - duration_ns;
    if (*end_ns <= *begin_ns)
        *end_ns = *begin_ns + duration_ns;
}

int pprofc_sink_take(struct pprofc_sink *sink, const struct pprofc_profile *profile,
                     const struct pprofc_window *window, struct pprofc_error *err)
{
    struct pp_export_window ours = {
        .program = program_invocation_short_name, .pid = getpid(), .profile = profile};

    if (window->struct_bytes != sizeof *window || window->kind == NULL)
        return pp_fail(err, -EINVAL, 0,
                       "window.struct_bytes is %zu, not %zu: begin with PPROFC_WINDOW_INIT",
                       window->struct_bytes, sizeof *window);
    ours.kind = window->kind;
    ours.begin_ns = window->begin_ns;
    ours.end_ns = window->end_ns;
    ours.operation = window->operation;
    ours.traceparent = window->traceparent;
    pp_window_times(profile, &ours.begin_ns, &ours.end_ns);
    return take(&sink->outer, &ours, err);
}

int pprofc_sink_drain(struct pprofc_sink *sink, double seconds, struct pprofc_error *err)
{
    return sink->sink->drain(sink->sink, seconds, err);
}

void pprofc_sink_counts(struct pprofc_sink *sink, struct pprofc_sink_counts *counts_out)
{
    struct pp_sink_facts facts;

    sink->sink->facts(sink->sink, &facts);
    *counts_out = (struct pprofc_sink_counts){.n_taken = facts.n_taken,
                                              .n_done = facts.n_done,
                                              .n_refused = facts.n_refused,
                                              .n_dropped = facts.n_dropped,
                                              .n_retries = facts.n_retries,
                                              .bytes_done = facts.bytes_done,
                                              .n_waiting = facts.n_waiting,
                                              .bytes_waiting = facts.bytes_waiting};
    memcpy(counts_out->last_error, facts.last_error, sizeof counts_out->last_error);
}

void pprofc_sink_free(struct pprofc_sink *sink)
{
    if (sink == NULL)
        return;
    sink->sink->free(sink->sink);
    (void)pthread_mutex_destroy(&sink->lock);
    free(sink);
}
