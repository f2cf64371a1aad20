/* Stacks and registers of threads, as far as the kernel tells them.
 *
 * Of a thread that waits /proc/self/task/T/syscall tells the stack pointer and the arguments of its
 * system call.  What lies below is left over from calls that have returned, and hides leaks.  Its
 * other registers are not told; libc's calls save those that its caller needs, mostly. */
#include "capture/leak_threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/proc_file.h"
#include "capture/threads.h"
#include "sigsafe/clock.h"

enum { N_WORDS = 8, N_ARGUMENTS = 6, RED_ZONE_BYTES = 128 };

/* The helper's own; one look at a time. */
static struct pp_leak_scan *scan_now;
static uint32_t n_unseen;

/* "NUMBER six arguments SP PC", or "-1 SP PC" where it waits outside of any call.  How many numbers
 * follow the first; 0: it runs, or nothing is told. */
static uint32_t read_words(int32_t tid, uint64_t *words)
{
    char path[64], text[256];
    char *at, *end;
    uint32_t n = 0;

    (void)snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
    if (pp_proc_read(path, text, sizeof text) <= 0 ||
        strncmp(text, "running", strlen("running")) == 0)
        return 0;
    (void)strtoll(text, &at, 10);
    for (; at != text && n < N_WORDS; at = end, n++) {
        words[n] = strtoull(at, &end, 16);
        if (end == at)
            break;
    }
    return n;
}

static uint64_t cpu_ns_of(int32_t tid)
{
    return pp_sig_clock_ns(pp_sig_thread_clock(tid));
}

static void add_words(struct pp_leak_scan *scan, const uint64_t *words, uint32_t n)
{
    for (uint32_t i = 0; i < n && scan->n_words < PP_LEAK_MAX_WORDS; i++)
        scan->words[scan->n_words++] = words[i];
}

static void look_at(struct pp_session *session, struct pp_sig_thread *thread,
                    struct pp_watch *watch)
{
    struct pp_leak_scan *scan = scan_now;
    const int32_t tid = atomic_load_explicit(&thread->tid, memory_order_relaxed);
    const uint64_t cpu_ns = cpu_ns_of(tid);
    const uint64_t low = atomic_load_explicit(&thread->stack_lo, memory_order_relaxed);
    const uint64_t high = atomic_load_explicit(&thread->stack_hi, memory_order_acquire);
    uint64_t words[N_WORDS];
    const uint32_t n = read_words(tid, words);
    uint64_t sp;

    (void)session, (void)watch;
    n_unseen += n < 2;
    if (n < 2)
        return;
    if (n == N_WORDS)
        add_words(scan, words, N_ARGUMENTS);
    sp = words[n - 2] - RED_ZONE_BYTES;
    /* On a stack of the program's own making nothing is known of what lies below. */
    if (sp <= low || sp >= high || scan->n_skips == PP_LEAK_MAX_SKIPS)
        return;
    scan->skips[scan->n_skips++] =
        (struct pp_leak_skip){.start = low, .limit = sp, .cpu_ns = cpu_ns, .tid = tid};
}

uint32_t pp_leak_threads_look(struct pp_session *session, struct pp_leak_scan *scan)
{
    scan_now = scan;
    n_unseen = 0;
    pp_threads_tend(session);
    pp_threads_scan(session);
    pp_threads_each(session, look_at);
    return n_unseen;
}

uint32_t pp_leak_threads_check(struct pp_leak_scan *scan)
{
    uint32_t n_void = 0;

    for (uint32_t i = 0; i < scan->n_skips; i++) {
        struct pp_leak_skip *skip = &scan->skips[i];
        skip->is_void = skip->tid != 0 && cpu_ns_of(skip->tid) != skip->cpu_ns;
        n_void += skip->is_void;
    }
    return n_void;
}
