/* fork(): the child goes on in a session of its own; what belonged to the parent is not touched. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "capture/heap.h"
#include "capture/labels.h"
#include "capture/own_memory.h"
#include "capture/session.h"
#include "capture/spans.h"
#include "capture/threads.h"
#include "sigsafe/handler.h"
#include "sigsafe/locks.h"
#include "sigsafe/scratch.h"
#include "sigsafe/syscall.h"

enum { LEAST_DELAY_NS = 1000 * 1000, MOST_DELAY_NS = 10 * 1000 * 1000 };

static bool was_running;
static struct pp_settings settings;

static void prepare(void)
{
    uint32_t state;

    pp_session_lock();
    state = atomic_load(&pp_session.helper_state);
    was_running = (state == PP_HELPER_STARTING || state == PP_HELPER_RUNNING) &&
                  (!pp_session.is_paused_by_program ||
                   pp_session.settings.cycle_ns != 0); /* begins a cycle of its own */
    settings = pp_session.settings;
    pp_own_memory_before_fork();
}

static void in_parent(void)
{
    pp_own_memory_after_fork();
    pp_session_unlock();
}

/* Only the calling thread is there now; the others' blocks are free, and none of their handlers
 * runs. */
static void forget_other_threads(void)
{
    const uint32_t n = pp_sig_thread_count();

    for (uint32_t i = 0; i < n; i++) {
        struct pp_sig_thread *thread = pp_sig_thread_at(i);
        if (thread == NULL)
            continue;
        atomic_store(&thread->busy, 0);
        atomic_store(&thread->heap_busy, 0);
        if (thread != pp_sig_self)
            pp_sig_thread_release(thread);
    }
    if (pp_sig_self != NULL) {
        atomic_store(&pp_sig_self->tid, pp_sig_gettid());
        atomic_store(&pp_sig_self->last_cpu_ns, 0);
        atomic_store(&pp_sig_self->record, 0);
        pp_sig_self->waits = (struct pp_sig_thread_waits){.n = 0};
        atomic_store(&pp_sig_self->state, PP_SIG_THREAD_LIVE);
    }
}

/* A period, within reason: what the child does before is booked on its first sample. */
static uint64_t delay_ns(void)
{
    const uint64_t period_ns = (uint64_t)(1e9 / settings.rate_hz);

    return period_ns < LEAST_DELAY_NS  ? LEAST_DELAY_NS
           : period_ns > MOST_DELAY_NS ? MOST_DELAY_NS
                                       : period_ns;
}

/* The child's memory as before any session. */
static void forget_parent(void)
{
    atomic_store(&pp_sig_gate->is_ours, 1);
    pp_own_memory_after_fork();
    pp_session_lock_init();
    pp_sig_scratch_reset();
    pp_sig_locks_reset();
    forget_other_threads();
    pp_heap_forget_parent();
    pp_labels_forget_parent();
    pp_spans_forget_parent();
    /* The recording's mapping is not inherited (MADV_DONTFORK), the gate is zero (MADV_WIPEONFORK).
     */
    pp_watches_free(&pp_session);
    pp_segments_done(&pp_session.segments);
    pp_session_forget();
}

void pp_fork_look(void)
{
    if (pp_sig_gate != NULL && atomic_load(&pp_sig_gate->is_ours) == 0)
        forget_parent();
}

static void in_child(void)
{
    pp_fork_look();
    if (was_running && !pp_environment.is_off &&
        atomic_load(&pp_session.helper_state) == PP_HELPER_NONE)
        pp_session_start_later(&settings, delay_ns());
}

void pp_fork_register(void)
{
    static bool is_registered;

    if (!is_registered && pthread_atfork(prepare, in_parent, in_child) == 0)
        is_registered = true;
}
