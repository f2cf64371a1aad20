/* Calls every way of taking memory a known number of times, checks what it gets, gives all of it
 * back, and says how many calls there were.  Arguments: rounds (100); "glibc" for what not every
 * allocator has or does in the same way, too; "sized" for C23's frees as well, which are looked for
 * by their names; "libc" to have libc's own calls made instead, whose number is libc's affair. */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <obstack.h>
#else /* musl has none; who wraps the family gives one */
void *pvalloc(size_t n_bytes);
#endif

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free
#define NOINLINE __attribute__((noinline))

static uint64_t n_allocs, n_reallocs, n_frees, n_errors, requested_bytes;
static int is_glibc;
static void (*free_with_size)(void *, size_t);
static void (*free_with_alignment)(void *, size_t, size_t);

static void expect(int is_right, const char *what)
{
    if (is_right)
        return;
    if (++n_errors > 5)
        return;
    char line[200];
    const int n = snprintf(line, sizeof line, "heap_calls: %s is wrong, errno %d\n", what, errno);
    (void)!write(2, line, (size_t)n);
}

/* An object that was just given: aligned, usable, writable; errno is as it was. */
static void *check(void *object, size_t n_bytes, size_t alignment, const char *what)
{
    alignment = n_bytes < alignment && alignment == 16 ? 8 : alignment; /* others than glibc */
    n_allocs++;
    requested_bytes += n_bytes;
    expect(object != NULL && (uintptr_t)object % alignment == 0 &&
               malloc_usable_size(object) >= n_bytes && (errno == EXDEV || !is_glibc),
           what);
    memset(object, (int)(n_bytes & 0x7f), n_bytes);
    return object;
}

static void give(void *object)
{
    n_frees++;
    free(object);
    expect(errno == EXDEV || !is_glibc, "errno of free");
}

static int is_filled(const unsigned char *object, size_t n_bytes, int byte)
{
    for (size_t i = 0; i < n_bytes; i++)
        if (object[i] != byte)
            return 0;
    return 1;
}

NOINLINE static void call_malloc(size_t n)
{
    give(check(malloc(n), n, 16, "malloc"));
}

NOINLINE static void call_calloc(size_t n)
{
    unsigned char *object = calloc(n, 3);

    expect(object != NULL && is_filled(object, 3 * n, 0), "calloc's zeroes");
    give(check(object, 3 * n, 16, "calloc"));
}

/* Grows in three ways and shrinks; what it held stays. */
NOINLINE static void call_realloc(size_t n)
{
    unsigned char *object = check(realloc(NULL, n), n, 16, "realloc of nothing");

    for (int i = 1; i <= 3; i++) {
        object = i % 2 == 0 ? reallocarray(object, n, (size_t)i + 1)
                            : realloc(object, n * (size_t)(i + 1));
        n_reallocs++;
        requested_bytes += n; /* more */
        expect(object != NULL && is_filled(object, n, (int)(n & 0x7f)), "realloc's contents");
    }
    object = realloc(object, n / 2 + 1);
    n_reallocs++;
    expect(object != NULL && is_filled(object, n / 2 + 1 < n ? n / 2 + 1 : n, (int)(n & 0x7f)),
           "realloc's contents when it shrinks");
    give(object);
}

NOINLINE static void call_reallocarray(size_t n)
{
    give(check(reallocarray(NULL, n, 2), 2 * n, 16, "reallocarray of nothing"));
}

NOINLINE static void call_aligned_alloc(size_t n)
{
    give(check(aligned_alloc(64, n * 64), n * 64, 64, "aligned_alloc"));
}

NOINLINE static void call_memalign(size_t n)
{
    give(check(memalign(8192, n), n, 8192, "memalign"));
}

NOINLINE static void call_posix_memalign(size_t n)
{
    void *object = &n;

    expect(posix_memalign(&object, 3, n) == EINVAL && object == &n, "posix_memalign of 3");
    expect(posix_memalign(&object, 256, n) == 0, "posix_memalign");
    give(check(object, n, 256, "posix_memalign"));
}

NOINLINE static void call_valloc(size_t n)
{
    give(check(valloc(n), n, 4096, "valloc"));
    if (!is_glibc)
        return;
    give(check(pvalloc(4096 + n), 4096 + n, 4096, "pvalloc"));
    requested_bytes += 4096 - n; /* as pvalloc rounds */
}

