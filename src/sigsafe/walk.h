/* A walk under way: what unwind.c, which goes from frame to frame, and walk_step.c, which takes one
 * step, share.  It lies on the stack of the handler. */
#ifndef PP_SIGSAFE_WALK_H
#define PP_SIGSAFE_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "sigsafe/arch.h"
#include "sigsafe/module_set.h"
#include "sigsafe/unwind.h"

/* The stack belongs to other code: its red zones are no concern of the sanitizers. */
#define PP_SIG_READS_STACKS __attribute__((no_sanitize("address", "thread")))

enum { PP_WALK_WORD = 8, PP_WALK_CHUNK_BYTES = 256, PP_WALK_MIN_PC = 4096 };

enum pp_sig_walk_end { PP_END_RUNNING, PP_END_AT_ROOT, PP_END_STOPPED, PP_END_NEEDS_REGISTERS };

struct pp_sig_walker {
    struct pp_sig_module_set *set;
    uint64_t pc, at, sp, fp;   /* 'at' is what to look up: pc, or one less for a return address */
    uint64_t window, n_words;  /* plain loads are safe in n_words words from here */
    uint64_t salt, hash, seen; /* 'seen': all rules so far, or-ed */
    uint64_t *slot, *slots;    /* where the next frame goes */
    uint64_t *slots_end;       /* before slots + PP_MAX_FRAMES: no frame more is wanted */
    uint64_t n_frames;
    struct pp_sig_bounds bounds;
    uint64_t context; /* address of the ucontext that has all registers of this frame, or 0 */
    const ucontext_t *trusted_context; /* the same, if it may be read plainly */
    enum pp_sig_walk_end end;
    uint32_t flags;
    uint32_t n_stack_changes, n_chunks;
    uint32_t known; /* a bit for each of 'saved' that has a value */
    bool follows_registers;
    uint64_t saved[PP_ARCH_N_SAVED]; /* when followed, and at the start */
    long pid;
    uint64_t chunk_addr, n_chunk_bytes;
    uint64_t chunk[PP_WALK_CHUNK_BYTES / PP_WALK_WORD];
};

static inline uint64_t pp_sig_word_distance(uint64_t distance)
{
    return distance >> 3 | distance << 61;
}

/* The number of the window's word at 'addr'; huge for addresses that are not a word's or are below
 * the window. */
static inline uint64_t pp_sig_word_number(uint64_t window, uint64_t addr)
{
    return pp_sig_word_distance(addr - window);
}

PP_SIG_READS_STACKS static inline uint64_t pp_sig_load(uint64_t addr)
{
    return *(const volatile uint64_t *)(uintptr_t)addr;
}

/* A register as a ucontext has it. */
static inline uint64_t pp_sig_context_register(const ucontext_t *context, unsigned reg)
{
    uint64_t value;

    __builtin_memcpy(&value, (const char *)context + pp_sig_arch_context_offset(reg), sizeof value);
    return value;
}

/* Any step, by 'rule'.  False: the walk is over, w->end says how. */
PP_SIG bool pp_sig_walk_step(struct pp_sig_walker *w, uint64_t rule);

/* Plain loads are safe from 'sp' up, if that lies on this thread's stack: it must be an sp that the
 * kernel told us. */
PP_SIG void pp_sig_walk_open_window(struct pp_sig_walker *w, uint64_t sp);

/* Does the code at 'pc' return from a signal handler? */
PP_SIG bool pp_sig_walk_is_sigreturn(struct pp_sig_walker *w, uint64_t pc);

#endif
