/* One step of a walk: from a frame to its caller by any rule, with the memory that takes.  Words
 * outside of the stack that is known are read through process_vm_readv, a chunk at a time. */
#include "sigsafe/walk.h"

#include <stddef.h>

enum {
    CHUNK_BEFORE_BYTES = 64, /* saved registers are below the return address */
    MAX_CHUNKS = 4096,       /* read in one walk */
    MAX_STACK_CHANGES = 64,
    PAGE_BYTES = 4096
};

/* From the bounds of this thread's stack and an sp that the kernel told us. */
void pp_sig_walk_open_window(struct pp_sig_walker *w, uint64_t sp)
{
    uint64_t low;

    if (sp < w->bounds.lo || sp >= w->bounds.hi)
        return;
    low = sp - PP_ARCH_RED_ZONE;
    if (low < w->bounds.lo || low > sp)
        low = w->bounds.lo;
    w->window = (low + PP_WALK_WORD - 1) & ~(uint64_t)(PP_WALK_WORD - 1);
    w->n_words = w->bounds.hi > w->window ? (w->bounds.hi - w->window) / PP_WALK_WORD : 0;
}

static bool read_chunk(struct pp_sig_walker *w, uint64_t addr)
{
    const uint64_t page = addr & ~(uint64_t)(PAGE_BYTES - 1);
    const uint64_t begin = addr - page < CHUNK_BEFORE_BYTES ? page : addr - CHUNK_BEFORE_BYTES;
    const uint64_t room = page + PAGE_BYTES - begin;
    const uint64_t n_bytes = room < PP_WALK_CHUNK_BYTES ? room : PP_WALK_CHUNK_BYTES;

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

PP_SIG_READS_STACKS static bool read_word(struct pp_sig_walker *w, uint64_t addr,
                                          uint64_t *value_out)
{
    if (addr % PP_WALK_WORD != 0)
        return false;
    if (pp_sig_word_number(w->window, addr) < w->n_words) {
        *value_out = pp_sig_load(addr);
        return true;
    }
    w->flags |= PP_WALK_SLOW_READS;
    if ((w->n_chunk_bytes == 0 || addr - w->chunk_addr >= w->n_chunk_bytes) && !read_chunk(w, addr))
        return false;
    *value_out = w->chunk[(addr - w->chunk_addr) / PP_WALK_WORD];
    return true;
}

static bool read_context(struct pp_sig_walker *w, unsigned reg, uint64_t *value_out)
{
    if (w->trusted_context != NULL) {
        *value_out = pp_sig_context_register(w->trusted_context, reg);
        return true;
    }
    return w->context != 0 && read_word(w, w->context + pp_sig_arch_context_offset(reg), value_out);
}

static bool stop(struct pp_sig_walker *w, enum pp_sig_walk_end end)
{
    w->end = end;
    return false;
}

/* Where registers are followed rbp may be unknown: nothing is read by it then. */
static bool is_fp_known(const struct pp_sig_walker *w)
{
    return !w->follows_registers || (w->known & 1) != 0;
}

/* The value of a register in the current frame. */
static bool read_register(struct pp_sig_walker *w, unsigned reg, uint64_t *value_out)
{
    const int i = pp_sig_arch_saved_index(reg);

    if (reg == PP_ARCH_SP) {
        *value_out = w->sp;
        return true;
    }
    if (reg == PP_ARCH_FP) {
        *value_out = w->fp;
        return is_fp_known(w) || stop(w, PP_END_STOPPED);
    }
    if (w->context != 0)
        return read_context(w, reg, value_out) || stop(w, PP_END_STOPPED);
    if (i < 0)
        return stop(w, PP_END_STOPPED);
    if (!w->follows_registers)
        return stop(w, PP_END_NEEDS_REGISTERS);
    if ((w->known >> i & 1) == 0)
        return stop(w, PP_END_STOPPED);
    *value_out = w->saved[i];
    return true;
}

/* The rules that go by code that has none: its frame pointer, if that looks like one. */
static bool step_by_frame_pointer(struct pp_sig_walker *w)
{
    uint64_t pc, fp;

    if (!is_fp_known(w))
        return stop(w, PP_END_STOPPED);
    w->flags |= PP_WALK_INFERRED;
    if (w->fp == 0)
        return stop(w, PP_END_AT_ROOT);
    if (w->fp < w->sp || !read_word(w, w->fp, &fp) || !read_word(w, w->fp + PP_WALK_WORD, &pc))
        return stop(w, PP_END_STOPPED);
    w->sp = w->fp + 2 * PP_WALK_WORD;
    w->fp = fp;
    w->pc = pc;
    w->at = pc - 1;
    w->context = 0;
    w->known = 1; /* rbp alone */
    return true;
}

/* Go to where a ucontext says: the interrupted code behind a signal handler, perhaps on another
 * stack. */
static bool step_by_context(struct pp_sig_walker *w, uint64_t rule)
{
    uint64_t context, pc, sp, fp;

    if (++w->n_stack_changes > MAX_STACK_CHANGES)
        return stop(w, PP_END_STOPPED);
    if (!read_register(w, pp_sig_rule_register(rule), &context))
        return false;
    w->context = context;
    w->trusted_context = NULL;
    if (!read_context(w, PP_ARCH_FP, &fp) || !read_context(w, PP_ARCH_SP, &sp) ||
        !read_context(w, PP_ARCH_RETURN_ADDRESS, &pc))
        return stop(w, PP_END_STOPPED);
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
        pp_sig_walk_open_window(w, sp);
    }
    return true;
}