NOINLINE static void call_free_sized(size_t n)
{
    if (free_with_size == NULL || free_with_alignment == NULL)
        return;
    n_frees += 2;
    free_with_size(check(malloc(n), n, 16, "malloc"), n);
    free_with_alignment(check(aligned_alloc(128, 1280), 1280, 128, "aligned_alloc"), 128, 1280);
}

/* They give nothing, say why, and spoil no sum.  The compiler may not know how much is asked for.
 */
NOINLINE static void call_in_vain(volatile size_t much)
{
    static void *volatile object;
    void *const before = &requested_bytes;
    void *kept = before;

    errno = 0;
    object = malloc(much);
    expect(object == NULL && errno == ENOMEM, "malloc of too much");
    errno = 0;
    object = calloc(much, 16);
    expect(object == NULL && errno == ENOMEM, "calloc of too much");
    object = check((errno = EXDEV, malloc(40)), 40, 16, "malloc");
    errno = 0;
    expect(realloc(object, much) == NULL && errno == ENOMEM, "realloc to too much");
    errno = 0;
    expect(reallocarray(object, much, 16) == NULL && errno == ENOMEM, "reallocarray to too much");
    expect(is_filled(object, 40, 40), "what realloc could not move");
    expect(posix_memalign(&kept, 64, much) == ENOMEM && kept == before,
           "posix_memalign of too much");
    errno = EXDEV;
    n_reallocs += 1;
    n_allocs += 2; /* calls, whatever they gave, but no product that cannot be */
    give(object);
    free(NULL);
    give(check(malloc(0), 0, 1, "malloc of nothing"));
}

static void call_all(int n_rounds)
{
    for (int i = 0; i < n_rounds; i++) {
        const size_t n = 1 + (size_t)(i * 37 % 3000);
        errno = EXDEV;
        call_malloc(n);
        call_malloc(n * 100);
        call_calloc(n);
        call_calloc(n * 50);
        call_realloc(n);
        call_realloc(n * 60);
        call_reallocarray(n);
        call_aligned_alloc(n);
        call_memalign(n);
        call_posix_memalign(n);
        call_valloc(n);
        call_free_sized(n);
        if (is_glibc)
            call_in_vain(SIZE_MAX / 2);
    }
}

/* ---- libc's own calls ---- */

NOINLINE static void call_strdup(void)
{
    free(strdup("forty-two"));
}

NOINLINE static void call_asprintf(int i)
{
    char *text = NULL;

    expect(asprintf(&text, "%d %0300d", i, i) == snprintf(NULL, 0, "%d %0300d", i, i), "asprintf");
    free(text);
}

NOINLINE static void call_getline(FILE *file)
{
    char *line = NULL;
    size_t capacity = 0;

    rewind(file);
    expect(getline(&line, &capacity, file) == 501, "getline");
    free(line);
}

NOINLINE static void call_obstack(void)
{
#ifdef __GLIBC__
    struct obstack stack;

    obstack_init(&stack);
    for (int i = 0; i < 10; i++)
        (void)obstack_copy(&stack, "thirteen chars", 1000);
    obstack_free(&stack, NULL);
#endif
}

static void call_libc(int n_rounds)
{
    static char text[1001];
    FILE *file = tmpfile();

    memset(text, 'x', 500);
    text[500] = '\n';
    memset(text + 501, 'y', 499);
    if (file == NULL || fputs(text, file) == EOF)
        exit(2);
    for (int i = 0; i < n_rounds; i++) {
        call_strdup();
        call_asprintf(i);
        call_getline(file);
        call_obstack();
    }
    (void)fclose(file);
}

int main(int argc, char **argv)
{
    const int n_rounds = argc > 1 ? atoi(argv[1]) : 100;
    char line[200];

    if (argc > 2 && strcmp(argv[2], "sized") == 0) {
        free_with_size = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
        free_with_alignment =
            (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
    }
    is_glibc = argc > 2;
    if (argc > 2 && strcmp(argv[2], "libc") == 0)
        call_libc(n_rounds);
    else
        call_all(n_rounds);
    const int n = snprintf(line, sizeof line,
                           "{\"n_allocs\": %llu, \"n_reallocs\": %llu, \"n_frees\": %llu, "
                           "\"requested_bytes\": %llu, \"n_errors\": %llu}\n",
                           (unsigned long long)n_allocs, (unsigned long long)n_reallocs,
                           (unsigned long long)n_frees, (unsigned long long)requested_bytes,
                           (unsigned long long)n_errors);
    return write(1, line, (size_t)n) == n && n_errors == 0 ? 0 : 1;
}
