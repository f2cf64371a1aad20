/* Walking a stack by rules.
 *
 * The hot loop steps frames whose CFA is rsp or rbp plus something and whose stack is known memory;
 * it keeps pc, rsp and rbp only.  Everything else is pp_sig_walk_step().  A frame whose CFA hangs
 * on another saved register (_dl_runtime_resolve: rbx) makes the walk begin anew with all saved
 * registers followed. */
#include "sigsafe/unwind.h"

#include <stddef.h>

#include "sigsafe/arch.h"
#include "sigsafe/module_set.h"
#include "sigsafe/rule_cache.h"
#include "sigsafe/walk.h"

enum {
    LEAF_FRAMES = PP_MAX_FRAMES / 2, /* of a cut stack; then PP_PC_CUT, then the root's */
    ROOT_FRAMES = PP_MAX_FRAMES - LEAF_FRAMES - 1
};

static inline uint64_t mix(uint64_t hash, uint64_t pc)
{
    return (hash ^ pc) * 0xff51afd7ed558ccdull;
}

static bool stop(struct pp_sig_walker *w, enum pp_sig_walk_end end)
{
    w->end = end;
    return false;
}

/* A pc that the cache does not know. */
static __attribute__((noinline)) uint64_t find_rule(struct pp_sig_walker *w, uint64_t at,
                                                    uint64_t pc)
{
    uint64_t rule = pp_sig_module_set_find(w->set, at);

    if (pp_sig_rule_kind(rule) == PP_RULE_NONE) {
        /* No call is before the first instruction of a function that has rules, if there are none
         * just before it: this return address was put there to begin a stack (makecontext). */
        if (at != pc && pp_sig_rule_kind(pp_sig_module_set_find(w->set, pc)) != PP_RULE_NONE)
            rule = (rule & PP_RULE_UNLOADABLE) | PP_RULE_END;
        else if (pp_sig_walk_is_sigreturn(w, pc))
            rule = (rule & ~(uint64_t)15) | PP_RULE_SIGNAL | (uint64_t)PP_ARCH_SP << 4;
    }
    pp_sig_rule_cache_put(at, w->salt, rule);
    return rule;
}

/* The slots are full: go round in those of the root part.  False when the walk is long enough. */
static __attribute__((noinline)) bool wrap(struct pp_sig_walker *w)
{
    const bool is_first = w->n_frames == 0;

    if (w->slots_end != w->slots + PP_MAX_FRAMES)
        return stop(w, PP_END_STOPPED);
    w->n_frames += (uint64_t)(w->slot - w->slots) - (is_first ? 0 : LEAF_FRAMES + 1);
    w->slot = w->slots + LEAF_FRAMES + 1;
    return w->n_frames < PP_MAX_WALK || stop(w, PP_END_STOPPED);
}

/* Keep the frame where the walk stands, and find its rule.  False when the walk is long enough. */
static bool keep_frame(struct pp_sig_walker *w, uint64_t *rule_out)
{
    /* All frames but the first are given as return addresses, whose readers look one byte before;
     * an interrupted frame's pc is exact, so one is added. */
    const bool is_interrupted = w->at == w->pc && (w->slot != w->slots || w->n_frames != 0);
    const uint64_t kept = w->pc + (is_interrupted ? 1 : 0);

    if (w->slot == w->slots_end && !wrap(w))
        return false;
    *w->slot++ = kept;
    w->hash = mix(w->hash, kept);
    if (!pp_sig_rule_cache_get(w->at, w->salt, rule_out))
        *rule_out = find_rule(w, w->at, w->pc);
    w->seen |= *rule_out;
    return true;
}

/* Step by 'rule', and on through interrupted frames (through all when registers are followed) to
 * one that the hot loop takes.  False: the walk is over. */
static bool go_on(struct pp_sig_walker *w, uint64_t rule)
{
    do {
        if (!pp_sig_walk_step(w, rule))
            return false;
        if (w->at != w->pc && !w->follows_registers)
            return true;
    } while (keep_frame(w, &rule));
    return false;
}

