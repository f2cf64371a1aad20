/* Hooks of calls that wait for time, signals, other threads and processes. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#include "capture/hook_waits.h"

#define NOTHING (-1)
#define EPOLL PP_DESCRIPTOR_KNOWN(PP_DESCRIPTOR_EPOLL)

/* ---- any of several descriptors ---- */

#define POLL(name, descriptor, parameters, arguments) \
    PP_HOOK_WAIT(int, name, PP_WAIT_POLL, descriptor, parameters, arguments)
/* Of a single one it is known what it is. */
#define ONLY(polled, n_polled) ((n_polled) == 1 ? (polled)[0].fd : NOTHING)

POLL(poll, ONLY(polled, n_polled), (struct pollfd * polled, nfds_t n_polled, int timeout_ms),
     (polled, n_polled, timeout_ms))
POLL(ppoll, ONLY(polled, n_polled),
     (struct pollfd * polled, nfds_t n_polled, const struct timespec *timeout,
      const sigset_t *mask),
     (polled, n_polled, timeout, mask))
POLL(__poll_chk, ONLY(polled, n_polled),
     (struct pollfd * polled, nfds_t n_polled, int timeout_ms, size_t room),
     (polled, n_polled, timeout_ms, room))
POLL(__ppoll_chk, ONLY(polled, n_polled),
     (struct pollfd * polled, nfds_t n_polled, const struct timespec *timeout, const sigset_t *mask,
      size_t room),
     (polled, n_polled, timeout, mask, room))
POLL(select, NOTHING,
     (int n, fd_set *to_read, fd_set *to_write, fd_set *others, struct timeval *timeout),
     (n, to_read, to_write, others, timeout))
POLL(pselect, NOTHING,
     (int n, fd_set *to_read, fd_set *to_write, fd_set *others, const struct timespec *timeout,
      const sigset_t *mask),
     (n, to_read, to_write, others, timeout, mask))
POLL(epoll_wait, EPOLL, (int epoll, struct epoll_event *events, int n_events, int timeout_ms),
     (epoll, events, n_events, timeout_ms))
POLL(epoll_pwait, EPOLL,
     (int epoll, struct epoll_event *events, int n_events, int timeout_ms, const sigset_t *mask),
     (epoll, events, n_events, timeout_ms, mask))
POLL(epoll_pwait2, EPOLL,
     (int epoll, struct epoll_event *events, int n_events, const struct timespec *timeout,
      const sigset_t *mask),
     (epoll, events, n_events, timeout, mask))

/* ---- time and signals ---- */

#define SLEEP(type, name, parameters, arguments) \
    PP_HOOK_WAIT(type, name, PP_WAIT_SLEEP, NOTHING, parameters, arguments)

SLEEP(int, nanosleep, (const struct timespec *time, struct timespec *left), (time, left))
SLEEP(int, clock_nanosleep,
      (clockid_t clock, int flags, const struct timespec *time, struct timespec *left),
      (clock, flags, time, left))
SLEEP(int, usleep, (useconds_t time_us), (time_us))
SLEEP(unsigned, sleep, (unsigned time_s), (time_s))
SLEEP(int, thrd_sleep, (const struct timespec *time, struct timespec *left), (time, left))
SLEEP(int, sigsuspend, (const sigset_t *mask), (mask))
SLEEP(int, sigwait, (const sigset_t *signals, int *signo), (signals, signo))
SLEEP(int, sigwaitinfo, (const sigset_t *signals, siginfo_t *info), (signals, info))
SLEEP(int, sigtimedwait, (const sigset_t *signals, siginfo_t *info, const struct timespec *timeout),
      (signals, info, timeout))
SLEEP(int, pause, (void), ())

/* ---- children ---- */

#define CHILD(type, name, parameters, arguments) \
    PP_HOOK_WAIT(type, name, PP_WAIT_CHILD, NOTHING, parameters, arguments)

CHILD(pid_t, wait, (int *status), (status))
CHILD(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))
CHILD(pid_t, wait3, (int *status, int options, struct rusage *usage), (status, options, usage))
CHILD(pid_t, wait4, (pid_t pid, int *status, int options, struct rusage *usage),
      (pid, status, options, usage))
CHILD(int, waitid, (idtype_t kind, id_t id, siginfo_t *info, int options),
      (kind, id, info, options))

/* ---- threads ---- */

#define THREAD(name, parameters, arguments) \
    PP_HOOK_WAIT(int, name, PP_WAIT_FUTEX, NOTHING, parameters, arguments)

THREAD(pthread_join, (pthread_t thread, void **result_out), (thread, result_out))
THREAD(pthread_timedjoin_np, (pthread_t thread, void **result_out, const struct timespec *until),
       (thread, result_out, until))
THREAD(pthread_clockjoin_np,
       (pthread_t thread, void **result_out, clockid_t clock, const struct timespec *until),
       (thread, result_out, clock, until))
THREAD(thrd_join, (thrd_t thread, int *result_out), (thread, result_out))
PP_HOOK_WAIT(int, pthread_barrier_wait, PP_WAIT_CONDITION, NOTHING, (pthread_barrier_t * barrier),
             (barrier))

/* System V semaphores, whose numbers are no addresses: no locks to us. */
PP_HOOK_WAIT(int, semop, PP_WAIT_MUTEX, NOTHING, (int set, struct sembuf *changes, size_t n),
             (set, changes, n))
PP_HOOK_WAIT(int, semtimedop, PP_WAIT_MUTEX, NOTHING,
             (int set, struct sembuf *changes, size_t n, const struct timespec *timeout),
             (set, changes, n, timeout))
