/* Allocates for a while and says what: churned() takes objects of 16 000 bytes and gives them back,
 * kept() one of 256 KiB for every 250 of those, and keeps each fourth of them.  Arguments: seconds
 * (2).  Prints the bytes that each has allocated, and those that are kept. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "truth.h"

enum { CHURNED = 16000, KEPT = 256 * 1024, PER_ROUND = 250, MOST_KEPT = 4000 };

static void *volatile held[MOST_KEPT];
static uint64_t churned_bytes, allocated_bytes, kept_bytes;

static __attribute__((noinline)) void churned(void)
{
    for (int i = 0; i < PER_ROUND; i++) {
        void *volatile object = malloc(CHURNED);
        if (object != NULL)
            memset(object, i, CHURNED);
        churned_bytes += CHURNED;
        free(object);
    }
}

static __attribute__((noinline)) void kept(unsigned round)
{
    void *object = malloc(KEPT);

    allocated_bytes += KEPT;
    if (round % 4 != 0 || round / 4 >= MOST_KEPT) {
        free(object);
        return;
    }
    held[round / 4] = object;
    kept_bytes += KEPT;
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    const double end_s = now_s() + truth_argument(argc, argv, 1, 2);

    for (unsigned round = 0; now_s() < end_s; round++) {
        churned();
        kept(round);
    }
    printf("%llu %llu %llu\n", (unsigned long long)churned_bytes,
           (unsigned long long)allocated_bytes, (unsigned long long)kept_bytes);
    return 0;
}
