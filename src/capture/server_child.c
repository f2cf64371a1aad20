/* The server beside the program.  The helper starts it and is its parent's parent, so that it ends
 * with the session, with the process, and at an exec. */
#include "capture/server_child.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "capture/environment.h"
#include "capture/hidden_child.h"
#include "capture/program_output.h"
#include "capture/result_file.h"

static _Atomic bool is_wanted;
static int child;   /* the helper's: what is running; 0: nothing */
static pid_t owner; /* a forked child's helper has none */

void pp_server_child_want(void)
{
    atomic_store(&is_wanted, true);
}

static void start(void)
{
    const struct pp_environment *env = &pp_environment;
    char command[4096], pid[24], line[600];
    const char *const arguments[] = {"pprofc",
                                     "serve",
                                     "--child",
                                     "--listen",
                                     env->http,
                                     pid,
                                     env->token_file[0] == '\0' ? NULL : "--token-file",
                                     env->token_file,
                                     NULL};
    int log;

    if (!pp_command_find(command, sizeof command)) {
        (void)snprintf(line, sizeof line,
                       "no 'pprofc' to be found to serve at %.200s; set PPROFC_COMMAND, or run "
                       "pprofc serve %d",
                       env->http, (int)getpid());
        pp_result_say(line);
        return;
    }
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    log = pp_program_output_open();
    child = pp_hidden_start(command, arguments, log);
    owner = getpid();
    if (log >= 0)
        (void)close(log);
    if (child > 0)
        return;
    (void)snprintf(line, sizeof line, "cannot start %.200s to serve at %.200s: %s", command,
                   env->http, strerror(-child));
    pp_result_say(line);
    child = 0;
}

void pp_server_child_tend(void)
{
    if (atomic_exchange(&is_wanted, false))
        start();
}

void pp_server_child_end(void)
{
    if (child > 0 && owner == getpid())
        pp_hidden_end(child);
    child = 0;
}
