/* What any profiler with our delivery pays: a perf trap event at a fixed period, held by the thread
 * itself, and a handler that reads the thread's clock and returns. */
#ifndef BENCH_EMPTY_HANDLER_H
#define BENCH_EMPTY_HANDLER_H

#include <errno.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../tests/programs/truth.h"

static volatile long bench_n_empty;
static volatile uint64_t bench_last_ns;

static inline void bench_give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

static inline void bench_on_empty(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info, (void)context;
    bench_last_ns = truth_thread_ns();
    bench_n_empty = bench_n_empty + 1;
}

static inline void bench_install_empty_handler(void)
{
    struct sigaction action = {.sa_sigaction = bench_on_empty, .sa_flags = SA_SIGINFO | SA_RESTART};

    if (sigaction(SIGTRAP, &action, NULL) != 0)
        bench_give_up("sigaction", strerror(errno));
}

/* The delivery that capture uses, of this thread: off until enabled. */
static inline int bench_open_event(double rate_hz, uint64_t hint)
{
    struct perf_event_attr attr;

    memset(&attr, 0, sizeof attr);
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_CPU_CLOCK;
    attr.sample_period = (uint64_t)(1e9 / rate_hz);
    attr.exclude_kernel = 1;
    attr.sigtrap = 1;
    attr.remove_on_exec = 1;
    attr.disabled = 1;
    attr.sig_data = hint;
    const int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        bench_give_up("perf_event_open", strerror(errno));
    return fd;
}

static inline void bench_switch_event(int fd, bool on)
{
    if (ioctl(fd, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE, 0) != 0)
        bench_give_up("perf ioctl", strerror(errno));
}

#endif
