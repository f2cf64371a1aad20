/* x86-64: from a call that passed straight through us to the C code that samples it.  The registers
 * that the program's function keeps are handed along, so that a walk begins at that function and
 * not at ours. */
#if defined(__x86_64__)

        .section pp_heap_text, "ax", @progbits

/* 'registers' is the argument behind the program's own: a struct pp_sig_arch_registers whose pc is
 * just before the return address. */
        .macro  HAND_ON name, registers
        .p2align 4
        .globl  pp_sig_\name\()_entry
        .hidden pp_sig_\name\()_entry
        .type   pp_sig_\name\()_entry, @function
pp_sig_\name\()_entry:
        .cfi_startproc
        endbr64
        subq    $72, %rsp
        .cfi_def_cfa_offset 80
        movq    72(%rsp), %rax
        subq    $1, %rax
        movq    %rax, 0(%rsp)
        leaq    80(%rsp), %rax
        movq    %rax, 8(%rsp)
        movq    %rbp, 16(%rsp)
        movq    %rbx, 24(%rsp)
        movq    %r12, 32(%rsp)
        movq    %r13, 40(%rsp)
        movq    %r14, 48(%rsp)
        movq    %r15, 56(%rsp)
        movq    %rsp, \registers
        call    pp_sig_\name\()_slowly
        addq    $72, %rsp
        .cfi_def_cfa_offset 8
        ret
        .cfi_endproc
        .size   pp_sig_\name\()_entry, . - pp_sig_\name\()_entry
        .endm

        HAND_ON malloc, %rsi
        HAND_ON calloc, %rsi
        HAND_ON realloc, %rdx

        .section .note.GNU-stack, "", @progbits
#endif
