/* Walking a stack by rules.
 *
 * The hot loop steps frames whose CFA is rsp or rbp plus something and whose stack is known memory;
 * it keeps pc, rsp and rbp only.  Everything else is step_slowly().  A frame whose CFA hangs on
 * another saved register (_dl_runtime_resolve: rbx) makes the walk begin anew with all saved
 * registers followed. */
#include "sigsafe/unwind.h"

#include <stddef.h>

#include "sigsafe/arch.h"
#include "sigsafe/module_set.h"
#include "sigsafe/rule_cache.h"

/* The stack belongs to other code: its red zones are no concern of the sanitizers. */
#define READS_STACKS __attribute__((no_sanitize("address", "thread")))

enum {
    WORD = 8,
    LEAF_FRAMES = PP_MAX_FRAMES / 2, /* of a cut stack; then PP_PC_CUT, then the root's */
    ROOT_FRAMES = PP_MAX_FRAMES - LEAF_FRAMES - 1,
    CHUNK_BYTES = 256,
    CHUNK_BEFORE_BYTES = 64, /* saved registers are below the return address */
    MAX_CHUNKS = 4096,       /* read in one walk */
    MAX_STACK_CHANGES = 64,
    PAGE_BYTES = 4096,
    MIN_PC = 4096
};

enum end { RUNNING, AT_ROOT, STOPPED, NEEDS_REGISTERS };

struct walk {
    struct pp_sig_module_set *set;
    uint64_t pc, at, sp, fp;   /* 'at' is what to look up: pc, or one less for a return address */
    uint64_t window, n_words;  /* plain loads are safe in n_words words from here */
    uint64_t salt, hash, seen; /* 'seen': all rules so far, or-ed */
    uint64_t *slot, *slots;    /* where the next frame goes */
    uint64_t n_frames;
    struct pp_sig_bounds bounds;
    uint64_t context; /* address of the ucontext that has all registers of this frame, or 0 */
    const ucontext_t *trusted_context; /* the same, if it may be read plainly */
    enum end end;
    uint32_t flags;
    uint32_t n_stack_changes, n_chunks;
    uint32_t known; /* a bit for each of 'saved' that has a value */
    bool follows_registers;
    uint64_t saved[PP_ARCH_N_SAVED]; /* when followed, and at the start */
    long pid;
    uint64_t chunk_addr, n_chunk_bytes;
    uint64_t chunk[CHUNK_BYTES / WORD];
};

static inline uint64_t mix(uint64_t hash, uint64_t pc)
{
    return (hash ^ pc) * 0xff51afd7ed558ccdull;
}

static inline uint64_t rotate_words(uint64_t distance)
{
    return distance >> 3 | distance << 61;
}

/* The number of the window's word at 'addr'; huge for addresses that are not a word's or are below
 * the window. */
static inline uint64_t word_number(uint64_t window, uint64_t addr)
{
    return rotate_words(addr - window);
}

READS_STACKS static inline uint64_t load(uint64_t addr)
{
    return *(const volatile uint64_t *)(uintptr_t)addr;
}

/* From the bounds of this thread's stack and an sp that the kernel told us. */
static void open_window(struct walk *w, uint64_t sp)
{
    uint64_t low;

    if (sp < w->bounds.lo || sp >= w->bounds.hi)
        return;
    low = sp - PP_ARCH_RED_ZONE;
    if (low < w->bounds.lo || low > sp)
        low = w->bounds.lo;
    w->window = (low + WORD - 1) & ~(uint64_t)(WORD - 1);
    w->n_words = w->bounds.hi > w->window ? (w->bounds.hi - w->window) / WORD : 0;
}

