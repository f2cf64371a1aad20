/* Lock contention as text: "--- contention", of gperftools' kin, brpc, and Go's with debug=1.
 * Attributes, then a line a stack: how long was waited, in cycles, and how often. */
#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "formats/legacy.h"

struct contention_reader {
    struct pp_legacy *legacy;
    int64_t cycles_per_s; /* 0: the waits are nanoseconds */
    int64_t n_discarded;
    bool has_sample;
    int64_t values[2]; /* as the file has them: a wait, and how often */
};

static bool is_key(const struct pp_text *line, const char *equals, const char *key)
{
    struct pp_text name = *line;

    name.n_bytes = (size_t)(equals - line->bytes);
    pp_text_trim(&name);
    return name.n_bytes == strlen(key) && memcmp(name.bytes, key, name.n_bytes) == 0;
}

/* "sampling period = 100" */
static int read_attribute(struct contention_reader *reader, const struct pp_text *line,
                          const char *equals)
{
    struct pprofc_profile *profile = reader->legacy->profile;
    struct pp_text rest = *line;
    int64_t value;

    rest.bytes = equals + 1;
    rest.n_bytes = line->n_bytes - (size_t)(rest.bytes - line->bytes);
    if (!pp_legacy_take_number(&rest, &value) || value < 0)
        return pp_legacy_refuse(reader->legacy, line, "\"NAME = NUMBER\"");
    if (is_key(line, equals, "cycles/second"))
        reader->cycles_per_s = value;
    else if (is_key(line, equals, "sampling period"))
        profile->period = value;
    else if (is_key(line, equals, "ms since reset"))
        profile->duration_ns = pp_legacy_multiply(value, 1000000);
    else if (is_key(line, equals, "discarded samples"))
        reader->n_discarded = value;
    else
        pp_legacy_skip(reader->legacy, line);
    return 0;
}

static int end_sample(struct contention_reader *reader)
{
    struct pprofc_profile *profile = reader->legacy->profile;
    int64_t values[2] = {reader->values[1], reader->values[0]};
    pp_id stack;

    if (!reader->has_sample)
        return 0;
    reader->has_sample = false;
    if (pp_legacy_end_stack(reader->legacy, true, &stack) != 0)
        return -ENOMEM;
    if (profile->period > 0) {
        if (reader->cycles_per_s > 0)
            values[1] = pp_legacy_clamp((double)values[1] * (double)profile->period /
                                        ((double)reader->cycles_per_s / 1e9));
        values[0] = pp_legacy_multiply(values[0], profile->period);
    }
    pp_profile_add(profile, stack, 0, 0, values);
    return 0;
}

/* "  19490304   27 @ 0xbccc97 0xc61202" */
static int read_line(void *context, struct pp_text line)
{
    struct contention_reader *reader = context;
    const char *equals = memchr(line.bytes, '=', line.n_bytes);
    struct pp_text rest = line;
    int failed = end_sample(reader);

    if (failed != 0)
        return failed;
    if (equals != NULL && memchr(line.bytes, '@', line.n_bytes) == NULL)
        return read_attribute(reader, &line, equals);
    if (!pp_legacy_take_number(&rest, &reader->values[0]) ||
        !pp_legacy_take_number(&rest, &reader->values[1]) || !pp_legacy_take_char(&rest, '@'))
        return pp_legacy_refuse(reader->legacy, &line, "\"cycles count @ stack\"");
    reader->has_sample = true;
    return pp_legacy_add_addresses(reader->legacy, rest);
}

int pp_legacy_read_contention(struct pp_legacy *legacy, const char *bytes, size_t n_bytes)
{
    struct contention_reader reader = {.legacy = legacy};
    struct pprofc_profile *profile = legacy->profile;
    struct pp_lines lines;
    struct pp_text line;
    size_t n_samples_bytes;
    int failed = pp_legacy_find_maps(legacy, bytes, n_bytes, &n_samples_bytes);

    profile->period = 1;
    profile->period_type.type = pp_profile_text(profile, "contentions");
    profile->period_type.unit = pp_profile_text(profile, "count");
    if (pp_profile_add_type(profile, "contentions", "count") < 0 ||
        pp_profile_add_type(profile, "delay", "nanoseconds") < 0)
        return -ENOMEM;
    profile->default_type = 1;
    pp_lines_of_bytes(&lines, bytes, n_samples_bytes);
    (void)pp_lines_next(&lines, &line); /* the head */
    failed = pp_legacy_read_lines(legacy, &lines, read_line, &reader);
    if (failed == 0)
        failed = end_sample(&reader);
    if (failed == 0 && reader.n_discarded > 0)
        pp_profile_note(profile, "%" PRId64 " samples were discarded by the program that wrote it",
                        reader.n_discarded);
    return failed;
}
