/* The command line of `pprofc history`. */
#include "cli/history_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "cli/continuous_options.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/values.h"

enum {
    OPTION_DIR,
    OPTION_SINCE,
    OPTION_UNTIL,
    OPTION_BASE_SINCE,
    OPTION_BASE_UNTIL,
    OPTION_KIND,
    OPTION_PROGRAM,
    OPTION_PID,
    OPTION_LABEL,
    OPTION_SAMPLE,
    OPTION_SAMPLE_INDEX,
    OPTION_TOP,
    OPTION_CUM,
    OPTION_JSON,
    OPTION_OUTPUT,
    OPTION_FORCE,
    OPTION_QUIET,
    OPTION_HELP,
    N_OPTIONS
};

static const struct pp_option history_options[N_OPTIONS] = {
    [OPTION_DIR] = {"dir", 0, true, false},
    [OPTION_SINCE] = {"since", 0, true, false},
    [OPTION_UNTIL] = {"until", 0, true, false},
    [OPTION_BASE_SINCE] = {"base-since", 0, true, false},
    [OPTION_BASE_UNTIL] = {"base-until", 0, true, false},
    [OPTION_KIND] = {"kind", 'k', true, false},
    [OPTION_PROGRAM] = {"program", 0, true, false},
    [OPTION_PID] = {"pid", 0, true, false},
    [OPTION_LABEL] = {"label", 0, true, false},
    [OPTION_SAMPLE] = {"sample", 0, true, false},
    [OPTION_SAMPLE_INDEX] = {"sample_index", 0, true, false},
    [OPTION_TOP] = {"top", 0, true, false},
    [OPTION_CUM] = {"cum", 0, false, false},
    [OPTION_JSON] = {"json", 0, false, false},
    [OPTION_OUTPUT] = {"output", 'o', true, false},
    [OPTION_FORCE] = {"force", 'f', false, false},
    [OPTION_QUIET] = {"quiet", 'q', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

static int take_action(struct pp_history_request *request, const char *word,
                       struct pprofc_error *err)
{
    static const char *const names[PP_HISTORY_N_ACTIONS] = {
        [PP_HISTORY_LIST] = "list", [PP_HISTORY_TOP] = "top",       [PP_HISTORY_FLAME] = "flame",
        [PP_HISTORY_DIFF] = "diff", [PP_HISTORY_EXPORT] = "export",
    };

    if (request->action != PP_HISTORY_UNSAID)
        return pp_fail(err, -EINVAL, 0, "'%s': one thing at a time", word);
    for (int i = PP_HISTORY_LIST; i < PP_HISTORY_N_ACTIONS; i++)
        if (strcmp(names[i], word) == 0)
            request->action = (enum pp_history_action)i;
    return request->action != PP_HISTORY_UNSAID
               ? 0
               : pp_fail(err, -EINVAL, 0, "'%s' is none of list, top, flame, diff and export",
                         word);
}

static int set_kind(struct pp_history_request *request, const char *value, struct pprofc_error *err)
{
    uint32_t kinds = 0;
    const int status = pp_parse_kinds(value, &kinds, err);

    request->query.kind = value;
    return status == 0 && strchr(value, ',') != NULL
               ? pp_fail(err, -EINVAL, 0, "--kind takes one kind, such as heap")
               : status;
}

static int set_pid(struct pp_history_request *request, const char *value, struct pprofc_error *err)
{
    return pp_parse_int64(value, strlen(value), &request->query.pid) && request->query.pid > 0
               ? 0
               : pp_fail(err, -EINVAL, 0, "'%s' is no process number", value);
}

static int take_query(struct pp_history_request *request, int option, const char *value,
                      struct pprofc_error *err)
{
    switch (option) {
    case OPTION_DIR:
        request->query.folder = value;
        return 0;
    case OPTION_SINCE:
        return pp_history_parse_time(value, request->now_s, &request->query.since_s, err);
    case OPTION_UNTIL:
        return pp_history_parse_time(value, request->now_s, &request->query.until_s, err);
    case OPTION_BASE_SINCE:
        return pp_history_parse_time(value, request->now_s, &request->base.since_s, err);
    case OPTION_BASE_UNTIL:
        return pp_history_parse_time(value, request->now_s, &request->base.until_s, err);
    case OPTION_KIND:
        return set_kind(request, value, err);
    case OPTION_PROGRAM:
        request->query.program = value;
        return 0;
    case OPTION_PID:
        return set_pid(request, value, err);
    case OPTION_LABEL:
        request->query.label = value;
        return 0;
    default:
        request->query.sample = value;
        return 0;
    }
}

static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct pp_history_request *request = command;

    switch (option) {
    case OPTION_TOP:
        return pp_parse_top(value, &request->n_rows, err);
    case OPTION_CUM:
        request->by_cum = true;
        return 0;
    case OPTION_JSON:
        request->is_json = true;
        return 0;
    case OPTION_OUTPUT:
        request->output = value;
        return 0;
    case OPTION_FORCE:
        request->overwrites = true;
        return 0;
    case OPTION_QUIET:
        pp_messages_set_loudness(PP_QUIET);
        return 0;
    case OPTION_HELP:
        request->wants_help = true;
        return 0;
    case PP_OPTION_WORD:
        return take_action(request, value, err);
    default:
        return take_query(request, option, value, err);
    }
}

int pp_history_request_read(char **words, struct pp_history_request *request,
                            struct pprofc_error *err)
{
    struct pp_option_reader reader = {
        .options = history_options, .n_options = N_OPTIONS, .verb = "history", .words = words};
    const int status = pp_option_each(&reader, take, request, err);
    const char *folder = getenv("PPROFC_HISTORY");

    if (request->query.folder == NULL)
        request->query.folder = folder != NULL && folder[0] != '\0' ? folder : PP_CONTINUOUS_FOLDER;
    if (request->action == PP_HISTORY_UNSAID)
        request->action = PP_HISTORY_LIST;
    return status;
}
