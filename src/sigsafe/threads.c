/* What a handler knows of the thread it runs on. */
#include "sigsafe/threads.h"

#include <stddef.h>

#include "sigsafe/syscall.h"

/* Random bits; they only have to differ from what an application may put there. */
#define HINT_MAGIC UINT64_C(0x5070726f66000000)
#define HINT_INDEX UINT64_C(0x0000000000ffffff)

_Atomic(struct pp_sig_thread *) pp_sig_thread_blocks[PP_N_THREAD_BLOCKS];
PP_SIG_TLS struct pp_sig_thread *pp_sig_self;
PP_SIG_TLS uint32_t pp_sig_guard;

static _Atomic uint32_t n_used;    /* indexes below this have been claimed at least once */
static _Atomic uint32_t next_free; /* where the search for a free one begins */

struct pp_sig_thread *pp_sig_thread_at(uint32_t index)
{
    uint32_t n_in_block = PP_FIRST_THREAD_BLOCK;

    for (uint32_t block = 0; block < PP_N_THREAD_BLOCKS; block++, n_in_block *= 2) {
        if (index < n_in_block) {
            struct pp_sig_thread *threads =
                atomic_load_explicit(&pp_sig_thread_blocks[block], memory_order_acquire);
            return threads == NULL ? NULL : &threads[index];
        }
        index -= n_in_block;
    }
    return NULL;
}

uint32_t pp_sig_thread_count(void)
{
    return atomic_load_explicit(&n_used, memory_order_acquire);
}

static int claim_at(uint32_t index, struct pp_sig_thread **thread_out)
{
    struct pp_sig_thread *thread = pp_sig_thread_at(index);
    uint32_t expected = PP_SIG_THREAD_FREE;
    uint32_t n = atomic_load_explicit(&n_used, memory_order_relaxed);

    if (thread == NULL ||
        !atomic_compare_exchange_strong_explicit(&thread->state, &expected, PP_SIG_THREAD_CLAIMED,
                                                 memory_order_acq_rel, memory_order_relaxed))
        return 0;
    thread->index = index;
    while (n <= index && !atomic_compare_exchange_weak_explicit(
                             &n_used, &n, index + 1, memory_order_acq_rel, memory_order_relaxed))
        ;
    atomic_store_explicit(&next_free, index + 1, memory_order_relaxed);
    *thread_out = thread;
    return 1;
}

struct pp_sig_thread *pp_sig_thread_claim(void)
{
    const uint32_t first = atomic_load_explicit(&next_free, memory_order_relaxed);
    struct pp_sig_thread *thread = NULL;

    /* From the last claim up to the end of the blocks, then from the beginning. */
    for (uint32_t i = first; pp_sig_thread_at(i) != NULL; i++)
        if (claim_at(i, &thread))
            return thread;
    for (uint32_t i = 0; i < first; i++)
        if (claim_at(i, &thread))
            return thread;
    return NULL;
}

void pp_sig_thread_release(struct pp_sig_thread *thread)
{
    uint32_t next = atomic_load_explicit(&next_free, memory_order_relaxed);

    atomic_store_explicit(&thread->tid, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->record, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->stack_hi, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->thread_pointer, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->last_cpu_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->end_cpu_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->ignored, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->is_of_ignored, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->is_called_upon, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->look, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->heap_busy, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->label_set, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->n_changes, 0, memory_order_relaxed);
    atomic_store_explicit(&thread->span, 0, memory_order_relaxed);
    thread->span_cpu_ns = 0;
    thread->waits = (struct pp_sig_thread_waits){.n = 0};
    thread->context = (struct pp_sig_thread_context){.number = 0};
    atomic_store_explicit(&thread->state, PP_SIG_THREAD_FREE, memory_order_release);
    while (thread->index < next &&
           !atomic_compare_exchange_weak_explicit(&next_free, &next, thread->index,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

static int is_of(const struct pp_sig_thread *thread, int32_t tid)
{
    return thread != NULL && atomic_load_explicit(&thread->tid, memory_order_acquire) == tid &&
           atomic_load_explicit(&thread->state, memory_order_acquire) >= PP_SIG_THREAD_BORN;
}

struct pp_sig_thread *pp_sig_thread_find(int32_t tid)
{
    /* Where it was found last: a signal that tells no thread asks at every sample. */
    static _Atomic uint32_t guesses[256];
    _Atomic uint32_t *guess = &guesses[(uint32_t)tid % 256];
    struct pp_sig_thread *thread =
        pp_sig_thread_at(atomic_load_explicit(guess, memory_order_relaxed));
    const uint32_t n = pp_sig_thread_count();

    if (is_of(thread, tid))
        return thread;
    for (uint32_t i = 0; i < n; i++) {
        thread = pp_sig_thread_at(i);
        if (is_of(thread, tid)) {
            atomic_store_explicit(guess, i, memory_order_relaxed);
            return thread;
        }
    }
    return NULL;
}

struct pp_sig_thread *pp_sig_thread_running(void)
{
    const int32_t tid = pp_sig_gettid();
    struct pp_sig_thread *thread = pp_sig_thread_find(tid);

    if (thread != NULL || (thread = pp_sig_thread_claim()) == NULL)
        return thread;
    atomic_store_explicit(&thread->tid, tid, memory_order_relaxed);
    atomic_store_explicit(&thread->state, PP_SIG_THREAD_BORN, memory_order_release);
    return thread;
}

uint64_t pp_sig_thread_hint(uint32_t index)
{
    return HINT_MAGIC | (index & HINT_INDEX);
}

int pp_sig_hint_index(uint64_t hint, uint32_t *index_out)
{
    if ((hint & ~HINT_INDEX) != HINT_MAGIC)
        return 0;
    *index_out = (uint32_t)(hint & HINT_INDEX);
    return 1;
}
