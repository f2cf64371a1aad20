/* pprofc: which verb is it? */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/find_program.h"
#include "cli/messages.h"
#include "cli/nearest.h"
#include "cli/verbs.h"

static const struct {
    const char *name;
    int (*run)(char **words); /* NULL: reserved for a later version */
} verbs[] = {
    {"run", pp_cmd_run},
    {"report", pp_cmd_report},
    {"convert", pp_cmd_convert},
    {"merge", pp_cmd_merge},
    {"diff", pp_cmd_diff},
    {"bench", pp_cmd_bench},
    {"overhead", pp_cmd_overhead},
    {"serve", pp_cmd_serve},
    {"history", pp_cmd_history},
    {"stacks", pp_cmd_stacks},
    {"leaks", pp_cmd_leaks},
    {"symbolize", pp_cmd_symbolize},
    {"push", pp_cmd_push},
    {"off", pp_cmd_off},
    {"help", pp_cmd_help},
    {"attach", NULL},
    {"top", NULL},
    {"doctor", NULL},
};

enum { N_VERBS = sizeof verbs / sizeof verbs[0], N_VERBS_HERE = 15 };

/* A descriptor 0, 1 or 2 that we were started without must not become one of
 * our files, or messages would be written into it.  The program is started
 * without it all the same. */
static void hold_standard_descriptors(void)
{
    int descriptor;

    do
        descriptor = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (descriptor >= 0 && descriptor <= STDERR_FILENO);
    if (descriptor > STDERR_FILENO)
        (void)close(descriptor);
}

/* The first word is no verb: it is a program to run, unless it is a verb
 * mistyped. */
static int run_or_explain(char **words)
{
    const char *word = words[0], *nearest;
    char path[PATH_MAX];

    if (strchr(word, '/') != NULL || pp_find_program(word, path) == 0)
        return pp_cmd_run(words);
    nearest = pp_nearest_name(word, &verbs[0].name, N_VERBS_HERE, sizeof verbs[0]);
    if (nearest != NULL)
        pp_complain("unknown verb '%s'; did you mean %s?", word, nearest);
    else
        pp_complain(
            "'%s' is neither a verb (run, report, convert, merge, diff, bench, overhead, serve, history, stacks, leaks, symbolize, push, off, "
            "help) nor a program in PATH; see pprofc help",
            word);
    return PP_EXIT_USAGE;
}

static int dispatch(char **words)
{
    const char *word = words[0];

    if (word == NULL) {
        (void)pp_help_show("");
        return PP_EXIT_USAGE;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        (void)printf("pprofc %s\n", PP_VERSION);
        return PP_EXIT_OK;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return pp_cmd_help(words + 1);
    if (word[0] == '-')
        return pp_cmd_run(words);
    for (size_t i = 0; i < N_VERBS; i++) {
        if (strcmp(verbs[i].name, word) != 0)
            continue;
        if (verbs[i].run != NULL)
            return verbs[i].run(words + 1);
        pp_complain("the verb %s is not available in this version; to profile a "
                    "program of that "
                    "name: pprofc run -- %s",
                    word, word);
        return PP_EXIT_USAGE;
    }
    return run_or_explain(words);
}

static void do_nothing(int signo)
{
    (void)signo;
}

/* A file at RLIMIT_FSIZE is an error to be told; ended by its signal we would lose the program's
 * status.  By a handler, which unlike SIG_IGN nothing that we start inherits. */
static void outlive_file_size_limit(void)
{
    struct sigaction action;

    if (sigaction(SIGXFSZ, NULL, &action) != 0 || action.sa_handler != SIG_DFL)
        return;
    action.sa_handler = do_nothing;
    action.sa_flags = SA_RESTART;
    (void)sigaction(SIGXFSZ, &action, NULL);
}

int main(int argc, char **argv)
{
    int code;

    hold_standard_descriptors();
    outlive_file_size_limit();
    code = dispatch(argc > 0 ? argv + 1 : argv);
    if (fflush(stdout) != 0 && code == PP_EXIT_OK) {
        pp_complain("cannot write to standard output");
        code = PP_EXIT_FAILED;
    }
    return code;
}
