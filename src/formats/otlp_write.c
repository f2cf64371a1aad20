/* Writing OTLP profiles: one Profile for each sample type, all over one dictionary, so that the
 * same stacks stand there once.  The same profile gives the same bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/formats.h"
#include "formats/otlp_writer.h"
#include "formats/pprof.h"
#include "formats/wire.h"

static void writer_done(struct pp_otlp_writer *writer)
{
    pp_slice_sums_done(&writer->sums);
    pp_otlp_tables_done(&writer->tables);
    free(writer->strings);
    free(writer->mappings);
    free(writer->functions);
    free(writer->locations);
    free(writer->stacks);
    pp_buffer_done(&writer->message);
    pp_buffer_done(&writer->stack);
    pp_buffer_done(&writer->labels);
}

/* ---- labels ---- */

/* Lower-case hexadecimal of that many bytes, not all zero. */
static bool read_id(const char *text, size_t n_bytes, unsigned char *bytes)
{
    static const char digits[] = "0123456789abcdef";
    bool is_zero = true;

    if (strlen(text) != 2 * n_bytes)
        return false;
    for (size_t i = 0; i < n_bytes; i++) {
        const char *high = strchr(digits, text[2 * i]), *low = strchr(digits, text[2 * i + 1]);
        if (high == NULL || low == NULL)
            return false;
        bytes[i] = (unsigned char)((high - digits) << 4 | (low - digits));
        is_zero &= bytes[i] == 0;
    }
    return !is_zero;
}

/* A trace and a span of it are a link. */
static uint32_t link_index(struct pp_otlp_writer *writer, const struct pp_label_set *set)
{
    const struct pprofc_profile *profile = writer->profile;
    unsigned char trace[PP_OTLP_TRACE_BYTES], span[PP_OTLP_SPAN_BYTES];
    struct pp_buffer *message = &writer->message;
    int n_traces = 0, n_spans = 0;

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        const char *key = profile->strings[label->key], *text = profile->strings[label->text];
        if (strcmp(key, "trace_id") == 0)
            n_traces += read_id(text, sizeof trace, trace) ? 1 : 2;
        else if (strcmp(key, "span_id") == 0)
            n_spans += read_id(text, sizeof span, span) ? 1 : 2;
    }
    if (n_traces != 1 || n_spans != 1)
        return 0;
    message->n_bytes = 0;
    pp_wire_put_bytes(message, PP_OTLP_LINK_TRACE, trace, sizeof trace);
    pp_wire_put_bytes(message, PP_OTLP_LINK_SPAN, span, sizeof span);
    return pp_otlp_writer_message(writer, PP_OTLP_LINKS, 0, NULL);
}

static uint32_t label_attribute(struct pp_otlp_writer *writer, const struct pp_label *label)
{
    const struct pprofc_profile *profile = writer->profile;
    const char *key = profile->strings[label->key];

    if (strcmp(key, "thread_name") == 0)
        key = "thread.name";
    else if (strcmp(key, "thread_id") == 0)
        key = "thread.id";
    return label->text != 0 ? pp_otlp_writer_text(writer, key, label->text)
                            : pp_otlp_intern_number(&writer->tables, key, label->number,
                                                    profile->strings[label->unit]);
}

/* The fields of a sample that its labels are. */
static void make_labels(struct pp_otlp_writer *writer, pp_id labels)
{
    const struct pprofc_profile *profile = writer->profile;
    const struct pp_label_set *set = &profile->label_sets[labels];
    const uint32_t link = link_index(writer, set);
    size_t begin;

    writer->labels.n_bytes = 0;
    writer->labels_of = labels;
    begin = pp_wire_begin(&writer->labels, PP_OTLP_S_ATTRIBUTES);
    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        const char *key = profile->strings[label->key];
        if (link == 0 || (strcmp(key, "trace_id") != 0 && strcmp(key, "span_id") != 0))
            pp_wire_put_varint(&writer->labels, label_attribute(writer, label));
    }
    pp_wire_end(&writer->labels, begin);
    pp_wire_put_integer(&writer->labels, PP_OTLP_S_LINK, link);
    writer->failed |= writer->labels.failed;
}

/* ---- profiles ---- */

