/* The map of followed objects. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/heap_memory.h"
#include "sigsafe/heap.h"

static struct pp_sig_heap_map *const map = &pp_sig_heap.objects;

static int make(void **state)
{
    (void)state;
    if (pp_heap_memory_make() != 0)
        return -1;
    pp_heap_memory_clear(1024);
    return 0;
}

static struct pp_sig_heap_object object_of(uint64_t key)
{
    return (struct pp_sig_heap_object){.size_bytes = key * 3, .site = (uint32_t)(key >> 4)};
}

static void assert_is(const struct pp_sig_heap_object *object, uint64_t key)
{
    assert_int_equal(object->size_bytes, key * 3);
    assert_int_equal(object->site, (uint32_t)(key >> 4));
}

/* Nothing is left, and no bucket thinks that something passed it by. */
static void assert_empty(void)
{
    for (uint32_t i = map->first; i <= atomic_load(&map->current); i++) {
        const struct pp_sig_heap_level *level = &map->levels[i];
        for (uint32_t bucket = 0; bucket < 1u << level->bucket_bits; bucket++) {
            assert_int_equal(atomic_load(&level->passed[bucket]), 0);
            for (uint32_t k = 0; k < PP_HEAP_BUCKET; k++)
                assert_int_equal(atomic_load(&level->keys[bucket * PP_HEAP_BUCKET + k]), 0);
        }
    }
}

/* Put in 'n' keys, find each, take every second in another order, then the rest. */
static void fill_and_empty(uint64_t first, uint64_t stride, uint32_t n)
{
    struct pp_sig_heap_object object;
    struct pp_sig_heap_place place;

    for (uint32_t i = 0; i < n; i++) {
        object = object_of(first + i * stride);
        assert_true(pp_sig_heap_map_put(map, first + i * stride, &object));
    }
    for (uint32_t i = 0; i < n; i++) {
        assert_true(pp_sig_heap_map_find(map, first + i * stride, &place));
        assert_is(pp_sig_heap_map_at(map, place), first + i * stride);
        assert_false(pp_sig_heap_map_find(map, first + i * stride + 1, &place));
    }
    for (uint32_t i = n; i-- > 0;)
        if (i % 2 == 1) {
            assert_true(pp_sig_heap_map_take(map, first + i * stride, &object));
            assert_is(&object, first + i * stride);
            assert_false(pp_sig_heap_map_take(map, first + i * stride, &object));
        }
    for (uint32_t i = 0; i < n; i += 2)
        assert_true(pp_sig_heap_map_take(map, first + i * stride, &object));
    assert_empty();
}

/* As small objects lie, as pages do, as large ones do; few, and more than the first levels hold. */
static void test_keys_as_objects_lie(void **state)
{
    static const uint64_t strides[] = {16,     32, 48, 128, 4096, 8192, 1 << 20, (1 << 20) + 4096,
                                       1 << 21};

    (void)state;
    for (size_t i = 0; i < sizeof strides / sizeof strides[0]; i++) {
        pp_heap_memory_clear(1024);
        fill_and_empty(0x7f0012345010, strides[i], 100);
        fill_and_empty(0x55d000000010, strides[i], 60000);
    }
}

/* Levels are used as they fill, not before: a page's beginning each, 4000 of them stay in the
 * first. */
static void test_levels_fill(void **state)
{
    struct pp_sig_heap_object object = object_of(1);

    (void)state;
    pp_heap_memory_clear(1024);
    for (uint64_t i = 0; i < PP_HEAP_MAP_LEAST_SLOTS / 2; i++)
        assert_true(
            pp_sig_heap_map_put(map, 0x7f0000000000 + i * 528 * 1024 / 4096 * 4096, &object));
    assert_int_equal(atomic_load(&map->current), 0);
}

/* More than there is room for: a no, and nothing is lost of what was put in. */
static void test_full(void **state)
{
    struct pp_sig_heap_map small = {.levels = {map->levels[0]}};
    struct pp_sig_heap_object object;
    uint64_t n = 0;

    (void)state;
    pp_heap_memory_clear(1024);
    for (;; n++) {
        object = object_of(0x1000 + n * 16);
        if (!pp_sig_heap_map_put(&small, 0x1000 + n * 16, &object))
            break;
    }
    assert_in_range(n, PP_HEAP_MAP_LEAST_SLOTS / 2, PP_HEAP_MAP_LEAST_SLOTS);
    for (uint64_t i = 0; i < n; i++) {
        assert_true(pp_sig_heap_map_take(&small, 0x1000 + i * 16, &object));
        assert_is(&object, 0x1000 + i * 16);
    }
    assert_empty();
}

enum { N_THREADS = 4, N_OWN = 3000, N_ROUNDS = 60 };

/* Each thread has keys of its own among those of the others, and hands half of them to the next to
 * be taken out there. */
static struct {
    pthread_barrier_t barrier;
    int n_wrong[N_THREADS];
} crowd;

static uint64_t key_of(int thread, int round, int i)
{
    return 0x560000000000 + ((uint64_t)(round % 7 * N_OWN + i) * N_THREADS + (uint64_t)thread) * 32;
}

static void *crowd_main(void *argument)
{
    const int self = (int)(intptr_t)argument, other = (self + 1) % N_THREADS;
    struct pp_sig_heap_object object;
    int n_wrong = 0;

    for (int round = 0; round < N_ROUNDS; round++) {
        for (int i = 0; i < N_OWN; i++) {
            object = object_of(key_of(self, round, i));
            n_wrong += !pp_sig_heap_map_put(map, key_of(self, round, i), &object);
        }
        (void)pthread_barrier_wait(&crowd.barrier);
        for (int i = 0; i < N_OWN; i++) {
            const uint64_t key = key_of(i % 2 == 0 ? self : other, round, i);
            n_wrong += !pp_sig_heap_map_take(map, key, &object) || object.size_bytes != key * 3;
        }
        (void)pthread_barrier_wait(&crowd.barrier);
    }
    crowd.n_wrong[self] = n_wrong;
    return NULL;
}

static void test_many_threads(void **state)
{
    pthread_t threads[N_THREADS];

    (void)state;
    pp_heap_memory_clear(1024);
    assert_int_equal(pthread_barrier_init(&crowd.barrier, NULL, N_THREADS), 0);
    for (intptr_t i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_main, (void *)i), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(crowd.n_wrong[i], 0);
    assert_empty();
}

/* Told of a sample every 512 KiB, and then 1000 times as many come: all are kept, since each level
 * spreads them more. */
static void test_thicker_than_foretold(void **state)
{
    enum { N = 20000, STEP = 512 };
    const uint64_t first = 0x7f2300000010;
    struct pp_sig_heap_object object;

    (void)state;
    pp_heap_memory_clear(512 * 1024);
    for (uint64_t key = first; key < first + (uint64_t)N * STEP; key += STEP) {
        object = object_of(key);
        assert_true(pp_sig_heap_map_put(map, key, &object));
    }
    for (uint64_t key = first; key < first + (uint64_t)N * STEP; key += STEP) {
        assert_true(pp_sig_heap_map_take(map, key, &object));
        assert_is(&object, key);
    }
    assert_empty();
    pp_heap_memory_clear(1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_as_objects_lie),
        cmocka_unit_test(test_levels_fill),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_thicker_than_foretold),
    };

    return cmocka_run_group_tests(tests, make, NULL);
}
