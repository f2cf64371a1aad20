/* Where the thread's own word of restartable sequences lies. */
#include "sigsafe/kept_cpu.h"

ptrdiff_t pp_sig_kept_cpu_offset;