/* The same from where the hot loop stands.  Arguments, so that it keeps them in registers. */
static __attribute__((noinline)) bool go_on_from(struct pp_sig_walker *w, uint64_t rule,
                                                 uint64_t pc, uint64_t sp, uint64_t fp,
                                                 uint64_t *slot)
{
    w->pc = pc;
    w->at = pc - 1;
    w->sp = sp;
    w->fp = fp;
    w->slot = slot;
    w->context = 0;
    return go_on(w, rule);
}

/* The highest CFA that the hot loop may step to from w->sp; 0 when it may not read there. */
static uint64_t highest_cfa(const struct pp_sig_walker *w)
{
    return pp_sig_word_number(w->window, w->sp) < w->n_words ? w->window + w->n_words * PP_WALK_WORD
                                                             : 0;
}

/* Frames of return addresses.  sp is within the window and CFAs go up; so a frame's words may be
 * read when they are not below sp and the CFA is not above the window's end. */
PP_SIG_READS_STACKS static void walk_frames(struct pp_sig_walker *w)
{
    enum { MAX_FRAME_WORDS = 1 << 27 };
    uint64_t *const slots_end = w->slots_end;
    const uint64_t salt = w->salt;
    uint64_t pc = w->pc, sp = w->sp, fp = w->fp, hash = w->hash, highest = highest_cfa(w);
    uint64_t *slot = w->slot;

    for (;;) {
        uint64_t rule;

        if (__builtin_expect(!pp_sig_rule_cache_get(pc - 1, salt, &rule), 0)) {
            if (pc < PP_WALK_MIN_PC || pc >= PP_ARCH_MAX_PC) { /* such are never in the cache */
                w->end = pc == 0 ? PP_END_AT_ROOT : PP_END_STOPPED;
                w->slot = slot;
                break;
            }
            rule = find_rule(w, pc - 1, pc);
        }
        if (__builtin_expect(slot == slots_end, 0)) {
            w->slot = slot;
            if (!wrap(w))
                break;
            slot = w->slot;
        }
        *slot++ = pc;
        hash = mix(hash, pc);
        if (__builtin_expect((rule & PP_RULE_RARE) != 0, 0))
            w->seen |= rule;
        if (__builtin_expect(pp_sig_rule_kind(rule) <= PP_RULE_FP, 1)) {
            const uint64_t base = (rule & 1) != 0 ? fp : sp;
            const uint64_t cfa = base + (uint64_t)pp_sig_rule_offset(rule);
            const uint64_t word = pp_sig_word_distance(cfa - PP_WALK_WORD - sp);
            const uint64_t where = pp_sig_rule_saved(rule, 0);
            if (__builtin_expect(word - where < MAX_FRAME_WORDS && cfa <= highest, 1)) {
                const uint64_t saved = pp_sig_load(cfa - PP_WALK_WORD - PP_WALK_WORD * where);
                pc = pp_sig_load(cfa - PP_WALK_WORD);
                fp = where != PP_SAVED_IN_PLACE ? saved : fp;
                sp = cfa;
                continue;
            }
        }
        w->hash = hash;
        if (!go_on_from(w, rule, pc, sp, fp, slot))
            return;
        pc = w->pc;
        sp = w->sp;
        fp = w->fp;
        slot = w->slot;
        hash = w->hash;
        highest = highest_cfa(w);
    }
    w->hash = hash;
}

static void reverse(uint64_t *first, uint64_t *last)
{
    for (; first < last; first++, last--) {
        const uint64_t kept = *first;
        *first = *last;
        *last = kept;
    }
}

/* A stack that went round: put its root part in order behind the mark. */
static void close_ring(struct pp_sig_walker *w, struct pp_sig_walk *result)
{
    uint64_t *const ring = w->slots + LEAF_FRAMES + 1;
    const uint64_t n_behind = (uint64_t)(w->slot - ring); /* frames of the last round */

    w->slots[LEAF_FRAMES] = PP_PC_CUT;
    if (n_behind > 0 && n_behind < ROOT_FRAMES) {
        reverse(ring, ring + n_behind - 1);
        reverse(ring + n_behind, ring + ROOT_FRAMES - 1);
        reverse(ring, ring + ROOT_FRAMES - 1);
    }
    w->hash = 0;
    for (unsigned i = 0; i < PP_MAX_FRAMES; i++)
        w->hash = mix(w->hash, w->slots[i]);
    result->n_frames = PP_MAX_FRAMES;
    result->flags |= PP_WALK_CUT;
}

