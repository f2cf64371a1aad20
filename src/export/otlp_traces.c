/* Source: opentelemetry-proto 1.11, trace/v1/trace.proto; W3C Trace Context, "traceparent". */
#include "export/otlp_traces.h"

#include <string.h>

#include "base/utf8.h"
#include "export/otlp_values.h"
#include "formats/wire.h"
#include "profile/top.h"

enum {
    REQUEST_RESOURCE_SPANS = 1,
    RS_RESOURCE = 1,
    RS_SCOPE_SPANS = 2,
    SS_SCOPE = 1,
    SS_SPANS = 2
};
enum {
    S_TRACE = 1,
    S_SPAN = 2,
    S_PARENT = 4,
    S_NAME = 5,
    S_KIND = 6,
    S_START = 7,
    S_END = 8,
    S_ATTRIBUTES = 9,
    S_LINKS = 13,
};
enum { LINK_TRACE = 1, LINK_SPAN = 2, KIND_INTERNAL = 1 };
enum { MAX_LINKS = 16, MAX_NAME_BYTES = 120 };

static bool read_hex(const char *text, uint8_t *bytes, size_t n_bytes)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t all = 0;

    for (size_t i = 0; i < n_bytes; i++) {
        const char *high = text[2 * i] != '\0' ? strchr(digits, text[2 * i]) : NULL;
        const char *low =
            high != NULL && text[2 * i + 1] != '\0' ? strchr(digits, text[2 * i + 1]) : NULL;
        if (low == NULL)
            return false;
        bytes[i] = (uint8_t)((high - digits) << 4 | (low - digits));
        all |= bytes[i];
    }
    return all != 0;
}

/* Later versions may have more behind the flags. */
bool pp_traceparent_read(const char *header, struct pp_trace_context *context_out)
{
    struct pp_trace_context context;

    if (strlen(header) < 55 || header[2] != '-' || header[35] != '-' || header[52] != '-' ||
        strncmp(header, "ff", 2) == 0)
        return false;
    if (!read_hex(header + 3, context.trace_id, sizeof context.trace_id) ||
        !read_hex(header + 36, context.span_id, sizeof context.span_id))
        return false;
    *context_out = context;
    return true;
}

/* ---- links ---- */

struct links {
    struct pp_trace_context links[MAX_LINKS];
    size_t n;
};

static bool context_of(const struct pprofc_profile *profile, const struct pp_label_set *set,
                       struct pp_trace_context *context_out)
{
    bool has_trace = false, has_span = false;

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        const char *key = pp_profile_chars(profile, label->key);
        const char *text = pp_profile_chars(profile, label->text);
        if (strcmp(key, "trace_id") == 0 && strlen(text) == 32)
            has_trace = read_hex(text, context_out->trace_id, sizeof context_out->trace_id);
        else if (strcmp(key, "span_id") == 0 && strlen(text) == 16)
            has_span = read_hex(text, context_out->span_id, sizeof context_out->span_id);
    }
    return has_trace && has_span;
}

/* Of the label sets that samples have; each once, up to a limit. */
static void find_links(const struct pprofc_profile *profile, struct links *links)
{
    for (uint32_t i = 1; i < profile->n_label_sets && links->n < MAX_LINKS; i++) {
        struct pp_trace_context *link = &links->links[links->n];
        bool is_new = context_of(profile, &profile->label_sets[i], link);
        for (size_t before = 0; before < links->n && is_new; before++)
            is_new = memcmp(&links->links[before], link, sizeof *link) != 0;
        links->n += is_new;
    }
}

static void put_links(struct pp_buffer *out, const struct pprofc_profile *profile)
{
    struct links links = {.n = 0};

    find_links(profile, &links);
    for (size_t i = 0; i < links.n; i++) {
        const size_t begin = pp_wire_begin(out, S_LINKS);
        pp_wire_put_bytes(out, LINK_TRACE, links.links[i].trace_id, sizeof links.links[i].trace_id);
        pp_wire_put_bytes(out, LINK_SPAN, links.links[i].span_id, sizeof links.links[i].span_id);
        pp_wire_end(out, begin);
    }
}

