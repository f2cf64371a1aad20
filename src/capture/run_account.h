/* What `pprofc run` is to know of what the program does with the library by itself, also after its
 * recording has ended: the command still has the recording's memory. */
#ifndef PP_CAPTURE_RUN_ACCOUNT_H
#define PP_CAPTURE_RUN_ACCOUNT_H

#include <stdint.h>

#include "recording/layout.h"

/* The program has done 'what' itself.  With the session's lock held, while there is a recording. */
void pp_run_account_program(struct pp_rec_header *header, enum pp_rec_by_program what);

/* Keep the last header for what comes later.  With the session's lock held, before the recording's
 * memory is given back. */
void pp_run_account_keep(struct pp_rec_header *header);

/* A child process of ours, which the program did not ask for, has used so much.  Takes the
 * session's lock. */
void pp_run_account_child(uint64_t cpu_ns);

#endif
