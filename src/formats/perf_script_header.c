/* The first line of each record of `perf script`: who, when, how much of what.  perf prints the
 * columns that its user chose, and names of threads may have blanks, digits and colons in them. */
#include "formats/perf_script.h"

enum {
    MAX_COMM_BYTES = 64, /* the kernel's are 15; tools that put more there exist */
    NS_DIGITS = 9,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The number that stands at '*at', INT64_MAX when it is more than that; false without any digit. */
static bool take_number(const struct pp_text *text, size_t *at, int64_t *value_out)
{
    const size_t begin = *at;
    int64_t value = 0;

    for (; *at < text->n_bytes && is_digit(text->bytes[*at]); ++*at) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text->bytes[*at] - '0', &value))
            value = INT64_MAX;
    }
    *value_out = value;
    return *at > begin;
}

/* "27409" or "27409/28744": a thread, or its process and it.  perf gives -1 where it does not know.
 */
static bool read_ids(const struct pp_text *word, struct pp_perf_header *header)
{
    size_t at = 0;
    int64_t first;

    header->pid = header->tid = -1;
    if (word->n_bytes > 0 && word->bytes[0] == '-')
        at = 1;
    if (!take_number(word, &at, &first))
        return false;
    if (at == word->n_bytes) {
        header->tid = word->bytes[0] == '-' ? -1 : first;
        return true;
    }
    if (word->bytes[at++] != '/')
        return false;
    header->pid = word->bytes[0] == '-' ? -1 : first;
    if (at < word->n_bytes && word->bytes[at] == '-')
        return ++at < word->n_bytes && take_number(word, &at, &first) && at == word->n_bytes;
    return take_number(word, &at, &header->tid) && at == word->n_bytes;
}

/* "1410597.984841:", in seconds. */
static bool read_time(const struct pp_text *word, struct pp_perf_header *header)
{
    size_t at = 0, begin;
    int64_t seconds, fraction;

    if (!take_number(word, &at, &seconds) || at == word->n_bytes || word->bytes[at] != '.')
        return false;
    begin = ++at;
    if (!take_number(word, &at, &fraction) || at + 1 != word->n_bytes || word->bytes[at] != ':')
        return false;
    for (size_t n_digits = at - begin; n_digits < NS_DIGITS; n_digits++)
        fraction *= 10;
    if (at - begin > NS_DIGITS || __builtin_mul_overflow(seconds, 1000000000, &header->time_ns) ||
        __builtin_add_overflow(header->time_ns, fraction, &header->time_ns))
        return false;
    header->has_time = true;
    return true;
}

/* "[002]" */
static bool is_cpu(const struct pp_text *word)
{
    struct pp_text inner = *word;
    size_t at = 0;
    int64_t cpu;

    if (word->n_bytes < 3 || word->bytes[0] != '[')
        return false;
    inner.bytes++;
    inner.n_bytes--;
    return take_number(&inner, &at, &cpu) && at + 1 == inner.n_bytes && inner.bytes[at] == ']';
}

/* "cycles:u:" is the event "cycles:u"; "raw" stands in a word of its own before a raw event. */
static bool read_event(const struct pp_text *word, struct pp_text *rest,
                       struct pp_perf_header *header)
{
    struct pp_text last = *word;

    if (word->n_bytes == 3 && memcmp(word->bytes, "raw", 3) == 0)
        last = pp_text_word(rest);
    if (last.n_bytes < 2 || is_digit(word->bytes[0]) || last.bytes[last.n_bytes - 1] != ':')
        return false;
    header->event = *word;
    header->event.n_bytes = (size_t)(last.bytes + last.n_bytes - 1 - word->bytes);
    header->rest = *rest;
    pp_text_trim(&header->rest);
    return true;
}

/* What stands behind the name of the thread; true when all of it makes sense. */
static bool read_columns(struct pp_text rest, struct pp_perf_header *header)
{
    struct pp_text word = pp_text_word(&rest);
    struct pp_perf_frame_text frame;
    struct pp_text before;
    size_t at;

    if (!read_ids(&word, header))
        return false;
    header->has_time = header->has_period = false;
    header->event = header->rest = (struct pp_text){NULL, 0, 0};
    for (;;) {
        before = rest;
        word = pp_text_word(&rest);
        at = 0;
        if (word.n_bytes == 0)
            return header->has_time;
        if (is_cpu(&word) || (!header->has_time && read_time(&word, header)))
            continue;
        if (!header->has_period && take_number(&word, &at, &header->period) && at == word.n_bytes) {
            header->has_period = true;
            continue;
        }
        if (read_event(&word, &rest, header))
            return true;
        pp_text_trim(&before);
        header->rest = before; /* no event is shown, and the only frame stands here */
        return header->has_time && pp_perf_read_frame(&before, &frame);
    }
}

bool pp_perf_read_header(const struct pp_text *line, struct pp_perf_header *header)
{
    struct pp_text all = *line;
    const char *bytes;

    pp_text_trim(&all);
    bytes = all.bytes;
    for (size_t at = 1; at < all.n_bytes && at < MAX_COMM_BYTES; at++) {
        struct pp_text rest = {bytes + at, all.n_bytes - at, all.offset + at};
        if (!pp_is_blank(bytes[at - 1]) || (!is_digit(bytes[at]) && bytes[at] != '-'))
            continue;
        if (!read_columns(rest, header))
            continue;
        header->comm = (struct pp_text){bytes, at, all.offset};
        pp_text_trim(&header->comm);
        return true;
    }
    return false;
}
