/* Where OTLP goes and how, from OpenTelemetry's variables ("OpenTelemetry Protocol Exporter" and
 * "Environment Variable Specification"): the general ones, and those of a signal before them.  The
 * profiles' are by analogy, OTEL_EXPORTER_OTLP_PROFILES_..: the specification has none yet. */
#ifndef PP_EXPORT_OTLP_SETTINGS_H
#define PP_EXPORT_OTLP_SETTINGS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "export/http_client.h"
#include "export/teller.h"

enum pp_signal { PP_SIGNAL_PROFILES, PP_SIGNAL_METRICS, PP_SIGNAL_TRACES, PP_N_SIGNALS };

enum pp_otlp_protocol { PP_OTLP_HTTP_PROTOBUF, PP_OTLP_HTTP_JSON, PP_OTLP_GRPC };

enum { PP_OTLP_MAX_HEADERS = 32 };

struct pp_otlp_signal {
    bool is_on;
    enum pp_otlp_protocol protocol;
    const char *url;                              /* with its path */
    const char *headers[PP_OTLP_MAX_HEADERS + 1]; /* "Name: value", NULL-terminated */
    long timeout_ms;                              /* 0: no limit */
    bool is_gzipped;
    struct pp_http_tls tls;
};

struct pp_otlp_settings {
    struct pp_arena arena; /* owns the texts */
    bool is_disabled;      /* OTEL_SDK_DISABLED */
    struct pp_otlp_signal signals[PP_N_SIGNALS];
    double metric_interval_s; /* 0: with each window */
};

/* What was said on the command line or by a caller, before the variables; NULL: nothing. */
struct pp_otlp_wish {
    const char *endpoint; /* as OTEL_EXPORTER_OTLP_ENDPOINT, or grpc:// and grpcs:// */
    const char *protocol; /* "grpc", "http/protobuf", "http/json" */
};

const char *pp_signal_name(enum pp_signal signal); /* "profiles" */
const char *pp_otlp_protocol_name(enum pp_otlp_protocol protocol);

/* A bad value of a variable is told in one line and the default taken.  -EINVAL for a bad wish;
 * -ENOMEM. */
int pp_otlp_settings_read(const struct pp_otlp_wish *wish, const struct pp_teller *teller,
                          struct pp_otlp_settings *settings_out, struct pprofc_error *err);
void pp_otlp_settings_done(struct pp_otlp_settings *settings);

#endif
