/* Where threads are kept: the blocks that handlers write, and beside each what the helper knows of
 * its thread. */
#include <errno.h>

#include "capture/own_memory.h"
#include "capture/threads.h"
#include "sigsafe/syscall.h"

int pp_threads_reserve(uint32_t n_threads)
{
    uint32_t n_in_block = PP_FIRST_THREAD_BLOCK;
    uint64_t n_before = 0;

    for (uint32_t block = 0; block < PP_N_THREAD_BLOCKS && n_before < n_threads;
         block++, n_in_block *= 2) {
        if (atomic_load_explicit(&pp_sig_thread_blocks[block], memory_order_acquire) == NULL) {
            struct pp_sig_thread *expected = NULL;
            struct pp_sig_thread *threads = pp_map_anonymous(n_in_block * sizeof *threads);
            if (threads == NULL)
                return -ENOMEM;
            if (!atomic_compare_exchange_strong(&pp_sig_thread_blocks[block], &expected, threads))
                pp_unmap(threads, n_in_block * sizeof *threads);
        }
        n_before += n_in_block;
    }
    return n_before >= n_threads ? 0 : -ENOSPC;
}

static uint32_t block_of(uint32_t index, uint32_t *n_before_out)
{
    uint32_t block = 0, n_in_block = PP_FIRST_THREAD_BLOCK;

    *n_before_out = 0;
    for (; index - *n_before_out >= n_in_block; block++, n_in_block *= 2)
        *n_before_out += n_in_block;
    return block;
}

struct pp_watch *pp_watch_of(struct pp_session *session, const struct pp_sig_thread *thread)
{
    uint32_t n_before;
    const uint32_t block = block_of(thread->index, &n_before);

    if (session->watches[block] == NULL)
        session->watches[block] =
            pp_map_anonymous((PP_FIRST_THREAD_BLOCK << block) * sizeof *session->watches[block]);
    return session->watches[block] == NULL ? NULL
                                           : &session->watches[block][thread->index - n_before];
}

void pp_watches_free(struct pp_session *session)
{
    for (uint32_t block = 0; block < PP_N_THREAD_BLOCKS; block++) {
        struct pp_watch *watches = session->watches[block];

        /* In this order: a child made in between must not give them back again. */
        session->watches[block] = NULL;
        pp_unmap(watches, (PP_FIRST_THREAD_BLOCK << block) * sizeof *watches);
    }
}

struct pp_sig_thread *pp_threads_self(void)
{
    struct pp_sig_thread *thread = pp_sig_self;
    const int32_t tid = pp_sig_gettid();

    if (thread != NULL && atomic_load_explicit(&thread->tid, memory_order_relaxed) == tid)
        return thread;
    thread = pp_sig_thread_find(tid);
    if (thread == NULL && pp_threads_reserve(pp_sig_thread_count() + 8) == 0) {
        thread = pp_sig_thread_claim();
        if (thread != NULL) {
            atomic_store_explicit(&thread->tid, tid, memory_order_relaxed);
            atomic_store_explicit(&thread->state, PP_SIG_THREAD_BORN, memory_order_release);
        }
    }
    pp_sig_self = thread;
    return thread;
}

void pp_threads_each(struct pp_session *session,
                     void (*visit)(struct pp_session *, struct pp_sig_thread *, struct pp_watch *))
{
    const uint32_t n = pp_sig_thread_count();

    for (uint32_t i = 0; i < n; i++) {
        struct pp_sig_thread *thread = pp_sig_thread_at(i);
        struct pp_watch *watch;
        if (thread != NULL &&
            atomic_load_explicit(&thread->state, memory_order_acquire) > PP_SIG_THREAD_CLAIMED &&
            (watch = pp_watch_of(session, thread)) != NULL)
            visit(session, thread, watch);
    }
}
