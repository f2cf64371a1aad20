/* The profiled program as our child: started with exactly what we were started with, waited for
 * through stops and signals, and its status.
 *
 * One thread; nothing here runs in a signal handler: the signals are blocked and taken one by one.
 */
#ifndef PP_CLI_CHILD_H
#define PP_CLI_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct pp_child {
    pid_t pid;
    sigset_t old_mask;
    struct sigaction old_child_action;
    int64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
    bool has_ended;           /* it is a zombie, or reaped */
    int wait_status;          /* once reaped */
    int64_t cpu_ns;           /* of the process itself; -1: not known */
    int64_t children_cpu_ns;  /* of the children it waited for; -1: not known */
    int kept_signo;           /* one that is not the child's; 0: none */
    void (*on_kept)(void);
    int64_t peak_bytes; /* the largest resident size of one of them; no less than ours was
                           when the child was made, which the kernel counts as its own */
};

int64_t pp_monotonic_ns(void);

/* Start 'path' with 'arguments' and 'environment'.  0, or the negative errno of exec (-ENOENT,
 * -EACCES ...) or of what came before it (-EAGAIN: no process could be made). */
int pp_child_start(struct pp_child *child, const char *path, char **arguments, char **environment,
                   struct pprofc_error *err);

/* Wait until the child has ended (true) or 'deadline_ns' of CLOCK_MONOTONIC has come (false).
 * INT and QUIT are the child's business (a terminal sends them to it as well); TERM, HUP, USR1,
 * USR2 are passed on; when the child stops, so do we, and it goes on when we do. */
bool pp_child_wait(struct pp_child *child, int64_t deadline_ns);

/* From now on 'signo' is not passed on: pp_child_wait() calls 'on_kept' for each. */
void pp_child_keep_signal(struct pp_child *child, int signo, void (*on_kept)(void));

/* Take the status and the CPU times of the child that has ended.  From here on INT, QUIT, TERM and
 * HUP act on us again; what came while it ended is forgotten. */
void pp_child_reap(struct pp_child *child);

/* What the command exits with: the child's status, 128 + N when signal N killed it. */
int pp_child_exit_code(const struct pp_child *child);

#endif
