/* pthread_create, and where waits are followed thrd_create: a thread is known from its birth, and
 * its last CPU time is booked at its end. */
#include <pthread.h>
#include <sys/prctl.h>
#include <threads.h>

#include "capture/hook_calls.h"
#include "capture/hook_waits.h"
#include "capture/session.h"
#include "capture/threads.h"
#include "capture/wait_queue.h"
#include "sigsafe/clock.h"
#include "sigsafe/descriptor.h"
#include "sigsafe/handler.h"
#include "sigsafe/heap.h"
#include "sigsafe/heap_text.h"
#include "sigsafe/syscall.h"
#include "sigsafe/waits.h"

enum {
    BLOCKED_LEAST_NS = 50 * 1000 * 1000, /* CPU time without a sample that wants a reason */
    LONGEST_MAKING_NS = 200 * 1000,      /* of a thread */
    ONE_MOMENT_NS = 200 * 1000,          /* what is read within it belongs together */
    MOST_TRIES = 5,
};

/* The name that it has at its end: most are named after their start. */
static void keep_name(struct pp_rec_header *header, struct pp_sig_thread *thread)
{
    struct pp_rec_thread *slot = pp_sig_thread_record(header, thread);

    if (slot != NULL && atomic_load_explicit(&thread->record, memory_order_relaxed) > 1)
        (void)prctl(PR_GET_NAME, slot->name);
}

/* Where the helper tells what it has allocated, when nobody knows the thread any more. */
static void keep_record(const struct pp_sig_thread *thread)
{
    if (pp_sig_heap_self != NULL)
        atomic_store_explicit(&pp_sig_heap_self->record,
                              atomic_load_explicit(&thread->record, memory_order_relaxed),
                              memory_order_relaxed);
}

/* A thread that ends between two looks of the helper says itself why it has no samples. */
static void note_mask(struct pp_rec_header *header, struct pp_sig_thread *thread)
{
    const uint32_t delivery = atomic_load_explicit(&header->delivery, memory_order_relaxed);
    const uint64_t last_ns = atomic_load_explicit(&thread->last_cpu_ns, memory_order_relaxed);
    struct pp_rec_thread *slot;
    sigset_t mask;

    if (pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID) < last_ns + BLOCKED_LEAST_NS ||
        pthread_sigmask(SIG_SETMASK, NULL, &mask) != 0 ||
        sigismember(&mask, pp_delivery_signal(delivery)) != 1)
        return;
    slot = pp_sig_thread_record(header, thread);
    if (slot != NULL)
        atomic_fetch_or_explicit(&slot->flags, PP_THREAD_BLOCKS_SIGNAL, memory_order_relaxed);
}

/* The helper cannot read the clock of a thread that is gone. */
static void note_ignored_time(struct pp_sig_thread *thread)
{
    if (atomic_load_explicit(&thread->ignored, memory_order_relaxed) != 0 &&
        atomic_load_explicit(&pp_sig_gate->is_paused, memory_order_relaxed) == 0)
        atomic_store_explicit(&thread->end_cpu_ns, pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID),
                              memory_order_relaxed);
}

/* How long the calling thread has queued for a CPU so far, and at which moment.  When it queues
 * between the two they are read again.  False: the moment alone is known. */
static bool read_queue(uint64_t *now_ns_out, uint64_t *queue_ns_out)
{
    const bool is_wanted = pp_sig_waits_are(PP_WAITS_OFFCPU) && !pp_sig_descriptor_is_filtered;
    uint64_t before_ns;

    *now_ns_out = pp_sig_clock_ns(CLOCK_MONOTONIC);
    for (int i = 0; is_wanted && i < MOST_TRIES; i++) {
        before_ns = *now_ns_out;
        if (!pp_wait_queue_read_own(queue_ns_out))
            return false;
        *now_ns_out = pp_sig_clock_ns(CLOCK_MONOTONIC);
        if (*now_ns_out < before_ns + ONE_MOMENT_NS)
            break;
    }
    return is_wanted;
}

