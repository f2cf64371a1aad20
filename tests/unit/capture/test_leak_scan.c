/* The scan for leaks, on memory that is made up, and on this process's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/leak_objects.h"
#include "capture/leak_scan.h"

enum { N = 3000, PAGE_BITS = 12, PAGE = 4096 };

struct rig {
    struct pp_leak_scan *scan;
    uint64_t *heap; /* where objects lie: 64 bytes every 96, so that some cross pages */
    uint64_t *roots;
};

static struct rig rig;

static void *map(size_t n_bytes)
{
    void *memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(memory, MAP_FAILED);
    return memory;
}

static uint64_t address_of(int i)
{
    return (uint64_t)(uintptr_t)rig.heap + (uint64_t)i * 96 + 16;
}

static void set_up(bool is_flooding)
{
    struct pp_leak_scan *scan = map(sizeof *scan);

    rig.heap = map(N * 96 + PAGE);
    rig.roots = map(N * sizeof *rig.roots);
    rig.scan = scan;
    scan->objects = map(N * sizeof *scan->objects);
    scan->queue = map((N + 1) * sizeof *scan->queue);
    scan->pages = map(sizeof *scan->pages << PAGE_BITS);
    scan->page_bits = PAGE_BITS;
    scan->n_objects = N;
    scan->is_flooding = is_flooding;
    for (int i = 0; i < N; i++) /* in another order */
        scan->objects[i * 7 % N] =
            (struct pp_leak_object){.start = address_of(i), .limit = address_of(i) + 64};
    pp_leak_sort(scan->objects, N);
    pp_leak_index_pages(scan);
    scan->lowest = scan->objects[0].start;
    scan->span = scan->objects[N - 1].limit - scan->lowest;
}

static void tear_down(void)
{
    (void)munmap(rig.scan->objects, N * sizeof *rig.scan->objects);
    (void)munmap(rig.scan->queue, (N + 1) * sizeof *rig.scan->queue);
    (void)munmap(rig.scan->pages, sizeof *rig.scan->pages << PAGE_BITS);
    (void)munmap(rig.scan, sizeof *rig.scan);
    (void)munmap(rig.heap, N * 96 + PAGE);
    (void)munmap(rig.roots, N * sizeof *rig.roots);
}

static bool is_reached(int i)
{
    return rig.scan->objects[i].state == PP_LEAK_REACHED;
}

static void scan_roots(uint32_t n)
{
    pp_leak_scan_root(rig.scan, (uint64_t)(uintptr_t)rig.roots,
                      (uint64_t)(uintptr_t)(rig.roots + n));
}

/* Word 'word' of object 'i'. */
static uint64_t *word_of(int i, int word)
{
    return (uint64_t *)(uintptr_t)address_of(i) + word;
}

/* Sorted, each has its place; the index finds the object of each of its bytes, and none between
 * them. */
static void test_words(void **unused)
{
    (void)unused;
    set_up(false);
    for (int i = 0; i < N; i++)
        assert_true(rig.scan->objects[i].start == address_of(i));
    rig.roots[0] = address_of(0);      /* its beginning */
    rig.roots[1] = address_of(1) + 63; /* its last byte */
    rig.roots[2] = address_of(2) + 64; /* just behind it */
    rig.roots[3] = address_of(3) - 8;  /* just before it */
    rig.roots[4] = address_of(4) | 7;  /* tags in low bits */
    rig.roots[5] = address_of(5) | UINT64_C(1) << 63;
    rig.roots[6] = address_of(6) ^ UINT64_C(0x5555555555555555);
    rig.roots[7] = address_of(N - 1) + 32;
    scan_roots(8);
    for (int i = 0; i < N; i++)
        assert_int_equal(is_reached(i), i == 0 || i == 1 || i == 4 || i == N - 1);
    tear_down();
}

/* Not flooding, the heap is a root like any other, but an object does not hold itself. */
static void test_heap_as_root(void **unused)
{
    (void)unused;
    set_up(false);
    *word_of(10, 3) = address_of(10) + 8;
    *word_of(11, 0) = address_of(12);
    *word_of(12, 7) = address_of(11);
    *word_of(13, 1) = address_of(14);
    pp_leak_scan_root(rig.scan, (uint64_t)(uintptr_t)rig.heap, address_of(N - 1) + 64);
    for (int i = 0; i < N; i++)
        assert_int_equal(is_reached(i), i == 11 || i == 12 || i == 14);
    tear_down();
}

/* Flooding, only what roots lead to is searched: chains that hang on a root are found to their
 * ends, those that hang on nothing and cycles are not; memory between objects is a root. */
