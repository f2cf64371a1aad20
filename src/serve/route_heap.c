/* Heaps: what is in use, what was allocated, what came of it in a time. */
#include <stdio.h>
#include <string.h>

#include "formats/heap_text.h"
#include "serve/routes.h"

/* As Go's debug=1; ?format=text is the table. */
static bool wants_go_text(const struct pp_call *call)
{
    const char *format = pp_call_format(call);

    return format != NULL && strcmp(format, "text") == 0 &&
           pp_http_parameter(call->request, "format") == NULL;
}

static void answer_text(struct pp_call *call, struct pprofc_profile *profile)
{
    struct pprofc_error err;
    int status;

    pp_http_text(call->answer, "");
    if (pp_call_is_gperftools(call))
        status = pp_heap_text_write_gperftools(
            profile, strcmp(call->name, "growth") == 0 ? "growthz" : "heapprofile",
            &call->answer->body, &err);
    else
        status = pp_heap_text_write_go(profile, &call->answer->body, &err);
    if (status != 0)
        pp_http_error(call->answer, 500, "%s", err.message);
    pprofc_profile_free(profile);
}

static void answer(struct pp_call *call, struct pprofc_profile *profile, bool is_delta)
{
    const bool has_own_choice = pp_http_parameter(call->request, "sample") != NULL ||
                                pp_http_parameter(call->request, "sample_index") != NULL;
    char file_name[64];
    int type;

    if (!pp_call_choose_type(call, profile))
        return;
    if (pp_call_is_gperftools(call) || wants_go_text(call)) {
        answer_text(call, profile);
        return;
    }
    type = pp_profile_find_type(profile, "alloc_space", NULL);
    if (!has_own_choice && strcmp(call->name, "allocs") == 0 && type >= 0)
        profile->default_type = (uint32_t)type;
    (void)snprintf(file_name, sizeof file_name, "%s%s", call->name, is_delta ? "-delta" : "");
    pp_answer_profile(call, profile, pp_call_format(call),
                      pp_call_is_picture(call) ? "svg" : "pprof", file_name);
}

void pp_route_heap(struct pp_call *call)
{
    const char *block = pp_http_parameter(call->request, "block");
    struct pp_profile_wish wish = {
        .target = call->target, .block = block != NULL ? block : "", .request = call->request};
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int status;

    if (!pp_served_has_heap(call->target)) {
        pp_route_later_kind(call);
        return;
    }
    if (!pp_call_delta(call, &wish.seconds))
        return;
    if (!pp_call_format_is_known(call)) {
        pp_answer_profile(call, NULL, pp_call_format(call), "", "");
        return;
    }
    status = pp_service_heap(call->service, &wish, strcmp(call->name, "delta_heap") == 0, &profile,
                             &err);
    if (status != 0)
        pp_http_error(call->answer, pp_http_status_of(status), "Could not profile: %s",
                      err.message);
    else
        answer(call, profile, wish.seconds > 0);
}
