/* gperftools' CPU profile: words of the program's width and byte order, then what was mapped.
 * A header (0, 3, version, period in microseconds, 0), a record a stack (count, depth, addresses),
 * a trailer (0, 1, 0).  Java's has version 1 and names instead of mappings. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/legacy.h"

enum {
    N_HEADER_WORDS = 5,
    MOST_STRIPPED = 2,    /* frames of signal delivery, as google/pprof has it */
    SIMILAR_SAMPLES = 32, /* one sample in so many may differ */
};

bool pp_legacy_word(struct pp_legacy_words *words, uint64_t *value_out)
{
    uint64_t value = 0;

    if ((size_t)(words->end - words->at) < words->n_bytes)
        return false;
    for (unsigned i = 0; i < words->n_bytes; i++) {
        const unsigned from = words->is_big_endian ? i : words->n_bytes - 1 - i;
        value = value << 8 | words->at[from];
    }
    words->at += words->n_bytes;
    *value_out = value;
    return true;
}

bool pp_legacy_cpu_head(const void *bytes, size_t n_bytes, struct pp_legacy_words *words)
{
    for (int way = 0; way < 4 && n_bytes > 0; way++) {
        uint64_t header[N_HEADER_WORDS];
        int n = 0;
        *words = (struct pp_legacy_words){.at = bytes,
                                          .end = (const unsigned char *)bytes + n_bytes,
                                          .n_bytes = way < 2 ? 4 : 8,
                                          .is_big_endian = way % 2 == 1};
        while (n < N_HEADER_WORDS && pp_legacy_word(words, &header[n]))
            n++;
        if (n == N_HEADER_WORDS && header[0] == 0 && header[1] == 3 && header[2] <= 1 &&
            header[3] > 0 && header[4] == 0) {
            words->is_java = header[2] == 1;
            words->period_us = header[3];
            return true;
        }
    }
    return false;
}

/* ---- records ---- */

struct cpu_record {
    uint64_t count;
    size_t first, n; /* addresses */
};

struct cpu_reader {
    struct pp_legacy *legacy;
    struct cpu_record *records;
    size_t n_records, capacity;
    const char *bytes; /* of all the file */
};

static void cpu_reader_done(struct cpu_reader *reader)
{
    free(reader->records);
}

static int refuse_at(const struct cpu_reader *reader, const unsigned char *at, const char *what)
{
    const uint64_t offset = (uint64_t)(at - (const unsigned char *)reader->bytes);

    return pp_fail(reader->legacy->err, -EBADMSG, offset,
                   "'%s': %s at byte %" PRIu64
                   "; the file is damaged: take the profile again, ending with ProfilerStop()",
                   reader->legacy->name, what, offset);
}

/* 1 for a record, 0 at the trailer or where the file ends between records. */
static int read_record(struct cpu_reader *reader, struct pp_legacy_words *words)
{
    struct pp_legacy *legacy = reader->legacy;
    struct cpu_record record = {.first = legacy->n_addresses};
    const unsigned char *begin = words->at;
    uint64_t depth, address = 0;

    if (words->at == words->end)
        return 0;
    if (!pp_legacy_word(words, &record.count) || !pp_legacy_word(words, &depth))
        return refuse_at(reader, begin, "truncated record");
    if (depth > (size_t)(words->end - words->at) / words->n_bytes)
        return refuse_at(reader, begin, "a stack deeper than the file");
    for (record.n = 0; record.n < depth; record.n++) {
        if (!pp_legacy_word(words, &address) || pp_legacy_add_address(legacy, address) != 0)
            return -ENOMEM;
    }
    if (record.count == 0 && depth == 1 && address == 0) {
        legacy->n_addresses--;
        return 0;
    }
    if (record.count > INT64_MAX)
        return refuse_at(reader, begin, "a count of more than 2^63");
    if (pp_array_reserve(&reader->records, &reader->capacity, reader->n_records + 1,
                         sizeof *reader->records) != 0)
        return -ENOMEM;
    reader->records[reader->n_records++] = record;
    return 1;
}

/* ---- frames of signal delivery ---- */

