/* The flight recorder's parts that need no process: triggers as typed, and the ring of windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/formats.h"
#include "serve/continuous_private.h"
#include "serve/flight.h"
#include "serve/flight_signal.h"

static const uint64_t s = 1000000000;

/* Triggers are read, in any order and number; what is not said stays off. */
static void triggers_are_read(void **state)
{
    struct pp_triggers triggers = {.every_ns = 5};

    (void)state;
    assert_int_equal(pp_triggers_parse("cpu=90%,memory=80%,pressure=2.5%,signal=USR1,every=10m",
                                       &triggers, NULL),
                     0);
    assert_true(triggers.cpu_ratio == 0.9 && triggers.memory_share == 0.8 &&
                triggers.memory_bytes == 0 && triggers.pressure == 0.025 &&
                triggers.signo == SIGUSR1 && triggers.every_ns == 600 * (int64_t)s);
    assert_int_equal(pp_triggers_parse("memory=1GiB", &triggers, NULL), 0);
    assert_true(triggers.memory_bytes == 1 << 30 && triggers.memory_share == 0 &&
                triggers.cpu_ratio == 0 && triggers.signo == 0);
    assert_int_equal(triggers.every_ns, 600 * s); /* as it was */
}

/* What is none is refused with what could be written, and nothing changes. */
static void bad_triggers_are_refused(void **state)
{
    static const char *const bad[] = {"",           "cpu",         "cpu=",          "cpu=x%",
                                      "rain=5%",    "cpu=90%,",    "signal=KILL",   "signal=9x",
                                      "every=soon", "cpu=90%;x=1", "memory=lots",   "=5%",
                                      "signal=",    "every=",      "pressure=1e9%", ","};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct pp_triggers triggers = {.cpu_ratio = 3, .every_ns = 7};
        struct pprofc_error err;
        if (pp_triggers_parse(bad[i], &triggers, &err) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
        assert_non_null(strstr(err.message, "pressure=20%"));
        assert_true(triggers.cpu_ratio == 3 && triggers.every_ns == 7);
    }
}

