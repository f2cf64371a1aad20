/* What a window is in OTLP: a request of each signal. */
#include "export/otlp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "export/file_hashes.h"
#include "export/otlp_metrics.h"
#include "export/otlp_request.h"
#include "export/otlp_traces.h"
#include "export/otlp_values.h"
#include "export/resource_cache.h"
#include "formats/formats.h"
#include "formats/wire.h"

/* The parts of a record, beside PP_SIGNAL_METRICS and PP_SIGNAL_TRACES. */
enum { PART_RESOURCE = PP_SIGNAL_PROFILES, PART_HASHES = PP_N_SIGNALS, N_PARTS };
_Static_assert((int)N_PARTS <= (int)PP_WINDOW_PARTS, "a record has no room for them");

/* Describing is the business of whoever calls take(), the rest the thread's: they share what does
 * not change. */
struct otlp {
    struct pp_otlp_settings settings;
    char *service_name;
    bool hides_command;
    struct pp_teller teller;
    uint64_t start_ns; /* CLOCK_REALTIME: of the sink */
    struct pp_metric_store metrics;
    struct pp_resource_cache resources;
    struct pp_file_hashes hashes;
    struct pp_buffer parts[N_PARTS];
};

static void free_otlp(void *state)
{
    struct otlp *otlp = state;

    for (int i = 0; i < N_PARTS; i++)
        pp_buffer_done(&otlp->parts[i]);
    pp_buffer_done(&otlp->hashes.bytes);
    pp_resource_cache_done(&otlp->resources);
    pp_otlp_settings_done(&otlp->settings);
    free(otlp->service_name);
    free(otlp);
}

/* ---- describing ---- */

/* What a Resource message holds, without the field around it. */
static void put_resource(struct pp_buffer *out, const struct pp_resource *resource)
{
    pp_autobuffer struct pp_buffer field = PP_BUFFER_INIT;
    struct pp_wire_field read;
    struct pp_wire wire;

    pp_otlp_put_resource(&field, 1, resource);
    wire = pp_wire_of(field.bytes, field.n_bytes);
    if (!field.failed && pp_wire_field(&wire, &read) == 1)
        pp_buffer_append(out, read.bytes.at, (size_t)(read.bytes.end - read.bytes.at));
    out->failed |= field.failed;
}

/* OTEL_METRIC_EXPORT_INTERVAL: counts go on, so that what is left out is in the next. */
static bool are_metrics_due(const struct otlp *otlp, const struct pp_metric_series *series)
{
    return otlp->settings.signals[PP_SIGNAL_METRICS].is_on &&
           (series->sent_ns == 0 ||
            (double)(series->used_ns - series->sent_ns) >= otlp->settings.metric_interval_s * 1e9);
}

static int describe(void *state, const struct pp_export_window *window,
                    const struct pp_sink_facts *facts, struct pp_window_record *record,
                    struct pprofc_error *err)
{
    struct otlp *otlp = state;
    const struct pp_resource_wish wish = {otlp->service_name, window->program, window->pid,
                                          otlp->hides_command};
    struct pp_metric_series *series = pp_metrics_count(&otlp->metrics, window);
    const struct pp_resource *resource =
        pp_resource_cache_get(&otlp->resources, &wish, &otlp->teller);
    bool failed = false;

    for (int i = 0; i < N_PARTS; i++) {
        pp_buffer_done(&otlp->parts[i]);
        otlp->parts[i] = (struct pp_buffer)PP_BUFFER_INIT;
    }
    put_resource(&otlp->parts[PART_RESOURCE], resource);
    if (are_metrics_due(otlp, series)) {
        pp_otlp_metrics_put(&otlp->parts[PP_SIGNAL_METRICS], resource, series, window,
                            &(struct pp_sent){otlp->start_ns, *facts});
        series->sent_ns = series->used_ns;
    }
    if (otlp->settings.signals[PP_SIGNAL_TRACES].is_on)
        pp_otlp_span_put(&otlp->parts[PP_SIGNAL_TRACES], resource, window, record->id);
    if (otlp->settings.signals[PP_SIGNAL_PROFILES].is_on) {
        pp_file_hashes_put(&otlp->hashes, window);
        pp_buffer_append(&otlp->parts[PART_HASHES], otlp->hashes.bytes.bytes,
                         otlp->hashes.bytes.n_bytes);
        otlp->parts[PART_HASHES].failed |= otlp->hashes.bytes.failed;
    }
    for (int i = 0; i < N_PARTS; i++) {
        record->parts[i] = (struct pp_window_part){otlp->parts[i].bytes, otlp->parts[i].n_bytes};
        failed |= otlp->parts[i].failed;
    }
    return failed ? pp_fail(err, -ENOMEM, 0, "no memory to describe a window") : 0;
}

/* ---- sending ---- */

static const char *request_name(unsigned request)
{
    return pp_signal_name((enum pp_signal)request);
}

