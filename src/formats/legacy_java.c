/* Java's profiles of old: numbers in the place of addresses, and behind the samples a name for
 * each. */
#include <errno.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/legacy.h"

enum { JAVA_PERIOD_BYTES = 512 * 1024 }; /* what its heaps are sampled by */

/* "f (File.java:12)", "f (/lib/libjvm.so)", "GC". */
static int add_java_name(struct pp_legacy *legacy, uint64_t number, struct pp_text symbol)
{
    struct pp_text file = {"", 0, 0}, digits;
    int64_t line = 0;
    size_t at;

    pp_text_trim(&symbol);
    if (symbol.n_bytes == 0)
        return 0;
    for (at = symbol.n_bytes; at > 1 && symbol.bytes[symbol.n_bytes - 1] == ')'; at--) {
        if (symbol.bytes[at - 1] == '(' && pp_is_blank(symbol.bytes[at - 2]))
            break;
    }
    if (at > 1 && at < symbol.n_bytes && symbol.bytes[at - 1] == '(') {
        file = (struct pp_text){symbol.bytes + at, symbol.n_bytes - at - 1, 0};
        symbol.n_bytes = at - 1;
        pp_text_trim(&symbol);
    }
    for (at = file.n_bytes; at > 0 && file.bytes[at - 1] != ':';)
        at--;
    digits = (struct pp_text){file.bytes + at, file.n_bytes - at, 0};
    if (at > 1 && pp_legacy_take_number(&digits, &line) && digits.n_bytes == 0)
        file.n_bytes = at - 1;
    return pp_legacy_add_name(legacy, number, symbol, file, line > 0 ? line : 0);
}

int pp_legacy_read_java_names(struct pp_legacy *legacy, struct pp_lines *lines)
{
    struct pp_text line;
    int failed = 0;

    while (failed == 0 && pp_lines_next(lines, &line)) {
        struct pp_text word = pp_text_word(&line);
        uint64_t number;
        if (pp_text_begins(&word, "0x") && pp_text_hex(&word, &number))
            failed = add_java_name(legacy, number, line);
    }
    return failed;
}

/* The numbers are no addresses: where there is no name, one is made of the number. */
static pp_id java_location(struct pp_legacy *legacy, uint64_t number)
{
    struct pp_location location = {.n_lines = 1};
    const struct pp_legacy_name *names;
    uint32_t n_names = 0;
    char text[24];
    int n_bytes;

    if (legacy->n_names > 0) {
        names = pp_legacy_names_of(legacy, number, &n_names);
        if (n_names > 0)
            return pp_profile_location(legacy->profile, &location, &names[0].line);
    }
    n_bytes = snprintf(text, sizeof text, "0x%llx", (unsigned long long)number);
    return pp_profile_named_location(legacy->profile, text, (size_t)n_bytes);
}

int pp_legacy_end_java_stack(struct pp_legacy *legacy, pp_id *stack_out)
{
    const size_t n = legacy->n_addresses;

    legacy->n_addresses = 0;
    if (pp_array_reserve(&legacy->stack, &legacy->stack_capacity, n + 1, sizeof *legacy->stack) !=
        0)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        legacy->stack[i] = java_location(legacy, legacy->addresses[i]);
    *stack_out = pp_profile_stack(legacy->profile, legacy->stack, n);
    return pp_profile_failed(legacy->profile) ? -ENOMEM : 0;
}

struct java_reader {
    struct pp_legacy *legacy;
    bool is_heap;
};

static int add_types(struct java_reader *reader, const char *unit)
{
    struct pprofc_profile *profile = reader->legacy->profile;
    int type;

    if (profile->n_types > 0)
        return 0;
    if (reader->is_heap) {
        type = pp_profile_add_type(profile, "inuse_objects", "count");
        type |= pp_profile_add_type(profile, "inuse_space", unit);
    } else {
        type = pp_profile_add_type(profile, "contentions", "count");
        type |= pp_profile_add_type(profile, "delay", unit);
    }
    profile->default_type = 1;
    return type < 0 ? -ENOMEM : 0;
}

