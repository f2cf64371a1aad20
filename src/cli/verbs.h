/* What can stand after `pprofc`: one function a verb.  Each gets the words behind its verb
 * (NULL-terminated) and returns what the command exits with. */
#ifndef PP_CLI_VERBS_H
#define PP_CLI_VERBS_H

#include <stdbool.h>

enum pp_exit_code {
    PP_EXIT_OK = 0,
    PP_EXIT_FAILED = 1,
    PP_EXIT_USAGE = 2,
    PP_EXIT_WORSE = 3, /* diff: beyond the limit */
    PP_EXIT_NO_SAMPLES = 4,
    PP_EXIT_NOT_PERMITTED = 5,
    PP_EXIT_NOT_STARTED = 125, /* run: we failed before the program started */
    PP_EXIT_NOT_EXECUTABLE = 126,
    PP_EXIT_NOT_FOUND = 127,
};

int pp_cmd_run(char **words);
int pp_cmd_report(char **words);
int pp_cmd_diff(char **words);
int pp_cmd_bench(char **words);
int pp_cmd_overhead(char **words);
int pp_cmd_convert(char **words);
int pp_cmd_merge(char **words);
int pp_cmd_serve(char **words);
int pp_cmd_history(char **words);
int pp_cmd_stacks(char **words);
int pp_cmd_leaks(char **words);
int pp_cmd_symbolize(char **words);
int pp_cmd_push(char **words);
int pp_cmd_off(char **words);
int pp_cmd_help(char **words);

/* Help for one verb ("" for all of it) on standard output; false when there is no such verb. */
bool pp_help_show(const char *verb);

#endif
