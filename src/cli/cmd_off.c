/* pprofc off: the kill switch of processes that are being profiled. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/messages.h"
#include "cli/options.h"
#include "cli/process.h"
#include "cli/verbs.h"

enum { OPTION_QUIET, OPTION_HELP, N_OPTIONS };

static const struct pp_option off_options[N_OPTIONS] = {
    [OPTION_QUIET] = {"quiet", 'q', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

/* Whether the process is another user's, whose recording we may neither trust nor write. */
static bool is_of_another(const char *word)
{
    struct stat process;
    int64_t pid = 0;
    char path[40];

    (void)pp_process_number(word, &pid);
    (void)snprintf(path, sizeof path, "/proc/%lld", (long long)pid);
    return geteuid() != 0 && stat(path, &process) == 0 && process.st_uid != geteuid();
}

static int switch_off(const char *word, struct pprofc_error *err)
{
    const char *process = NULL;
    struct pp_service service;
    struct pp_served *target = NULL;
    int status = pp_process_take(word, false, &process, err);

    if (status != 0)
        return status;
    if (is_of_another(word))
        return pp_fail(err, -EPERM, 0,
                       "process %s belongs to another user: say it as that user, or as root", word);
    status = pp_process_open(word, &service, &target, err);
    if (status == 0)
        status = pp_served_switch_off(target, err);
    if (status == 0)
        pp_say("profiling of %s (process %s) is off", target->program, word);
    pp_service_done(&service);
    return status;
}

/* Each of 'words'; the code of the last that failed. */
static int switch_all_off(char **words)
{
    int code = PP_EXIT_OK;

    for (; *words != NULL; words++) {
        struct pprofc_error err;
        const int status = switch_off(*words, &err);
        if (status != 0)
            code = pp_process_exit(status, &err);
    }
    return code;
}

int pp_cmd_off(char **words)
{
    struct pp_option_reader reader = {.options = off_options,
                                      .n_options = N_OPTIONS,
                                      .verb = "off",
                                      .words = words,
                                      .stops_at_word = true};
    struct pprofc_error err;
    int option;

    while ((option = pp_option_next(&reader, &err)) >= 0) {
        if (option == OPTION_HELP) {
            (void)pp_help_show("off");
            return PP_EXIT_OK;
        }
        pp_messages_set_loudness(PP_QUIET);
    }
    if (option != PP_OPTION_END) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (words[reader.at] == NULL) {
        pp_complain("no process given; write pprofc off PID");
        return PP_EXIT_USAGE;
    }
    return switch_all_off(words + reader.at);
}
