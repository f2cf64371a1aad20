/* What makes a thread's samples come: perf events, CPU timers, or the helper's own looks. */
#include "capture/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sigsafe/clock.h"

/* The field of SIGEV_THREAD_ID, by the name of its manual page: glibc of Debian 12 has no such. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* linux/perf_event.h of Debian 12 has these; older headers name them not. */
#ifndef PERF_ATTR_SIZE_VER7
#define PERF_ATTR_SIZE_VER7 128
#endif

/* Descriptors that the helper needs besides: to read /proc and to make the recording larger. */
enum { N_KEPT_FREE = 6 };

enum { ONCE_NS = 20 * 1000 }; /* of CPU time until the signal that comes once */

/* The descriptor 'fd', or -EMFILE and closed when it is one of the last: the limit holds for the
 * helper's own table too. */
static int unless_among_the_last(int fd)
{
    struct rlimit limit;

    if (fd < 0)
        return -errno;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || (rlim_t)fd + N_KEPT_FREE < limit.rlim_cur)
        return fd;
    (void)close(fd);
    return -EMFILE;
}

static int perf_open(enum pp_rec_delivery delivery, int32_t tid, uint64_t hint, uint64_t period_ns)
{
    struct perf_event_attr attr;

    memset(&attr, 0, sizeof attr);
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_CPU_CLOCK;
    attr.sample_period = period_ns;
    attr.exclude_kernel = 1; /* a kernel-inclusive trap during exec kills the new image */
    attr.exclude_hv = 1;
    attr.disabled = 1;
    if (delivery == PP_DELIVERY_PERF_TRAP) {
        attr.sigtrap = 1;
        attr.remove_on_exec = 1; /* sigtrap asks for it */
        attr.sig_data = hint;
    }
    return unless_among_the_last(
        (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC));
}

static int send_signals_to(int fd, int32_t tid)
{
    struct f_owner_ex owner = {F_OWNER_TID, tid};

    if (fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC) != 0 || fcntl(fd, F_SETSIG, SIGPROF) != 0 ||
        fcntl(fd, F_SETOWN_EX, &owner) != 0)
        return -errno;
    return 0;
}

static int timer_open(struct pp_source *source, int32_t tid, uint64_t hint)
{
    struct sigevent event;
    int timer = -1;

    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGPROF;
    event.sigev_value.sival_ptr = (void *)(uintptr_t)hint;
    event.sigev_notify_thread_id = tid;
    /* The raw call: libc's wrapper takes a clock of this thread or of the process only. */
    if (syscall(SYS_timer_create, pp_sig_thread_clock(tid), &event, &timer) != 0)
        return -errno;
    source->timer = timer;
    return 0;
}

/* Kept open: 1.2 us a look at a thread that runs, 7.3 when it is opened each time; stat takes 3.9
 * and 10.4.  Without a descriptor to spare the sampler opens it for each look. */
static int state_open(struct pp_source *source, int32_t tid)
{
    char path[64];

    if (syscall(SYS_tgkill, getpid(), tid, 0) != 0)
        return -errno;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
    source->fd = unless_among_the_last(open(path, O_RDONLY | O_CLOEXEC));
    return 0;
}

int pp_source_open(struct pp_source *source, enum pp_rec_delivery delivery, int32_t tid,
                   uint64_t hint, uint64_t period_ns)
{
    int result = -EINVAL;

    *source = (struct pp_source){delivery, -1, -1, period_ns};
    if (delivery == PP_DELIVERY_SAMPLER) {
        result = state_open(source, tid);
    } else if (delivery == PP_DELIVERY_CPU_TIMER) {
        result = timer_open(source, tid, hint);
    } else if (delivery == PP_DELIVERY_PERF_TRAP || delivery == PP_DELIVERY_PERF_SIGNAL) {
        source->fd = perf_open(delivery, tid, hint, period_ns);
        result = source->fd < 0 ? source->fd : 0;
        if (result == 0 && delivery == PP_DELIVERY_PERF_SIGNAL)
            result = send_signals_to(source->fd, tid);
    }
    if (result == 0)
        result = pp_source_enable(source, true);
    if (result != 0)
        pp_source_close(source);
    return result;
}

