/* Stacks of threads that wait. */
#include "capture/wait_stack.h"

#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "capture/thread_descriptor.h"
#include "capture/thread_place.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/heap_text.h"
#include "sigsafe/spans.h"
#include "sigsafe/store.h"
#include "sigsafe/waits.h"

enum { TABLE_BUDGET_NS = 20 * 1000 * 1000, MOST_HOOK_BYTES = 4096 };

static uint64_t frames[PP_MAX_FRAMES + 2]; /* the helper's stack is small */

static uint64_t cpu_clock_ns(const struct pp_sig_thread *thread)
{
    return pp_sig_clock_ns(
        pp_sig_thread_clock(atomic_load_explicit(&thread->tid, memory_order_relaxed)));
}

/* ---- whose work it was ---- */

static struct pp_wait_context context_of(struct pp_session *session,
                                         const struct pp_sig_thread *thread)
{
    return (struct pp_wait_context){
        atomic_load_explicit(&thread->label_set, memory_order_acquire),
        pp_sig_span_number(session->header, (struct pp_sig_thread *)(uintptr_t)thread)};
}

struct pp_wait_context pp_wait_context_since(struct pp_session *session,
                                             const struct pp_sig_thread *thread, uint32_t seen)
{
    const bool has_span = atomic_load_explicit(&thread->span, memory_order_acquire) != 0;
    struct pp_wait_context context = {
        .label_set = atomic_load_explicit(&thread->label_set, memory_order_acquire)};

    if (has_span)
        context = context_of(session, thread);
    if (atomic_load_explicit(&thread->n_changes, memory_order_relaxed) != seen)
        return (struct pp_wait_context){.label_set = 0};
    return context;
}

/* ---- storing ---- */

static int store(struct pp_session *session, const struct pp_wait_event *wait, const uint64_t *pcs,
                 const struct pp_sig_walk *walk)
{
    struct pp_rec_header *header = session->header;
    struct pp_sig_thread *thread = (struct pp_sig_thread *)(uintptr_t)wait->thread;
    const bool is_of_lock = wait->family != PP_FAMILY_OFFCPU;
    struct pp_sig_event event = {.family = (uint8_t)wait->family};
    int result;

    if (pp_sig_thread_record(header, thread) == NULL)
        return -1;
    event.time_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns;
    event.thread = atomic_load_explicit(&thread->record, memory_order_relaxed) - 1;
    event.label_set = wait->context.label_set;
    event.span = wait->context.span;
    event.flags = (uint16_t)(pp_sig_event_flags(walk->flags) | wait->kind * PP_EVENT_WAIT |
                             wait->descriptor * PP_EVENT_DESCRIPTOR |
                             (wait->is_remainder ? PP_EVENT_REMAINDER : 0));
    event.n_values = is_of_lock ? PP_WAIT_N_LOCK_VALUES : PP_WAIT_N_VALUES;
    event.values[PP_WAIT_COUNT] = wait->count;
    event.values[PP_WAIT_NS] = (int64_t)wait->ns;
    event.values[PP_WAIT_LOCK] = (int64_t)wait->lock;
    result = pp_sig_store_event(header, &event, pcs, walk);
    pp_segments_tend(&session->segments); /* nobody else makes room meanwhile */
    return result;
}

int pp_wait_store_pseudo(struct pp_session *session, const struct pp_wait_event *event,
                         uint64_t pseudo_pc)
{
    const struct pp_sig_walk walk = {.n_frames = 1, .flags = 0, .hash = pseudo_pc};

    return store(session, event, &pseudo_pc, &walk);
}

/* ---- reading a stack ---- */

/* The stack into frames[1] and behind.  Code that is new is learned first: else it would end
 * there. */
static void walk_from(struct pp_session *session, const struct pp_thread_place *place,
                      struct pp_sig_walk *walk)
{
    pp_sig_unwind_from(place->pc, place->sp, frames + 1, walk);
    if ((walk->flags & PP_WALK_NEW_CODE) != 0 &&
        pp_modules_refresh(session->modules, TABLE_BUDGET_NS) >= 0)
        pp_sig_unwind_from(place->pc, place->sp, frames + 1, walk);
}

