/* One symbolizer for many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "binary/module.h"

/* While a module is being read others are named, and it is found itself: else this never ends. */
static void test_one_module_is_read(void **state)
{
    struct pp_symbolizer *symbolizer = NULL;
    struct pp_module *read = NULL, *other = NULL, *again = NULL;
    struct pp_frame frame;
    (void)state;

    assert_int_equal(pp_symbolizer_new(NULL, &symbolizer, NULL), 0);
    assert_int_equal(pp_symbolizer_module(symbolizer, "/a", "", NULL, 0, &read, NULL), 0);
    assert_int_equal(pthread_mutex_lock(&read->lock), 0);
    assert_int_equal(pp_symbolizer_module(symbolizer, "/b", "", NULL, 0, &other, NULL), 0);
    assert_int_equal(pp_module_frames(other, 0x10, &frame, 1), 1);
    assert_string_equal(frame.name, "b+0x10");
    assert_int_equal(pp_symbolizer_module(symbolizer, "/a", "", NULL, 0, &again, NULL), 0);
    assert_ptr_equal(again, read);
    assert_int_equal(pthread_mutex_unlock(&read->lock), 0);
    pp_symbolizer_free(symbolizer);
}

struct asking {
    struct pp_symbolizer *symbolizer;
    const char *name;
};

static void *ask(void *argument)
{
    struct asking *asking = argument;
    struct pp_module *module = NULL;
    struct pp_frame frame;

    for (uint64_t addr = 0; addr < 2000; addr++) {
        if (pp_symbolizer_module(asking->symbolizer, "/proc/self/exe", "", NULL, 0, &module,
                                 NULL) != 0 ||
            pp_module_frames(module, (uint64_t)(uintptr_t)ask & 0xfffff, &frame, 1) != 1)
            return NULL;
        asking->name = frame.name;
    }
    return NULL;
}

/* Threads that ask for a module at once get the same one, read once, and the same names. */
static void test_many_ask_at_once(void **state)
{
    struct pp_symbolizer *symbolizer = NULL;
    struct asking asking[4];
    pthread_t threads[4];
    (void)state;

    assert_int_equal(pp_symbolizer_new(NULL, &symbolizer, NULL), 0);
    for (int i = 0; i < 4; i++) {
        asking[i] = (struct asking){symbolizer, NULL};
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &asking[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_non_null(asking[0].name);
    for (int i = 1; i < 4; i++)
        assert_ptr_equal(asking[i].name, asking[0].name);
    pp_symbolizer_free(symbolizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_module_is_read),
        cmocka_unit_test(test_many_ask_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
