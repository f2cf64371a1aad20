/* The process's texts and sets of labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "capture/labels.h"

static uint32_t text(const char *chars)
{
    return pp_labels_text(chars, strlen(chars));
}

/* The same text has one number, one that begins like it another. */
static void texts_are_kept_once(void **state)
{
    (void)state;
    assert_int_not_equal(text("orders"), 0);
    assert_int_equal(text("orders"), text("orders"));
    assert_int_not_equal(text("order"), text("orders"));
    assert_int_not_equal(text(""), text("orders"));
}

/* Sets are the same whatever the order in which their labels came, and clearing leads back. */
static void sets_know_no_order(void **state)
{
    const uint32_t a = text("a"), b = text("b"), one = text("1"), two = text("2");
    const int64_t only_a = pp_labels_with(0, a, one), only_b = pp_labels_with(0, b, two);
    const int64_t both = pp_labels_with((uint32_t)only_a, b, two);

    (void)state;
    assert_true(only_a > 0 && only_b > 0 && both > 0);
    assert_int_equal(pp_labels_with((uint32_t)only_b, a, one), both);
    assert_int_equal(pp_labels_with((uint32_t)both, a, one), both);
    assert_int_equal(pp_labels_with((uint32_t)both, a, 0), only_b);
    assert_int_equal(pp_labels_with((uint32_t)only_b, b, 0), 0);
    assert_int_equal(pp_labels_with((uint32_t)only_b, a, 0), only_b);
    assert_int_not_equal(pp_labels_with((uint32_t)both, a, two), both);
    assert_int_equal(pp_labels_number((uint64_t)both), both);
    assert_int_equal(pp_labels_number(UINT64_MAX), 0);
}

static void seventeen_are_too_many(void **state)
{
    int64_t set = 0;
    char key[16];

    (void)state;
    for (int i = 0; i < PP_REC_MAX_LABELS; i++) {
        (void)snprintf(key, sizeof key, "key %d", i);
        set = pp_labels_with((uint32_t)set, text(key), text("x"));
        assert_true(set > 0);
    }
    assert_int_equal(pp_labels_with((uint32_t)set, text("one more"), text("x")), -E2BIG);
    assert_true(pp_labels_with((uint32_t)set, text("key 3"), text("y")) > 0);
}

enum { N_THREADS = 4, N_TEXTS = 500 };

static void *add_many(void *numbers)
{
    uint32_t *to = numbers;
    char chars[32];

    for (uint32_t i = 0; i < N_TEXTS; i++) {
        (void)snprintf(chars, sizeof chars, "shared %u", i);
        to[i] = text(chars);
        to[N_TEXTS + i] = (uint32_t)pp_labels_with(0, text("key"), to[i]);
    }
    return NULL;
}

/* Threads that add the same at once get the same numbers. */
static void threads_agree(void **state)
{
    static uint32_t numbers[N_THREADS][2 * N_TEXTS];
    pthread_t threads[N_THREADS];

    (void)state;
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, numbers[i]), 0);
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 1; i < N_THREADS; i++)
        assert_memory_equal(numbers[i], numbers[0], sizeof numbers[0]);
    for (uint32_t i = 0; i < 2 * N_TEXTS; i++)
        assert_int_not_equal(numbers[0][i], 0);
}

/* 4 MiB of texts, and no more: the last that fits does. */
static void texts_end(void **state)
{
    static char longest[PP_MAX_VALUE_BYTES];
    uint32_t n = 0;

    (void)state;
    memset(longest, 'x', sizeof longest);
    for (; n < 10000; n++) {
        char digits[9];
        (void)snprintf(digits, sizeof digits, "%08u", n);
        memcpy(longest, digits, 8);
        if (pp_labels_text(longest, sizeof longest) == 0)
            break;
    }
    assert_in_range(n, PP_MAX_TEXT_BYTES / (PP_MAX_VALUE_BYTES + 1) - 60,
                    PP_MAX_TEXT_BYTES / (PP_MAX_VALUE_BYTES + 1));
    assert_int_not_equal(text("orders"), 0); /* those that are there stay */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_kept_once),
        cmocka_unit_test(sets_know_no_order),
        cmocka_unit_test(seventeen_are_too_many),
        cmocka_unit_test(threads_agree),
        cmocka_unit_test(texts_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
