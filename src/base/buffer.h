/* A growing run of bytes.  A failed append is remembered, so a writer checks once, at its end. */
#ifndef PP_BASE_BUFFER_H
#define PP_BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pp_buffer {
    char *bytes; /* not NUL-terminated, except after pp_buffer_text(); only the buffer frees it */
    size_t n_bytes;
    size_t capacity;
    bool failed; /* an append found no memory: the content is incomplete */
};

#define PP_BUFFER_INIT    \
    {                     \
        NULL, 0, 0, false \
    }

void pp_buffer_done(struct pp_buffer *buffer);
void pp_buffer_append(struct pp_buffer *buffer, const void *bytes, size_t n_bytes);

/* Appends 'text' and keeps a NUL behind the content. */
void pp_buffer_text(struct pp_buffer *buffer, const char *text);
void pp_buffer_printf(struct pp_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void pp_buffer_vprintf(struct pp_buffer *buffer, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Room for 'n_bytes' more at the end, or NULL ('failed' is set then).  Does not change n_bytes. */
char *pp_buffer_room(struct pp_buffer *buffer, size_t n_bytes);

/* What stands from 'begin' to 'end' will not be looked at any more: in a large buffer its memory
 * goes back.  Returns where the next call begins, at 'end' or a little before. */
size_t pp_buffer_forget(struct pp_buffer *buffer, size_t begin, size_t end);

#define pp_autobuffer __attribute__((cleanup(pp_buffer_done)))

#endif
