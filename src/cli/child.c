/* The profiled program as our child. */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

static const int passed_on[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

enum { N_PASSED_ON = sizeof passed_on / sizeof passed_on[0] };

static const int64_t second_ns = INT64_C(1000000000);

int64_t pp_monotonic_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * second_ns + now.tv_nsec;
}

static void fill_watched(const struct pp_child *child, sigset_t *set)
{
    (void)sigemptyset(set);
    for (size_t i = 0; i < N_PASSED_ON; i++)
        (void)sigaddset(set, passed_on[i]);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGQUIT);
    (void)sigaddset(set, SIGCHLD);
    (void)sigaddset(set, SIGCONT);
    if (child->kept_signo != 0)
        (void)sigaddset(set, child->kept_signo);
}

/* In the child: everything as it was when the command started, then the program. */
static void __attribute__((noreturn))
become_program(const struct pp_child *child, const char *path, char **arguments, char **environment,
               int report)
{
    int failure;

    (void)sigaction(SIGCHLD, &child->old_child_action, NULL);
    (void)sigprocmask(SIG_SETMASK, &child->old_mask, NULL);
    (void)execve(path, arguments, environment);
    failure = errno;
    if (failure == ENOEXEC) {
        /* A script without "#!": the shell's, as execvp() does. */
        size_t n_arguments = 0;
        char **shell_arguments;
        while (arguments[n_arguments] != NULL)
            n_arguments++;
        shell_arguments = calloc(n_arguments + 2, sizeof *shell_arguments);
        if (shell_arguments != NULL) {
            char shell[] = "/bin/sh";
            pp_autofree char *script = strdup(path);
            shell_arguments[0] = shell;
            shell_arguments[1] = script;
            for (size_t i = 1; i < n_arguments; i++)
                shell_arguments[i + 1] = arguments[i];
            (void)execve(shell, shell_arguments, environment);
        }
    }
    (void)!write(report, &failure, sizeof failure);
    _exit(127);
}

int pp_child_start(struct pp_child *child, const char *path, char **arguments, char **environment,
                   struct pprofc_error *err)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t watched;
    int report[2], failure = 0;
    ssize_t n_bytes;

    memset(child, 0, sizeof *child);
    child->cpu_ns = child->children_cpu_ns = -1;
    if (pipe2(report, O_CLOEXEC) != 0)
        return pp_fail(err, -errno, 0, "cannot make a pipe: %s", strerror(errno));
    fill_watched(child, &watched);
    (void)sigprocmask(SIG_BLOCK, &watched, &child->old_mask);
    /* A child of ours must wait for us, even when our own parent told us to ignore children. */
    (void)sigaction(SIGCHLD, &action, &child->old_child_action);
    child->start_ns = pp_monotonic_ns();
    child->pid = fork();
    if (child->pid == 0)
        become_program(child, path, arguments, environment, report[1]);
    (void)close(report[1]);
    if (child->pid < 0) {
        failure = errno;
        (void)sigprocmask(SIG_SETMASK, &child->old_mask, NULL);
        (void)close(report[0]);
        return pp_fail(err, -failure, 0, "cannot make a process: %s", strerror(failure));
    }
    do
        n_bytes = read(report[0], &failure, sizeof failure);
    while (n_bytes < 0 && errno == EINTR);
    (void)close(report[0]);
    if (n_bytes == (ssize_t)sizeof failure) {
        (void)waitpid(child->pid, NULL, 0);
        (void)sigprocmask(SIG_SETMASK, &child->old_mask, NULL);
        return pp_fail(err, -failure, 0, "cannot run %s: %s", path, strerror(failure));
    }
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL); /* a closed standard error must not cost the profile */
    return 0;
}

/* 'T' in /proc/PID/stat. */
static bool is_stopped(pid_t pid)
{
    char path[64], text[512];
    const char *state;
    ssize_t n_bytes;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    pp_autoclose_fd int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    n_bytes = read(descriptor, text, sizeof text - 1);
    text[n_bytes > 0 ? n_bytes : 0] = '\0';
    state = strrchr(text, ')');
    return state != NULL && state[1] == ' ' && state[2] == 'T';
}

/* The child has stopped: stop as well, so that the shell sees its job stop, and go on together.
 * When a terminal's Ctrl-Z stopped both, the shell may have continued both already: look again
 * after a moment, or we would stop a job that has just been put into the foreground. */
