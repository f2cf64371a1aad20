/* Interposed: dlopen, dlmopen and dlclose.  And what is true of a library that interposes. */
#include "capture/hook_calls.h"

bool pp_hooks_are_interposed = true;

/* Before any constructor of ours starts a session. */
__attribute__((constructor(101))) static void find_real(void)
{
    pp_hooks_find_real();
}

#if defined(__x86_64__)
#define EXPORT(name)                                                            \
    __asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" \
            ".cfi_startproc\n"                                                  \
            "endbr64\n"                                                         \
            "jmp pp_hook_" #name "\n"                                           \
            ".cfi_endproc\n.size " #name ", .-" #name "\n")
EXPORT(dlopen);
EXPORT(dlmopen);
EXPORT(dlclose);
#else
#error "the jump of this CPU is not written yet"
#endif
