/* Children that the program does not see.
 *
 * A child made with no exit signal sends none, and only wait() with __WCLONE finds it; but an exec
 * makes it an ordinary child again.  So there are two: the outer one, which never execs, and its
 * own child, the command.  The outer one waits for it.  For a run of the command it shares our
 * memory, on a stack of its own; beside a server, which stays, it is a copy that gives all its
 * memory back but what it waits in.  Between clone() and exec no lock is taken and nothing is
 * allocated. */
#include "capture/hidden_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/environment.h"
#include "capture/own_memory.h"
#include "sigsafe/syscall.h"

enum { STACK_BYTES = 64 * 1024, NOT_STARTED = 127, PAGE_BYTES = 4096 };

extern char **environ;

struct launch {
    const char *path;
    char *const *arguments;
    char **variables;
    char *inner_stack; /* its end */
    bool stays;        /* ends with the outer one */
    pid_t outer;       /* that one, if it stays */
};

/* Memory of one launch: two stacks and the variables. */
struct room {
    char outer_stack[STACK_BYTES], inner_stack[STACK_BYTES];
    char *variables[];
};

/* ---- what it is started with ---- */

/* The command is nothing to be profiled itself. */
static bool is_for_command(const char *variable)
{
    return !(strncmp(variable, "LD_PRELOAD=", 11) == 0 &&
             strstr(variable, "libpprofc-preload") != NULL) &&
           strncmp(variable, "PPROFC=", 7) != 0 && strncmp(variable, "ENABLE_PROFILING=", 17) != 0;
}

static size_t count(char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

/* The program's, and what was taken out of it: PPROFC_DEBUG_PATH and its like. */
static void choose_variables(char **out)
{
    for (char **at = environ; at != NULL && *at != NULL; at++)
        if (is_for_command(*at))
            *out++ = *at;
    for (uint32_t i = 0; i < pp_environment.n_taken; i++)
        if (is_for_command(pp_environment.taken[i]) &&
            strncmp(pp_environment.taken[i], "LD_PRELOAD=", 11) != 0)
            *out++ = (char *)(uintptr_t)pp_environment.taken[i];
}

static size_t room_bytes(void)
{
    return sizeof(struct room) + (count(environ) + pp_environment.n_taken + 1) * sizeof(char *);
}

static struct room *make_launch(struct launch *launch, const char *path,
                                const char *const arguments[], size_t n_bytes)
{
    struct room *room = pp_map_anonymous(n_bytes);

    if (room == NULL)
        return NULL;
    choose_variables(room->variables);
    launch->path = path;
    launch->arguments = (char *const *)(uintptr_t)arguments;
    launch->variables = room->variables;
    launch->inner_stack = room->inner_stack + STACK_BYTES;
    return room;
}

/* ---- in the children: the caller's signals are blocked ---- */

static int inner(void *argument)
{
    const struct launch *launch = argument;
    sigset_t none;

    if (launch->stays) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != launch->outer) /* it was killed before */
            return NOT_STARTED;
    }
    (void)sigemptyset(&none);
    (void)pp_sig_syscall4(SYS_rt_sigprocmask, SIG_SETMASK, (long)&none, 0, 8);
    (void)pp_sig_syscall4(SYS_execve, (long)launch->path, (long)launch->arguments,
                          (long)launch->variables, 0);
    return NOT_STARTED;
}

/* Where the program ignores SIGCHLD the kernel would keep no status for us. */
static void heed_children(void)
{
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        uint64_t mask;
    } action = {SIG_DFL, 0, NULL, 0};

    (void)pp_sig_syscall4(SYS_rt_sigaction, SIGCHLD, (long)&action, 0, 8);
}

static int start_inner(const struct launch *launch)
{
    heed_children();
    return clone(inner, launch->inner_stack, CLONE_VM | CLONE_VFORK | SIGCHLD,
                 (void *)(uintptr_t)launch);
}

static int outer(void *argument)
{
    const int pid = start_inner(argument);
    int status = 0;
    long result;

    if (pid < 0)
        return NOT_STARTED;
    do
        result = pp_sig_syscall4(SYS_wait4, pid, (long)&status, 0, 0);
    while (result == -EINTR);
    return result < 0          ? NOT_STARTED
           : WIFEXITED(status) ? WEXITSTATUS(status)
                               : 128 + WTERMSIG(status);
}

/* ---- run and wait ---- */

static uint64_t ns_of(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_usec * 1000;
}

