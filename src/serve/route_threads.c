/* Where all threads stand: /debug/pprof/goroutine. */
#include <string.h>

#include "serve/routes.h"
#include "views/thread_stacks.h"

/* ?debug=1: stacks with counts; 2: each thread; both as text, like Go's. */
static int write_text(const struct pprofc_profile *profile, const char *debug,
                      struct pp_buffer *out, struct pprofc_error *err)
{
    return debug[0] == '1' ? pp_thread_groups_write(profile, out, err)
                           : pp_thread_goroutines_write(profile, out, err);
}

void pp_route_goroutine(struct pp_call *call)
{
    const char *debug = pp_http_parameter(call->request, "debug");
    const char *format = pp_http_parameter(call->request, "format");
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int status = pp_service_threads(call->service, call->target, &profile, &err);

    if (status != 0) {
        pp_http_error(call->answer, pp_http_status_of(status), "Could not look at the threads: %s",
                      err.message);
        return;
    }
    if (format != NULL || debug == NULL || debug[0] == '\0' || strcmp(debug, "0") == 0) {
        pp_answer_profile(call, profile, format, "pprof", call->name);
        return;
    }
    call->answer->status = 200;
    call->answer->content_type = "text/plain; charset=utf-8";
    status = write_text(profile, debug, &call->answer->body, &err);
    pprofc_profile_free(profile);
    if (status != 0)
        pp_http_error(call->answer, 500, "%s", err.message);
}
