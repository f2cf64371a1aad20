/* Heap profiles as text: gperftools' and tcmalloc's ("heap profile:"), Go's with debug=1, growth
 * and fragmentation, and jemalloc's heap_v2.  What was sampled stands for more; the exact ones say
 * so by their period. */
#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "formats/legacy.h"

/* "  1: 524288 [3: 1572864]": objects and bytes in use, and allocated. */
struct counts {
    int64_t in_use[2], allocated[2];
};

struct heap_reader {
    struct pp_legacy *legacy;
    int64_t period;     /* 1: every object is in the file */
    bool has_allocated; /* which differs from what is in use */
    bool has_sample;    /* one is read, and its names may stand below it */
    struct counts counts;
};

static bool take_pair(struct pp_text *rest, int64_t pair[2])
{
    return pp_legacy_take_number(rest, &pair[0]) && pp_legacy_take_char(rest, ':') &&
           pp_legacy_take_number(rest, &pair[1]);
}

static bool take_counts(struct pp_text *rest, struct counts *counts)
{
    return take_pair(rest, counts->in_use) && pp_legacy_take_char(rest, '[') &&
           take_pair(rest, counts->allocated) && pp_legacy_take_char(rest, ']');
}

static int start_profile(struct heap_reader *reader)
{
    struct pprofc_profile *profile = reader->legacy->profile;
    int type = 0;

    profile->kind = pp_profile_text(profile, "heap");
    profile->period = reader->period;
    profile->period_type.type = pp_profile_text(profile, "space");
    profile->period_type.unit = pp_profile_text(profile, "bytes");
    if (reader->has_allocated) {
        type |= pp_profile_add_type(profile, "alloc_objects", "count");
        type |= pp_profile_add_type(profile, "alloc_space", "bytes");
        type |= pp_profile_add_type(profile, "inuse_objects", "count");
        type |= pp_profile_add_type(profile, "inuse_space", "bytes");
    } else {
        type |= pp_profile_add_type(profile, "objects", "count");
        type |= pp_profile_add_type(profile, "space", "bytes");
    }
    profile->default_type = profile->n_types - 1;
    return type < 0 ? -ENOMEM : 0;
}

/* The sample that was read, with the names that stood below it. */
static int end_sample(struct heap_reader *reader)
{
    struct pprofc_profile *profile = reader->legacy->profile;
    struct counts *counts = &reader->counts;
    struct pp_label label = {.key = pp_profile_text(profile, "bytes"),
                             .unit = pp_profile_text(profile, "bytes")};
    const int64_t *sized = counts->in_use[0] != 0 ? counts->in_use : counts->allocated;
    int64_t values[4], *value = values;
    pp_id stack;

    if (!reader->has_sample)
        return 0;
    reader->has_sample = false;
    if (sized[0] != 0 && !(sized[0] == -1 && sized[1] == INT64_MIN))
        label.number = sized[1] / sized[0];
    if (pp_legacy_end_stack(reader->legacy, true, &stack) != 0)
        return -ENOMEM;
    pp_legacy_scale_heap(reader->period, &counts->allocated[0], &counts->allocated[1]);
    pp_legacy_scale_heap(reader->period, &counts->in_use[0], &counts->in_use[1]);
    if (reader->has_allocated) {
        *value++ = counts->allocated[0];
        *value++ = counts->allocated[1];
    }
    *value++ = counts->in_use[0];
    *value++ = counts->in_use[1];
    pp_profile_add(profile, stack, pp_profile_label_set(profile, &label, label.number != 0), 0,
                   values);
    return 0;
}

static int finish(struct heap_reader *reader)
{
    const int failed = end_sample(reader);

    return failed == 0 && pp_profile_estimate_heap(reader->legacy->profile) != 0 ? -ENOMEM : failed;
}

/* ---- "heap profile:" ---- */

/* "@ heapz_v2/524288": how it was sampled, and every how many bytes on average. */
static bool take_kind(struct heap_reader *reader, struct pp_text rest)
{
    struct pp_text name, number = {"", 0, 0};
    const char *slash;

    pp_text_trim(&rest);
    name = rest;
    slash = rest.n_bytes > 0 ? memchr(rest.bytes, '/', rest.n_bytes) : NULL;
    if (slash != NULL) {
        name.n_bytes = (size_t)(slash - rest.bytes);
        number.bytes = slash + 1;
        number.n_bytes = rest.n_bytes - name.n_bytes - 1;
    }
    reader->period = 0;
    if (number.n_bytes > 0 &&
        (!pp_legacy_take_number(&number, &reader->period) || reader->period < 0))
        return false;
    if (name.n_bytes == 4 && memcmp(name.bytes, "heap", 4) == 0) {
        reader->period /= 2; /* Go writes twice its rate */
        return true;
    }
    if (pp_text_begins(&name, "heapz_v2") || pp_text_begins(&name, "heap_v2"))
        return true;
    reader->period = 1; /* every object */
    return pp_text_begins(&name, "heapprofile") || pp_text_begins(&name, "growthz") ||
           pp_text_begins(&name, "fragmentationz");
}

