/* Lines of /metrics about windows. */
#include "serve/metrics_windows.h"

#include <inttypes.h>

#include "serve/continuous.h"

static void put_state(struct pp_buffer *out, const char *family, const char *sink,
                      const char *state, uint64_t n)
{
    if (sink != NULL)
        pp_buffer_printf(out, "%s_total{sink=\"%s\",state=\"%s\"} %" PRIu64 "\n", family, sink,
                         state, n);
    else
        pp_buffer_printf(out, "%s_total{state=\"%s\"} %" PRIu64 "\n", family, state, n);
}

static void put_sink(struct pp_buffer *out, enum pp_windows_metric metric, const char *sink,
                     const struct pp_sink_facts *facts)
{
    if (metric == PP_METRIC_EXPORTS) {
        put_state(out, "profiling_exported_windows", sink, "done", facts->n_done);
        put_state(out, "profiling_exported_windows", sink, "refused", facts->n_refused);
        put_state(out, "profiling_exported_windows", sink, "dropped", facts->n_dropped);
    } else if (metric == PP_METRIC_EXPORTED_BYTES) {
        pp_buffer_printf(out, "profiling_exported_bytes_total{sink=\"%s\"} %" PRIu64 "\n", sink,
                         facts->bytes_done);
    } else {
        pp_buffer_printf(out, "profiling_export_queue_depth{sink=\"%s\"} %" PRIu64 "\n", sink,
                         facts->n_waiting);
    }
}

void pp_metrics_windows_write(struct pp_service *service, enum pp_windows_metric metric,
                              struct pp_buffer *out)
{
    struct pp_continuous *continuous = pp_continuous_borrow(service);
    struct pp_continuous_facts facts;

    if (continuous == NULL)
        return;
    pp_continuous_look(continuous, &facts);
    pp_continuous_give_back(service);
    if (metric == PP_METRIC_WINDOWS) {
        put_state(out, "profiling_windows", NULL, "made", facts.n_windows);
        put_state(out, "profiling_windows", NULL, "missed", facts.n_missed);
    } else if (metric == PP_METRIC_FLIGHTS) {
        put_state(out, "profiling_flight_bundles", NULL, "written", facts.n_flights);
        put_state(out, "profiling_flight_bundles", NULL, "held_back", facts.n_flights_held_back);
    } else {
        for (uint32_t i = 0; i < facts.n_sinks; i++)
            put_sink(out, metric, facts.sinks[i].name, &facts.sinks[i].facts);
    }
}
