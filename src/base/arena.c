/* Memory that is given back all at once. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 64 * 1024 };

struct pp_arena_chunk {
    struct pp_arena_chunk *next;
    size_t used;
    size_t capacity;
    alignas(max_align_t) char bytes[];
};

static struct pp_arena_chunk *new_chunk(size_t n_bytes)
{
    const size_t capacity = n_bytes > CHUNK_BYTES ? n_bytes : CHUNK_BYTES;
    struct pp_arena_chunk *chunk;

    if (capacity > SIZE_MAX - sizeof *chunk)
        return NULL;
    chunk = calloc(1, sizeof *chunk + capacity);
    if (chunk != NULL)
        chunk->capacity = capacity;
    return chunk;
}

void *pp_arena_alloc(struct pp_arena *arena, size_t n_bytes)
{
    const size_t alignment = alignof(max_align_t);
    struct pp_arena_chunk *chunk = arena->chunks;
    void *result;

    if (n_bytes > SIZE_MAX - alignment)
        return NULL;
    n_bytes = (n_bytes + alignment - 1) / alignment * alignment;
    if (chunk == NULL || chunk->capacity - chunk->used < n_bytes) {
        chunk = new_chunk(n_bytes);
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
        free(chunk);
        chunk = next;
    }
    *arena = (struct pp_arena)PP_ARENA_INIT;
}