static void put_samples(struct pp_otlp_writer *writer, uint32_t type, struct pp_buffer *out)
{
    const struct pprofc_profile *profile = writer->profile;

    for (uint32_t i = 0; i < writer->sums.n_sums && !writer->failed; i++) {
        const int64_t value = writer->sums.values[(size_t)i * profile->n_types + type];
        const pp_id labels = profile->sample_labels[writer->sums.first[i]];
        const uint32_t stack =
            value != 0 ? pp_otlp_writer_stack(writer, profile->sample_stack[writer->sums.first[i]])
                       : 0;
        size_t begin, packed;
        if (value == 0)
            continue;
        if (labels != 0 && labels != writer->labels_of)
            make_labels(writer, labels);
        begin = pp_wire_begin(out, PP_OTLP_P_SAMPLES);
        pp_wire_put_integer(out, PP_OTLP_S_STACK, stack);
        if (labels != 0)
            pp_buffer_append(out, writer->labels.bytes, writer->labels.n_bytes);
        packed = pp_wire_begin(out, PP_OTLP_S_VALUES);
        pp_wire_put_varint(out, (uint64_t)value);
        pp_wire_end(out, packed);
        pp_wire_end(out, begin);
    }
}

/* The names that OpenTelemetry's protocol and other senders have for what pprof calls otherwise. */
static uint32_t type_index(struct pp_otlp_writer *writer, pp_id type)
{
    static const struct {
        const char *ours, *common;
    } names[] = {
        {"alloc_objects", "allocated_objects"},
        {"alloc_space", "allocated_space"},
        {"inuse_objects", "in_use_objects"},
        {"inuse_space", "in_use_space"},
        {"wait", "off_cpu"},
    };
    const char *name = writer->profile->strings[type];

    for (size_t i = 0; writer->origin.has_common_names && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i].ours) == 0)
            return pp_otlp_intern_string(&writer->tables, names[i].common, strlen(names[i].common));
    return pp_otlp_writer_string(writer, type);
}

static void put_type(struct pp_otlp_writer *writer, uint32_t field,
                     const struct pp_value_type *type, struct pp_buffer *out)
{
    const size_t begin = pp_wire_begin(out, field);

    pp_wire_put_integer(out, PP_OTLP_VT_TYPE, type_index(writer, type->type));
    pp_wire_put_integer(out, PP_OTLP_VT_UNIT, pp_otlp_writer_string(writer, type->unit));
    pp_wire_end(out, begin);
}

/* Each sample type is a profile of its own. */
static void put_id(const struct pp_otlp_writer *writer, uint32_t type, struct pp_buffer *out)
{
    unsigned char id[PP_OTLP_ID_BYTES];

    if (writer->origin.id == NULL)
        return;
    memcpy(id, writer->origin.id, sizeof id);
    id[sizeof id - 1] ^= (unsigned char)type;
    pp_wire_put_bytes(out, PP_OTLP_P_ID, id, sizeof id);
}

static void put_profile(struct pp_otlp_writer *writer, uint32_t type,
                        const struct pp_buffer *attributes, struct pp_buffer *out)
{
    const struct pprofc_profile *profile = writer->profile;
    const size_t begin = pp_wire_begin(out, PP_OTLP_SP_PROFILES);

    put_type(writer, PP_OTLP_P_SAMPLE_TYPE, &profile->types[type], out);
    put_samples(writer, type, out);
    pp_wire_put_fixed64(
        out, PP_OTLP_P_TIME,
        (uint64_t)(profile->time_ns != 0 ? profile->time_ns : writer->origin.time_ns));
    pp_wire_put_integer(
        out, PP_OTLP_P_DURATION,
        (uint64_t)(profile->duration_ns != 0 ? profile->duration_ns : writer->origin.duration_ns));
    put_type(writer, PP_OTLP_P_PERIOD_TYPE, &profile->period_type, out);
    pp_wire_put_integer(out, PP_OTLP_P_PERIOD, (uint64_t)profile->period);
    put_id(writer, type, out);
    if (attributes->n_bytes > 0)
        pp_wire_put_bytes(out, PP_OTLP_P_ATTRIBUTES, attributes->bytes, attributes->n_bytes);
    pp_wire_end(out, begin);
}

static void put_comment(void *context, const char *comment)
{
    struct pp_buffer *values = context;

    if (comment == NULL)
        values->failed = true;
    else
        pp_otlp_put_text_value(values, PP_OTLP_ARRAY_VALUES, comment, strlen(comment));
}

/* What pprof has fields for and OTLP has not: comments, ours among them, and regular expressions.
 */
static void make_attributes(struct pp_otlp_writer *writer, struct pp_buffer *indexes)
{
    const struct pprofc_profile *profile = writer->profile;
    pp_autobuffer struct pp_buffer comments = PP_BUFFER_INIT;

    for (uint32_t i = 0; i < profile->n_comments; i++)
        put_comment(&comments, profile->strings[profile->comments[i]]);
    pp_pprof_write_comments(profile, put_comment, &comments);
    writer->failed |= comments.failed;
    if (comments.n_bytes > 0)
        pp_wire_put_varint(indexes,
                           pp_otlp_intern_array(&writer->tables, PP_OTLP_COMMENT, &comments));
    if (profile->drop_frames != 0)
        pp_wire_put_varint(indexes,
                           pp_otlp_writer_text(writer, PP_OTLP_DROP_FRAMES, profile->drop_frames));
    if (profile->keep_frames != 0)
        pp_wire_put_varint(indexes,
                           pp_otlp_writer_text(writer, PP_OTLP_KEEP_FRAMES, profile->keep_frames));
    writer->failed |= indexes->failed;
}

