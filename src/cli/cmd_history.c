/* pprofc history: what continuous mode has kept, listed, put together, compared. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "cli/continuous_options.h"
#include "cli/history_views.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/output_format.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "formats/encode.h"
#include "views/top_table.h"

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

static const int64_t hour_s = 3600;

#define AUTO_WINDOWS __attribute__((cleanup(pp_history_windows_done))) struct pp_history_windows

struct request;

/* What is done with the windows: 0, or what to exit with after a line about it. */
typedef int action(struct request *request, struct pp_history *history);

struct request {
    action *act; /* NULL: nothing was said, so a list */
    struct pp_history_query query, base;
    int64_t now_s;
    const char *output;
    uint32_t n_rows;
    bool by_cum, is_json, overwrites, wants_help;
};

static int exit_code(int status)
{
    return status == -EINVAL ? PP_EXIT_USAGE : PP_EXIT_FAILED;
}

static int complain(int status, const struct pprofc_error *err)
{
    pp_complain("%s", err->message);
    return exit_code(status);
}

/* ---- output ---- */

static int write_out(const struct request *request, const char *path, const struct pp_buffer *bytes)
{
    struct pprofc_error err;
    char size[PP_NUMBER_TEXT_BYTES];
    int status = bytes->failed
                     ? pp_fail(&err, -ENOMEM, 0, "no memory for the history")
                     : pp_file_write(path, bytes->bytes, bytes->n_bytes, request->overwrites, &err);

    if (status == -EEXIST)
        (void)pp_fail(&err, status, 0, "%s exists; give -f to overwrite or another -o", path);
    if (status != 0)
        return complain(-EIO, &err);
    if (strcmp(path, "-") != 0)
        pp_say("wrote %s (%s)", path, pp_bytes_text((double)bytes->n_bytes, size));
    return PP_EXIT_OK;
}

static const char *output_of(const struct request *request)
{
    return request->output != NULL ? request->output : "-";
}

/* ---- reading ---- */

/* The query's windows of one kind.  0, or what to exit with. */
static int load(struct pp_history *history, struct pp_history_query *query,
                struct pp_history_windows *windows)
{
    struct pprofc_error err;
    int status;

    if (query->kind == NULL)
        query->kind = pp_history_default_kind(history, query);
    status = pp_history_load(history, query, windows, &err);
    if (status != 0)
        return complain(status, &err);
    if (windows->n_unreadable > 1)
        pp_complain("%u more windows cannot be read", windows->n_unreadable - 1);
    if (windows->n > 0)
        return 0;
    pp_complain("no window of %s is what was asked for; pprofc history --dir %s lists them",
                query->folder, query->folder);
    return PP_EXIT_NO_SAMPLES;
}

/* What is put together should be of one program. */
static void say_programs(const struct pp_history *history, const struct pp_history_query *query)
{
    const char *programs[2];

    if (pp_history_has_programs(history, query, programs))
        pp_say("windows of several programs: %s, %s ..; --program NAME for one of them",
               programs[0], programs[1]);
}

/* All windows as one; 'power', unless NULL, gets what they could have shown: merging leaves states
 * to the last ones. */
static int load_merged(struct request *request, struct pp_history *history,
                       struct pprofc_profile **all_out, uint32_t *type_out, struct pp_buffer *power)
{
    AUTO_WINDOWS windows = {NULL, 0, 0};
    struct pprofc_error err;
    int code = load(history, &request->query, &windows), status;

    if (code != 0)
        return code;
    say_programs(history, &request->query);
    if (power != NULL)
        pp_history_power_write(&windows, power);
    *type_out = windows.items[0].type;
    status = pp_history_merge(&windows, all_out, &err);
    if (status != 0)
        return complain(status, &err);
    if ((*all_out)->n_samples > 0)
        return 0;
    pp_complain("the windows hold no samples%s",
                request->query.label != NULL ? " of that label" : "");
    pprofc_profile_free(*all_out);
    *all_out = NULL;
    return PP_EXIT_NO_SAMPLES;
}

/* ---- actions ---- */

static int list(struct request *request, struct pp_history *history)
{
    AUTO_WINDOWS windows = {NULL, 0, 0};
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_error err;
    const int status = pp_history_load(history, &request->query, &windows, &err);

    if (status != 0)
        return complain(status, &err);
    if (request->is_json)
        pp_history_list_json(history, &windows, &out);
    else
        pp_history_list_write(history, &windows, &out);
    return write_out(request, output_of(request), &out);
}

