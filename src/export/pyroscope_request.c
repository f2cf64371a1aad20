/* Source: Grafana Pyroscope's server API ("Ingestion"), and what its own client pyroscope-go 1.4
 * sends; tests/end_to_end/test_pyroscope.py compares the two. */
#include "export/pyroscope_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { MOST_VALUE_BYTES = 200, DEFAULT_HZ = 100 };

static const struct {
    const char *kind, *config;
} configs[] = {
    {"heap", "{\"alloc_objects\":{\"units\":\"objects\"},\"alloc_space\":{\"units\":\"bytes\"},"
             "\"inuse_objects\":{\"units\":\"objects\",\"aggregation\":\"average\"},"
             "\"inuse_space\":{\"units\":\"bytes\",\"aggregation\":\"average\"}}"},
    {"lock", "{\"contentions\":{\"units\":\"lock_samples\",\"display-name\":\"mutex_count\"},"
             "\"delay\":{\"units\":\"lock_nanoseconds\",\"display-name\":\"mutex_duration\"},"
             "\"holder_contentions\":{\"units\":\"lock_samples\","
             "\"display-name\":\"mutex_holder_count\"},"
             "\"holder_delay\":{\"units\":\"lock_nanoseconds\","
             "\"display-name\":\"mutex_holder_duration\"}}"},
};

const char *pp_pyroscope_type_config(const char *kind)
{
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++)
        if (strcmp(configs[i].kind, kind) == 0)
            return configs[i].config;
    return NULL;
}

/* ---- name{labels} ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Everything but letters, digits and _ becomes _, and a digit comes second at the earliest: another
 * name is answered 400. */
static void put_label_name(struct pp_buffer *out, const char *name)
{
    if (is_digit(name[0]))
        pp_buffer_append(out, "_", 1);
    for (; *name != '\0'; name++)
        pp_buffer_append(out, is_letter(*name) || is_digit(*name) ? name : "_", 1);
}

/* What parts names from values cannot be in one; there is no escape for it. */
static void put_label_value(struct pp_buffer *out, const char *value)
{
    size_t n_bytes = strnlen(value, MOST_VALUE_BYTES);

    for (size_t i = 0; i < n_bytes;) {
        const size_t n_char = pp_utf8_length(value + i, n_bytes - i);
        const bool is_bad =
            n_char == 0 || (unsigned char)value[i] < ' ' || strchr(",={}\"", value[i]) != NULL;
        pp_buffer_append(out, is_bad ? "_" : value + i, is_bad ? 1 : n_char);
        i += n_char == 0 ? 1 : n_char;
    }
}

static void put_label(struct pp_buffer *out, bool *is_first, const char *name, const char *value)
{
    pp_buffer_append(out, *is_first ? "{" : ",", 1);
    *is_first = false;
    put_label_name(out, name);
    pp_buffer_append(out, "=", 1);
    put_label_value(out, value);
}

/* Labels are indexed for ever: those that the user gave, and of ours the machine's. A pid would be
 * a new series each run. */
static void put_name(struct pp_buffer *out, const struct pp_resource *resource)
{
    const char *service = pp_resource_text(resource, "service.name");
    const char *host = pp_resource_text(resource, "host.name");
    const char *instance = pp_resource_text(resource, "service.instance.id");
    bool is_first = true;

    put_label_value(out, service != NULL ? service : "unknown_service");
    if (instance != NULL)
        put_label(out, &is_first, "__session_id__", instance);
    if (host != NULL)
        put_label(out, &is_first, "hostname", host);
    for (size_t i = 0; i < resource->n_given; i++) {
        const struct pp_attribute *attribute = &resource->attributes[i];
        if (strcmp(attribute->key, "service.name") != 0 && attribute->text != NULL)
            put_label(out, &is_first, attribute->key, attribute->text);
    }
    if (!is_first)
        pp_buffer_append(out, "}", 1);
}

/* ---- the query ---- */

static void put_encoded(struct pp_buffer *out, const struct pp_buffer *text)
{
    for (size_t i = 0; i < text->n_bytes; i++) {
        const char c = text->bytes[i];
        if (is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '~')
            pp_buffer_append(out, &c, 1);
        else
            pp_buffer_printf(out, "%%%02X", (unsigned char)c);
    }
}

