/* What calls of malloc and free cost as they are bound here, and what the same cost when libc (or
 * the allocator that stands behind) is called past whoever stands before it: in the same process,
 * with objects of the same sizes, in turns of a few milliseconds, so that neither another layout of
 * the heap nor another minute of the machine tells them apart.  Prints medians as JSON: nanoseconds
 * of a call both ways, the ratio of neighbouring turns and their difference.
 *
 * Arguments: what (pair, tight, threads, step, double, map), turns (200), live samples (0).
 *   pair     free one of 4096 objects at random, allocate 16 to 1040 bytes in its place
 *   tight    malloc(64) and free it
 *   threads  as pair with 256 objects, in two threads at once, each its own
 *   step     one vector grown by realloc in steps of 16 bytes to 1 MiB, a call
 *   double   the same by doubling from 16 bytes, and filled as it grows, a call
 *   map      mmap 64 KiB, touch its first page, unmap it
 * Live samples: so many objects that are followed stay alive meanwhile; wants the library or the
 * preload with an interval of 64 KiB then.  Negative: as many objects, allocated past it.
 * Built with IS_LINKED it links libpprofc: "on" in the fourth argument's place starts it. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#ifdef IS_LINKED
#include "pprofc/pprofc.h"
#endif

enum { N_OBJECTS = 4096, N_OWN = 256, N_DRAWN = 65536, MAX_TURNS = 2000, LIVE_BYTES = 64 * 1024 };

struct calls {
    void *(*malloc)(size_t n_bytes);
    void (*free)(void *object);
    void *(*realloc)(void *object, size_t n_bytes);
    void *(*mmap)(void *address, size_t n_bytes, int rights, int flags, int fd, off_t offset);
    int (*munmap)(void *address, size_t n_bytes);
};

static void *objects[N_OBJECTS];
static uint16_t sizes[N_DRAWN], places[N_DRAWN];
static void *volatile sink;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Of this thread's CPU time: what others on this machine take is not the call's. */
static double now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double pair(const struct calls *calls)
{
    const struct calls bound = *calls;
    enum { N = 2 * N_DRAWN };
    const double begin_ns = now_ns();

    for (int i = 0; i < N; i++) {
        void **object = &objects[places[i % N_DRAWN]];
        bound.free(*object);
        *object = bound.malloc(sizes[i % N_DRAWN]);
    }
    return (now_ns() - begin_ns) / N;
}

static double tight(const struct calls *calls)
{
    const struct calls bound = *calls;
    enum { N = 500000 };
    const double begin_ns = now_ns();

    for (int i = 0; i < N; i++) {
        sink = bound.malloc(64);
        bound.free(sink);
    }
    return (now_ns() - begin_ns) / N;
}

struct thread {
    struct calls calls;
    pthread_barrier_t *begin;
    double ns;
};

static void *own_objects(void *argument)
{
    enum { N = 300000 };
    struct thread *self = argument;
    const struct calls bound = self->calls;
    void *own[N_OWN] = {NULL};
    uint64_t state = (uint64_t)(uintptr_t)own | 1;
    double begin_ns;

    (void)pthread_barrier_wait(self->begin);
    begin_ns = now_ns();
    for (int i = 0; i < N; i++) {
        const uint64_t random = next_random(&state);
        void **object = &own[random % N_OWN];
        bound.free(*object);
        *object = bound.malloc(16 + (random >> 8) % 1024);
    }
    self->ns = (now_ns() - begin_ns) / N;
    for (int i = 0; i < N_OWN; i++)
        bound.free(own[i]);
    return NULL;
}

static double threads(const struct calls *calls)
{
    pthread_barrier_t begin;
    struct thread both[2] = {{*calls, &begin, 0}, {*calls, &begin, 0}};
    pthread_t ids[2];

    (void)pthread_barrier_init(&begin, NULL, 2);
    for (int i = 0; i < 2; i++)
        if (pthread_create(&ids[i], NULL, own_objects, &both[i]) != 0)
            abort();
    for (int i = 0; i < 2; i++)
        (void)pthread_join(ids[i], NULL);
    (void)pthread_barrier_destroy(&begin);
    return (both[0].ns + both[1].ns) / 2;
}

