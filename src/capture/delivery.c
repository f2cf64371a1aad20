/* What makes a thread's samples come: perf events or CPU timers. */
#include "capture/delivery.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "sigsafe/clock.h"

/* linux/perf_event.h of Debian 12 has these; older headers name them not. */
#ifndef PERF_ATTR_SIZE_VER7
#define PERF_ATTR_SIZE_VER7 128
#endif

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
    return (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
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
    event._sigev_un._tid = tid;
    /* The raw call: libc's wrapper takes a clock of this thread or of the process only. */
    if (syscall(SYS_timer_create, pp_sig_thread_clock(tid), &event, &timer) != 0)
        return -errno;
    source->timer = timer;
    return 0;
}

int pp_source_open(struct pp_source *source, enum pp_rec_delivery delivery, int32_t tid,
                   uint64_t hint, uint64_t period_ns)
{
    int result = 0;

    *source = (struct pp_source){delivery, -1, -1, period_ns};
    if (delivery == PP_DELIVERY_CPU_TIMER) {
        result = timer_open(source, tid, hint);
    } else if (delivery == PP_DELIVERY_PERF_TRAP || delivery == PP_DELIVERY_PERF_SIGNAL) {
        source->fd = perf_open(delivery, tid, hint, period_ns);
        result = source->fd < 0 ? -errno : 0;
        if (result == 0 && delivery == PP_DELIVERY_PERF_SIGNAL)
            result = send_signals_to(source->fd, tid);
    }
    if (result == 0)
        result = pp_source_enable(source, true);
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

int pp_source_set_period(struct pp_source *source, uint64_t period_ns)
{
    source->period_ns = period_ns;
    if (source->fd >= 0)
        return ioctl(source->fd, PERF_EVENT_IOC_PERIOD, &period_ns) == 0 ? 0 : -errno;
    if (source->timer >= 0)
        return timer_set(source, period_ns);
    return 0;
}

int pp_source_enable(struct pp_source *source, bool enabled)
{
    if (source->fd >= 0)
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

static bool kernel_is_at_least(int major, int minor)
{
    struct utsname name;
    int has_major = 0, has_minor = 0;

    if (uname(&name) != 0 || sscanf(name.release, "%d.%d", &has_major, &has_minor) != 2)
        return false;
    return has_major > major || (has_major == major && has_minor >= minor);
}

static int number_in_file(const char *path, const char *key)
{
    char text[4096];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    const char *at;

    if (fd >= 0)
        (void)close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    at = key == NULL ? text : strstr(text, key);
    return at == NULL ? -1 : atoi(at + (key == NULL ? 0 : strlen(key)));
}

static int try_open(enum pp_rec_delivery delivery)
{
    const int fd = perf_open(delivery, 0, 0, 1000000000);

    if (fd < 0)
        return -errno;
    (void)close(fd);
    return 0;
}

static void explain_refusal(int error, double rate_hz, char *reason, uint32_t n)
{
    const int paranoid = number_in_file("/proc/sys/kernel/perf_event_paranoid", NULL);
    const uint32_t tick_hz = pp_kernel_tick_hz();
    const bool is_capped = rate_hz > tick_hz;

    if ((error == EACCES || error == EPERM) && paranoid > 2)
        (void)snprintf(
            reason, n,
            "perf events refused (perf_event_paranoid=%d); using CPU timers, at most %u Hz "
            "here%s. For more: sysctl kernel.perf_event_paranoid=2",
            paranoid, tick_hz, is_capped ? ", not the rate asked for" : "");
    else
        (void)snprintf(
            reason, n,
            "perf events refused (%s, perhaps a seccomp filter); using CPU timers, at most %u Hz here%s",
            strerror(error), tick_hz, is_capped ? ", not the rate asked for" : "");
}

enum pp_rec_delivery pp_delivery_choose(const char *forced, double rate_hz, char *reason,
                                        uint32_t n)
{
    int result;

    reason[0] = '\0';
    for (int d = PP_DELIVERY_PERF_TRAP; forced != NULL && d <= PP_DELIVERY_TEST; d++)
        if (strcmp(forced, pp_delivery_name((enum pp_rec_delivery)d)) == 0)
            return (enum pp_rec_delivery)d;
    result = try_open(PP_DELIVERY_PERF_SIGNAL);
    if (result != 0) {
        explain_refusal(-result, rate_hz, reason, n);
        return PP_DELIVERY_CPU_TIMER;
    }
    /* Up to about 5.17 a perf trap kills a thread that blocks SIGTRAP. */
    if (!kernel_is_at_least(5, 18) || try_open(PP_DELIVERY_PERF_TRAP) != 0) {
        (void)snprintf(reason, n,
                       "perf traps want Linux 5.18; using perf signals, which cost more");
        return PP_DELIVERY_PERF_SIGNAL;
    }
    if (number_in_file("/proc/self/status", "TracerPid:\t") > 0) {
        (void)snprintf(reason, n, "a debugger is attached and owns SIGTRAP; using perf signals");
        return PP_DELIVERY_PERF_SIGNAL;
    }
    return PP_DELIVERY_PERF_TRAP;
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