static void stop_together(const struct pp_child *child)
{
    const struct timespec moment = {0, 20 * 1000 * 1000};

    (void)nanosleep(&moment, NULL);
    if (!is_stopped(child->pid))
        return;
    (void)raise(SIGSTOP);
    if (is_stopped(child->pid))
        (void)kill(child->pid, SIGCONT);
}

static void look_at_child(struct pp_child *child)
{
    siginfo_t info = {0};

    /* A zombie stays one until pp_child_reap(): its CPU clock is read first. */
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid != child->pid)
        return;
    if (info.si_code != CLD_STOPPED) {
        child->has_ended = true;
        child->end_ns = pp_monotonic_ns();
        return;
    }
    info.si_pid = 0;
    if (waitid(P_PID, (id_t)child->pid, &info, WSTOPPED | WNOHANG) == 0 &&
        info.si_pid == child->pid && info.si_code == CLD_STOPPED)
        stop_together(child);
}

static void handle_signal(struct pp_child *child, const siginfo_t *info)
{
    if (child->kept_signo != 0 && info->si_signo == child->kept_signo) {
        child->on_kept();
        return;
    }
    switch (info->si_signo) {
    case SIGINT:
    case SIGQUIT:
        break;
    case SIGCONT:
        if (is_stopped(child->pid))
            (void)kill(child->pid, SIGCONT);
        break;
    case SIGCHLD:
        break; /* looked at in any case */
    default:
        /* From the terminal the child got it as well; from the child it meant its whole group. */
        if (info->si_code != SI_KERNEL && info->si_pid != child->pid)
            (void)kill(child->pid, info->si_signo);
        break;
    }
}

void pp_child_keep_signal(struct pp_child *child, int signo, void (*on_kept)(void))
{
    sigset_t watched;

    child->kept_signo = signo;
    child->on_kept = on_kept;
    fill_watched(child, &watched);
    (void)sigprocmask(SIG_BLOCK, &watched, NULL);
}

bool pp_child_wait(struct pp_child *child, int64_t deadline_ns)
{
    sigset_t watched;

    fill_watched(child, &watched);
    for (;;) {
        siginfo_t info;
        struct timespec timeout;
        int64_t left_ns;
        look_at_child(child);
        if (child->has_ended)
            return true;
        left_ns = deadline_ns - pp_monotonic_ns();
        if (left_ns <= 0)
            return false;
        /* Look again every minute in any case: a lost SIGCHLD must not mean for ever. */
        if (left_ns > 60 * second_ns)
            left_ns = 60 * second_ns;
        timeout.tv_sec = left_ns / second_ns;
        timeout.tv_nsec = left_ns % second_ns;
        if (sigtimedwait(&watched, &info, &timeout) > 0)
            handle_signal(child, &info);
    }
}

static int64_t timeval_ns(struct timeval time)
{
    return time.tv_sec * second_ns + time.tv_usec * 1000;
}

void pp_child_reap(struct pp_child *child)
{
    const struct timespec at_once = {0, 0};
    struct timespec cpu;
    struct rusage usage;
    clockid_t clock;
    sigset_t watched;
    siginfo_t info;

    if (clock_getcpuclockid(child->pid, &clock) == 0 && clock_gettime(clock, &cpu) == 0)
        child->cpu_ns = cpu.tv_sec * second_ns + cpu.tv_nsec;
    while (wait4(child->pid, &child->wait_status, 0, &usage) < 0 && errno == EINTR)
        continue;
    child->peak_bytes = usage.ru_maxrss * INT64_C(1024);
    if (child->cpu_ns >= 0) {
        /* The usage counts the child and what it has waited for. */
        const int64_t all_ns = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
        child->children_cpu_ns = all_ns > child->cpu_ns ? all_ns - child->cpu_ns : 0;
    }
    fill_watched(child, &watched);
    while (sigtimedwait(&watched, &info, &at_once) > 0)
        continue;
    (void)sigprocmask(SIG_SETMASK, &child->old_mask, NULL);
}

int pp_child_exit_code(const struct pp_child *child)
{
    if (WIFSIGNALED(child->wait_status))
        return 128 + WTERMSIG(child->wait_status);
    return WEXITSTATUS(child->wait_status);
}
