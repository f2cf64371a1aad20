/* Commands to a process that answers, to one that does not, and to one that is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "recording/reader.h"
#include "shared.h"

enum { N_COMMANDS = 200 };

/* -(the rate asked for). */
static int32_t carry_out(struct shared *shared)
{
    const struct pp_rec_command *block = &shared->writer.head->command_block;

    return atomic_load(&block->request) == PP_REQUEST_RATE
               ? -(int32_t)atomic_load(&block->rate_millihertz)
               : 0;
}

static pid_t begin(struct shared *shared, bool answers)
{
    struct pp_rec_header *head = shared->writer.head;
    const pid_t pid = fork();

    if (pid == 0) {
        if (answers)
            shared_answer(shared, carry_out);
        for (;;)
            (void)pause();
    }
    head->active = shared_segment(shared, 4096, 1);
    head->pid = head->namespace_pid = pid;
    return pid;
}

static struct pp_recording_reader *reader_of(const struct shared *shared)
{
    struct pp_recording_reader *reader = NULL;

    assert_int_equal(pp_recording_open(shared->path, &reader, NULL), 0);
    return reader;
}

/* Three commanders at once, in processes of their own, each get their own answers. */
static void commanders_do_not_mix(void **state)
{
    struct shared shared = shared_new(1 << 20);
    const pid_t pid = begin(&shared, true);
    pid_t commanders[3];

    (void)state;
    for (int c = 0; c < 3; c++) {
        commanders[c] = fork();
        if (commanders[c] == 0) {
            struct pp_recording_reader *reader = NULL;
            int n_wrong = pp_recording_open(shared.path, &reader, NULL) != 0;
            for (int i = 0; n_wrong == 0 && i < N_COMMANDS; i++) {
                const int rate = 1000 * (c + 1) + i;
                n_wrong +=
                    pp_recording_command(reader, PP_REQUEST_RATE, (uint64_t)rate, 20000) != -rate;
            }
            _exit(n_wrong != 0);
        }
    }
    for (int c = 0; c < 3; c++) {
        int status = -1;
        assert_int_equal(waitpid(commanders[c], &status, 0), commanders[c]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(shared.writer.head->command_block.generation, 3 * N_COMMANDS);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    shared_done(&shared);
}

/* No answer is a timeout, and a later command is answered all the same once somebody listens. */
static void silence_times_out(void **state)
{
    struct shared shared = shared_new(1 << 20);
    const pid_t pid = begin(&shared, false);
    struct pp_recording_reader *reader = reader_of(&shared);
    pid_t listener;

    (void)state;
    assert_int_equal(pp_recording_command(reader, PP_REQUEST_PAUSE, 0, 60), -ETIMEDOUT);
    listener = fork();
    if (listener == 0)
        shared_answer(&shared, carry_out);
    assert_int_equal(pp_recording_command(reader, PP_REQUEST_RATE, 123, 20000), -123);
    (void)kill(listener, SIGKILL);
    (void)waitpid(listener, NULL, 0);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    pp_recording_close(reader);
    shared_done(&shared);
}

/* A process that dies, waited for or not, one whose number went to another, and one that has ended
 * are gone at once. */
static void the_dead_are_gone(void **state)
{
    struct shared shared = shared_new(1 << 20);
    pid_t pid = begin(&shared, false);
    struct pp_recording_reader *reader = reader_of(&shared);
    siginfo_t info;

    (void)state;
    assert_non_null(pp_recording_shared_header(reader));
    shared.writer.head->process_start_ticks = 1; /* nobody of today began then */
    assert_int_equal(pp_recording_command(reader, PP_REQUEST_STOP, 0, 20000), -ESRCH);
    shared.writer.head->process_start_ticks = 0;
    shared.writer.head->state = PP_REC_ENDED;
    assert_int_equal(pp_recording_command(reader, PP_REQUEST_STOP, 0, 20000), -ESRCH);
    shared.writer.head->state = PP_REC_RUNNING;
    (void)kill(pid, SIGKILL);
    (void)waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    assert_int_equal(pp_recording_command(reader, PP_REQUEST_STOP, 0, 20000), -ESRCH);
    (void)waitpid(pid, NULL, 0);
    assert_int_equal(pp_recording_command(reader, PP_REQUEST_STOP, 0, 20000), -ESRCH);
    assert_null(pp_recording_shared_header(reader));
    pp_recording_close(reader);
    shared_done(&shared);
}

/* In another pid namespace the number may be nobody's here, or somebody else's: while the process
 * holds its file it lives, and afterwards it is gone at once. */
static void another_namespace_is_asked_by_the_lock(void **state)
{
    char path[] = "/tmp/pprofc-command-XXXXXX";
    struct shared shared = shared_in(mkstemp(path), 1 << 20);
    const pid_t pid = begin(&shared, true);
    const int its = open(path, O_RDWR | O_CLOEXEC);
    struct pp_recording_reader *reader = NULL;

    (void)state;
    assert_int_equal(pp_recording_open(path, &reader, NULL), 0);
    shared.writer.head->pid = shared.writer.head->namespace_pid = INT32_MAX;
    assert_true(pp_recording_pid_is_ours(shared.writer.head));
    assert_null(pp_recording_shared_header(reader));
    shared.writer.head->pid_namespace = 1; /* no inode of a namespace */
    assert_false(pp_recording_pid_is_ours(shared.writer.head));
    assert_int_equal(flock(its, LOCK_EX), 0);
    assert_int_equal(pp_recording_command(reader, PP_REQUEST_RATE, 7, 20000), -7);
    shared.writer.head->process_start_ticks = 1;
    shared.writer.head->pid = shared.writer.head->namespace_pid = getpid();
    assert_int_equal(pp_recording_command(reader, PP_REQUEST_RATE, 8, 20000), -8);
    assert_int_equal(flock(its, LOCK_UN), 0);
    assert_int_equal(pp_recording_command(reader, PP_REQUEST_RATE, 9, 20000), -ESRCH);
    /* Asking left no lock behind, and a memfd, which nobody locks, is given the benefit. */
    assert_int_equal(flock(its, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(flock(its, LOCK_UN), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(pp_recording_command(reader, PP_REQUEST_RATE, 10, 20000), -10);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    pp_recording_close(reader);
    (void)close(its);
    shared_done(&shared);
}

/* A process that has exec'ed has the number and the beginning that it had: its old recording is
 * gone at once all the same, since nobody holds it. */
static void an_exec_is_seen_by_the_lock(void **state)
{
    char path[] = "/tmp/pprofc-command-XXXXXX";
    struct shared shared = shared_in(mkstemp(path), 1 << 20);
    const pid_t pid = begin(&shared, true);
    const int its = open(path, O_RDWR | O_CLOEXEC);
    struct pp_recording_reader *reader = NULL;
    struct stat space;

    (void)state;
    assert_int_equal(stat("/proc/self/ns/pid", &space), 0);
    shared.writer.head->pid_namespace = (uint32_t)space.st_ino;
    assert_int_equal(flock(its, LOCK_EX), 0);
    assert_int_equal(pp_recording_open(path, &reader, NULL), 0);
    assert_int_equal(pp_recording_command(reader, PP_REQUEST_RATE, 7, 20000), -7);
    assert_true(pp_recording_is_live(reader));
    assert_int_equal(flock(its, LOCK_UN), 0);
    assert_false(pp_recording_is_live(reader));
    assert_int_equal(pp_recording_command(reader, PP_REQUEST_RATE, 8, 20000), -ESRCH);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    pp_recording_close(reader);
    (void)close(its);
    (void)unlink(path);
    shared_done(&shared);
}

/* A look for leaks is known by its number, which the header counts up to, also past 24 bits. */
static void looks_are_counted(void **state)
{
    struct pp_rec_header *head = calloc(1, sizeof *head);
    _Atomic uint32_t *ended = &head->heap.leaks.ended;

    (void)state;
    assert_int_equal(pp_recording_leak_look_result(head, 1), -EINPROGRESS);
    *ended = 1U << 8;
    assert_int_equal(pp_recording_leak_look_result(head, 1), 0);
    assert_int_equal(pp_recording_leak_look_result(head, 2), -EINPROGRESS);
    *ended = 2U << 8 | ECHILD;
    assert_int_equal(pp_recording_leak_look_result(head, 2), -ECHILD);
    *ended = 0xffffffU << 8;
    assert_int_equal(pp_recording_leak_look_result(head, 0x1000000), -EINPROGRESS);
    *ended = 0;
    assert_int_equal(pp_recording_leak_look_result(head, 0x1000000), 0);
    free(head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_are_counted),
        cmocka_unit_test(commanders_do_not_mix),
        cmocka_unit_test(silence_times_out),
        cmocka_unit_test(the_dead_are_gone),
        cmocka_unit_test(another_namespace_is_asked_by_the_lock),
        cmocka_unit_test(an_exec_is_seen_by_the_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
