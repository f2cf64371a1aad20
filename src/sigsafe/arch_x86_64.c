/* x86-64: call frame information as rules, signal frames, system calls. */
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "sigsafe/arch.h"
#include "sigsafe/cfi.h"

#if defined(__x86_64__)

enum {
    WORD = 8,
    MAX_DEREF_WORDS = (1 << 12) - 1,
    MAX_ADDEND_WORDS = 255,
    MAX_INDEXED_WORDS = (1 << 10) - 1,
    MAX_INDEXED_ADDEND_WORDS = 63
};

static uint64_t rule_of(enum pp_rule_kind kind, unsigned reg, uint32_t saved)
{
    return (uint64_t)kind | (uint64_t)reg << 4 | (uint64_t)saved << 11;
}

static bool is_words(int64_t offset, int64_t max_words)
{
    return offset % WORD == 0 && offset / WORD <= max_words && offset / WORD >= -max_words;
}

unsigned pp_sig_arch_saved_at_cfa(int64_t offset)
{
    const int64_t n = -offset / WORD - 1;
    return offset % WORD == 0 && n >= 1 && n <= PP_SAVED_LAST_CFA ? (unsigned)n : PP_SAVED_LOST;
}

unsigned pp_sig_arch_saved_at_fp(int64_t offset)
{
    const int64_t n = -offset / WORD + PP_SAVED_FP;
    return offset % WORD == 0 && n >= PP_SAVED_FP && n <= PP_SAVED_LAST_FP ? (unsigned)n
                                                                           : PP_SAVED_LOST;
}

static uint64_t deref_rule(unsigned reg, int64_t offset, int64_t addend, uint32_t saved)
{
    if (reg >= PP_ARCH_RETURN_ADDRESS || !is_words(offset, MAX_DEREF_WORDS) || addend < 0 ||
        !is_words(addend, MAX_ADDEND_WORDS))
        return PP_RULE_STOP;
    return rule_of(PP_RULE_DEREF, reg, saved) | (uint64_t)(offset / WORD) << 51 |
           (uint64_t)(addend / WORD) << 43;
}

/* OpenSSL's Montgomery multiplication: breg <base> offset, breg <index> 0, lit8, mul, plus, deref,
 * plus_uconst addend. */
static bool is_indexed(struct pp_sig_cursor e, uint32_t saved, uint64_t *rule_out)
{
    static const uint8_t middle[] = {0, 0x38, 0x1e, 0x22, 0x06, 0x23};
    const unsigned base = pp_sig_cursor_u8(&e) - 0x70u;
    const int64_t offset = pp_sig_cursor_sleb(&e);
    const unsigned index = pp_sig_cursor_u8(&e) - 0x70u;
    uint64_t addend;

    for (unsigned i = 0; i < sizeof middle; i++)
        if (pp_sig_cursor_u8(&e) != middle[i])
            return false;
    addend = pp_sig_cursor_uleb(&e);
    if (e.is_short || e.at != e.end || base >= PP_ARCH_RETURN_ADDRESS ||
        index >= PP_ARCH_RETURN_ADDRESS || !is_words(offset, MAX_INDEXED_WORDS) ||
        addend > MAX_INDEXED_ADDEND_WORDS * WORD || addend % WORD != 0)
        return false;
    *rule_out = rule_of(PP_RULE_INDEXED, base, saved) | (uint64_t)(offset / WORD) << 53 |
                (uint64_t)index << 49 | (addend / WORD) << 43;
    return true;
}

/* The linkers' expression for a PLT: breg7 8, breg16 0, lit15, and, lit<threshold>, ge, lit3, shl,
 * plus. */
static bool is_plt(struct pp_sig_cursor e, unsigned *threshold_out)
{
    static const uint8_t head[] = {0x77, 8, 0x80, 0, 0x3f, 0x1a};
    static const uint8_t tail[] = {0x2a, 0x33, 0x24, 0x22};
    uint8_t threshold;

    if (e.end - e.at != sizeof head + 1 + sizeof tail)
        return false;
    for (unsigned i = 0; i < sizeof head; i++)
        if (e.at[i] != head[i])
            return false;
    for (unsigned i = 0; i < sizeof tail; i++)
        if (e.at[sizeof head + 1 + i] != tail[i])
            return false;
    threshold = e.at[sizeof head];
    if (threshold < 0x30 || threshold > 0x3f)
        return false;
    *threshold_out = threshold - 0x30u;
    return true;
}

/* register + offset, perhaps dereferenced, perhaps with something added: all that compilers and
 * OpenSSL's assembly use. */