void pp_pyroscope_put_query(struct pp_buffer *out, const struct pp_resource *resource,
                            const struct pp_export_window *window)
{
    const double asked_hz = window->profile->quality.asked_hz;
    pp_autobuffer struct pp_buffer name = PP_BUFFER_INIT;

    put_name(&name, resource);
    pp_buffer_text(out, "name=");
    put_encoded(out, &name);
    pp_buffer_printf(out, "&from=%" PRIu64 "&until=%" PRIu64 "&sampleRate=%ld&spyName=pprofc",
                     window->begin_ns, window->end_ns,
                     asked_hz >= 1 && asked_hz < 1e6 ? (long)asked_hz : (long)DEFAULT_HZ);
    if (pp_pyroscope_type_config(window->kind) == NULL)
        pp_buffer_text(out, "&units=samples&aggregationType=sum&format=pprof");
    out->failed |= name.failed || resource->failed;
}

/* ---- a series ---- */

/* /ingest makes a name of the sample types: "wait" would be one of its own, and what has "cpu" in
 * it becomes process_cpu. */
bool pp_pyroscope_is_named(const char *kind)
{
    return strcmp(kind, "offcpu") == 0;
}

static void put_json_label(struct pp_buffer *out, const char *name, const char *value)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;

    pp_buffer_text(out, ",{\"name\":\"");
    put_label_name(out, name);
    pp_buffer_text(out, "\",\"value\":\"");
    put_label_value(&text, value);
    for (size_t i = 0; i < text.n_bytes; i++) {
        if (text.bytes[i] == '\\')
            pp_buffer_append(out, "\\", 1);
        pp_buffer_append(out, &text.bytes[i], 1);
    }
    pp_buffer_text(out, "\"}");
    out->failed |= text.failed;
}

void pp_pyroscope_put_series(struct pp_buffer *out, const struct pp_resource *resource,
                             const struct pp_export_window *window)
{
    const char *service = pp_resource_text(resource, "service.name");
    const char *host = pp_resource_text(resource, "host.name");
    const char *instance = pp_resource_text(resource, "service.instance.id");

    pp_buffer_printf(out, "{\"series\":[{\"labels\":[{\"name\":\"__name__\",\"value\":\"%s\"}",
                     window->kind);
    put_json_label(out, "service_name", service != NULL ? service : "unknown_service");
    put_json_label(out, "pyroscope_spy", "pprofc");
    if (instance != NULL)
        put_json_label(out, "__session_id__", instance);
    if (host != NULL)
        put_json_label(out, "hostname", host);
    for (size_t i = 0; i < resource->n_given; i++) {
        const struct pp_attribute *attribute = &resource->attributes[i];
        if (strcmp(attribute->key, "service.name") != 0 && attribute->text != NULL)
            put_json_label(out, attribute->key, attribute->text);
    }
    pp_buffer_text(out, "],\"samples\":[{");
    out->failed |= resource->failed;
}

void pp_pyroscope_put_sample(struct pp_buffer *out, const uint8_t id[16], const void *gz,
                             size_t n_bytes)
{
    pp_buffer_text(out, "\"ID\":\"");
    for (size_t i = 0; i < 16; i++)
        pp_buffer_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
    pp_buffer_text(out, "\",\"rawProfile\":\"");
    pp_base64_append(out, gz, n_bytes);
    pp_buffer_text(out, "\"}]}]}");
}

/* ---- the form ---- */

static void put_part(struct pp_buffer *out, const char *boundary, const char *name,
                     const char *file_name, const char *type)
{
    pp_buffer_printf(out,
                     "--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\n"
                     "Content-Type: %s\r\n\r\n",
                     boundary, name, file_name, type);
}

void pp_pyroscope_put_form(struct pp_buffer *out, const char *boundary, const void *gz,
                           size_t n_bytes, const char *config)
{
    put_part(out, boundary, "profile", "profile.pprof", "application/octet-stream");
    pp_buffer_append(out, gz, n_bytes);
    pp_buffer_text(out, "\r\n");
    put_part(out, boundary, "sample_type_config", "sample_type_config.json",
             "application/octet-stream");
    pp_buffer_text(out, config);
    pp_buffer_printf(out, "\r\n--%s--\r\n", boundary);
}
