/* Known sites: each function allocates so many objects of one size and keeps so many of them.
 *   heap_sites [FACTOR] [kill|drop|rounds]
 * many_small    64 000 x FACTOR of 64 bytes, all kept
 * half_freed     8 000 x FACTOR of 1000 bytes, every second freed
 * all_freed      4 000 x FACTOR of 4096 bytes, none kept
 * few_large         20 x FACTOR of 1 MiB, all kept
 * grown          one vector by realloc, 1 KiB to 1 MiB by doubling, kept
 * Then it says what it did: all calls of malloc, free, and bytes asked for.  With "kill" it kills
 * itself, with "drop" it frees everything first, and with "rounds" it does half_freed once more for
 * each line of its input, and says so. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 64000, HALF = 8000, FREED = 4000, LARGE = 20 };

static void *kept; /* a chain: each object's first word leads to the one before */
static uint64_t n_allocs, n_frees, n_bytes;

static void keep(void *object)
{
    *(void **)object = kept;
    kept = object;
}

/* Called from each site, and inlined nowhere: the call of malloc is the site's own. */
#define SITE(name, count, size, is_kept)                          \
    static __attribute__((noinline)) void name(unsigned factor)   \
    {                                                             \
        for (unsigned i = 0; i < (unsigned)(count)*factor; i++) { \
            void *object = malloc(size);                          \
            n_allocs++;                                           \
            n_bytes += (size);                                    \
            if (object == NULL)                                   \
                abort();                                          \
            if (is_kept) {                                        \
                keep(object);                                     \
            } else {                                              \
                free(object);                                     \
                n_frees++;                                        \
            }                                                     \
        }                                                         \
    }

SITE(many_small, SMALL, 64, 1)
SITE(half_freed, HALF, 1000, i % 2 == 0)
SITE(all_freed, FREED, 4096, 0)
SITE(few_large, LARGE, 1 << 20, 1)

static __attribute__((noinline)) void *grown(void)
{
    size_t size = 1024;
    char *vector = malloc(size);

    while (vector != NULL && size < 1 << 20) {
        size *= 2;
        vector = realloc(vector, size);
    }
    return vector;
}

static void say(void)
{
    printf("%llu allocs %llu frees %llu bytes\n", (unsigned long long)n_allocs,
           (unsigned long long)n_frees, (unsigned long long)n_bytes);
    fflush(stdout);
}

static void drop_all(void)
{
    while (kept != NULL) {
        void *next = *(void **)kept;
        free(kept);
        n_frees++;
        kept = next;
    }
}

int main(int argc, char **argv)
{
    const unsigned factor = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
    const char *mode = argc > 2 ? argv[2] : "";
    static char output[4096], input[4096]; /* else stdio would allocate */

    (void)setvbuf(stdout, output, _IOFBF, sizeof output);
    (void)setvbuf(stdin, input, _IOFBF, sizeof input);
    many_small(factor);
    half_freed(factor);
    all_freed(factor);
    few_large(factor);
    keep(grown());
    if (strcmp(mode, "drop") == 0)
        drop_all();
    say();
    if (strcmp(mode, "kill") == 0)
        (void)raise(SIGKILL);
    while (strcmp(mode, "rounds") == 0 && getchar() == '\n') {
        half_freed(1);
        say();
    }
    return 0;
}
