/* Walks while the ground moves: memory that goes away, libraries that come and go.  The only claim
 * is: no crash, no hang.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

#include "sigsafe/arch.h"
#include "sigsafe/module_set.h"
#include "walking.h"

int trashing_call(int (*called)(int), int value, unsigned long rbp);

static atomic_bool is_over;
static atomic_uint in_handler, n_moves;
static unsigned n_walks, n_inferred, n_root;

static bool seconds_have_passed(const struct timespec *begin, int n)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - begin->tv_sec) * 1000 + (now.tv_nsec - begin->tv_nsec) / 1000000 >=
           n * 1000;
}

static void pause_ns(long n)
{
    const struct timespec pause = {0, n};
    (void)nanosleep(&pause, NULL);
}

static char *volatile moving;

/* 1000 times a second: gone, back, forbidden, allowed. */
static void *move(void *unused)
{
    const size_t n_bytes = 16 * 4096;

    while (!atomic_load(&is_over)) {
        (void)munmap(moving, n_bytes);
        pause_ns(100000);
        (void)mmap(moving, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                   -1, 0);
        for (size_t at = 0; at + 32 <= n_bytes;
             at += 32) { /* a chain of frames through all of it */
            uint64_t *frame = (uint64_t *)(void *)(moving + at);
            frame[0] = (uint64_t)(uintptr_t)(moving + at + 32);
            frame[1] = (uint64_t)(uintptr_t)moving;
        }
        pause_ns(300000);
        (void)mprotect(moving, n_bytes, PROT_NONE);
        pause_ns(100000);
        atomic_fetch_add(&n_moves, 1);
    }
    return unused;
}

static int walks_from_here(int value)
{
    (void)raise(SIGUSR1);
    n_walks++;
    return value;
}

/* A frame pointer into memory that is unmapped and forbidden 1000 times a second, above the stack's
 * known part. */
static void test_stack_that_goes_away(void **state)
{
    const struct pp_sig_bounds kept = bounds;
    struct timespec begin;
    pthread_t mover;

    (void)state;
    moving = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(moving != MAP_FAILED);
    bounds.hi = 0; /* so that an address below sp is not refused at once either */
    n_walks = 0;
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&mover, NULL, move, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    while (!seconds_have_passed(&begin, 1))
        for (unsigned long at = 0; at < 16 * 4096; at += 4088)
            (void)trashing_call(walks_from_here, 1, (unsigned long)(uintptr_t)moving + at);
    atomic_store(&is_over, true);
    pthread_join(mover, NULL);
    bounds = kept;
    assert_true(n_walks > 1000);
    assert_true(atomic_load(&n_moves) > 100);
    (void)munmap(moving, 16 * 4096);
}

/* ---- libraries ---- */

static void wait_until_out(void *context)
{
    (void)context;
    while (atomic_load(&in_handler) != 0)
        pause_ns(20000);
}

static void on_tick(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info;
    atomic_fetch_add(&in_handler, 1);
    pp_sig_unwind(context, bounds, pcs, &walk);
    n_walks++;
    n_inferred += (walk.flags & PP_WALK_INFERRED) != 0;
    n_root += (walk.flags & PP_WALK_TRUNCATED) == 0;
    atomic_fetch_sub(&in_handler, 1);
}

static void *refresh(void *result)
{
    while (!atomic_load(&is_over)) {
        const int left = pp_modules_refresh(modules, 2000000);
        if (left < 0)
            *(int *)result = left;
        pause_ns(100000);
    }
    return NULL;
}

static int raises(int value)
{
    (void)raise(SIGUSR1);
    return value;
}

/* A library is loaded, called back from and unloaded as fast as it goes, while another thread keeps
 * the list: no crash, and most walks from within it reach the root. */
static void test_dlopen_storm(void **state)
{
    struct timespec begin;
    pthread_t refresher;
    unsigned n_loads = 0;
    int result = 0;

    (void)state;
    pp_modules_free(modules);
    modules = pp_modules_new(nothing_seen, wait_until_out, NULL);
    assert_non_null(modules);
    install(SIGUSR1, on_tick, SA_RESTART);
    n_walks = n_inferred = n_root = 0;
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&refresher, NULL, refresh, &result), 0);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    while (!seconds_have_passed(&begin, 3)) {
        void *library = dlopen(PLUGIN_PATH, RTLD_NOW);
        int (*calls)(int (*)(int), int);
        assert_non_null(library);
        pp_sig_modules_changed();
        *(void **)&calls = dlsym(library, "plugin_calls");
        assert_non_null(calls);
        if (n_loads % 3 == 0)
            pause_ns(1000000); /* now and then, long enough for a table */
        for (int i = 0; i < 20; i++)
            assert_int_equal(calls(raises, i), i + 1);
        pp_sig_modules_closing();
        (void)dlclose(library);
        (void)raise(SIGUSR1);
        n_loads++;
    }
    atomic_store(&is_over, true);
    pthread_join(refresher, NULL);
    assert_int_equal(result, 0);
    assert_true(n_loads > 100);
    assert_true(n_walks > 2000);
    assert_true(n_root > n_walks / 10);
    assert_true(n_inferred > 0);
    assert_int_equal(pp_modules_refresh(modules, 1000000000), 0);
}

/* A library that was there at the start has rules without a table: when another is opened too, but
 * not once something may have been closed. */
static void test_in_place_until_a_close(void **state)
{
    const uint64_t pc = (uint64_t)(uintptr_t)_cmocka_run_group_tests + 16;

    (void)state;
    pp_modules_free(modules);
    modules = pp_modules_new(nothing_seen, wait_until_out, NULL);
    assert_non_null(modules);
    assert_int_not_equal(pp_sig_rule_kind(pp_sig_module_set_find(pp_sig_module_set_current, pc)),
                         PP_RULE_NONE);
    pp_sig_modules_changed();
    assert_int_not_equal(pp_sig_rule_kind(pp_sig_module_set_find(pp_sig_module_set_current, pc)),
                         PP_RULE_NONE);
    pp_sig_modules_closing();
    assert_int_equal(pp_sig_rule_kind(pp_sig_module_set_find(pp_sig_module_set_current, pc)),
                     PP_RULE_NONE);
    assert_int_equal(pp_modules_refresh(modules, 1000000000), 0);
    assert_int_not_equal(pp_sig_rule_kind(pp_sig_module_set_find(pp_sig_module_set_current, pc)),
                         PP_RULE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stack_that_goes_away),
        cmocka_unit_test(test_in_place_until_a_close),
        cmocka_unit_test(test_dlopen_storm),
    };
    return cmocka_run_group_tests(tests, start_walking, stop_walking);
}
