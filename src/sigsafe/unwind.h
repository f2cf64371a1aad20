/* Walking the stack of an interrupted thread, in its signal handler.
 *
 * Writers: the helper thread publishes module sets (capture/modules.c) by one pointer swap.
 * Readers: handlers on any thread.  A set is freed only when no handler can hold it any more (the
 * caller of the refresh sees to that). */
#ifndef PP_SIGSAFE_UNWIND_H
#define PP_SIGSAFE_UNWIND_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "sigsafe/sigsafe.h"

enum {
    PP_MAX_FRAMES = 512, /* a stack of this many frames is kept whole */
    PP_MAX_WALK = 65536, /* a deeper one is walked so far; beyond, its root is not known */
    PP_PC_CUT = 1,       /* pseudo frame between leaf part and root part of a deeper stack */
    PP_PC_UNSAMPLED = 2, /* pseudo frame: CPU time that no sample saw */
};

/* Where plain loads are known to be safe on this thread: [max(lo, sp - 128), hi).  Outside of it
 * the walker reads through process_vm_readv, which cannot fault.  hi == 0: nothing is known yet. */
struct pp_sig_bounds {
    uintptr_t lo, hi;
};

enum {
    PP_WALK_TRUNCATED = 1 << 0,  /* stopped before the root */
    PP_WALK_CUT = 1 << 1,        /* PP_PC_CUT stands in the middle */
    PP_WALK_INFERRED = 1 << 2,   /* frame pointers were used where there is no unwind information */
    PP_WALK_NEW_CODE = 1 << 3,   /* a pc in no known module or in one without table: look again */
    PP_WALK_SLOW_READS = 1 << 4, /* stack outside the known bounds */
    PP_WALK_HANDLER = 1 << 5,    /* a signal handler's frame was passed */
    PP_WALK_MAPPED = 1 << 6,     /* no walk's own: the call that it is of maps memory */
};

struct pp_sig_walk {
    uint32_t n_frames;
    uint32_t flags;
    uint64_t hash; /* of the frames; never 0 */
};

/* Walk from 'context' into 'pcs' (room for PP_MAX_FRAMES + 1), leaf first.  pcs[0] is the
 * interrupted pc; callers are return addresses as found (code that was interrupted by a signal
 * further up: its pc plus one, so that all of them are looked up one byte before).  Needs under 2
 * KiB of stack, no lock, no allocation; keeps errno. */
PP_SIG void pp_sig_unwind(const ucontext_t *context, struct pp_sig_bounds bounds, uint64_t *pcs,
                          struct pp_sig_walk *walk);

/* From here, for calls at a function boundary (locks, malloc, blocking calls): the frames of our
 * caller's caller. */
PP_SIG void pp_sig_unwind_here(struct pp_sig_bounds bounds, uint64_t *pcs,
                               struct pp_sig_walk *walk);

/* From registers of this thread's, as if it had been interrupted there. */
struct pp_sig_arch_registers;
PP_SIG void pp_sig_unwind_registers(const struct pp_sig_arch_registers *registers,
                                    struct pp_sig_bounds bounds, uint64_t *pcs,
                                    struct pp_sig_walk *walk);

/* From here, without the frames at the leaf that lie in [own_start, own_limit): for calls that our
 * functions there stand before.  pcs[0] is just before the return address. */
PP_SIG void pp_sig_unwind_call(struct pp_sig_bounds bounds, const char *own_start,
                               const char *own_limit, uint64_t *pcs, struct pp_sig_walk *walk);

/* From here, no further than 'most' frames (PP_MAX_FRAMES at most), ours among them; returns how
 * many there are. */
PP_SIG uint32_t pp_sig_unwind_callers(struct pp_sig_bounds bounds, uint64_t *pcs, uint32_t most);

/* From where another thread of this process waits, by the kernel's word: all other registers are
 * unknown until a frame has saved them, and a frame that needs one of those ends the walk
 * (PP_WALK_TRUNCATED).  That thread may end meanwhile: its stack is read by process_vm_readv. */
PP_SIG void pp_sig_unwind_from(uint64_t pc, uint64_t sp, uint64_t *pcs, struct pp_sig_walk *walk);

/* Set by dlopen and dlclose hooks, by any thread, at any time: what is mapped may have changed. */
PP_SIG void pp_sig_modules_changed(void);
PP_SIG void pp_sig_modules_closing(void);

#endif
