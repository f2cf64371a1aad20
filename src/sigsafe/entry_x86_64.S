/* x86-64: where the kernel enters our handler, and how a sample leaves the stack that it came upon. */
#if defined(__x86_64__)
#include "sigsafe/entry.h"

        .text

/* Our signals' handler.  The two words before it tell every copy of us in a process that the
 * handler it finds installed is another copy's. */
        .p2align 4
        .quad   PP_SIG_MARK_FIRST
        .quad   PP_SIG_MARK_SECOND
        .globl  pp_sig_on_tick
        .hidden pp_sig_on_tick
        .type   pp_sig_on_tick, @function
pp_sig_on_tick:
        .cfi_startproc
        endbr64
        jmp     pp_sig_handle
        .cfi_endproc
        .size   pp_sig_on_tick, . - pp_sig_on_tick

/* void pp_sig_sample_on(void *stack_limit, header, thread, context, scratch):
 * pp_sig_sample_here(header, thread, context, scratch) on another stack. */
        .p2align 4
        .globl  pp_sig_sample_on
        .hidden pp_sig_sample_on
        .type   pp_sig_sample_on, @function
pp_sig_sample_on:
        .cfi_startproc
        endbr64
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register %rbp
        movq    %rdi, %rsp
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        movq    %rcx, %rdx
        movq    %r8, %rcx
        call    pp_sig_sample_here
        leave
        .cfi_def_cfa %rsp, 8
        ret
        .cfi_endproc
        .size   pp_sig_sample_on, . - pp_sig_sample_on

        .section .note.GNU-stack, "", @progbits
#endif
