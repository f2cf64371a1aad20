/* Suspects of a look for leaks, which pauses the program: how long is told, and bounded. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/numbers.h"
#include "serve/leaks.h"
#include "serve/routes.h"
#include "views/leak_table.h"

enum { DEFAULT_ROWS = 10, MOST_ROWS = 10000 };

/* ---- parameters ---- */

/* "?force=1": whether it is given, and not 0. */
static bool is_set(const struct pp_call *call, const char *name, bool otherwise)
{
    const char *text = pp_http_parameter(call->request, name);

    return text == NULL ? otherwise : strcmp(text, "0") != 0;
}

/* The longest pause: ?max_pause= in seconds, or ?force=1; false after a 400. */
static bool read_limit(struct pp_call *call, uint32_t *limit_ms_out)
{
    double seconds = 0;

    if (!pp_call_seconds(call, "max_pause", 0, &seconds))
        return false;
    *limit_ms_out = is_set(call, "force", false) ? UINT32_MAX
                    : seconds > 0 && seconds < 0.001
                        ? 1
                        : (uint32_t)(seconds * 1000); /* 3600 s at most; 0: the usual one */
    return true;
}

/* ?top=; false after a 400. */
static bool read_rows(struct pp_call *call, uint32_t *n_rows_out)
{
    const char *text = pp_http_parameter(call->request, "top");
    int64_t n = DEFAULT_ROWS;

    if (text != NULL && (!pp_parse_int64(text, strlen(text), &n) || n < 1 || n > MOST_ROWS)) {
        pp_http_error(call->answer, 400, "invalid value for \"top\" - must be 1 to %d", MOST_ROWS);
        return false;
    }
    *n_rows_out = (uint32_t)n;
    return true;
}

static bool wants_text(const struct pp_call *call)
{
    const char *format = pp_call_format(call);

    return format != NULL && strcmp(format, "text") == 0;
}

/* ---- the answer ---- */

static void tell_pause(struct pp_call *call, const struct pp_leak_report *report)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;

    if (!report->look.was_made)
        return;
    pp_leak_pause_append(report, &text);
    if (!text.failed)
        (void)snprintf(call->answer->pause, sizeof call->answer->pause, "%.*s", (int)text.n_bytes,
                       text.bytes);
}

static void answer_text(struct pp_call *call, const struct pp_leak_report *report, uint32_t n_rows)
{
    struct pprofc_error err;

    pp_http_text(call->answer, "");
    if (pp_leak_table_write(report, n_rows, &call->answer->body, &err) != 0)
        pp_http_error(call->answer, 500, "%s", err.message);
}

static void answer_profile(struct pp_call *call, struct pprofc_profile *profile)
{
    const char *block = pp_http_parameter(call->request, "block");
    struct pprofc_error err;

    if (!pp_call_choose_type(call, profile))
        return;
    if (block != NULL && block[0] != '\0' && pp_profile_block(profile, block, false, &err) != 0) {
        pprofc_profile_free(profile);
        pp_http_error(call->answer, 400, "%s", err.message);
        return;
    }
    pp_answer_profile(call, profile, pp_call_format(call),
                      pp_call_is_picture(call) ? "svg" : "pprof", "leak");
}

static void answer(struct pp_call *call, uint32_t n_rows)
{
    struct pprofc_profile *profile = NULL;
    struct pp_leak_report report;
    struct pprofc_error err;
    const int status = pp_service_leaks(call->service, call->target, wants_text(call) ? n_rows : 0,
                                        &report, wants_text(call) ? NULL : &profile, &err);

    if (status != 0) {
        pp_http_error(call->answer, pp_http_status_of(status), "Could not read the recording: %s",
                      err.message);
        return;
    }
    if (profile == NULL)
        answer_text(call, &report, n_rows);
    else
        answer_profile(call, profile);
    if (!call->answer->is_error)
        tell_pause(call, &report);
    pp_leak_report_done(&report);
}

/* ---- the route ---- */

/* A process that has ended is not asked: what its recording holds is answered, and says so. */
static int look(struct pp_call *call, uint32_t limit_ms, struct pprofc_error *err)
{
    const struct pp_leak_wish wish = {.target = call->target,
                                      .limit_ms = limit_ms,
                                      .way = "force=1",
                                      .may_be_old = true,
                                      .request = call->request};
    int status;

    if (!is_set(call, "look", true) || !pp_served_is_alive(call->target))
        return 0;
    status = pp_service_begin_waiting(call->service, err);
    if (status == 0)
        status = pp_leak_look(&wish, err);
    pp_service_end_waiting(call->service);
    return status == -ESRCH ? 0 : status;
}

void pp_route_leak(struct pp_call *call)
{
    struct pprofc_error err;
    uint32_t n_rows = 0, limit_ms = 0;
    int status;

    if (!pp_served_has_heap(call->target)) {
        pp_route_later_kind(call);
        return;
    }
    if (!read_rows(call, &n_rows) || !read_limit(call, &limit_ms))
        return;
    if (!pp_call_format_is_known(call)) {
        pp_answer_profile(call, NULL, pp_call_format(call), "", "");
        return;
    }
    status = look(call, limit_ms, &err);
    if (status != 0)
        pp_http_error(call->answer, pp_http_status_of(status), "Could not look for leaks: %s",
                      err.message);
    else
        answer(call, n_rows);
}
