/* Writing OTLP profiles: one Profile for each sample type, all over one dictionary, so that the
 * same stacks stand there once.  The same profile gives the same bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/formats.h"
#include "formats/otlp_tables.h"
#include "formats/pprof.h"
#include "formats/wire.h"
#include "profile/slice_sums.h"

struct writer {
    const struct pprofc_profile *profile;
    struct pp_otlp_origin origin;
    struct pp_slice_sums sums;
    struct pp_otlp_tables tables;
    bool is_ours; /* profiled by us: frames are native ones */
    bool failed;

    /* Indexes in the file, by our ids, plus 1; 0: none yet. */
    uint32_t *strings, *mappings, *functions, *locations, *stacks;
    struct pp_buffer message, stack, labels; /* reused */
    pp_id labels_of;                         /* the set whose fields 'labels' holds */
};

static void writer_done(struct writer *writer)
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

/* ---- strings and attributes ---- */

static uint32_t string_index(struct writer *writer, pp_id string)
{
    if (writer->strings[string] == 0)
        writer->strings[string] =
            1 + pp_otlp_intern_string(&writer->tables, writer->profile->strings[string],
                                      writer->profile->string_bytes[string]);
    return writer->strings[string] - 1;
}

static uint32_t text_attribute(struct writer *writer, const char *key, pp_id text)
{
    return pp_otlp_intern_text(&writer->tables, key, writer->profile->strings[text],
                               writer->profile->string_bytes[text]);
}

static void add_flag(struct writer *writer, struct pp_buffer *indexes, bool is_set, const char *key)
{
    if (is_set)
        pp_wire_put_varint(indexes, pp_otlp_intern_true(&writer->tables, key));
}

/* ---- mappings, functions, locations ---- */

/* The message under construction in 'message', with its attributes behind. */
static uint32_t intern_message(struct writer *writer, enum pp_otlp_table table,
                               uint32_t attributes_field, const struct pp_buffer *indexes)
{
    struct pp_buffer *message = &writer->message;

    if (indexes != NULL && indexes->n_bytes > 0)
        pp_wire_put_bytes(message, attributes_field, indexes->bytes, indexes->n_bytes);
    writer->failed |= message->failed || (indexes != NULL && indexes->failed);
    return writer->failed
               ? 0
               : pp_otlp_intern(&writer->tables, table, message->bytes, message->n_bytes);
}

static uint32_t mapping_index(struct writer *writer, pp_id id)
{
    const struct pp_mapping *mapping = &writer->profile->mappings[id];
    struct pp_buffer *message = &writer->message;
    pp_autobuffer struct pp_buffer indexes = PP_BUFFER_INIT;

    if (id == 0 || writer->mappings[id] != 0)
        return id == 0 ? 0 : writer->mappings[id] - 1;
    if (mapping->build_id != 0)
        pp_wire_put_varint(&indexes, text_attribute(writer, PP_OTLP_BUILD_ID, mapping->build_id));
    add_flag(writer, &indexes, mapping->has_functions, PP_OTLP_HAS_FUNCTIONS);
    add_flag(writer, &indexes, mapping->has_filenames, PP_OTLP_HAS_FILENAMES);
    add_flag(writer, &indexes, mapping->has_lines, PP_OTLP_HAS_LINES);
    add_flag(writer, &indexes, mapping->has_inlines, PP_OTLP_HAS_INLINES);
    message->n_bytes = 0;
    pp_wire_put_integer(message, PP_OTLP_M_START, mapping->start);
    pp_wire_put_integer(message, PP_OTLP_M_LIMIT, mapping->limit);
    pp_wire_put_integer(message, PP_OTLP_M_OFFSET, mapping->offset);
    pp_wire_put_integer(message, PP_OTLP_M_FILENAME, string_index(writer, mapping->path));
    writer->mappings[id] =
        1 + intern_message(writer, PP_OTLP_MAPPINGS, PP_OTLP_M_ATTRIBUTES, &indexes);
    return writer->mappings[id] - 1;
}

