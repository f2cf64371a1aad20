/* Reading OpenTelemetry's variables. */
#include "export/otlp_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "export/pairs.h"

enum { DEFAULT_TIMEOUT_MS = 10000, NAME_BYTES = 64, MOST_LINES = 16 };

static const struct {
    const char *name, *variable, *path, *service;
} signals[PP_N_SIGNALS] = {
    [PP_SIGNAL_PROFILES] = {"profiles", "PROFILES", "/v1development/profiles",
                            "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/"
                            "Export"},
    [PP_SIGNAL_METRICS] = {"metrics", "METRICS", "/v1/metrics",
                           "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"},
    [PP_SIGNAL_TRACES] = {"traces", "TRACES", "/v1/traces",
                          "/opentelemetry.proto.collector.trace.v1.TraceService/Export"},
};

static const char *const protocol_names[] = {
    [PP_OTLP_HTTP_PROTOBUF] = "http/protobuf",
    [PP_OTLP_HTTP_JSON] = "http/json",
    [PP_OTLP_GRPC] = "grpc",
};

struct reading {
    struct pp_otlp_settings *settings;
    const struct pp_otlp_wish *wish;
    const struct pp_teller *teller;
    const struct pp_teller *listener; /* behind it: hears each line once */
    const char *lines[MOST_LINES];
    size_t n_lines;
    enum pp_signal signal;
    bool failed; /* no memory */
};

/* A general variable is read for each signal. */
static void tell_once(void *context, const char *line)
{
    struct reading *reading = context;
    const char *kept;

    for (size_t i = 0; i < reading->n_lines; i++)
        if (strcmp(reading->lines[i], line) == 0)
            return;
    kept = pp_arena_copy(&reading->settings->arena, line, strlen(line));
    if (kept != NULL && reading->n_lines < MOST_LINES)
        reading->lines[reading->n_lines++] = kept;
    pp_tell(reading->listener, "%s", line);
}

const char *pp_signal_name(enum pp_signal signal)
{
    return signals[signal].name;
}

const char *pp_otlp_protocol_name(enum pp_otlp_protocol protocol)
{
    return protocol_names[protocol];
}

static const char *keep(struct reading *reading, const char *text)
{
    const char *kept = pp_arena_copy(&reading->settings->arena, text, strlen(text));

    reading->failed |= kept == NULL;
    return kept;
}