/* Leave away the frames of our own functions at the leaf. */
static void drop_leaf(struct pp_sig_walker *w, struct pp_sig_walk *result, uint32_t n)
{
    if (n == 0)
        return;
    result->n_frames = result->n_frames > n ? result->n_frames - n : 0;
    w->hash = 0;
    for (uint32_t i = 0; i < result->n_frames; i++) {
        w->slots[i] = w->slots[i + n];
        w->hash = mix(w->hash, w->slots[i]);
    }
}

static void finish(struct pp_sig_walker *w, struct pp_sig_walk *result, uint32_t n_dropped)
{
    result->flags = w->flags;
    if (w->end != PP_END_AT_ROOT)
        result->flags |= PP_WALK_TRUNCATED;
    if ((w->seen & PP_RULE_INFERRED) != 0)
        result->flags |= PP_WALK_INFERRED;
    if ((w->seen & PP_RULE_NEW_CODE) != 0)
        result->flags |= PP_WALK_NEW_CODE;
    if ((w->seen & PP_RULE_UNLOADABLE) != 0 && w->set != NULL && pp_sig_module_set_is_old(w->set))
        result->flags |= PP_WALK_INFERRED;
    if (w->n_frames > 0)
        close_ring(w, result);
    else
        result->n_frames = (uint32_t)(w->slot - w->slots);
    drop_leaf(w, result, n_dropped);
    w->hash ^= w->hash >> 32; /* products mix upwards only */
    w->hash *= 0xc4ceb9fe1a85ec53ull;
    w->hash ^= w->hash >> 29;
    result->hash = w->hash != 0 ? w->hash : 1;
}

static void begin(struct pp_sig_walker *w, struct pp_sig_bounds bounds, uint64_t *pcs,
                  uint32_t most_frames)
{
    w->set = __atomic_load_n(&pp_sig_module_set_current, __ATOMIC_ACQUIRE);
    w->salt = w->set != NULL ? w->set->salt : 0;
    w->hash = 0;
    w->seen = 0;
    w->slot = w->slots = pcs;
    w->slots_end = pcs + most_frames;
    w->n_frames = 0;
    w->bounds = bounds;
    w->window = 0;
    w->n_words = 0;
    w->end = PP_END_RUNNING;
    w->flags = 0;
    w->n_stack_changes = 0;
    w->n_chunks = 0;
    w->pid = 0;
    w->n_chunk_bytes = 0;
}

static void begin_at_context(struct pp_sig_walker *w, const ucontext_t *context)
{
    w->trusted_context = context;
    w->context = (uint64_t)(uintptr_t)context;
    w->pc = pp_sig_context_register(context, PP_ARCH_RETURN_ADDRESS);
    w->sp = pp_sig_context_register(context, PP_ARCH_SP);
    for (unsigned i = 0; i < PP_ARCH_N_SAVED; i++)
        w->saved[i] = pp_sig_context_register(context, pp_sig_arch_saved_register(i));
    w->known = (1u << PP_ARCH_N_SAVED) - 1;
}

static void begin_at_registers(struct pp_sig_walker *w,
                               const struct pp_sig_arch_registers *registers)
{
    w->trusted_context = NULL;
    w->context = 0;
    w->pc = registers->pc;
    w->sp = registers->sp;
    for (unsigned i = 0; i < PP_ARCH_N_SAVED; i++)
        w->saved[i] = registers->saved[i];
    w->known = (1u << PP_ARCH_N_SAVED) - 1;
}

static void walk_from(struct pp_sig_walker *w)
{
    uint64_t rule;

    w->at = w->pc;
    w->fp = w->saved[0];
    pp_sig_walk_open_window(w, w->sp);
    if (keep_frame(w, &rule) && go_on(w, rule))
        walk_frames(w);
}