/* Nor how long it has queued since the helper's last look: up to the moment that counts as its
 * end. */
static void note_end(struct pp_sig_thread *thread)
{
    uint64_t now_ns, queue_ns;

    if (read_queue(&now_ns, &queue_ns))
        atomic_store_explicit(&thread->waits.end_queue_ns, queue_ns + 1, memory_order_relaxed);
    atomic_store_explicit(&thread->waits.end_cpu_ns, pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID),
                          memory_order_relaxed);
    atomic_store_explicit(&thread->waits.end_ns, now_ns, memory_order_release);
}

/* The last of a thread's CPU time, and the helper's word that it may forget the thread. */
static void at_end(void *argument)
{
    struct pp_sig_thread *thread = argument;
    struct pp_rec_header *header;

    pp_sig_self = NULL;
    atomic_store_explicit(&thread->waits.since_ticks, 0,
                          memory_order_relaxed); /* cancelled in it */
    note_end(thread);
    pp_sig_enter(thread);
    header = atomic_load_explicit(&pp_sig_gate->header, memory_order_acquire);
    if (header != NULL)
        note_ignored_time(thread);
    atomic_store_explicit(&thread->state, PP_SIG_THREAD_ENDING,
                          memory_order_release); /* handlers leave it alone now */
    if (header != NULL && !pp_sig_thread_is_left_out(thread)) {
        keep_name(header, thread);
        keep_record(thread);
    }
    if (header != NULL &&
        atomic_load_explicit(&pp_sig_gate->is_paused, memory_order_relaxed) == 0 &&
        atomic_load_explicit(&thread->ignored, memory_order_relaxed) == 0) {
        note_mask(header, thread);
        pp_sig_book_remainder(header, thread, pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID));
    }
    pp_sig_leave(thread);
    if (header == NULL) /* no helper is there to do it */
        pp_sig_thread_release(thread);
}

/* libc keeps a thread's control block above its stack: all its frames are below the thread pointer.
 */
static void set_bounds(struct pp_sig_thread *thread, size_t stack_bytes)
{
    const uintptr_t pointer = (uintptr_t)__builtin_thread_pointer();
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    if (here < pointer && pointer - here < 65536 && stack_bytes > 16384) {
        atomic_store_explicit(&thread->stack_lo, pointer - stack_bytes + 16384,
                              memory_order_relaxed);
        atomic_store_explicit(&thread->stack_hi, pointer, memory_order_release);
    }
}

/* When the thread's clocks began: what it has used of the CPU lies behind it, and what it was kept
 * waiting for one.  It was not before it was asked for, nor, where its maker was kept waiting, just
 * after; what a hypervisor took since cannot be told from that, and is left out with it. */
static uint64_t birth_ns(uint64_t asked_ns)
{
    uint64_t now_ns = pp_sig_clock_ns(CLOCK_MONOTONIC), cpu_ns, queue_ns, begin_ns;

    if (asked_ns == 0 || !pp_sig_waits_are(PP_WAITS_OFFCPU | PP_WAITS_LOCKS))
        return now_ns;
    cpu_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    if (now_ns < asked_ns + cpu_ns + LONGEST_MAKING_NS)
        return now_ns - cpu_ns;
    if (!read_queue(&now_ns, &queue_ns))
        return asked_ns;
    cpu_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    begin_ns = now_ns > cpu_ns + queue_ns ? now_ns - cpu_ns - queue_ns : 0;
    return begin_ns > asked_ns ? begin_ns : asked_ns;
}

static void begin_thread(struct pp_sig_thread *thread)
{
    set_bounds(thread, thread->stack_bytes);
    thread->waits.begin_ns = birth_ns(thread->waits.begin_ns);
    thread->context.thread_pointer = (uintptr_t)__builtin_thread_pointer();
    pp_sig_self = thread;
    atomic_store_explicit(&thread->tid, pp_sig_gettid(), memory_order_relaxed);
    atomic_store_explicit(&thread->state, PP_SIG_THREAD_BORN, memory_order_release);
    {
        struct pp_rec_header *header;
        pp_sig_enter(thread);
        header = atomic_load_explicit(&pp_sig_gate->header, memory_order_acquire);
        if (header != NULL)
            pp_helper_wake(header);
        pp_sig_leave(thread);
    }
}