static int top(struct request *request, struct pp_history *history)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *all = NULL;
    struct pprofc_error err;
    struct pp_top_table_options options = {
        .group = PP_BY_FUNCTION, .n_rows = request->n_rows, .by_cum = request->by_cum};
    pp_autobuffer struct pp_buffer power = PP_BUFFER_INIT;
    const int code = load_merged(request, history, &all, &options.type, &power);
    int status;

    if (code != 0)
        return code;
    status = request->is_json ? pp_encode_profile(all, PP_FORMAT_JSON, options.type, &out, &err)
                              : pp_top_table_write(all, &options, &out, &err);
    if (status == 0 && !request->is_json)
        pp_buffer_append(&out, power.bytes, power.n_bytes);
    pprofc_profile_free(all);
    return status != 0 ? complain(status, &err) : write_out(request, output_of(request), &out);
}

static int write_merged(struct request *request, struct pp_history *history, const char *path,
                        enum pp_format format)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *all = NULL;
    struct pprofc_error err;
    uint32_t type = 0;
    const int code = load_merged(request, history, &all, &type, NULL);
    int status;

    if (code != 0)
        return code;
    status = pp_encode_profile(all, format, type, &out, &err);
    pprofc_profile_free(all);
    return status != 0 ? complain(status, &err) : write_out(request, path, &out);
}

static int flame(struct request *request, struct pp_history *history)
{
    const char *path = request->output != NULL ? request->output : "history.svg";

    if (strcmp(path, "-") != 0 && pp_format_of_path(path) != PP_FORMAT_SVG) {
        pp_complain("%s: a flame graph is an .svg", path);
        return PP_EXIT_USAGE;
    }
    return write_merged(request, history, path, PP_FORMAT_SVG);
}

static int export(struct request *request, struct pp_history *history)
{
    const char *path = request->output != NULL ? request->output : "history.pb.gz";
    enum pp_format format = PP_FORMAT_PPROF;
    struct pprofc_error err;
    const int status = strcmp(path, "-") == 0 ? 0 : pp_format_for_writing(path, &format, &err);

    return status != 0 ? complain(status, &err) : write_merged(request, history, path, format);
}

/* ---- comparing ---- */

static const struct pprofc_profile **profiles_of(const struct pp_history_windows *windows)
{
    const struct pprofc_profile **profiles = calloc(windows->n, sizeof *profiles);

    for (uint32_t i = 0; profiles != NULL && i < windows->n; i++)
        profiles[i] = windows->items[i].profile;
    return profiles;
}

static int make_diff(const struct request *request, const struct pp_history_windows *sides,
                     struct pp_diff **diff_out, struct pprofc_error *err)
{
    pp_autofree const struct pprofc_profile **before = profiles_of(&sides[PP_BEFORE]);
    pp_autofree const struct pprofc_profile **after = profiles_of(&sides[PP_AFTER]);
    const struct pp_diff_options options = {.sample = request->query.sample};