static void put_key_value(struct pp_buffer *out, uint32_t field, const char *key, const char *text)
{
    const size_t begin = pp_wire_begin(out, field);

    pp_wire_put_bytes(out, PP_OTLP_KV_KEY, key, strlen(key));
    pp_otlp_put_text_value(out, PP_OTLP_KV_VALUE, text, strlen(text));
    pp_wire_end(out, begin);
}

static void put_scope(const struct pprofc_profile *profile, struct pp_buffer *out)
{
    const size_t begin = pp_wire_begin(out, PP_OTLP_SP_SCOPE);

    pp_wire_put_bytes(out, PP_OTLP_SCOPE_NAME, "pprof-c", strlen("pprof-c"));
    pp_wire_put_bytes(out, PP_OTLP_SCOPE_VERSION, PP_VERSION, strlen(PP_VERSION));
    if (profile->n_types > 0)
        put_key_value(out, PP_OTLP_SCOPE_ATTRIBUTES, PP_OTLP_DEFAULT_TYPE,
                      profile->strings[profile->types[profile->default_type].type]);
    pp_wire_end(out, begin);
}

static void put_all(struct pp_otlp_writer *writer, struct pp_buffer *out)
{
    const struct pprofc_profile *profile = writer->profile;
    pp_autobuffer struct pp_buffer attributes = PP_BUFFER_INIT;
    const size_t begin = pp_wire_begin(out, PP_OTLP_RESOURCE_PROFILES);
    const size_t begin_resource = pp_wire_begin(out, PP_OTLP_RP_RESOURCE);
    size_t begin_scope;

    if (writer->origin.resource != NULL)
        pp_buffer_append(out, writer->origin.resource, writer->origin.n_resource_bytes);
    else if (profile->command != 0)
        put_key_value(out, PP_OTLP_RESOURCE_ATTRIBUTES, PP_OTLP_COMMAND,
                      profile->strings[profile->command]);
    pp_wire_end(out, begin_resource);
    begin_scope = pp_wire_begin(out, PP_OTLP_RP_SCOPE_PROFILES);
    put_scope(profile, out);
    make_attributes(writer, &attributes);
    for (uint32_t type = 0; type < profile->n_types; type++)
        put_profile(writer, type, &attributes, out);
    pp_wire_end(out, begin_scope);
    pp_wire_end(out, begin);
    pp_otlp_put_dictionary(&writer->tables, out);
    writer->failed |= writer->tables.failed || out->failed;
}

static int prepare(struct pp_otlp_writer *writer)
{
    const struct pprofc_profile *profile = writer->profile;

    writer->strings = calloc(profile->n_strings, sizeof *writer->strings);
    writer->mappings = calloc(profile->n_mappings, sizeof *writer->mappings);
    writer->functions = calloc(profile->n_functions, sizeof *writer->functions);
    writer->locations = calloc(profile->n_locations, sizeof *writer->locations);
    writer->stacks = calloc(profile->n_nodes, sizeof *writer->stacks);
    pp_otlp_tables_init(&writer->tables);
    return writer->strings == NULL || writer->mappings == NULL || writer->functions == NULL ||
                   writer->locations == NULL || writer->stacks == NULL ||
                   pp_slice_sums_make(profile, &writer->sums) != 0
               ? -ENOMEM
               : 0;
}

int pp_otlp_write_request(const struct pprofc_profile *profile, const struct pp_otlp_origin *origin,
                          struct pp_buffer *out, struct pprofc_error *err)
{
    __attribute__((cleanup(writer_done))) struct pp_otlp_writer writer = {
        .profile = profile, .origin = *origin, .is_ours = profile->kind != 0};
    int failed = prepare(&writer);

    if (failed == 0) {
        put_all(&writer, out);
        failed = writer.failed ? -ENOMEM : 0;
    }
    return failed != 0 ? pp_fail(err, failed, 0, "cannot write the OTLP profiles: out of memory")
                       : 0;
}

int pp_otlp_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                  struct pprofc_error *err)
{
    const struct pp_otlp_origin none = {.resource = NULL};

    return pp_otlp_write_request(profile, &none, out, err);
}
