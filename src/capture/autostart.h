/* What the environment starts and ends: in a program that links libpprofc, and in one that it is
 * preloaded into. */
#ifndef PP_CAPTURE_AUTOSTART_H
#define PP_CAPTURE_AUTOSTART_H

#include <stdbool.h>
#include <sys/types.h>

struct pp_session;

/* The process that was started: children that it forks are others. */
extern pid_t pp_root_pid;

/* A session that has ended before the program has: its recording is written, or left to the
 * command, and closed. */
void pp_autostart_keep(struct pp_session *session);

/* What is set in a session that the environment has started. */
void pp_autostart_attend(struct pp_session *session);

/* The preload's part of the beginning, there alone (weak): takes our variables out of the
 * environment.  False: the program cannot be profiled, and a line has said so. */
bool pp_preload_begin(int argc, char **argv, char **variables) __attribute__((weak));

#endif
