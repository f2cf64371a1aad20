/* What /metrics shows of functions while their names take their time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "serve/service.h"

static struct pp_service service;
static sem_t may_end;

static void make_at_once(struct pp_service *unused, struct pp_buffer *text)
{
    (void)unused;
    pp_buffer_text(text, "first\n");
}

static void make_slowly(struct pp_service *unused, struct pp_buffer *text)
{
    (void)unused;
    (void)sem_wait(&may_end);
    pp_buffer_text(text, "second\n");
}

static void assert_shows(void (*make)(struct pp_service *, struct pp_buffer *), const char *wanted)
{
    struct pp_buffer out = PP_BUFFER_INIT;

    pp_hot_functions_append(&service, make, &out);
    pp_buffer_append(&out, "", 1);
    assert_string_equal(out.bytes, wanted);
    pp_buffer_done(&out);
}

/* A scraper gets the last text there was while the next is being made, and that when it is made. */
static void test_slow_names(void **state)
{
    (void)state;
    assert_int_equal(sem_init(&may_end, 0, 0), 0);
    pp_hot_functions_init(&service.hot_functions);
    while (service.hot_functions.made_ns == 0) {
        struct pp_buffer out = PP_BUFFER_INIT;
        pp_hot_functions_append(&service, make_at_once, &out);
        pp_buffer_done(&out);
    }
    assert_shows(make_slowly, "first\n"); /* fresh: nothing is made */
    (void)pthread_mutex_lock(&service.hot_functions.lock);
    service.hot_functions.made_ns = 1; /* long ago */
    (void)pthread_mutex_unlock(&service.hot_functions.lock);
    for (int i = 0; i < 3; i++)
        assert_shows(make_slowly, "first\n"); /* each within its twentieth of a second */
    (void)sem_post(&may_end);
    (void)pthread_mutex_lock(&service.hot_functions.lock);
    while (service.hot_functions.is_being_made)
        (void)pthread_cond_wait(&service.hot_functions.is_made, &service.hot_functions.lock);
    (void)pthread_mutex_unlock(&service.hot_functions.lock);
    assert_memory_equal(service.hot_functions.text.bytes, "second\n", 7);
    pp_hot_functions_done(&service.hot_functions);
    (void)sem_destroy(&may_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slow_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
