/* What a thread waits at. */
#ifndef PP_CAPTURE_THREAD_DESCRIPTOR_H
#define PP_CAPTURE_THREAD_DESCRIPTOR_H

#include "capture/thread_place.h"
#include "recording/layout.h"

/* By its system call, as its hook would tell; PP_DESCRIPTOR_NONE where that is not known, or a
 * filter of system calls is in force.  Five system calls or so; the helper's. */
enum pp_rec_descriptor pp_thread_descriptor(const struct pp_thread_place *place);

#endif