/* An empty variable counts as one that is not set.  Not under setuid. */
static const char *variable(const char *name)
{
    const char *value = secure_getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, else OTEL_EXPORTER_OTLP_TIMEOUT; 'name' is the one found. */
static const char *of_signal(const struct reading *reading, const char *what, char *name,
                             bool *is_own_out)
{
    const char *value;

    (void)snprintf(name, NAME_BYTES, "OTEL_EXPORTER_OTLP_%s_%s", signals[reading->signal].variable,
                   what);
    value = variable(name);
    if (is_own_out != NULL)
        *is_own_out = value != NULL;
    if (value != NULL)
        return value;
    (void)snprintf(name, NAME_BYTES, "OTEL_EXPORTER_OTLP_%s", what);
    return variable(name);
}

static bool is_word(const char *value, const char *word)
{
    return strcasecmp(value, word) == 0;
}

static bool read_flag(const struct reading *reading, const char *name, const char *value)
{
    if (is_word(value, "true"))
        return true;
    if (!is_word(value, "false"))
        pp_tell(reading->teller, "%s=%s is neither true nor false; it counts as false", name,
                value);
    return false;
}

/* ---- protocol and address ---- */

static int find_protocol(const char *name)
{
    for (int i = 0; i < (int)(sizeof protocol_names / sizeof protocol_names[0]); i++)
        if (strcmp(protocol_names[i], name) == 0)
            return i;
    return -1;
}

static bool is_grpc_url(const char *endpoint)
{
    return strncasecmp(endpoint, "grpc://", 7) == 0 || strncasecmp(endpoint, "grpcs://", 8) == 0;
}

static enum pp_otlp_protocol read_protocol(const struct reading *reading)
{
    char name[NAME_BYTES];
    const char *value = reading->wish->protocol;
    int found;

    if (value == NULL && reading->wish->endpoint != NULL && is_grpc_url(reading->wish->endpoint))
        return PP_OTLP_GRPC;
    if (value == NULL)
        value = of_signal(reading, "PROTOCOL", name, NULL);
    if (value == NULL)
        return PP_OTLP_HTTP_PROTOBUF;
    found = find_protocol(value);
    if (found < 0)
        pp_tell(reading->teller,
                "%s=%s is none of grpc, http/protobuf and http/json; http/protobuf is taken", name,
                value);
    return found < 0 ? PP_OTLP_HTTP_PROTOBUF : (enum pp_otlp_protocol)found;
}

static bool is_http(const char *url)
{
    const char *host = strstr(url, "://");

    return (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0) &&
           host[3] != '\0' && host[3] != '/' && strpbrk(url, " \t\r\n") == NULL;
}

/* The address with its scheme and host alone. */
static size_t n_host_chars(const char *url)
{
    const char *host = strstr(url, "://") + 3;

    return (size_t)(host - url) + strcspn(host, "/?#");
}

/* grpc://, grpcs:// and, for gRPC, no scheme at all; OTEL_EXPORTER_OTLP_INSECURE is for the last.
 */
static void put_base(struct reading *reading, const char *given, bool is_grpc,
                     struct pp_buffer *url)
{
    char name[NAME_BYTES];
    const char *insecure;

    if (is_grpc_url(given)) {
        pp_buffer_text(url, "http");
        pp_buffer_text(url, given + 4);
        return;
    }
    if (is_grpc && strstr(given, "://") == NULL) {
        insecure = of_signal(reading, "INSECURE", name, NULL);
        pp_buffer_text(url, insecure != NULL && read_flag(reading, name, insecure) ? "http://"
                                                                                   : "https://");
    }
    pp_buffer_text(url, given);
}

/* The path of the signal behind a general address; an address of the signal is used as it is. */
static void put_path(const struct reading *reading, bool is_grpc, bool is_own,
                     struct pp_buffer *url)
{
    const size_t n_host = n_host_chars(url->bytes);

    if (is_grpc) {
        url->n_bytes = n_host;
        pp_buffer_text(url, signals[reading->signal].service);
        return;
    }
    if (is_own) {
        if (url->bytes[n_host] == '\0')
            pp_buffer_text(url, "/");
        return;
    }
    while (url->n_bytes > n_host && url->bytes[url->n_bytes - 1] == '/')
        url->n_bytes--;
    pp_buffer_text(url, signals[reading->signal].path);
}

static void read_url(struct reading *reading, struct pp_otlp_signal *signal)
{
    const bool is_grpc = signal->protocol == PP_OTLP_GRPC;
    const char *const by_default = is_grpc ? "http://localhost:4317" : "http://localhost:4318";
    pp_autobuffer struct pp_buffer url = PP_BUFFER_INIT;
    char name[NAME_BYTES];
    bool is_own = false;
    const char *given = reading->wish->endpoint;

    if (given == NULL)
        given = of_signal(reading, "ENDPOINT", name, &is_own);
    put_base(reading, given != NULL ? given : by_default, is_grpc, &url);
    if (!url.failed && !is_http(url.bytes)) {
        pp_tell(reading->teller, "%s=%s is no http:// or https:// address; %s is taken", name,
                given, by_default);
        is_own = false;
        url.n_bytes = 0;
        pp_buffer_text(&url, by_default);
    }
    if (!url.failed)
        put_path(reading, is_grpc, is_own, &url);
    reading->failed |= url.failed;
    signal->url = url.failed ? NULL : keep(reading, url.bytes);
}

/* ---- the rest ---- */

struct headers {
    struct reading *reading;
    struct pp_otlp_signal *signal;
    size_t n;
    bool is_bad;
};

/* Nothing in them may begin another header. */
static void take_header(void *context, const char *key, const char *value)
{
    struct headers *headers = context;
    pp_autobuffer struct pp_buffer line = PP_BUFFER_INIT;

    for (const char *at = key; *at != '\0'; at++)
        headers->is_bad |= *at <= ' ' || *at == ':' || *at == 0x7f;
    for (const char *at = value; *at != '\0'; at++)
        headers->is_bad |= (unsigned char)*at < ' ' && *at != '\t';
    if (headers->is_bad || headers->n == PP_OTLP_MAX_HEADERS) {
        headers->is_bad = true;
        return;
    }
    pp_buffer_printf(&line, value[0] != '\0' ? "%s: %s" : "%s;", key, value); /* libcurl's */
    headers->reading->failed |= line.failed;
    if (!line.failed)
        headers->signal->headers[headers->n++] = keep(headers->reading, line.bytes);
}

static void read_headers(struct reading *reading, struct pp_otlp_signal *signal)
{
    struct headers headers = {reading, signal, 0, false};
    char name[NAME_BYTES];
    const char *value = of_signal(reading, "HEADERS", name, NULL);
    int rc;

    if (value == NULL)
        return;
    rc = pp_pairs_read(value, take_header, &headers);
    reading->failed |= rc == -ENOMEM;
    if (rc == -EINVAL || headers.is_bad) /* without the value: it may hold secrets */
        pp_tell(reading->teller,
                "%s is not a list of name=value; what is none of its pairs is left out", name);
}

static long read_timeout(const struct reading *reading)
{
    char name[NAME_BYTES];
    const char *value = of_signal(reading, "TIMEOUT", name, NULL);
    int64_t timeout_ms;

    if (value == NULL)
        return DEFAULT_TIMEOUT_MS;
    if (pp_parse_int64(value, strlen(value), &timeout_ms) && timeout_ms >= 0 &&
        timeout_ms <= INT32_MAX)
        return (long)timeout_ms;
    pp_tell(reading->teller, "%s=%s is no number of milliseconds; %d are taken", name, value,
            DEFAULT_TIMEOUT_MS);
    return DEFAULT_TIMEOUT_MS;
}

static bool read_compression(const struct reading *reading)
{
    char name[NAME_BYTES];
    const char *value = of_signal(reading, "COMPRESSION", name, NULL);

    if (value != NULL && strcmp(value, "gzip") != 0 && strcmp(value, "none") != 0)
        pp_tell(reading->teller, "%s=%s is neither gzip nor none; none is taken", name, value);
    return value != NULL && strcmp(value, "gzip") == 0;
}

static const char *read_file(struct reading *reading, const char *what)
{
    char name[NAME_BYTES];
    const char *value = of_signal(reading, what, name, NULL);

    return value != NULL ? keep(reading, value) : NULL;
}

static bool is_wanted(const struct reading *reading)
{
    char name[NAME_BYTES];
    const char *value;

    (void)snprintf(name, sizeof name, "OTEL_%s_EXPORTER", signals[reading->signal].variable);
    value = variable(name);
    return value == NULL || strcmp(value, "none") != 0;
}

static void read_signal(struct reading *reading)
{
    struct pp_otlp_signal *signal = &reading->settings->signals[reading->signal];

    signal->is_on = is_wanted(reading);
    signal->protocol = read_protocol(reading);
    read_url(reading, signal);
    read_headers(reading, signal);
    signal->timeout_ms = read_timeout(reading);
    signal->is_gzipped = read_compression(reading);
    signal->tls.ca_file = read_file(reading, "CERTIFICATE");
    signal->tls.certificate_file = read_file(reading, "CLIENT_CERTIFICATE");
    signal->tls.key_file = read_file(reading, "CLIENT_KEY");
}

static double read_interval(const struct reading *reading)
{
    static const char name[] = "OTEL_METRIC_EXPORT_INTERVAL";
    const char *value = variable(name);
    int64_t interval_ms;

    if (value == NULL)
        return 0;
    if (pp_parse_int64(value, strlen(value), &interval_ms) && interval_ms > 0)
        return (double)interval_ms / 1000;
    pp_tell(reading->teller, "%s=%s is no number of milliseconds; metrics go with each window",
            name, value);
    return 0;
}

static int check_wish(const struct pp_otlp_wish *wish, struct pprofc_error *err)
{
    const bool is_grpc = wish->protocol != NULL && strcmp(wish->protocol, "grpc") == 0;

    if (wish->protocol != NULL && find_protocol(wish->protocol) < 0)
        return pp_fail(err, -EINVAL, 0,
                       "'%s' is no protocol of OTLP: there are grpc, http/protobuf and http/json",
                       wish->protocol);
    if (wish->endpoint == NULL || is_http(wish->endpoint) ||
        (is_grpc && strstr(wish->endpoint, "://") == NULL && wish->endpoint[0] != '\0'))
        return 0;
    if (!is_grpc_url(wish->endpoint) || strstr(wish->endpoint, "://")[3] == '\0')
        return pp_fail(err, -EINVAL, 0,
                       "'%s' is no address: give http://HOST:4318, https://.. or grpc://HOST:4317",
                       wish->endpoint);
    return wish->protocol == NULL || is_grpc
               ? 0
               : pp_fail(err, -EINVAL, 0, "'%s' is an address of gRPC, not of %s", wish->endpoint,
                         wish->protocol);
}

int pp_otlp_settings_read(const struct pp_otlp_wish *wish, const struct pp_teller *teller,
                          struct pp_otlp_settings *settings_out, struct pprofc_error *err)
{
    struct pp_otlp_settings settings = {.is_disabled = false};
    struct reading reading = {.settings = &settings, .wish = wish, .listener = teller};
    const struct pp_teller once = {tell_once, &reading};
    const char *disabled = variable("OTEL_SDK_DISABLED");
    const int rc = check_wish(wish, err);

    if (rc != 0)
        return rc;
    reading.teller = &once;
    settings.is_disabled = disabled != NULL && read_flag(&reading, "OTEL_SDK_DISABLED", disabled);
    settings.metric_interval_s = read_interval(&reading);
    for (int signal = 0; signal < PP_N_SIGNALS; signal++) {
        reading.signal = (enum pp_signal)signal;
        read_signal(&reading);
    }
    if (reading.failed) {
        pp_otlp_settings_done(&settings);
        return pp_fail(err, -ENOMEM, 0, "cannot prepare sending by OTLP: out of memory");
    }
    *settings_out = settings;
    return 0;
}

void pp_otlp_settings_done(struct pp_otlp_settings *settings)
{
    pp_arena_done(&settings->arena);
}
