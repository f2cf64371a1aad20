/* The profiled program as our child. */
#include "cmocka_includes.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/child.h"

static int run_shell(struct pp_child *child, const char *script)
{
    char sh[] = "sh", c[] = "-c", *text = strdup(script);
    char *arguments[] = {sh, c, text, NULL};
    const int rc = pp_child_start(child, "/bin/sh", arguments, environ, NULL);

    free(text);
    return rc;
}

static int exit_code_of(const char *script)
{
    struct pp_child child;

    assert_int_equal(run_shell(&child, script), 0);
    assert_true(pp_child_wait(&child, INT64_MAX));
    pp_child_reap(&child);
    return pp_child_exit_code(&child);
}

/* The status is the child's own, and 128 + N when signal N killed it. */
static void status_comes_through(void **state)
{
    (void)state;
    assert_int_equal(exit_code_of("exit 0"), 0);
    assert_int_equal(exit_code_of("exit 7"), 7);
    assert_int_equal(exit_code_of("exit 255"), 255);
    assert_int_equal(exit_code_of("kill -TERM $$"), 128 + SIGTERM);
    assert_int_equal(exit_code_of("kill -KILL $$"), 128 + SIGKILL);
}

/* A program that cannot be executed is the errno of exec, and leaves no child and no mask behind.
 */
static void a_failed_start(void **state)
{
    char name[] = "x", *arguments[] = {name, NULL};
    struct pp_child child;
    struct pprofc_error err;
    sigset_t mask;

    (void)state;
    assert_int_equal(pp_child_start(&child, "/no/such/file", arguments, environ, &err), -ENOENT);
    assert_non_null(strstr(err.message, "/no/such/file"));
    assert_int_equal(pp_child_start(&child, "/tmp", arguments, environ, &err), -EACCES);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
    assert_false(sigismember(&mask, SIGTERM));
}

/* Waiting ends at its deadline while the child goes on, and by the child's end after it. */
static void a_deadline(void **state)
{
    struct pp_child child;

    (void)state;
    assert_int_equal(run_shell(&child, "sleep 0.3; exit 3"), 0);
    assert_false(pp_child_wait(&child, child.start_ns + 20000000));
    assert_false(child.has_ended);
    assert_true(pp_child_wait(&child, INT64_MAX));
    assert_true(child.end_ns - child.start_ns >= 290000000);
    pp_child_reap(&child);
    assert_int_equal(pp_child_exit_code(&child), 3);
}

/* TERM and USR1 sent to us reach the child; INT and QUIT do not. */
static void signals_are_passed_on(void **state)
{
    struct pp_child child;

    (void)state;
    assert_int_equal(run_shell(&child, "trap 'exit 5' USR1; trap 'exit 6' INT; trap 'exit 7' QUIT;"
                                       "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done"),
                     0);
    assert_false(pp_child_wait(&child, child.start_ns + 100000000));
    assert_int_equal(kill(getpid(), SIGINT), 0);
    assert_int_equal(kill(getpid(), SIGQUIT), 0);
    assert_false(pp_child_wait(&child, child.start_ns + 300000000));
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_true(pp_child_wait(&child, INT64_MAX));
    pp_child_reap(&child);
    assert_int_equal(pp_child_exit_code(&child), 5);
    assert_int_equal(exit_code_of("(kill -TERM $PPID); sleep 5"), 128 + SIGTERM);
    /* A child that signals its whole group has had the signal already. */
    assert_int_equal(exit_code_of("kill -TERM $PPID; sleep 0.1; exit 4"), 4);
}

static int n_kept;

static void note_kept(void)
{
    n_kept++;
}

