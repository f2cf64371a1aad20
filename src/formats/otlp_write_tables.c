/* What samples refer to in the dictionary of OTLP profiles: strings, attributes, mappings,
 * functions, locations and stacks, each written when it is first referred to. */
#include <string.h>

#include "base/memory.h"
#include "formats/otlp_writer.h"
#include "formats/wire.h"

/* ---- strings and attributes ---- */

uint32_t pp_otlp_writer_string(struct pp_otlp_writer *writer, pp_id string)
{
    if (writer->strings[string] == 0)
        writer->strings[string] =
            1 + pp_otlp_intern_string(&writer->tables, writer->profile->strings[string],
                                      writer->profile->string_bytes[string]);
    return writer->strings[string] - 1;
}

uint32_t pp_otlp_writer_text(struct pp_otlp_writer *writer, const char *key, pp_id text)
{
    return pp_otlp_intern_text(&writer->tables, key, writer->profile->strings[text],
                               writer->profile->string_bytes[text]);
}

static void add_flag(struct pp_otlp_writer *writer, struct pp_buffer *indexes, bool is_set,
                     const char *key)
{
    if (is_set)
        pp_wire_put_varint(indexes, pp_otlp_intern_true(&writer->tables, key));
}

/* ---- mappings, functions, locations ---- */

uint32_t pp_otlp_writer_message(struct pp_otlp_writer *writer, enum pp_otlp_table table,
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

/* What stands for a file that has no build id. */
static void add_hash(struct pp_otlp_writer *writer, struct pp_buffer *indexes, pp_id path)
{
    const struct pprofc_profile *profile = writer->profile;

    for (size_t i = 0; i < writer->origin.n_hashes; i++) {
        const struct pp_otlp_hash *hash = &writer->origin.hashes[i];
        if (hash->n_path_bytes != profile->string_bytes[path] ||
            memcmp(hash->path, profile->strings[path], hash->n_path_bytes) != 0)
            continue;
        pp_wire_put_varint(indexes, pp_otlp_intern_text(&writer->tables, PP_OTLP_HTLHASH,
                                                        hash->text, hash->n_text_bytes));
        return;
    }
}

static uint32_t mapping_index(struct pp_otlp_writer *writer, pp_id id)
{
    const struct pp_mapping *mapping = &writer->profile->mappings[id];
    struct pp_buffer *message = &writer->message;
    pp_autobuffer struct pp_buffer indexes = PP_BUFFER_INIT;

    if (id == 0 || writer->mappings[id] != 0)
        return id == 0 ? 0 : writer->mappings[id] - 1;
    if (mapping->build_id != 0)
        pp_wire_put_varint(&indexes,
                           pp_otlp_writer_text(writer, PP_OTLP_BUILD_ID, mapping->build_id));
    else
        add_hash(writer, &indexes, mapping->path);
    add_flag(writer, &indexes, mapping->has_functions, PP_OTLP_HAS_FUNCTIONS);
    add_flag(writer, &indexes, mapping->has_filenames, PP_OTLP_HAS_FILENAMES);
    add_flag(writer, &indexes, mapping->has_lines, PP_OTLP_HAS_LINES);
    add_flag(writer, &indexes, mapping->has_inlines, PP_OTLP_HAS_INLINES);
    message->n_bytes = 0;
    pp_wire_put_integer(message, PP_OTLP_M_START, mapping->start);
    pp_wire_put_integer(message, PP_OTLP_M_LIMIT, mapping->limit);
    pp_wire_put_integer(message, PP_OTLP_M_OFFSET, mapping->offset);
    pp_wire_put_integer(message, PP_OTLP_M_FILENAME, pp_otlp_writer_string(writer, mapping->path));
    writer->mappings[id] =
        1 + pp_otlp_writer_message(writer, PP_OTLP_MAPPINGS, PP_OTLP_M_ATTRIBUTES, &indexes);
    return writer->mappings[id] - 1;
}

static uint32_t function_index(struct pp_otlp_writer *writer, pp_id id)
{
    const struct pp_function *function = &writer->profile->functions[id];
    struct pp_buffer *message = &writer->message;

    if (writer->functions[id] != 0)
        return writer->functions[id] - 1;
    message->n_bytes = 0;
    pp_wire_put_integer(message, PP_OTLP_F_NAME, pp_otlp_writer_string(writer, function->name));
    pp_wire_put_integer(message, PP_OTLP_F_SYSTEM_NAME,
                        pp_otlp_writer_string(writer, function->system_name));
    pp_wire_put_integer(message, PP_OTLP_F_FILENAME, pp_otlp_writer_string(writer, function->file));
    pp_wire_put_integer(message, PP_OTLP_F_START_LINE, (uint64_t)function->start_line);
    writer->functions[id] = 1 + pp_otlp_writer_message(writer, PP_OTLP_FUNCTIONS, 0, NULL);
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

static uint32_t location_index(struct pp_otlp_writer *writer, pp_id id)
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
        1 + pp_otlp_writer_message(writer, PP_OTLP_LOCATIONS, PP_OTLP_L_ATTRIBUTES, &indexes);
    return writer->locations[id] - 1;
}

uint32_t pp_otlp_writer_stack(struct pp_otlp_writer *writer, pp_id leaf)
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
    writer->stacks[leaf] = 1 + pp_otlp_writer_message(writer, PP_OTLP_STACKS, 0, NULL);
    return writer->stacks[leaf] - 1;
}
