/* What the command says to people. */
#include "cli/messages.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

enum { LINE_BYTES = 4096 };

static enum pp_loudness loudness = PP_NORMAL;

void pp_messages_set_loudness(enum pp_loudness wanted)
{
    loudness = wanted;
}

enum pp_loudness pp_messages_loudness(void)
{
    return loudness;
}

/* File names and errors may hold control characters, which a terminal would obey: they become '?',
 * and so does what is no UTF-8: terminals that take single bytes have controls among those. */
static void make_harmless(char *line, size_t n_chars)
{
    size_t length;

    for (size_t i = 0; i < n_chars; i += length) {
        const unsigned char byte = (unsigned char)line[i];
        length = pp_utf8_length(line + i, n_chars - i);
        if (length == 2 && byte == 0xc2 && (unsigned char)line[i + 1] < 0xa0)
            line[i] = line[i + 1] = '?'; /* U+0080 to U+009F */
        else if (length == 0 || byte < ' ' || byte == 0x7f)
            line[i] = '?';
        length = length == 0 ? 1 : length;
    }
}

/* One write a line, so that lines of several processes do not mix. */
static void write_line(const char *prefix, const char *format, va_list arguments)
{
    char line[LINE_BYTES];
    size_t n_chars = (size_t)snprintf(line, sizeof line, "%s", prefix);
    const int n = vsnprintf(line + n_chars, sizeof line - n_chars - 1, format, arguments);

    if (n < 0)
        return;
    n_chars = strlen(line);
    make_harmless(line, n_chars);
    line[n_chars++] = '\n';
    for (size_t at = 0; at < n_chars;) {
        const ssize_t n_written = write(STDERR_FILENO, line + at, n_chars - at);
        if (n_written <= 0)
            return;
        at += (size_t)n_written;
    }
}

#define WRITE_LINE(prefix, format)                 \
    do {                                           \
        va_list arguments;                         \
        va_start(arguments, format);               \
        write_line((prefix), (format), arguments); \
        va_end(arguments);                         \
    } while (0)

void pp_complain(const char *format, ...)
{
    WRITE_LINE("pprofc: ", format);
}

void pp_say(const char *format, ...)
{
    if (loudness >= PP_NORMAL)
        WRITE_LINE("pprofc: ", format);
}

void pp_say_more(const char *format, ...)
{
    if (loudness >= PP_VERBOSE)
        WRITE_LINE("pprofc: ", format);
}

void pp_say_below(const char *format, ...)
{
    if (loudness >= PP_NORMAL)
        WRITE_LINE("  ", format);
}
