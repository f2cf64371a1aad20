/* Reading /proc/self/maps. */
#include "capture/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void pp_maps_open_descriptor(struct pp_maps *maps, int descriptor)
{
    maps->descriptor = descriptor;
    maps->is_at_end = maps->is_within_line = false;
    maps->begin = maps->end = 0;
}

int pp_maps_open(struct pp_maps *maps)
{
    /* /proc/self is empty once the main thread has ended. */
    int descriptor = open("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC);

    if (descriptor < 0)
        descriptor = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    pp_maps_open_descriptor(maps, descriptor);
    return 0;
}

void pp_maps_close(struct pp_maps *maps)
{
    if (maps->descriptor >= 0)
        (void)close(maps->descriptor);
    maps->descriptor = -1;
}

/* Read more behind what there is.  False: nothing more, or no room. */
static int fill(struct pp_maps *maps)
{
    ssize_t n;

    if (maps->begin > 0) {
        memmove(maps->buffer, maps->buffer + maps->begin, maps->end - maps->begin);
        maps->end -= maps->begin;
        maps->begin = 0;
    }
    if (maps->is_at_end || maps->end == sizeof maps->buffer)
        return 0;
    do
        n = read(maps->descriptor, maps->buffer + maps->end, sizeof maps->buffer - maps->end);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (n == 0)
        maps->is_at_end = true;
    maps->end += (size_t)n;
    return n > 0;
}

/* Throw away up to and with the next newline. */
static int skip_line(struct pp_maps *maps)
{
    for (;;) {
        const char *begin = maps->buffer + maps->begin;
        const char *newline = memchr(begin, '\n', maps->end - maps->begin);
        int result;
        if (newline != NULL) {
            maps->begin += (size_t)(newline - begin) + 1;
            return 0;
        }
        maps->begin = maps->end;
        result = fill(maps);
        if (result <= 0)
            return result;
    }
}

/* A line in the buffer, its newline replaced by the end of a string: 1; 0 at the end. */
static int next_text(struct pp_maps *maps, char **text_out)
{
    for (;;) {
        char *begin = maps->buffer + maps->begin;
        char *newline = memchr(begin, '\n', maps->end - maps->begin);
        int result;
        if (newline != NULL) {
            *newline = '\0';
            *text_out = begin;
            maps->begin = (size_t)(newline - maps->buffer) + 1;
            return 1;
        }
        result = fill(maps);
        if (result < 0 || (result == 0 && (maps->is_at_end || maps->end == 0)))
            return result;
        if (result == 0)
            break;
    }
    maps->buffer[sizeof maps->buffer - 1] = '\0';
    *text_out = maps->buffer;
    maps->begin = maps->end;
    maps->is_within_line = true;
    return 1;
}

static uint64_t take_number(const char **at, unsigned base)
{
    uint64_t value = 0;

    for (;; ++*at) {
        unsigned digit;
        const char c = **at;
        if (c >= '0' && c <= '9')
            digit = (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (unsigned)(c - 'a') + 10;
        else
            return value;
        if (digit >= base)
            return value;
        value = value * base + digit;
    }
}

static bool take(const char **at, char wanted)
{
    if (**at != wanted)
        return false;
    ++*at;
    return true;
}

/* "7f6dc000-7f6de000 r-xp 00001000 fe:01 1234   /path" */
static bool parse(char *text, struct pp_map_line *line)
{
    static const char deleted[] = " (deleted)";
    const char *at = text;
    uint64_t major_number;
    size_t n_bytes;

    line->start = take_number(&at, 16);
    if (!take(&at, '-'))
        return false;
    line->limit = take_number(&at, 16);
    if (!take(&at, ' ') || strnlen(at, 5) < 5)
        return false;
    line->is_readable = at[0] == 'r';
    line->is_executable = at[2] == 'x';
    at += 4;
    if (!take(&at, ' '))
        return false;
    line->offset = take_number(&at, 16);
    if (!take(&at, ' '))
        return false;
    major_number = take_number(&at, 16);
    if (!take(&at, ':'))
        return false;
    line->device = major_number << 32 | take_number(&at, 16);
    if (!take(&at, ' '))
        return false;
    line->inode = take_number(&at, 10);
    while (take(&at, ' '))
        ;
    n_bytes = strlen(at);
    if (n_bytes >= sizeof deleted && strcmp(at + n_bytes - (sizeof deleted - 1), deleted) == 0)
        text[(size_t)(at - text) + n_bytes - (sizeof deleted - 1)] = '\0';
    line->path = at;
    return line->start < line->limit;
}

int pp_maps_next(struct pp_maps *maps, struct pp_map_line *line_out)
{
    struct pp_map_line line;
    char *text;
    int result;

    do {
        if (maps->is_within_line) {
            maps->is_within_line = false;
            result = skip_line(maps);
            if (result < 0)
                return result;
        }
        result = next_text(maps, &text);
        if (result <= 0)
            return result;
    } while (!parse(text, &line));
    *line_out = line;
    return 1;
}

int pp_maps_find(uintptr_t address, uintptr_t *start_out, uintptr_t *limit_out)
{
    struct pp_maps maps;
    struct pp_map_line line;
    int result = pp_maps_open(&maps);

    if (result < 0)
        return result;
    while ((result = pp_maps_next(&maps, &line)) > 0 && line.limit <= address)
        ;
    pp_maps_close(&maps);
    if (result < 0)
        return result;
    if (result == 0 || line.start > address)
        return -ENOENT;
    *start_out = line.start;
    *limit_out = line.limit;
    return 0;
}

int pp_maps_main_stack(uintptr_t *start_out, uintptr_t *limit_out)
{
    struct pp_maps maps;
    struct pp_map_line line;
    int result = pp_maps_open(&maps);

    if (result < 0)
        return result;
    while ((result = pp_maps_next(&maps, &line)) > 0 && strcmp(line.path, "[stack]") != 0)
        ;
    pp_maps_close(&maps);
    if (result <= 0)
        return result < 0 ? result : -ENOENT;
    *start_out = line.start;
    *limit_out = line.limit;
    return 0;
}
