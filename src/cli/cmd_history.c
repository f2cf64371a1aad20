/* pprofc history: what continuous mode has kept, listed, put together, compared. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "cli/history_request.h"
#include "cli/history_views.h"
#include "cli/messages.h"
#include "cli/output_format.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "formats/encode.h"
#include "views/top_table.h"

static const int64_t hour_s = 3600;

#define AUTO_WINDOWS __attribute__((cleanup(pp_history_windows_done))) struct pp_history_windows

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

static int write_out(const struct pp_history_request *request, const char *path,
                     const struct pp_buffer *bytes)
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

static const char *output_of(const struct pp_history_request *request)
{
    return request->output != NULL ? request->output : "-";
}

/* ---- reading ---- */

/* A diff takes its spans from the clock, where nobody gives them: they are said. */
static void complain_of_none(const struct pp_history_query *query)
{
    const int64_t times_s[2] = {query->since_s, query->until_s};
    char span[2][48] = {"", ""};

    for (int i = 0; i < 2; i++) {
        const time_t time_s = (time_t)times_s[i];
        struct tm utc;
        if (time_s > 0 && gmtime_r(&time_s, &utc) != NULL)
            (void)strftime(span[i], sizeof span[i],
                           i == 0 ? " from %Y-%m-%d %H:%M:%S on" : " until %Y-%m-%d %H:%M:%S",
                           &utc);
    }
    pp_complain("no window of %s%s%s%s is what was asked for; pprofc history --dir %s lists them",
                query->folder, span[0], span[1],
                span[0][0] != '\0' || span[1][0] != '\0' ? " UTC" : "", query->folder);
}

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
    complain_of_none(query);
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
static int load_merged(struct pp_history_request *request, struct pp_history *history,
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

static int list(struct pp_history_request *request, struct pp_history *history)
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

static int top(struct pp_history_request *request, struct pp_history *history)
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

static int write_merged(struct pp_history_request *request, struct pp_history *history,
                        const char *path, enum pp_format format)
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

static int flame(struct pp_history_request *request, struct pp_history *history)
{
    const char *path = request->output != NULL ? request->output : "history.svg";

    if (strcmp(path, "-") != 0 && pp_format_of_path(path) != PP_FORMAT_SVG) {
        pp_complain("%s: a flame graph is an .svg", path);
        return PP_EXIT_USAGE;
    }
    return write_merged(request, history, path, PP_FORMAT_SVG);
}

static int export(struct pp_history_request *request, struct pp_history *history)
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

static int make_diff(const struct pp_history_request *request,
                     const struct pp_history_windows *sides, struct pp_diff **diff_out,
                     struct pprofc_error *err)
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
static int write_diff(const struct pp_history_request *request,
                      const struct pp_history_windows *sides, const struct pp_diff *diff)
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

static int compare(struct pp_history_request *request, const struct pp_history_windows *sides)
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
static void settle_spans(struct pp_history_request *request)
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

static int diff(struct pp_history_request *request, struct pp_history *history)
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

/* 0, or what to exit with after a line about it. */
static int (*const actions[PP_HISTORY_N_ACTIONS])(struct pp_history_request *,
                                                  struct pp_history *) = {
    [PP_HISTORY_LIST] = list, [PP_HISTORY_TOP] = top,       [PP_HISTORY_FLAME] = flame,
    [PP_HISTORY_DIFF] = diff, [PP_HISTORY_EXPORT] = export,
};

int pp_cmd_history(char **words)
{
    struct pp_history_request request = {.now_s = time(NULL)};
    struct pp_history history = {.files = NULL};
    struct pprofc_error err;
    int code;

    if (pp_history_request_read(words, &request, &err) < 0) {
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
        code = actions[request.action](&request, &history);
    }
    pp_history_done(&history);
    return code;
}