static bool is_wanted(void *state, const struct pp_upload *upload, unsigned request)
{
    const struct otlp *otlp = state;

    return otlp->settings.signals[request].is_on &&
           (request == PP_SIGNAL_PROFILES || upload->record->parts[request].n_bytes > 0);
}

static int make_profiles(const struct pp_upload *upload, struct pp_buffer *message,
                         struct pprofc_error *err)
{
    const struct pp_window_part *resource = &upload->record->parts[PART_RESOURCE];
    const struct pp_window_part *part = &upload->record->parts[PART_HASHES];
    pp_autofree struct pp_otlp_hash *hashes = NULL;
    const int n_hashes = pp_file_hashes_read(part->bytes, part->n_bytes, &hashes);
    const struct pp_otlp_origin origin = {
        .hashes = hashes,
        .n_hashes = n_hashes > 0 ? (size_t)n_hashes : 0,
        .resource = resource->bytes != NULL ? resource->bytes : "",
        .n_resource_bytes = resource->n_bytes,
        .id = upload->record->id,
        .time_ns = (int64_t)upload->record->begin_ns,
        .duration_ns = (int64_t)(upload->record->end_ns - upload->record->begin_ns),
        .has_common_names = true};
    struct pprofc_profile *profile = NULL;
    int rc = pp_pprof_read(upload->gz, upload->n_gz_bytes, "a window", &profile, err);

    if (rc == 0)
        rc = pp_otlp_write_request(profile, &origin, message, err);
    pprofc_profile_free(profile);
    return rc;
}

static void send_signal(void *state, struct pp_http_client *client, const struct pp_upload *upload,
                        unsigned request, struct pp_outcome *outcome_out)
{
    const struct otlp *otlp = state;
    const enum pp_signal signal = (enum pp_signal)request;
    pp_autobuffer struct pp_buffer message = PP_BUFFER_INIT;
    struct pprofc_error err;
    int rc = 0;

    if (signal == PP_SIGNAL_PROFILES)
        rc = make_profiles(upload, &message, &err);
    else
        pp_buffer_append(&message, upload->record->parts[request].bytes,
                         upload->record->parts[request].n_bytes);
    if (message.failed)
        rc = pp_fail(&err, -ENOMEM, 0, "out of memory");
    if (rc != 0) {
        outcome_out->verdict = rc == -ENOMEM ? PP_VERDICT_RETRY : PP_VERDICT_REFUSED;
        (void)snprintf(outcome_out->text, sizeof outcome_out->text, "not sent: %.200s",
                       err.message);
        return;
    }
    pp_otlp_request_send(client, signal, &otlp->settings.signals[signal], &message,
                         upload->is_cancelled, outcome_out);
}

static const struct pp_protocol protocol = {
    .name = "otlp",
    .describe = describe,
    .n_requests = PP_N_SIGNALS,
    .request_name = request_name,
    .is_wanted = is_wanted,
    .send = send_signal,
    .free = free_otlp,
};

/* ---- making it ---- */

static int check_signals(struct otlp *otlp, const struct pp_otlp_options *options,
                         struct pprofc_error *err)
{
    bool chooses = false, is_any_on = false;

    for (int i = 0; i < PP_N_SIGNALS; i++)
        chooses |= options->sends[i];
    for (int i = 0; i < PP_N_SIGNALS; i++) {
        if (chooses && !options->sends[i])
            otlp->settings.signals[i].is_on = false;
        is_any_on |= otlp->settings.signals[i].is_on;
    }
    if (otlp->settings.is_disabled)
        return pp_fail(err, -ECANCELED, 0, "nothing is sent by OTLP: OTEL_SDK_DISABLED is true");
    return is_any_on ? 0
                     : pp_fail(err, -ECANCELED, 0,
                               "nothing is sent by OTLP: OTEL_..._EXPORTER=none for all of it");
}

int pp_otlp_sink_new(const struct pp_otlp_options *options, struct pp_sink **sink_out,
                     struct pprofc_error *err)
{
    struct otlp *otlp = calloc(1, sizeof *otlp);
    struct timespec now;
    int rc = otlp == NULL ? pp_fail(err, -ENOMEM, 0, "cannot prepare sending: out of memory")
                          : pp_otlp_settings_read(&options->wish, &options->upload.teller,
                                                  &otlp->settings, err);

    if (rc != 0) {
        free(otlp);
        return rc;
    }
    otlp->teller = options->upload.teller;
    otlp->hides_command = options->hides_command;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    otlp->start_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    rc = check_signals(otlp, options, err);
    if (rc == 0 && options->service_name != NULL) {
        otlp->service_name = strdup(options->service_name);
        rc = otlp->service_name == NULL
                 ? pp_fail(err, -ENOMEM, 0, "cannot prepare sending: out of memory")
                 : 0;
    }
    if (rc != 0) {
        free_otlp(otlp);
        return rc;
    }
    return pp_uploader_new(&protocol, otlp, &options->upload, sink_out, err);
}
