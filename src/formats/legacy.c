/* Profiles from before pprof's protobuf: which of them a file is, and what their readers share. */
#include "formats/legacy.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/formats.h"

enum { MOST_LINES = 64 }; /* of calls in line at one address, as the symbolizer has them */

static void legacy_done(struct pp_legacy *legacy)
{
    pprofc_profile_free(legacy->profile);
    free(legacy->maps);
    free(legacy->names);
    free(legacy->addresses);
    free(legacy->stack);
}

/* ---- stacks ---- */

int pp_legacy_add_address(struct pp_legacy *legacy, uint64_t address)
{
    if (pp_array_reserve(&legacy->addresses, &legacy->addresses_capacity, legacy->n_addresses + 1,
                         sizeof *legacy->addresses) != 0)
        return -ENOMEM;
    legacy->addresses[legacy->n_addresses++] = address;
    return 0;
}

int pp_legacy_add_addresses(struct pp_legacy *legacy, struct pp_text text)
{
    int failed = 0;

    while (failed == 0 && text.n_bytes > 0) {
        struct pp_text word = pp_text_word(&text);
        uint64_t address;
        if (word.n_bytes > 0 &&
            (word.bytes[word.n_bytes - 1] == ':' || word.bytes[word.n_bytes - 1] == ','))
            word.n_bytes--;
        if (!pp_text_begins(&word, "0x"))
            continue;
        if (pp_text_hex(&word, &address))
            failed = pp_legacy_add_address(legacy, address);
        else if (legacy->n_no_addresses++ == 0)
            legacy->first_no_address = legacy->base_offset + word.offset;
    }
    return failed;
}

int pp_legacy_add_name(struct pp_legacy *legacy, uint64_t address, struct pp_text symbol,
                       struct pp_text file, int64_t line)
{
    const struct pp_function function = {
        .name = pp_profile_string(legacy->profile, symbol.bytes, symbol.n_bytes),
        .file = pp_profile_string(legacy->profile, file.bytes, file.n_bytes),
    };

    if (pp_array_reserve(&legacy->names, &legacy->names_capacity, legacy->n_names + 1,
                         sizeof *legacy->names) != 0)
        return -ENOMEM;
    if (legacy->n_names > 0 && address < legacy->names[legacy->n_names - 1].address)
        legacy->are_names_mixed = true;
    legacy->names[legacy->n_names] = (struct pp_legacy_name){
        .address = address,
        .index = legacy->n_names,
        .line = {.function = pp_profile_function(legacy->profile, &function), .line = line}};
    legacy->n_names++;
    return 0;
}

/* The part of 'rest' up to a tab; 'rest' begins behind it then. */
static struct pp_text take_field(struct pp_text *rest)
{
    const char *tab = rest->n_bytes > 0 ? memchr(rest->bytes, '\t', rest->n_bytes) : NULL;
    struct pp_text field = *rest;
    size_t n_taken = rest->n_bytes;

    if (tab != NULL) {
        field.n_bytes = (size_t)(tab - rest->bytes);
        n_taken = field.n_bytes + 1;
    }
    rest->bytes += n_taken;
    rest->offset += n_taken;
    rest->n_bytes -= n_taken;
    pp_text_trim(&field);
    return field;
}

int pp_legacy_take_comment(struct pp_legacy *legacy, struct pp_text line)
{
    struct pp_text rest = line, symbol, file, plus;
    uint64_t address;
    int64_t number = 0;
    size_t at;

    if (!pp_text_begins(&rest, "#\t"))
        return 0;
    (void)take_field(&rest);
    symbol = take_field(&rest);
    if (!pp_text_begins(&symbol, "0x") || !pp_text_hex(&symbol, &address))
        return 0;
    symbol = take_field(&rest);
    while (rest.n_bytes > 0 && rest.bytes[0] == '\t')
        (void)take_field(&rest);
    file = take_field(&rest);
    for (at = symbol.n_bytes; at > 0 && symbol.bytes[at - 1] != '+';)
        at--;
    plus = (struct pp_text){symbol.bytes + at, symbol.n_bytes - at, 0};
    if (at > 1 && pp_text_begins(&plus, "0x"))
        symbol.n_bytes = at - 1;
    for (at = file.n_bytes; at > 0 && file.bytes[at - 1] != ':';)
        at--;
    if (at > 1) {
        struct pp_text digits = {file.bytes + at, file.n_bytes - at, 0};
        if (pp_legacy_take_number(&digits, &number))
            file.n_bytes = at - 1;
    }
    return symbol.n_bytes > 0 ? pp_legacy_add_name(legacy, address, symbol, file, number) : 0;
}

