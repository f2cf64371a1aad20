/* What was mapped when a legacy profile was taken: the text of /proc/PID/maps behind the samples,
 * or the brief form that some handlers write. */
#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "formats/legacy.h"
#include "profile/tables.h"

enum { MOST_ATTRIBUTES = 8 };

bool pp_legacy_is_map_head(const struct pp_text *line)
{
    static const char *const heads[] = {"--- Memory map: ---", "MAPPED_LIBRARIES:"};

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        if (memmem(line->bytes, line->n_bytes, heads[i], strlen(heads[i])) != NULL)
            return true;
    }
    return false;
}

/* "00400000-00fcb000" */
static bool read_range(struct pp_text word, struct pp_mapping *mapping)
{
    const char *dash = word.n_bytes > 0 ? memchr(word.bytes, '-', word.n_bytes) : NULL;
    struct pp_text start = word, limit = word;

    if (dash == NULL)
        return false;
    start.n_bytes = (size_t)(dash - word.bytes);
    limit.bytes = dash + 1;
    limit.n_bytes = word.n_bytes - start.n_bytes - 1;
    return pp_text_hex(&start, &mapping->start) && pp_text_hex(&limit, &mapping->limit) &&
           mapping->start < mapping->limit;
}

static struct pp_text without_deleted(struct pp_text path)
{
    static const char ending[] = " (deleted)";
    const size_t n_ending = sizeof ending - 1;

    pp_text_trim(&path);
    if (path.n_bytes > n_ending &&
        memcmp(path.bytes + path.n_bytes - n_ending, ending, n_ending) == 0)
        path.n_bytes -= n_ending;
    return path;
}

/* "7f5e-7f5f: /lib/libc-2.15.so", perhaps with "@OFFSET" behind. */
static void read_brief(struct pp_text rest, struct pp_mapping *mapping, struct pp_text *path)
{
    struct pp_text offset = rest;
    size_t at;

    pp_text_trim(&rest);
    for (at = rest.n_bytes; at > 0 && rest.bytes[at - 1] != '@';)
        at--;
    offset.bytes = rest.bytes + at;
    offset.n_bytes = rest.n_bytes - at;
    pp_text_trim(&offset);
    if (at > 1 && pp_is_blank(rest.bytes[at - 2]) && pp_text_hex(&offset, &mapping->offset))
        rest.n_bytes = at - 1;
    *path = without_deleted(rest);
}

/* False for a line that maps nothing that could be executed. */
static bool read_line(const struct pp_text *line, struct pp_mapping *mapping, struct pp_text *path)
{
    struct pp_text rest = *line;
    struct pp_text word = pp_text_word(&rest);
    struct pp_text rights;

    *mapping = (struct pp_mapping){.start = 0};
    if (word.n_bytes > 1 && word.bytes[word.n_bytes - 1] == ':') {
        word.n_bytes--;
        read_brief(rest, mapping, path);
        return read_range(word, mapping);
    }
    rights = pp_text_word(&rest);
    if (!read_range(word, mapping) || memchr(rights.bytes, 'x', rights.n_bytes) == NULL)
        return false;
    word = pp_text_word(&rest);
    if (!pp_text_hex(&word, &mapping->offset))
        return false;
    (void)pp_text_word(&rest); /* the device */
    (void)pp_text_word(&rest); /* the inode */
    *path = without_deleted(rest);
    return true;
}

/* "source=/home" stands above lines with "$source/app" in them. */
struct attributes {
    struct pp_text names[MOST_ATTRIBUTES], values[MOST_ATTRIBUTES];
    size_t n;
};

static void take_attribute(struct attributes *attributes, struct pp_text line)
{
    struct pp_text name = line, value = line;
    const char *equals = line.n_bytes > 0 ? memchr(line.bytes, '=', line.n_bytes) : NULL;

    if (equals == NULL || attributes->n == MOST_ATTRIBUTES)
        return;
    name.n_bytes = (size_t)(equals - line.bytes);
    value.bytes = equals + 1;
    value.n_bytes = line.n_bytes - name.n_bytes - 1;
    pp_text_trim(&name);
    pp_text_trim(&value);
    attributes->names[attributes->n] = name;
    attributes->values[attributes->n++] = value;
}

/* The path with the value of the attribute that it begins with. */
static pp_id path_string(struct pprofc_profile *profile, const struct attributes *attributes,
                         struct pp_text path)
{
    pp_autobuffer struct pp_buffer whole = PP_BUFFER_INIT;

    for (size_t i = 0; i < attributes->n && path.n_bytes > 1 && path.bytes[0] == '$'; i++) {
        const struct pp_text *name = &attributes->names[i];
        if (name->n_bytes == 0 || path.n_bytes - 1 < name->n_bytes ||
            memcmp(path.bytes + 1, name->bytes, name->n_bytes) != 0)
            continue;
        pp_buffer_append(&whole, attributes->values[i].bytes, attributes->values[i].n_bytes);
        pp_buffer_append(&whole, path.bytes + 1 + name->n_bytes, path.n_bytes - 1 - name->n_bytes);
        profile->tables->failed |= whole.failed;
        return whole.failed ? 0 : pp_profile_string(profile, whole.bytes, whole.n_bytes);
    }
    return pp_profile_string(profile, path.bytes, path.n_bytes);
}

static int order_maps(const void *left, const void *right)
{
    const struct pp_legacy_map *a = left, *b = right;

    return (a->start > b->start) - (a->start < b->start);
}

int pp_legacy_read_maps(struct pp_legacy *legacy, struct pp_lines *lines)
{
    struct attributes attributes = {.n = 0};
    struct pp_mapping mapping;
    struct pp_text line, path;

    while (pp_lines_next(lines, &line)) {
        if (!read_line(&line, &mapping, &path)) {
            take_attribute(&attributes, line);
            continue;
        }
        if (pp_array_reserve(&legacy->maps, &legacy->maps_capacity, legacy->n_maps + 1,
                             sizeof *legacy->maps) != 0)
            return -ENOMEM;
        mapping.path = path_string(legacy->profile, &attributes, path);
        legacy->maps[legacy->n_maps++] = (struct pp_legacy_map){
            mapping.start, mapping.limit, pp_profile_mapping(legacy->profile, &mapping)};
    }
    if (legacy->n_maps > 1)
        qsort(legacy->maps, legacy->n_maps, sizeof *legacy->maps, order_maps);
    return 0;
}

int pp_legacy_find_maps(struct pp_legacy *legacy, const char *text, size_t n_bytes,
                        size_t *n_bytes_out)
{
    struct pp_lines lines;
    struct pp_text line;

    *n_bytes_out = n_bytes;
    pp_lines_of_bytes(&lines, text, n_bytes);
    while (pp_lines_next(&lines, &line)) {
        /* Not in the first line, which is the profile's head whatever else is in it. */
        if (line.offset == 0 || !pp_legacy_is_map_head(&line))
            continue;
        *n_bytes_out = line.offset;
        return pp_legacy_read_maps(legacy, &lines);
    }
    return 0;
}

pp_id pp_legacy_mapping(const struct pp_legacy *legacy, uint64_t address)
{
    size_t low = 0, high = legacy->n_maps;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (legacy->maps[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && address < legacy->maps[low - 1].limit ? legacy->maps[low - 1].mapping : 0;
}
