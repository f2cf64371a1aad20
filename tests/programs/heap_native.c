/* Takes memory by the calls that an allocator has under its own names, and mixes them with
 * malloc's: each of them a known number of times.  Compiled with -DJEMALLOC, -DTCMALLOC or
 * -DMIMALLOC and linked with that library, of which no header is needed.  Says what it did.
 * Argument: rounds (1000). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

#if defined(JEMALLOC)
void *mallocx(size_t n_bytes, int flags);
void *rallocx(void *object, size_t n_bytes, int flags);
void dallocx(void *object, int flags);
void sdallocx(void *object, size_t n_bytes, int flags);
enum { ALIGNED_64 = 6, ZEROED = 0x40 };
#define NATIVE_MALLOC(n_bytes) mallocx(n_bytes, 0)
#define NATIVE_OTHER(n_bytes) mallocx(n_bytes, ALIGNED_64 | ZEROED)
#define NATIVE_REALLOC(object, n_bytes) rallocx(object, n_bytes, 0)
#define NATIVE_FREE(object) dallocx(object, 0)
#define NATIVE_FREE_SIZED(object, n_bytes) sdallocx(object, n_bytes, 0)
#elif defined(TCMALLOC)
void *tc_malloc(size_t n_bytes);
void *tc_realloc(void *object, size_t n_bytes);
void tc_free(void *object);
void tc_free_sized(void *object, size_t n_bytes);
#define NATIVE_MALLOC(n_bytes) tc_malloc(n_bytes)
#define NATIVE_OTHER(n_bytes) tc_realloc(NULL, n_bytes)
#define NATIVE_REALLOC(object, n_bytes) tc_realloc(object, n_bytes)
#define NATIVE_FREE(object) tc_free(object)
#define NATIVE_FREE_SIZED(object, n_bytes) tc_free_sized(object, n_bytes)
#else
void *mi_malloc(size_t n_bytes);
void *mi_realloc(void *object, size_t n_bytes);
void mi_free(void *object);
#define NATIVE_MALLOC(n_bytes) mi_malloc(n_bytes)
#define NATIVE_OTHER(n_bytes) mi_realloc(NULL, n_bytes)
#define NATIVE_REALLOC(object, n_bytes) mi_realloc(object, n_bytes)
#define NATIVE_FREE(object) mi_free(object)
#define NATIVE_FREE_SIZED(object, n_bytes) ((void)(n_bytes), mi_free(object))
#endif

static uint64_t n_allocs, n_reallocs, n_frees, taken_bytes, n_errors;

NOINLINE static void *take(size_t n_bytes, int other)
{
    unsigned char *object = other ? NATIVE_OTHER(n_bytes) : NATIVE_MALLOC(n_bytes);

    n_allocs++;
    taken_bytes += n_bytes;
    memset(object, (int)(n_bytes & 0x7f), n_bytes);
    return object;
}

NOINLINE static void *resize(unsigned char *object, size_t before, size_t n_bytes)
{
    object = NATIVE_REALLOC(object, n_bytes);
    n_reallocs++;
    for (size_t i = 0; i < before && i < n_bytes; i++)
        n_errors += object[i] != (before & 0x7f);
    if (n_bytes > before)
        taken_bytes += n_bytes - before;
    return object;
}

NOINLINE static void give(void *object, size_t n_bytes, int how)
{
    n_frees++;
    if (how == 0)
        NATIVE_FREE(object);
    else if (how == 1)
        NATIVE_FREE_SIZED(object, n_bytes);
    else
        free(object); /* the allocator takes its objects back by any of its calls */
}

/* malloc's own, given back by the other calls. */
NOINLINE static void mix(size_t n_bytes)
{
    void *object = malloc(n_bytes);

    n_allocs++;
    memset(object, 1, n_bytes);
    n_frees++;
    NATIVE_FREE(object);
}

int main(int argc, char **argv)
{
    const int n_rounds = argc > 1 ? atoi(argv[1]) : 1000;
    static void *kept[10];

    for (int i = 0; i < n_rounds; i++) {
        const size_t n = 16 + (size_t)(i * 37 % 5000);
        void *object = take(n, i % 2);
        if (i % 3 == 0) {
            object = resize(object, n, n * 2);
            give(object, n * 2, i / 3 % 3);
        } else if (i % 3 == 1) {
            object = resize(object, n, n / 2 + 1);
            give(object, n / 2 + 1, i / 3 % 3);
        } else {
            give(object, n, i / 3 % 3);
        }
        mix(n);
    }
    for (int i = 0; i < 10; i++)
        kept[i] = take(1000, 0);
    printf("{\"n_allocs\": %llu, \"n_reallocs\": %llu, \"n_frees\": %llu, \"taken_bytes\": %llu, "
           "\"n_kept\": 10, \"kept_bytes\": 10000, \"n_errors\": %llu}\n",
           (unsigned long long)n_allocs, (unsigned long long)n_reallocs,
           (unsigned long long)n_frees, (unsigned long long)taken_bytes,
           (unsigned long long)n_errors);
    return n_errors == 0 && kept[0] != NULL ? 0 : 1;
}