/* "resolution = bytes" */
static int read_attribute(struct java_reader *reader, struct pp_text line, const char *equals)
{
    struct pprofc_profile *profile = reader->legacy->profile;
    struct pp_text value = {equals + 1, line.n_bytes - (size_t)(equals + 1 - line.bytes), 0};
    int64_t number;

    pp_text_trim(&value);
    if (pp_text_begins(&line, "resolution")) {
        const pp_id unit = pp_profile_string(profile, value.bytes, value.n_bytes);
        return add_types(reader, profile->strings[unit]);
    }
    if (pp_text_begins(&line, "format"))
        return 0;
    if (!pp_legacy_take_number(&value, &number) || number < 0)
        return pp_legacy_refuse(reader->legacy, &line, "\"NAME = NUMBER\"");
    if (pp_text_begins(&line, "sampling period"))
        profile->period = number;
    else if (pp_text_begins(&line, "ms since reset"))
        profile->duration_ns = pp_legacy_multiply(number, 1000000);
    else
        pp_legacy_skip(reader->legacy, &line);
    return 0;
}

/* "  7048     1 @ 0x00000003 0x00000004": bytes or a wait, and how often. */
static int read_sample(struct java_reader *reader, struct pp_text line)
{
    struct pprofc_profile *profile = reader->legacy->profile;
    struct pp_text rest = line;
    int64_t values[2];
    pp_id stack;
    int failed;

    if (!pp_legacy_take_number(&rest, &values[1]) || !pp_legacy_take_number(&rest, &values[0]) ||
        !pp_legacy_take_char(&rest, '@'))
        return pp_legacy_refuse(reader->legacy, &line, "\"size count @ stack\"");
    failed = pp_legacy_add_addresses(reader->legacy, rest);
    if (failed == 0)
        failed = add_types(reader, reader->is_heap ? "bytes" : "nanoseconds");
    if (failed == 0)
        failed = pp_legacy_end_java_stack(reader->legacy, &stack);
    if (failed != 0)
        return failed;
    if (reader->is_heap) {
        pp_legacy_scale_heap(JAVA_PERIOD_BYTES, &values[0], &values[1]);
    } else if (profile->period > 0) {
        values[0] = pp_legacy_multiply(values[0], profile->period);
        values[1] = pp_legacy_multiply(values[1], profile->period);
    }
    pp_profile_add(profile, stack, 0, 0, values);
    return 0;
}

static int read_line(struct java_reader *reader, struct pp_text line)
{
    const char *equals = memchr(line.bytes, '=', line.n_bytes);

    if (pp_text_begins(&line, "0x"))
        return 0; /* a name, read before */
    if (equals != NULL && memchr(line.bytes, '@', line.n_bytes) == NULL)
        return read_attribute(reader, line, equals);
    return read_sample(reader, line);
}

int pp_legacy_read_java(struct pp_legacy *legacy, const char *bytes, size_t n_bytes)
{
    struct java_reader reader = {.legacy = legacy};
    struct pp_lines lines;
    struct pp_text line = {"", 0, 0};
    int failed;

    pp_lines_of_bytes(&lines, bytes, n_bytes);
    failed = pp_legacy_read_java_names(legacy, &lines);
    pp_lines_of_bytes(&lines, bytes, n_bytes);
    (void)pp_lines_next(&lines, &line);
    reader.is_heap = pp_text_begins(&line, "--- heapz");
    while (failed == 0 && pp_lines_next(&lines, &line)) {
        pp_text_trim(&line);
        if (line.n_bytes > 0)
            failed = read_line(&reader, line);
    }
    if (failed == 0)
        failed = add_types(&reader, reader.is_heap ? "bytes" : "nanoseconds");
    if (failed == 0 && reader.is_heap) {
        legacy->profile->period = JAVA_PERIOD_BYTES;
        legacy->profile->period_type.type = pp_profile_text(legacy->profile, "space");
        legacy->profile->period_type.unit = pp_profile_text(legacy->profile, "bytes");
        failed = pp_profile_estimate_heap(legacy->profile);
    }
    return failed;
}
