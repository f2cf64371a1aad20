/* Waiting until no handler can hold what is to be taken away. */
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "capture/session.h"
#include "sigsafe/threads.h"

enum { PAUSE_TURNS = 200 };

static void wait_for_thread(struct pp_sig_thread *thread)
{
    const uint32_t n_exits = atomic_load_explicit(&thread->n_exits, memory_order_acquire);

    for (uint32_t turn = 0; atomic_load_explicit(&thread->busy, memory_order_seq_cst) != 0 &&
                            atomic_load_explicit(&thread->n_exits, memory_order_acquire) == n_exits;
         turn++) {
        const struct timespec pause = {0, 50000};
        /* A handler that was preempted: let it run.  A thread that died within one (a kill, an
         * exec) would be waited for in vain. */
        if (turn < PAUSE_TURNS)
            (void)sched_yield();
        else if (turn < 2 * PAUSE_TURNS)
            (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        else if (syscall(SYS_tgkill, getpid(),
                         atomic_load_explicit(&thread->tid, memory_order_relaxed), 0) != 0)
            return;
        else
            (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
}

void pp_wait_for_handlers(void *unused)
{
    const uint32_t n = pp_sig_thread_count();

    (void)unused;
    atomic_thread_fence(memory_order_seq_cst);
    for (uint32_t i = 0; i < n; i++) {
        struct pp_sig_thread *thread = pp_sig_thread_at(i);
        if (thread != NULL && atomic_load_explicit(&thread->busy, memory_order_seq_cst) != 0)
            wait_for_thread(thread);
    }
}
