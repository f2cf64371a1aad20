/* Objects whose lifetimes are known: each site measures, around malloc and free, between what each
 * of its objects lived, and says in JSON how many certainly lived for less, and how many may have,
 * than each power of two of milliseconds.  Argument: a factor (1). temporary      20 000 x factor
 * of 64 bytes, freed at once held            4 000 x factor of 300 bytes, each hundred for two
 * milliseconds enlarged          200 x factor, which grow from 100 to 25 600 bytes meanwhile kept
 * 1 000 x factor of 500 bytes, never freed */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N_BOUNDS = 36, ONE_MS = 10, HELD = 100, ENLARGED = 200, KEPT = 1000 };

struct site {
    const char *name;
    uint64_t n_allocs, n_freed, certainly[N_BOUNDS], possibly[N_BOUNDS];
};

struct object {
    void *memory;
    uint64_t before_ns, after_ns; /* of its birth */
};

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void count(struct site *site, uint64_t least_ns, uint64_t most_ns)
{
    double bound_ns = 1e6 / (1 << ONE_MS);

    for (int i = 0; i < N_BOUNDS; i++, bound_ns *= 2) {
        site->certainly[i] += (double)most_ns < bound_ns;
        site->possibly[i] += (double)least_ns < bound_ns;
    }
    site->n_freed++;
}

static void drop(struct site *site, const struct object *object)
{
    const uint64_t before_ns = now_ns();

    free(object->memory);
    count(site, before_ns - object->after_ns, now_ns() - object->before_ns);
}

/* Called in each site by its own name: the call of malloc is the site's. */
#define MAKE(site, object, n_bytes)             \
    do {                                        \
        (object)->before_ns = now_ns();         \
        (object)->memory = malloc(n_bytes);     \
        (object)->after_ns = now_ns();          \
        (site)->n_allocs++;                     \
        if ((object)->memory == NULL)           \
            abort();                            \
        *(volatile char *)(object)->memory = 1; \
    } while (0)

__attribute__((noinline)) static void temporary(struct site *site)
{
    struct object object;

    MAKE(site, &object, 64);
    drop(site, &object);
}

__attribute__((noinline)) static void held(struct site *site)
{
    struct object objects[HELD];

    for (int i = 0; i < HELD; i++)
        MAKE(site, &objects[i], 300);
    while (now_ns() < objects[HELD - 1].after_ns + 2000000)
        ;
    for (int i = 0; i < HELD; i++)
        drop(site, &objects[i]);
}

__attribute__((noinline)) static void enlarged(struct site *site)
{
    struct object object;

    MAKE(site, &object, 100);
    for (size_t n_bytes = 200; n_bytes <= 25600; n_bytes *= 2)
        if ((object.memory = realloc(object.memory, n_bytes)) == NULL)
            abort();
    drop(site, &object);
}

__attribute__((noinline)) static void kept(struct site *site)
{
    static void *last; /* a chain, so that none is lost */
    struct object object;

    MAKE(site, &object, 500);
    *(void **)object.memory = last;
    last = object.memory;
}

static void print(const struct site *site, const char *before)
{
    printf("%s\"%s\": {\"n_allocs\": %" PRIu64 ", \"n_freed\": %" PRIu64 ", \"below\": [", before,
           site->name, site->n_allocs, site->n_freed);
    for (int i = 0; i < N_BOUNDS; i++)
        printf("%s[%" PRIu64 ", %" PRIu64 "]", i == 0 ? "" : ", ", site->certainly[i],
               site->possibly[i]);
    printf("]}");
}

int main(int argc, char **argv)
{
    static struct site sites[] = {
        {.name = "temporary"}, {.name = "held"}, {.name = "enlarged"}, {.name = "kept"}};
    const int factor = argc > 1 ? atoi(argv[1]) : 1;

    for (int i = 0; i < 20000 * factor; i++)
        temporary(&sites[0]);
    for (int i = 0; i < 40 * factor; i++)
        held(&sites[1]);
    for (int i = 0; i < ENLARGED * factor; i++)
        enlarged(&sites[2]);
    for (int i = 0; i < KEPT * factor; i++)
        kept(&sites[3]);
    for (size_t i = 0; i < sizeof sites / sizeof sites[0]; i++)
        print(&sites[i], i == 0 ? "{" : ", ");
    printf("}\n");
    return 0;
}
