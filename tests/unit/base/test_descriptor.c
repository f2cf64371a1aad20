/* Bytes out through a descriptor: whole past short writes and signals, or the reason. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/descriptor.h"

enum { N_BYTES = 1 << 20 }; /* many times what a pipe holds */

static unsigned char sent[N_BYTES], got[N_BYTES + 1];

struct reader {
    int descriptor;
    pthread_t writer;
    size_t n_bytes;
};

static void nothing(int signal_number)
{
    (void)signal_number;
}

/* Reads by pieces of an odd size, and signals the writer before each: it waits in write() then. */
static void *read_slowly(void *argument)
{
    struct reader *reader = argument;
    ssize_t n;

    do {
        const size_t left = sizeof got - reader->n_bytes;
        (void)usleep(200);
        (void)pthread_kill(reader->writer, SIGUSR1);
        n = read(reader->descriptor, got + reader->n_bytes, left < 9973 ? left : 9973);
        reader->n_bytes += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    return NULL;
}

static void test_short_writes_and_signals(void **state)
{
    const struct sigaction action = {.sa_handler = nothing}; /* no SA_RESTART */
    struct reader reader = {.writer = pthread_self()};
    pthread_t thread;
    int ends[2];

    (void)state;
    for (size_t i = 0; i < N_BYTES; i++)
        sent[i] = (unsigned char)(i * 31 + i / 251);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    reader.descriptor = ends[0];
    assert_int_equal(pthread_create(&thread, NULL, read_slowly, &reader), 0);
    assert_int_equal(pp_write_all(ends[1], sent, N_BYTES), 0);
    (void)close(ends[1]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(ends[0]);
    assert_int_equal(reader.n_bytes, N_BYTES);
    assert_memory_equal(got, sent, N_BYTES);
}

static void test_reasons(void **state)
{
    const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_true(full >= 0);
    assert_int_equal(pp_write_all(full, "x", 1), -ENOSPC);
    assert_int_equal(pp_write_all(full, "", 0), 0);
    (void)close(full);
    assert_int_equal(pp_write_all(-1, "x", 1), -EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_writes_and_signals),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
