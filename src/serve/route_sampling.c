/* Sampling switched on and off by clients: /sampling/start, /change, /stop, /status. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/json_writer.h"
#include "serve/routes.h"

static const struct {
    const char *name;
    uint32_t bit;
} kinds[PP_SAMPLING_N_KINDS] = {{"cpu", PP_SAMPLING_CPU}, {"heap", PP_SAMPLING_HEAP}};

/* 0: there is no such kind. */
static uint32_t kind_of(const char *name)
{
    for (size_t i = 0; i < PP_SAMPLING_N_KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].bit;
    return 0;
}

/* ---- bodies ---- */

static bool number_of(const json_t *body, const char *key, double least, double most,
                      double *number)
{
    const json_t *value = json_object_get(body, key);

    if (value == NULL)
        return true;
    if (!json_is_number(value) || json_number_value(value) < least ||
        json_number_value(value) > most)
        return false;
    *number = json_number_value(value);
    return true;
}

/* "cpu" or ["cpu", "heap"]. */
static bool kinds_of(const json_t *value, uint32_t *kinds_out)
{
    const json_t *kind;
    uint32_t bits = 0;
    size_t i;

    if (value == NULL)
        return true;
    if (json_is_string(value))
        bits = kind_of(json_string_value(value));
    json_array_foreach(value, i, kind)
    {
        const uint32_t bit = json_is_string(kind) ? kind_of(json_string_value(kind)) : 0;
        if (bit == 0)
            return false;
        bits |= bit;
    }
    *kinds_out = bits;
    return bits != 0;
}

/* What is wrong with the body, or NULL. */
static const char *read_body(const struct pp_http_request *request, struct pp_sampling_wish *wish)
{
    json_error_t error;
    json_t *body;
    const char *fault = NULL;

    if (request->n_body_bytes == 0)
        return NULL;
    body = json_loadb(request->body, request->n_body_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(body))
        fault = "the body must be a JSON object such as {\"frequency\": 100}";
    else if (!number_of(body, "frequency", 1, 10000, &wish->rate_hz))
        fault = "\"frequency\" must be a number from 1 to 10000";
    else if (!number_of(body, "seconds", 0.01, PP_SERVE_MAX_SECONDS, &wish->seconds))
        fault = "\"seconds\" must be a number of at most 3600";
    else if (!kinds_of(json_object_get(body, "kinds"), &wish->kinds))
        fault = "\"kinds\" may hold \"cpu\" and \"heap\"";
    json_decref(body);
    return fault;
}

/* ---- the routes ---- */

static void answer_error(struct pp_call *call, int status, const struct pprofc_error *err)
{
    const int code = status == -EALREADY  ? 409
                     : status == -ENODATA ? 400
                                          : pp_http_status_of(status);

    pp_http_status_json(call->answer, code, "%s", err->message);
}

void pp_route_sampling_start(struct pp_call *call)
{
    struct pp_sampling_wish wish = {.rate_hz = PP_SERVE_DEFAULT_HZ};
    const char *fault = read_body(call->request, &wish);
    struct pprofc_error err;
    int status;

    if (fault != NULL) {
        pp_http_status_json(call->answer, 400, "%s", fault);
        return;
    }
    status = pp_sampling_start(call->service, call->target, &wish, &err);
    if (status != 0)
        answer_error(call, status, &err);
    else if (wish.kinds == PP_SAMPLING_HEAP)
        pp_http_status_json(call->answer, 200, "Sampling started for the heap");
    else
        pp_http_status_json(call->answer, 200, "Sampling started at %gHz", wish.rate_hz);
}

void pp_route_sampling_change(struct pp_call *call)
{
    struct pp_sampling_wish wish = {.kinds = 0};
    const char *fault = read_body(call->request, &wish);
    struct pprofc_error err;
    double rate_hz = 0;
    int status;

    if (fault != NULL) {
        pp_http_status_json(call->answer, 400, "%s", fault);
        return;
    }
    status = pp_sampling_change(call->service, &wish, &rate_hz, &err);
    if (status != 0)
        answer_error(call, status, &err);
    else
        pp_http_status_json(call->answer, 200, "Sampling goes on at %gHz", rate_hz);
}

void pp_route_sampling_stop(struct pp_call *call)
{
    const char *kind = pp_http_parameter(call->request, "kind");
    const uint32_t bit = kind != NULL ? kind_of(kind) : 0;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int status;

    if (kind != NULL && bit == 0) {
        pp_http_status_json(call->answer, 400, "unknown kind; there are cpu and heap");
        return;
    }
    /* Before it is stopped: what was sampled would be lost. */
    if (!pp_call_format_is_known(call)) {
        pp_answer_profile(call, NULL, pp_call_format(call), "", "");
        return;
    }
    status = pp_sampling_stop(call->service, bit, &profile, &err);
    if (status != 0)
        answer_error(call, status, &err);
    else
        pp_answer_profile(call, profile, pp_call_format(call), "svg",
                          bit == PP_SAMPLING_HEAP ? "heap-delta" : "profile");
}

void pp_route_sampling_status(struct pp_call *call)
{
    struct pp_json json = {.out = &call->answer->body};
    struct pp_sampling_state state;

    pp_sampling_look(call->service, &state);
    call->answer->status = 200;
    call->answer->content_type = "application/json";
    pp_json_begin_object(&json, NULL);
    pp_json_text(&json, "status",
                 state.kinds == 0  ? "inactive"
                 : state.has_ended ? "ended"
                                   : "active");
    if (state.kinds != 0) {
        pp_json_integer(&json, "pid", state.pid);
        pp_json_begin_array(&json, "kinds");
        for (size_t i = 0; i < PP_SAMPLING_N_KINDS; i++)
            if ((state.kinds & kinds[i].bit) != 0)
                pp_json_text(&json, NULL, kinds[i].name);
        pp_json_end_array(&json);
        pp_json_fraction(&json, "frequency", state.rate_hz);
        pp_json_fraction(&json, "seconds_so_far", state.seconds_so_far);
        pp_json_fraction(&json, "seconds_left", state.seconds_left);
    }
    pp_json_end_object(&json);
    pp_buffer_text(&call->answer->body, "\n");
}
