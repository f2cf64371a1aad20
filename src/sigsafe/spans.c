/* Samples within spans. */
#include "sigsafe/spans.h"

#include <stddef.h>
#include <string.h>

#include "sigsafe/handler.h"
#include "sigsafe/store.h"
#include "sigsafe/thread_context.h"

struct pp_sig_span *_Atomic pp_sig_spans;

struct pp_sig_span *pp_sig_span_of(uint64_t key)
{
    struct pp_sig_span *spans = atomic_load_explicit(&pp_sig_spans, memory_order_acquire);
    const uint32_t index = (uint32_t)key;
    struct pp_sig_span *span;

    if (index == 0 || index > PP_MAX_SPANS || spans == NULL)
        return NULL;
    span = &spans[index - 1];
    return atomic_load_explicit(&span->generation, memory_order_acquire) == key >> 32 ? span : NULL;
}

/* Handlers of several threads may do this to one span at once: a count may be lost, no more. */
static void count_place(struct pp_sig_span *span, uint64_t pc)
{
    uint32_t least = 0;

    for (uint32_t i = 0; i < PP_N_HOT_PCS; i++) {
        if (atomic_load_explicit(&span->hot_pcs[i], memory_order_relaxed) == pc) {
            atomic_fetch_add_explicit(&span->hot_counts[i], 1, memory_order_relaxed);
            return;
        }
        if (atomic_load_explicit(&span->hot_counts[i], memory_order_relaxed) <
            atomic_load_explicit(&span->hot_counts[least], memory_order_relaxed))
            least = i;
    }
    atomic_store_explicit(&span->hot_pcs[least], pc, memory_order_relaxed);
    atomic_fetch_add_explicit(&span->hot_counts[least], 1, memory_order_relaxed);
}

uint32_t pp_sig_span_new_number(struct pp_rec_header *header, uint32_t name,
                                const uint8_t trace_id[16], const uint8_t span_id[8])
{
    const uint32_t n_items = atomic_load_explicit(&header->spans.n_items, memory_order_acquire);
    struct pp_rec_span *item;
    uint32_t number;

    if (n_items == 0)
        return 0;
    number = (uint32_t)atomic_fetch_add_explicit(&header->n_spans, 1, memory_order_relaxed) + 1;
    item = pp_sig_table_item(header, &header->spans, (number - 1) % n_items);
    if (item == NULL || number == 0)
        return 0;
    atomic_store_explicit(&item->number, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    item->name = name;
    memcpy(item->trace_id, trace_id, sizeof item->trace_id);
    memcpy(item->span_id, span_id, sizeof item->span_id);
    atomic_store_explicit(&item->number, number, memory_order_release);
    return number;
}

/* Its number in the recording, with the first event of it. */
static uint32_t number_of(struct pp_rec_header *header, struct pp_sig_span *span)
{
    const uint64_t session = atomic_load_explicit(&pp_sig_gate->session, memory_order_relaxed);
    uint64_t record = atomic_load_explicit(&span->record, memory_order_relaxed);

    if (record >> 32 != session || (uint32_t)record == 0) {
        /* Two threads may do this at once: the span has two numbers then, which mean the same. */
        record = session << 32 |
                 pp_sig_span_new_number(header, span->name, span->trace_id, span->span_id);
        atomic_store_explicit(&span->record, record, memory_order_relaxed);
    }
    if ((uint32_t)record == 0)
        pp_sig_count_loss(header, PP_LOSS_SPAN);
    return (uint32_t)record;
}

static struct pp_sig_span *span_of(const struct pp_sig_thread *thread)
{
    const uint64_t key = atomic_load_explicit(&thread->span, memory_order_acquire);

    return __builtin_expect(key == 0, 1) ? NULL : pp_sig_span_of(key);
}

uint32_t pp_sig_span_sample(struct pp_rec_header *header, struct pp_sig_thread *thread, uint64_t pc)
{
    struct pp_sig_span *span = span_of(thread);

    if (span == NULL)
        return pp_sig_context_span(header, thread);
    atomic_fetch_add_explicit(&span->n_samples, 1, memory_order_relaxed);
    count_place(span, pc);
    return number_of(header, span);
}

uint32_t pp_sig_span_number(struct pp_rec_header *header, struct pp_sig_thread *thread)
{
    struct pp_sig_span *span = span_of(thread);

    return span == NULL ? pp_sig_context_span(header, thread) : number_of(header, span);
}
