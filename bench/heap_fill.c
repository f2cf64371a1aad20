/* A heap of so many MiB (1024): objects of 16 bytes to 64 KiB, small ones more often, a third of
 * them replaced once.  Prints what of the process is in memory as JSON. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_OBJECTS = 16 * 1024 * 1024, LEAST_BITS = 4, MOST_BITS = 16 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* From 2^4 to 2^16, each power as often as the other. */
static size_t next_size(uint64_t *state)
{
    const uint64_t random = next_random(state);
    const unsigned int bits = LEAST_BITS + (unsigned int)(random % (MOST_BITS - LEAST_BITS));

    return ((size_t)1 << bits) + (random >> 8) % ((size_t)1 << bits);
}

static void *filled(uint64_t *state, size_t *n_bytes_out)
{
    void *object = malloc(*n_bytes_out = next_size(state));

    if (object == NULL)
        abort();
    return memset(object, 1, *n_bytes_out);
}

static long resident_kib(void)
{
    long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL || fscanf(file, "%ld %ld", &total, &resident) != 2)
        abort();
    (void)fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argc, char **argv)
{
    const size_t wanted = (size_t)(argc > 1 ? atol(argv[1]) : 1024) << 20;
    void **objects = calloc(MOST_OBJECTS, sizeof *objects);
    size_t n = 0, n_bytes, n_held = 0;
    uint64_t state = 88172645463325252;

    if (objects == NULL)
        return 1;
    for (; n < MOST_OBJECTS && n_held < wanted; n++, n_held += n_bytes)
        objects[n] = filled(&state, &n_bytes);
    for (size_t i = 0; i < n / 3; i++) {
        void **object = &objects[next_random(&state) % n];
        free(*object);
        *object = filled(&state, &n_bytes);
    }
    printf("{\"resident_kib\": %ld, \"n_objects\": %zu}\n", resident_kib(), n);
    return 0;
}