/* ---- the span ---- */

static int64_t n_samples(const struct pprofc_profile *profile)
{
    const int type = pp_profile_count_type(profile, profile->default_type);

    if (profile->quality.is_known && profile->quality.n_samples >= 0)
        return profile->quality.n_samples;
    return type >= 0 && profile->n_types > 0 ? pp_profile_total(profile, (uint32_t)type)
                                             : profile->n_samples;
}

/* The function that most was spent in, by itself. */
static void put_hotspot(struct pp_buffer *out, const struct pprofc_profile *profile)
{
    struct pp_top top;

    if (profile->n_types == 0)
        return;
    if (pp_top_make(profile, profile->default_type, PP_BY_NAME, &top, NULL) != 0) {
        out->failed = true;
        return;
    }
    if (top.n_rows > 0 && top.rows[0].flat > 0)
        pp_otlp_put_short_text(out, S_ATTRIBUTES, "profiling.hotspot", top.rows[0].name,
                               MAX_NAME_BYTES);
    pp_top_done(&top);
}

static void put_name(struct pp_buffer *out, const char *operation)
{
    const size_t begin = pp_wire_begin(out, S_NAME);

    pp_buffer_append(out, "profile:", strlen("profile:"));
    pp_utf8_append(out, operation, strlen(operation));
    pp_wire_end(out, begin);
}

static void put_span(struct pp_buffer *out, const struct pp_resource *resource,
                     const struct pp_export_window *window, const uint8_t *id)
{
    const char *operation = window->operation != NULL ? window->operation : window->kind;
    const char *service = pp_resource_text(resource, "service.name");
    struct pp_trace_context parent;
    const bool has_parent =
        window->traceparent != NULL && pp_traceparent_read(window->traceparent, &parent);
    const size_t begin = pp_wire_begin(out, SS_SPANS);

    pp_wire_put_bytes(out, S_TRACE, has_parent ? parent.trace_id : id, sizeof parent.trace_id);
    pp_wire_put_bytes(out, S_SPAN, id + 8, sizeof parent.span_id);
    if (has_parent)
        pp_wire_put_bytes(out, S_PARENT, parent.span_id, sizeof parent.span_id);
    put_name(out, operation);
    pp_wire_put_integer(out, S_KIND, KIND_INTERNAL);
    pp_wire_put_fixed64(out, S_START, window->begin_ns);
    pp_wire_put_fixed64(out, S_END, window->end_ns);
    pp_otlp_put_text(out, S_ATTRIBUTES, "service.name", service != NULL ? service : "");
    pp_otlp_put_text(out, S_ATTRIBUTES, "profiling.operation", operation);
    pp_otlp_put_text(out, S_ATTRIBUTES, "profiling.kind", window->kind);
    pp_otlp_put_integer(out, S_ATTRIBUTES, "profiling.samples", n_samples(window->profile));
    put_hotspot(out, window->profile);
    put_links(out, window->profile);
    pp_wire_end(out, begin);
}

void pp_otlp_span_put(struct pp_buffer *out, const struct pp_resource *resource,
                      const struct pp_export_window *window, const uint8_t id[PP_WINDOW_ID_BYTES])
{
    const size_t begin = pp_wire_begin(out, REQUEST_RESOURCE_SPANS);
    size_t begin_scope;

    pp_otlp_put_resource(out, RS_RESOURCE, resource);
    begin_scope = pp_wire_begin(out, RS_SCOPE_SPANS);
    pp_otlp_put_scope(out, SS_SCOPE, "distributed-profiling");
    put_span(out, resource, window, id);
    pp_wire_end(out, begin_scope);
    pp_wire_end(out, begin);
}
