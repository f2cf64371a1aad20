/* The order in which threads' sampling periods are drawn. */
#include "capture/cpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "capture/threads.h"

enum { PERIOD_NS = 10000000, N_DRAWS = 400, MOST_THREADS = 5 };

static struct pp_session session;

static void begin(void)
{
    session = (struct pp_session){.period_ns = PERIOD_NS, .scale = 1, .random = 4711};
}

/* Both on their sides of the mean, equally far, but for what is below a nanosecond. */
static bool are_a_pair(uint64_t a, uint64_t b)
{
    return a + b + 2 >= 2 * (uint64_t)PERIOD_NS && a + b <= 2 * (uint64_t)PERIOD_NS;
}

/* Pass by pass, as the helper draws for threads that all run. */
static void draw(uint32_t n_threads, uint64_t periods[N_DRAWS])
{
    struct pp_watch watches[MOST_THREADS] = {0};

    begin();
    for (uint32_t i = 0; i < N_DRAWS; i++)
        periods[i] = pp_cpu_draw_period(&session, &watches[i % n_threads]);
}

/* However many threads there are: their sum is that of the mean but for the two pairs that may lack
 * their second, and no thread has the two of a pair one after the other. */
static void test_pairs(void **state)
{
    static uint64_t periods[N_DRAWS];

    (void)state;
    for (uint32_t n_threads = 1; n_threads <= MOST_THREADS; n_threads++) {
        double sum_ns = 0;

        draw(n_threads, periods);
        for (uint32_t i = 0; i < N_DRAWS; i++) {
            assert_true(periods[i] >= PERIOD_NS / 2 && periods[i] <= PERIOD_NS * 3 / 2);
            sum_ns += (double)periods[i] - PERIOD_NS;
            if (i + n_threads < N_DRAWS)
                assert_false(are_a_pair(periods[i], periods[i + n_threads]));
        }
        assert_true(sum_ns < 1.01 * PERIOD_NS && sum_ns > -1.01 * PERIOD_NS);
    }
}

/* A thread alone has the second two draws later. */
static void test_alone(void **state)
{
    static uint64_t periods[N_DRAWS];

    (void)state;
    draw(1, periods);
    for (uint32_t i = 0; i + 3 < N_DRAWS; i += 4) {
        assert_true(are_a_pair(periods[i], periods[i + 2]));
        assert_true(are_a_pair(periods[i + 1], periods[i + 3]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs), cmocka_unit_test(test_alone)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