static void test_flood(void **unused)
{
    (void)unused;
    set_up(true);
    for (int i = 0; i < 999; i++)
        *word_of(i, i % 8) = address_of(i + 1); /* 0 to 999, held */
    for (int i = 1000; i < 1999; i++)
        *word_of(i, 7) = address_of(i + 1); /* 1000 to 1999, held by nothing */
    *word_of(2000, 0) = address_of(2001);
    *word_of(2001, 0) = address_of(2000);
    *word_of(2500, 8) = address_of(2501); /* behind it: nobody's memory */
    rig.roots[0] = address_of(0);
    pp_leak_scan_root(rig.scan, (uint64_t)(uintptr_t)rig.heap, address_of(N - 1) + 64);
    scan_roots(1);
    assert_false(is_reached(999)); /* not yet */
    rig.scan->mappings[0] = (struct pp_leak_mapping){
        .start = (uint64_t)(uintptr_t)rig.heap, .limit = address_of(N), .is_writable = true};
    rig.scan->n_mappings = 1;
    pp_leak_scan_flood(rig.scan);
    assert_int_equal(rig.scan->result, 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(is_reached(i), i < 1000 || i == 2501);
    tear_down();
}

#ifndef IS_SANITIZED
/* All of a process, this one: the heap is a piece of mapped memory; a static variable holds one
 * object, memory that is to be skipped holds another, and a third is in pages that were made
 * inaccessible since. */
static void test_process(void **unused)
{
    static uint64_t root;
    uint64_t *skipped = map(PAGE);

    (void)unused;
    set_up(true);
    root = address_of(100);
    *word_of(100, 2) = address_of(2900);
    *word_of(2900, 0) = address_of(2901);
    skipped[0] = address_of(200);
    rig.scan->skips[rig.scan->n_skips++] = (struct pp_leak_skip){
        .start = (uint64_t)(uintptr_t)skipped, .limit = (uint64_t)(uintptr_t)skipped + PAGE};
    /* The scan's own tables, as the session has them skipped. */
    rig.scan->skips[rig.scan->n_skips++] =
        (struct pp_leak_skip){.start = (uint64_t)(uintptr_t)rig.scan->objects,
                              .limit = (uint64_t)(uintptr_t)(rig.scan->objects + N)};
    rig.scan->maps_file = open("/proc/self/maps", O_RDONLY);
    rig.scan->pagemap_file = open("/proc/self/pagemap", O_RDONLY);
    assert_true(rig.scan->maps_file >= 0 && rig.scan->pagemap_file >= 0);
    assert_int_equal(
        mprotect((void *)(uintptr_t)(address_of(2901) & ~UINT64_C(4095)), PAGE, PROT_NONE), 0);
    pp_leak_scan_run(rig.scan);
    assert_int_equal(rig.scan->result, 0);
    assert_true(is_reached(100));
    assert_true(is_reached(2900));
    assert_false(is_reached(200));
    assert_true(root != 0 && rig.scan->scanned_bytes > PAGE);
    (void)close(rig.scan->maps_file);
    (void)close(rig.scan->pagemap_file);
    tear_down();
    (void)munmap(skipped, PAGE);
}

#endif

/* However addresses lie, they come out in order, and pages that several share are counted once. */
static void test_sort(void **unused)
{
    enum { MANY = 200000 };
    struct pp_leak_object *objects = calloc(MANY, sizeof *objects);
    uint64_t state = 1, sum = 0, n_pages;

    (void)unused;
    assert_non_null(objects);
    for (int round = 0; round < 3; round++) {
        sum = 0;
        for (int i = 0; i < MANY; i++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
            objects[i].start = round == 0   ? state >> 17 & ~UINT64_C(15)
                               : round == 1 ? (state >> 60) * 16
                                            : UINT64_C(0x7f0000000000) + (state >> 40) * 16;
            objects[i].limit = objects[i].start + 1;
            sum += objects[i].start;
        }
        pp_leak_sort(objects, MANY);
        n_pages = 1;
        for (int i = 0; i < MANY; i++) {
            sum -= objects[i].start;
            if (i == 0)
                continue;
            assert_true(objects[i - 1].start <= objects[i].start);
            n_pages += objects[i - 1].start >> 12 != objects[i].start >> 12;
        }
        assert_true(sum == 0);
        assert_true(pp_leak_count_pages(objects, MANY) == n_pages);
    }
    free(objects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),   cmocka_unit_test(test_heap_as_root),
        cmocka_unit_test(test_flood),
#ifndef IS_SANITIZED /* their shadow is terabytes */
        cmocka_unit_test(test_process),
#endif
        cmocka_unit_test(test_sort),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
