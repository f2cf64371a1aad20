/* A growing run of bytes. */
#include "base/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/pages.h"
#include "base/print.h"

static bool is_mapped(size_t capacity)
{
    return capacity >= PP_PAGES_LEAST_BYTES;
}

/* 0 or -ENOMEM; 'n_wanted' is at most SIZE_MAX / 2. */
static int grow(struct pp_buffer *buffer, size_t n_wanted)
{
    size_t capacity = PP_PAGES_LEAST_BYTES;
    char *bytes;

    /* An array's capacity is a power of two: it stays below what is mapped. */
    if (n_wanted <= PP_PAGES_LEAST_BYTES / 2)
        return pp_array_reserve(&buffer->bytes, &buffer->capacity, n_wanted, 1);
    while (capacity < n_wanted)
        capacity *= 2;
    if (is_mapped(buffer->capacity)) {
        bytes = pp_pages_resize(buffer->bytes, buffer->capacity, capacity);
    } else {
        bytes = pp_pages_resize(NULL, 0, capacity);
        if (bytes != NULL && buffer->n_bytes > 0)
            memcpy(bytes, buffer->bytes, buffer->n_bytes);
        if (bytes != NULL)
            free(buffer->bytes);
    }
    if (bytes == NULL)
        return -ENOMEM;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return 0;
}

void pp_buffer_done(struct pp_buffer *buffer)
{
    if (is_mapped(buffer->capacity))
        pp_pages_free(buffer->bytes, buffer->capacity);
    else
        free(buffer->bytes);
    *buffer = (struct pp_buffer)PP_BUFFER_INIT;
}

char *pp_buffer_room(struct pp_buffer *buffer, size_t n_bytes)
{
    /* At least one byte, so that room for nothing in an empty buffer is not NULL, which means
     * failure. */
    const size_t n_wanted = n_bytes > 0 ? n_bytes : 1;

    if (n_wanted > SIZE_MAX / 2 - buffer->n_bytes ||
        (buffer->n_bytes + n_wanted > buffer->capacity &&
         grow(buffer, buffer->n_bytes + n_wanted) != 0)) {
        buffer->failed = true;
        return NULL;
    }
    return buffer->bytes + buffer->n_bytes;
}

size_t pp_buffer_forget(struct pp_buffer *buffer, size_t begin, size_t end)
{
    return is_mapped(buffer->capacity) ? begin + pp_pages_forget(buffer->bytes + begin, end - begin)
                                       : end;
}

void pp_buffer_append(struct pp_buffer *buffer, const void *bytes, size_t n_bytes)
{
    char *room;

    if (n_bytes == 0)
        return;
    room = pp_buffer_room(buffer, n_bytes);
    if (room == NULL)
        return;
    memcpy(room, bytes, n_bytes);
    buffer->n_bytes += n_bytes;
}

void pp_buffer_text(struct pp_buffer *buffer, const char *text)
{
    const size_t n_bytes = strlen(text);
    char *room = pp_buffer_room(buffer, n_bytes + 1);

    if (room == NULL)
        return;
    memcpy(room, text, n_bytes + 1);
    buffer->n_bytes += n_bytes;
}

void pp_buffer_vprintf(struct pp_buffer *buffer, const char *format, va_list arguments)
{
    const size_t n_free = buffer->capacity - buffer->n_bytes;
    char *room = n_free == 0 ? NULL : buffer->bytes + buffer->n_bytes;
    va_list again;
    int n_chars;

    /* Mostly there is room: printing twice would cost as much again. */
    va_copy(again, arguments);
    n_chars = pp_vprint(room, n_free, format, arguments);
    if (n_chars < 0) {
        buffer->failed = true;
    } else if ((size_t)n_chars < n_free) {
        buffer->n_bytes += (size_t)n_chars;
    } else if ((room = pp_buffer_room(buffer, (size_t)n_chars + 1)) != NULL) {
        (void)pp_vprint(room, (size_t)n_chars + 1, format, again);
        buffer->n_bytes += (size_t)n_chars;
    } else if (n_free > 0) {
        buffer->bytes[buffer->n_bytes] = '\0'; /* nothing of what did not fit */
    }
    va_end(again);
}

void pp_buffer_printf(struct pp_buffer *buffer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    pp_buffer_vprintf(buffer, format, arguments);
    va_end(arguments);
}