    if (before == NULL || after == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for the comparison");
    return pp_diff_make(before, sides[PP_BEFORE].n, after, sides[PP_AFTER].n, &options, diff_out,
                        err);
}

/* The table always, as a log should say what changed; and the file that was asked for. */
static int write_diff(const struct request *request, const struct pp_history_windows *sides,
                      const struct pp_diff *diff)
{
    pp_autobuffer struct pp_buffer table = PP_BUFFER_INIT, file = PP_BUFFER_INIT;
    const struct pp_diff_encoding encoding = {
        .title = "history", .n_rows = request->n_rows, .by_cum = request->by_cum};
    const enum pp_format format =
        request->output == NULL ? PP_FORMAT_TEXT : pp_format_of_path(request->output);
    struct pprofc_error err;
    int status = pp_encode_diff(diff, request->is_json ? PP_FORMAT_JSON : PP_FORMAT_TEXT, &encoding,
                                &table, &err);
    int code;

    if (status == 0 && !request->is_json)
        pp_history_diff_power_write(sides, diff, &table);
    if (status == 0 && request->output != NULL)
        status = pp_encode_diff(diff, format, &encoding, &file, &err);
    if (status != 0)
        return complain(status == -ENOTSUP ? -EINVAL : status, &err);
    code = write_out(request, "-", &table);
    return code != 0 || request->output == NULL ? code : write_out(request, request->output, &file);
}

static int compare(struct request *request, const struct pp_history_windows *sides)
{
    struct pp_diff *diff = NULL;
    struct pprofc_error err;
    const int status = make_diff(request, sides, &diff, &err);
    int code;

    if (status == -ENODATA) {
        pp_complain("%s", err.message);
        return PP_EXIT_NO_SAMPLES;
    }
    if (status != 0)
        return complain(status, &err);
    if (request->by_cum)
        pp_diff_sort(diff, true);
    code = write_diff(request, sides, diff);
    pp_diff_free(diff);
    return code;
}

/* The last hour against the one before, unless other spans are given. */
static void settle_spans(struct request *request)
{
    struct pp_history_query *query = &request->query, *base = &request->base;
    const int64_t since_s = base->since_s, until_s = base->until_s;

    if (query->until_s == 0)
        query->until_s = request->now_s + 1;
    if (query->since_s == 0)
        query->since_s = query->until_s - hour_s;
    *base = *query;
    base->until_s = until_s != 0 ? until_s : query->since_s;
    base->since_s = since_s != 0 ? since_s : base->until_s - (query->until_s - query->since_s);
}

static int diff(struct request *request, struct pp_history *history)
{
    struct pp_history_windows sides[PP_N_SIDES] = {{NULL, 0, 0}};
    const char *programs[2];
    uint32_t n_odd = 0;
    int code;

    settle_spans(request);
    if (pp_history_has_programs(history, &request->query, programs)) {
        pp_complain("windows of several programs are not compared: %s, %s ..; --program NAME",
                    programs[0], programs[1]);
        return PP_EXIT_USAGE;
    }
    code = load(history, &request->query, &sides[PP_AFTER]);
    request->base.kind = request->query.kind;
    if (code == 0)
        code = load(history, &request->base, &sides[PP_BEFORE]);
    for (int side = 0; code == 0 && side < PP_N_SIDES; side++)
        n_odd += pp_history_drop_odd(&sides[side]);
    if (n_odd > 0)
        pp_say("%u window%s of another length left out", n_odd, n_odd == 1 ? " is" : "s are");
    if (code == 0)
        code = compare(request, sides);
    for (int side = 0; side < PP_N_SIDES; side++)
        pp_history_windows_done(&sides[side]);
    return code;
}

/* ---- the command line ---- */

static int take_action(struct request *request, const char *word, struct pprofc_error *err)
{
    static const struct {
        const char *name;
        action *act;
    } actions[] = {
        {"list", list}, {"top", top}, {"flame", flame}, {"diff", diff}, {"export", export}};

    if (request->act != NULL)
        return pp_fail(err, -EINVAL, 0, "'%s': one thing at a time", word);
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp(actions[i].name, word) == 0)
            request->act = actions[i].act;
    return request->act != NULL
               ? 0
               : pp_fail(err, -EINVAL, 0, "'%s' is none of list, top, flame, diff and export",
                         word);
}

static int set_kind(struct request *request, const char *value, struct pprofc_error *err)
{
    uint32_t kinds = 0;
    const int status = pp_parse_kinds(value, &kinds, err);

    request->query.kind = value;
    return status == 0 && strchr(value, ',') != NULL
               ? pp_fail(err, -EINVAL, 0, "--kind takes one kind, such as heap")
               : status;
}

static int set_pid(struct request *request, const char *value, struct pprofc_error *err)
{
    return pp_parse_int64(value, strlen(value), &request->query.pid) && request->query.pid > 0
               ? 0
               : pp_fail(err, -EINVAL, 0, "'%s' is no process number", value);
}

static int take_query(struct request *request, int option, const char *value,
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
    struct request *request = command;

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

static int read_options(char **words, struct request *request, struct pprofc_error *err)
{
    struct pp_option_reader reader = {
        .options = history_options, .n_options = N_OPTIONS, .verb = "history", .words = words};
    const int status = pp_option_each(&reader, take, request, err);
    const char *folder = getenv("PPROFC_HISTORY");

    if (request->query.folder == NULL)
        request->query.folder = folder != NULL && folder[0] != '\0' ? folder : PP_CONTINUOUS_FOLDER;
    if (request->act == NULL)
        request->act = list;
    return status;
}

int pp_cmd_history(char **words)
{
    struct request request = {.now_s = time(NULL)};
    struct pp_history history = {.files = NULL};
    struct pprofc_error err;
    int code;

    if (read_options(words, &request, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (request.wants_help) {
        (void)pp_help_show("history");
        return PP_EXIT_OK;
    }
    if (pp_history_read(request.query.folder, &history, &err) < 0) {
        pp_complain("%s; --dir names another", err.message);
        code = PP_EXIT_FAILED;
    } else {
        code = request.act(&request, &history);
    }
    pp_history_done(&history);
    return code;
}