static uint32_t function_index(struct writer *writer, pp_id id)
{
    const struct pp_function *function = &writer->profile->functions[id];
    struct pp_buffer *message = &writer->message;

    if (writer->functions[id] != 0)
        return writer->functions[id] - 1;
    message->n_bytes = 0;
    pp_wire_put_integer(message, PP_OTLP_F_NAME, string_index(writer, function->name));
    pp_wire_put_integer(message, PP_OTLP_F_SYSTEM_NAME,
                        string_index(writer, function->system_name));
    pp_wire_put_integer(message, PP_OTLP_F_FILENAME, string_index(writer, function->file));
    pp_wire_put_integer(message, PP_OTLP_F_START_LINE, (uint64_t)function->start_line);
    writer->functions[id] = 1 + intern_message(writer, PP_OTLP_FUNCTIONS, 0, NULL);
    return writer->functions[id] - 1;
}

/* "_R.." or "_ZN..17h0123456789abcdefE". */
static bool is_rust(const char *symbol)
{
    const size_t n_chars = strlen(symbol);

    return strncmp(symbol, "_R", 2) == 0 ||
           (strncmp(symbol, "_ZN", 3) == 0 && n_chars > 20 && symbol[n_chars - 1] == 'E' &&
            strncmp(symbol + n_chars - 20, "17h", 3) == 0);
}

static const char *frame_type(const struct pprofc_profile *profile,
                              const struct pp_location *location)
{
    const char *path = profile->strings[profile->mappings[location->mapping].path];
    const pp_id function =
        location->n_lines > 0
            ? profile->lines[location->first_line + location->n_lines - 1].function
            : 0;

    if (strncmp(path, "[kernel", 7) == 0)
        return "kernel";
    return is_rust(profile->strings[profile->functions[function].system_name]) ? "rust" : "native";
}

static uint32_t location_index(struct writer *writer, pp_id id)
{
    const struct pprofc_profile *profile = writer->profile;
    const struct pp_location *location = &profile->locations[id];
    struct pp_buffer *message = &writer->message;
    pp_autobuffer struct pp_buffer indexes = PP_BUFFER_INIT;
    uint32_t mapping;

    if (writer->locations[id] != 0)
        return writer->locations[id] - 1;
    mapping = mapping_index(writer, location->mapping);
    for (uint32_t i = 0; i < location->n_lines; i++)
        (void)function_index(writer, profile->lines[location->first_line + i].function);
    if (writer->is_ours && location->address != 0) {
        const char *type = frame_type(profile, location);
        pp_wire_put_varint(
            &indexes, pp_otlp_intern_text(&writer->tables, PP_OTLP_FRAME_TYPE, type, strlen(type)));
    }
    add_flag(writer, &indexes, location->is_folded, PP_OTLP_IS_FOLDED);
    message->n_bytes = 0;
    pp_wire_put_integer(message, PP_OTLP_L_MAPPING, mapping);
    pp_wire_put_integer(message, PP_OTLP_L_ADDRESS, location->address);
    for (uint32_t i = 0; i < location->n_lines; i++) {
        const struct pp_line *line = &profile->lines[location->first_line + i];
        const size_t begin = pp_wire_begin(message, PP_OTLP_L_LINES);
        pp_wire_put_integer(message, PP_OTLP_LINE_FUNCTION, writer->functions[line->function] - 1);
        pp_wire_put_integer(message, PP_OTLP_LINE_LINE, (uint64_t)line->line);
        pp_wire_end(message, begin);
    }
    writer->locations[id] =
        1 + intern_message(writer, PP_OTLP_LOCATIONS, PP_OTLP_L_ATTRIBUTES, &indexes);
    return writer->locations[id] - 1;
}

