/* Interposed: dlopen, dlmopen and dlclose.  They set a flag and jump: an ordinary call would put
 * this library in the place of the caller, whose RUNPATH the loader searches. */
#include <dlfcn.h>
#include <stddef.h>

#include "capture/modules.h"
#include "capture/preload.h"

/* libc's.  The assembly below reads them. */
void *pp_preload_dlopen, *pp_preload_dlmopen, *pp_preload_dlclose;
void pp_preload_loader_resolve(void);

__attribute__((constructor(101))) void pp_preload_loader_resolve(void)
{
    if (pp_preload_dlclose != NULL)
        return;
    pp_preload_dlopen = pp_preload_next("dlopen");
    pp_preload_dlmopen = pp_preload_next("dlmopen");
    pp_preload_dlclose = pp_preload_next("dlclose");
}

#if defined(__x86_64__)
/* Arguments stay in rdi, rsi, rdx; the stack is 16-byte aligned for the calls in between. */
#define JUMP(name)                                                              \
    __asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" \
            ".cfi_startproc\n"                                                  \
            "push %rdi\n.cfi_adjust_cfa_offset 8\n"                             \
            "push %rsi\n.cfi_adjust_cfa_offset 8\n"                             \
            "push %rdx\n.cfi_adjust_cfa_offset 8\n"                             \
            "cmpq $0, pp_preload_" #name "(%rip)\n"                             \
            "jne 1f\n"                                                          \
            "call pp_preload_loader_resolve\n"                                  \
            "1: call pp_sig_modules_changed\n"                                  \
            "pop %rdx\n.cfi_adjust_cfa_offset -8\n"                             \
            "pop %rsi\n.cfi_adjust_cfa_offset -8\n"                             \
            "pop %rdi\n.cfi_adjust_cfa_offset -8\n"                             \
            "jmp *pp_preload_" #name "(%rip)\n"                                 \
            ".cfi_endproc\n.size " #name ", .-" #name "\n")
JUMP(dlopen);
JUMP(dlmopen);
JUMP(dlclose);
#else
#error "the jump of this CPU is not written yet"
#endif
