/* Pools of threads, and threads that have nothing to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "profile/idle.h"
#include "profile/pools.h"
#include "profile/top.h"

/* A number at the end of a name is what tells threads of a pool apart, and nothing else is. */
static void names_of_pools(void **state)
{
    static const char *const cases[][2] = {
        {"worker-12", "worker-*"},
        {"worker", "worker"},
        {"io (3)", "io (*)"},
        {"http-8080-exec-3", "http-8080-exec-*"},
        {"42", "*"},
        {"2nd", "2nd"},
        {"", ""},
        {")", ")"},
    };
    char pool[PP_POOL_NAME_BYTES], name[300];
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(pp_pool_name(cases[i][0], pool), cases[i][1]);
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(strlen(pp_pool_name(name, pool)), PP_POOL_NAME_BYTES - 1);
}

static struct pprofc_profile *begin(const char *kind, int64_t duration_ns)
{
    struct pprofc_profile *profile = pp_profile_new();

    assert_non_null(profile);
    (void)pp_profile_add_type(profile, "waits", "count");
    profile->default_type = (uint32_t)pp_profile_add_type(profile, "wait", "nanoseconds");
    profile->kind = pp_profile_text(profile, kind);
    profile->duration_ns = duration_ns;
    return profile;
}

static void add(struct pprofc_profile *profile, const char *stack, const char *thread, int64_t id,
                const char *kind, int64_t ns)
{
    const struct pp_label labels[] = {
        {.key = pp_profile_text(profile, "thread_name"), .text = pp_profile_text(profile, thread)},
        {.key = pp_profile_text(profile, "thread_id"), .number = id},
        {.key = pp_profile_text(profile, PP_LABEL_WAIT_KIND),
         .text = pp_profile_text(profile, kind)},
    };
    const pp_id location = pp_profile_named_location(profile, stack, strlen(stack));
    const int64_t values[2] = {1, ns};

    pp_profile_add(profile, pp_profile_stack(profile, &location, 1),
                   pp_profile_label_set(profile, labels, 3), 0, values);
}

static void expect(struct pprofc_profile *profile, int64_t idle_ns, uint32_t n_stacks,
                   uint32_t n_threads)
{
    const int64_t before = pp_profile_total(profile, 1);
    struct pp_idle idle;

    assert_int_equal(pp_profile_ignore_idle(profile, 1, &idle, NULL), 0);
    assert_int_equal(idle.value, idle_ns);
    assert_int_equal(idle.n_stacks, n_stacks);
    assert_int_equal(idle.n_threads, n_threads);
    assert_int_equal(pp_profile_total(profile, 1), before - idle_ns);
    pprofc_profile_free(profile);
}

/* 90 % of a thread's life in one stack and one kind of wait: by the profile's duration, or by what
 * is exactly known of the thread. */
static void a_thread_is_idle(void **state)
{
    struct pprofc_profile *profile = begin("offcpu", 1000);
    (void)state;

    add(profile, "accept", "listener", 1, "network", 900);
    add(profile, "read", "reader", 2, "read", 899);
    add(profile, "wait", "waiter", 3, "condition", 500);
    add(profile, "wait", "waiter", 3, "poll", 450); /* another thing to wait for */
    expect(profile, 900, 1, 1);

    profile = begin("offcpu", 1000);
    add(profile, "wait", "young", 4, "poll", 95);
    profile->waits = (struct pp_wait_totals){
        .is_known = true,
        .threads = {{.who = {.name = pp_profile_text(profile, "young"), .id = 4}, .wall_ns = 100}},
        .n_threads = 1};
    expect(profile, 95, 1, 1);

    profile = begin("wall", 1000);
    add(profile, "work", "young", 4, "running", 5);
    add(profile, "wait", "young", 4, "poll", 95);
    expect(profile, 95, 1, 1);

    profile = begin("offcpu", 1000); /* it waited for a CPU for half of it */
    add(profile, "queue", "late", 5, "run queue", 500);
    add(profile, "wait", "late", 5, "poll", 450);
    expect(profile, 450, 1, 1);
}

/* A pool's threads share their lives: half of all in one stack is idle, however much one of them
 * worked; a thread that has no pool is none. */
static void a_pool_is_idle(void **state)
{
    struct pprofc_profile *profile = begin("offcpu", 1000);
    (void)state;

    add(profile, "take", "worker-1", 1, "condition", 300);
    add(profile, "take", "worker-2", 2, "condition", 700);
    add(profile, "send", "worker-1", 1, "network", 600);
    add(profile, "take", "single-1", 3, "condition", 800);
    expect(profile, 1000, 1, 2);

    profile = begin("offcpu", 1000);
    add(profile, "take", "worker-1", 1, "condition", 300);
    add(profile, "take", "worker-2", 2, "condition", 699);
    expect(profile, 0, 0, 0);

    profile = begin("offcpu", 1000); /* not a kind that pools wait by */
    add(profile, "take", "worker-1", 1, "read", 800);
    add(profile, "take", "worker-2", 2, "read", 800);
    expect(profile, 0, 0, 0);
}

/* What a thread suffers is never idle, however long it takes. */
static void what_is_never_idle(void **state)
{
    static const char *const kinds[] = {"lock",      "file",         "write",  "run queue",
                                        "throttled", "unattributed", "running"};
    (void)state;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct pprofc_profile *profile = begin("wall", 1000);
        add(profile, "there", "worker-1", 1, kinds[i], 1000);
        add(profile, "there", "worker-2", 2, kinds[i], 1000);
        expect(profile, 0, 0, 0);
    }
}

/* A table by pools has one row for all of a pool's threads. */
static void a_top_by_pools(void **state)
{
    struct pprofc_profile *profile = begin("offcpu", 1000);
    struct pp_top top;
    (void)state;

    add(profile, "take", "worker-1", 1, "condition", 300);
    add(profile, "take", "worker-22", 2, "condition", 400);
    add(profile, "take", "main", 3, "condition", 100);
    assert_int_equal(pp_top_make(profile, 1, PP_BY_POOL, &top, NULL), 0);
    assert_int_equal(top.n_rows, 2);
    assert_string_equal(top.rows[0].name, "worker-*");
    assert_int_equal(top.rows[0].flat, 700);
    assert_string_equal(top.rows[1].name, "main");
    pp_top_done(&top);
    pprofc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_pools), cmocka_unit_test(a_thread_is_idle),
        cmocka_unit_test(a_pool_is_idle), cmocka_unit_test(what_is_never_idle),
        cmocka_unit_test(a_top_by_pools),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
