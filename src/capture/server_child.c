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

/* The address; without one windows are taken for a folder alone. */
static const char *where(void)
{
    const struct pp_environment *env = &pp_environment;

    return env->http[0] != '\0'      ? env->http
           : env->history[0] != '\0' ? env->history
                                     : env->export_to;
}

struct arguments {
    const char *words[24];
    size_t n;
};

static void add(struct arguments *arguments, const char *option, const char *value)
{
    if (value[0] == '\0')
        return;
    arguments->words[arguments->n++] = option;
    arguments->words[arguments->n++] = value;
}

/* What the environment said of windows: it is no longer there to be read. */
static void add_windows(struct arguments *arguments, const char *rate)
{
    const struct pp_environment *env = &pp_environment;

    if (env->history[0] == '\0' && env->export_to[0] == '\0')
        return;
    add(arguments, "--history", env->history);
    add(arguments, "--export", env->export_to);
    add(arguments, "--cycle", env->cycle);
    add(arguments, "--keep", env->keep);
    add(arguments, "--flight", env->flight);
    add(arguments, "--frequency", rate);
    add(arguments, "--block-lib", env->block_libraries);
}

static void start(void)
{
    const struct pp_environment *env = &pp_environment;
    char command[4096], pid[24], rate[24] = "", line[600];
    struct arguments arguments = {{"pprofc", "serve", "--child"}, 3};
    int log;

    if (!pp_command_find(command, sizeof command)) {
        (void)snprintf(line, sizeof line,
                       "no 'pprofc' to be found to serve at %.200s; set PPROFC_COMMAND, or run "
                       "pprofc serve %d",
                       where(), (int)getpid());
        pp_result_say(line);
        return;
    }
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (env->rate_hz > 0)
        (void)snprintf(rate, sizeof rate, "%u", (unsigned)env->rate_hz);
    add(&arguments, "--listen", env->http);
    add(&arguments, "--token-file", env->token_file);
    add_windows(&arguments, rate);
    arguments.words[arguments.n++] = pid;
    log = pp_program_output_open();
    child = pp_hidden_start(command, arguments.words, log);
    owner = getpid();
    if (log >= 0)
        (void)close(log);
    if (child > 0)
        return;
    (void)snprintf(line, sizeof line, "cannot start %.200s to serve at %.200s: %s", command,
                   where(), strerror(-child));
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
