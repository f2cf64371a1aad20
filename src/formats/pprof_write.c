/* Writing pprof files.  The same profile gives the same bytes: things are written in the order of
 * their ids, and strings numbered in the order in which they are first needed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/gzip.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "formats/formats.h"
#include "formats/pprof.h"
#include "formats/wire.h"
#include "profile/slice_sums.h"

struct writer {
    const struct pprofc_profile *profile;
    struct pp_buffer *out;
    bool failed;

    uint32_t *strings; /* number in the file, by our id; 0: none yet (except for "") */
    uint32_t n_strings;
    struct pp_buffer table;            /* the string table's fields, ready to be appended */
    struct pp_buffer labels;           /* the fields of the label set written last */
    pp_id labels_of;                   /* 0: none */
    bool *has_location, *has_function; /* those that some stack uses */
    uint32_t *locations, *functions;   /* number in the file, 1 to n */
};

static void writer_done(struct writer *writer)
{
    pp_buffer_done(&writer->table);
    pp_buffer_done(&writer->labels);
    free(writer->strings);
    free(writer->has_location);
    free(writer->has_function);
    free(writer->locations);
    free(writer->functions);
}

/* ---- strings ---- */

/* Protobuf strings are UTF-8, and strict readers refuse a file for one that is not. */
static void add_to_table(struct writer *writer, const char *bytes, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer clean = PP_BUFFER_INIT;

    if (pp_utf8_valid_bytes(bytes, n_bytes) == n_bytes) {
        pp_wire_put_bytes(&writer->table, PP_PPROF_STRING_TABLE, bytes, n_bytes);
    } else {
        pp_utf8_append(&clean, bytes, n_bytes);
        pp_wire_put_bytes(&writer->table, PP_PPROF_STRING_TABLE, clean.bytes, clean.n_bytes);
        writer->failed |= clean.failed;
    }
    writer->n_strings++;
}

static uint32_t string_number(struct writer *writer, pp_id string)
{
    if (string != 0 && writer->strings[string] == 0) {
        writer->strings[string] = writer->n_strings;
        add_to_table(writer, writer->profile->strings[string],
                     writer->profile->string_bytes[string]);
    }
    return writer->strings[string];
}

static void put_string(struct writer *writer, uint32_t field, pp_id string)
{
    pp_wire_put_integer(writer->out, field, string_number(writer, string));
}

/* ---- the parts ---- */

static void put_value_type(struct writer *writer, uint32_t field, const struct pp_value_type *type)
{
    const size_t begin = pp_wire_begin(writer->out, field);

    put_string(writer, PP_PPROF_VT_TYPE, type->type);
    put_string(writer, PP_PPROF_VT_UNIT, type->unit);
    pp_wire_end(writer->out, begin);
}

static void make_label(struct writer *writer, const struct pp_label *label)
{
    struct pp_buffer *out = &writer->labels;
    const size_t begin = pp_wire_begin(out, PP_PPROF_S_LABEL);

    pp_wire_put_integer(out, PP_PPROF_LABEL_KEY, string_number(writer, label->key));
    pp_wire_put_integer(out, PP_PPROF_LABEL_STR, string_number(writer, label->text));
    pp_wire_put_integer(out, PP_PPROF_LABEL_NUM, (uint64_t)label->number);
    pp_wire_put_integer(out, PP_PPROF_LABEL_NUM_UNIT, string_number(writer, label->unit));
    pp_wire_end(out, begin);
}

/* Samples of one thread mostly come in rows. */
static void put_labels(struct writer *writer, pp_id labels)
{
    const struct pp_label_set *set = &writer->profile->label_sets[labels];

    if (labels != writer->labels_of) {
        writer->labels.n_bytes = 0;
        writer->labels_of = labels;
        for (uint32_t i = 0; i < set->n_labels; i++)
            make_label(writer, &writer->profile->labels[set->first + i]);
    }
    pp_buffer_append(writer->out, writer->labels.bytes, writer->labels.n_bytes);
}

static void put_sample(struct writer *writer, pp_id stack, pp_id labels, const int64_t *values)
{
    const struct pprofc_profile *profile = writer->profile;
    const size_t begin = pp_wire_begin(writer->out, PP_PPROF_SAMPLE);
    size_t packed;

    if (stack != 0) {
        packed = pp_wire_begin(writer->out, PP_PPROF_S_LOCATION_ID);
        for (; stack != 0; stack = profile->node_parent[stack])
            pp_wire_put_varint(writer->out, writer->locations[profile->node_location[stack]]);
        pp_wire_end(writer->out, packed);
    }
    packed = pp_wire_begin(writer->out, PP_PPROF_S_VALUE);
    for (uint32_t type = 0; type < profile->n_types; type++)
        pp_wire_put_varint(writer->out, (uint64_t)values[type]);
    pp_wire_end(writer->out, packed);
    put_labels(writer, labels);
    pp_wire_end(writer->out, begin);
}

