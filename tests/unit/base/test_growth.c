/* Buffers and arenas across the size from which they lie in mappings of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/pages.h"

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 7 + i / 251);
}

/* A buffer keeps its content while it grows from malloc's memory into mappings, whatever the steps.
 */
static void test_buffer(void **state)
{
    static const size_t steps[] = {1, 1000, 65535, 65536, 100000, 131071, 131072, 400000};
    static unsigned char bytes[400000];

    (void)state;
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        struct pp_buffer buffer = PP_BUFFER_INIT;
        for (size_t at = 0; at < 1000000; at += steps[s]) {
            for (size_t i = 0; i < steps[s]; i++)
                bytes[i] = byte_at(at + i);
            pp_buffer_append(&buffer, bytes, steps[s]);
        }
        assert_false(buffer.failed);
        assert_true(buffer.n_bytes >= 1000000 && buffer.capacity >= buffer.n_bytes);
        for (size_t i = 0; i < buffer.n_bytes; i++)
            if ((unsigned char)buffer.bytes[i] != byte_at(i))
                fail_msg("byte %zu in steps of %zu", i, steps[s]);
        pp_buffer_done(&buffer);
        assert_null(buffer.bytes);
    }
}

/* More than there is: the buffer says so and keeps what it has. */
static void test_refused(void **state)
{
    struct pp_buffer buffer = PP_BUFFER_INIT;

    (void)state;
    pp_buffer_text(&buffer, "kept");
    assert_null(pp_buffer_room(&buffer, SIZE_MAX / 4));
    assert_true(buffer.failed);
    assert_string_equal(buffer.bytes, "kept");
    pp_buffer_done(&buffer);
}

static long resident_bytes(void)
{
    long n_all = 0, n_resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &n_all, &n_resident), 2);
    (void)fclose(file);
    return n_resident * sysconf(_SC_PAGESIZE);
}

/* What is forgotten, piece by piece, goes back to the kernel, and what is behind it stays as it
 * was; of a small buffer nothing goes. */
static void test_forget(void **state)
{
    const size_t n_bytes = 16 << 20, n_forgotten = 12 << 20, step = 300000;
    struct pp_buffer buffer = PP_BUFFER_INIT, small = PP_BUFFER_INIT;
    char *bytes = pp_buffer_room(&buffer, n_bytes);
    size_t at = 0;
    long n_before;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (char)byte_at(i);
    buffer.n_bytes = n_bytes;
    n_before = resident_bytes();
    for (size_t end = step; end < n_forgotten; end += step) {
        const size_t next = pp_buffer_forget(&buffer, at, end);
        assert_true(next >= at && next <= end);
        at = next;
    }
#ifndef __SANITIZE_ADDRESS__
    assert_true(n_before - resident_bytes() > (long)n_forgotten - (2 << 20));
#else
    (void)n_before;
#endif
    for (size_t i = n_forgotten; i < n_bytes; i++)
        if ((unsigned char)bytes[i] != byte_at(i))
            fail_msg("byte %zu", i);
    pp_buffer_done(&buffer);
    pp_buffer_text(&small, "kept");
    assert_int_equal(pp_buffer_forget(&small, 0, 2), 2);
    assert_string_equal(small.bytes, "kept");
    pp_buffer_done(&small);
}

/* What an arena hands out is zero, aligned and nobody else's, small and large in turn. */
static void test_arena(void **state)
{
    struct pp_arena arena = PP_ARENA_INIT;
    unsigned char *parts[400];
    size_t sizes[400];

    (void)state;
    for (size_t i = 0; i < 400; i++) {
        sizes[i] = i % 50 == 49 ? PP_PAGES_LEAST_BYTES - 100 + i : 1 + i * 13 % 3000;
        parts[i] = pp_arena_alloc(&arena, sizes[i]);
        assert_non_null(parts[i]);
        assert_int_equal((uintptr_t)parts[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < sizes[i]; k++)
            if (parts[i][k] != 0)
                fail_msg("byte %zu of part %zu is not zero", k, i);
        memset(parts[i], (int)(i % 255 + 1), sizes[i]);
    }
    for (size_t i = 0; i < 400; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            if (parts[i][k] != i % 255 + 1)
                fail_msg("byte %zu of part %zu was overwritten", k, i);
    assert_null(pp_arena_alloc(&arena, SIZE_MAX - 100));
    pp_arena_done(&arena);
    assert_null(arena.chunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffer),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_forget),
        cmocka_unit_test(test_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
