/* Linked with libpprofc: counts usable bytes by itself, and asks the library for the same.  What is
 * wrong it says, and ends with 1. */
#include <errno.h>
#include <malloc.h>
#include <pprofc/pprofc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { N = 2000, PAGE = 4096, OLD_BYTES = offsetof(struct pprofc_alloc_totals, counts_usable) };

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

static void expect_mapped(const struct pprofc_map_totals *before, uint64_t n_maps,
                          uint64_t mapped_pages, uint64_t n_unmaps, uint64_t unmapped_pages)
{
    struct pprofc_map_totals now = PPROFC_MAP_TOTALS_INIT;

    check(pprofc_map_totals(&now, NULL) == 0, "no totals of mappings");
    check(now.n_maps - before->n_maps == n_maps, "mappings");
    check(now.mapped_bytes - before->mapped_bytes == mapped_pages * PAGE, "bytes mapped");
    check(now.n_unmaps - before->n_unmaps == n_unmaps, "unmappings");
    check(now.unmapped_bytes - before->unmapped_bytes == unmapped_pages * PAGE, "bytes unmapped");
}

/* Anonymous memory by calls and whole pages, what grows and what is cut off; address space alone is
 * among the others. */
static void by_mappings(void)
{
    enum { ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS, RIGHTS = PROT_READ | PROT_WRITE };
    struct pprofc_map_totals before = PPROFC_MAP_TOTALS_INIT, now = PPROFC_MAP_TOTALS_INIT;
    struct pprofc_map_totals raw;
    char *one, *space;

    memset(&raw, 0, sizeof raw);
    check(pprofc_map_totals(&raw, NULL) == -EINVAL, "totals without the initialiser");
    check(pprofc_map_totals(&before, NULL) == 0, "totals of mappings");
    one = mmap(NULL, 5 * PAGE - 100, RIGHTS, ANONYMOUS, -1, 0);
    expect_mapped(&before, 1, 5, 0, 0);
    check(munmap(one + 3 * PAGE, 2 * PAGE) == 0, "munmap of a part");
    expect_mapped(&before, 1, 5, 1, 2);
    one = mremap(one, 3 * PAGE, 10 * PAGE, MREMAP_MAYMOVE);
    expect_mapped(&before, 1, 12, 1, 2);
    check(munmap(one, 10 * PAGE) == 0, "munmap");
    expect_mapped(&before, 1, 12, 2, 12);
    space = mmap(NULL, 7 * PAGE, PROT_NONE, ANONYMOUS, -1, 0);
    check(pprofc_map_totals(&now, NULL) == 0 && now.n_others - before.n_others == 1 &&
              now.other_bytes - before.other_bytes == 7 * PAGE,
          "address space alone");
    expect_mapped(&before, 1, 12, 2, 12);
    (void)munmap(space, 7 * PAGE);
}

static void start(int counts)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;

    options.kinds = PPROFC_KIND_HEAP;
    options.heap_usable = counts;
    options.heap_mmap = counts;
    check(pprofc_start(&options, NULL) == 0, "start");
}

int main(void)
{
    struct pprofc_map_totals mapped = PPROFC_MAP_TOTALS_INIT;

    start(1);
    by_thread();
    first_header();
    by_mappings();
    check(pprofc_stop(NULL, NULL) == 0, "stop");
    start(0);
    make();
    check(pprofc_map_totals(&mapped, NULL) == -ESRCH, "mappings are followed unasked");
    check(totals().counts_usable == 0 && totals().usable_allocated_bytes == 0, "counted unasked");
    (void)drop_half(NULL);
    check(pprofc_stop(NULL, NULL) == 0, "stop again");
    return n_wrong == 0 ? 0 : 1;
}