static void put(const char *folder, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void forget(const char *folder, const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

/* Of a group of either version: its working set against its limit; without a limit nothing is a
 * share of it.  Files that say nothing that we know count as nothing. */
static void groups_are_looked_at(void **state)
{
    const struct pp_triggers triggers = {.memory_share = 0.8, .pressure = 0.5};
    struct pp_trigger_state looks = {.n_looks = 0};
    struct pp_trigger_values values;
    char folder[] = "/tmp/pprofc-test.XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("PPROFC_CGROUP", folder, 1), 0);
    put(folder, "memory.current", "900\n");
    put(folder, "memory.max", "max\n");
    put(folder, "cpu.pressure", "some avg10=49.99 avg60=0.00 avg300=0.00 total=0\n");
    put(folder, "memory.pressure", "nonsense\n");
    put(folder, "io.pressure", "some avg10=x\n");
    assert_null(pp_triggers_look(&triggers, &looks, getpid(), s, &values));
    assert_true(values.memory_share < 0 && values.group_bytes == 900);
    assert_true(values.memory_bytes > 0 && values.cpu_ratio < 0);
    put(folder, "memory.max", "1000\n");
    assert_string_equal(pp_triggers_look(&triggers, &looks, getpid(), 2 * s, &values), "memory");
    put(folder, "memory.stat", "anon 1\nactive_file 7\ninactive_file 500\n");
    assert_null(pp_triggers_look(&triggers, &looks, getpid(), 3 * s, &values));
    assert_int_equal(values.group_bytes, 400);
    put(folder, "cpu.pressure", "some avg10=50.00 avg60=0.00 avg300=0.00 total=0\n");
    assert_string_equal(pp_triggers_look(&triggers, &looks, getpid(), 4 * s, &values), "pressure");
    assert_string_equal(values.pressure_of, "cpu");
    forget(folder, "memory.current");
    forget(folder, "memory.max");
    put(folder, "memory.usage_in_bytes", "900\n");
    put(folder, "memory.limit_in_bytes", "1000\n");
    put(folder, "memory.stat", "inactive_file 1\ntotal_inactive_file 0\n");
    assert_string_equal(pp_triggers_look(&triggers, &looks, getpid(), 5 * s, &values), "memory");
    assert_true(values.cpu_ratio >= 0); /* there are looks enough */
    forget(folder, "memory.usage_in_bytes");
    forget(folder, "memory.limit_in_bytes");
    forget(folder, "memory.stat");
    forget(folder, "cpu.pressure");
    forget(folder, "memory.pressure");
    forget(folder, "io.pressure");
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(unsetenv("PPROFC_CGROUP"), 0);
    /* Of a process that is gone nothing is known, and nothing is triggered. */
    assert_null(pp_triggers_look(&(struct pp_triggers){.cpu_ratio = 0.1, .memory_bytes = 1}, &looks,
                                 999999999, 6 * s, &values));
    assert_true(values.cpu_ratio < 0 && values.memory_bytes < 0);
}

static struct pprofc_profile *make_profile(uint32_t n_names)
{
    struct pprofc_profile *profile = pp_profile_new();
    uint64_t random = n_names;

    assert_int_equal(pp_profile_add_type(profile, "samples", "count"), 0);
    for (uint32_t i = 0; i < n_names; i++) {
        char name[32];
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        (void)snprintf(name, sizeof name, "%016llx", (unsigned long long)random);
        pp_profile_add(
            profile,
            pp_profile_child(profile, 0, pp_profile_named_location(profile, name, strlen(name))), 0,
            0, &(int64_t){1});
    }
    return profile;
}

/* The last ten minutes are there, and nothing older. */
static void ring_forgets_by_age(void **state)
{
    struct pprofc_profile *profile = make_profile(3);
    struct pp_flight_ring ring = {.windows = NULL};

    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        const struct pp_export_window window = {
            .begin_ns = i * 60 * s, .end_ns = (i + 1) * 60 * s, .profile = profile};
        assert_int_equal(pp_flight_keep(&ring, &window, NULL), 0);
    }
    assert_int_equal(ring.n_windows,
                     11); /* what ends ten minutes before the last end is still one */
    assert_int_equal(ring.windows[0].end_ns, 90 * 60 * s);
    assert_int_equal(ring.n_dropped, 0);
    pp_flight_ring_done(&ring);
    pprofc_profile_free(profile);
}

/* It never holds more than its bound: the oldest windows go, and are counted. */
static void ring_is_bounded(void **state)
{
    struct pprofc_profile *profile = make_profile(40000), *huge = make_profile(500000);
    struct pp_flight_ring ring = {.windows = NULL};
    struct pp_export_window window = {.profile = huge};

    (void)state;
    assert_int_equal(pp_flight_keep(&ring, &window, NULL), -E2BIG);
    assert_int_equal(ring.n_dropped, 1);
    window.profile = profile;
    for (uint64_t i = 0; i < 40; i++) {
        window.begin_ns = i * 40 * s; /* two are too long to be put together */
        window.end_ns = (i + 1) * 40 * s;
        assert_int_equal(pp_flight_keep(&ring, &window, NULL), 0);
        assert_true(ring.n_bytes <= PP_FLIGHT_MAX_BYTES);
    }
    assert_true(ring.n_windows >= 4 && ring.n_windows < 40);
    assert_int_equal(ring.n_dropped, 1 + 40 - ring.n_windows);
    assert_int_equal(ring.windows[ring.n_windows - 1].begin_ns, 39 * 40 * s);
    pp_flight_ring_done(&ring);
    pprofc_profile_free(profile);
    pprofc_profile_free(huge);
}

/* Short windows share their names: a minute of them is a few parts, none longer than a minute, and
 * their sum is that of all windows; what was put together goes together. */
static void short_windows_are_put_together(void **state)
{
    struct pprofc_profile *profile = make_profile(300), *all = pp_profile_new();
    pp_autobuffer struct pp_buffer alone = PP_BUFFER_INIT;
    struct pp_flight_ring ring = {.windows = NULL};
    uint64_t n_windows = 0;

    (void)state;
    assert_int_equal(pp_pprof_write(profile, true, &alone, NULL), 0);
    for (uint64_t i = 0; i < 1280; i++) {
        const struct pp_export_window window = {
            .begin_ns = i * s / 10, .end_ns = (i + 1) * s / 10, .profile = profile};
        assert_int_equal(pp_flight_keep(&ring, &window, NULL), 0);
        assert_true(ring.n_bytes <= 16 * alone.n_bytes);
    }
    assert_true(ring.n_windows <= 4);
    for (size_t i = 0; i < ring.n_windows; i++) {
        n_windows += ring.windows[i].n_together;
        assert_true(ring.windows[i].end_ns - ring.windows[i].begin_ns <= 60 * s);
        assert_true(i == 0 || ring.windows[i].begin_ns == ring.windows[i - 1].end_ns);
    }
    assert_int_equal(n_windows, 1280);
    assert_int_equal(pp_flight_ring_sum(&ring, all, NULL), 0);
    assert_int_equal(pp_profile_total(all, 0), 1280 * 300);
    pp_flight_ring_done(&ring);
    assert_int_equal(pp_flight_ring_sum(&ring, all, NULL), -ENODATA);
    pprofc_profile_free(profile);
    pprofc_profile_free(all);
}

static int n_theirs, n_outer;

static void their_handler(int signo)
{
    (void)signo;
    n_theirs++;
}

static struct sigaction chained;

static void outer_handler(int signo, siginfo_t *info, void *context)
{
    n_outer++;
    chained.sa_sigaction(signo, info, context);
}

/* The signal is noted once for each look, the program's handler is called as well, and is the one
 * again afterwards. */
static void the_signal_is_noted(void **state)
{
    struct sigaction theirs = {.sa_handler = their_handler}, outer = {.sa_flags = SA_SIGINFO}, now;

    (void)state;
    assert_int_equal(sigaction(SIGUSR1, &theirs, NULL), 0);
    assert_int_equal(pp_flight_signal_catch(SIGPROF, NULL), -EINVAL);
    assert_int_equal(pp_flight_signal_catch(SIGUSR1, NULL), 0);
    assert_int_equal(pp_flight_signal_catch(SIGUSR2, NULL), -EINVAL);
    assert_false(pp_flight_signal_take());
    assert_int_equal(raise(SIGUSR1), 0);
    assert_true(pp_flight_signal_take());
    assert_false(pp_flight_signal_take());
    assert_int_equal(n_theirs, 1);
    pp_flight_signal_leave();
    assert_int_equal(sigaction(SIGUSR1, NULL, &now), 0);
    assert_true(now.sa_handler == their_handler);

    /* Somebody chains it, windows end and begin again: nothing is called twice. */
    assert_int_equal(pp_flight_signal_catch(SIGUSR1, NULL), 0);
    outer.sa_sigaction = outer_handler;
    assert_int_equal(sigaction(SIGUSR1, &outer, &chained), 0);
    pp_flight_signal_leave();
    assert_int_equal(raise(SIGUSR1), 0);
    assert_false(pp_flight_signal_take());
    assert_int_equal(pp_flight_signal_catch(SIGUSR1, NULL), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_true(pp_flight_signal_take());
    assert_true(n_theirs == 3 && n_outer == 2);
    pp_flight_signal_leave();
}

/* One that comes before the first look at a program is kept for that program, and is for nobody
 * where all have ended.  A bundle of a moment ago holds back what it asks for. */
static void the_signal_waits_for_a_program(void **state)
{
    struct pp_continuous *continuous = calloc(1, sizeof *continuous);
    struct pp_service *service = calloc(1, sizeof *service);
    struct pp_served *target = calloc(1, sizeof *target);
    struct pp_sink directory = {.name = "directory"};

    (void)state;
    assert_true(continuous != NULL && service != NULL && target != NULL);
    service->targets[0] = target;
    continuous->service = service;
    continuous->directory = &directory;
    continuous->options.triggers.every_ns = INT64_MAX / 2;
    continuous->followed[0].flight_ns = 1;
    assert_int_equal(pthread_mutex_init(&continuous->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&continuous->is_written, NULL), 0);

    pp_flight_signal_note();
    pp_continuous_take_signal(continuous, 0);
    pp_continuous_take_signal(continuous, 1);
    assert_int_equal(continuous->facts.n_flights_held_back, 0);
    continuous->followed[0].is_known = true;
    pp_continuous_take_signal(continuous, 1);
    assert_int_equal(continuous->facts.n_flights_held_back, 1);
    assert_false(pp_flight_signal_take());

    continuous->followed[0].has_ended = true;
    pp_flight_signal_note();
    pp_continuous_take_signal(continuous, 1);
    assert_int_equal(continuous->facts.n_flights_held_back, 1);
    assert_false(pp_flight_signal_take());
    free(target);
    free(service);
    free(continuous);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(triggers_are_read),    cmocka_unit_test(bad_triggers_are_refused),
        cmocka_unit_test(groups_are_looked_at), cmocka_unit_test(ring_forgets_by_age),
        cmocka_unit_test(ring_is_bounded),      cmocka_unit_test(short_windows_are_put_together),
        cmocka_unit_test(the_signal_is_noted),  cmocka_unit_test(the_signal_waits_for_a_program)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
