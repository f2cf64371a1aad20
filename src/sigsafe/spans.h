/* Spans of traces that threads are in.
 *
 * Writers: the calls that begin and end them (capture/spans.c), and handlers, which count samples
 * and give a span its number in the recording with the first of them: a span that no sample meets
 * costs the recording nothing.  Readers: those calls.  Several threads may be in one span. */
#ifndef PP_SIGSAFE_SPANS_H
#define PP_SIGSAFE_SPANS_H

#include <stdatomic.h>
#include <stdint.h>

#include "recording/layout.h"
#include "sigsafe/sigsafe.h"
#include "sigsafe/threads.h"

enum {
    PP_MAX_SPANS = 1 << 16, /* at once */
    PP_N_HOT_PCS = 4,       /* candidates for the place that has most samples */
};

/* Memory that is never given back: a handler may be late. */
struct pp_sig_span {
    _Atomic uint32_t generation; /* odd while it is in use */
    uint32_t name;               /* of the recording's strings; 0: none */
    uint8_t trace_id[16], span_id[8];
    _Atomic uint64_t record; /* session in the high half, its number in the recording in the low */
    _Atomic uint64_t n_samples, cpu_ns;
    /* The most frequent places, by Metwally's space-saving counters: one that has more than a
     * fourth of the samples is among them. */
    _Atomic uint64_t hot_pcs[PP_N_HOT_PCS];
    _Atomic uint32_t hot_counts[PP_N_HOT_PCS];
    /* Of the call that began it. */
    uint64_t parent; /* as the thread's 'span' was */
    int32_t tid;
    uint64_t begin_ns, begin_cpu_ns; /* CLOCK_MONOTONIC; the thread's CPU clock */
    uint32_t next_free;
};

extern struct pp_sig_span *_Atomic pp_sig_spans; /* PP_MAX_SPANS; NULL: none was ever begun */

/* What 'key' (a thread's 'span') means; NULL: none, or one that has ended since. */
PP_SIG struct pp_sig_span *pp_sig_span_of(uint64_t key);

/* Count a sample at 'pc' in the thread's span: its number in the recording, 0 when there is none or
 * no room for it (counted).  In none of ours: that of its context (sigsafe/thread_context.h). */
PP_SIG uint32_t pp_sig_span_sample(struct pp_rec_header *header, struct pp_sig_thread *thread,
                                   uint64_t pc);

/* The same of an event that is no CPU sample, and is not counted. */
PP_SIG uint32_t pp_sig_span_number(struct pp_rec_header *header, struct pp_sig_thread *thread);

/* A place in the recording for a span: its number, or 0 when there is none. */
PP_SIG uint32_t pp_sig_span_new_number(struct pp_rec_header *header, uint32_t name,
                                       const uint8_t trace_id[16], const uint8_t span_id[8]);

#endif
