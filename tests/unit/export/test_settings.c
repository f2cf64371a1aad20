/* OpenTelemetry's variables: which one counts, what a bad one becomes, and that nothing in them
 * gets into a request that does not belong there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/from_environment.h"
#include "export/otlp_settings.h"

extern char **environ;

static int n_lines;

static void count_line(void *context, const char *line)
{
    (void)context, (void)line;
    n_lines++;
}

static const struct pp_teller teller = {count_line, NULL};

static void clear(void)
{
    for (char **entry = environ; *entry != NULL;) {
        if (strncmp(*entry, "OTEL_", 5) == 0) {
            char name[128] = "";
            memcpy(name, *entry, strcspn(*entry, "="));
            assert_int_equal(unsetenv(name), 0);
            entry = environ;
        } else {
            entry++;
        }
    }
    n_lines = 0;
}

/* Pairs of names and values, then NULL. */
static struct pp_otlp_settings settings_of(const char *const *variables,
                                           const struct pp_otlp_wish *wish)
{
    static const struct pp_otlp_wish none;
    struct pp_otlp_settings settings;

    clear();
    for (; variables[0] != NULL; variables += 2)
        assert_int_equal(setenv(variables[0], variables[1], 1), 0);
    assert_int_equal(pp_otlp_settings_read(wish != NULL ? wish : &none, &teller, &settings, NULL),
                     0);
    return settings;
}

/* The address that a signal is sent to, by variables and wish. */
static void test_urls(void **state)
{
    static const struct {
        const char *variables[7];
        struct pp_otlp_wish wish;
        enum pp_signal signal;
        const char *wanted;
        int n_lines;
    } cases[] = {
        {{NULL}, {NULL, NULL}, PP_SIGNAL_METRICS, "http://localhost:4318/v1/metrics", 0},
        {{NULL},
         {NULL, "grpc"},
         PP_SIGNAL_TRACES,
         "http://localhost:4317/opentelemetry.proto.collector.trace.v1.TraceService/Export",
         0},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:1/a//", NULL},
         {NULL, NULL},
         PP_SIGNAL_TRACES,
         "http://h:1/a/v1/traces",
         0},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://h", NULL},
         {NULL, NULL},
         PP_SIGNAL_PROFILES,
         "https://h/v1development/profiles",
         0},
        {{"OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT", "https://h", NULL},
         {NULL, NULL},
         PP_SIGNAL_PROFILES,
         "https://h/",
         0},
        {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h/x?y=1", "OTEL_EXPORTER_OTLP_ENDPOINT",
          "http://g", NULL},
         {NULL, NULL},
         PP_SIGNAL_TRACES,
         "http://h/x?y=1",
         0},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT", "h:4317", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc",
          "OTEL_EXPORTER_OTLP_INSECURE", "true", NULL},
         {NULL, NULL},
         PP_SIGNAL_METRICS,
         "http://h:4317/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
         0},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT", "h:4317", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", NULL},
         {NULL, NULL},
         PP_SIGNAL_METRICS,
         "https://h:4317/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
         0},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT", "h:4318", NULL},
         {NULL, NULL},
         PP_SIGNAL_METRICS,
         "http://localhost:4318/v1/metrics",
         1},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://h", NULL},
         {"grpcs://g:1", NULL},
         PP_SIGNAL_TRACES,
         "https://g:1/opentelemetry.proto.collector.trace.v1.TraceService/Export",
         0},
        {{"OTEL_EXPORTER_OTLP_ENDPOINT", "", NULL},
         {NULL, NULL},
         PP_SIGNAL_METRICS,
         "http://localhost:4318/v1/metrics",
         0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_otlp_settings settings = settings_of(cases[i].variables, &cases[i].wish);
        assert_string_equal(settings.signals[cases[i].signal].url, cases[i].wanted);
        assert_int_equal(n_lines, cases[i].n_lines);
        pp_otlp_settings_done(&settings);
    }
}

/* A signal's own variable goes before the general one, of each kind. */
static void test_own_before_general(void **state)
{
    static const char *const variables[] = {"OTEL_EXPORTER_OTLP_PROTOCOL",
                                            "grpc",
                                            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
                                            "http/json",
                                            "OTEL_EXPORTER_OTLP_TIMEOUT",
                                            "5000",
                                            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
                                            "7",
                                            "OTEL_EXPORTER_OTLP_COMPRESSION",
                                            "gzip",
                                            "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
                                            "none",
                                            "OTEL_EXPORTER_OTLP_CERTIFICATE",
                                            "/ca",
                                            "OTEL_EXPORTER_OTLP_CLIENT_KEY",
                                            "/key",
                                            "OTEL_EXPORTER_OTLP_PROFILES_CLIENT_CERTIFICATE",
                                            "/cert",
                                            "OTEL_TRACES_EXPORTER",
                                            "none",
                                            "OTEL_METRIC_EXPORT_INTERVAL",
                                            "15000",
                                            NULL};
    struct pp_otlp_settings settings = settings_of(variables, NULL);
    const struct pp_otlp_signal *metrics = &settings.signals[PP_SIGNAL_METRICS];
    const struct pp_otlp_signal *traces = &settings.signals[PP_SIGNAL_TRACES];
    const struct pp_otlp_signal *profiles = &settings.signals[PP_SIGNAL_PROFILES];

    (void)state;
    assert_int_equal(metrics->protocol, PP_OTLP_HTTP_JSON);
    assert_int_equal(traces->protocol, PP_OTLP_GRPC);
    assert_int_equal(traces->timeout_ms, 7);
    assert_int_equal(profiles->timeout_ms, 5000);
    assert_false(metrics->is_gzipped);
    assert_true(profiles->is_gzipped);
    assert_string_equal(metrics->tls.ca_file, "/ca");
    assert_string_equal(traces->tls.key_file, "/key");
    assert_string_equal(profiles->tls.certificate_file, "/cert");
    assert_null(traces->tls.certificate_file);
    assert_false(traces->is_on);
    assert_true(profiles->is_on && metrics->is_on);
    assert_true(settings.metric_interval_s == 15);
    assert_int_equal(n_lines, 0);
    pp_otlp_settings_done(&settings);
}

