/* Tries out whether the kernel clears a thread's word when it takes its CPU. */
#include "capture/kept_cpu.h"

#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "capture/environment.h"
#include "capture/hook_calls.h"
#include "sigsafe/kept_cpu.h"

enum {
    N_SLEEPS = 4,
    MAX_TRIES = 16,
    TRY_NS = 100 * 1000,  /* much less is often over before the CPU is given away */
    RSEQ_CS = 8,          /* of struct rseq of <linux/rseq.h>: the word */
    RSEQ_LEAST_BYTES = 16 /* that hold it */
};

/* From the thread pointer to the word; 0: the C library has registered none. */
static ptrdiff_t find_word(void)
{
    const ptrdiff_t *offset = pp_hook_find_any("__rseq_offset");
    const unsigned *n_bytes = pp_hook_find_any("__rseq_size");

    return offset == NULL || n_bytes == NULL || *n_bytes < RSEQ_LEAST_BYTES ? 0 : *offset + RSEQ_CS;
}

/* How often this thread has given its CPU away by itself. */
static long count_waits(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

/* It stands while the thread runs, and is gone when it has slept.  A sleep may be over before the
 * CPU is given away (that of a virtual machine itself was away): such a one tells nothing. */
static bool is_told(ptrdiff_t offset)
{
    const struct timespec moment = {0, TRY_NS};
    int n_sleeps = 0;

    for (int i = 0; i < MAX_TRIES && n_sleeps < N_SLEEPS; i++) {
        const long n_waits = count_waits();

        if (!pp_sig_kept_cpu_set_mark(offset))
            return false;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
        if (count_waits() == n_waits)
            continue;
        if (pp_sig_kept_cpu_is_marked(offset))
            return false;
        n_sleeps++;
    }
    return n_sleeps == N_SLEEPS;
}

void pp_kept_cpu_begin(void)
{
    static bool is_tried;
    ptrdiff_t offset;

    if (is_tried || strstr(pp_environment.wait_clock, "twice") != NULL)
        return;
    is_tried = true;
    offset = find_word();
    if (offset != 0 && is_told(offset))
        pp_sig_kept_cpu_offset = offset;
}
