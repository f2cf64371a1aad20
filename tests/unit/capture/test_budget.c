/* The budget's arithmetic, on programs that are made up: what a sample costs, what the program
 * uses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "capture/budget.h"

static const uint64_t turn_ns = 100 * 1000 * 1000;

/* A program, and what profiling it costs. */
struct world {
    double cpus;          /* that it uses */
    double sample_ns;     /* of a sample */
    double fixed_share;   /* of the program's CPU, whatever the rate */
    double heap_ns_per_s; /* of heap samples a CPU second, at an interval of 'heap_unit' */
    uint64_t heap_unit;
    double wanted_hz;
    double program_ns, own_ns; /* so far */
    double least_hz, most_hz;  /* the rate was, since this was reset */
    unsigned n_moves;
};

static void run(struct world *world, struct pp_budget *budget, double seconds)
{
    for (double at = 0; at < seconds * 1e9; at += (double)turn_ns) {
        const double hz = pp_budget_rate(budget, world->wanted_hz);
        const double cpu_ns = world->cpus * (double)turn_ns;
        double own_ns = cpu_ns * world->fixed_share + cpu_ns / 1e9 * hz * world->sample_ns;
        struct pp_budget_used used;

        if (budget->heap_interval_bytes > 0)
            own_ns += cpu_ns / 1e9 * world->heap_ns_per_s * (double)world->heap_unit /
                      (double)budget->heap_interval_bytes;
        used = (struct pp_budget_used){turn_ns, (uint64_t)cpu_ns, (uint64_t)own_ns};
        world->program_ns += cpu_ns;
        world->own_ns += own_ns;
        world->least_hz = fmin(world->least_hz, hz);
        world->most_hz = fmax(world->most_hz, hz);
        world->n_moves += pp_budget_step(budget, &used, world->wanted_hz) != PP_BUDGET_KEPT;
    }
}

static struct pp_budget begin(double share, uint64_t heap_interval)
{
    const struct pp_budget_wish wish = {.share = share,
                                        .is_sampled = true,
                                        .heap_interval_bytes = heap_interval,
                                        .most_heap_interval_bytes =
                                            heap_interval > 0 ? UINT32_MAX : 0};
    struct pp_budget budget;

    pp_budget_init(&budget, &wish);
    return budget;
}

static struct world at_rate(double wanted_hz, double sample_ns)
{
    return (struct world){
        .cpus = 1, .sample_ns = sample_ns, .wanted_hz = wanted_hz, .least_hz = INFINITY};
}

/* A rate that the budget allows is the rate from the first moment, and nothing is ever changed. */
static void left_alone(void **state)
{
    struct pp_budget budget = begin(0.01, 524288);
    struct world world = at_rate(100, 20000);
    (void)state;

    run(&world, &budget, 100);
    assert_int_equal(world.n_moves, 0);
    assert_true(world.least_hz >= 100 && world.most_hz <= 100);
    assert_int_equal(budget.heap_interval_bytes, 524288);
}

/* A rate that is far too high ends where the budget is kept, over the whole run and without ever
 * having been there, whatever a sample costs; and is then left alone. */
static void too_high(void **state)
{
    static const double prices_ns[] = {1000, 5000, 30000, 200000};
    (void)state;

    for (size_t i = 0; i < sizeof prices_ns / sizeof prices_ns[0]; i++) {
        struct pp_budget budget = begin(0.005, 0);
        struct world world = at_rate(10000, prices_ns[i]);
        double hz;
        run(&world, &budget, 60);
        assert_true(world.own_ns <= 0.005 * world.program_ns);
        hz = pp_budget_rate(&budget, 10000);
        assert_true(hz * prices_ns[i] >= 0.3 * 0.005 * 1e9 || hz >= 10000);
        world.n_moves = 0;
        run(&world, &budget, 60);
        assert_true(world.n_moves <= 2);
        assert_true(world.own_ns <= 0.005 * world.program_ns);
    }
}

