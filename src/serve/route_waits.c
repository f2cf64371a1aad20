/* Waits and locks: what came so far, or in a time. */
#include <stdio.h>
#include <string.h>

#include "formats/gperftools.h"
#include "serve/routes.h"

#define OF(family) (1U << (PP_FAMILY_##family - 1))

/* The last part of each path, or ?kind=. */
static const struct wait_route {
    const char *name;
    uint32_t needs, or_needs; /* what the process must measure, either of them */
    enum pp_rec_family kind;
    enum pp_recorded_view view;
    double default_seconds; /* 0: all so far */
} wait_routes[] = {
    {"offcpu", OF(OFFCPU), 0, PP_FAMILY_OFFCPU, PP_RECORDED_OF_KIND, 0},
    {"lock", OF(LOCK), 0, PP_FAMILY_LOCK, PP_RECORDED_OF_KIND, 0},
    {"contention", OF(LOCK), 0, PP_FAMILY_LOCK, PP_RECORDED_OF_KIND, 0},
    {"wall", OF(CPU) | OF(OFFCPU), 0, 0, PP_RECORDED_WALL, 0},
    {"fgprof", OF(CPU) | OF(OFFCPU), 0, 0, PP_RECORDED_FGPROF, PP_SERVE_DEFAULT_SECONDS},
    {"block", OF(OFFCPU), OF(LOCK), 0, PP_RECORDED_BLOCK, 0},
    {"delta_block", OF(OFFCPU), OF(LOCK), 0, PP_RECORDED_BLOCK, 0},
    {"mutex", OF(LOCK), 0, 0, PP_RECORDED_MUTEX, 0},
    {"delta_mutex", OF(LOCK), 0, 0, PP_RECORDED_MUTEX, 0},
};

static const struct wait_route *find(const char *name)
{
    for (size_t i = 0; i < sizeof wait_routes / sizeof wait_routes[0]; i++)
        if (strcmp(wait_routes[i].name, name) == 0)
            return &wait_routes[i];
    return NULL;
}

static bool is_measured(const struct wait_route *route, struct pp_served *target)
{
    const uint32_t kinds = pp_served_kinds(target);

    return (kinds & route->needs) == route->needs ||
           (route->or_needs != 0 && (kinds & route->or_needs) == route->or_needs);
}

bool pp_waits_are_measured(const char *name, struct pp_served *target)
{
    const struct wait_route *route = find(name);

    return route != NULL && is_measured(route, target);
}

/* All so far, or what comes in wish.seconds. */
static int take(struct pp_call *call, const struct pp_profile_wish *wish,
                struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    int status;

    if (wish->seconds > 0)
        return pp_service_profile(call->service, wish, profile_out, err);
    status = pp_service_whole_view(call->service, call->target, wish->kind, wish->view, true,
                                   profile_out, err);
    if (status == 0 && wish->block[0] != '\0')
        status = pp_profile_block(*profile_out, wish->block, false, err);
    return status;
}

static void answer_gperftools(struct pp_call *call, struct pprofc_profile *profile)
{
    struct pprofc_error err;

    pp_http_text(call->answer, "");
    if (pp_gperftools_write_contentions(profile, &call->answer->body, &err) != 0)
        pp_http_error(call->answer, 500, "%s", err.message);
    pprofc_profile_free(profile);
}

static void answer(struct pp_call *call, struct pprofc_profile *profile, bool is_delta)
{
    char file_name[64];

    if (!pp_call_choose_type(call, profile))
        return;
    if (pp_call_is_gperftools(call)) {
        answer_gperftools(call, profile);
        return;
    }
    (void)snprintf(file_name, sizeof file_name, "%s%s", call->name, is_delta ? "-delta" : "");
    pp_answer_profile(call, profile, pp_call_format(call),
                      pp_call_is_picture(call) ? "svg" : "pprof", file_name);
}

void pp_route_waits(struct pp_call *call)
{
    const struct wait_route *route = find(call->name);
    const char *block = pp_http_parameter(call->request, "block");
    struct pp_profile_wish wish = {
        .target = call->target, .block = block != NULL ? block : "", .request = call->request};
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int status;

    if (route == NULL || !is_measured(route, call->target)) {
        pp_route_later_kind(call);
        return;
    }
    if (!pp_call_delta(call, &wish.seconds) || !pp_call_rate(call, &wish.rate_hz))
        return;
    if (!pp_call_format_is_known(call)) {
        pp_answer_profile(call, NULL, pp_call_format(call), "", "");
        return;
    }
    if (wish.seconds == 0)
        wish.seconds = route->default_seconds;
    if ((route->needs & OF(CPU)) == 0) /* what it does not need is sampled no faster for it */
        wish.rate_hz = 1;
    wish.kind = route->kind;
    wish.view = route->view;
    status = take(call, &wish, &profile, &err);
    if (status != 0)
        pp_http_error(call->answer, pp_http_status_of(status), "Could not profile: %s",
                      err.message);
    else
        answer(call, profile, wish.seconds > 0);
}
