/* The last lines of a run about the heap. */
#ifndef PP_CLI_RUN_HEAP_H
#define PP_CLI_RUN_HEAP_H

#include "cli/run.h"

/* "myprog exited 0 after 12 s; 1.2 GiB in 3 400 000 allocations, 20.1 MiB +- 0.8 MiB in use at the
 * end by 53 samples", then the lines that hold most.  'who' instead of how the program ended:
 * "heap" behind its other kinds' lines, or another process; NULL: neither.  'header' is the
 * process's last recording. */
void pp_run_say_heap(const struct pp_run *run, const struct pprofc_profile *profile,
                     const struct pp_rec_header *header, const char *who);

#endif
