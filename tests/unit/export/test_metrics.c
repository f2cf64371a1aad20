/* What is counted of windows: sums over them, or the process's own sums where a profile has those;
 * one series a process and kind; loss by cause. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "export/otlp_metrics.h"
#include "export/otlp_to_json.h"

static struct pp_metric_store store;

#define SECOND UINT64_C(1000000000)

static struct pprofc_profile *cpu_profile(int64_t n_samples, int64_t n_lost)
{
    struct pprofc_profile *profile = pp_profile_new();

    assert_non_null(profile);
    assert_true(pp_profile_add_type(profile, "samples", "count") >= 0);
    profile->quality = (struct pp_quality){.is_known = true,
                                           .n_samples = n_samples,
                                           .n_lost = n_lost,
                                           .cpu_ns = n_samples * 1000,
                                           .own_cpu_ns = -1};
    profile->quality.losses[0].cause = pp_profile_text(profile, "no_space");
    profile->quality.losses[0].n = n_lost;
    profile->quality.n_losses = 1;
    return profile;
}

static const struct pp_metric_series *count(int32_t pid, const char *kind, uint64_t second,
                                            struct pprofc_profile *profile)
{
    const struct pp_export_window window = {.kind = kind,
                                            .program = "x",
                                            .pid = pid,
                                            .begin_ns = second * SECOND,
                                            .end_ns = (second + 1) * SECOND,
                                            .profile = profile};
    const struct pp_metric_series *series = pp_metrics_count(&store, &window);

    pprofc_profile_free(profile);
    return series;
}

static int64_t value_of(const struct pp_metric_series *series, size_t counter)
{
    assert_true(counter < series->n_counters);
    return series->counters[counter].value;
}

/* Windows add up, from the first one's beginning; what is not known is not counted. */
static void test_windows(void **state)
{
    const struct pp_metric_series *series;

    (void)state;
    memset(&store, 0, sizeof store);
    (void)count(1, "cpu", 100, cpu_profile(50, 2));
    series = count(1, "cpu", 101, cpu_profile(60, 3));
    assert_int_equal(series->n_counters, 3); /* samples, losses, CPU; not our own CPU */
    assert_int_equal(value_of(series, 0), 110);
    assert_int_equal(value_of(series, 1), 5);
    assert_string_equal(series->counters[1].cause, "no_space");
    assert_true(series->start_ns == 100 * SECOND && series->used_ns == 102 * SECOND);
}

/* Another process, and another kind, are series of their own. */
static void test_series(void **state)
{
    const struct pp_metric_series *first;

    (void)state;
    memset(&store, 0, sizeof store);
    first = count(1, "cpu", 1, cpu_profile(5, 0));
    assert_ptr_not_equal(first, count(2, "cpu", 2, cpu_profile(6, 0)));
    assert_ptr_not_equal(first, count(1, "lock", 3, cpu_profile(7, 0)));
    assert_int_equal(value_of(first, 0), 5);
    assert_ptr_equal(first, count(1, "cpu", 4, cpu_profile(5, 0)));
}

/* After more processes than there is room for the one that was quiet for the longest goes, and
 * comes back as a new series with a new start. */
static void test_eviction(void **state)
{
    const struct pp_metric_series *series;

    (void)state;
    memset(&store, 0, sizeof store);
    for (int32_t pid = 1; pid <= PP_MAX_SERIES + 1; pid++)
        (void)count(pid, "cpu", (uint64_t)pid, cpu_profile(1, 0));
    series = count(1, "cpu", 1000, cpu_profile(4, 0));
    assert_int_equal(value_of(series, 0), 4);
    assert_true(series->start_ns == 1000 * SECOND);
}

static struct pprofc_profile *heap_profile(uint64_t begin_second, int64_t n_allocs)
{
    struct pprofc_profile *profile = pp_profile_new();

    assert_non_null(profile);
    assert_true(pp_profile_add_type(profile, "alloc_space", "bytes") >= 0);
    profile->time_ns = (int64_t)(begin_second * SECOND);
    profile->heap.is_known = true;
    profile->heap.n_allocs = n_allocs;
    return profile;
}

/* A heap's profile that tells of all of the process's life is not added to the one before. */
static void test_whole_life(void **state)
{
    const struct pp_metric_series *series;

    (void)state;
    memset(&store, 0, sizeof store);
    (void)count(1, "heap", 100, heap_profile(10, 1000));
    series = count(1, "heap", 101, heap_profile(10, 1500));
    assert_int_equal(value_of(series, 0), 1500);
    assert_true(series->start_ns == 10 * SECOND);
    (void)count(2, "heap", 100, heap_profile(100, 1000));
    series = count(2, "heap", 101, heap_profile(101, 1500));
    assert_int_equal(value_of(series, 0), 2500);
}

static bool holds(const struct pp_buffer *json, const char *text)
{
    return memmem(json->bytes, json->n_bytes, text, strlen(text)) != NULL;
}

/* What became of earlier windows stands in the next one's metrics, by outcome; a first window, or
 * one of before the sink, says nothing of it. */
static void test_sent(void **state)
{
    struct pprofc_profile *profile = cpu_profile(5, 0);
    const struct pp_export_window window = {.kind = "cpu",
                                            .program = "x",
                                            .pid = 1,
                                            .begin_ns = 100 * SECOND,
                                            .end_ns = 101 * SECOND,
                                            .profile = profile};
    struct pp_sent sent = {.start_ns = 50 * SECOND,
                           .facts = {.n_taken = 9, .n_done = 6, .n_dropped = 3, .bytes_done = 77}};
    const struct pp_resource resource = {.failed = false};
    struct pp_metric_series *series;

    (void)state;
    memset(&store, 0, sizeof store);
    series = pp_metrics_count(&store, &window);
    for (int i = 0; i < 3; i++) {
        pp_autobuffer struct pp_buffer message = PP_BUFFER_INIT, json = PP_BUFFER_INIT;
        sent.start_ns = i == 1 ? 200 * SECOND : 50 * SECOND;
        sent.facts.n_taken = i == 2 ? 0 : 9;
        pp_otlp_metrics_put(&message, &resource, series, &window, &sent);
        assert_int_equal(pp_otlp_to_json(PP_SIGNAL_METRICS, message.bytes, message.n_bytes, &json),
                         0);
        assert_true(holds(&json, "profiling_samples_total"));
        assert_int_equal(holds(&json, "profiling_export_windows_total"), i == 0);
        assert_int_equal(holds(&json,
                               "\"asInt\":\"3\",\"attributes\":[{\"key\":\"outcome\",\"value\":"
                               "{\"stringValue\":\"dropped\"}}]"),
                         i == 0);
        assert_int_equal(holds(&json, "\"asInt\":\"77\""), i == 0);
    }
    pprofc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows),  cmocka_unit_test(test_series),
        cmocka_unit_test(test_eviction), cmocka_unit_test(test_whole_life),
        cmocka_unit_test(test_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
