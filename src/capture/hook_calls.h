/* The calls we stand in front of: ours, and libc's behind them.
 *
 * The preload exports libc's names and leads them here; in a program that links us the entries of
 * its GOT are patched (capture/got.h); a static program wraps them at link time. */
#ifndef PP_CAPTURE_HOOK_CALLS_H
#define PP_CAPTURE_HOOK_CALLS_H

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* What signal() takes and gives back; each libc has another name for it. */
typedef void (*pp_signal_function)(int signo);

/* Ours: as libc's, for whoever calls those.  They pass through when nothing runs. */
int pp_hook_pthread_create(pthread_t *thread_out, const pthread_attr_t *attributes,
                           void *(*start)(void *), void *argument);
int pp_hook_sigaction(int signo, const struct sigaction *action, struct sigaction *before_out);
pp_signal_function pp_hook_signal(int signo, pp_signal_function handler);
/* Assembly: they leave no frame of their own. */
void *pp_hook_dlopen(const char *path, int flags);
void *pp_hook_dlmopen(long space, const char *path, int flags);
int pp_hook_dlclose(void *handle);

/* Libc's, or those of an interposer before it; pp_real_pthread_create and pp_real_sigaction are in
 * capture/session.h. */
extern pp_signal_function (*pp_real_signal)(int, pp_signal_function);
extern void *pp_real_dlopen, *pp_real_dlmopen, *pp_real_dlclose; /* NULL in a static program */

struct pp_hook {
    const char *name;
    uintptr_t hook;
    uintptr_t real; /* 0: not found, as in a static program */
};
enum { PP_N_HOOKS = 6 };

/* All six; 'real' is filled in by pp_hooks_find_real(). */
extern struct pp_hook pp_hooks[PP_N_HOOKS];

/* Whether libc's names are interposed, so that nothing needs patching: true in the preload. */
extern bool pp_hooks_are_interposed;

/* What the program's calls of 'name' are bound to: another interposer's where there is one.  NULL:
 * nothing, as in a static program.  Calls dlsym. */
void *pp_hook_find(const char *name);

/* What anybody exports by that name, of a thread-local this thread's; or NULL. */
void *pp_hook_find_any(const char *name);

/* What comes behind the object that we are in. */
void *pp_hook_find_next(const char *name);

/* Find libc's functions, once.  Calls dlsym; before the first hook can be called. */
void pp_hooks_find_real(void);

#endif
