/* Text, line by line, from memory or from a descriptor: of the latter only a piece is held at a
 * time, so that a file of many gigabytes costs what its profile costs. */
#ifndef PP_FORMATS_LINES_H
#define PP_FORMATS_LINES_H

#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"

/* Some bytes of a text and where they stand in it. */
struct pp_text {
    const char *bytes;
    size_t n_bytes;
    uint64_t offset;
};

struct pp_lines {
    const char *at, *end;   /* what is here and was not handed out yet */
    uint64_t offset;        /* of 'at' in the text */
    struct pp_buffer chunk; /* what was read of the descriptor; empty for text in memory */
    int descriptor;         /* -1: all of the text is here */
    int error;              /* a negative errno that ended the reading, or 0 */
};

/* Of memory, which stays the caller's. */
void pp_lines_of_bytes(struct pp_lines *lines, const void *bytes, size_t n_bytes);

/* Of a descriptor (the caller's, read from where it stands) whose first bytes were read already:
 * they are taken out of 'head', which is empty then. */
void pp_lines_of_descriptor(struct pp_lines *lines, int descriptor, struct pp_buffer *head);

void pp_lines_done(struct pp_lines *lines);

/* More of the descriptor, until there is a line's end or the text's; false at the end of the text
 * (nothing is left then) and when reading fails. */
bool pp_lines_fill(struct pp_lines *lines);

/* The next line without its newline, which may have a '\r' before it; false behind the last one, or
 * when 'error' is set.  The bytes are good until the next call. */
static inline bool pp_lines_next(struct pp_lines *lines, struct pp_text *line)
{
    const size_t n_here = (size_t)(lines->end - lines->at);
    const char *newline = n_here > 0 ? memchr(lines->at, '\n', n_here) : NULL;

    if (newline == NULL) {
        if (!pp_lines_fill(lines))
            return false;
        newline = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    }
    line->bytes = lines->at;
    line->n_bytes = (size_t)((newline != NULL ? newline : lines->end) - lines->at);
    line->offset = lines->offset;
    lines->at += line->n_bytes + (newline != NULL);
    lines->offset += line->n_bytes + (newline != NULL);
    return true;
}

static inline bool pp_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\0';
}

/* Without the blanks at its ends. */
static inline void pp_text_trim(struct pp_text *text)
{
    while (text->n_bytes > 0 && pp_is_blank(text->bytes[text->n_bytes - 1]))
        text->n_bytes--;
    while (text->n_bytes > 0 && pp_is_blank(text->bytes[0])) {
        text->bytes++;
        text->n_bytes--;
        text->offset++;
    }
}

static inline bool pp_text_begins(const struct pp_text *text, const char *beginning)
{
    const size_t n_bytes = strlen(beginning);

    return text->n_bytes >= n_bytes && memcmp(text->bytes, beginning, n_bytes) == 0;
}

/* Take the next word (what stands before a blank) from the beginning of 'rest'; an empty one at the
 * end. */
struct pp_text pp_text_word(struct pp_text *rest);

/* Whether all of 'text' is a hexadecimal number ("0x4a3f" or "4a3f") of 64 bits. */
bool pp_text_hex(const struct pp_text *text, uint64_t *value_out);

#endif
