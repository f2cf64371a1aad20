/* What the helper finds out about a thread outside its handler: its name, and where its stack is.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/maps.h"
#include "capture/threads.h"
#include "sigsafe/handler.h"
#include "sigsafe/store.h"

bool pp_thread_is_among_others(const struct pp_sig_thread *thread)
{
    return atomic_load_explicit(&thread->record, memory_order_relaxed) <= 1;
}

void pp_thread_read_name(struct pp_session *session, struct pp_sig_thread *thread)
{
    struct pp_rec_thread *slot = pp_sig_thread_record(session->header, thread);
    char path[64], name[16] = "";
    ssize_t n;
    int fd;

    if (slot == NULL || pp_thread_is_among_others(thread))
        return;
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/comm",
                   atomic_load_explicit(&thread->tid, memory_order_relaxed));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    n = read(fd, name, sizeof name);
    (void)close(fd);
    if (n <= 0)
        return;
    name[n - 1] = '\0'; /* the line's end */
    memcpy(slot->name, name, sizeof slot->name);
}

void pp_thread_find_bounds(struct pp_sig_thread *thread, struct pp_watch *watch)
{
    const uintptr_t pointer = atomic_load_explicit(&thread->thread_pointer, memory_order_relaxed);
    uintptr_t start, limit;

    if (atomic_load_explicit(&thread->stack_hi, memory_order_relaxed) != 0) {
        watch->is_bounded = true;
        return;
    }
    if (atomic_load_explicit(&thread->tid, memory_order_relaxed) == getpid()) {
        if (pp_maps_main_stack(&start, &limit) != 0)
            return;
        /* It grows down to its limit; nothing else is put in that gap (the kernel keeps it free).
         */
        atomic_store_explicit(&thread->stack_lo,
                              limit - (8u << 20) < limit ? limit - (8u << 20) : start,
                              memory_order_relaxed);
        atomic_store_explicit(&thread->stack_hi, limit, memory_order_release);
    } else if (pointer != 0 && pp_maps_find(pointer - 1, &start, &limit) == 0) {
        /* libc puts a thread's control block at the top end of its stack: all frames lie below the
         * thread pointer. */
        atomic_store_explicit(&thread->stack_lo, start, memory_order_relaxed);
        atomic_store_explicit(&thread->stack_hi, pointer, memory_order_release);
    } else {
        return;
    }
    watch->is_bounded = true;
}

void pp_thread_describe(struct pp_session *session, struct pp_sig_thread *thread,
                        struct pp_watch *watch)
{
    if (!watch->is_named && !pp_sig_thread_is_left_out(thread)) {
        pp_thread_read_name(session, thread);
        watch->is_named = true;
    }
    if (!watch->is_bounded)
        pp_thread_find_bounds(thread, watch);
}

void pp_thread_name_again(struct pp_session *session, struct pp_sig_thread *thread,
                          struct pp_watch *watch)
{
    const struct pp_rec_thread *slot;
    uint64_t n_samples;

    if (atomic_load_explicit(&thread->state, memory_order_acquire) != PP_SIG_THREAD_LIVE ||
        pp_thread_is_among_others(thread))
        return;
    slot = pp_sig_thread_record(session->header, thread);
    n_samples = slot == NULL ? 0 : atomic_load_explicit(&slot->n_samples, memory_order_relaxed);
    if (n_samples == watch->n_samples_at_naming)
        return;
    watch->n_samples_at_naming = n_samples;
    pp_thread_read_name(session, thread);
}
