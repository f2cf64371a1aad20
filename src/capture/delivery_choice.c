/* Which delivery this process may have: perf traps, perf signals, CPU timers or the sampler, and
 * why not a better one. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "capture/delivery.h"
#include "capture/proc_file.h"
#include "capture/session.h"
#include "sigsafe/syscall.h"
#include "sigsafe/threads.h"

enum { SECCOMP_FILTERED = 2 }; /* "Seccomp:" of /proc/self/status */

/* ---- what can be read of the system ---- */

/* The number behind 'key' in a file, or -1. */
static int number_in_file(const char *path, const char *key)
{
    char text[4096];
    const char *at;

    if (pp_proc_read(path, text, sizeof text) <= 0)
        return -1;
    at = strstr(text, key);
    return at == NULL ? -1 : atoi(at + strlen(key));
}

int32_t pp_delivery_tracer(void)
{
    const int tracer = number_in_file("/proc/self/status", "TracerPid:\t");

    return tracer > 0 ? tracer : 0;
}

/* Not uname() first: under `setarch --uname-2.6` it says 2.6.  What cannot be read counts as old,
 * which is slower and never wrong. */
bool pp_kernel_is_at_least(const char *pretended, int major, int minor)
{
    struct utsname name;
    char release[128];
    int has_major = 0, has_minor = 0;

    if (pretended[0] != '\0')
        (void)snprintf(release, sizeof release, "%s", pretended);
    else if (pp_proc_read("/proc/sys/kernel/osrelease", release, sizeof release) <= 0)
        (void)snprintf(release, sizeof release, "%s", uname(&name) == 0 ? name.release : "");
    if (sscanf(release, "%d.%d", &has_major, &has_minor) != 2)
        return false;
    return has_major > major || (has_major == major && has_minor >= minor);
}

/* 0, or the negative errno with which the kernel refuses 'delivery' to the calling thread. */
static int try_delivery(enum pp_rec_delivery delivery)
{
    struct pp_source source;
    const int result = pp_source_open(&source, delivery, pp_sig_gettid(),
                                      pp_sig_thread_hint(PP_HINT_LOOK_UP), 1000000000);

    if (result == 0)
        pp_source_close(&source);
    return result;
}

/* ---- words for it ---- */

/* What keeps perf events from us: a sysctl of Debian's and others' kernels, or a container's
 * filter. */
static void explain_refusal(int error, char *text, size_t capacity, const char **advice_out)
{
    const int paranoid = number_in_file("/proc/sys/kernel/perf_event_paranoid", "");
    const bool is_filtered = number_in_file("/proc/self/status", "Seccomp:\t") == SECCOMP_FILTERED;

    *advice_out = "";
    if (error == ENOSYS && !is_filtered) {
        (void)snprintf(text, capacity, "the kernel has none");
    } else if (paranoid > 2 && (error == EACCES || error == EPERM)) {
        (void)snprintf(text, capacity, "perf_event_paranoid=%d%s", paranoid,
                       is_filtered ? ", and a seccomp filter" : "");
        *advice_out = ". For more: sysctl kernel.perf_event_paranoid=2";
    } else if (is_filtered) {
        (void)snprintf(text, capacity, "%s by a seccomp filter", strerror(error));
        *advice_out = ". For more: allow perf_event_open there";
    } else {
        (void)snprintf(text, capacity, "%s", strerror(error));
    }
}

static enum pp_rec_delivery choose_without_perf(int perf_error, double rate_hz, char *reason,
                                                uint32_t n)
{
    const uint32_t tick_hz = pp_kernel_tick_hz();
    const int timer_error = -try_delivery(PP_DELIVERY_CPU_TIMER);
    const bool has_timers = timer_error == 0 || timer_error == EAGAIN;
    char cause[80];
    const char *advice;

    explain_refusal(perf_error, cause, sizeof cause, &advice);
    if (has_timers && rate_hz <= tick_hz) {
        (void)snprintf(reason, n,
                       "perf events refused (%s); using CPU timers, at most %u Hz here%s", cause,
                       tick_hz, advice);
        return PP_DELIVERY_CPU_TIMER;
    }
    if (has_timers)
        (void)snprintf(
            reason, n,
            "perf events refused (%s); using the sampler: CPU timers give at most %u Hz%s", cause,
            tick_hz, advice);
    else
        (void)snprintf(reason, n, "perf events refused (%s), CPU timers too; using the sampler%s",
                       cause, advice);
    return PP_DELIVERY_SAMPLER;
}

/* ---- the choice ---- */

enum pp_rec_delivery pp_delivery_choose(const struct pp_delivery_wish *wish, char *reason,
                                        uint32_t n)
{
    int result;

    reason[0] = '\0';
    for (int d = PP_DELIVERY_PERF_TRAP; wish->forced[0] != '\0' && d <= PP_DELIVERY_SAMPLER; d++)
        if (strcmp(wish->forced, pp_delivery_name((enum pp_rec_delivery)d)) == 0)
            return (enum pp_rec_delivery)d;
    result = try_delivery(PP_DELIVERY_PERF_SIGNAL);
    if (result != 0 && result != -EMFILE)
        return choose_without_perf(-result, wish->rate_hz, reason, n);
    /* Up to about 5.17 a perf trap kills a thread that blocks SIGTRAP. */
    if (!pp_kernel_is_at_least(wish->kernel, 5, 18) || try_delivery(PP_DELIVERY_PERF_TRAP) != 0) {
        (void)snprintf(reason, n,
                       "perf traps want Linux 5.18; using perf signals, which cost more");
        return PP_DELIVERY_PERF_SIGNAL;
    }
    if (pp_delivery_tracer() != 0) {
        (void)snprintf(reason, n, "a debugger is attached and owns SIGTRAP; using perf signals");
        return PP_DELIVERY_PERF_SIGNAL;
    }
    if (pp_signal_is_foreign(SIGTRAP) && !pp_signal_is_foreign(SIGPROF)) {
        (void)snprintf(reason, n, "the program owns SIGTRAP; using perf signals, which cost more");
        return PP_DELIVERY_PERF_SIGNAL;
    }
    return PP_DELIVERY_PERF_TRAP;
}
