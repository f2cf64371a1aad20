/* What calls of malloc and free cost, as they are bound here: prints nanoseconds as JSON.
 *
 * Arguments: what (pair, tight, threads, step, double), rounds (11), live samples (0).
 *   pair     free one of 4096 objects at random, allocate 16 to 1040 bytes in its place
 *   tight    malloc(64) and free it
 *   threads  as pair with 256 objects, in two threads at once, each its own
 *   step     one vector grown by realloc in steps of 16 bytes to 1 MiB, a call
 *   double   the same by doubling from 16 bytes, and filled as it grows, a call
 * Live samples: so many objects that are followed stay alive meanwhile; wants the library or the
 * preload with an interval of 64 KiB then.
 * Built with IS_LINKED it links libpprofc: "on" in the fourth argument's place starts it. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef IS_LINKED
#include "pprofc/pprofc.h"
#endif

enum { N_OBJECTS = 4096, N_OWN = 256, N_DRAWN = 65536, MAX_ROUNDS = 101, LIVE_BYTES = 64 * 1024 };

static void *objects[N_OBJECTS];
static uint16_t sizes[N_DRAWN], places[N_DRAWN];
static void *volatile sink;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static double now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double pair(void)
{
    enum { N = 2000000 };
    const double begin_ns = now_ns();

    for (int i = 0; i < N; i++) {
        void **object = &objects[places[i % N_DRAWN]];
        free(*object);
        *object = malloc(sizes[i % N_DRAWN]);
    }
    return (now_ns() - begin_ns) / N;
}

static double tight(void)
{
    enum { N = 4000000 };
    const double begin_ns = now_ns();

    for (int i = 0; i < N; i++) {
        sink = malloc(64);
        free(sink);
    }
    return (now_ns() - begin_ns) / N;
}

static void *own_objects(void *result)
{
    enum { N = 2000000 };
    void *own[N_OWN] = {NULL};
    uint64_t state = (uint64_t)(uintptr_t)own | 1;
    const double begin_ns = now_ns();

    for (int i = 0; i < N; i++) {
        const uint64_t random = next_random(&state);
        void **object = &own[random % N_OWN];
        free(*object);
        *object = malloc(16 + (random >> 8) % 1024);
    }
    *(double *)result = (now_ns() - begin_ns) / N;
    for (int i = 0; i < N_OWN; i++)
        free(own[i]);
    return NULL;
}

static double threads(void)
{
    pthread_t ids[2];
    double ns[2] = {0, 0};

    for (int i = 0; i < 2; i++)
        if (pthread_create(&ids[i], NULL, own_objects, &ns[i]) != 0)
            abort();
    for (int i = 0; i < 2; i++)
        (void)pthread_join(ids[i], NULL);
    return (ns[0] + ns[1]) / 2;
}

/* 'next' says what comes after a size; each word of 8 bytes is written once. */
static double vectors(int n_vectors, size_t (*next)(size_t))
{
    enum { MOST_BYTES = 1 << 20 };
    const double begin_ns = now_ns();
    long n_calls = 0;

    for (int i = 0; i < n_vectors; i++) {
        uint64_t *vector = NULL;
        size_t n_words = 0;
        for (size_t n_bytes = 16; n_bytes <= MOST_BYTES; n_bytes = next(n_bytes), n_calls++) {
            vector = realloc(vector, n_bytes);
            for (; n_words < n_bytes / sizeof *vector; n_words++)
                ((volatile uint64_t *)vector)[n_words] = n_words;
        }
        free(vector);
    }
    return (now_ns() - begin_ns) / (double)n_calls;
}

static size_t more(size_t n_bytes)
{
    return n_bytes + 16;
}

static size_t twice(size_t n_bytes)
{
    return 2 * n_bytes;
}

static double step(void)
{
    return vectors(16, more);
}

static double double_it(void)
{
    return vectors(1000, twice);
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        double (*run)(void);
    } WAYS[] = {{"pair", pair},
                {"tight", tight},
                {"threads", threads},
                {"step", step},
                {"double", double_it}};
    const int n_rounds = argc > 2 ? atoi(argv[2]) : 11;
    const long n_live = argc > 3 ? strtol(argv[3], NULL, 10) * 1582 / 1000 : 0; /* P = 0.632 */
    double ns[MAX_ROUNDS];
    uint64_t state = 88172645463325252;

#ifdef IS_LINKED
    if (argc > 4 && strcmp(argv[4], "on") == 0) {
        struct pprofc_options options = PPROFC_OPTIONS_INIT;
        options.kinds = PPROFC_KIND_HEAP;
        if (pprofc_start(&options, NULL) != 0)
            abort();
    }
#endif
    for (int i = 0; i < N_DRAWN; i++) {
        sizes[i] = (uint16_t)(16 + next_random(&state) % 1025);
        places[i] = (uint16_t)(next_random(&state) % N_OBJECTS);
    }
    for (int i = 0; i < N_OBJECTS; i++)
        objects[i] = malloc(sizes[i]);
    for (long i = 0; i < n_live; i++)
        sink = malloc(LIVE_BYTES);
    for (size_t k = 0; k < sizeof WAYS / sizeof WAYS[0]; k++) {
        if (argc < 2 || n_rounds < 1 || n_rounds > MAX_ROUNDS || strcmp(argv[1], WAYS[k].name) != 0)
            continue;
        (void)WAYS[k].run();
        for (int i = 0; i < n_rounds; i++)
            ns[i] = WAYS[k].run();
        qsort(ns, (size_t)n_rounds, sizeof ns[0], compare);
        printf("{\"ns\": %.4f, \"least_ns\": %.4f}\n", ns[n_rounds / 2], ns[0]);
        return 0;
    }
    (void)fprintf(stderr, "malloc_cost pair|tight|threads|step|double [rounds] [live]\n");
    return 2;
}
