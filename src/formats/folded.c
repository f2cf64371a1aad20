/* Folded stacks, "main;parse;read_token 42" a line, root first, as we write them: UTF-8, a line
 * each, whole numbers unless the profile holds thousandths of them. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "formats/formats.h"
#include "formats/lines.h"
#include "profile/tables.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* ---- frames by name ---- */

/* Of each line of a location, and of each location without lines, the frame of its name; 0: not
 * made yet. */
struct names {
    struct pprofc_profile *profile;
    pp_id *of_line, *of_location, *of_node;
};

static void names_done(struct names *names)
{
    pprofc_profile_free(names->profile);
    free(names->of_line);
    free(names->of_location);
    free(names->of_node);
}

static pp_id frame_of(struct names *names, const struct pprofc_profile *profile, pp_id location,
                      uint32_t line)
{
    const struct pp_location *from = &profile->locations[location];
    pp_id *frame = line < from->n_lines ? &names->of_line[from->first_line + line]
                                        : &names->of_location[location];
    char scratch[512];

    if (*frame == 0) {
        const char *name = pp_profile_frame_name(profile, location, line, scratch, sizeof scratch);
        *frame = pp_profile_named_location(names->profile, name, strlen(name));
    }
    return *frame;
}

/* The same stacks by name alone: different addresses of a function are one frame here.  0 or
 * -ENOMEM. */
static int make_names(const struct pprofc_profile *profile, uint32_t type, struct names *names)
{
    names->profile = pp_profile_new();
    names->of_line = calloc((size_t)profile->n_lines + 1, sizeof(pp_id));
    names->of_location = calloc(profile->n_locations, sizeof(pp_id));
    names->of_node = calloc(profile->n_nodes, sizeof(pp_id));
    if (names->profile == NULL || names->of_line == NULL || names->of_location == NULL ||
        names->of_node == NULL || pp_profile_add_type(names->profile, "value", "count") != 0)
        return -ENOMEM;
    for (pp_id node = 1; node < profile->n_nodes; node++) {
        const pp_id location = profile->node_location[node];
        const uint32_t n_lines = profile->locations[location].n_lines;
        pp_id at = names->of_node[profile->node_parent[node]];
        for (uint32_t line = n_lines > 0 ? n_lines : 1; line-- > 0;)
            at = pp_profile_child(names->profile, at, frame_of(names, profile, location, line));
        names->of_node[node] = at;
    }
    for (uint32_t i = 0; i < profile->n_samples; i++)
        pp_profile_add(names->profile, names->of_node[profile->sample_stack[i]], 0, 0,
                       &profile->sample_values[(size_t)i * profile->n_types + type]);
    return pp_profile_failed(names->profile) ? -ENOMEM : 0;
}

/* ---- text ---- */

static bool is_all_blank(const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0 && pp_is_blank(bytes[n_bytes - 1]))
        n_bytes--;
    return n_bytes == 0;
}

/* A name as the format can hold it: one line, one frame, and no line that is a comment. */
static void put_name(struct pp_buffer *out, const char *name, size_t n_bytes, bool is_first)
{
    size_t begin;

    /* A byte order mark at the beginning of a text is no part of it: a name's own needs one before
     * it. */
    if (out->n_bytes == 0 && n_bytes >= 3 && memcmp(name, BYTE_ORDER_MARK, 3) == 0)
        pp_buffer_text(out, BYTE_ORDER_MARK);
    begin = out->n_bytes;
    if (is_all_blank(name, n_bytes)) {
        pp_buffer_text(out, "[blank]");
        return;
    }
    pp_utf8_append(out, name, n_bytes);
    for (size_t i = begin; i < out->n_bytes; i++) {
        if (out->bytes[i] == ';')
            out->bytes[i] = ':';
        else if (out->bytes[i] == '\n' || out->bytes[i] == '\r')
            out->bytes[i] = ' ';
    }
    if (is_first && !out->failed && name[0] == '#' &&
        (n_bytes == 1 || out->bytes[begin + 1] == ' '))
        out->bytes[begin] = '?';
}

static void put_stack(const struct pprofc_profile *names, pp_id leaf, pp_id *path,
                      struct pp_buffer *out)
{
    const size_t begin = out->n_bytes;
    uint32_t depth = 0;

    for (pp_id node = leaf; node != 0; node = names->node_parent[node])
        path[depth++] = names->node_location[node];
    while (depth-- > 0) {
        const pp_id function = names->lines[names->locations[path[depth]].first_line].function;
        const pp_id name = names->functions[function].name;
        put_name(out, names->strings[name], names->string_bytes[name], out->n_bytes == begin);
        pp_buffer_append(out, depth > 0 ? ";" : " ", 1);
    }
}

/* Digits behind the point that the unit stands for. */
static int digits_of(const struct pprofc_profile *profile, uint32_t type)
{
    const char *unit = profile->strings[profile->types[type].unit];

    return strcmp(unit, "thousandths") == 0 ? 3 : strcmp(unit, "millionths") == 0 ? 6 : 0;
}

static void put_value(struct pp_buffer *out, int64_t value, int n_digits)
{
    const uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
    const uint64_t one = n_digits == 0 ? 1 : n_digits == 3 ? 1000 : 1000000;

    pp_buffer_printf(out, "%s%" PRIu64, value < 0 ? "-" : "", size / one);
    if (size % one != 0)
        pp_buffer_printf(out, ".%0*" PRIu64, n_digits, size % one);
    pp_buffer_append(out, "\n", 1);
}

int pp_folded_write(const struct pprofc_profile *profile, uint32_t type, struct pp_buffer *out,
                    struct pprofc_error *err)
{
    __attribute__((cleanup(names_done))) struct names names = {.profile = NULL};
    const struct pprofc_profile *stacks;
    pp_autofree pp_id *path = NULL;
    int n_digits;

    if (type >= profile->n_types)
        return pp_fail(err, -EINVAL, 0, "the profile has no sample type number %u", type);
    n_digits = digits_of(profile, type);
    if (make_names(profile, type, &names) == 0)
        path = calloc(names.profile->n_nodes, sizeof *path);
    stacks = names.profile;
    for (uint32_t i = 0; path != NULL && i < stacks->n_samples; i++) {
        if (stacks->sample_values[i] == 0)
            continue;
        if (stacks->sample_stack[i] == 0)
            pp_buffer_append(out, "[no stack] ", 11);
        put_stack(stacks, stacks->sample_stack[i], path, out);
        put_value(out, stacks->sample_values[i], n_digits);
    }
    if (path == NULL || out->failed)
        return pp_fail(err, -ENOMEM, 0, "cannot write folded stacks: out of memory");
    return 0;
}
