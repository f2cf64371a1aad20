/* Interposed: unshare and setns.  The kernel lets only a process of one thread enter a user
 * namespace, and only one whose threads share no current folder enter another mount namespace: our
 * helper must not be that second thread.  The session ends before the call, and another begins
 * after it. */
#include <errno.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "capture/autostart.h"
#include "capture/preload.h"
#include "capture/session.h"
#include "sigsafe/clock.h"

#pragma GCC visibility push(default)
int unshare(int flags);
int setns(int fd, int kind);
#pragma GCC visibility pop

enum { GONE_TIMEOUT_MS = 200 };

static int (*next_unshare)(int);
static int (*next_setns)(int, int);

__attribute__((constructor(101))) static void resolve(void)
{
    if (next_unshare != NULL)
        return;
    next_setns = (int (*)(int, int))(uintptr_t)pp_preload_next("setns");
    next_unshare = (int (*)(int))(uintptr_t)pp_preload_next("unshare");
}

/* What goes on after the call. */
struct before {
    bool did_run, was_paused;
    struct pp_settings settings;
    uint64_t stop_at_ns;
    uint64_t give_up_ns; /* trying again */
};

static void end_session(struct before *before)
{
    before->did_run = false;
    before->give_up_ns = 0;
    pp_session_lock();
    if (pp_session.header == NULL || !pp_session_runs() ||
        pp_session.header->pid != getpid()) /* after vfork() it is the parent's */
        return;
    before->did_run = true;
    before->was_paused = pp_session.is_paused_by_program;
    before->settings = pp_session.settings;
    before->stop_at_ns = pp_session.stop_at_ns;
    (void)pp_session_stop(NULL);
    pp_autostart_keep(&pp_session);
    before->give_up_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) + GONE_TIMEOUT_MS * 1000000ull;
}

/* A joined thread is still counted for a moment. */
static bool should_try_again(const struct before *before)
{
    const struct timespec moment = {0, 500 * 1000};

    if (errno != EINVAL || before->give_up_ns == 0 ||
        pp_sig_clock_ns(CLOCK_MONOTONIC) >= before->give_up_ns)
        return false;
    (void)nanosleep(&moment, NULL);
    errno = EINVAL;
    return true;
}

static void begin_session(const struct before *before)
{
    const int saved_errno = errno;

    if (before->did_run && !atomic_load(&pp_session_is_banned) &&
        pp_session_start(&before->settings, NULL) == 0) {
        pp_autostart_attend(&pp_session);
        pp_session.stop_at_ns = before->stop_at_ns;
        if (before->was_paused)
            (void)pp_session_request(PP_REQUEST_PAUSE, 0, NULL);
        else
            pp_helper_wake(pp_session.header);
    }
    pp_session_unlock();
    errno = saved_errno;
}

int unshare(int flags)
{
    struct before before;
    int result;

    resolve();
    if ((flags & (CLONE_NEWUSER | CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)) == 0)
        return next_unshare(flags);
    end_session(&before);
    do
        result = next_unshare(flags);
    while (result != 0 && should_try_again(&before));
    begin_session(&before);
    return result;
}

int setns(int fd, int kind)
{
    struct before before;
    int result;

    resolve();
    if (kind != 0 && (kind & (CLONE_NEWUSER | CLONE_NEWNS)) == 0)
        return next_setns(fd, kind);
    end_session(&before);
    do
        result = next_setns(fd, kind);
    while (result != 0 && should_try_again(&before));
    begin_session(&before);
    return result;
}
