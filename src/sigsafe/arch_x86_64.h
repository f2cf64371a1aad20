/* x86-64: what a rule says about one frame, its registers, and system calls without libc.
 *
 * A rule is one word, so that the cache can publish it without a lock and a table row can name it
 * by a number:
 * - bits 0-3: kind
 * - bits 4-7: DWARF number of the CFA's base register
 * - bits 8-10: unloadable, inferred, new code
 * - bits 11-40: five bits for each of rbp rbx r12 r13 r14 r15, where the caller's value is
 * - bits 43-63: CFA offset in words (signed), or a PLT's threshold
 * - of a deref instead: the addend in bits 43-50, the offset in bits 51-63
 * - of an indexed deref: the addend in 43-48, the index register in 49-52, the offset in 53-63
 *
 * The return address is the word below the CFA.  Another CPU brings its own word behind the same
 * names. */
#ifndef PP_SIGSAFE_ARCH_X86_64_H
#define PP_SIGSAFE_ARCH_X86_64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "sigsafe/cfi.h"
#include "sigsafe/sigsafe.h"

enum {
    PP_ARCH_FP = 6, /* rbp */
    PP_ARCH_SP = 7, /* rsp */
    PP_ARCH_RETURN_ADDRESS = 16,
    PP_ARCH_N_REGISTERS = 17,
    PP_ARCH_N_SAVED = 6, /* registers a callee keeps, that a rule tells of; the first is rbp */
    PP_ARCH_RED_ZONE = 128,
    PP_ARCH_SIGRETURN_BYTES = 9,
    PP_ARCH_ELF_MACHINE = 62 /* EM_X86_64 */
};

#define PP_ARCH_MAX_PC ((uint64_t)1 << 47)

enum pp_rule_kind {
    PP_RULE_SP,       /* CFA = rsp + offset; rbp in place or at a word below the CFA */
    PP_RULE_FP,       /* CFA = rbp + offset; the same */
    PP_RULE_REGISTER, /* CFA = register + offset */
    PP_RULE_DEREF,    /* CFA = word at (register + offset) + addend */
    PP_RULE_INDEXED,  /* CFA = word at (register + 8 * index register + offset) + addend */
    PP_RULE_PLT,      /* CFA = rsp + 8, + 8 from the threshold in each 16 bytes on */
    PP_RULE_SIGNAL,   /* a ucontext lies at the register: an interrupted pc */
    PP_RULE_CONTEXT, /* a ucontext lies at the register: a return address (setcontext on its way) */
    PP_RULE_NONE,    /* nothing known: frame pointer */
    PP_RULE_END,     /* outermost frame */
    PP_RULE_STOP     /* known, but a rule cannot say it */
};

#define PP_RULE_UNLOADABLE ((uint64_t)1 << 8) /* the module may be unloaded */
#define PP_RULE_INFERRED ((uint64_t)1 << 9)
#define PP_RULE_NEW_CODE ((uint64_t)1 << 10)

/* In these bits the hot loop's rules have nothing. */
#define PP_RULE_RARE (PP_RULE_UNLOADABLE | PP_RULE_INFERRED | PP_RULE_NEW_CODE | 14)

/* Where a saved register is: 0 in place; 1-23 at CFA - 8 - 8 * n; 24-30 at rbp - 8 * (n - 24); 31
 * lost. */
enum {
    PP_SAVED_IN_PLACE = 0,
    PP_SAVED_LAST_CFA = 23,
    PP_SAVED_FP = 24,
    PP_SAVED_LAST_FP = 30,
    PP_SAVED_LOST = 31
};

static inline unsigned pp_sig_rule_kind(uint64_t rule)
{
    return (unsigned)(rule & 15);
}

static inline unsigned pp_sig_rule_register(uint64_t rule)
{
    return (unsigned)(rule >> 4) & 15;
}

/* In bytes. */
static inline int64_t pp_sig_rule_offset(uint64_t rule)
{
    return ((int64_t)rule >> 43) * 8;
}

static inline int64_t pp_sig_rule_deref_offset(uint64_t rule)
{
    return ((int64_t)rule >> 51) * 8;
}

static inline int64_t pp_sig_rule_indexed_offset(uint64_t rule)
{
    return ((int64_t)rule >> 53) * 8;
}

static inline unsigned pp_sig_rule_index_register(uint64_t rule)
{
    return (unsigned)(rule >> 49) & 15;
}

static inline uint64_t pp_sig_rule_deref_addend(uint64_t rule)
{
    return ((rule >> 43) & 255) * 8;
}

