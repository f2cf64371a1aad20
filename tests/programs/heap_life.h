/* How heap_life takes memory: by malloc and free, or by new and a delete that is told the size. */
#ifndef HEAP_LIFE_H
#define HEAP_LIFE_H

#include <stddef.h>
#include <stdlib.h>

#ifdef __cplusplus
#include <new>
static void *heap_life_take(size_t n_bytes)
{
    return ::operator new(n_bytes);
}
static void heap_life_give(void *object, size_t n_bytes)
{
    ::operator delete(object, n_bytes);
}
#else
static void *heap_life_take(size_t n_bytes)
{
    return malloc(n_bytes);
}
static void heap_life_give(void *object, size_t n_bytes)
{
    (void)n_bytes;
    free(object);
}
#endif

#endif