/* A signal that is ours does not reach the child, whose default for it would be to die. */
static void a_kept_signal_stays_here(void **state)
{
    struct pp_child child;

    (void)state;
    n_kept = 0;
    assert_int_equal(run_shell(&child, "sleep 0.5; exit 3"), 0);
    pp_child_keep_signal(&child, SIGUSR1, note_kept);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_false(pp_child_wait(&child, child.start_ns + 200000000));
    assert_int_equal(n_kept, 1);
    pp_child_keep_signal(&child, SIGALRM, note_kept); /* one that is not passed on otherwise */
    assert_int_equal(kill(getpid(), SIGALRM), 0);
    assert_true(pp_child_wait(&child, INT64_MAX));
    assert_int_equal(n_kept, 2);
    pp_child_reap(&child);
    assert_int_equal(pp_child_exit_code(&child), 3);
}

static int grep_own_status(const char *option, const char *pattern)
{
    char grep[] = "grep", file[] = "/proc/self/status", *how = strdup(option),
         *text = strdup(pattern);
    char *arguments[] = {grep, how, text, file, NULL};
    struct pp_child child;

    assert_int_equal(pp_child_start(&child, "/bin/grep", arguments, environ, NULL), 0);
    free(how);
    free(text);
    assert_true(pp_child_wait(&child, INT64_MAX));
    pp_child_reap(&child);
    return pp_child_exit_code(&child);
}

/* Does a program's own /proc/self/status hold a line like 'pattern'?  Its lines on signals are
 * shown when not. */
static bool own_status_says(const char *pattern)
{
    const int code = grep_own_status("-q", pattern);

    if (code == 0)
        return true;
    print_error("grep ended with %d; of the same kind:\n", code);
    (void)grep_own_status("-e", "^Sig");
    return false;
}

/* The child has our own mask and ignored signals, whatever we do ourselves. */
static void mask_and_dispositions_are_ours(void **state)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old_chld, old_hup;
    sigset_t blocked, old_mask;

    (void)state;
    /* Whoever runs the tests may ignore some itself: a shell's background job ignores INT and QUIT.
     */
    for (int signo = 1; signo < SIGSYS; signo++)
        if (signo != SIGKILL && signo != SIGSTOP)
            (void)signal(signo, SIG_DFL);
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGWINCH);
    assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &old_mask), 0);
    assert_int_equal(sigaction(SIGCHLD, &ignore, &old_chld), 0);
    assert_int_equal(sigaction(SIGHUP, &ignore, &old_hup), 0);
    (void)signal(SIGPIPE, SIG_DFL); /* an earlier start has made us ignore it */
    /* SIGWINCH is 28: bit 27; SIGHUP and SIGCHLD are bits 0 and 16; nothing else is ours.
     * Signals from 32 on are libc's and the real-time ones: one may come ignored from whoever runs
     * us, and libc lets nobody change it. */
    assert_true(own_status_says("^SigBlk:.0000000008000000$"));
    (void)signal(SIGPIPE, SIG_DFL);
    assert_int_equal(sigaction(SIGCHLD, &ignore, NULL), 0);
    assert_true(own_status_says("^SigIgn:.\\{9\\}[08]0010001$"));
    (void)sigaction(SIGCHLD, &old_chld, NULL);
    (void)sigaction(SIGHUP, &old_hup, NULL);
    (void)sigprocmask(SIG_SETMASK, &old_mask, NULL);
}

/* The CPU times tell the child's own from that of the children it waited for. */
static void cpu_times_are_told_apart(void **state)
{
    struct pp_child child;

    (void)state;
    assert_int_equal(
        run_shell(&child, "(i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done); exit 0"), 0);
    assert_true(pp_child_wait(&child, INT64_MAX));
    pp_child_reap(&child);
    assert_true(child.cpu_ns > 0);
    assert_true(child.children_cpu_ns > 3 * child.cpu_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_comes_through),
        cmocka_unit_test(a_failed_start),
        cmocka_unit_test(a_deadline),
        cmocka_unit_test(signals_are_passed_on),
        cmocka_unit_test(a_kept_signal_stays_here),
        cmocka_unit_test(mask_and_dispositions_are_ours),
        cmocka_unit_test(cpu_times_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