static inline uint64_t pp_sig_rule_indexed_addend(uint64_t rule)
{
    return ((rule >> 43) & 63) * 8;
}

static inline unsigned pp_sig_rule_saved(uint64_t rule, unsigned i)
{
    return (unsigned)(rule >> (11 + 5 * i)) & 31;
}

/* Which of the saved registers a DWARF number is, or -1. */
static inline int pp_sig_arch_saved_index(uint64_t dwarf_register)
{
    static const int8_t index_of[PP_ARCH_N_REGISTERS] = {-1, -1, -1, 1, -1, -1, 0, -1, -1,
                                                         -1, -1, -1, 2, 3,  4,  5, -1};
    return dwarf_register < PP_ARCH_N_REGISTERS ? index_of[dwarf_register] : -1;
}

/* The same, back. */
static inline unsigned pp_sig_arch_saved_register(unsigned i)
{
    static const uint8_t register_of[PP_ARCH_N_SAVED] = {6, 3, 12, 13, 14, 15};
    return register_of[i];
}

/* How a register at CFA + 'offset', or at rbp + 'offset', is told. */
PP_SIG unsigned pp_sig_arch_saved_at_cfa(int64_t offset);
PP_SIG unsigned pp_sig_arch_saved_at_fp(int64_t offset);

/* The rule "CFA = register + offset" that nearly all rows are. */
static inline uint64_t pp_sig_arch_register_rule(unsigned reg, int64_t offset, uint32_t saved)
{
    enum { MAX_WORDS = (1 << 20) - 1 };
    const int64_t words = offset >> 3; /* not a division: this is half of building a table */
    enum pp_rule_kind kind = PP_RULE_REGISTER;

    if (reg >= PP_ARCH_RETURN_ADDRESS || (offset & 7) != 0 ||
        (uint64_t)(words + MAX_WORDS) > 2 * MAX_WORDS)
        return PP_RULE_STOP;
    if ((saved & 31) <= PP_SAVED_LAST_CFA) {
        if (reg == PP_ARCH_SP)
            kind = PP_RULE_SP;
        else if (reg == PP_ARCH_FP)
            kind = PP_RULE_FP;
    }
    return (uint64_t)kind | (uint64_t)reg << 4 | (uint64_t)saved << 11 | (uint64_t)words << 43;
}

/* Is that all there is to the row?  (Elsewhere the return address is not where a call puts it.) */
static inline bool pp_sig_arch_is_plain(const struct pp_sig_cfi_row *row)
{
    return row->cfa_expression == 0 &&
           (row->return_address == PP_CFI_RA_DEFAULT ||
            (row->return_address == PP_CFI_RA_AT_OFFSET && row->return_address_offset == -8));
}

/* A row of call frame information as a rule.  'expression' is the CFA's expression where it has
 * one. */
PP_SIG uint64_t pp_sig_arch_rule(const struct pp_sig_cfi_row *row, struct pp_sig_cursor expression,
                                 bool is_signal_frame);

/* Offset of a DWARF register within a ucontext. */
PP_SIG size_t pp_sig_arch_context_offset(unsigned dwarf_register);

/* Do the bytes at 'pc' return from a signal handler? 'code' are the PP_ARCH_SIGRETURN_BYTES from
 * there. */
PP_SIG bool pp_sig_arch_is_sigreturn(const uint8_t *code);

/* What a function keeps for its caller, where it stands. */
struct pp_sig_arch_registers {
    uint64_t pc, sp, saved[PP_ARCH_N_SAVED];
};

static inline __attribute__((always_inline)) void pp_sig_arch_here(
    struct pp_sig_arch_registers *here)
{
    __asm__ volatile("leaq 0(%%rip), %%rax\n\t"
                     "movq %%rax, 0(%0)\n\t"
                     "movq %%rsp, 8(%0)\n\t"
                     "movq %%rbp, 16(%0)\n\t"
                     "movq %%rbx, 24(%0)\n\t"
                     "movq %%r12, 32(%0)\n\t"
                     "movq %%r13, 40(%0)\n\t"
                     "movq %%r14, 48(%0)\n\t"
                     "movq %%r15, 56(%0)\n\t"
                     :
                     : "r"(here)
                     : "rax", "memory");
}

/* Read this process's memory without the risk of a fault.  True when all of it could be read. */
PP_SIG bool pp_sig_arch_read_memory(long pid, uint64_t addr, void *to, size_t n_bytes);
PP_SIG long pp_sig_arch_getpid(void);

/* This thread's, by a system call: one made by clone() may have none that could be read through. */
PP_SIG uint64_t pp_sig_arch_thread_pointer(void);

#endif
