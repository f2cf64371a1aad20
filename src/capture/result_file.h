/* The file that a session leaves when it was started from the environment, and the one line that
 * says so. */
#ifndef PP_CAPTURE_RESULT_FILE_H
#define PP_CAPTURE_RESULT_FILE_H

struct pp_session;

/* Remember where the program was started: a relative name means that folder. */
void pp_result_begin(void);

/* Write what the session has recorded since it last wrote: named by PPROFC_OUTPUT, in the process
 * that is profiled, with a line that names it.  By the helper, or with the lock held. */
void pp_result_write(struct pp_session *session);

/* The same where sampling has just been switched off; switched on, the next file begins here. */
void pp_result_flip(struct pp_session *session);

/* The same at the end, when there is something left to write. */
void pp_result_end(struct pp_session *session);

/* One line, to PPROFC_LOG or else standard error; under `pprofc run` the command speaks for us. */
void pp_result_say(const char *text);

/* The same, also under the command: what it cannot know of. */
void pp_result_say_always(const char *text);

#endif