/* 'next' says what comes after a size; each word of 8 bytes is written once. */
static double vectors(const struct calls *calls, int n_vectors, size_t (*next)(size_t))
{
    enum { MOST_BYTES = 1 << 20 };
    const struct calls bound = *calls;
    const double begin_ns = now_ns();
    long n_calls = 0;

    for (int i = 0; i < n_vectors; i++) {
        uint64_t *vector = NULL;
        size_t n_words = 0;
        for (size_t n_bytes = 16; n_bytes <= MOST_BYTES; n_bytes = next(n_bytes), n_calls++) {
            vector = bound.realloc(vector, n_bytes);
            for (; n_words < n_bytes / sizeof *vector; n_words++)
                ((volatile uint64_t *)vector)[n_words] = n_words;
        }
        bound.free(vector);
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

static double step(const struct calls *calls)
{
    return vectors(calls, 4, more);
}

static double double_it(const struct calls *calls)
{
    return vectors(calls, 80, twice);
}

static double map(const struct calls *calls)
{
    const struct calls bound = *calls;
    enum { N = 2000, MAP_BYTES = 64 * 1024 };
    const double begin_ns = now_ns();

    for (int i = 0; i < N; i++) {
        char *memory =
            bound.mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            abort();
        *(volatile char *)memory = 1;
        (void)bound.munmap(memory, MAP_BYTES);
    }
    return (now_ns() - begin_ns) / N;
}

/* The allocator's own: of the first library behind whose malloc no other stands. */
static struct calls past_all(void)
{
    static const char *const LIBRARIES[] = {"libtcmalloc.so.4", "libjemalloc.so.2",
                                            "libmimalloc.so.2", "libc.so.6"};
    void *library = NULL;
    struct calls found;

    for (size_t i = 0; library == NULL && i < sizeof LIBRARIES / sizeof LIBRARIES[0]; i++)
        library = dlopen(LIBRARIES[i], RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL)
        abort();
    *(void **)&found.malloc = dlsym(library, "malloc");
    *(void **)&found.free = dlsym(library, "free");
    *(void **)&found.realloc = dlsym(library, "realloc");
    library = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL)
        abort();
    *(void **)&found.mmap = dlsym(library, "mmap");
    *(void **)&found.munmap = dlsym(library, "munmap");
    return found;
}

/* What the program's calls are bound to now; asked for at run time, since entries of the GOT are
 * taken for constants. */
__attribute__((noinline)) static struct calls bound_now(void)
{
    return (struct calls){malloc, free, realloc, mmap, munmap};
}

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

static double median(double *numbers, int n)
{
    qsort(numbers, (size_t)n, sizeof *numbers, compare);
    return numbers[n / 2];
}

/* A turn by these calls.  Before it the objects that pair() finds are freed by whoever allocated
 * them: the profiler would take those for alive whose end it has not seen, more with each turn. */
static double turn(double (*run)(const struct calls *), const struct calls *calls)
{
    static const struct calls *owner;

    for (int i = 0; i < N_OBJECTS; i++) {
        if (owner != NULL)
            owner->free(objects[i]);
        objects[i] = calls->malloc(sizes[i]);
    }
    owner = calls;
    return run(calls);
}

/* Turns in the order a b b a, so that what changes slowly counts for both. */
static void measure(double (*run)(const struct calls *), int n_turns, const struct calls *bound,
                    const struct calls *direct)
{
    static double own[MAX_TURNS], plain[MAX_TURNS], ratios[MAX_TURNS], differences[MAX_TURNS];

    (void)turn(run, direct);
    (void)turn(run, bound);
    for (int i = 0; i < n_turns; i++) {
        if (i % 2 == 0)
            own[i] = turn(run, bound);
        plain[i] = turn(run, direct);
        if (i % 2 != 0)
            own[i] = turn(run, bound);
        ratios[i] = own[i] / plain[i];
        differences[i] = own[i] - plain[i];
    }
    printf(
        "{\"ns\": %.4f, \"direct_ns\": %.4f, \"ratio\": %.5f, \"more_ns\": %.4f, \"is_same\": %s}\n",
        median(own, n_turns), median(plain, n_turns), median(ratios, n_turns),
        median(differences, n_turns), bound->malloc == direct->malloc ? "true" : "false");
}

static void prepare(const struct calls *bound, const struct calls *direct, long n_live)
{
    uint64_t state = 88172645463325252;

    for (int i = 0; i < N_DRAWN; i++) {
        sizes[i] = (uint16_t)(16 + next_random(&state) % 1025);
        places[i] = (uint16_t)(next_random(&state) % N_OBJECTS);
    }
    for (long i = 0; i < labs(n_live); i++)
        sink = n_live > 0 ? bound->malloc(LIVE_BYTES) : direct->malloc(LIVE_BYTES);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        double (*run)(const struct calls *);
    } WAYS[] = {{"pair", pair}, {"tight", tight},      {"threads", threads},
                {"step", step}, {"double", double_it}, {"map", map}};
    const int n_turns = argc > 2 ? atoi(argv[2]) : 200;
    const long n_live = argc > 3 ? strtol(argv[3], NULL, 10) * 1582 / 1000 : 0; /* P = 0.632 */
    struct calls bound, direct;

#ifdef IS_LINKED
    if (argc > 4 && strcmp(argv[4], "on") == 0) {
        struct pprofc_options options = PPROFC_OPTIONS_INIT;
        options.kinds = PPROFC_KIND_HEAP;
        if (pprofc_start(&options, NULL) != 0)
            abort();
    }
#endif
    direct = past_all();
    bound = bound_now();
    prepare(&bound, &direct, n_live);
    for (size_t k = 0; k < sizeof WAYS / sizeof WAYS[0]; k++) {
        if (argc < 2 || n_turns < 1 || n_turns > MAX_TURNS || strcmp(argv[1], WAYS[k].name) != 0)
            continue;
        measure(WAYS[k].run, n_turns, &bound, &direct);
        return 0;
    }
    (void)fprintf(stderr, "malloc_cost pair|tight|threads|step|double|map [turns] [live]\n");
    return 2;
}
