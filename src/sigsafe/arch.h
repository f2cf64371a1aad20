/* The CPU we are built for. */
#ifndef PP_SIGSAFE_ARCH_H
#define PP_SIGSAFE_ARCH_H

#if defined(__x86_64__)
#include "sigsafe/arch_x86_64.h"
#else
#error "pprof-c does not know how to unwind on this CPU"
#endif

#endif