static bool read_chunk(struct walk *w, uint64_t addr)
{
    const uint64_t page = addr & ~(uint64_t)(PAGE_BYTES - 1);
    const uint64_t begin = addr - page < CHUNK_BEFORE_BYTES ? page : addr - CHUNK_BEFORE_BYTES;
    const uint64_t room = page + PAGE_BYTES - begin;
    const uint64_t n_bytes = room < CHUNK_BYTES ? room : CHUNK_BYTES;

    if (addr < PAGE_BYTES || addr >= PP_ARCH_MAX_PC || ++w->n_chunks > MAX_CHUNKS)
        return false;
    if (w->pid == 0)
        w->pid = pp_sig_arch_getpid();
    w->n_chunk_bytes = 0;
    if (!pp_sig_arch_read_memory(w->pid, begin, w->chunk, n_bytes))
        return false;
    w->chunk_addr = begin;
    w->n_chunk_bytes = n_bytes;
    return true;
}

READS_STACKS static bool read_word(struct walk *w, uint64_t addr, uint64_t *value_out)
{
    if (addr % WORD != 0)
        return false;
    if (word_number(w->window, addr) < w->n_words) {
        *value_out = load(addr);
        return true;
    }
    w->flags |= PP_WALK_SLOW_READS;
    if ((w->n_chunk_bytes == 0 || addr - w->chunk_addr >= w->n_chunk_bytes) && !read_chunk(w, addr))
        return false;
    *value_out = w->chunk[(addr - w->chunk_addr) / WORD];
    return true;
}

static bool read_context(struct walk *w, unsigned reg, uint64_t *value_out)
{
    const size_t offset = pp_sig_arch_context_offset(reg);

    if (w->trusted_context != NULL) {
        __builtin_memcpy(value_out, (const char *)w->trusted_context + offset, sizeof *value_out);
        return true;
    }
    return w->context != 0 && read_word(w, w->context + offset, value_out);
}

static bool stop(struct walk *w, enum end end)
{
    w->end = end;
    return false;
}

/* The value of a register in the current frame. */
static bool read_register(struct walk *w, unsigned reg, uint64_t *value_out)
{
    const int i = pp_sig_arch_saved_index(reg);

    if (reg == PP_ARCH_SP) {
        *value_out = w->sp;
        return true;
    }
    if (reg == PP_ARCH_FP) {
        *value_out = w->fp;
        return true;
    }
    if (w->context != 0)
        return read_context(w, reg, value_out) || stop(w, STOPPED);
    if (i < 0)
        return stop(w, STOPPED);
    if (!w->follows_registers)
        return stop(w, NEEDS_REGISTERS);
    if ((w->known >> i & 1) == 0)
        return stop(w, STOPPED);
    *value_out = w->saved[i];
    return true;
}

/* The rules that go by code that has none: its frame pointer, if that looks like one. */
static bool step_by_frame_pointer(struct walk *w)
{
    uint64_t pc, fp;

    w->flags |= PP_WALK_INFERRED;
    if (w->fp == 0)
        return stop(w, AT_ROOT);
    if (w->fp < w->sp || !read_word(w, w->fp, &fp) || !read_word(w, w->fp + WORD, &pc))
        return stop(w, STOPPED);
    w->sp = w->fp + 2 * WORD;
    w->fp = fp;
    w->pc = pc;
    w->at = pc - 1;
    w->context = 0;
    w->known = 0;
    return true;
}

/* Go to where a ucontext says: the interrupted code behind a signal handler, perhaps on another
 * stack. */
static bool step_by_context(struct walk *w, uint64_t rule)
{
    uint64_t context, pc, sp, fp;

    if (++w->n_stack_changes > MAX_STACK_CHANGES)
        return stop(w, STOPPED);
    if (!read_register(w, pp_sig_rule_register(rule), &context))
        return false;
    w->context = context;
    w->trusted_context = NULL;
    if (!read_context(w, PP_ARCH_FP, &fp) || !read_context(w, PP_ARCH_SP, &sp) ||
        !read_context(w, PP_ARCH_RETURN_ADDRESS, &pc))
        return stop(w, STOPPED);
    w->known = 0;
    for (unsigned i = 0; w->follows_registers && i < PP_ARCH_N_SAVED; i++)
        if (read_context(w, pp_sig_arch_saved_register(i), &w->saved[i]))
            w->known |= 1u << i;
    w->pc = pc;
    w->sp = sp;
    w->fp = fp;
    w->at = pc;
    if (pp_sig_rule_kind(rule) == PP_RULE_CONTEXT) {
        w->at = pc - 1;
        w->context = 0;
    } else {
        open_window(w, sp);
    }
    return true;
}

