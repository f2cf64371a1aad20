/* Windows of a process that ends while they are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "serve/served.h"
#include "shared.h"

enum { RATE_HZ = 100 };

/* Books some more.  Once it is told to, its recording has ended by the time it answers. */
static int32_t book(struct shared *shared)
{
    struct pp_rec_header *head = shared->writer.head;

    head->cpu_ns = head->cpu_ns + 1000;
    if (atomic_load(shared->told) != 0)
        atomic_store(&head->state, PP_REC_ENDED);
    return 0;
}

/* It answers that it has booked all, and ends before it is looked at: the window ends with what its
 * recording says. */
static void a_window_ends_with_its_process(void **state)
{
    struct shared shared = shared_new(1 << 20);
    struct pp_rec_header *head = shared.writer.head;
    struct pp_served target;
    struct pp_recording_window window;
    double highest_hz = 0;
    uint32_t index = 0;
    pid_t pid;

    (void)state;
    memset(&window, 0x5a, sizeof window);
    head->active = shared_segment(&shared, 4096, 1);
    head->rate_millihertz = RATE_HZ * 1000;
    pid = fork();
    if (pid == 0)
        shared_answer(&shared, book);
    head->pid = head->namespace_pid = pid;
    assert_int_equal(pp_served_open(&target, shared.path, NULL), 0);
    assert_int_equal(pp_served_begin_window(&target, RATE_HZ, &index, NULL), 0);
    assert_int_equal(head->cpu_ns, 1000);
    atomic_store(shared.told, 1);
    assert_int_equal(pp_served_end_window(&target, index, &window, &highest_hz, NULL), 0);
    assert_int_equal(window.begin.cpu_ns, 1000);
    assert_int_equal(window.end.cpu_ns, 2000);
    assert_true(window.end.time_ns >= window.begin.time_ns);
    assert_int_equal(window.end.own_cpu_ns, window.begin.own_cpu_ns);
    for (int cause = 0; cause < PP_LOSS_COUNT; cause++)
        assert_int_equal(window.end.losses[cause], window.begin.losses[cause]);
    assert_int_equal(target.n_windows, 0);
    assert_false(pp_served_is_alive(&target));
    pp_served_close(&target);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    shared_done(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_window_ends_with_its_process)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