static uint64_t hash_of(const uint64_t *pcs, uint32_t n)
{
    uint64_t hash = n;

    for (uint32_t i = 0; i < n; i++) {
        hash = (hash ^ pcs[i]) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    return hash | (hash == 0);
}

static bool is_own(uint64_t pc)
{
    return pc - 1 >= (uint64_t)(uintptr_t)pp_heap_text_start &&
           pc - 1 < (uint64_t)(uintptr_t)pp_heap_text_limit;
}

/* Libc's function as the leaf in place of its own frames and our hook's: as the thread itself would
 * record it. */
static const uint64_t *begin_at_caller(struct pp_sig_walk *walk, uintptr_t function)
{
    uint32_t n_inner = 0;

    /* Not further: the thread's beginning is ours, too. */
    for (uint32_t i = 0; i < walk->n_frames && (n_inner == 0 || n_inner == i); i++)
        if (is_own(frames[1 + i]))
            n_inner = i + 1;
    if (n_inner == 0 || n_inner >= walk->n_frames || function == 0)
        return frames + 1;
    frames[n_inner] = function;
    walk->n_frames -= n_inner - 1;
    walk->hash = hash_of(frames + n_inner, walk->n_frames);
    return frames + n_inner;
}

/* ---- waits outside of hooks ---- */

static enum pp_rec_wait kind_of_call(int64_t call)
{
    static const struct {
        int16_t call;
        uint8_t kind;
    } KINDS[] = {
        {SYS_read, PP_WAIT_READ},
        {SYS_pread64, PP_WAIT_READ},
        {SYS_readv, PP_WAIT_READ},
        {SYS_preadv, PP_WAIT_READ},
        {SYS_write, PP_WAIT_WRITE},
        {SYS_pwrite64, PP_WAIT_WRITE},
        {SYS_writev, PP_WAIT_WRITE},
        {SYS_pwritev, PP_WAIT_WRITE},
        {SYS_recvfrom, PP_WAIT_NETWORK},
        {SYS_recvmsg, PP_WAIT_NETWORK},
        {SYS_sendto, PP_WAIT_NETWORK},
        {SYS_sendmsg, PP_WAIT_NETWORK},
        {SYS_accept4, PP_WAIT_NETWORK},
        {SYS_connect, PP_WAIT_NETWORK},
        {SYS_ppoll, PP_WAIT_POLL},
        {SYS_pselect6, PP_WAIT_POLL},
        {SYS_epoll_pwait, PP_WAIT_POLL},
        {SYS_io_uring_enter, PP_WAIT_POLL},
#ifdef SYS_poll
        {SYS_poll, PP_WAIT_POLL},
        {SYS_select, PP_WAIT_POLL},
        {SYS_epoll_wait, PP_WAIT_POLL},
        {SYS_accept, PP_WAIT_NETWORK},
        {SYS_pause, PP_WAIT_SLEEP},
        {SYS_open, PP_WAIT_FILE},
#endif
        {SYS_nanosleep, PP_WAIT_SLEEP},
        {SYS_clock_nanosleep, PP_WAIT_SLEEP},
        {SYS_rt_sigtimedwait, PP_WAIT_SLEEP},
        {SYS_rt_sigsuspend, PP_WAIT_SLEEP},
        {SYS_futex, PP_WAIT_FUTEX},
        {SYS_wait4, PP_WAIT_CHILD},
        {SYS_waitid, PP_WAIT_CHILD},
        {SYS_openat, PP_WAIT_FILE},
        {SYS_fsync, PP_WAIT_FILE},
        {SYS_fdatasync, PP_WAIT_FILE},
        {SYS_flock, PP_WAIT_FILE},
        {SYS_semtimedop, PP_WAIT_MUTEX},
    };

    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (KINDS[i].call == call)
            return (enum pp_rec_wait)KINDS[i].kind;
    return call < 0 ? PP_WAIT_FILE : PP_WAIT_UNKNOWN; /* a page that is read */
}

bool pp_wait_store_outside(struct pp_session *session, const struct pp_wait_event *event)
{
    const uint64_t cpu_ns = cpu_clock_ns(event->thread);
    struct pp_wait_event seen = *event;
    struct pp_thread_place place;
    struct pp_sig_walk walk;

    pp_thread_place_read(atomic_load_explicit(&event->thread->tid, memory_order_relaxed), &place);
    if (place.state == PP_PLACE_UNKNOWN) {
        seen.context = context_of(session, event->thread);
        if (cpu_clock_ns(event->thread) != cpu_ns)
            seen.context = (struct pp_wait_context){.label_set = 0};
        return pp_wait_store_pseudo(session, &seen, PP_PC_WAITING) == 0;
    }
    if (place.state != PP_PLACE_WAITS)
        return false;
    walk_from(session, &place, &walk);
    seen.context = context_of(session, event->thread); /* before it is known not to have run */
    if (cpu_clock_ns(event->thread) != cpu_ns ||
        atomic_load_explicit(&event->thread->waits.since_ticks, memory_order_relaxed) != 0)
        return false;
    seen.kind = kind_of_call(place.call);
    seen.descriptor = pp_thread_descriptor(&place);
    return store(session, &seen, frames + 1, &walk) == 0;
}

/* ---- waits in hooks ---- */

/* Whether the thread waits below the hook's frame: a longjmp() out of a wait leaves the hook's word
 * that it waits. */
static bool is_in_hook(const struct pp_sig_thread *thread, const struct pp_thread_place *place)
{
    const uint64_t frame = *(const volatile uintptr_t *)&thread->waits.frame;

    return place->state == PP_PLACE_UNKNOWN ||
           (place->state == PP_PLACE_WAITS && place->sp <= frame &&
            frame - place->sp < MOST_HOOK_BYTES);
}

enum pp_wait_state pp_wait_state_of(const struct pp_sig_thread *thread)
{
    struct pp_thread_place place;

    pp_thread_place_read(atomic_load_explicit(&thread->tid, memory_order_relaxed), &place);
    if (is_in_hook(thread, &place))
        return PP_WAIT_UNDER_WAY;
    return place.state == PP_PLACE_RUNS ? PP_WAIT_RUNS : PP_WAIT_LEFT;
}

static bool still_waits(const struct pp_sig_thread *thread, uint64_t since, uint64_t cpu_ns)
{
    return atomic_load_explicit(&thread->waits.since_ticks, memory_order_seq_cst) == since &&
           cpu_clock_ns(thread) == cpu_ns;
}

uint32_t pp_wait_claim(struct pp_session *session, struct pp_sig_thread *thread,
                       const struct pp_wait_event *event, uint64_t since, uint64_t now)
{
    const uint64_t cpu_ns = cpu_clock_ns(thread);
    const uintptr_t function = *(const volatile uintptr_t *)&thread->waits.function;
    const uint32_t kinds = session->settings.kinds;
    uint64_t before = atomic_load_explicit(&thread->waits.claimed_ticks, memory_order_relaxed);
    struct pp_wait_event wait = *event;
    struct pp_sig_walk walk = {.n_frames = 1, .flags = 0, .hash = PP_PC_WAITING};
    struct pp_thread_place place;
    const uint64_t *pcs = frames + 1;
    uint32_t claimed = 0;

    wait.kind = (enum pp_rec_wait) * (const volatile uint32_t *)&thread->waits.kind;
    wait.lock = *(const volatile uintptr_t *)&thread->waits.lock;
    pp_thread_place_read(atomic_load_explicit(&thread->tid, memory_order_relaxed), &place);
    if (!is_in_hook(thread, &place))
        return 0;
    wait.descriptor = pp_thread_descriptor(&place);
    atomic_store_explicit(&thread->waits.claimed_ticks, now, memory_order_seq_cst);
    frames[1] = PP_PC_WAITING;
    if (place.state == PP_PLACE_WAITS) {
        walk_from(session, &place, &walk);
        pcs = begin_at_caller(&walk, function);
    }
    wait.context = context_of(session, thread);
    if (!still_waits(thread, since, cpu_ns)) {
        atomic_store_explicit(&thread->waits.claimed_ticks, before, memory_order_seq_cst);
        return 0;
    }
    if ((kinds & PPROFC_KIND_OFFCPU) != 0 && store(session, &wait, pcs, &walk) == 0)
        claimed |= PP_CLAIMED_WAIT;
    wait.family = PP_FAMILY_LOCK;
    wait.descriptor = PP_DESCRIPTOR_NONE;
    if ((kinds & PPROFC_KIND_LOCK) != 0 && wait.lock != 0) {
        (void)store(session, &wait, pcs, &walk); /* counted exactly, whether there is room or not */
        claimed |= PP_CLAIMED_LOCK;
    }
    return claimed;
}
