/* What the helper does for waits: it sets up how they are measured, sees to it that each thread's
 * time adds up, and records the waits that no hook can: those under way when somebody asks, those
 * outside of any hook, and those for a CPU. */
#ifndef PP_CAPTURE_WAITS_H
#define PP_CAPTURE_WAITS_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/session.h"
#include "capture/threads.h"

/* Begin, when the session's kinds have any: tables and clock.  0 or a negative errno. */
int pp_waits_begin(struct pp_session *session, struct pprofc_error *err);

/* The threads that are there are known: their time counts from now, as their CPU time does, and the
 * hooks time their waits.  One alone: at a pause's end. */
void pp_waits_begin_threads(struct pp_session *session);
void pp_waits_begin_thread(struct pp_session *session, struct pp_sig_thread *thread,
                           struct pp_watch *watch);

/* A turn of the helper: a look at threads whose time has come. */
void pp_waits_turn(struct pp_session *session, uint64_t now_ns);

/* Record what is under way, as of now. */
void pp_waits_flush(struct pp_session *session);

/* The thread has ended, or is not followed for a while. */
void pp_waits_forget(struct pp_session *session, struct pp_sig_thread *thread,
                     struct pp_watch *watch);

/* A pause is over, whose time counts nowhere: then each thread begins. */
void pp_waits_resume(struct pp_session *session);

/* The end: hooks pass through from now on, and all is recorded. */
void pp_waits_end(struct pp_session *session);

#endif
