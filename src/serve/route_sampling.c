/* Sampling switched on and off by clients: /sampling/start, /stop, /status. */
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "base/json_writer.h"
#include "serve/routes.h"

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- start ---- */

struct start_body {
    double rate_hz, seconds;
};

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

/* "cpu" or ["cpu"]: what this version measures. */
static bool are_kinds_ours(const json_t *kinds)
{
    size_t i;
    const json_t *kind;

    if (json_is_string(kinds))
        return strcmp(json_string_value(kinds), "cpu") == 0;
    json_array_foreach(kinds, i, kind)
    {
        if (!json_is_string(kind) || strcmp(json_string_value(kind), "cpu") != 0)
            return false;
    }
    return kinds == NULL || json_is_array(kinds);
}

/* What is wrong with the body, or NULL. */
static const char *read_body(const struct pp_http_request *request, struct start_body *start)
{
    json_error_t error;
    json_t *body;
    const char *fault = NULL;

    if (request->n_body_bytes == 0)
        return NULL;
    body = json_loadb(request->body, request->n_body_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(body))
        fault = "the body must be a JSON object such as {\"frequency\": 100}";
    else if (!number_of(body, "frequency", 1, 10000, &start->rate_hz))
        fault = "\"frequency\" must be a number from 1 to 10000";
    else if (!number_of(body, "seconds", 0.01, PP_SERVE_MAX_SECONDS, &start->seconds))
        fault = "\"seconds\" must be a number of at most 3600";
    else if (!are_kinds_ours(json_object_get(body, "kinds")))
        fault = "\"kinds\" may hold \"cpu\" in this version";
    json_decref(body);
    return fault;
}

void pp_route_sampling_start(struct pp_call *call)
{
    struct pp_sampling *sampling = &call->service->sampling;
    struct start_body start = {PP_SERVE_DEFAULT_HZ, PP_SERVE_SAMPLING_SECONDS};
    const char *fault = read_body(call->request, &start);
    struct pprofc_error err;
    int status;

    if (fault != NULL) {
        pp_http_status_json(call->answer, 400, "%s", fault);
        return;
    }
    (void)pthread_mutex_lock(&sampling->lock);
    status = sampling->is_active
                 ? -EALREADY
                 : pp_served_begin_window(call->target, start.rate_hz, &sampling->window, &err);
    if (status == 0) {
        sampling->is_active = true;
        sampling->has_ended = false;
        sampling->target = call->target;
        sampling->rate_hz = start.rate_hz;
        sampling->start_ns = now_ns();
        sampling->limit_ns = sampling->start_ns + (uint64_t)(start.seconds * 1e9);
    }
    (void)pthread_mutex_unlock(&sampling->lock);
    if (status == 0)
        pp_http_status_json(call->answer, 200, "Sampling started at %gHz", start.rate_hz);
    else if (status == -EALREADY)
        pp_http_status_json(call->answer, 409, "Sampling already in progress");
    else
        pp_http_status_json(call->answer, pp_http_status_of(status), "%s", err.message);
}

/* ---- stop ---- */

static int stop(struct pp_call *call, struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    struct pp_sampling *sampling = &call->service->sampling;
    struct pp_profile_wish wish = {.block = ""};
    bool was_active, had_ended;
    uint32_t window;

    (void)pthread_mutex_lock(&sampling->lock);
    while (sampling->is_being_made)
        (void)pthread_cond_wait(&sampling->is_made, &sampling->lock);
    was_active = sampling->is_active;
    had_ended = sampling->has_ended;
    window = sampling->window;
    wish.target = sampling->target;
    wish.rate_hz = sampling->rate_hz;
    if (was_active && had_ended)
        *profile_out = sampling->profile;
    sampling->is_active = false;
    sampling->profile = NULL;
    (void)pthread_mutex_unlock(&sampling->lock);
    if (!was_active)
        return -ENOENT;
    if (had_ended)
        return *profile_out != NULL ? 0 : pp_fail(err, -EIO, 0, "the process has ended");
    /* Without the lock: names may take their time. */
    return pp_service_end_window(call->service, &wish, window, profile_out, err);
}

void pp_route_sampling_stop(struct pp_call *call)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    const int status = stop(call, &profile, &err);

    if (status == -ENOENT)
        pp_http_status_json(call->answer, 404, "No active sampling");
    else if (status != 0)
        pp_http_status_json(call->answer, 500, "%s", err.message);
    else
        pp_answer_profile(call, profile, pp_http_parameter(call->request, "format"), "svg",
                          "profile");
}

/* ---- status ---- */

void pp_route_sampling_status(struct pp_call *call)
{
    struct pp_sampling *sampling = &call->service->sampling;
    struct pp_json json = {.out = &call->answer->body};
    const uint64_t at_ns = now_ns();

    call->answer->status = 200;
    call->answer->content_type = "application/json";
    (void)pthread_mutex_lock(&sampling->lock);
    pp_json_begin_object(&json, NULL);
    pp_json_text(&json, "status",
                 !sampling->is_active  ? "inactive"
                 : sampling->has_ended ? "ended"
                                       : "active");
    if (sampling->is_active) {
        const double left_s = (double)(int64_t)(sampling->limit_ns - at_ns) / 1e9;
        pp_json_integer(&json, "pid", sampling->target->pid);
        pp_json_fraction(&json, "frequency", sampling->rate_hz);
        pp_json_fraction(&json, "seconds_so_far", (double)(at_ns - sampling->start_ns) / 1e9);
        pp_json_fraction(&json, "seconds_left", left_s > 0 ? left_s : 0);
    }
    pp_json_end_object(&json);
    (void)pthread_mutex_unlock(&sampling->lock);
    pp_buffer_text(&call->answer->body, "\n");
}