int pp_hidden_run(const char *path, const char *const arguments[], uint64_t *cpu_ns_out)
{
    const size_t n_bytes = room_bytes();
    struct launch launch = {.stays = false};
    struct room *room = make_launch(&launch, path, arguments, n_bytes);
    struct rusage usage = {.ru_maxrss = 0};
    sigset_t all, before;
    int pid, status = 0, result = 0;

    if (room == NULL)
        return -ENOMEM;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = clone(outer, room->outer_stack + STACK_BYTES, CLONE_VM, &launch);
    if (pid < 0)
        result = -errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    while (result == 0 && wait4(pid, &status, __WCLONE, &usage) < 0)
        if (errno != EINTR)
            result = -errno;
    *cpu_ns_out = ns_of(&usage.ru_utime) + ns_of(&usage.ru_stime);
    pp_unmap(room, n_bytes);
    return result != 0 ? result : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- start and leave ---- */

/* Give back everything between what is kept: the page or two of this function, and the stack up to
 * the thread's own block, into which the kernel writes (rseq). */
__attribute__((noinline, noreturn, no_sanitize("address", "undefined"))) static void
wait_in_no_memory(int32_t server)
{
    const uintptr_t code = (uintptr_t)wait_in_no_memory & ~(uintptr_t)(PAGE_BYTES - 1);
    const uintptr_t stack =
        ((uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)(PAGE_BYTES - 1)) - PAGE_BYTES;
    const uintptr_t thread = (uintptr_t)__builtin_thread_pointer() & ~(uintptr_t)(PAGE_BYTES - 1);
    const uintptr_t code_end = code + 2 * PAGE_BYTES, stack_end = thread + 2 * PAGE_BYTES;
    const uintptr_t top = UINT64_C(0x7ffffffff000);
    const bool code_is_first = code < stack;

    if (stack < thread && thread - stack < (UINT64_C(1) << 30)) {
        (void)pp_sig_syscall4(SYS_munmap, 0, (long)(code_is_first ? code : stack), 0, 0);
        if (code_is_first)
            (void)pp_sig_syscall4(SYS_munmap, (long)code_end, (long)(stack - code_end), 0, 0);
        else
            (void)pp_sig_syscall4(SYS_munmap, (long)stack_end, (long)(code - stack_end), 0, 0);
        (void)pp_sig_syscall4(SYS_munmap, (long)(code_is_first ? stack_end : code_end),
                              (long)(top - (code_is_first ? stack_end : code_end)), 0, 0);
    }
    while (pp_sig_syscall4(SYS_wait4, server, 0, 0, 0) == -EINTR)
        ;
    for (;;)
        (void)pp_sig_syscall4(SYS_exit_group, 0, 0, 0, 0);
}

/* Nothing of the program's stays open by us. */
static void take_descriptors(int log)
{
    int nothing;

    if (log >= 0 && log != STDERR_FILENO)
        (void)dup2(log, STDERR_FILENO);
    nothing = open("/dev/null", O_RDWR);
    (void)dup2(nothing, STDIN_FILENO);
    (void)dup2(nothing, STDOUT_FILENO);
    if (log < 0)
        (void)dup2(nothing, STDERR_FILENO);
    if (log == STDERR_FILENO)
        (void)fcntl(STDERR_FILENO, F_SETFD, 0);
    (void)syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0);
}

/* The signal comes when the thread dies that has made us: at an exec, too, after which the process
 * is there as before.  Had it died already, none would come. */
static void be_outer(struct launch *launch, pid_t program, int32_t thread, int log)
{
    int server;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != program || pp_sig_syscall4(SYS_tgkill, program, thread, 0, 0) != 0)
        _exit(0);
    launch->outer = getpid();
    (void)setsid();
    take_descriptors(log);
    server = start_inner(launch);
    if (server < 0)
        _exit(NOT_STARTED);
    (void)syscall(SYS_close_range, 0, ~0u, 0); /* the server says its line and lets go of it, too */
    wait_in_no_memory(server);
}

int pp_hidden_start(const char *path, const char *const arguments[], int log)
{
    const size_t n_bytes = room_bytes();
    struct launch launch = {.stays = true};
    struct room *room = make_launch(&launch, path, arguments, n_bytes);
    const pid_t program = getpid();
    const int32_t thread = pp_sig_gettid();
    sigset_t all, before;
    long pid;

    if (room == NULL)
        return -ENOMEM;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = pp_sig_syscall4(SYS_clone, 0, 0, 0, 0); /* as fork(), without handlers of fork */
    if (pid == 0)
        be_outer(&launch, program, thread, log);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    pp_unmap(room, n_bytes);
    return (int)pid;
}

void pp_hidden_end(int child)
{
    (void)kill(child, SIGKILL);
    while (waitpid(child, NULL, __WCLONE) < 0 && errno == EINTR)
        ;
}
