/* Source: opentelemetry-proto 1.11 and its docs/specification.md, "JSON Protobuf Encoding". */
#include "export/otlp_to_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json_writer.h"
#include "formats/wire.h"

enum type { INT64, INT32, BOOL, DOUBLE, STRING, HEX, MESSAGE };

struct message;

struct field {
    uint32_t number;
    enum type type;
    const char *name;
    const struct message *message;
    bool is_repeated;
};

enum { MAX_FIELDS = 14, MAX_DEPTH = 20, MAX_HEX_BYTES = 16 };

struct message {
    struct field fields[MAX_FIELDS]; /* ends at the first without a name */
};

/* ---- the messages ---- */

static const struct message array_value;

static const struct message any_value = {{
    {1, STRING, "stringValue", NULL, false},
    {2, BOOL, "boolValue", NULL, false},
    {3, INT64, "intValue", NULL, false},
    {4, DOUBLE, "doubleValue", NULL, false},
    {5, MESSAGE, "arrayValue", &array_value, false},
    {8, INT32, "stringValueStrindex", NULL, false},
}};
static const struct message array_value = {{{1, MESSAGE, "values", &any_value, true}}};
static const struct message key_value = {{
    {1, STRING, "key", NULL, false},
    {2, MESSAGE, "value", &any_value, false},
    {3, INT32, "keyStrindex", NULL, false},
}};
static const struct message resource = {{{1, MESSAGE, "attributes", &key_value, true}}};
static const struct message scope = {{
    {1, STRING, "name", NULL, false},
    {2, STRING, "version", NULL, false},
    {3, MESSAGE, "attributes", &key_value, true},
}};

static const struct message number_point = {{
    {2, INT64, "startTimeUnixNano", NULL, false},
    {3, INT64, "timeUnixNano", NULL, false},
    {4, DOUBLE, "asDouble", NULL, false},
    {6, INT64, "asInt", NULL, false},
    {7, MESSAGE, "attributes", &key_value, true},
}};
static const struct message gauge = {{{1, MESSAGE, "dataPoints", &number_point, true}}};
static const struct message sum = {{
    {1, MESSAGE, "dataPoints", &number_point, true},
    {2, INT32, "aggregationTemporality", NULL, false},
    {3, BOOL, "isMonotonic", NULL, false},
}};
static const struct message metric = {{
    {1, STRING, "name", NULL, false},
    {2, STRING, "description", NULL, false},
    {3, STRING, "unit", NULL, false},
    {5, MESSAGE, "gauge", &gauge, false},
    {7, MESSAGE, "sum", &sum, false},
}};
static const struct message scope_metrics = {{
    {1, MESSAGE, "scope", &scope, false},
    {2, MESSAGE, "metrics", &metric, true},
}};
static const struct message resource_metrics = {{
    {1, MESSAGE, "resource", &resource, false},
    {2, MESSAGE, "scopeMetrics", &scope_metrics, true},
}};

static const struct message span_link = {{
    {1, HEX, "traceId", NULL, false},
    {2, HEX, "spanId", NULL, false},
}};
static const struct message span = {{
    {1, HEX, "traceId", NULL, false},
    {2, HEX, "spanId", NULL, false},
    {4, HEX, "parentSpanId", NULL, false},
    {5, STRING, "name", NULL, false},
    {6, INT32, "kind", NULL, false},
    {7, INT64, "startTimeUnixNano", NULL, false},
    {8, INT64, "endTimeUnixNano", NULL, false},
    {9, MESSAGE, "attributes", &key_value, true},
    {13, MESSAGE, "links", &span_link, true},
}};
static const struct message scope_spans = {{
    {1, MESSAGE, "scope", &scope, false},
    {2, MESSAGE, "spans", &span, true},
}};
static const struct message resource_spans = {{
    {1, MESSAGE, "resource", &resource, false},
    {2, MESSAGE, "scopeSpans", &scope_spans, true},
}};

