/* Reads a thread's context. */
#include "sigsafe/thread_context.h"

#include <stddef.h>
#include <string.h>

#include "sigsafe/arch.h"
#include "sigsafe/handler.h"
#include "sigsafe/spans.h"
#include "sigsafe/store.h"

/* The record's head, as OTEP 4947 has it; attributes follow. */
struct record {
    uint8_t trace_id[16], span_id[8];
    uint8_t valid, flags;
    uint8_t attributes_bytes[2];
};
_Static_assert(sizeof(struct record) == 28, "the record's head is 28 bytes");

_Atomic intptr_t pp_sig_context_offset;

static bool is_nothing(const uint8_t *bytes, size_t n)
{
    uint8_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= bytes[i];
    return any == 0;
}

static bool are_same(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint8_t any = 0;

    for (size_t i = 0; i < n; i++)
        any |= a[i] ^ b[i];
    return any == 0;
}

/* It was so at the last event: most samples of a thread in a span come one after another. */
static bool is_same(const struct pp_sig_thread_context *context, const struct record *record,
                    uint32_t session)
{
    return context->session == session && context->number != 0 &&
           are_same(context->trace_id, record->trace_id, sizeof record->trace_id) &&
           are_same(context->span_id, record->span_id, sizeof record->span_id);
}

static bool read_record(const struct pp_sig_thread *thread, intptr_t offset, struct record *record)
{
    const uintptr_t base = thread->context.thread_pointer;
    const long pid = pp_sig_arch_getpid();
    uintptr_t at = 0;

    return base != 0 && pp_sig_arch_read_memory(pid, base + (uintptr_t)offset, &at, sizeof at) &&
           at != 0 && pp_sig_arch_read_memory(pid, at, record, sizeof *record) &&
           record->valid == 1 && !is_nothing(record->span_id, sizeof record->span_id) &&
           !is_nothing(record->trace_id, sizeof record->trace_id);
}

uint32_t pp_sig_context_span(struct pp_rec_header *header, struct pp_sig_thread *thread)
{
    const intptr_t offset = atomic_load_explicit(&pp_sig_context_offset, memory_order_relaxed);
    const uint32_t session = atomic_load_explicit(&pp_sig_gate->session, memory_order_relaxed);
    struct pp_sig_thread_context *context = &thread->context;
    struct record record;

    if (__builtin_expect(offset == 0, 1) || !read_record(thread, offset, &record))
        return 0;
    if (is_same(context, &record, session))
        return context->number;
    context->number = 0; /* a handler that comes now makes its own */
    memcpy(context->trace_id, record.trace_id, sizeof context->trace_id);
    memcpy(context->span_id, record.span_id, sizeof context->span_id);
    context->session = session;
    context->number = pp_sig_span_new_number(header, 0, record.trace_id, record.span_id);
    if (context->number == 0)
        pp_sig_count_loss(header, PP_LOSS_SPAN);
    return context->number;
}
