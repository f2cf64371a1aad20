/* Interposed: exec.  Our variables were taken out of the environment at start; an exec by the same
 * process gets them back, so that `pprofc run -- sh -c 'exec app'` profiles app.  Children get them
 * only with --follow, and then by plain inheritance. */
#include <alloca.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "capture/environment.h"
#include "capture/preload.h"
#include "capture/session.h"
#include "sigsafe/chain.h"
#include "sigsafe/handler.h"

#pragma GCC visibility push(default)
int execve(const char *path, char *const argv[], char *const envp[]);
int execvpe(const char *file, char *const argv[], char *const envp[]);
int execv(const char *path, char *const argv[]);
int execvp(const char *file, char *const argv[]);
int execl(const char *path, const char *argument, ...);
int execlp(const char *file, const char *argument, ...);
int execle(const char *path, const char *argument, ...);
int fexecve(int fd, char *const argv[], char *const envp[]);
#pragma GCC visibility pop

extern char **environ;

typedef int (*exec_fn)(const char *, char *const[], char *const[]);
typedef int (*fexec_fn)(int, char *const[], char *const[]);
static exec_fn next_execve, next_execvpe;
static fexec_fn next_fexecve;

__attribute__((constructor(101))) static void resolve(void)
{
    if (next_execve != NULL)
        return;
    next_execvpe = (exec_fn)(uintptr_t)pp_preload_next("execvpe");
    next_fexecve = (fexec_fn)(uintptr_t)pp_preload_next("fexecve");
    next_execve = (exec_fn)(uintptr_t)pp_preload_next("execve");
}

static size_t count(char *const list[])
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

/* The new image must find a signal ignored that the application ignores: with our handler installed
 * it would be reset to the default. */
static void hand_over_signals(void)
{
    static const int OURS[] = {SIGTRAP, SIGPROF};

    for (size_t i = 0; i < sizeof OURS / sizeof *OURS && pp_sig_gate != NULL; i++) {
        struct sigaction now, application;
        pp_sig_chain_set(OURS[i], NULL, &application);
        if (application.sa_handler == SIG_IGN && pp_real_sigaction(OURS[i], NULL, &now) == 0 &&
            (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == pp_sig_on_tick)
            (void)pp_real_sigaction(OURS[i], &application, NULL);
    }
}

static void before_exec(void)
{
    hand_over_signals();
    pp_preload_before_exec();
}

/* 'envp' with what was taken, in 'room' for count(envp) + n_taken + 1 pointers. */
static char *const *put_back(char *const envp[], const char **room)
{
    size_t n = 0;
    bool has_preload = false;

    for (size_t i = 0; envp != NULL && envp[i] != NULL; i++) {
        /* What was left of the one that we came by comes back whole. */
        if (pp_environment.preload_left != NULL &&
            strcmp(envp[i], pp_environment.preload_left) == 0)
            continue;
        has_preload = has_preload || strncmp(envp[i], "LD_PRELOAD=", 11) == 0;
        room[n++] = envp[i];
    }
    for (uint32_t i = 0; i < pp_environment.n_taken; i++)
        /* An LD_PRELOAD that the program has set for the new image itself is its own affair. */
        if (!(has_preload && strncmp(pp_environment.taken[i], "LD_PRELOAD=", 11) == 0))
            room[n++] = pp_environment.taken[i];
    room[n] = NULL;
    return (char *const *)(uintptr_t)room;
}

/* 'envp' without an LD_PRELOAD that names nothing but us: in another root the loader would not find
 * us, and complain on the program's standard error. */
static char *const *leave_out(char *const envp[], const char **room)
{
    size_t n = 0;

    for (size_t i = 0; envp != NULL && envp[i] != NULL; i++)
        if (strncmp(envp[i], "LD_PRELOAD=", 11) != 0 || strcmp(envp[i] + 11, pp_preload_path) != 0)
            room[n++] = envp[i];
    room[n] = NULL;
    return (char *const *)(uintptr_t)room;
}

static char *const *with_ours(char *const envp[], const char **room)
{
    if (pp_preload_path[0] == '/' && access(pp_preload_path, R_OK) != 0)
        return leave_out(envp, room);
    return pp_preload_goes_along() ? put_back(envp, room) : envp;
}

#define WITH_OURS(envp) \
    with_ours(envp, alloca((count(envp) + pp_environment.n_taken + 1) * sizeof(char *)))

int execve(const char *path, char *const argv[], char *const envp[])
{
    resolve();
    before_exec();
    return pp_preload_after_exec(next_execve(path, argv, WITH_OURS(envp)));
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
    resolve();
    before_exec();
    return pp_preload_after_exec(next_execvpe(file, argv, WITH_OURS(envp)));
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
    resolve();
    before_exec();
    return pp_preload_after_exec(next_fexecve(fd, argv, WITH_OURS(envp)));
}

int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

/* The variadic ones: gather the arguments into an array on the stack, as libc does. */
static size_t count_arguments(va_list arguments)
{
    size_t n = 1;

    while (va_arg(arguments, const char *) != NULL)
        n++;
    return n;
}

#define GATHER(first, array, last)                      \
    va_list last;                                       \
    const char **array;                                 \
    size_t n_arguments_;                                \
    va_start(last, first);                              \
    n_arguments_ = count_arguments(last);               \
    va_end(last);                                       \
    array = alloca((n_arguments_ + 1) * sizeof *array); \
    va_start(last, first);                              \
    array[0] = first;                                   \
    for (size_t i_ = 1; i_ <= n_arguments_; i_++)       \
    array[i_] = va_arg(last, const char *)

int execl(const char *path, const char *argument, ...)
{
    GATHER(argument, argv, rest);
    va_end(rest);
    return execve(path, (char *const *)(uintptr_t)argv, environ);
}

int execlp(const char *file, const char *argument, ...)
{
    GATHER(argument, argv, rest);
    va_end(rest);
    return execvpe(file, (char *const *)(uintptr_t)argv, environ);
}

int execle(const char *path, const char *argument, ...)
{
    char *const *envp;

    GATHER(argument, argv, rest);
    envp = va_arg(rest, char *const *);
    va_end(rest);
    return execve(path, (char *const *)(uintptr_t)argv, envp);
}
