/* Waiting until no handler can hold what is to be taken away. */
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "capture/session.h"
#include "sigsafe/heap.h"
#include "sigsafe/threads.h"

enum { PAUSE_TURNS = 200, MAX_AWAITED = 64, MAX_HEAP_TURNS = PAUSE_TURNS + 40000 /* 2 s */ };

static void wait_for_thread(struct pp_sig_thread *thread, uint32_t n_exits)
{
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

/* A thread within malloc or free is there for microseconds, unless a signal handler of the
 * program's has left it by longjmp(): what it held nobody holds any more. */
static void wait_for_heap(struct pp_sig_thread *thread)
{
    const uint32_t n_exits = atomic_load_explicit(&thread->n_heap_exits, memory_order_acquire);
    const struct timespec pause = {0, 50000};
    struct pp_sig_heap_thread *own;

    for (uint32_t turn = 0; turn < MAX_HEAP_TURNS; turn++) {
        if (atomic_load_explicit(&thread->heap_busy, memory_order_seq_cst) == 0 ||
            atomic_load_explicit(&thread->n_heap_exits, memory_order_acquire) != n_exits ||
            (turn % PAUSE_TURNS == PAUSE_TURNS - 1 &&
             syscall(SYS_tgkill, getpid(), atomic_load_explicit(&thread->tid, memory_order_relaxed),
                     0) != 0))
            return;
        if (turn < PAUSE_TURNS)
            (void)sched_yield();
        else
            (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    }
    atomic_store(&thread->heap_busy, 0);
    for (uint32_t i = 0; (own = pp_sig_heap_thread_at(i)) != NULL; i++)
        if (own->thread == thread)
            own->busy = 0;
}

/* All that are busy now are waited for at once: where hundreds of threads want a CPU each turn of
 * ours comes after theirs, and in one round of turns all those leave; one after the other, threads
 * that enter meanwhile would cost a round each. */
void pp_wait_for_handlers(void *unused)
{
    struct {
        struct pp_sig_thread *thread;
        uint32_t n_exits;
    } awaited[MAX_AWAITED];
    const uint32_t n = pp_sig_thread_count();
    uint32_t n_awaited = 0;

    (void)unused;
    atomic_thread_fence(memory_order_seq_cst);
    for (uint32_t i = 0; i < n; i++) {
        struct pp_sig_thread *thread = pp_sig_thread_at(i);
        if (thread != NULL && atomic_load_explicit(&thread->busy, memory_order_seq_cst) != 0) {
            awaited[n_awaited].thread = thread;
            awaited[n_awaited++].n_exits =
                atomic_load_explicit(&thread->n_exits, memory_order_acquire);
        }
        if (thread != NULL && atomic_load_explicit(&thread->heap_busy, memory_order_seq_cst) != 0)
            wait_for_heap(thread);
        if (n_awaited == MAX_AWAITED || i + 1 == n) {
            while (n_awaited > 0) {
                n_awaited--;
                wait_for_thread(awaited[n_awaited].thread, awaited[n_awaited].n_exits);
            }
        }
    }
}
