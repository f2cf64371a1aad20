/* pprofc stacks: where each thread of a process stands now. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/numbers.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "serve/service.h"
#include "views/thread_stacks.h"

enum { OPTION_GROUP, OPTION_HELP, N_OPTIONS };

static const struct pp_option stacks_options[N_OPTIONS] = {
    [OPTION_GROUP] = {"group", 0, false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

struct request {
    const char *process;
    bool groups, wants_help;
};

static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct request *request = command;
    int64_t pid;

    switch (option) {
    case OPTION_GROUP:
        request->groups = true;
        return 0;
    case OPTION_HELP:
        request->wants_help = true;
        return 0;
    default: /* a word */
        if (request->process != NULL)
            return pp_fail(err, -EINVAL, 0, "one process at a time; '%s' is too much", value);
        if (!pp_parse_int64(value, strlen(value), &pid))
            return pp_fail(err, -EINVAL, 0, "'%s' is no process number", value);
        request->process = value;
        return 0;
    }
}

static int read_options(char **words, struct request *request, struct pprofc_error *err)
{
    struct pp_option_reader reader = {
        .options = stacks_options, .n_options = N_OPTIONS, .verb = "stacks", .words = words};
    const int rc = pp_option_each(&reader, take, request, err);

    if (rc < 0)
        return rc;
    if (request->process == NULL && !request->wants_help)
        return pp_fail(err, -EINVAL, 0, "no process given; write pprofc stacks PID");
    return 0;
}

static int show(const struct request *request, struct pp_service *service, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL;
    int status = pp_service_add(service, request->process, err);

    if (status == 0)
        status = pp_service_threads(service, pp_service_target(service, NULL), &profile, err);
    if (status != 0)
        return status;
    status = request->groups ? pp_thread_groups_write(profile, &text, err)
                             : pp_thread_stacks_write(profile, &text, err);
    pprofc_profile_free(profile);
    if (status == 0 && fwrite(text.bytes, 1, text.n_bytes, stdout) != text.n_bytes)
        status = pp_fail(err, -EIO, 0, "cannot write to standard output");
    return status;
}

int pp_cmd_stacks(char **words)
{
    struct request request = {.process = NULL};
    struct pp_service service;
    struct pprofc_error err;
    int status;

    if (read_options(words, &request, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (request.wants_help) {
        (void)pp_help_show("stacks");
        return PP_EXIT_OK;
    }
    status = pp_service_init(&service, false, &err);
    if (status == 0)
        status = show(&request, &service, &err);
    pp_service_done(&service);
    if (status == 0)
        return PP_EXIT_OK;
    pp_complain("%s", err.message);
    return status == -EPERM || status == -EACCES ? PP_EXIT_NOT_PERMITTED : PP_EXIT_FAILED;
}