static uint32_t stack_index(struct writer *writer, pp_id leaf)
{
    const struct pprofc_profile *profile = writer->profile;
    struct pp_buffer *stack = &writer->stack, *message = &writer->message;

    if (leaf == 0 || writer->stacks[leaf] != 0)
        return leaf == 0 ? 0 : writer->stacks[leaf] - 1;
    stack->n_bytes = 0;
    for (pp_id node = leaf; node != 0; node = profile->node_parent[node])
        pp_wire_put_varint(stack, location_index(writer, profile->node_location[node]));
    message->n_bytes = 0;
    pp_wire_put_bytes(message, PP_OTLP_STACK_LOCATIONS, stack->bytes, stack->n_bytes);
    writer->failed |= stack->failed;
    writer->stacks[leaf] = 1 + intern_message(writer, PP_OTLP_STACKS, 0, NULL);
    return writer->stacks[leaf] - 1;
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
static uint32_t link_index(struct writer *writer, const struct pp_label_set *set)
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
    return intern_message(writer, PP_OTLP_LINKS, 0, NULL);
}

static uint32_t label_attribute(struct writer *writer, const struct pp_label *label)
{
    const struct pprofc_profile *profile = writer->profile;
    const char *key = profile->strings[label->key];

    if (strcmp(key, "thread_name") == 0)
        key = "thread.name";
    else if (strcmp(key, "thread_id") == 0)
        key = "thread.id";
    return label->text != 0 ? text_attribute(writer, key, label->text)
                            : pp_otlp_intern_number(&writer->tables, key, label->number,
                                                    profile->strings[label->unit]);
}

/* The fields of a sample that its labels are. */
static void make_labels(struct writer *writer, pp_id labels)
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

static void put_samples(struct writer *writer, uint32_t type, struct pp_buffer *out)
{
    const struct pprofc_profile *profile = writer->profile;

    for (uint32_t i = 0; i < writer->sums.n_sums && !writer->failed; i++) {
        const int64_t value = writer->sums.values[(size_t)i * profile->n_types + type];
        const pp_id labels = profile->sample_labels[writer->sums.first[i]];
        const uint32_t stack =
            value != 0 ? stack_index(writer, profile->sample_stack[writer->sums.first[i]]) : 0;
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
static uint32_t type_index(struct writer *writer, pp_id type)
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
    return string_index(writer, type);
}

static void put_type(struct writer *writer, uint32_t field, const struct pp_value_type *type,
                     struct pp_buffer *out)
{
    const size_t begin = pp_wire_begin(out, field);

    pp_wire_put_integer(out, PP_OTLP_VT_TYPE, type_index(writer, type->type));
    pp_wire_put_integer(out, PP_OTLP_VT_UNIT, string_index(writer, type->unit));
    pp_wire_end(out, begin);
}

/* Each sample type is a profile of its own. */
static void put_id(const struct writer *writer, uint32_t type, struct pp_buffer *out)
{
    unsigned char id[PP_OTLP_ID_BYTES];

    if (writer->origin.id == NULL)
        return;
    memcpy(id, writer->origin.id, sizeof id);
    id[sizeof id - 1] ^= (unsigned char)type;
    pp_wire_put_bytes(out, PP_OTLP_P_ID, id, sizeof id);
}

static void put_profile(struct writer *writer, uint32_t type, const struct pp_buffer *attributes,
                        struct pp_buffer *out)
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
static void make_attributes(struct writer *writer, struct pp_buffer *indexes)
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
                           text_attribute(writer, PP_OTLP_DROP_FRAMES, profile->drop_frames));
    if (profile->keep_frames != 0)
        pp_wire_put_varint(indexes,
                           text_attribute(writer, PP_OTLP_KEEP_FRAMES, profile->keep_frames));
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

static void put_all(struct writer *writer, struct pp_buffer *out)
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

static int prepare(struct writer *writer)
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
    __attribute__((cleanup(writer_done))) struct writer writer = {
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