PP_HEAP_TEXT static void *run(void *argument)
{
    struct pp_sig_thread *thread = argument;
    void *(*start)(void *) = thread->start;
    void *result;

    argument = thread->argument;
    begin_thread(thread);
    pthread_cleanup_push(at_end, thread);
    result = start(argument);
    pthread_cleanup_pop(1);
    return result;
}

PP_HEAP_TEXT static int run_c11(void *argument)
{
    struct pp_sig_thread *thread = argument;
    const thrd_start_t start = (thrd_start_t)(void (*)(void))thread->start;
    int result;

    argument = thread->argument;
    begin_thread(thread);
    pthread_cleanup_push(at_end, thread);
    result = start(argument);
    pthread_cleanup_pop(1);
    return result;
}

static size_t stack_bytes_of(const pthread_attr_t *attributes)
{
    static size_t default_bytes;
    size_t n_bytes = 0;

    if (attributes != NULL)
        return pthread_attr_getstacksize(attributes, &n_bytes) == 0 ? n_bytes : 0;
    if (default_bytes == 0) {
        pthread_attr_t plain;
        if (pthread_attr_init(&plain) == 0) {
            (void)pthread_attr_getstacksize(&plain, &n_bytes);
            (void)pthread_attr_destroy(&plain);
            default_bytes = n_bytes;
        }
    }
    return default_bytes;
}

/* The block of a thread that is about to be made.  NULL: nothing runs, or all blocks are in use:
 * the helper finds it when it looks. */
static struct pp_sig_thread *expect_thread(const pthread_attr_t *attributes, void *(*start)(void *),
                                           void *argument)
{
    struct pp_sig_thread *thread = NULL;

    if (pp_sig_guard == 0 && pp_sig_gate != NULL &&
        atomic_load_explicit(&pp_sig_gate->header, memory_order_relaxed) != NULL)
        thread = pp_sig_thread_claim();
    if (thread == NULL)
        return NULL;
    thread->start = start;
    thread->argument = argument;
    thread->stack_bytes = stack_bytes_of(attributes);
    thread->waits.begin_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
    if (pp_sig_self != NULL)
        atomic_store_explicit(&thread->is_of_ignored,
                              atomic_load_explicit(&pp_sig_self->ignored, memory_order_relaxed),
                              memory_order_relaxed);
    return thread;
}

PP_HEAP_TEXT int pp_hook_pthread_create(pthread_t *thread_out, const pthread_attr_t *attributes,
                                        void *(*start)(void *), void *argument)
{
    struct pp_sig_thread *thread = expect_thread(attributes, start, argument);
    int result;

    if (thread == NULL)
        return pp_real_pthread_create(thread_out, attributes, start, argument);
    result = pp_real_pthread_create(thread_out, attributes, run, thread);
    if (result != 0)
        pp_sig_thread_release(thread);
    return result;
}

/* Of libc's own thrd_create() nobody sees that it makes a thread. */
PP_HOOK_FUNCTION int pp_hook_thrd_create(thrd_t *thread_out, thrd_start_t start, void *argument);
PP_HEAP_TEXT int pp_hook_thrd_create(thrd_t *thread_out, thrd_start_t start, void *argument)
{
    int (*const real)(thrd_t *, thrd_start_t, void *) =
        (int (*)(thrd_t *, thrd_start_t, void *))pp_wait_real(PP_HOOK_thrd_create);
    struct pp_sig_thread *thread =
        expect_thread(NULL, (void *(*)(void *))(void (*)(void))start, argument);
    int result;

    if (thread == NULL)
        return real(thread_out, start, argument);
    result = real(thread_out, run_c11, thread);
    if (result != thrd_success)
        pp_sig_thread_release(thread);
    return result;
}
