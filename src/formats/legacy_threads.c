/* Where threads stood, as text: gperftools' threadz, and counts of stacks ("goroutine profile:
 * total 7"), as Go and we write them. */
#include <errno.h>

#include "base/error.h"
#include "formats/legacy.h"

struct threads_reader {
    struct pp_legacy *legacy;
    bool has_thread; /* one is read */
    bool is_same;    /* "[same as previous thread]" */
    pp_id labels;
    pp_id previous; /* the stack of the thread before */
    int64_t count;  /* of a stack that stands for several */
};

static int start_profile(struct pp_legacy *legacy, struct pp_text type)
{
    struct pprofc_profile *profile = legacy->profile;
    const pp_id name = pp_profile_string(profile, type.bytes, type.n_bytes);

    profile->period = 1;
    profile->period_type.type = name;
    profile->period_type.unit = pp_profile_text(profile, "count");
    return pp_profile_add_type(profile, profile->strings[name], "count") < 0 ? -ENOMEM : 0;
}

/* ---- threadz ---- */

static int end_thread(struct threads_reader *reader)
{
    const int64_t one = 1;

    if (!reader->has_thread)
        return 0;
    reader->has_thread = false;
    if (!reader->is_same && pp_legacy_end_stack(reader->legacy, false, &reader->previous) != 0)
        return -ENOMEM;
    pp_profile_add(reader->legacy->profile, reader->previous, reader->labels, 0, &one);
    return 0;
}

/* "--- Thread 7f794ab90940 (name: main/14748) stack: ---" */
static int begin_thread(struct threads_reader *reader, const struct pp_text *line)
{
    struct pprofc_profile *profile = reader->legacy->profile;
    const char *name = memmem(line->bytes, line->n_bytes, "(name: ", 7);
    const char *end = memmem(line->bytes, line->n_bytes, ") stack:", 8);
    struct pp_label labels[2];
    uint32_t n_labels = 0;
    const int failed = end_thread(reader);

    if (failed != 0)
        return failed;
    if (name == NULL || end == NULL || end < name + 7)
        return pp_legacy_refuse(reader->legacy, line,
                                "\"--- Thread ID (name: NAME/TID) stack: ---\"");
    name += 7;
    for (const char *slash = end; slash > name; slash--) {
        struct pp_text digits = {slash, (size_t)(end - slash), 0};
        int64_t number;
        if (slash[-1] != '/')
            continue;
        if (pp_legacy_take_number(&digits, &number) && digits.n_bytes == 0) {
            labels[n_labels++] =
                (struct pp_label){.key = pp_profile_text(profile, "thread_id"), .number = number};
            end = slash - 1;
        }
        break;
    }
    if (end > name)
        labels[n_labels++] =
            (struct pp_label){.key = pp_profile_text(profile, "thread_name"),
                              .text = pp_profile_string(profile, name, (size_t)(end - name))};
    reader->labels = pp_profile_label_set(profile, labels, n_labels);
    reader->has_thread = true;
    reader->is_same = false;
    return 0;
}

/* "PC:  0x00bc8f1c: nanosleep", "0x0040be31: main", "creator: 0xa45b96 0xa460b4": addresses, one of
 * them perhaps with its name. */
static int read_frames(struct threads_reader *reader, struct pp_text line)
{
    struct pp_legacy *legacy = reader->legacy;
    const size_t n_before = legacy->n_addresses;
    const char *hex = memmem(line.bytes, line.n_bytes, "0x", 2);
    const char *colon;
    struct pp_text symbol = line;
    static const struct pp_text no_file = {"", 0, 0};

    if (hex == NULL)
        return 0; /* "creator:" on a line of its own */
    colon = memmem(hex, line.n_bytes - (size_t)(hex - line.bytes), ": ", 2);
    if (colon == NULL)
        return pp_legacy_add_addresses(legacy, line);
    symbol.bytes = colon + 2;
    symbol.n_bytes = line.n_bytes - (size_t)(symbol.bytes - line.bytes);
    line.n_bytes -= symbol.n_bytes;
    pp_text_trim(&symbol);
    if (pp_legacy_add_addresses(legacy, line) != 0)
        return -ENOMEM;
    if (legacy->n_addresses != n_before + 1 || symbol.n_bytes == 0)
        return 0;
    return pp_legacy_add_name(legacy, legacy->addresses[n_before] - (n_before > 0), symbol, no_file,
                              0);
}

static int read_thread_line(struct threads_reader *reader, struct pp_text line)
{
    static const char same[] = "same as previous thread";

    if (pp_text_begins(&line, "--- Thread "))
        return begin_thread(reader, &line);
    if (!reader->has_thread || pp_text_begins(&line, "----")) {
        if (!pp_text_begins(&line, "--- "))
            pp_legacy_skip(reader->legacy, &line);
        return 0;
    }
    if (memmem(line.bytes, line.n_bytes, same, sizeof same - 1) != NULL) {
        reader->is_same = true;
        return 0;
    }
    return read_frames(reader, line);
}

int pp_legacy_read_threads(struct pp_legacy *legacy, const char *bytes, size_t n_bytes)
{
    static const struct pp_text type = {"thread", 6, 0};
    struct threads_reader reader = {.legacy = legacy};
    struct pp_lines lines;
    struct pp_text line;
    size_t n_stacks_bytes;
    int failed = pp_legacy_find_maps(legacy, bytes, n_bytes, &n_stacks_bytes);

    if (failed == 0)
        failed = start_profile(legacy, type);
    pp_lines_of_bytes(&lines, bytes, n_stacks_bytes);
    while (failed == 0 && pp_lines_next(&lines, &line)) {
        pp_text_trim(&line);
        if (line.n_bytes > 0 && line.bytes[0] != '#')
            failed = read_thread_line(&reader, line);
    }
    return failed == 0 ? end_thread(&reader) : failed;
}

/* ---- counts ---- */

static int end_count(struct threads_reader *reader)
{
    pp_id stack;

    if (!reader->has_thread)
        return 0;
    reader->has_thread = false;
    if (pp_legacy_end_stack(reader->legacy, true, &stack) != 0)
        return -ENOMEM;
    pp_profile_add(reader->legacy->profile, stack, 0, 0, &reader->count);
    return 0;
}

/* "1 @ 0x44cb3 0x45045" */
static int read_count(void *context, struct pp_text line)
{
    struct threads_reader *reader = context;
    struct pp_text rest = line;
    const int failed = end_count(reader);

    if (failed != 0)
        return failed;
    if (!pp_legacy_take_number(&rest, &reader->count) || reader->count < 0 ||
        !pp_legacy_take_char(&rest, '@'))
        return pp_legacy_refuse(reader->legacy, &line, "\"count @ stack\"");
    reader->has_thread = true;
    return pp_legacy_add_addresses(reader->legacy, rest);
}

int pp_legacy_read_counts(struct pp_legacy *legacy, const char *bytes, size_t n_bytes)
{
    struct threads_reader reader = {.legacy = legacy};
    struct pp_lines lines;
    struct pp_text line = {"", 0, 0};
    size_t n_stacks_bytes;
    int failed = pp_legacy_find_maps(legacy, bytes, n_bytes, &n_stacks_bytes);

    pp_lines_of_bytes(&lines, bytes, n_stacks_bytes);
    (void)pp_lines_next(&lines, &line);
    if (failed == 0)
        failed = start_profile(legacy, pp_text_word(&line));
    if (failed == 0)
        failed = pp_legacy_read_lines(legacy, &lines, read_count, &reader);
    return failed == 0 ? end_count(&reader) : failed;
}