/* The caller's values of the saved registers, when they are followed; else that of rbp only. */
static bool restore_saved(struct walk *w, uint64_t rule, uint64_t cfa)
{
    const unsigned n = w->follows_registers ? PP_ARCH_N_SAVED : 1;
    const uint64_t own_fp = w->fp;

    for (unsigned i = 0; i < n; i++) {
        const unsigned where = pp_sig_rule_saved(rule, i);
        if (where == PP_SAVED_IN_PLACE)
            continue;
        w->known &= ~(1u << i);
        if (where == PP_SAVED_LOST)
            continue;
        if (!read_word(w,
                       where < PP_SAVED_FP ? cfa - WORD - WORD * where
                                           : own_fp - WORD * (where - PP_SAVED_FP),
                       &w->saved[i]))
            return false;
        w->known |= 1u << i;
        if (i == 0)
            w->fp = w->saved[0];
    }
    return true;
}

/* Where the CFA is, of a frame that has one. */
static bool find_cfa(struct walk *w, uint64_t rule, uint64_t *cfa_out)
{
    uint64_t base, index, cfa;

    if (pp_sig_rule_kind(rule) == PP_RULE_PLT) {
        *cfa_out =
            w->sp + WORD + ((int64_t)(w->pc & 15) * WORD >= pp_sig_rule_offset(rule) ? WORD : 0);
        return true;
    }
    if (!read_register(w, pp_sig_rule_register(rule), &base))
        return false;
    switch (pp_sig_rule_kind(rule)) {
    case PP_RULE_DEREF:
        base += (uint64_t)pp_sig_rule_deref_offset(rule);
        break;
    case PP_RULE_INDEXED:
        if (!read_register(w, pp_sig_rule_index_register(rule), &index))
            return false;
        base += index * WORD + (uint64_t)pp_sig_rule_indexed_offset(rule);
        break;
    default:
        *cfa_out = base + (uint64_t)pp_sig_rule_offset(rule);
        return true;
    }
    if (!read_word(w, base, &cfa))
        return stop(w, STOPPED);
    *cfa_out = cfa + (pp_sig_rule_kind(rule) == PP_RULE_DEREF ? pp_sig_rule_deref_addend(rule)
                                                              : pp_sig_rule_indexed_addend(rule));
    return true;
}

static bool step_by_cfa(struct walk *w, uint64_t rule)
{
    uint64_t cfa, pc;

    if (!find_cfa(w, rule, &cfa))
        return false;
    /* Stacks grow down; a function that runs its callee on another stack may look otherwise, a few
     * times. */
    if (cfa <= w->sp &&
        (pp_sig_rule_kind(rule) == PP_RULE_SP || ++w->n_stack_changes > MAX_STACK_CHANGES))
        return stop(w, STOPPED);
    if (!restore_saved(w, rule, cfa) || !read_word(w, cfa - WORD, &pc))
        return stop(w, STOPPED);
    w->sp = cfa;
    w->pc = pc;
    w->at = pc - 1;
    w->context = 0;
    return true;
}

/* Any step.  False: the walk is over, w->end says how. */
static __attribute__((noinline)) bool step_slowly(struct walk *w, uint64_t rule)
{
    bool has_stepped;

    switch (pp_sig_rule_kind(rule)) {
    case PP_RULE_NONE:
        has_stepped = step_by_frame_pointer(w);
        break;
    case PP_RULE_SIGNAL:
    case PP_RULE_CONTEXT:
        has_stepped = step_by_context(w, rule);
        break;
    case PP_RULE_END:
        return stop(w, AT_ROOT);
    case PP_RULE_SP:
    case PP_RULE_FP:
    case PP_RULE_REGISTER:
    case PP_RULE_DEREF:
    case PP_RULE_INDEXED:
    case PP_RULE_PLT:
        has_stepped = step_by_cfa(w, rule);
        break;
    default:
        return stop(w, STOPPED);
    }
    if (!has_stepped)
        return false;
    if (w->pc == 0)
        return stop(w, AT_ROOT);
    if (w->pc < MIN_PC || w->pc >= PP_ARCH_MAX_PC)
        return stop(w, STOPPED);
    return true;
}

