/* The flight recorder's signal: who gets it notes it, and continuous mode looks for that a few
 * times a second.  One a process. */
#ifndef PP_SERVE_FLIGHT_SIGNAL_H
#define PP_SERVE_FLIGHT_SIGNAL_H

#include <stdbool.h>

#include "base/error.h"

/* In a program that takes windows of itself: note 'signo' when it comes, and hand it on to the
 * handler that the program has.  -EINVAL for one that the profiler needs itself. */
int pp_flight_signal_catch(int signo, struct pprofc_error *err);
void pp_flight_signal_leave(void);

/* It came; also from a handler. */
void pp_flight_signal_note(void);

/* Whether it came since the last call. */
bool pp_flight_signal_take(void);

#endif
