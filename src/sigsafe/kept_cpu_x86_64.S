/* x86-64: a restartable sequence in which nobody ever is.  The kernel demands that it lies in the
 * program's memory, ends before the place to go on at, and that the C library's signature stands
 * before that. */
#if defined(__x86_64__)

        .section .text, "ax", @progbits
        .p2align 4
        .type   never_run, @function
never_run:
        ud2
        .byte   0x0f, 0xb9, 0x3d        /* ud1 ..(%rip), %edi, with the signature as its offset */
        .long   0x53053053
abort_at:
        ud2
        .size   never_run, . - never_run

/* struct rseq_cs of <linux/rseq.h>: version, flags, start_ip, post_commit_offset, abort_ip. */
        .section .data.rel.ro, "aw", @progbits
        .p2align 5
        .globl  pp_sig_kept_cpu_mark
        .hidden pp_sig_kept_cpu_mark
        .type   pp_sig_kept_cpu_mark, @object
pp_sig_kept_cpu_mark:
        .long   0, 0
        .quad   never_run, 2, abort_at
        .size   pp_sig_kept_cpu_mark, . - pp_sig_kept_cpu_mark

#endif

        .section .note.GNU-stack, "", @progbits
