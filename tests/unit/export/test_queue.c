/* The queue: what is put in comes out, oldest first, whole; bounds hold; damaged files are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/gzip.h"
#include "export/queue.h"

static char folder[] = "/tmp/pprofc-queue.XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static struct pp_window_record record_at(uint64_t begin_ns)
{
    struct pp_window_record record = {.begin_ns = begin_ns, .end_ns = begin_ns + 1, .kind = "cpu"};

    record.id[0] = (uint8_t)begin_ns;
    record.parts[0] = (struct pp_window_part){"resource", 8};
    record.parts[2] = (struct pp_window_part){"traces", 6};
    return record;
}

static void make_file(uint64_t begin_ns, struct pp_buffer *out)
{
    const struct pp_window_record record = record_at(begin_ns);
    pp_autobuffer struct pp_buffer gz = PP_BUFFER_INIT;

    assert_int_equal(pp_gzip_deflate("content", 7, &gz, NULL), 0);
    assert_int_equal(pp_window_file_make(&record, gz.bytes, gz.n_bytes, out, NULL), 0);
}

/* A window's file is a gzip that anybody inflates, and holds what was said of it. */
static void test_file(void **state)
{
    pp_autobuffer struct pp_buffer file = PP_BUFFER_INIT, content = PP_BUFFER_INIT;
    struct pp_window_record record;

    (void)state;
    make_file(7, &file);
    assert_int_equal(pp_gzip_inflate(file.bytes, file.n_bytes, 100, "x", &content, NULL), 0);
    assert_int_equal(content.n_bytes, 7);
    assert_int_equal(pp_window_file_read(file.bytes, file.n_bytes, &record), 0);
    assert_true(record.begin_ns == 7 && record.end_ns == 8 && record.id[0] == 7);
    assert_string_equal(record.kind, "cpu");
    assert_int_equal(record.parts[0].n_bytes, 8);
    assert_memory_equal(record.parts[2].bytes, "traces", 6);
    assert_int_equal(record.parts[1].n_bytes, 0);
}

/* Cut off anywhere in its head, or with any byte of it another, it is refused or read, and no byte
 * beyond it is looked at (AddressSanitizer sees that). */
static void test_damaged(void **state)
{
    pp_autobuffer struct pp_buffer file = PP_BUFFER_INIT;
    struct pp_window_record record;
    size_t n_head;

    (void)state;
    make_file(7, &file);
    n_head = 12 + 4 + (size_t)(uint8_t)file.bytes[14];
    for (size_t n = 0; n < n_head; n++) {
        char *cut = malloc(n + 1);
        memcpy(cut, file.bytes, n);
        assert_int_equal(pp_window_file_read(cut, n, &record), -EBADMSG);
        free(cut);
    }
    for (size_t i = 0; i < n_head; i++) {
        const char before = file.bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            file.bytes[i] = (char)(before ^ (1 << bit));
            (void)pp_window_file_read(file.bytes, file.n_bytes, &record);
        }
        file.bytes[i] = before;
    }
}

/* More than a header has room for is refused. */
static void test_too_large(void **state)
{
    static char large[70000];
    pp_autobuffer struct pp_buffer gz = PP_BUFFER_INIT, out = PP_BUFFER_INIT;
    struct pp_window_record record = record_at(1);
    struct pprofc_error err;

    (void)state;
    record.parts[1] = (struct pp_window_part){large, sizeof large};
    assert_int_equal(pp_gzip_deflate("x", 1, &gz, NULL), 0);
    assert_int_equal(pp_window_file_make(&record, gz.bytes, gz.n_bytes, &out, &err), -E2BIG);
}

static uint64_t take_one(struct pp_queue *queue, bool removes)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pp_window_record record;
    struct pp_queue_item *item;

    if (pp_queue_take(queue, &item, &bytes) != 1)
        return 0;
    assert_int_equal(pp_window_file_read(bytes.bytes, bytes.n_bytes, &record), 0);
    if (removes)
        pp_queue_remove(queue, item);
    else
        pp_queue_give_back(queue, item);
    return record.begin_ns;
}

static void put(struct pp_queue *queue, uint64_t begin_ns)
{
    const struct pp_window_record record = record_at(begin_ns);
    pp_autobuffer struct pp_buffer file = PP_BUFFER_INIT;

    make_file(begin_ns, &file);
    assert_int_equal(pp_queue_put(queue, &record, &file, NULL), 0);
}

static void check_order(const char *where)
{
    static const uint64_t times[] = {5, 3, 9, 1, 7};
    struct pp_queue queue;

    assert_int_equal(pp_queue_open(&queue, where, 0, 0, NULL), 0);
    for (size_t i = 0; i < 5; i++)
        put(&queue, times[i]);
    assert_int_equal(take_one(&queue, false), 1); /* goes back */
    for (uint64_t time = 1; time <= 9; time += 2)
        assert_int_equal(take_one(&queue, true), time);
    assert_int_equal(take_one(&queue, true), 0);
    assert_int_equal(queue.n_bytes, 0);
    pp_queue_close(&queue);
}

/* Oldest first, in memory and in a folder. */
static void test_order(void **state)
{
    (void)state;
    check_order(NULL);
    check_order(folder);
}

/* Over its bytes the oldest go; too old, they go; each is counted; the one being sent stays. */
static void check_bounds(const char *where)
{
    pp_autobuffer struct pp_buffer file = PP_BUFFER_INIT, bytes = PP_BUFFER_INIT;
    struct pp_queue_item *item;
    struct pp_queue queue;

    make_file(1, &file);
    assert_int_equal(pp_queue_open(&queue, where, 3 * file.n_bytes, 100, NULL), 0);
    put(&queue, 1);
    assert_int_equal(pp_queue_take(&queue, &item, &bytes), 1);
    for (uint64_t time = 2; time <= 5; time++)
        put(&queue, time);
    assert_int_equal(queue.n_dropped, 2);
    assert_int_equal(item->begin_ns, 1);
    pp_queue_remove(&queue, item);
    pp_queue_expire(&queue, 104);
    assert_int_equal(queue.n_items, 2);
    pp_queue_expire(&queue, 1000);
    assert_int_equal(queue.n_items, 0);
    assert_int_equal(queue.n_dropped, 4);
    pp_queue_close(&queue);
}

static void test_bounds(void **state)
{
    (void)state;
    check_bounds(NULL);
    check_bounds(folder);
}

/* What was done of a window is known to the next run, by the file's name; and while one has it,
 * another leaves it alone. */
static void test_next_run(void **state)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT, more = PP_BUFFER_INIT;
    struct pp_queue first, second;
    struct pp_queue_item *item, *none;

    (void)state;
    assert_int_equal(pp_queue_open(&first, folder, 0, 0, NULL), 0);
    put(&first, 4);
    assert_int_equal(pp_queue_take(&first, &item, &bytes), 1);
    pp_queue_note_done(&first, item, 5);
    assert_int_equal(pp_queue_open(&second, folder, 0, 0, NULL), 0);
    assert_int_equal(second.n_items, 1);
    assert_int_equal(pp_queue_take(&second, &none, &more), 0);
    pp_queue_close(&first); /* as if it were killed */
    assert_int_equal(pp_queue_take(&second, &item, &more), 1);
    assert_int_equal(item->done, 5);
    pp_queue_remove(&second, item);
    pp_queue_close(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),      cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_too_large), cmocka_unit_test(test_order),
        cmocka_unit_test(test_bounds),    cmocka_unit_test(test_next_run),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
