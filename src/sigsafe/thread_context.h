/* The context that the program's own tracing SDK publishes for a thread: which span it is in.
 *
 * OTEP 4947: a thread-local pointer, exported as otel_thread_ctx_v1, to a record that the thread
 * itself writes: trace id, span id, a flag that it is whole.  Samples of a thread that is in no
 * span of ours take their span from it.
 *
 * Writers: the SDK, in the thread; capture/thread_context.c sets the offset.  Readers: the same
 * thread, in our handler and hooks. */
#ifndef PP_SIGSAFE_THREAD_CONTEXT_H
#define PP_SIGSAFE_THREAD_CONTEXT_H

#include <stdatomic.h>
#include <stdint.h>

#include "recording/layout.h"
#include "sigsafe/sigsafe.h"
#include "sigsafe/threads.h"

/* Where the pointer lies from the thread pointer on, the same in every thread; 0: nowhere. */
extern _Atomic intptr_t pp_sig_context_offset;

/* The number in the recording of the span that the thread's context names, with its first event
 * there; 0: none.  Reads the record by a system call: whatever the pointer is, it does not fault.
 */
PP_SIG uint32_t pp_sig_context_span(struct pp_rec_header *header, struct pp_sig_thread *thread);

#endif
