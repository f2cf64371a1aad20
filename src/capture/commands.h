/* What the helper is told to do.  All of it is called by the helper thread. */
#ifndef PP_CAPTURE_COMMANDS_H
#define PP_CAPTURE_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/session.h"

/* Do what the program's own command and the command block ask, and what toggling signals have asked
 * for.  True: the session should end, which pp_commands_answer_stop() answers. */
bool pp_commands_obey(struct pp_session *session);

/* Answer whoever asked for the end; when all has been booked. */
void pp_commands_answer_stop(struct pp_session *session);

/* Pause or go on where the cycle (PPROFC_CYCLE) says so. */
void pp_commands_tend_cycle(struct pp_session *session, uint64_t now_ns);

/* The rate that the program or its readers want, the highest of them; and to have it, or what the
 * budget leaves of it. */
double pp_commands_wanted_hz(const struct pp_session *session);
void pp_commands_set_rate(struct pp_session *session);

/* Now and then: undo what readers wanted that are gone. */
void pp_commands_look_at_readers(struct pp_session *session, uint64_t now_ns);

#endif