static uint64_t expression_rule(struct pp_sig_cursor e, uint32_t saved)
{
    enum {
        OP_DEREF = 0x06,
        OP_PLUS = 0x22,
        OP_PLUS_UCONST = 0x23,
        OP_LIT0 = 0x30,
        OP_BREG0 = 0x70
    };
    unsigned reg, threshold;
    int64_t offset, addend = 0;
    uint64_t rule;
    bool is_deref = false;

    if (is_plt(e, &threshold))
        return rule_of(PP_RULE_PLT, PP_ARCH_SP, saved) | (uint64_t)threshold << 43;
    if (is_indexed(e, saved, &rule))
        return rule;
    reg = pp_sig_cursor_u8(&e) - (unsigned)OP_BREG0;
    if (reg >= PP_ARCH_RETURN_ADDRESS)
        return PP_RULE_STOP;
    offset = pp_sig_cursor_sleb(&e);
    while (e.at < e.end) {
        const uint8_t op = pp_sig_cursor_u8(&e);
        if (op == OP_DEREF && !is_deref) {
            is_deref = true;
        } else if (op == OP_PLUS_UCONST) {
            addend += (int64_t)(pp_sig_cursor_uleb(&e) & INT32_MAX);
        } else if (op >= OP_LIT0 && op < OP_LIT0 + 32 && e.at < e.end && *e.at == OP_PLUS) {
            addend += op - OP_LIT0;
            e.at++;
        } else {
            return PP_RULE_STOP;
        }
        if (!is_deref) {
            offset += addend;
            addend = 0;
        }
    }
    if (e.is_short)
        return PP_RULE_STOP;
    return is_deref ? deref_rule(reg, offset, addend, saved)
                    : pp_sig_arch_register_rule(reg, offset, saved);
}

uint64_t pp_sig_arch_rule(const struct pp_sig_cfi_row *row, struct pp_sig_cursor expression,
                          bool is_signal_frame)
{
    if (row->return_address == PP_CFI_RA_UNDEFINED)
        return PP_RULE_END;
    if (is_signal_frame)
        return rule_of(PP_RULE_SIGNAL, PP_ARCH_SP, 0);
    if (pp_sig_arch_is_plain(row))
        return pp_sig_arch_register_rule(row->cfa_register, row->cfa_offset, row->saved);
    if (row->return_address == PP_CFI_RA_AT_OFFSET) {
        if (row->cfa_expression == 0 && row->cfa_offset == 0 &&
            row->cfa_register < PP_ARCH_RETURN_ADDRESS &&
            row->return_address_offset ==
                (int64_t)pp_sig_arch_context_offset(PP_ARCH_RETURN_ADDRESS))
            return rule_of(PP_RULE_CONTEXT, row->cfa_register, 0);
        if (row->return_address_offset != -WORD)
            return PP_RULE_STOP;
    }
    if (row->return_address == PP_CFI_RA_OTHER)
        return PP_RULE_STOP;
    return expression_rule(expression, row->saved);
}

size_t pp_sig_arch_context_offset(unsigned dwarf_register)
{
    static const uint8_t greg_of[PP_ARCH_N_REGISTERS] = {
        REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
        REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    return offsetof(ucontext_t, uc_mcontext.gregs) + sizeof(greg_t) * greg_of[dwarf_register];
}

bool pp_sig_arch_is_sigreturn(const uint8_t *code)
{
    static const uint8_t with_rax[] = {0x48, 0xc7, 0xc0, 0x0f, 0,
                                       0,    0,    0x0f, 0x05}; /* mov $15, %rax; syscall */
    static const uint8_t with_eax[] = {0xb8, 0x0f, 0,   0,
                                       0,    0x0f, 0x05}; /* mov $15, %eax; syscall */
    unsigned i;

    for (i = 0; i < sizeof with_rax && code[i] == with_rax[i]; i++)
        ;
    if (i == sizeof with_rax)
        return true;
    for (i = 0; i < sizeof with_eax && code[i] == with_eax[i]; i++)
        ;
    return i == sizeof with_eax;
}

/* Without libc: its functions set errno. */
static long system_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

bool pp_sig_arch_read_memory(long pid, uint64_t addr, void *to, size_t n_bytes)
{
    struct iovec local = {to, n_bytes};
    struct iovec remote = {(void *)(uintptr_t)addr, n_bytes};

    return system_call(SYS_process_vm_readv, pid, (long)&local, 1, (long)&remote, 1, 0) ==
           (long)n_bytes;
}

long pp_sig_arch_getpid(void)
{
    return system_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

uint64_t pp_sig_arch_thread_pointer(void)
{
    uint64_t pointer = 0;

    (void)system_call(SYS_arch_prctl, ARCH_GET_FS, (long)&pointer, 0, 0, 0, 0);
    return pointer;
}

#endif
