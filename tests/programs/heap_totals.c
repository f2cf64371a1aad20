/* Linked with libpprofc: counts usable bytes by itself, and asks the library for the same.  What is
 * wrong it says, and ends with 1. */
#include <malloc.h>
#include <pprofc/pprofc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 2000, OLD_BYTES = offsetof(struct pprofc_alloc_totals, counts_usable) };

static void *objects[N];
static uint64_t allocated, freed;
static int n_wrong;

static void check(int is_right, const char *what)
{
    if (!is_right) {
        printf("wrong: %s\n", what);
        n_wrong++;
    }
}

static struct pprofc_alloc_totals totals(void)
{
    struct pprofc_alloc_totals found = PPROFC_ALLOC_TOTALS_INIT;

    check(pprofc_alloc_totals(&found, NULL) == 0, "no totals");
    check(found.struct_bytes == sizeof found, "not all was filled in");
    return found;
}

static void make(void)
{
    for (size_t i = 0; i < N; i++) {
        objects[i] = malloc(1 + i * 7);
        allocated += malloc_usable_size(objects[i]);
    }
}

static void *drop_half(void *unused)
{
    for (size_t i = 0; i < N; i += 2) {
        freed += malloc_usable_size(objects[i]);
        free(objects[i]);
    }
    return unused;
}

/* What a thread frees that another one has made is the one's freed and the other's allocated. */
static void by_thread(void)
{
    const struct pprofc_alloc_totals before = totals();
    struct pprofc_alloc_totals after;
    pthread_t thread;

    make();
    after = totals();
    check(after.counts_usable == 1, "usable bytes are not counted");
    check(after.own_usable_allocated_bytes - before.own_usable_allocated_bytes == allocated,
          "own usable bytes allocated");
    check(after.own_usable_freed_bytes == before.own_usable_freed_bytes, "own usable bytes freed");
    if (pthread_create(&thread, NULL, drop_half, NULL) != 0 || pthread_join(thread, NULL) != 0)
        exit(2);
    check(totals().own_usable_freed_bytes == after.own_usable_freed_bytes, "freed by another");
    check(totals().usable_freed_bytes - before.usable_freed_bytes >= freed, "usable bytes freed");
    for (size_t i = 1; i < N; i += 2)
        free(objects[i]);
    after = totals();
    check(after.own_usable_net_bytes - before.own_usable_net_bytes == (int64_t)freed,
          "own net is what the other thread has freed");
    check(after.usable_net_bytes ==
              (int64_t)(after.usable_allocated_bytes - after.usable_freed_bytes),
          "net");
}

/* A program that was built with the first header may have anything where it wants no initialiser:
 * what lies behind its struct is not ours. */
static void first_header(void)
{
    unsigned char behind[sizeof(struct pprofc_alloc_totals)];
    struct pprofc_alloc_totals found;

    memset(&found, 0x5a, sizeof found);
    check(pprofc_alloc_totals(&found, NULL) == 0, "no totals for an old program");
    check(found.struct_bytes == OLD_BYTES && found.n_allocs >= N, "an old program's totals");
    memset(behind, 0x5a, sizeof behind);
    check(memcmp((char *)&found + OLD_BYTES, behind, sizeof found - OLD_BYTES) == 0,
          "behind an old program's struct");
}

static void start(int counts)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;

    options.kinds = PPROFC_KIND_HEAP;
    options.heap_usable = counts;
    check(pprofc_start(&options, NULL) == 0, "start");
}

int main(void)
{
    start(1);
    by_thread();
    first_header();
    check(pprofc_stop(NULL, NULL) == 0, "stop");
    start(0);
    make();
    check(totals().counts_usable == 0 && totals().usable_allocated_bytes == 0, "counted unasked");
    (void)drop_half(NULL);
    check(pprofc_stop(NULL, NULL) == 0, "stop again");
    return n_wrong == 0 ? 0 : 1;
}
