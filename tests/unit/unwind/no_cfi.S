/* Functions without call frame information. */
        .text
/* Keeps a frame pointer: int framed_call(int (*)(int), int) */
        .globl  framed_call
        .type   framed_call, @function
framed_call:
        pushq   %rbp
        movq    %rsp, %rbp
        movq    %rdi, %rax
        movl    %esi, %edi
        call    *%rax
        addl    $1, %eax
        popq    %rbp
        ret
        .size   framed_call, . - framed_call

/* Puts 'value' in rbp and calls: int trashing_call(int (*)(int), int, unsigned long value) */
        .globl  trashing_call
        .type   trashing_call, @function
trashing_call:
        pushq   %rbp
        movq    %rdx, %rbp
        movq    %rdi, %rax
        movl    %esi, %edi
        call    *%rax
        popq    %rbp
        ret
        .size   trashing_call, . - trashing_call
        .section .note.GNU-stack, "", @progbits
