/* Reading the text of /proc/self/maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "capture/maps.h"

/* A file with 'text' in it, read from its beginning. */
static void open_text(struct pp_maps *maps, const char *text)
{
    const int descriptor = memfd_create("maps", MFD_CLOEXEC);

    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
    (void)lseek(descriptor, 0, SEEK_SET);
    pp_maps_open_descriptor(maps, descriptor);
}

/* A line's fields, as the kernel documents them. */
static void test_fields(void **state)
{
    struct pp_maps maps;
    struct pp_map_line line;

    (void)state;
    open_text(
        &maps,
        "7f6dc000-7f6de000 r-xp 00026000 fe:01 1234567                    /usr/lib/a b.so (deleted)\n"
        "7ffd1000-7ffd2000 rw-p 00000000 00:00 0 \n");
    assert_int_equal(pp_maps_next(&maps, &line), 1);
    assert_int_equal(line.start, 0x7f6dc000);
    assert_int_equal(line.limit, 0x7f6de000);
    assert_int_equal(line.offset, 0x26000);
    assert_int_equal(line.device, 0xfe00000001);
    assert_int_equal(line.inode, 1234567);
    assert_true(line.is_readable && line.is_executable);
    assert_string_equal(line.path, "/usr/lib/a b.so");
    assert_int_equal(pp_maps_next(&maps, &line), 1);
    assert_false(line.is_executable);
    assert_string_equal(line.path, "");
    assert_int_equal(pp_maps_next(&maps, &line), 0);
    pp_maps_close(&maps);
}

/* 1000 lines of every length are found whole, wherever the buffer's end cuts them. */
static void test_lines_across_reads(void **state)
{
    char *text = malloc(1 << 20), *end = text;
    struct pp_maps maps;
    struct pp_map_line line;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < 1000; i++)
        end += sprintf(end, "%x000-%x000 r-xp 00000000 00:01 %d /%0*d\n", i + 1, i + 2, i,
                       1 + i % 300, i);
    open_text(&maps, text);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(pp_maps_next(&maps, &line), 1);
        assert_int_equal(line.start, (uint64_t)(i + 1) << 12);
        assert_int_equal(line.inode, i);
        assert_int_equal(atoi(line.path + 1), i);
    }
    assert_int_equal(pp_maps_next(&maps, &line), 0);
    pp_maps_close(&maps);
    free(text);
}

/* A path longer than the buffer is cut; the lines around it are found. */
static void test_long_path(void **state)
{
    char *text = malloc(40000), *end = text;
    struct pp_maps maps;
    struct pp_map_line line;

    (void)state;
    assert_non_null(text);
    end += sprintf(end, "1000-2000 r-xp 00000000 00:01 1 /first\n");
    end += sprintf(end, "2000-3000 r-xp 00000000 00:01 2 /%020000d\n", 7);
    sprintf(end, "3000-4000 r-xp 00000000 00:01 3 /third\n");
    open_text(&maps, text);
    assert_int_equal(pp_maps_next(&maps, &line), 1);
    assert_int_equal(pp_maps_next(&maps, &line), 1);
    assert_int_equal(line.start, 0x2000);
    assert_true(strlen(line.path) > 3000 && strlen(line.path) < PP_MAPS_BUFFER_BYTES);
    assert_int_equal(pp_maps_next(&maps, &line), 1);
    assert_string_equal(line.path, "/third");
    assert_int_equal(pp_maps_next(&maps, &line), 0);
    pp_maps_close(&maps);
    free(text);
}

/* Lines that are not of maps, and a last one without its newline, are passed over. */
static void test_garbage(void **state)
{
    struct pp_maps maps;
    struct pp_map_line line;

    (void)state;
    open_text(
        &maps,
        "\n-\nzz\n2000-1000 r-xp 0 0:0 0 /back\n1000-2000\n1000-2000 r-xp 0 00:00 5 /good\n1000-20");
    assert_int_equal(pp_maps_next(&maps, &line), 1);
    assert_string_equal(line.path, "/good");
    assert_int_equal(pp_maps_next(&maps, &line), 0);
    pp_maps_close(&maps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_lines_across_reads),
        cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
