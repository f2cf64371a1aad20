/* Whether a thread has kept its CPU since a moment: without a clock, without a system call.
 *
 * A thread can name a restartable sequence (rseq, Linux 4.18; the C library registers each thread
 * since glibc 2.35) in a word of its own.  When the kernel takes the CPU from the thread, or sends
 * it a signal, and the thread is not inside of that sequence, it clears the word.  So we name one
 * in which nobody ever is, and as long as its name stands there the thread has neither waited nor
 * been kept waiting.  (Since Linux 6.19 the word is left alone within system calls: whether this
 * kernel clears it is tried out, capture/kept_cpu.c.)  What the program itself names there only
 * makes us believe that the CPU was lost.
 *
 * The name stays behind when a session ends; our library is never unloaded. */
#ifndef PP_SIGSAFE_KEPT_CPU_H
#define PP_SIGSAFE_KEPT_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sigsafe/sigsafe.h"

/* Where the word lies from the thread pointer on; 0: nobody can tell. */
extern ptrdiff_t pp_sig_kept_cpu_offset;

#if defined(__x86_64__)

extern const char pp_sig_kept_cpu_mark[];

static inline bool pp_sig_kept_cpu_is_marked(ptrdiff_t offset)
{
    uint64_t word;

    __asm__ volatile("movq %%fs:(%1), %0" : "=r"(word) : "r"(offset) : "memory");
    return word == (uint64_t)(uintptr_t)pp_sig_kept_cpu_mark;
}

/* False: the kernel does not know this thread's word (its number of the CPU, before it, is none).
 */
static inline bool pp_sig_kept_cpu_set_mark(ptrdiff_t offset)
{
    int32_t cpu;

    __asm__ volatile("movl %%fs:(%1), %0" : "=r"(cpu) : "r"(offset - 4) : "memory");
    if (cpu < 0)
        return false;
    __asm__ volatile("movq %0, %%fs:(%1)"
                     :
                     : "r"((uint64_t)(uintptr_t)pp_sig_kept_cpu_mark), "r"(offset)
                     : "memory");
    return true;
}

#else

static inline bool pp_sig_kept_cpu_is_marked(ptrdiff_t offset)
{
    (void)offset;
    return false;
}

static inline bool pp_sig_kept_cpu_set_mark(ptrdiff_t offset)
{
    (void)offset;
    return false;
}

#endif

/* The moment from which on pp_sig_has_kept_cpu() tells; 'n_marks': the thread's own count, which a
 * handler that comes between and begins anew makes another one. */
static inline __attribute__((always_inline)) uint64_t pp_sig_keep_cpu(uint64_t *n_marks)
{
    const ptrdiff_t offset = pp_sig_kept_cpu_offset;

    if (offset != 0 && __builtin_expect(!pp_sig_kept_cpu_is_marked(offset), 0) &&
        pp_sig_kept_cpu_set_mark(offset))
        ++*(volatile uint64_t *)n_marks;
    return *(volatile uint64_t *)n_marks;
}

/* True: it has had its CPU all the time since pp_sig_keep_cpu() gave 'moment'.  False: it has not,
 * or nobody knows. */
static inline __attribute__((always_inline)) bool pp_sig_has_kept_cpu(const uint64_t *n_marks,
                                                                      uint64_t moment)
{
    const ptrdiff_t offset = pp_sig_kept_cpu_offset;

    return offset != 0 && pp_sig_kept_cpu_is_marked(offset) &&
           *(const volatile uint64_t *)n_marks == moment;
}

#endif
