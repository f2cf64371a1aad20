/* Calls of the capture library, where the program has it: the report library does not need it. */
#ifndef PP_SERVE_CAPTURE_CALLS_H
#define PP_SERVE_CAPTURE_CALLS_H

#include "pprofc/pprofc.h"

#pragma weak pprofc_start
#pragma weak pprofc_pause
#pragma weak pprofc_stats
#pragma weak pprofc_stop
#pragma weak pprofc_thread_ignore
#pragma weak pprofc_profile_call
#pragma weak pprofc_recording_free

#endif
