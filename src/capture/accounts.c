/* CPU time: what the program used, what of it is left out, and what no sample saw. */
#include "capture/accounts.h"

#include <time.h>

#include "capture/threads.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/store.h"

uint64_t pp_accounts_program_cpu_ns(const struct pp_session *session)
{
    const uint64_t all_ns = pp_sig_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - session->cpu_base_ns;
    const uint64_t helper_ns =
        pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - session->helper_cpu_base_ns;

    return all_ns > helper_ns ? all_ns - helper_ns : 0;
}

static uint64_t ignored_ns; /* of all threads; the helper's only */

static void add_ignored(struct pp_session *session, struct pp_sig_thread *thread,
                        struct pp_watch *watch)
{
    pp_thread_look_at_ignored(session, thread, watch);
    ignored_ns += watch->ignored_ns;
}

/* By how each was brought. */
static void sum_deliveries(struct pp_rec_header *header)
{
    const uint64_t each_ns = atomic_load_explicit(&header->delivery_ns, memory_order_relaxed);
    const uint64_t timer_ns =
        atomic_load_explicit(&header->timer_delivery_ns, memory_order_relaxed);
    const uint32_t n = atomic_load_explicit(&header->threads.n_items, memory_order_relaxed);
    uint64_t n_samples = 0, n_by_timer = 0;

    if (each_ns == 0 && timer_ns == 0)
        return;
    for (uint32_t i = 0; i < n; i++) {
        const struct pp_rec_thread *slot = pp_sig_table_item(header, &header->threads, i);
        if (slot == NULL)
            continue;
        n_samples += atomic_load_explicit(&slot->n_samples, memory_order_relaxed);
        n_by_timer += atomic_load_explicit(&slot->n_by_timer, memory_order_relaxed);
    }
    atomic_store_explicit(&header->delivery_total_ns,
                          n_by_timer * timer_ns +
                              (n_samples > n_by_timer ? n_samples - n_by_timer : 0) * each_ns,
                          memory_order_relaxed);
}

void pp_accounts_update(struct pp_session *session)
{
    struct pp_rec_header *header = session->header;
    uint64_t cpu_ns;

    ignored_ns = 0;
    pp_threads_each(session, add_ignored);
    cpu_ns = session->is_paused ? session->pause_cpu_ns : pp_accounts_program_cpu_ns(session);
    cpu_ns -=
        session->excluded_ns + ignored_ns < cpu_ns ? session->excluded_ns + ignored_ns : cpu_ns;
    atomic_store_explicit(&header->cpu_ns, cpu_ns, memory_order_relaxed);
    atomic_store_explicit(&header->cpu_time_ns,
                          pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns,
                          memory_order_relaxed);
    atomic_store_explicit(&header->helper_cpu_ns, pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID),
                          memory_order_relaxed);
    sum_deliveries(header);
    atomic_store_explicit(&header->n_bytes, session->file.n_bytes, memory_order_relaxed);
    if (session->modules != NULL)
        atomic_store_explicit(&header->table_bytes, pp_modules_table_bytes(session->modules),
                              memory_order_relaxed);
}

void pp_accounts_book_the_rest(struct pp_session *session)
{
    struct pp_rec_header *header = session->header;
    const uint32_t n = atomic_load_explicit(&header->threads.n_items, memory_order_relaxed);
    struct pp_sig_thread others = {.index = 0};
    uint64_t booked_ns = 0, cpu_ns;

    for (uint32_t i = 0; i < n; i++) {
        const struct pp_rec_thread *slot = pp_sig_table_item(header, &header->threads, i);
        if (slot != NULL)
            booked_ns += atomic_load_explicit(&slot->sampled_ns, memory_order_relaxed) +
                         atomic_load_explicit(&slot->unsampled_ns, memory_order_relaxed);
    }
    cpu_ns = atomic_load_explicit(&header->cpu_ns, memory_order_relaxed);
    atomic_store_explicit(&others.record, 1, memory_order_relaxed);
    atomic_store_explicit(&others.session,
                          atomic_load_explicit(&pp_sig_gate->session, memory_order_relaxed),
                          memory_order_relaxed);
    if (cpu_ns > booked_ns)
        pp_sig_book_remainder(header, &others, cpu_ns - booked_ns);
}