static int order_names(const void *left, const void *right)
{
    const struct pp_legacy_name *a = left, *b = right;

    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

const struct pp_legacy_name *pp_legacy_names_of(struct pp_legacy *legacy, uint64_t address,
                                                uint32_t *n_out)
{
    size_t low = 0, high = legacy->n_names;

    if (legacy->are_names_mixed)
        qsort(legacy->names, legacy->n_names, sizeof *legacy->names, order_names);
    legacy->are_names_mixed = false;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (legacy->names[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    for (*n_out = 0; *n_out < MOST_LINES && low + *n_out < legacy->n_names; ++*n_out) {
        if (legacy->names[low + *n_out].address != address)
            break;
    }
    return legacy->names + low;
}

static pp_id location_of(struct pp_legacy *legacy, uint64_t address)
{
    struct pp_location location = {.address = address,
                                   .mapping = pp_legacy_mapping(legacy, address)};
    struct pp_line lines[MOST_LINES];
    const struct pp_legacy_name *names;

    if (legacy->n_names > 0) {
        names = pp_legacy_names_of(legacy, address, &location.n_lines);
        for (uint32_t i = 0; i < location.n_lines; i++)
            lines[i] = names[i].line;
    }
    if (location.n_lines > 0 && location.mapping != 0)
        legacy->profile->mappings[location.mapping].has_functions = true;
    return pp_profile_location(legacy->profile, &location, lines);
}

int pp_legacy_end_stack(struct pp_legacy *legacy, bool is_leaf_call, pp_id *stack_out)
{
    const size_t n = legacy->n_addresses;

    legacy->n_addresses = 0;
    if (pp_array_reserve(&legacy->stack, &legacy->stack_capacity, n + 1, sizeof *legacy->stack) !=
        0)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const uint64_t address = legacy->addresses[i];
        const bool is_call = (i > 0 || is_leaf_call) && address > 0;
        legacy->stack[i] = location_of(legacy, address - is_call);
    }
    legacy->n_names = 0;
    legacy->are_names_mixed = false;
    *stack_out = pp_profile_stack(legacy->profile, legacy->stack, n);
    return pp_profile_failed(legacy->profile) ? -ENOMEM : 0;
}

/* ---- values and messages ---- */

bool pp_legacy_take_number(struct pp_text *rest, int64_t *value_out)
{
    bool is_negative;
    int64_t value = 0;
    size_t at = 0;

    pp_text_trim(rest);
    is_negative = rest->n_bytes > 0 && rest->bytes[0] == '-';
    for (at = is_negative; at < rest->n_bytes && rest->bytes[at] >= '0' && rest->bytes[at] <= '9';
         at++) {
        const int digit = rest->bytes[at] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, is_negative ? -digit : digit, &value))
            value = is_negative ? INT64_MIN : INT64_MAX;
    }
    if (at == (size_t)is_negative)
        return false;
    rest->bytes += at;
    rest->offset += at;
    rest->n_bytes -= at;
    *value_out = value;
    return true;
}

bool pp_legacy_take_char(struct pp_text *rest, char wanted)
{
    pp_text_trim(rest);
    if (rest->n_bytes == 0 || rest->bytes[0] != wanted)
        return false;
    rest->bytes++;
    rest->offset++;
    rest->n_bytes--;
    return true;
}

int64_t pp_legacy_clamp(double value)
{
    if (!(value < 9223372036854775807.0))
        return INT64_MAX;
    return value > -9223372036854775807.0 ? (int64_t)value : INT64_MIN;
}

int64_t pp_legacy_multiply(int64_t a, int64_t b)
{
    int64_t product;

    if (__builtin_mul_overflow(a, b, &product))
        return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
    return product;
}

void pp_legacy_scale_heap(int64_t period, int64_t *count, int64_t *bytes)
{
    double scale;

    if (*count == 0 || *bytes == 0 || period <= 1)
        return;
    scale = 1 / (1 - exp(-((double)*bytes / (double)*count) / (double)period));
    *count = pp_legacy_clamp((double)*count * scale);
    *bytes = pp_legacy_clamp((double)*bytes * scale);
}

int pp_legacy_refuse(struct pp_legacy *legacy, const struct pp_text *line, const char *wanted)
{
    const int n_shown = line->n_bytes < 60 ? (int)line->n_bytes : 60;

    const uint64_t offset = legacy->base_offset + line->offset;

    return pp_fail(legacy->err, -EBADMSG, offset,
                   "'%s': \"%.*s\" at byte %" PRIu64 " is not %s; give the file as it was written",
                   legacy->name, n_shown, line->bytes, offset, wanted);
}

void pp_legacy_skip(struct pp_legacy *legacy, const struct pp_text *line)
{
    if (legacy->n_skipped++ == 0)
        legacy->first_skipped = legacy->base_offset + line->offset;
}

/* ---- which of them it is ---- */

typedef int read_function(struct pp_legacy *legacy, const char *bytes, size_t n_bytes);