/* Function and mapping flags say what has been symbolised: google/pprof symbolises again where they
 * say no. */
static void put_mapping(struct writer *writer, pp_id id)
{
    const struct pp_mapping *mapping = &writer->profile->mappings[id];
    const size_t begin = pp_wire_begin(writer->out, PP_PPROF_MAPPING);

    pp_wire_put_integer(writer->out, PP_PPROF_M_ID, id);
    pp_wire_put_integer(writer->out, PP_PPROF_M_START, mapping->start);
    pp_wire_put_integer(writer->out, PP_PPROF_M_LIMIT, mapping->limit);
    pp_wire_put_integer(writer->out, PP_PPROF_M_OFFSET, mapping->offset);
    put_string(writer, PP_PPROF_M_FILENAME, mapping->path);
    put_string(writer, PP_PPROF_M_BUILD_ID, mapping->build_id);
    pp_wire_put_integer(writer->out, PP_PPROF_M_HAS_FUNCTIONS, mapping->has_functions);
    pp_wire_put_integer(writer->out, PP_PPROF_M_HAS_FILENAMES, mapping->has_filenames);
    pp_wire_put_integer(writer->out, PP_PPROF_M_HAS_LINES, mapping->has_lines);
    pp_wire_put_integer(writer->out, PP_PPROF_M_HAS_INLINES, mapping->has_inlines);
    pp_wire_end(writer->out, begin);
}

static void put_location(struct writer *writer, pp_id id)
{
    const struct pp_location *location = &writer->profile->locations[id];
    const size_t begin = pp_wire_begin(writer->out, PP_PPROF_LOCATION);

    pp_wire_put_integer(writer->out, PP_PPROF_L_ID, writer->locations[id]);
    pp_wire_put_integer(writer->out, PP_PPROF_L_MAPPING_ID, location->mapping);
    pp_wire_put_integer(writer->out, PP_PPROF_L_ADDRESS, location->address);
    for (uint32_t i = 0; i < location->n_lines; i++) {
        const struct pp_line *line = &writer->profile->lines[location->first_line + i];
        const size_t begin_line = pp_wire_begin(writer->out, PP_PPROF_L_LINE);
        pp_wire_put_integer(writer->out, PP_PPROF_LINE_FUNCTION_ID,
                            writer->functions[line->function]);
        pp_wire_put_integer(writer->out, PP_PPROF_LINE_LINE, (uint64_t)line->line);
        pp_wire_end(writer->out, begin_line);
    }
    pp_wire_put_integer(writer->out, PP_PPROF_L_IS_FOLDED, location->is_folded);
    pp_wire_end(writer->out, begin);
}

static void put_function(struct writer *writer, pp_id id)
{
    const struct pp_function *function = &writer->profile->functions[id];
    const size_t begin = pp_wire_begin(writer->out, PP_PPROF_FUNCTION);

    pp_wire_put_integer(writer->out, PP_PPROF_F_ID, writer->functions[id]);
    put_string(writer, PP_PPROF_F_NAME, function->name);
    put_string(writer, PP_PPROF_F_SYSTEM_NAME, function->system_name);
    put_string(writer, PP_PPROF_F_FILENAME, function->file);
    pp_wire_put_integer(writer->out, PP_PPROF_F_START_LINE, (uint64_t)function->start_line);
    pp_wire_end(writer->out, begin);
}

static void put_comment(void *context, const char *comment)
{
    struct writer *writer = context;

    if (comment == NULL) {
        writer->failed = true;
        return;
    }
    pp_wire_put_element(writer->out, PP_PPROF_COMMENT, writer->n_strings);
    add_to_table(writer, comment, strlen(comment));
}

/* ---- samples ---- */

/* pprof has no time axis: samples of one stack and label set are summed over all slices.  Those of
 * one stack stand side by side: compressed, the second one's frames are a look back at the first's,
 * which a window whose stacks are each met on three threads makes a quarter smaller. */
static void put_samples_without_slices(struct writer *writer)
{
    const struct pprofc_profile *profile = writer->profile;
    struct pp_slice_sums sums = {NULL, NULL, 0};
    const bool has_sums = pp_slice_sums_make(profile, &sums) == 0;
    pp_autofree uint32_t *order = has_sums ? pp_slice_sums_by_stack(profile, &sums) : NULL;

    writer->failed |= order == NULL;
    for (uint32_t i = 0; i < sums.n_sums && order != NULL; i++)
        put_sample(writer, profile->sample_stack[sums.first[order[i]]],
                   profile->sample_labels[sums.first[order[i]]],
                   sums.values + (size_t)order[i] * profile->n_types);
    pp_slice_sums_done(&sums);
}

static void put_samples(struct writer *writer)
{
    const struct pprofc_profile *profile = writer->profile;

    if (profile->slice_ns != 0) {
        put_samples_without_slices(writer);
        return;
    }
    for (uint32_t i = 0; i < profile->n_samples; i++)
        put_sample(writer, profile->sample_stack[i], profile->sample_labels[i],
                   profile->sample_values + (size_t)i * profile->n_types);
}

