/* The sampler: the helper sleeps for a drawn time, looks which threads have run for half a period
 * and run now, and signals those.
 *
 * Whether a thread runs now takes two looks at its clock (0.4 us each), a moment apart: a runnable
 * thread that waits for a CPU stands where it was preempted, and that is no random place.  On a
 * kernel that preempts lazily it is mostly the return from a system call: with one look 30 to 58 %
 * of the samples of a program lay in a call that took 0.1 % of its time.
 *
 * A signal to a thread that sleeps would end its call with EINTR (2974 of 3000 epoll_waits), so the
 * kernel is asked for its state last (1.2 us).  What is left is a thread that goes to sleep in
 * between.  The value of a sample is the clock's difference, as with every delivery, so looks that
 * come late or too often change no total. */
#include "capture/sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "capture/cpu.h"
#include "capture/threads.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"

enum {
    MOMENT_NS = 30 * 1000, /* between the two looks, waking not counted */
    SLICE_NS = 100 * 1000,
    LATE_NS = 200 * 1000,
    MOST_LATE = 400,                  /* late looks in a row that are left out */
    IDLE_LOOK_NS = 10 * 1000 * 1000,  /* a thread that does nothing is looked at so often */
    IDLE_SLEEP_NS = 40 * 1000 * 1000, /* and a process that does nothing */
    COST_SHARE = 10, /* looking takes at most one part in so many of a CPU: the rate falls, not the
                        program's speed */
};

/* A short slice, so that the helper runs when it wakes (Linux 6.12; else this does nothing). */
static void ask_for_short_slice(void)
{
    struct {
        uint32_t n_bytes, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime_ns, deadline_ns, period_ns;
    } attributes = {0};

    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0 ||
        attributes.policy != SCHED_OTHER)
        return;
    attributes.runtime_ns = SLICE_NS;
    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void pp_sampler_begin(struct pp_session *session)
{
    if (session->sampler.due_ns != 0)
        return;
    ask_for_short_slice();
    session->sampler.due_ns =
        pp_sig_clock_ns(CLOCK_MONOTONIC) + pp_cpu_draw(session, (double)session->period_ns);
}

/* "running" of task/T/syscall; without a descriptor for that, the state letter of task/T/stat. */
static bool is_running(const struct pp_watch *watch, int32_t tid)
{
    char text[256];
    const char *at;
    ssize_t n;
    int fd;

    if (watch->source.fd >= 0)
        return pread(watch->source.fd, text, sizeof text, 0) > 0 && text[0] == 'r';
    (void)snprintf(text, sizeof text, "/proc/self/task/%d/stat", tid);
    fd = open(text, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        (void)close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    at = strrchr(text, ')');
    return at != NULL && at[1] == ' ' && at[2] == 'R';
}

/* Not tgkill: its signal would look like the program's own raise(). */
bool pp_sampler_signal(int32_t tid, uint64_t hint)
{
    siginfo_t info;

    memset(&info, 0, sizeof info);
    info.si_signo = SIGPROF;
    info.si_code = PP_SI_SAMPLER;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = (void *)(uintptr_t)hint;
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, SIGPROF, &info) == 0;
}

static bool call(struct pp_sig_thread *thread, int32_t tid)
{
    atomic_store_explicit(&thread->is_called_upon, 1, memory_order_relaxed);
    return pp_sampler_signal(tid, pp_sig_thread_hint(thread->index));
}

/* A thread whose clock stands still is passed over, the longer the more often, up to IDLE_LOOK_NS.
 */
static void wait_longer(struct pp_session *session, struct pp_watch *watch)
{
    const uint64_t most = IDLE_LOOK_NS / session->period_ns;

    watch->n_idle_looks += watch->n_idle_looks < most;
    watch->n_looks_left_out = watch->n_idle_looks;
}

/* Whether 'due_ns' is long past.  The helper then waited for a CPU, and got it when another thread
 * gave it up: mostly one of the program's, in a system call.  Looks at such times see what follows
 * system calls (58 % instead of 66 on a machine with 10 runnable threads a CPU). */
static bool is_late(const struct pp_sampler *sampler, uint64_t due_ns)
{
    return sampler->n_late < MOST_LATE && pp_sig_clock_ns(CLOCK_MONOTONIC) > due_ns + LATE_NS;
}

static uint64_t not_sampled_ns(const struct pp_sig_thread *thread, uint64_t cpu_ns)
{
    const uint64_t last_ns = atomic_load_explicit(&thread->last_cpu_ns, memory_order_relaxed);

    return cpu_ns > last_ns ? cpu_ns - last_ns : 0;
}