/* The event that has fired disables itself. */
int pp_source_open_once(struct pp_source *source, enum pp_rec_delivery delivery, int32_t tid,
                        uint64_t hint)
{
    int result;

    *source = (struct pp_source){delivery, -1, -1, ONCE_NS};
    source->fd = perf_open(delivery, tid, hint, ONCE_NS);
    result = source->fd < 0 ? source->fd : 0;
    if (result == 0 && delivery == PP_DELIVERY_PERF_SIGNAL)
        result = send_signals_to(source->fd, tid);
    if (result == 0 && ioctl(source->fd, PERF_EVENT_IOC_REFRESH, 1) != 0)
        result = -errno;
    if (result != 0)
        pp_source_close(source);
    return result;
}

static int timer_set(struct pp_source *source, uint64_t period_ns)
{
    struct itimerspec times;

    times.it_interval.tv_sec = (time_t)(period_ns / 1000000000);
    times.it_interval.tv_nsec = (long)(period_ns % 1000000000);
    times.it_value = times.it_interval;
    return syscall(SYS_timer_settime, source->timer, 0, &times, NULL) == 0 ? 0 : -errno;
}

static bool is_perf(const struct pp_source *source)
{
    return source->delivery == PP_DELIVERY_PERF_TRAP || source->delivery == PP_DELIVERY_PERF_SIGNAL;
}

int pp_source_set_period(struct pp_source *source, uint64_t period_ns)
{
    source->period_ns = period_ns;
    if (is_perf(source))
        return ioctl(source->fd, PERF_EVENT_IOC_PERIOD, &period_ns) == 0 ? 0 : -errno;
    if (source->timer >= 0)
        return timer_set(source, period_ns);
    return 0;
}

int pp_source_enable(struct pp_source *source, bool enabled)
{
    if (is_perf(source))
        return ioctl(source->fd, enabled ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0) == 0
                   ? 0
                   : -errno;
    if (source->timer >= 0)
        return timer_set(source, enabled ? source->period_ns : 0);
    return 0;
}

void pp_source_close(struct pp_source *source)
{
    /* A thread that ended before the helper came has a watch that is all zero: descriptor 0 and
     * timer 0 are somebody else's. */
    if (source->delivery == PP_DELIVERY_NONE)
        return;
    if (source->fd >= 0)
        (void)close(source->fd);
    if (source->timer >= 0)
        (void)syscall(SYS_timer_delete, source->timer);
    *source = (struct pp_source){PP_DELIVERY_NONE, -1, -1, 0};
}

uint32_t pp_kernel_tick_hz(void)
{
    struct timespec tick;

    /* The coarse clock moves once a tick. */
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0 || tick.tv_nsec <= 0)
        return 100;
    return (uint32_t)((1000000000 + tick.tv_nsec / 2) / tick.tv_nsec);
}

const char *pp_delivery_name(enum pp_rec_delivery delivery)
{
    switch (delivery) {
    case PP_DELIVERY_PERF_TRAP:
        return "perf-sigtrap";
    case PP_DELIVERY_PERF_SIGNAL:
        return "perf-signal";
    case PP_DELIVERY_CPU_TIMER:
        return "cpu-timer";
    case PP_DELIVERY_SAMPLER:
        return "sampler";
    case PP_DELIVERY_TEST:
        return "test";
    case PP_DELIVERY_NONE:
        break;
    }
    return "none";
}

int pp_delivery_signal(enum pp_rec_delivery delivery)
{
    return delivery == PP_DELIVERY_PERF_TRAP ? SIGTRAP : SIGPROF;
}

enum pp_rec_delivery pp_delivery_next(enum pp_rec_delivery delivery)
{
    switch (delivery) {
    case PP_DELIVERY_PERF_TRAP:
    case PP_DELIVERY_PERF_SIGNAL:
        return PP_DELIVERY_CPU_TIMER;
    case PP_DELIVERY_CPU_TIMER:
        return PP_DELIVERY_SAMPLER;
    default:
        return PP_DELIVERY_NONE;
    }
}