static bool is_sigreturn(struct walk *w, uint64_t pc)
{
    uint8_t code[PP_ARCH_SIGRETURN_BYTES];

    if (w->pid == 0)
        w->pid = pp_sig_arch_getpid();
    return pp_sig_arch_read_memory(w->pid, pc, code, sizeof code) && pp_sig_arch_is_sigreturn(code);
}

/* A pc that the cache does not know. */
static __attribute__((noinline)) uint64_t find_rule(struct walk *w, uint64_t at, uint64_t pc)
{
    uint64_t rule = pp_sig_module_set_find(w->set, at);

    if (pp_sig_rule_kind(rule) == PP_RULE_NONE) {
        /* No call is before the first instruction of a function that has rules, if there are none
         * just before it: this return address was put there to begin a stack (makecontext). */
        if (at != pc && pp_sig_rule_kind(pp_sig_module_set_find(w->set, pc)) != PP_RULE_NONE)
            rule = (rule & PP_RULE_UNLOADABLE) | PP_RULE_END;
        else if (is_sigreturn(w, pc))
            rule = (rule & ~(uint64_t)15) | PP_RULE_SIGNAL | (uint64_t)PP_ARCH_SP << 4;
    }
    pp_sig_rule_cache_put(at, w->salt, rule);
    return rule;
}

/* The slots are full: go round in those of the root part.  False when the walk is long enough. */
static __attribute__((noinline)) bool wrap(struct walk *w)
{
    const bool is_first = w->n_frames == 0;

    w->n_frames += (uint64_t)(w->slot - w->slots) - (is_first ? 0 : LEAF_FRAMES + 1);
    w->slot = w->slots + LEAF_FRAMES + 1;
    return w->n_frames < PP_MAX_WALK || stop(w, STOPPED);
}