static const struct message value_type = {{
    {1, INT32, "typeStrindex", NULL, false},
    {2, INT32, "unitStrindex", NULL, false},
}};
static const struct message sample = {{
    {1, INT32, "stackIndex", NULL, false},
    {2, INT32, "attributeIndices", NULL, true},
    {3, INT32, "linkIndex", NULL, false},
    {4, INT64, "values", NULL, true},
    {5, INT64, "timestampsUnixNano", NULL, true},
}};
static const struct message profile = {{
    {1, MESSAGE, "sampleType", &value_type, false},
    {2, MESSAGE, "samples", &sample, true},
    {3, INT64, "timeUnixNano", NULL, false},
    {4, INT64, "durationNano", NULL, false},
    {5, MESSAGE, "periodType", &value_type, false},
    {6, INT64, "period", NULL, false},
    {7, HEX, "profileId", NULL, false},
    {11, INT32, "attributeIndices", NULL, true},
}};
static const struct message scope_profiles = {{
    {1, MESSAGE, "scope", &scope, false},
    {2, MESSAGE, "profiles", &profile, true},
}};
static const struct message resource_profiles = {{
    {1, MESSAGE, "resource", &resource, false},
    {2, MESSAGE, "scopeProfiles", &scope_profiles, true},
}};
static const struct message mapping = {{
    {1, INT64, "memoryStart", NULL, false},
    {2, INT64, "memoryLimit", NULL, false},
    {3, INT64, "fileOffset", NULL, false},
    {4, INT32, "filenameStrindex", NULL, false},
    {5, INT32, "attributeIndices", NULL, true},
}};
static const struct message line = {{
    {1, INT32, "functionIndex", NULL, false},
    {2, INT64, "line", NULL, false},
}};
static const struct message location = {{
    {1, INT32, "mappingIndex", NULL, false},
    {2, INT64, "address", NULL, false},
    {3, MESSAGE, "lines", &line, true},
    {4, INT32, "attributeIndices", NULL, true},
}};
static const struct message function = {{
    {1, INT32, "nameStrindex", NULL, false},
    {2, INT32, "systemNameStrindex", NULL, false},
    {3, INT32, "filenameStrindex", NULL, false},
    {4, INT64, "startLine", NULL, false},
}};
static const struct message attribute = {{
    {1, INT32, "keyStrindex", NULL, false},
    {2, MESSAGE, "value", &any_value, false},
    {3, INT32, "unitStrindex", NULL, false},
}};
static const struct message stack = {{{1, INT32, "locationIndices", NULL, true}}};
static const struct message dictionary = {{
    {1, MESSAGE, "mappingTable", &mapping, true},
    {2, MESSAGE, "locationTable", &location, true},
    {3, MESSAGE, "functionTable", &function, true},
    {4, MESSAGE, "linkTable", &span_link, true},
    {5, STRING, "stringTable", NULL, true},
    {6, MESSAGE, "attributeTable", &attribute, true},
    {7, MESSAGE, "stackTable", &stack, true},
}};

static const struct message requests[PP_N_SIGNALS] = {
    [PP_SIGNAL_PROFILES] = {{{1, MESSAGE, "resourceProfiles", &resource_profiles, true},
                             {2, MESSAGE, "dictionary", &dictionary, false}}},
    [PP_SIGNAL_METRICS] = {{{1, MESSAGE, "resourceMetrics", &resource_metrics, true}}},
    [PP_SIGNAL_TRACES] = {{{1, MESSAGE, "resourceSpans", &resource_spans, true}}},
};

/* ---- going over one ---- */

static bool put_message(struct pp_json *json, const char *key, const struct message *message,
                        struct pp_wire bytes, int depth);

