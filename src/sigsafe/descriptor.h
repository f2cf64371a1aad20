/* What a descriptor is that a thread has waited for. */
#ifndef PP_SIGSAFE_DESCRIPTOR_H
#define PP_SIGSAFE_DESCRIPTOR_H

#include <stdbool.h>

#include "recording/layout.h"
#include "sigsafe/sigsafe.h"

/* Set by the helper where a filter of system calls is in force (seccomp): then no call is made that
 * the program does not make, and nothing is known. */
extern bool pp_sig_descriptor_is_filtered;

/* In place of a descriptor: its kind is known. */
#define PP_DESCRIPTOR_KNOWN(kind) (-2 - (int)(kind))

/* One to three system calls.  PP_DESCRIPTOR_NONE for -1 and for what is closed by now. */
PP_SIG enum pp_rec_descriptor pp_sig_descriptor_kind(int descriptor);

#endif
