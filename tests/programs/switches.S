/* A context switch by hand, as boost.context has it: void *switch_to(void **own_sp_out, void *other_sp)
 * keeps what a callee must and goes on on the other stack. */
        .text
        .globl  switch_to
        .type   switch_to, @function
switch_to:
        pushq   %rbp
        pushq   %rbx
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbx
        popq    %rbp
        ret
        .size   switch_to, . - switch_to

/* Where a new stack begins; its argument is in rbx.  No caller, it says. */
        .globl  fiber_start
        .type   fiber_start, @function
fiber_start:
        .cfi_startproc
        .cfi_undefined %rip
        movq    %rbx, %rdi
        call    fiber_entry
        ud2
        .cfi_endproc
        .size   fiber_start, . - fiber_start

/* The same as most have it: no information, only a 0 where a return address would be. */
        .globl  bare_fiber_start
        .type   bare_fiber_start, @function
bare_fiber_start:
        movq    %rbx, %rdi
        xorl    %ebp, %ebp
        pushq   $0
        pushq   $0
        call    fiber_entry
        ud2
        .size   bare_fiber_start, . - bare_fiber_start

        .section .note.GNU-stack, "", @progbits
