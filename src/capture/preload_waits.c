/* The calls that threads wait in are interposed: only in libpprofc-preload-wait and -all, whose
 * link gives our hooks libc's names (meson.build, capture/wait_names.def).  A call may come before
 * any constructor of ours. */
#include <stdbool.h>

#include "capture/hook_waits.h"

bool pp_waits_are_interposed = true;

__attribute__((constructor)) static void find_early(void)
{
    pp_waits_find_real();
}
