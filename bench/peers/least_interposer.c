/* The least that a preload can do which counts calls and bytes and looks for an object of its own:
 * a floor for what ours may cost, in the same run.  It samples nothing and follows nothing. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t n_bytes);
extern void __libc_free(void *object);

enum { TAG_MASK = 0x3e0, FIRST_LEFT = 1 << 30 };

struct counts {
    uint64_t left, n_allocs, n_frees;
};

static struct {
    void *(*malloc)(size_t n_bytes);
    void (*free)(void *object);
} behind = {__libc_malloc, __libc_free};

static __thread struct counts own __attribute__((tls_model("initial-exec")));
static __thread struct counts *counts __attribute__((tls_model("initial-exec")));

__attribute__((noinline)) static void *begin(size_t n_bytes)
{
    counts = &own;
    counts->left = FIRST_LEFT;
    return behind.malloc(n_bytes);
}

void *malloc(size_t n_bytes)
{
    struct counts *self = counts;

    if (__builtin_expect(self == NULL, 0))
        return begin(n_bytes);
    self->n_allocs++;
    if (__builtin_expect(n_bytes >= self->left, 0))
        return begin(n_bytes);
    self->left -= n_bytes;
    return behind.malloc(n_bytes);
}

__attribute__((noinline)) static void free_closely(void *object)
{
    if (object != NULL)
        behind.free(object);
}

void free(void *object)
{
    struct counts *self = counts;

    if (__builtin_expect(self != NULL, 1)) {
        self->n_frees += object != NULL;
        if (__builtin_expect(((uintptr_t)object & TAG_MASK) != 0, 1)) {
            behind.free(object);
            return;
        }
    }
    free_closely(object);
}