/* One of the threads that have run; any of them with the same chance when there are very many. */
static void add_candidate(struct pp_session *session, struct pp_sig_thread *thread,
                          struct pp_watch *watch)
{
    struct pp_sampler *sampler = &session->sampler;
    uint64_t at = sampler->n_candidates++;

    if (at >= PP_SAMPLER_CANDIDATES)
        at = (uint64_t)(pp_cpu_random_share(session) * (double)sampler->n_candidates);
    if (at < PP_SAMPLER_CANDIDATES)
        sampler->candidates[at] = (struct pp_sampler_candidate){thread, watch};
}

static void look(struct pp_session *session, struct pp_sig_thread *thread, struct pp_watch *watch)
{
    uint64_t cpu_ns;

    if (watch->source.delivery != PP_DELIVERY_SAMPLER)
        return;
    session->sampler.n_threads++;
    if (watch->n_looks_left_out > 0) {
        watch->n_looks_left_out--;
        return;
    }
    cpu_ns = pp_sig_clock_ns(
        pp_sig_thread_clock(atomic_load_explicit(&thread->tid, memory_order_relaxed)));
    if (cpu_ns == watch->looked_at_cpu_ns || cpu_ns == 0) {
        wait_longer(session, watch);
        return;
    }
    watch->looked_at_cpu_ns = cpu_ns;
    watch->n_idle_looks = 0;
    session->sampler.n_running++;
    if (not_sampled_ns(thread, cpu_ns) >= session->period_ns / 2)
        add_candidate(session, thread, watch);
}

/* It ran half the moment at least and can still run: signal it.  One that got a CPU within the
 * moment stands shortly behind the place where it was preempted before. */
static void call_if_running(struct pp_session *session, struct pp_sig_thread *thread,
                            const struct pp_watch *watch, uint64_t moment_ns)
{
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    const uint64_t cpu_ns = pp_sig_clock_ns(pp_sig_thread_clock(tid));

    if (cpu_ns < watch->looked_at_cpu_ns + moment_ns / 2 || !is_running(watch, tid) ||
        call(thread, tid) || errno == ESRCH || session->sampler.has_failed)
        return;
    session->sampler.has_failed = true;
    pp_session_message(session->header,
                       "the sampler's signals are refused (%s): nothing is sampled",
                       strerror(errno));
}

/* False when the moment between the looks was too long for the second one to mean anything. */
static bool look_twice(struct pp_session *session)
{
    const struct timespec moment = {0, MOMENT_NS};
    struct pp_sampler *sampler = &session->sampler;
    uint64_t before_ns, moment_ns;

    sampler->n_threads = sampler->n_running = sampler->n_candidates = 0;
    pp_threads_each(session, look);
    if (sampler->n_candidates == 0)
        return true;
    before_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
    if (is_late(sampler, before_ns + MOMENT_NS))
        return false;
    moment_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) - before_ns;
    for (uint32_t i = 0; i < sampler->n_candidates && i < PP_SAMPLER_CANDIDATES; i++)
        call_if_running(session, sampler->candidates[i].thread, sampler->candidates[i].watch,
                        moment_ns);
    return true;
}

static uint64_t sleep_ns(struct pp_session *session, uint64_t cost_ns)
{
    uint64_t ns = pp_cpu_draw(session, (double)session->period_ns);

    if (session->sampler.n_running == 0)
        session->sampler.n_idle_turns += session->sampler.n_idle_turns < 6;
    else
        session->sampler.n_idle_turns = 0;
    ns <<= session->sampler.n_idle_turns;
    if (session->sampler.n_idle_turns > 0 && ns > IDLE_SLEEP_NS &&
        IDLE_SLEEP_NS > session->period_ns)
        ns = IDLE_SLEEP_NS;
    return ns > cost_ns * COST_SHARE ? ns : cost_ns * COST_SHARE;
}

uint64_t pp_sampler_tend(struct pp_session *session)
{
    struct pp_sampler *sampler = &session->sampler;
    uint64_t cost_ns;

    if (sampler->due_ns == 0 || session->is_paused)
        return UINT64_MAX;
    if (pp_sig_clock_ns(CLOCK_MONOTONIC) < sampler->due_ns)
        return sampler->due_ns;
    cost_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    if (is_late(sampler, sampler->due_ns) || !look_twice(session)) {
        sampler->n_late++;
        sampler->due_ns =
            pp_sig_clock_ns(CLOCK_MONOTONIC) + pp_cpu_draw(session, (double)session->period_ns / 2);
        return sampler->due_ns;
    }
    sampler->n_late = 0;
    if (sampler->n_threads == 0) {
        sampler->due_ns = 0;
        return UINT64_MAX;
    }
    cost_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cost_ns;
    /* From when it was due: else each look would be late by what waking takes. */
    sampler->due_ns += sleep_ns(session, cost_ns);
    return sampler->due_ns;
}
