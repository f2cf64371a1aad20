/* Memory that is given back all at once: whoever owns the arena owns all that came from it. */
#ifndef PP_BASE_ARENA_H
#define PP_BASE_ARENA_H

#include <stddef.h>

struct pp_arena {
    struct pp_arena_chunk *chunks; /* newest first */
    size_t n_bytes;                /* handed out so far */
};

#define PP_ARENA_INIT \
    {                 \
        NULL, 0       \
    }

/* 'n_bytes' of zeroed memory aligned for anything, or NULL. */
void *pp_arena_alloc(struct pp_arena *arena, size_t n_bytes);

/* A NUL-terminated copy of 'n_bytes' bytes, or NULL. */
char *pp_arena_copy(struct pp_arena *arena, const void *bytes, size_t n_bytes);

void pp_arena_done(struct pp_arena *arena);

#endif
