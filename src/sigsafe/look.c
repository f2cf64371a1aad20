/* Looks at all threads: where one of them stands. */
#include "sigsafe/look.h"

#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/store.h"
#include "sigsafe/syscall.h"

enum {
    TURN_NS = 100 * 1000 * 1000,
    MOST_TURNS = 300, /* half a minute: whoever holds us is gone, or the process is */
};

int pp_sig_store_stand(struct pp_rec_header *header, const struct pp_sig_stand *stand,
                       const uint64_t *pcs, const struct pp_sig_walk *walk)
{
    struct pp_sig_event event;

    event.time_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns;
    event.thread = stand->thread;
    event.label_set = stand->label_set;
    event.span = 0;
    event.flags = pp_sig_event_flags(walk->flags);
    event.family = PP_FAMILY_THREADS;
    event.n_values = PP_STAND_N_VALUES;
    event.values[PP_STAND_COUNT] = stand->n_threads;
    event.values[PP_STAND_LOOK] = stand->look;
    event.values[PP_STAND_TID] = stand->tid;
    event.values[PP_STAND_RUNS] = stand->runs;
    event.values[PP_STAND_CALL] = stand->call;
    event.values[PP_STAND_IDLE_NS] = stand->idle_ns;
    return pp_sig_store_event(header, &event, pcs, walk);
}

void pp_sig_look_here(struct pp_rec_header *header, struct pp_sig_thread *thread,
                      const void *context, struct pp_sig_scratch *scratch, uint32_t look)
{
    struct pp_sig_stand stand = {
        .look = look,
        .tid = atomic_load_explicit(&thread->tid, memory_order_relaxed),
        .label_set = atomic_load_explicit(&thread->label_set, memory_order_relaxed),
        .n_threads = 1,
        .runs = 1,
        .call = -1,
    };
    struct pp_sig_walk walk;

    if (pp_sig_thread_record(header, thread) != NULL)
        stand.thread = atomic_load_explicit(&thread->record, memory_order_relaxed) - 1;
    pp_sig_walk_thread(header, thread, context, scratch->pcs, &walk);
    (void)pp_sig_store_stand(header, &stand, scratch->pcs, &walk);
}

/* The one place where a handler of ours waits: for as long as a copy of the process is made, which
 * threads that write would wait for anyhow.  It holds nothing that anybody else needs. */
void pp_sig_hold_here(void)
{
    const uint32_t hold = atomic_load_explicit(&pp_sig_gate->hold, memory_order_acquire);
    const struct timespec turn = {0, TURN_NS};

    for (uint32_t i = 0; hold != 0 && i < MOST_TURNS &&
                         atomic_load_explicit(&pp_sig_gate->hold, memory_order_acquire) == hold;
         i++)
        (void)pp_sig_syscall4(SYS_futex, (long)&pp_sig_gate->hold, 0 /* FUTEX_WAIT, shared */,
                              (long)hold, (long)&turn);
}