/* The caller's values of the saved registers, when they are followed; else that of rbp only. */
static bool restore_saved(struct pp_sig_walker *w, uint64_t rule, uint64_t cfa)
{
    const unsigned n = w->follows_registers ? PP_ARCH_N_SAVED : 1;
    const uint64_t own_fp = w->fp;
    const bool is_own_fp_known = is_fp_known(w);

    for (unsigned i = 0; i < n; i++) {
        const unsigned where = pp_sig_rule_saved(rule, i);
        if (where == PP_SAVED_IN_PLACE)
            continue;
        w->known &= ~(1u << i);
        if (where == PP_SAVED_LOST || (where >= PP_SAVED_FP && !is_own_fp_known))
            continue;
        if (!read_word(w,
                       where < PP_SAVED_FP ? cfa - PP_WALK_WORD - PP_WALK_WORD * where
                                           : own_fp - PP_WALK_WORD * (where - PP_SAVED_FP),
                       &w->saved[i]))
            return false;
        w->known |= 1u << i;
        if (i == 0)
            w->fp = w->saved[0];
    }
    return true;
}

/* Where the CFA is, of a frame that has one. */
static bool find_cfa(struct pp_sig_walker *w, uint64_t rule, uint64_t *cfa_out)
{
    uint64_t base, index, cfa;

    if (pp_sig_rule_kind(rule) == PP_RULE_PLT) {
        *cfa_out =
            w->sp + PP_WALK_WORD +
            ((int64_t)(w->pc & 15) * PP_WALK_WORD >= pp_sig_rule_offset(rule) ? PP_WALK_WORD : 0);
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
        base += index * PP_WALK_WORD + (uint64_t)pp_sig_rule_indexed_offset(rule);
        break;
    default:
        *cfa_out = base + (uint64_t)pp_sig_rule_offset(rule);
        return true;
    }
    if (!read_word(w, base, &cfa))
        return stop(w, PP_END_STOPPED);
    *cfa_out = cfa + (pp_sig_rule_kind(rule) == PP_RULE_DEREF ? pp_sig_rule_deref_addend(rule)
                                                              : pp_sig_rule_indexed_addend(rule));
    return true;
}

static bool step_by_cfa(struct pp_sig_walker *w, uint64_t rule)
{
    uint64_t cfa, pc;

    if (!find_cfa(w, rule, &cfa))
        return false;
    /* Stacks grow down; a function that runs its callee on another stack may look otherwise, a few
     * times. */
    if (cfa <= w->sp &&
        (pp_sig_rule_kind(rule) == PP_RULE_SP || ++w->n_stack_changes > MAX_STACK_CHANGES))
        return stop(w, PP_END_STOPPED);
    if (!restore_saved(w, rule, cfa) || !read_word(w, cfa - PP_WALK_WORD, &pc))
        return stop(w, PP_END_STOPPED);
    w->sp = cfa;
    w->pc = pc;
    w->at = pc - 1;
    w->context = 0;
    return true;
}

/* Any step.  False: the walk is over, w->end says how. */
bool pp_sig_walk_step(struct pp_sig_walker *w, uint64_t rule)
{
    bool has_stepped;

    switch (pp_sig_rule_kind(rule)) {
    case PP_RULE_NONE:
        has_stepped = step_by_frame_pointer(w);
        break;
    case PP_RULE_SIGNAL:
        w->flags |= PP_WALK_HANDLER;
        has_stepped = step_by_context(w, rule);
        break;
    case PP_RULE_CONTEXT:
        has_stepped = step_by_context(w, rule);
        break;
    case PP_RULE_END:
        return stop(w, PP_END_AT_ROOT);
    case PP_RULE_SP:
    case PP_RULE_FP:
    case PP_RULE_REGISTER:
    case PP_RULE_DEREF:
    case PP_RULE_INDEXED:
    case PP_RULE_PLT:
        has_stepped = step_by_cfa(w, rule);
        break;
    default:
        return stop(w, PP_END_STOPPED);
    }
    if (!has_stepped)
        return false;
    if (w->pc == 0)
        return stop(w, PP_END_AT_ROOT);
    if (w->pc < PP_WALK_MIN_PC || w->pc >= PP_ARCH_MAX_PC)
        return stop(w, PP_END_STOPPED);
    return true;
}

bool pp_sig_walk_is_sigreturn(struct pp_sig_walker *w, uint64_t pc)
{
    uint8_t code[PP_ARCH_SIGRETURN_BYTES];

    if (w->pid == 0)
        w->pid = pp_sig_arch_getpid();
    return pp_sig_arch_read_memory(w->pid, pc, code, sizeof code) && pp_sig_arch_is_sigreturn(code);
}
