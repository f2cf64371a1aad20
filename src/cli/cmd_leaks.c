/* pprofc leaks: what grows in a process's heap, and what nothing leads to. */
#include <errno.h>

#include "base/numbers.h"
#include "cli/leaks_json.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/process.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "serve/leaks.h"
#include "views/leak_table.h"

enum { OPTION_FORCE, OPTION_MAX_PAUSE, OPTION_JSON, OPTION_TOP, OPTION_HELP, N_OPTIONS };
enum { DEFAULT_ROWS = 10, MILLISECOND_NS = 1000 * 1000 };

static const struct pp_option leaks_options[N_OPTIONS] = {
    [OPTION_FORCE] = {"force", 0, false, false}, [OPTION_MAX_PAUSE] = {"max-pause", 0, true, false},
    [OPTION_JSON] = {"json", 0, false, false},   [OPTION_TOP] = {"top", 0, true, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

struct request {
    const char *target; /* a process number or a recording's path */
    uint32_t limit_ms, n_rows;
    bool is_json, wants_help;
};

/* ---- what was asked for ---- */

static int set_limit(struct request *request, const char *value, struct pprofc_error *err)
{
    int64_t limit_ns = 0;
    const int status = pp_parse_duration(value, &limit_ns, err);

    if (status == 0)
        request->limit_ms = limit_ns < MILLISECOND_NS ? 1
                            : limit_ns / MILLISECOND_NS >= UINT32_MAX
                                ? UINT32_MAX - 1
                                : (uint32_t)(limit_ns / MILLISECOND_NS);
    return status;
}

static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct request *request = command;

    switch (option) {
    case OPTION_FORCE:
        request->limit_ms = UINT32_MAX;
        return 0;
    case OPTION_MAX_PAUSE:
        return set_limit(request, value, err);
    case OPTION_JSON:
        request->is_json = true;
        return 0;
    case OPTION_TOP:
        return pp_parse_top(value, &request->n_rows, err);
    case OPTION_HELP:
        request->wants_help = true;
        return 0;
    default: /* a word */
        return pp_process_take(value, true, &request->target, err);
    }
}

static int read_options(char **words, struct request *request, struct pprofc_error *err)
{
    struct pp_option_reader reader = {
        .options = leaks_options, .n_options = N_OPTIONS, .verb = "leaks", .words = words};
    const int rc = pp_option_each(&reader, take, request, err);

    if (rc < 0)
        return rc;
    if (request->target == NULL && !request->wants_help)
        return pp_fail(err, -EINVAL, 0, "no process given; write pprofc leaks PID");
    return 0;
}

/* ---- the report ---- */

/* What it would cost is said first. */
static int look(const struct request *request, struct pp_served *target, struct pprofc_error *err)
{
    const struct pp_leak_wish wish = {
        .target = target, .limit_ms = request->limit_ms, .way = "--max-pause or --force"};
    char pause[PP_NUMBER_TEXT_BYTES];
    double predicted_ns = 0;
    const int status = pp_leak_pause_predict(target, &predicted_ns, err);

    if (status != 0)
        return status;
    pp_say("looking for leaks pauses process %s for about %s", request->target,
           pp_duration_text(predicted_ns, pause));
    return pp_leak_look(&wish, err);
}

static int show(const struct request *request, struct pp_service *service, struct pp_served *target,
                struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    struct pp_leak_report report;
    int status = pp_service_leaks(service, target, request->n_rows, &report, NULL, err);

    if (status != 0)
        return status;
    status = request->is_json ? pp_leaks_json_write(&report, request->n_rows, &text, err)
                              : pp_leak_table_write(&report, request->n_rows, &text, err);
    if (status == 0)
        status = pp_process_print(&text, err);
    if (status == 0 && report.n_rows == 0)
        status = pp_fail(err, -ENODATA, 0, "no object that is in use was sampled");
    pp_leak_report_done(&report);
    return status;
}

int pp_cmd_leaks(char **words)
{
    struct request request = {.n_rows = DEFAULT_ROWS};
    struct pp_served *target = NULL;
    struct pp_service service;
    struct pprofc_error err;
    int64_t pid = 0;
    int status = read_options(words, &request, &err);

    if (status < 0)
        return pp_process_exit(-EINVAL, &err);
    if (request.wants_help) {
        (void)pp_help_show("leaks");
        return PP_EXIT_OK;
    }
    status = pp_process_open(request.target, &service, &target, &err);
    if (status == 0 && pp_process_number(request.target, &pid))
        status = look(&request, target, &err);
    if (status == 0)
        status = show(&request, &service, target, &err);
    pp_service_done(&service);
    return pp_process_exit(status, &err);
}
