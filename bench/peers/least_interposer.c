/* The least that a preload can do, in three steps: floors for what ours may cost, in the same run.
 * None of them samples or follows anything.
 *
 *   STEP 0  jumps on to libc's
 *   STEP 1  counts calls and bytes down to a sample, in the thread's own variables
 *   STEP 2  and looks in a table whether something of its own lies where an object is freed
 *
 * Ours does the same as step 2, but for a block that outlives its thread: whoever sums up reads the
 * counts of threads that may end meanwhile. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t n_bytes);
extern void __libc_free(void *object);

enum { PLACE_BITS = 11, N_PLACES = 1 << (32 - PLACE_BITS), FIRST_LEFT = 1 << 30 };

static struct {
    void *(*malloc)(size_t n_bytes);
    void (*free)(void *object);
} behind = {__libc_malloc, __libc_free};

#if STEP == 0
void *malloc(size_t n_bytes)
{
    return behind.malloc(n_bytes);
}

void free(void *object)
{
    behind.free(object);
}
#else
static __thread struct {
    uint64_t left, n_allocs, n_frees;
} own __attribute__((tls_model("initial-exec")));

__attribute__((noinline)) static void *begin(size_t n_bytes)
{
    own.left = FIRST_LEFT;
    return behind.malloc(n_bytes);
}

void *malloc(size_t n_bytes)
{
    if (__builtin_expect(n_bytes >= own.left, 0))
        return begin(n_bytes);
    own.left -= n_bytes;
    own.n_allocs++;
    return behind.malloc(n_bytes);
}

#if STEP == 2
static uint16_t table[N_PLACES];

__attribute__((noinline)) static void free_closely(void *object)
{
    if (object != NULL)
        behind.free(object);
}
#endif

void free(void *object)
{
#if STEP == 2
    if (__builtin_expect(table[(uint32_t)(uintptr_t)object >> PLACE_BITS] != 0, 0)) {
        free_closely(object);
        return;
    }
#endif
    own.n_frees++;
    behind.free(object);
}
#endif