static int read_head(struct heap_reader *reader, struct pp_lines *lines)
{
    static const char wanted[] =
        "the head of a heap profile (\"heap profile: N: B [N: B] @ KIND\")";
    struct pp_text line = {"", 0, 0}, rest;
    struct counts all;

    (void)pp_lines_next(lines, &line);
    pp_text_trim(&line);
    rest = line;
    rest.bytes += strlen("heap profile:");
    rest.n_bytes -= strlen("heap profile:");
    if (!take_counts(&rest, &all) || !pp_legacy_take_char(&rest, '@') || !take_kind(reader, rest))
        return pp_legacy_refuse(reader->legacy, &line, wanted);
    for (int i = 0; i < 2; i++)
        reader->has_allocated |= all.allocated[i] != all.in_use[i] && all.allocated[i] != 0;
    return start_profile(reader);
}

static int read_sample(void *context, struct pp_text line)
{
    struct heap_reader *reader = context;
    struct pp_text rest = line;
    int failed = end_sample(reader);

    if (failed != 0)
        return failed;
    if (!take_counts(&rest, &reader->counts) || !pp_legacy_take_char(&rest, '@'))
        return pp_legacy_refuse(reader->legacy, &line,
                                "\"objects: bytes [objects: bytes] @ stack\"");
    reader->has_sample = true;
    return pp_legacy_add_addresses(reader->legacy, rest);
}

int pp_legacy_read_heap(struct pp_legacy *legacy, const char *bytes, size_t n_bytes)
{
    struct heap_reader reader = {.legacy = legacy};
    struct pp_lines lines;
    size_t n_samples_bytes;
    int failed = pp_legacy_find_maps(legacy, bytes, n_bytes, &n_samples_bytes);

    pp_lines_of_bytes(&lines, bytes, n_samples_bytes);
    if (failed == 0)
        failed = read_head(&reader, &lines);
    if (failed == 0)
        failed = pp_legacy_read_lines(legacy, &lines, read_sample, &reader);
    return failed == 0 ? finish(&reader) : failed;
}

/* ---- jemalloc ---- */

/* "@ 0x..": a stack begins; its sums stand below, "t*:" those of all threads. */
static int read_jemalloc_line(struct heap_reader *reader, struct pp_text line)
{
    struct pp_text word = line;
    const char *colon = memchr(line.bytes, ':', line.n_bytes);
    struct counts counts;
    int failed;

    if (line.bytes[0] == '@') {
        failed = end_sample(reader);
        reader->legacy->n_addresses = 0;
        return failed == 0 ? pp_legacy_add_addresses(reader->legacy, line) : failed;
    }
    if (line.bytes[0] != 't' || colon == NULL) {
        pp_legacy_skip(reader->legacy, &line);
        return 0;
    }
    word.bytes = colon + 1;
    word.n_bytes = line.n_bytes - (size_t)(word.bytes - line.bytes);
    if (!pp_text_begins(&line, "t*:"))
        return 0; /* the sums of single threads add up to those of all */
    if (!take_counts(&word, &counts))
        return pp_legacy_refuse(reader->legacy, &line, "\"t*: objects: bytes [objects: bytes]\"");
    if (reader->legacy->profile->n_types == 0) { /* the first is of the whole file */
        reader->has_allocated = counts.allocated[0] != 0 || counts.allocated[1] != 0;
        return start_profile(reader);
    }
    reader->counts = counts;
    reader->has_sample = true;
    return 0;
}

int pp_legacy_read_jemalloc(struct pp_legacy *legacy, const char *bytes, size_t n_bytes)
{
    struct heap_reader reader = {.legacy = legacy};
    struct pp_lines lines;
    struct pp_text line = {"", 0, 0}, number;
    size_t n_samples_bytes;
    int failed = pp_legacy_find_maps(legacy, bytes, n_bytes, &n_samples_bytes);

    pp_lines_of_bytes(&lines, bytes, n_samples_bytes);
    (void)pp_lines_next(&lines, &line);
    number = line;
    number.bytes += strlen("heap_v2/");
    number.n_bytes -= strlen("heap_v2/");
    if (!pp_legacy_take_number(&number, &reader.period) || reader.period < 0)
        return pp_legacy_refuse(legacy, &line, "jemalloc's head (\"heap_v2/524288\")");
    while (failed == 0 && pp_lines_next(&lines, &line)) {
        pp_text_trim(&line);
        if (line.n_bytes > 0)
            failed = read_jemalloc_line(&reader, line);
    }
    if (failed == 0 && legacy->profile->n_types == 0)
        return pp_legacy_refuse(legacy, &line, "a heap profile with sums (\"t*:\") in it");
    return failed == 0 ? finish(&reader) : failed;
}