void pp_sig_unwind(const ucontext_t *context, struct pp_sig_bounds bounds, uint64_t *pcs,
                   struct pp_sig_walk *walk)
{
    struct pp_sig_walker w;

    w.follows_registers = false;
    do {
        begin(&w, bounds, pcs, PP_MAX_FRAMES);
        begin_at_context(&w, context);
        walk_from(&w);
        w.follows_registers = w.end == PP_END_NEEDS_REGISTERS;
    } while (w.follows_registers);
    finish(&w, walk, 0);
}

static void walk_at_registers(struct pp_sig_walker *w,
                              const struct pp_sig_arch_registers *registers,
                              struct pp_sig_bounds bounds, uint64_t *pcs, uint32_t most_frames)
{
    w->follows_registers = false;
    do {
        begin(w, bounds, pcs, most_frames);
        begin_at_registers(w, registers);
        walk_from(w);
        w->follows_registers = w->end == PP_END_NEEDS_REGISTERS;
    } while (w->follows_registers);
}

__attribute__((noinline)) void pp_sig_unwind_here(struct pp_sig_bounds bounds, uint64_t *pcs,
                                                  struct pp_sig_walk *walk)
{
    struct pp_sig_arch_registers here;
    struct pp_sig_walker w;

    pp_sig_arch_here(&here);
    walk_at_registers(&w, &here, bounds, pcs, PP_MAX_FRAMES);
    finish(&w, walk, 2);
}

/* How many frames at the leaf are this file's own function and those of the range. */
static uint32_t count_own(const struct pp_sig_walker *w, const char *start, const char *limit)
{
    const uint64_t *const end = w->n_frames > 0 ? w->slots + LEAF_FRAMES : w->slot;
    const uint64_t *at = w->slots + 1;

    while (at < end && *at - 1 >= (uint64_t)(uintptr_t)start &&
           *at - 1 < (uint64_t)(uintptr_t)limit)
        at++;
    if (at < end)
        *(uint64_t *)at -= 1; /* the caller, as if it had been interrupted in its call */
    return (uint32_t)(at - w->slots);
}

__attribute__((noinline)) void pp_sig_unwind_call(struct pp_sig_bounds bounds,
                                                  const char *own_start, const char *own_limit,
                                                  uint64_t *pcs, struct pp_sig_walk *walk)
{
    struct pp_sig_arch_registers here;
    struct pp_sig_walker w;

    pp_sig_arch_here(&here);
    walk_at_registers(&w, &here, bounds, pcs, PP_MAX_FRAMES);
    finish(&w, walk, count_own(&w, own_start, own_limit));
}

__attribute__((noinline)) uint32_t pp_sig_unwind_callers(struct pp_sig_bounds bounds, uint64_t *pcs,
                                                         uint32_t most)
{
    struct pp_sig_arch_registers here;
    struct pp_sig_walker w;

    pp_sig_arch_here(&here);
    walk_at_registers(&w, &here, bounds, pcs, most);
    return (uint32_t)(w.slot - w.slots);
}

void pp_sig_unwind_registers(const struct pp_sig_arch_registers *registers,
                             struct pp_sig_bounds bounds, uint64_t *pcs, struct pp_sig_walk *walk)
{
    struct pp_sig_walker w;

    walk_at_registers(&w, registers, bounds, pcs, PP_MAX_FRAMES);
    finish(&w, walk, 0);
}

void pp_sig_unwind_from(uint64_t pc, uint64_t sp, uint64_t *pcs, struct pp_sig_walk *walk)
{
    const struct pp_sig_arch_registers registers = {.pc = pc, .sp = sp};
    struct pp_sig_walker w;

    w.follows_registers = true; /* which of them are known shows on the way */
    begin(&w, (struct pp_sig_bounds){0, 0}, pcs, PP_MAX_FRAMES);
    begin_at_registers(&w, &registers);
    w.known = 0;
    walk_from(&w);
    finish(&w, walk, 0);
}
