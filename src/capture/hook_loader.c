/* dlopen, dlmopen and dlclose: they set a flag and jump.  An ordinary call would put this library
 * in the place of the caller, whose RUNPATH the loader searches. */
#include "capture/hook_calls.h"
#include "sigsafe/unwind.h"

/* The assembly below reads them. */
void *pp_real_dlopen, *pp_real_dlmopen, *pp_real_dlclose;

#if defined(__x86_64__)
/* Arguments stay in rdi, rsi, rdx; the stack is 16-byte aligned for the calls in between. */
#define HOOK(name, tells)                                                                      \
    __asm__(".text\n.globl pp_hook_" #name "\n.hidden pp_hook_" #name "\n.type pp_hook_" #name \
            ", @function\npp_hook_" #name ":\n"                                                \
            ".cfi_startproc\n"                                                                 \
            "endbr64\n"                                                                        \
            "push %rdi\n.cfi_adjust_cfa_offset 8\n"                                            \
            "push %rsi\n.cfi_adjust_cfa_offset 8\n"                                            \
            "push %rdx\n.cfi_adjust_cfa_offset 8\n"                                            \
            "cmpq $0, pp_real_" #name "(%rip)\n"                                               \
            "jne 1f\n"                                                                         \
            "call pp_hooks_find_real\n"                                                        \
            "1: call " #tells "\n"                                                             \
            "pop %rdx\n.cfi_adjust_cfa_offset -8\n"                                            \
            "pop %rsi\n.cfi_adjust_cfa_offset -8\n"                                            \
            "pop %rdi\n.cfi_adjust_cfa_offset -8\n"                                            \
            "jmp *pp_real_" #name "(%rip)\n"                                                   \
            ".cfi_endproc\n.size pp_hook_" #name ", .-pp_hook_" #name "\n")
HOOK(dlopen, pp_sig_modules_changed);
HOOK(dlmopen, pp_sig_modules_changed);
HOOK(dlclose, pp_sig_modules_closing);
#else
#error "the jump of this CPU is not written yet"
#endif