/* Keep the frame where the walk stands, and find its rule.  False when the walk is long enough. */
static bool keep_frame(struct walk *w, uint64_t *rule_out)
{
    /* All frames but the first are given as return addresses, whose readers look one byte before;
     * an interrupted frame's pc is exact, so one is added. */
    const bool is_interrupted = w->at == w->pc && (w->slot != w->slots || w->n_frames != 0);
    const uint64_t kept = w->pc + (is_interrupted ? 1 : 0);

    if (w->slot == w->slots + PP_MAX_FRAMES && !wrap(w))
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
static bool go_on(struct walk *w, uint64_t rule)
{
    do {
        if (!step_slowly(w, rule))
            return false;
        if (w->at != w->pc && !w->follows_registers)
            return true;
    } while (keep_frame(w, &rule));
    return false;
}

/* The same from where the hot loop stands.  Arguments, so that it keeps them in registers. */
static __attribute__((noinline)) bool go_on_from(struct walk *w, uint64_t rule, uint64_t pc,
                                                 uint64_t sp, uint64_t fp, uint64_t *slot)
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
static uint64_t highest_cfa(const struct walk *w)
{
    return word_number(w->window, w->sp) < w->n_words ? w->window + w->n_words * WORD : 0;
}

/* Frames of return addresses.  sp is within the window and CFAs go up; so a frame's words may be
 * read when they are not below sp and the CFA is not above the window's end. */
READS_STACKS static void walk_frames(struct walk *w)
{
    enum { MAX_FRAME_WORDS = 1 << 27 };
    uint64_t *const slots_end = w->slots + PP_MAX_FRAMES;
    const uint64_t salt = w->salt;
    uint64_t pc = w->pc, sp = w->sp, fp = w->fp, hash = w->hash, highest = highest_cfa(w);
    uint64_t *slot = w->slot;

    for (;;) {
        uint64_t rule;

        if (__builtin_expect(!pp_sig_rule_cache_get(pc - 1, salt, &rule), 0)) {
            if (pc < MIN_PC || pc >= PP_ARCH_MAX_PC) { /* such are never in the cache */
                w->end = pc == 0 ? AT_ROOT : STOPPED;
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
            const uint64_t word = rotate_words(cfa - WORD - sp);
            const uint64_t where = pp_sig_rule_saved(rule, 0);
            if (__builtin_expect(word - where < MAX_FRAME_WORDS && cfa <= highest, 1)) {
                const uint64_t saved = load(cfa - WORD - WORD * where);
                pc = load(cfa - WORD);
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
static void close_ring(struct walk *w, struct pp_sig_walk *result)
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
static void drop_leaf(struct walk *w, struct pp_sig_walk *result, uint32_t n)
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

static void finish(struct walk *w, struct pp_sig_walk *result, uint32_t n_dropped)
{
    result->flags = w->flags;
    if (w->end != AT_ROOT)
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

static void begin(struct walk *w, struct pp_sig_bounds bounds, uint64_t *pcs)
{
    w->set = __atomic_load_n(&pp_sig_module_set_current, __ATOMIC_ACQUIRE);
    w->salt = w->set != NULL ? w->set->salt : 0;
    w->hash = 0;
    w->seen = 0;
    w->slot = w->slots = pcs;
    w->n_frames = 0;
    w->bounds = bounds;
    w->window = 0;
    w->n_words = 0;
    w->end = RUNNING;
    w->flags = 0;
    w->n_stack_changes = 0;
    w->n_chunks = 0;
    w->pid = 0;
    w->n_chunk_bytes = 0;
}

static void begin_at_context(struct walk *w, const ucontext_t *context)
{
    w->trusted_context = context;
    w->context = (uint64_t)(uintptr_t)context;
    (void)read_context(w, PP_ARCH_RETURN_ADDRESS, &w->pc);
    (void)read_context(w, PP_ARCH_SP, &w->sp);
    for (unsigned i = 0; i < PP_ARCH_N_SAVED; i++)
        (void)read_context(w, pp_sig_arch_saved_register(i), &w->saved[i]);
}

static void begin_at_registers(struct walk *w, const struct pp_sig_arch_registers *registers)
{
    w->trusted_context = NULL;
    w->context = 0;
    w->pc = registers->pc;
    w->sp = registers->sp;
    for (unsigned i = 0; i < PP_ARCH_N_SAVED; i++)
        w->saved[i] = registers->saved[i];
}

static void walk_from(struct walk *w)
{
    uint64_t rule;

    w->at = w->pc;
    w->fp = w->saved[0];
    w->known = (1u << PP_ARCH_N_SAVED) - 1;
    open_window(w, w->sp);
    if (keep_frame(w, &rule) && go_on(w, rule))
        walk_frames(w);
}

void pp_sig_unwind(const ucontext_t *context, struct pp_sig_bounds bounds, uint64_t *pcs,
                   struct pp_sig_walk *walk)
{
    struct walk w;

    w.follows_registers = false;
    do {
        begin(&w, bounds, pcs);
        begin_at_context(&w, context);
        walk_from(&w);
        w.follows_registers = w.end == NEEDS_REGISTERS;
    } while (w.follows_registers);
    finish(&w, walk, 0);
}

__attribute__((noinline)) void pp_sig_unwind_here(struct pp_sig_bounds bounds, uint64_t *pcs,
                                                  struct pp_sig_walk *walk)
{
    struct pp_sig_arch_registers here;
    struct walk w;

    pp_sig_arch_here(&here);
    w.follows_registers = false;
    do {
        begin(&w, bounds, pcs);
        begin_at_registers(&w, &here);
        walk_from(&w);
        w.follows_registers = w.end == NEEDS_REGISTERS;
    } while (w.follows_registers);
    finish(&w, walk, 2);
}
