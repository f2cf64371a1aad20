/* Draws, probabilities, and the estimates that come of them: on averages of many runs with a fixed
 * seed, by bounds of four standard deviations. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sigsafe/heap_draw.h"
#include "sigsafe/heap_sites.h"

enum { INTERVAL = 512 * 1024, N_RUNS = 1000 };

static uint64_t seed = 0x243F6A8885A308D3;

static double draw(uint64_t interval_bytes)
{
    return (double)pp_sig_heap_draw(interval_bytes, pp_sig_heap_random(&seed));
}

/* P = 1 - exp(-size / interval), from 2e-6 to 1. */
static void test_probability(void **state)
{
    (void)state;
    for (uint64_t size = 1; size < (uint64_t)1 << 30; size = size * 3 / 2 + 1) {
        const double expected = -expm1(-(double)size / INTERVAL);
        assert_true(fabs(pp_sig_heap_probability(size, INTERVAL) / expected - 1) < 1e-13);
    }
    assert_true(pp_sig_heap_probability(0, INTERVAL) == 0);
    assert_true(pp_sig_heap_probability(17, 1) == 1);
    assert_true(pp_sig_heap_probability(UINT64_MAX, INTERVAL) == 1);
}

/* Draws are exponential: mean and standard deviation are the interval, and the part of them that an
 * object of any size reaches is its probability. */
static void test_draws(void **state)
{
    enum { N = 1000000 };
    static const uint64_t sizes[] = {16, 1000, 100000, INTERVAL, 4 * INTERVAL};
    double sum = 0, squares = 0;
    int n_reached[5] = {0};

    (void)state;
    for (int i = 0; i < N; i++) {
        const double bytes = draw(INTERVAL);
        assert_true(bytes >= 1);
        sum += bytes;
        squares += bytes * bytes;
        for (int k = 0; k < 5; k++)
            n_reached[k] += bytes <= (double)sizes[k];
    }
    assert_true(fabs(sum / N / INTERVAL - 1) < 4 / sqrt(N));
    assert_true(fabs(sqrt(squares / N - sum / N * sum / N) / INTERVAL - 1) < 4 * sqrt(2.0 / N));
    for (int k = 0; k < 5; k++) {
        const double p = -expm1(-(double)sizes[k] / INTERVAL);
        assert_true(fabs(n_reached[k] - N * p) < 4 * sqrt(N * p * (1 - p)));
    }
    /* The ends of what a random number can be. */
    assert_int_equal(pp_sig_heap_draw(INTERVAL, UINT64_MAX), 1);
    assert_true(pp_sig_heap_draw(INTERVAL, 0) > 36 * (uint64_t)INTERVAL);
    assert_int_equal(pp_sig_heap_draw(UINT64_MAX, 0), (uint64_t)1 << 62);
}

struct estimate {
    double bytes, objects, bytes_variance, count_variance;
    long n_samples;
};

/* 'n_objects' of one size, one after the other, as a thread counts them down. */
static struct estimate run_site(uint64_t size_bytes, uint64_t n_objects)
{
    const struct pp_sig_heap_weight weight = pp_sig_heap_weigh(size_bytes, INTERVAL);
    struct estimate sum = {0, 0, 0, 0, 0};
    uint64_t left = pp_sig_heap_draw(INTERVAL, pp_sig_heap_random(&seed));

    while (n_objects > 0) {
        const uint64_t n_passed = (left - 1) / size_bytes; /* an object passes while size < left */
        if (n_passed >= n_objects)
            break;
        n_objects -= n_passed + 1;
        left = pp_sig_heap_draw(INTERVAL, pp_sig_heap_random(&seed));
        sum.n_samples++;
        sum.bytes += (double)weight.bytes;
        sum.objects += 1 + (double)weight.excess / 1024;
        sum.bytes_variance += weight.bytes_variance;
        sum.count_variance += weight.count_variance;
    }
    return sum;
}

/* A thousand runs of each site: the mean is true, and two standard errors, as estimated from the
 * samples alone, cover the truth in 93 to 98 % of the runs with ten samples or more. */