/* Samples that become cheap again bring the rate back to what is wanted, not beyond. */
static void comes_back(void **state)
{
    struct pp_budget budget = begin(0.01, 0);
    struct world world = at_rate(1000, 100000);
    (void)state;

    run(&world, &budget, 60);
    assert_true(pp_budget_rate(&budget, 1000) < 150);
    world.sample_ns = 2000;
    world.most_hz = 0;
    run(&world, &budget, 120);
    assert_true(pp_budget_rate(&budget, 1000) >= 1000);
    assert_true(world.most_hz <= 1000);
}

/* A cost that lies within the band moves nothing, however long: there is no swinging. */
static void does_not_swing(void **state)
{
    struct pp_budget budget = begin(0.01, 0);
    struct world world = at_rate(1000, 12000);
    (void)state;

    run(&world, &budget, 120);
    world.n_moves = 0;
    run(&world, &budget, 1000);
    assert_true(world.n_moves <= 3);
}

/* What the start has cost is paid back: the run as a whole keeps to the budget. */
static void pays_back(void **state)
{
    struct pp_budget budget = begin(0.01, 0);
    struct world world = at_rate(1000, 20000);
    (void)state;

    pp_budget_owe(&budget, 100 * 1000 * 1000); /* ten seconds' budget */
    world.own_ns = 1e8;
    run(&world, &budget, 20);
    assert_true(world.own_ns <= 0.01 * world.program_ns);
    run(&world, &budget, 100);
    assert_true(world.own_ns <= 0.01 * world.program_ns);
}

/* Less is done in the order that is told: the rate to 10 Hz, the heap's interval to 64 times,
 * its samples rest, the rate to 1 Hz; and back in the opposite one. */
static void order(void **state)
{
    struct pp_budget budget = begin(0.001, 524288);
    struct world world = at_rate(1000, 1000);
    (void)state;

    world.heap_unit = 524288;
    world.heap_ns_per_s = 8e6; /* 0.8 % at the interval asked: eight times the budget */
    run(&world, &budget, 20);
    assert_true(pp_budget_rate(&budget, 1000) >= 10);
    assert_true(budget.heap_interval_bytes >= UINT64_C(16) * 524288);
    assert_true(budget.heap_interval_bytes <= UINT64_C(64) * 524288);
    world.heap_ns_per_s = 8e8;
    run(&world, &budget, 60);
    assert_int_equal(budget.heap_interval_bytes, UINT32_MAX);
    world.fixed_share = 0.01;
    run(&world, &budget, 60);
    assert_true(fabs(pp_budget_rate(&budget, 1000) - 1) < 1e-9);
    world.fixed_share = 0;
    world.heap_ns_per_s = 1e4;
    run(&world, &budget, 3000);
    assert_int_equal(budget.heap_interval_bytes, 524288);
    assert_true(pp_budget_rate(&budget, 1000) > 500);
}

/* A program that does next to nothing counts as one that uses a tenth of a CPU. */
static void idle(void **state)
{
    struct pp_budget budget = begin(0.01, 0);
    const struct pp_budget_used turn = {1000 * 1000 * 1000, 1000, 500 * 1000};
    (void)state;

    for (int i = 0; i < 100; i++)
        assert_int_equal(pp_budget_step(&budget, &turn, 100), PP_BUDGET_KEPT);
    assert_true(budget.cost < 0.0051 && budget.cost > 0.0049);
}

/* Moves that are dear are made seldom: they take no more than a tenth of the budget. */
static void dear_moves(void **state)
{
    struct pp_budget budget = begin(0.01, 0);
    struct world world = at_rate(10000, 10000);
    unsigned n = 0;
    (void)state;

    for (int second = 0; second < 200; second++) {
        world.sample_ns = second % 8 < 4 ? 8000 : 12000;
        world.n_moves = 0;
        run(&world, &budget, 1);
        n += world.n_moves;
        if (world.n_moves > 0)
            pp_budget_moved(&budget, 20 * 1000 * 1000);
    }
    assert_true(n * 20e6 <= 0.1 * 0.01 * world.program_ns + 2 * 20e6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(left_alone), cmocka_unit_test(too_high),
        cmocka_unit_test(comes_back), cmocka_unit_test(does_not_swing),
        cmocka_unit_test(pays_back),  cmocka_unit_test(order),
        cmocka_unit_test(idle),       cmocka_unit_test(dear_moves),
    };

    return cmocka_run_group_tests_name("capture_budget", tests, NULL, NULL);
}