static int order_words(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

/* The address that most stacks have as their second; false when there is none.  0 or -ENOMEM. */
static int common_second(const struct cpu_reader *reader, bool *found_out, uint64_t *address_out)
{
    const size_t n = reader->n_records, n_wanted = n - n / SIMILAR_SAMPLES;
    pp_autofree uint64_t *seconds = calloc(n + 1, sizeof *seconds);
    size_t n_seconds = 0, n_same = 0;

    *found_out = false;
    if (seconds == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (reader->records[i].n > 1)
            seconds[n_seconds++] = reader->legacy->addresses[reader->records[i].first + 1];
    }
    qsort(seconds, n_seconds, sizeof *seconds, order_words);
    for (size_t i = 0; i < n_seconds && !*found_out; i++) {
        n_same = i > 0 && seconds[i] == seconds[i - 1] ? n_same + 1 : 1;
        if (n_same >= n_wanted) {
            *found_out = true;
            *address_out = seconds[i];
        }
    }
    return 0;
}

/* The second frame of this record goes. */
static void drop_second(struct cpu_reader *reader, struct cpu_record *record)
{
    uint64_t *addresses = reader->legacy->addresses + record->first;

    addresses[1] = addresses[0];
    record->first++;
    record->n--;
}

/* Old handlers leave their own return address, and some the leaf twice. */
static int strip_handler(struct cpu_reader *reader)
{
    uint64_t address = 0;
    size_t n_doubled = 0;
    bool found = true;

    for (int i = 0; i < MOST_STRIPPED && found; i++) {
        size_t n_stripped = 0;
        if (common_second(reader, &found, &address) != 0)
            return -ENOMEM;
        for (size_t k = 0; found && k < reader->n_records; k++) {
            struct cpu_record *record = &reader->records[k];
            if (record->n > 1 && reader->legacy->addresses[record->first + 1] == address) {
                drop_second(reader, record);
                n_stripped++;
            }
        }
        if (found)
            pp_profile_note(reader->legacy->profile,
                            "the frame 0x%" PRIx64 ", which stands second in %zu of %zu stacks, is "
                            "the signal's and was left out",
                            address, n_stripped, reader->n_records);
    }
    for (size_t k = 0; k < reader->n_records; k++) {
        struct cpu_record *record = &reader->records[k];
        const uint64_t *addresses = reader->legacy->addresses;
        if (record->n > 1 && addresses[record->first] == addresses[record->first + 1]) {
            drop_second(reader, record);
            n_doubled++;
        }
    }
    if (n_doubled > 0)
        pp_profile_note(reader->legacy->profile, "%zu stacks had their leaf twice", n_doubled);
    return 0;
}

/* ---- the profile ---- */

static int add_records(struct cpu_reader *reader, bool is_java)
{
    struct pp_legacy *legacy = reader->legacy;
    uint64_t *addresses = legacy->addresses;
    int failed = 0;

    /* The stack that is being read is one of these at a time. */
    legacy->addresses = NULL;
    legacy->n_addresses = legacy->addresses_capacity = 0;
    for (size_t i = 0; i < reader->n_records && failed == 0; i++) {
        const struct cpu_record *record = &reader->records[i];
        int64_t values[2] = {(int64_t)record->count, 0};
        pp_id stack;
        for (size_t k = 0; k < record->n && failed == 0; k++)
            failed = pp_legacy_add_address(legacy, addresses[record->first + k]);
        if (failed == 0)
            failed = is_java ? pp_legacy_end_java_stack(legacy, &stack)
                             : pp_legacy_end_stack(legacy, false, &stack);
        if (failed != 0)
            break;
        values[1] = pp_legacy_multiply(values[0], legacy->profile->period);
        pp_profile_add(legacy->profile, stack, 0, 0, values);
    }
    free(addresses);
    return failed;
}

int pp_legacy_read_cpu(struct pp_legacy *legacy, const char *bytes, size_t n_bytes)
{
    __attribute__((cleanup(cpu_reader_done))) struct cpu_reader reader = {.legacy = legacy,
                                                                          .bytes = bytes};
    struct pprofc_profile *profile = legacy->profile;
    struct pp_legacy_words words;
    struct pp_lines lines;
    int found = 1;

    (void)pp_legacy_cpu_head(bytes, n_bytes, &words);
    if (words.period_us > INT64_MAX / 1000)
        return refuse_at(&reader, (const unsigned char *)bytes, "a period of more than 2^63 ns");
    profile->period = (int64_t)words.period_us * 1000;
    profile->period_type.type = pp_profile_text(profile, "cpu");
    profile->period_type.unit = pp_profile_text(profile, "nanoseconds");
    if (pp_profile_add_type(profile, "samples", "count") < 0 ||
        pp_profile_add_type(profile, "cpu", "nanoseconds") < 0)
        return -ENOMEM;
    profile->default_type = 1;
    while (found > 0)
        found = read_record(&reader, &words);
    if (found < 0)
        return found;
    pp_lines_of_bytes(&lines, words.at, (size_t)(words.end - words.at));
    if (words.is_java)
        found = pp_legacy_read_java_names(legacy, &lines);
    else
        found = pp_legacy_read_maps(legacy, &lines);
    if (found == 0 && !words.is_java)
        found = strip_handler(&reader);
    return found == 0 ? add_records(&reader, words.is_java) : found;
}
