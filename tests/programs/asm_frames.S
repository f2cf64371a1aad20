/* Assembly that breaks what unwinders believe: void NAME(uint64_t n_iterations, uint64_t junk).  Each
 * spins under its own name and returns as if nothing had been. */
        .text

        .macro  begin name
        .globl  \name
        .type   \name, @function
\name:
        .endm
        .macro  spin
1:      subq    $1, %rdi
        jnz     1b
        .endm
        .macro  finish name
        .size   \name, . - \name
        .endm

/* Right information, and anything at all in rbp. */
        begin   trashed_rbp
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsi, %rbp
        spin
        popq    %rbp
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
        finish  trashed_rbp

/* No information, anything in rbp, and an odd number of bytes pushed. */
        begin   odd_pushes
        pushq   %rbp
        movq    %rsi, %rbp
        pushw   $7
        pushq   %rsi
        pushw   $9
        pushw   $11
        spin
        leaq    14(%rsp), %rsp
        popq    %rbp
        ret
        finish  odd_pushes

/* No information, a frame by rsp alone, full of junk; rbp points into it. */
        begin   rsp_relative
        pushq   %rbp
        subq    $0x108, %rsp
        leaq    64(%rsp), %rbp
        movq    %rsi, 64(%rsp)
        movq    %rsi, 72(%rsp)
        notq    72(%rsp)
        spin
        addq    $0x108, %rsp
        popq    %rbp
        ret
        finish  rsp_relative

/* No information, and a call with the stack off by two bytes. */
        begin   odd_call
        pushq   %rbp
        movq    %rsi, %rbp
        pushw   $3
        call    odd_callee
        leaq    2(%rsp), %rsp
        popq    %rbp
        ret
        finish  odd_call
        begin   odd_callee
        .cfi_startproc
        spin
        ret
        .cfi_endproc
        finish  odd_callee

/* Information of other code: nothing was pushed, it says. */
        begin   stale_information
        .cfi_startproc
        pushq   %rbp
        pushq   %rsi
        pushq   $1
        pushq   %rsi
        movq    %rsi, %rbp
        spin
        addq    $24, %rsp
        popq    %rbp
        ret
        .cfi_endproc
        finish  stale_information

/* The CFA hangs on rbp, which is junk. */
        begin   wild_cfa
        .cfi_startproc
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset %rbp, -16
        movq    %rsi, %rbp
        .cfi_def_cfa %rbp, 16
        spin
        popq    %rbp
        ret
        .cfi_endproc
        finish  wild_cfa

/* The CFA is a word that junk points to. */
        begin   wild_expression
        .cfi_startproc
        movq    %rsi, %rax
        .cfi_escape 0x0f, 0x03, 0x70, 0x00, 0x06
        spin
        ret
        .cfi_endproc
        finish  wild_expression

/* The CFA is not above the stack pointer. */
        begin   no_progress
        .cfi_startproc
        .cfi_def_cfa_offset 0
        spin
        ret
        .cfi_endproc
        finish  no_progress

/* Every register that a caller may expect to be kept, said to be saved where nothing is. */
        begin   wild_saves
        .cfi_startproc
        .cfi_offset %rbp, -1048576
        .cfi_offset %rbx, -184
        .cfi_offset %r12, 8
        spin
        ret
        .cfi_endproc
        finish  wild_saves

        .section .note.GNU-stack, "", @progbits