/* ---- all of it ---- */

/* Number what the samples' stacks use: a blocklist or a merge leaves things that nothing points at.
 */
static void number_used(struct writer *writer, uint8_t *is_used_node)
{
    const struct pprofc_profile *profile = writer->profile;
    uint32_t n_locations = 0, n_functions = 0;

    for (uint32_t i = 0; i < profile->n_samples; i++)
        is_used_node[profile->sample_stack[i]] = 1;
    for (pp_id node = profile->n_nodes; node-- > 1;) {
        if (is_used_node[node] == 0)
            continue;
        is_used_node[profile->node_parent[node]] = 1;
        writer->has_location[profile->node_location[node]] = true;
    }
    for (pp_id id = 1; id < profile->n_locations; id++) {
        const struct pp_location *location = &profile->locations[id];
        if (!writer->has_location[id])
            continue;
        writer->locations[id] = ++n_locations;
        for (uint32_t i = 0; i < location->n_lines; i++)
            writer->has_function[profile->lines[location->first_line + i].function] = true;
    }
    for (pp_id id = 1; id < profile->n_functions; id++) {
        if (writer->has_function[id])
            writer->functions[id] = ++n_functions;
    }
}

static int prepare(struct writer *writer)
{
    const struct pprofc_profile *profile = writer->profile;
    pp_autofree uint8_t *is_used_node = calloc(profile->n_nodes, 1);

    writer->strings = calloc(profile->n_strings, sizeof *writer->strings);
    writer->has_location = calloc(profile->n_locations, sizeof *writer->has_location);
    writer->has_function = calloc(profile->n_functions, sizeof *writer->has_function);
    writer->locations = calloc(profile->n_locations, sizeof *writer->locations);
    writer->functions = calloc(profile->n_functions, sizeof *writer->functions);
    if (is_used_node == NULL || writer->strings == NULL || writer->has_location == NULL ||
        writer->has_function == NULL || writer->locations == NULL || writer->functions == NULL)
        return -ENOMEM;
    number_used(writer, is_used_node);
    add_to_table(writer, "", 0);
    return 0;
}

static void put_all(struct writer *writer)
{
    const struct pprofc_profile *profile = writer->profile;

    for (uint32_t type = 0; type < profile->n_types; type++)
        put_value_type(writer, PP_PPROF_SAMPLE_TYPE, &profile->types[type]);
    put_samples(writer);
    for (pp_id id = 1; id < profile->n_mappings; id++)
        put_mapping(writer, id);
    for (pp_id id = 1; id < profile->n_locations; id++) {
        if (writer->has_location[id])
            put_location(writer, id);
    }
    for (pp_id id = 1; id < profile->n_functions; id++) {
        if (writer->has_function[id])
            put_function(writer, id);
    }
    put_string(writer, PP_PPROF_DROP_FRAMES, profile->drop_frames);
    put_string(writer, PP_PPROF_KEEP_FRAMES, profile->keep_frames);
    pp_wire_put_integer(writer->out, PP_PPROF_TIME_NANOS, (uint64_t)profile->time_ns);
    pp_wire_put_integer(writer->out, PP_PPROF_DURATION_NANOS, (uint64_t)profile->duration_ns);
    if (profile->period_type.type != 0 || profile->period_type.unit != 0)
        put_value_type(writer, PP_PPROF_PERIOD_TYPE, &profile->period_type);
    pp_wire_put_integer(writer->out, PP_PPROF_PERIOD, (uint64_t)profile->period);
    for (uint32_t i = 0; i < profile->n_comments; i++)
        pp_wire_put_element(writer->out, PP_PPROF_COMMENT,
                            string_number(writer, profile->comments[i]));
    pp_pprof_write_comments(profile, put_comment, writer);
    if (profile->n_types > 0)
        put_string(writer, PP_PPROF_DEFAULT_SAMPLE_TYPE,
                   profile->types[profile->default_type].type);
    pp_buffer_append(writer->out, writer->table.bytes, writer->table.n_bytes);
    writer->failed |= writer->table.failed || writer->labels.failed || writer->out->failed;
}

static int write_raw(const struct pprofc_profile *profile, struct pp_buffer *out)
{
    __attribute__((cleanup(writer_done))) struct writer writer = {.profile = profile, .out = out};

    if (prepare(&writer) != 0)
        return -ENOMEM;
    put_all(&writer);
    return writer.failed ? -ENOMEM : 0;
}

int pp_pprof_write(const struct pprofc_profile *profile, bool gzipped, struct pp_buffer *out,
                   struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer raw = PP_BUFFER_INIT;

    if (write_raw(profile, gzipped ? &raw : out) != 0)
        return pp_fail(err, -ENOMEM, 0, "cannot write the pprof profile: out of memory");
    return gzipped ? pp_gzip_deflate(raw.bytes, raw.n_bytes, out, err) : 0;
}
