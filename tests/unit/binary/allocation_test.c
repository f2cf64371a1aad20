/* With the n-th allocation failing, for every n: -ENOMEM or right names, never a crash or a leak.
 *
 * argv[1] is the folder with inline_chain.cpp.  Linked with --wrap for each function replaced here.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "binary/symbolizer.h"
#include "commands.h"

enum { MAX_FRAMES = 16, MAX_ALLOCATIONS = 20000 };

void *__real_malloc(size_t n_bytes);
void *__real_calloc(size_t n_items, size_t item_bytes);
void *__real_reallocarray(void *old, size_t n_items, size_t item_bytes);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t n_bytes);
int __real_vasprintf(char **text_out, const char *format, va_list arguments);
void *__wrap_malloc(size_t n_bytes);
void *__wrap_calloc(size_t n_items, size_t item_bytes);
void *__wrap_reallocarray(void *old, size_t n_items, size_t item_bytes);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t n_bytes);
int __wrap_vasprintf(char **text_out, const char *format, va_list arguments);

static long n_until_failure = -1; /* -1: none fails */

static bool fails(void)
{
    if (n_until_failure < 0)
        return false;
    return n_until_failure-- == 0;
}

void *__wrap_malloc(size_t n_bytes)
{
    return fails() ? NULL : __real_malloc(n_bytes);
}

void *__wrap_calloc(size_t n_items, size_t item_bytes)
{
    return fails() ? NULL : __real_calloc(n_items, item_bytes);
}

void *__wrap_reallocarray(void *old, size_t n_items, size_t item_bytes)
{
    return fails() ? NULL : __real_reallocarray(old, n_items, item_bytes);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n_bytes)
{
    return fails() ? NULL : __real_strndup(text, n_bytes);
}

int __wrap_vasprintf(char **text_out, const char *format, va_list arguments)
{
    return fails() ? -1 : __real_vasprintf(text_out, format, arguments);
}

static char path[300];
static uint64_t addr;

/* Everything once; returns 0 or what failed. */
static int name_all(void)
{
    const struct pp_symbolizer_options options = {.debug_path = "/nowhere:/nowhere/else"};
    struct pp_symbolizer *symbolizer = NULL;
    struct pp_module *module;
    struct pp_frame frames[MAX_FRAMES];
    char build_id[129];
    struct pprofc_error err;
    int result = pp_build_id_of_file(path, build_id, sizeof build_id, &err);

    if (result == 0)
        result = pp_symbolizer_new(&options, &symbolizer, &err);
    if (result == 0)
        result = pp_symbolizer_module(symbolizer, path, build_id, NULL, 0, &module, &err);
    if (result == 0) {
        result = pp_module_frames(module, addr, frames, MAX_FRAMES);
        if (result > 0) {
            assert_string_equal(frames[result - 1].name, "chain::Runner<long>::run");
            result = pp_module_frames(module, 3, frames, MAX_FRAMES);
        }
        if (result > 0) {
            assert_string_equal(frames[0].name, "starved+0x3");
            result = 0;
        }
    }
    pp_symbolizer_free(symbolizer);
    return result;
}

/* For each n in turn, until all succeed. */
static void test_each_allocation(void **state)
{
    long n_failed = 0;

    (void)state;
    assert_int_equal(name_all(), 0);
    for (long n = 0; n < MAX_ALLOCATIONS; n++) {
        int result;

        n_until_failure = n;
        result = name_all();
        if (n_until_failure >= 0) { /* this allocation was not reached any more */
            n_until_failure = -1;
            assert_int_equal(result, 0);
            break;
        }
        assert_true(result == 0 || result == -ENOMEM);
        n_failed += result == -ENOMEM;
    }
    assert_true(n_failed > 10);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_allocation)};

    if (argc != 2)
        return 2;
    if (!run("cp '%s/inline_chain.cpp' . && g++ -O1 -g inline_chain.cpp -o starved", argv[1]))
        return 77; /* Meson: skipped, there is no g++ */
    addr = address_of("starved", "fourth_pc", NULL);
    (void)snprintf(path, sizeof path, "%s/starved", test_directory());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