static void put_integer(struct pp_json *json, const char *key, enum type type, uint64_t value)
{
    char text[24];

    if (type == INT32) {
        pp_json_integer(json, key, (int32_t)value);
        return;
    }
    if (type == BOOL) {
        pp_json_bool(json, key, value != 0);
        return;
    }
    (void)snprintf(text, sizeof text, "%" PRId64, (int64_t)value);
    pp_json_text(json, key, text);
}

static void put_hex(struct pp_json *json, const char *key, struct pp_wire bytes)
{
    char text[2 * MAX_HEX_BYTES + 1] = "";

    for (size_t i = 0; bytes.at < bytes.end && i < MAX_HEX_BYTES; i++, bytes.at++)
        (void)snprintf(text + 2 * i, 3, "%02x", *bytes.at);
    pp_json_text(json, key, text);
}

static bool put_packed(struct pp_json *json, enum type type, struct pp_wire bytes)
{
    uint64_t value;

    while (bytes.at < bytes.end) {
        if (!pp_wire_varint(&bytes, &value))
            return false;
        put_integer(json, NULL, type, value);
    }
    return true;
}

static bool put_value(struct pp_json *json, const char *key, const struct field *field,
                      const struct pp_wire_field *found, int depth)
{
    const bool is_bytes = found->type == PP_WIRE_LEN;
    double number;

    switch (field->type) {
    case INT64:
    case INT32:
    case BOOL:
        if (is_bytes && field->is_repeated)
            return put_packed(json, field->type, found->bytes);
        put_integer(json, key, field->type, found->value);
        return !is_bytes;
    case DOUBLE:
        memcpy(&number, &found->value, sizeof number);
        pp_json_double(json, key, number);
        return found->type == PP_WIRE_I64;
    case STRING:
        if (is_bytes)
            pp_json_bytes(json, key, (const char *)found->bytes.at,
                          (size_t)(found->bytes.end - found->bytes.at));
        return is_bytes;
    case HEX:
        if (is_bytes)
            put_hex(json, key, found->bytes);
        return is_bytes;
    case MESSAGE:
        return is_bytes && put_message(json, key, field->message, found->bytes, depth + 1);
    }
    return false;
}

/* The fields that a message has, as bits. */
static bool find_fields(struct pp_wire bytes, uint32_t *present_out)
{
    struct pp_wire_field found;
    int rc;

    *present_out = 0;
    while ((rc = pp_wire_field(&bytes, &found)) == 1)
        if (found.number < 32)
            *present_out |= UINT32_C(1) << found.number;
    return rc == 0;
}

static bool put_field(struct pp_json *json, const struct field *field, struct pp_wire bytes,
                      int depth)
{
    struct pp_wire_field found;

    if (field->is_repeated)
        pp_json_begin_array(json, field->name);
    while (pp_wire_field(&bytes, &found) == 1) {
        if (found.number == field->number &&
            !put_value(json, field->is_repeated ? NULL : field->name, field, &found, depth))
            return false;
    }
    if (field->is_repeated)
        pp_json_end_array(json);
    return true;
}

static bool put_message(struct pp_json *json, const char *key, const struct message *message,
                        struct pp_wire bytes, int depth)
{
    uint32_t present;

    if (depth > MAX_DEPTH || !find_fields(bytes, &present))
        return false;
    pp_json_begin_object(json, key);
    for (size_t i = 0; i < MAX_FIELDS && message->fields[i].name != NULL; i++) {
        const struct field *field = &message->fields[i];
        if ((present >> field->number & 1) != 0 && !put_field(json, field, bytes, depth))
            return false;
    }
    pp_json_end_object(json);
    return true;
}

int pp_otlp_to_json(enum pp_signal signal, const void *bytes, size_t n_bytes, struct pp_buffer *out)
{
    struct pp_json json = {.out = out};
    const bool is_whole =
        put_message(&json, NULL, &requests[signal], pp_wire_of(bytes, n_bytes), 0);

    if (out->failed)
        return -ENOMEM;
    return is_whole ? 0 : -EBADMSG;
}
