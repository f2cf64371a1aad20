/* Memory that is given back all at once. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

/* Headers included.  Most arenas end with their first chunk; later ones are mapped. */
enum { FIRST_BYTES = 64 * 1024, LATER_BYTES = 2 * PP_PAGES_LEAST_BYTES };

struct pp_arena_chunk {
    struct pp_arena_chunk *next;
    size_t used;
    size_t n_bytes; /* of all of it */
    alignas(max_align_t) char bytes[];
};

static struct pp_arena_chunk *new_chunk(size_t n_wanted, size_t least_bytes)
{
    struct pp_arena_chunk *chunk;
    size_t n_bytes = least_bytes;

    if (n_wanted > SIZE_MAX - sizeof *chunk)
        return NULL;
    if (sizeof *chunk + n_wanted > n_bytes)
        n_bytes = sizeof *chunk + n_wanted;
    chunk =
        n_bytes >= PP_PAGES_LEAST_BYTES ? pp_pages_resize(NULL, 0, n_bytes) : calloc(1, n_bytes);
    if (chunk != NULL)
        chunk->n_bytes = n_bytes;
    return chunk;
}

static void free_chunk(struct pp_arena_chunk *chunk)
{
    if (chunk->n_bytes >= PP_PAGES_LEAST_BYTES)
        pp_pages_free(chunk, chunk->n_bytes);
    else
        free(chunk);
}

void *pp_arena_alloc(struct pp_arena *arena, size_t n_bytes)
{
    const size_t alignment = alignof(max_align_t);
    struct pp_arena_chunk *chunk = arena->chunks;
    void *result;

    if (n_bytes > SIZE_MAX - alignment)
        return NULL;
    n_bytes = (n_bytes + alignment - 1) / alignment * alignment;
    if (chunk == NULL || chunk->n_bytes - sizeof *chunk - chunk->used < n_bytes) {
        chunk = new_chunk(n_bytes, chunk == NULL ? FIRST_BYTES : LATER_BYTES);
        if (chunk == NULL)
            return NULL;
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    result = chunk->bytes + chunk->used;
    chunk->used += n_bytes;
    arena->n_bytes += n_bytes;
    return result;
}

char *pp_arena_copy(struct pp_arena *arena, const void *bytes, size_t n_bytes)
{
    char *copy = n_bytes == SIZE_MAX ? NULL : pp_arena_alloc(arena, n_bytes + 1);

    if (copy != NULL && n_bytes > 0)
        memcpy(copy, bytes, n_bytes);
    return copy;
}

void pp_arena_done(struct pp_arena *arena)
{
    struct pp_arena_chunk *chunk = arena->chunks;

    while (chunk != NULL) {
        struct pp_arena_chunk *next = chunk->next;
        free_chunk(chunk);
        chunk = next;
    }
    *arena = (struct pp_arena)PP_ARENA_INIT;
}