static void test_estimates(void **state)
{
    static const struct {
        uint64_t size_bytes, n_objects;
    } sites[] = {{16, 2000000},  {64, 1000000},   {1000, 100000}, {8192, 20000},
                 {100000, 1000}, {INTERVAL, 200}, {1 << 20, 100}};

    (void)state;
    for (size_t i = 0; i < sizeof sites / sizeof sites[0]; i++) {
        const double bytes = (double)sites[i].size_bytes * (double)sites[i].n_objects;
        const double objects = (double)sites[i].n_objects;
        double sum = 0, variance = 0;
        int n = 0, n_covered = 0, n_counts_covered = 0;

        for (int run = 0; run < N_RUNS; run++) {
            const struct estimate estimate = run_site(sites[i].size_bytes, sites[i].n_objects);
            sum += estimate.bytes;
            variance += estimate.bytes_variance;
            if (estimate.n_samples < 10)
                continue;
            n++;
            n_covered += fabs(estimate.bytes - bytes) <= 2 * sqrt(estimate.bytes_variance);
            n_counts_covered +=
                fabs(estimate.objects - objects) <= 2 * sqrt(estimate.count_variance);
        }
        print_message(
            "%8llu x %7llu: mean / true %.4f, two errors cover %.1f %% of bytes, %.1f %% of counts\n",
            (unsigned long long)sites[i].size_bytes, (unsigned long long)sites[i].n_objects,
            sum / N_RUNS / bytes, 100.0 * n_covered / n, 100.0 * n_counts_covered / n);
        assert_true(fabs(sum / N_RUNS - bytes) < 4 * sqrt(variance / N_RUNS / N_RUNS));
        assert_true(n > N_RUNS / 2);
        assert_in_range(n_covered, n * 93 / 100, n * 98 / 100);
        assert_in_range(n_counts_covered, n * 93 / 100, n * 98 / 100);
    }
}

/* An exact recording's objects stand for themselves. */
static void test_exact_weight(void **state)
{
    const struct pp_sig_heap_weight weight = pp_sig_heap_weigh(123, 1);

    (void)state;
    assert_int_equal(weight.bytes, 123);
    assert_int_equal(weight.excess, 0);
    assert_true(weight.bytes_variance == 0 && weight.count_variance == 0);
}

/* A bucket's upper bound is not in it any more; the first and the last hold all that is beyond. */
static void test_lifetimes(void **state)
{
    static struct {
        struct pp_rec_header header;
        struct pp_rec_lifetimes lifetimes[2];
    } recording;
    static const struct {
        uint64_t lifetime_ns;
        uint32_t bucket;
    } CASES[] = {{0, 0},
                 {976, 0},
                 {977, 1},
                 {1953, 1},
                 {1954, 2},
                 {499999, 9},
                 {500000, 10},
                 {999999, 10},
                 {1000000, 11},
                 {1999999, 11},
                 {2000000, 12},
                 {UINT64_C(16777215999999), 34},
                 {UINT64_C(16777216000000), 35},
                 {UINT64_C(1) << 50, 35},
                 {UINT64_MAX, 35}};
    const struct pp_sig_heap_weight weight = pp_sig_heap_weigh(123, 1);
    struct pp_rec_table *table = &recording.header.heap.lifetimes;
    (void)state;

    pp_sig_heap_lived(&recording.header, 1, 5, &weight); /* there is no table: nothing happens */
    table->item_bytes = sizeof(struct pp_rec_lifetimes);
    table->n_first = 2;
    atomic_store(&table->blocks[0], offsetof(__typeof__(recording), lifetimes));
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct pp_rec_heap_sums *sums = &recording.lifetimes[1].freed[CASES[i].bucket];
        const uint64_t n = atomic_load(&sums->n_samples);
        pp_sig_heap_lived(&recording.header, 1, CASES[i].lifetime_ns, &weight);
        assert_int_equal(atomic_load(&sums->n_samples), n + 1);
        assert_int_equal(atomic_load(&sums->bytes), (n + 1) * 123);
    }
    assert_int_equal(atomic_load(&recording.lifetimes[0].freed[0].n_samples), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probability), cmocka_unit_test(test_draws),
        cmocka_unit_test(test_estimates),   cmocka_unit_test(test_exact_weight),
        cmocka_unit_test(test_lifetimes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