/* Headers are decoded; one that would begin another, or is none, is left out with a line. */
static void test_headers(void **state)
{
    static const char *const good[] = {"OTEL_EXPORTER_OTLP_HEADERS", " a = x%20y ,b=1=2,,c=", NULL};
    static const char *const bad[] = {"OTEL_EXPORTER_OTLP_HEADERS", "a=x%0d%0aevil: 1,b%3A=2,c",
                                      NULL};
    struct pp_otlp_settings settings = settings_of(good, NULL);

    (void)state;
    assert_string_equal(settings.signals[0].headers[0], "a: x y");
    assert_string_equal(settings.signals[0].headers[1], "b: 1=2");
    assert_string_equal(settings.signals[0].headers[2], "c;");
    assert_null(settings.signals[0].headers[3]);
    assert_int_equal(n_lines, 0);
    pp_otlp_settings_done(&settings);
    settings = settings_of(bad, NULL);
    assert_null(settings.signals[0].headers[0]);
    assert_int_equal(n_lines, 1); /* not once a signal */
    pp_otlp_settings_done(&settings);
}

/* 0 milliseconds are no limit. */
static void test_no_limit(void **state)
{
    static const char *const variables[] = {"OTEL_EXPORTER_OTLP_TIMEOUT", "0", NULL};
    struct pp_otlp_settings settings = settings_of(variables, NULL);

    (void)state;
    assert_int_equal(settings.signals[0].timeout_ms, 0);
    assert_int_equal(n_lines, 0);
    pp_otlp_settings_done(&settings);
}

/* Bad values become the defaults, with a line each. */
static void test_bad_values(void **state)
{
    static const char *const variables[] = {"OTEL_EXPORTER_OTLP_PROTOCOL",
                                            "smoke",
                                            "OTEL_EXPORTER_OTLP_TIMEOUT",
                                            "-1",
                                            "OTEL_EXPORTER_OTLP_COMPRESSION",
                                            "zstd",
                                            "OTEL_SDK_DISABLED",
                                            "1",
                                            "OTEL_METRIC_EXPORT_INTERVAL",
                                            "often",
                                            NULL};
    struct pp_otlp_settings settings = settings_of(variables, NULL);

    (void)state;
    assert_int_equal(settings.signals[0].protocol, PP_OTLP_HTTP_PROTOBUF);
    assert_int_equal(settings.signals[0].timeout_ms, 10000);
    assert_false(settings.signals[0].is_gzipped);
    assert_false(settings.is_disabled);
    assert_true(settings.metric_interval_s == 0);
    assert_int_equal(n_lines, 5);
    pp_otlp_settings_done(&settings);
}

/* What a caller asks for and is none is refused. */
static void test_bad_wish(void **state)
{
    static const struct pp_otlp_wish wishes[] = {
        {"h:4318", NULL}, {"http://", NULL}, {"http://a b", NULL},     {NULL, "smoke"},
        {"", NULL},       {"grpc://", NULL}, {"grpc://h", "http/json"}};
    struct pp_otlp_settings settings;
    struct pprofc_error err;

    (void)state;
    clear();
    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++)
        assert_int_equal(pp_otlp_settings_read(&wishes[i], &teller, &settings, &err), -EINVAL);
}

static int make_sinks(const char *list, struct pp_sink **sinks, struct pprofc_error *err)
{
    const struct pp_sinks_wish wish = {.list = list, .teller = teller};

    return pp_sinks_make(&wish, sinks, err);
}

/* PPROFC_EXPORT names the sinks; OTEL_SDK_DISABLED leaves one out with a line; the variables alone
 * make none. */
static void test_sinks(void **state)
{
    struct pp_sink *sinks[PP_MAX_SINKS];
    struct pprofc_error err;

    (void)state;
    clear();
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(make_sinks("", sinks, &err), 0);
    assert_int_equal(make_sinks("otlp,smoke", sinks, &err), -EINVAL);
    assert_int_equal(make_sinks("pyroscope,otlp", sinks, &err), 2);
    assert_string_equal(sinks[0]->name, "otlp");
    for (int i = 0; i < 2; i++)
        sinks[i]->free(sinks[i]);
    assert_int_equal(setenv("OTEL_SDK_DISABLED", "true", 1), 0);
    assert_int_equal(make_sinks("otlp", sinks, &err), 0);
    assert_int_equal(n_lines, 1);
    clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),     cmocka_unit_test(test_own_before_general),
        cmocka_unit_test(test_headers),  cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_bad_wish), cmocka_unit_test(test_sinks),
        cmocka_unit_test(test_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
