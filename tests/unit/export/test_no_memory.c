/* Everything of sending that allocates, with its n-th allocation failing, for every n: it says so,
 * leaves its outputs alone and loses no memory (run under AddressSanitizer). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../formats/random_profile.h"
#include "export/otlp_metrics.h"
#include "export/otlp_settings.h"
#include "export/otlp_to_json.h"
#include "export/otlp_traces.h"
#include "export/pyroscope_request.h"
#include "export/queue.h"
#include "formats/formats.h"

static long n_left = -1; /* allocations until one fails; negative: none does */

static bool may_allocate(void)
{
    return n_left < 0 || n_left-- > 0;
}

void *__real_malloc(size_t n_bytes);
void *__real_calloc(size_t n_items, size_t n_bytes);
void *__real_realloc(void *old, size_t n_bytes);
void *__real_reallocarray(void *old, size_t n_items, size_t n_bytes);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t n_bytes);
void *__wrap_calloc(size_t n_items, size_t n_bytes);
void *__wrap_realloc(void *old, size_t n_bytes);
void *__wrap_reallocarray(void *old, size_t n_items, size_t n_bytes);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t n_bytes)
{
    return may_allocate() ? __real_malloc(n_bytes) : NULL;
}

void *__wrap_calloc(size_t n_items, size_t n_bytes)
{
    return may_allocate() ? __real_calloc(n_items, n_bytes) : NULL;
}

void *__wrap_realloc(void *old, size_t n_bytes)
{
    return may_allocate() ? __real_realloc(old, n_bytes) : NULL;
}

void *__wrap_reallocarray(void *old, size_t n_items, size_t n_bytes)
{
    return may_allocate() ? __real_reallocarray(old, n_items, n_bytes) : NULL;
}

char *__wrap_strdup(const char *text)
{
    return may_allocate() ? __real_strdup(text) : NULL;
}

/* ---- the operations: 0, or -ENOMEM ---- */

static struct pprofc_profile *source;
static struct pp_buffer gz, otlp;
static struct pp_export_window window;

static int describe(void)
{
    static struct pp_metric_store store;
    static const uint8_t id[PP_WINDOW_ID_BYTES] = {1};
    const struct pp_resource_wish wish = {NULL, "prog", getpid(), false};
    struct pp_resource resource = {.failed = false};
    pp_autobuffer struct pp_buffer metrics = PP_BUFFER_INIT, spans = PP_BUFFER_INIT,
                                   query = PP_BUFFER_INIT;

    pp_resource_make(&resource, &wish, NULL);
    pp_otlp_metrics_put(&metrics, &resource, pp_metrics_count(&store, &window), &window, NULL);
    pp_otlp_span_put(&spans, &resource, &window, id);
    pp_pyroscope_put_query(&query, &resource, &window);
    pp_resource_done(&resource);
    return metrics.failed || spans.failed || query.failed ? -ENOMEM : 0;
}

static int read_settings(void)
{
    const struct pp_otlp_wish wish = {"http://h:4318", NULL};
    struct pp_otlp_settings settings;
    struct pprofc_error err;
    const int rc = pp_otlp_settings_read(&wish, NULL, &settings, &err);

    if (rc == 0)
        pp_otlp_settings_done(&settings);
    return rc;
}

static int queue(void)
{
    struct pp_window_record record = {.kind = "cpu", .begin_ns = 1};
    pp_autobuffer struct pp_buffer file = PP_BUFFER_INIT, taken = PP_BUFFER_INIT;
    struct pp_queue_item *item = NULL;
    struct pp_queue waiting;
    int rc = pp_queue_open(&waiting, NULL, 0, 0, NULL);

    record.parts[0] = (struct pp_window_part){"x", 1};
    if (rc == 0)
        rc = pp_window_file_make(&record, gz.bytes, gz.n_bytes, &file, NULL);
    if (rc == 0)
        rc = pp_queue_put(&waiting, &record, &file, NULL);
    if (rc == 0 && pp_queue_take(&waiting, &item, &taken) != 1)
        rc = -ENOMEM;
    pp_queue_close(&waiting);
    return rc;
}

static int to_json(void)
{
    pp_autobuffer struct pp_buffer json = PP_BUFFER_INIT;

    return pp_otlp_to_json(PP_SIGNAL_PROFILES, otlp.bytes, otlp.n_bytes, &json);
}

static int write_request(void)
{
    static const uint8_t id[16] = {1};
    const struct pp_otlp_origin origin = {
        .resource = "", .n_resource_bytes = 0, .id = id, .has_common_names = true};
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;

    return pp_otlp_write_request(source, &origin, &out, NULL);
}

static void check(int (*operation)(void))
{
    assert_int_equal(operation(), 0);
    for (long n = 0;; n++) {
        int rc;
        n_left = n;
        rc = operation();
        if (n_left >= 0) { /* none failed any more */
            n_left = -1;
            assert_int_equal(rc, 0);
            assert_true(n > 0);
            return;
        }
        n_left = -1;
        assert_int_equal(rc, -ENOMEM);
    }
}

static void test_all(void **state)
{
    (void)state;
    assert_int_equal(setenv("OTEL_RESOURCE_ATTRIBUTES", "a=1,b=2", 1), 0);
    assert_int_equal(setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=1,b=2", 1), 0);
    source = make_random_profile(5);
    assert_non_null(source);
    assert_int_equal(pp_pprof_write(source, true, &gz, NULL), 0);
    assert_int_equal(pp_otlp_write(source, &otlp, NULL), 0);
    window = (struct pp_export_window){
        .kind = "cpu", .program = "prog", .begin_ns = 1, .end_ns = 2, .profile = source};
    check(describe);
    check(read_settings);
    check(queue);
    check(to_json);
    check(write_request);
    pprofc_profile_free(source);
    pp_buffer_done(&gz);
    pp_buffer_done(&otlp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
