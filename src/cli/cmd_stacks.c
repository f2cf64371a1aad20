/* pprofc stacks: where each thread of a process stands now. */
#include <errno.h>

#include "cli/options.h"
#include "cli/process.h"
#include "cli/verbs.h"
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

    switch (option) {
    case OPTION_GROUP:
        request->groups = true;
        return 0;
    case OPTION_HELP:
        request->wants_help = true;
        return 0;
    default: /* a word */
        return pp_process_take(value, false, &request->process, err);
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
    struct pp_served *target = NULL;
    int status = pp_process_open(request->process, service, &target, err);

    if (status == 0)
        status = pp_service_threads(service, target, &profile, err);
    if (status != 0)
        return status;
    status = request->groups ? pp_thread_groups_write(profile, &text, err)
                             : pp_thread_stacks_write(profile, &text, err);
    pprofc_profile_free(profile);
    return status == 0 ? pp_process_print(&text, err) : status;
}

int pp_cmd_stacks(char **words)
{
    struct request request = {.process = NULL};
    struct pp_service service;
    struct pprofc_error err;
    int status = read_options(words, &request, &err);

    if (status < 0)
        return pp_process_exit(-EINVAL, &err);
    if (request.wants_help) {
        (void)pp_help_show("stacks");
        return PP_EXIT_OK;
    }
    status = show(&request, &service, &err);
    pp_service_done(&service);
    return pp_process_exit(status, &err);
}