/* "threadcreate profile: total 7" */
static bool is_count_head(struct pp_text line)
{
    struct pp_text word = pp_text_word(&line);
    int64_t total;

    for (size_t i = 0; i < word.n_bytes; i++) {
        const char c = word.bytes[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    pp_text_trim(&line);
    if (word.n_bytes == 0 || !pp_text_begins(&line, "profile: total "))
        return false;
    line.bytes += strlen("profile: total ");
    line.n_bytes -= strlen("profile: total ");
    return pp_legacy_take_number(&line, &total) && line.n_bytes == 0;
}

/* Java's have the heads of others and say "format = java" below. */
static bool is_java(struct pp_lines lines)
{
    struct pp_text line;

    for (int i = 0; i < 4 && pp_lines_next(&lines, &line); i++) {
        struct pp_text word = pp_text_word(&line);
        if (word.n_bytes == 6 && memcmp(word.bytes, "format", 6) == 0 &&
            pp_legacy_take_char(&line, '='))
            return pp_text_begins(&line, " java") || pp_text_begins(&line, "java");
    }
    return false;
}

static read_function *reader_of_line(const struct pp_text *line, const struct pp_lines *behind)
{
    if (pp_text_begins(line, "heap_v2/"))
        return pp_legacy_read_jemalloc;
    if (pp_text_begins(line, "heap profile:"))
        return pp_legacy_read_heap;
    if (pp_text_begins(line, "--- heapz "))
        return is_java(*behind) ? pp_legacy_read_java : NULL;
    if (pp_text_begins(line, "--- contention") || pp_text_begins(line, "--- mutex"))
        return is_java(*behind) ? pp_legacy_read_java : pp_legacy_read_contention;
    if (pp_text_begins(line, "--- threadz ") || pp_text_begins(line, "--- Thread "))
        return pp_legacy_read_threads;
    return is_count_head(*line) ? pp_legacy_read_counts : NULL;
}

/* The reader, or NULL; 'n_skipped_out': the bytes of comments before the head. */
static read_function *reader_of(const char *bytes, size_t n_bytes, size_t *n_skipped_out)
{
    struct pp_legacy_words words;
    struct pp_lines lines;
    struct pp_text line;

    *n_skipped_out = 0;
    if (pp_legacy_cpu_head(bytes, n_bytes, &words))
        return pp_legacy_read_cpu;
    pp_lines_of_bytes(&lines, bytes, n_bytes);
    while (pp_lines_next(&lines, &line)) {
        pp_text_trim(&line);
        *n_skipped_out = line.offset;
        if (line.n_bytes > 0 && line.bytes[0] != '#')
            return reader_of_line(&line, &lines);
    }
    return NULL;
}

bool pp_legacy_is(const void *bytes, size_t n_bytes)
{
    size_t n_skipped;

    return reader_of(bytes, n_bytes, &n_skipped) != NULL;
}

int pp_legacy_read(const void *bytes, size_t n_bytes, const char *name,
                   struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    __attribute__((cleanup(legacy_done))) struct pp_legacy legacy = {.name = name, .err = err};
    size_t n_skipped;
    read_function *read = reader_of(bytes, n_bytes, &n_skipped);
    int failed = -ENOMEM;

    if (read == NULL)
        return pp_fail(err, -EBADMSG, 0, "'%s' is no profile of gperftools or its kin", name);
    legacy.base_offset = n_skipped;
    legacy.profile = pp_profile_new();
    if (legacy.profile != NULL)
        failed = read(&legacy, (const char *)bytes + n_skipped, n_bytes - n_skipped);
    if (failed == 0 && legacy.n_skipped > 0)
        pp_profile_note(legacy.profile,
                        "%" PRIu64 " lines are no part of the profile and were skipped, the first "
                        "at byte %" PRIu64,
                        legacy.n_skipped, legacy.first_skipped);
    if (failed == 0 && legacy.n_no_addresses > 0)
        pp_profile_note(legacy.profile,
                        "%" PRIu64 " words of stacks are no addresses and were left out, the first "
                        "at byte %" PRIu64,
                        legacy.n_no_addresses, legacy.first_no_address);
    if (failed == 0 && read != pp_legacy_read_cpu && ((const char *)bytes)[n_bytes - 1] != '\n')
        pp_profile_note(legacy.profile,
                        "the file ends within a line, at byte %zu: it may have been cut short",
                        n_bytes);
    if (failed == 0 && pp_profile_failed(legacy.profile))
        failed = -ENOMEM;
    if (failed == -ENOMEM)
        return pp_fail(err, failed, 0, "'%s': out of memory", name);
    if (failed != 0)
        return failed;
    *profile_out = legacy.profile;
    legacy.profile = NULL;
    return 0;
}

int pp_legacy_read_lines(struct pp_legacy *legacy, struct pp_lines *lines,
                         int (*read)(void *reader, struct pp_text line), void *reader)
{
    struct pp_text line;
    int failed = 0;

    while (failed == 0 && pp_lines_next(lines, &line)) {
        if (line.n_bytes > 0 && line.bytes[0] == '#') {
            failed = pp_legacy_take_comment(legacy, line);
            continue;
        }
        pp_text_trim(&line);
        if (line.n_bytes > 0)
            failed = read(reader, line);
    }
    return failed;
}
