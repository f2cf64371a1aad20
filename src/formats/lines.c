/* Text, line by line. */
#include "formats/lines.h"

#include <errno.h>
#include <unistd.h>

/* What is read at a time: it stays in the processor's cache, and a line longer than it makes it
 * grow. */
enum { CHUNK_BYTES = 256 * 1024 };

void pp_lines_of_bytes(struct pp_lines *lines, const void *bytes, size_t n_bytes)
{
    *lines = (struct pp_lines){.at = bytes, .end = bytes, .descriptor = -1};
    if (n_bytes > 0)
        lines->end += n_bytes;
}

void pp_lines_of_descriptor(struct pp_lines *lines, int descriptor, struct pp_buffer *head)
{
    *lines = (struct pp_lines){.chunk = *head, .descriptor = descriptor};
    lines->at = lines->end = head->bytes;
    if (head->n_bytes > 0)
        lines->end += head->n_bytes;
    *head = (struct pp_buffer)PP_BUFFER_INIT;
}

void pp_lines_done(struct pp_lines *lines)
{
    pp_buffer_done(&lines->chunk);
}

/* What is left moves to the beginning of the chunk, and there is room behind it.  Returns 0 or
 * -ENOMEM. */
static int make_room(struct pp_lines *lines)
{
    const size_t n_left = (size_t)(lines->end - lines->at);

    if (n_left > 0 && lines->at != lines->chunk.bytes)
        memmove(lines->chunk.bytes, lines->at, n_left);
    lines->chunk.n_bytes = n_left;
    if (pp_buffer_room(&lines->chunk, n_left + 1 > CHUNK_BYTES ? n_left : CHUNK_BYTES - n_left) ==
        NULL)
        return -ENOMEM;
    lines->at = lines->chunk.bytes;
    lines->end = lines->at + n_left;
    return 0;
}

/* The number of bytes that came, 0 at the end, or a negative errno. */
static ssize_t read_some(struct pp_lines *lines)
{
    const size_t n_room = lines->chunk.capacity - lines->chunk.n_bytes;
    ssize_t n_read;

    do
        n_read = read(lines->descriptor, lines->chunk.bytes + lines->chunk.n_bytes, n_room);
    while (n_read < 0 && errno == EINTR);
    if (n_read < 0)
        return -errno;
    lines->chunk.n_bytes += (size_t)n_read;
    lines->end += n_read;
    return n_read;
}

bool pp_lines_fill(struct pp_lines *lines)
{
    while (lines->descriptor >= 0) {
        ssize_t n_read = make_room(lines);
        if (n_read == 0)
            n_read = read_some(lines);
        if (n_read < 0) {
            lines->error = (int)n_read;
            lines->at = lines->end;
        }
        if (n_read <= 0)
            lines->descriptor = -1;
        else if (memchr(lines->end - n_read, '\n', (size_t)n_read) != NULL)
            return true;
    }
    return lines->at < lines->end;
}

struct pp_text pp_text_word(struct pp_text *rest)
{
    struct pp_text word;

    pp_text_trim(rest);
    word = *rest;
    word.n_bytes = 0;
    while (word.n_bytes < rest->n_bytes && !pp_is_blank(rest->bytes[word.n_bytes]))
        word.n_bytes++;
    rest->bytes += word.n_bytes;
    rest->offset += word.n_bytes;
    rest->n_bytes -= word.n_bytes;
    return word;
}

bool pp_text_hex(const struct pp_text *text, uint64_t *value_out)
{
    size_t at = text->n_bytes > 2 && text->bytes[0] == '0' && text->bytes[1] == 'x' ? 2 : 0;
    uint64_t value = 0;

    if (at == text->n_bytes)
        return false;
    for (; at < text->n_bytes; at++) {
        const char c = text->bytes[at];
        const int letter = c | 0x20;
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (letter >= 'a' && letter <= 'f')
            digit = (unsigned)(letter - 'a') + 10;
        else
            return false;
        if (value >> 60 != 0)
            return false;
        value = value << 4 | digit;
    }
    *value_out = value;
    return true;
}
