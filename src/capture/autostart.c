/* The beginning and the end of a session that the environment asks for.
 *
 * The same constructor is in libpprofc, in libpprofc.a beside every call, and in the preload. Where
 * several copies are in a process the preload has it, since it knows more calls; else the first. */
#include "capture/autostart.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "capture/heap.h"
#include "capture/modules.h"
#include "capture/other_copy.h"
#include "capture/result_file.h"
#include "capture/server_child.h"
#include "capture/session.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/module_set.h"
#include "sigsafe/syscall.h"

enum { END_TIMEOUT_MS = 1000 };

pid_t pp_root_pid;
int pprofc_is_switched_on;
static bool has_started; /* this copy, from the environment */

/* ---- the signal that toggles, the cycle, the duration ---- */

static void on_toggle(int signo)
{
    const int saved_errno = errno;
    struct pp_rec_header *header = pp_sig_gate == NULL ? NULL : atomic_load(&pp_sig_gate->header);

    (void)signo;
    if (header != NULL) {
        atomic_fetch_add(&pp_session.toggles, 1);
        atomic_fetch_add(&header->command_block.futex, 1);
        pp_sig_futex_wake((void *)&header->command_block.futex);
    }
    errno = saved_errno;
}

static void install_toggle(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_toggle;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    (void)sigfillset(&action.sa_mask);
    (void)pp_real_sigaction(pp_environment.signo, &action, NULL);
    (void)pprofc_pause(NULL); /* the first signal begins */
}

static void set_times(struct pp_session *session)
{
    const struct pp_environment *env = &pp_environment;

    if (env->duration_s > 0)
        session->stop_at_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(env->duration_s * 1e9);
    session->settings.cycle_on_ns = (uint64_t)(env->cycle_on_s * 1e9);
    session->settings.cycle_ns = (uint64_t)(env->cycle_s * 1e9);
    pp_helper_wake(session->header);
}

/* ---- the beginning ---- */

/* A program with the report library serves itself, where it wants to. */
extern int pprofc_http_serve(const char *address, struct pprofc_error *err) __attribute__((weak));

static bool wants_server(void)
{
    return (pp_environment.http[0] != '\0' || pp_environment.history[0] != '\0' ||
            pp_environment.export_to[0] != '\0') &&
           !pp_environment.has_run_id && getpid() == pp_root_pid && pprofc_http_serve == NULL;
}

void pp_autostart_attend(struct pp_session *session)
{
    const struct pp_environment *env = &pp_environment;

    session->on_end = env->has_run_id || !env->is_on ? NULL : pp_result_end;
    pp_session_on_flip =
        session->on_end != NULL && (env->signo != 0 || env->cycle_s > 0) ? pp_result_flip : NULL;
    if (wants_server())
        pp_server_child_want();
}

/* Whether the preload's copy comes after us: its constructor runs later. */
static bool is_preloaded_too(char **variables)
{
    if (getauxval(AT_BASE) == 0) /* a static program has no preloads */
        return false;
    for (; variables != NULL && *variables != NULL; variables++)
        if (strncmp(*variables, "LD_PRELOAD=", 11) == 0 &&
            strstr(*variables, "libpprofc-preload") != NULL)
            return true;
    return false;
}

static void start(void)
{
    struct pprofc_error err = {0, 0, ""};
    int result;

    pp_result_begin();
    pp_modules_begin_at_start = pp_preload_begin != NULL && pp_sig_module_changes == 0;
    result = pprofc_start(NULL, &err);
    pp_modules_begin_at_start = false;
    if (result != 0) { /* there is no recording for the command to read it from */
        pp_result_say_always(err.message);
        return;
    }
    has_started = true;
    pp_autostart_attend(&pp_session);
    set_times(&pp_session);
    if (pp_environment.signo != 0)
        install_toggle();
    else if (!pp_environment.is_on) /* clients begin */
        (void)pprofc_pause(NULL);
}

/* Whether the environment asks for a session: switched on, or to be served. */
static bool is_asked_for(void)
{
    const struct pp_environment *env = &pp_environment;

    return !env->is_secure && !env->is_off && (env->is_on || wants_server());
}

__attribute__((constructor)) static void begin(int argc, char **argv, char **variables)
{
    struct pp_environment *env = &pp_environment;

#ifndef __GLIBC__ /* musl calls constructors without arguments, when environ is set */
    argc = 0;
    argv = NULL;
    variables = environ;
#endif
    pp_root_pid = getpid();
    pp_environment_read(variables);
    if (pp_preload_begin != NULL) {
        if (!pp_preload_begin(argc, argv, variables))
            return;
    } else if ((env->has_wish || env->is_on || env->http[0] != '\0') &&
               (is_preloaded_too(variables) || pp_other_copy() != NULL)) {
        return;
    }
    pprofc_is_switched_on = env->is_on && !env->is_off && !env->is_secure;
    if (is_asked_for()) {
        start();
        return;
    }
    if (env->has_wish && !env->is_secure && !env->is_off && env->n_complaints > 0) {
        pp_result_begin();
        pp_result_say(env->complaints[0]);
    }
    /* A program that calls us may still change its environment before. */
    if (pp_preload_begin == NULL && !env->is_off && !env->is_secure)
        memset(env, 0, sizeof *env);
}

/* ---- the end ---- */

void pp_autostart_keep(struct pp_session *session)
{
    /* Under `pprofc run` the command takes the recording by its name; after PPROFC_DURATION it is
     * written already. */
    if (session->on_end != NULL ||
        (getpid() != pp_root_pid && pp_environment.is_on && !pp_environment.has_run_id))
        pp_result_end(session);
    pp_session_close(!pp_environment.has_run_id);
}

/* Before the library's own end, which leaves no file (capture/session.c). */
__attribute__((destructor)) static void end(void)
{
    /* A signal handler that calls exit() may have come upon a call of ours in its own thread: that
     * one will never give the lock back.  The recording stays in shared memory then. */
    if (!has_started || !pp_session_lock_within(END_TIMEOUT_MS))
        return;
    pp_heap_measure(&pp_session);
    (void)pp_session_stop(NULL);
    if (pp_session.header != NULL)
        pp_autostart_keep(&pp_session);
    pp_session_unlock();
}
