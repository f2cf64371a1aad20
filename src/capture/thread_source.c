/* A thread's source of samples: the best one that it can get, and what is said when that is not the
 * best of all. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "capture/cpu.h"
#include "capture/sampler.h"
#include "capture/threads.h"

static uint64_t limit_of(int resource)
{
    struct rlimit limit;

    return getrlimit(resource, &limit) == 0 ? (uint64_t)limit.rlim_cur : 0;
}

/* Once for each kind: what, why, what to do. */
static void say_fallback(struct pp_session *session, enum pp_rec_delivery wanted, int error)
{
    if ((session->said_fallbacks >> wanted & 1) != 0)
        return;
    session->said_fallbacks |= 1u << wanted;
    if (wanted == PP_DELIVERY_CPU_TIMER && error == EAGAIN)
        pp_session_message(session->header,
                           "no CPU timer left for some threads (RLIMIT_SIGPENDING is %llu); the "
                           "sampler looks at those. For more: ulimit -i",
                           (unsigned long long)limit_of(RLIMIT_SIGPENDING));
    else if (wanted == PP_DELIVERY_CPU_TIMER)
        pp_session_message(session->header,
                           "no CPU timer for some threads (%s); the sampler looks "
                           "at those",
                           strerror(error));
    else if (error == EMFILE)
        pp_session_message(session->header,
                           "no descriptor left for some threads' perf events (RLIMIT_NOFILE is "
                           "%llu); those have CPU timers, at most %u Hz. For more: ulimit -n",
                           (unsigned long long)limit_of(RLIMIT_NOFILE), pp_kernel_tick_hz());
    else
        pp_session_message(session->header,
                           "no perf event for some threads (%s); those have CPU timers, at most %u "
                           "Hz",
                           strerror(error), pp_kernel_tick_hz());
}

int pp_thread_open_source(struct pp_session *session, struct pp_sig_thread *thread,
                          struct pp_watch *watch, enum pp_rec_delivery delivery)
{
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    int result = -EINVAL;

    while (delivery != PP_DELIVERY_NONE) {
        /* The handler first: the first signal would meet the default action. */
        result = pp_signal_install(pp_delivery_signal(delivery));
        if (result == 0)
            result =
                pp_source_open(&watch->source, delivery, tid, pp_sig_thread_hint(thread->index),
                               pp_cpu_draw_period(session, watch));
        if (result == 0 || result == -ESRCH)
            break;
        say_fallback(session, delivery, -result);
        delivery = pp_delivery_next(delivery);
    }
    if (result == 0 && delivery == PP_DELIVERY_SAMPLER)
        pp_sampler_begin(session);
    return result;
}

void pp_thread_change_source(struct pp_session *session, struct pp_sig_thread *thread,
                             struct pp_watch *watch, enum pp_rec_delivery delivery)
{
    if (watch->source.delivery == PP_DELIVERY_NONE)
        return;
    pp_source_close(&watch->source);
    (void)pp_thread_open_source(session, thread, watch, delivery);
}
