/* Names that fit their boxes.  web/flame_text.js does the same in the page;
 * tests/unit/views/short_names.tsv holds both to the same answers. */
#include <string.h>

#include "views/flamegraph_parts.h"

/* Length of the character that starts at 'c' in clean text. */
static size_t char_bytes(char c)
{
    const unsigned char byte = (unsigned char)c;

    return byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
}

/* East Asian characters are two columns wide: near enough, everything from U+1100 but Latin and
 * punctuation. */
static size_t char_columns(const char *text, size_t n_bytes)
{
    const unsigned char *c = (const unsigned char *)text;
    uint32_t code;

    if (n_bytes < 3)
        return 1;
    code = n_bytes == 4 ? 0x10000u : (c[0] & 0xfu) << 12 | (c[1] & 0x3fu) << 6 | (c[2] & 0x3fu);
    return (code >= 0x1100 && code < 0x1200) || (code >= 0x2e80 && code < 0xd7a4) ||
                   (code >= 0xf900 && code < 0xfb00) || (code >= 0xfe30 && code < 0xfe70) ||
                   (code >= 0xff00 && code < 0xff61) || code >= 0x10000
               ? 2
               : 1;
}

/* Bytes of 'text' that fill at most 'max_columns'; the columns they fill in 'columns_out'. */
static size_t fit(const char *text, size_t n_bytes, size_t max_columns, size_t *columns_out)
{
    size_t i = 0, columns = 0;

    while (i < n_bytes) {
        const size_t length = char_bytes(text[i]);
        const size_t more = char_columns(text + i, length);
        if (columns + more > max_columns)
            break;
        columns += more;
        i += length;
    }
    *columns_out = columns;
    return i;
}

size_t pp_flame_columns(const char *text, size_t n_bytes)
{
    size_t columns;

    (void)fit(text, n_bytes, SIZE_MAX, &columns);
    return columns;
}

void pp_flame_cut(struct pp_buffer *out, const char *text, size_t n_bytes, size_t max_columns)
{
    size_t columns, length = fit(text, n_bytes, max_columns, &columns);

    if (length < n_bytes)
        length = fit(text, n_bytes, max_columns - 1, &columns);
    pp_buffer_append(out, text, length);
    if (length < n_bytes)
        pp_buffer_text(out, "…");
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Length of the name of an operator whose characters look like brackets ("operator<<",
 * "operator()", "operator->") at 'i', or 0. */
static size_t operator_bytes(const char *name, size_t n_bytes, size_t i)
{
    static const char *const signs[] = {
        "()", "->*", "->", "<=>", "<<=", ">>=", "<<", ">>", "<=", ">=", "<", ">"};
    const size_t word = strlen("operator"), end = i + word;
    size_t k;

    if (end >= n_bytes || memcmp(name + i, "operator", word) != 0 ||
        (i > 0 && is_word(name[i - 1])))
        return 0;
    for (k = 0; k < sizeof signs / sizeof signs[0]; k++) {
        const size_t n_sign = strlen(signs[k]);
        if (n_bytes - end >= n_sign && memcmp(name + end, signs[k], n_sign) == 0)
            return word + n_sign;
    }
    return 0;
}

/* Where the bracket opened at 'i' closes, or 0.  A '>' of "->" closes nothing. */
static size_t closing(const char *name, size_t n_bytes, size_t i)
{
    const char open = name[i], close = open == '<' ? '>' : ')';
    size_t depth = 0;

    for (; i < n_bytes; i++) {
        if (name[i] == open)
            depth++;
        else if (name[i] == close && !(close == '>' && name[i - 1] == '-') && --depth == 0)
            return i;
    }
    return 0;
}

/* Append 'name' with the insides of "<...>" and "(...)" left out; false when brackets do not match.
 */
static bool collapse(struct pp_buffer *out, const char *name, size_t n_bytes)
{
    static const char anonymous[] = "(anonymous namespace)";
    size_t i = 0;

    while (i < n_bytes) {
        size_t length = operator_bytes(name, n_bytes, i);
        if (length > 0) {
            pp_buffer_append(out, name + i, length);
        } else if (n_bytes - i >= sizeof anonymous - 1 &&
                   memcmp(name + i, anonymous, sizeof anonymous - 1) == 0) {
            length = sizeof anonymous - 1;
            pp_buffer_text(out, "(anon)");
        } else if (name[i] == '<' || name[i] == '(') {
            const size_t end = closing(name, n_bytes, i);
            if (end == 0)
                return false;
            length = end + 1 - i;
            if (length == 2)
                pp_buffer_append(out, name + i, 2);
            else
                pp_buffer_text(out, name[i] == '<' ? "<…>" : "(…)");
        } else {
            length = 1;
            pp_buffer_append(out, name + i, 1);
        }
        i += length;
    }
    return true;
}

static size_t find(const char *text, size_t n_bytes, const char *what)
{
    const char *found = n_bytes > 0 ? memmem(text, n_bytes, what, strlen(what)) : NULL;

    return found != NULL ? (size_t)(found - text) : n_bytes;
}

/* Take every "(…)" out of 'text'. */
static void drop_parameters(struct pp_buffer *text)
{
    static const char parameters[] = "(…)";
    size_t from = 0, to = 0;

    while (from < text->n_bytes) {
        if (text->n_bytes - from >= sizeof parameters - 1 &&
            memcmp(text->bytes + from, parameters, sizeof parameters - 1) == 0)
            from += sizeof parameters - 1;
        else
            text->bytes[to++] = text->bytes[from++];
    }
    if (to > 0)
        text->n_bytes = to;
}

void pp_flame_shorten(struct pp_buffer *out, const char *name, size_t n_bytes, size_t max_columns)
{
    pp_autobuffer struct pp_buffer simple = PP_BUFFER_INIT;
    size_t columns;

    if (max_columns < 3)
        return;
    if (fit(name, n_bytes, max_columns, &columns) == n_bytes) {
        pp_buffer_append(out, name, n_bytes);
        return;
    }
    if (collapse(&simple, name, n_bytes) && !simple.failed) {
        if (fit(simple.bytes, simple.n_bytes, max_columns, &columns) < simple.n_bytes)
            drop_parameters(&simple);
        name = simple.bytes;
        n_bytes = simple.n_bytes;
    }
    while (fit(name, n_bytes, max_columns, &columns) < n_bytes) {
        /* Leading scopes go one by one; "…" takes a column of its own. */
        const size_t scope = find(name, n_bytes, "::");
        if (scope == n_bytes)
            break;
        name += scope + 2;
        n_bytes -= scope + 2;
        if (pp_flame_columns(name, n_bytes) + 1 <= max_columns) {
            pp_buffer_text(out, "…");
            break;
        }
    }
    pp_flame_cut(out, name, n_bytes, max_columns);
}
