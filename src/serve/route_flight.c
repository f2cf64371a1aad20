/* POST /debug/pprof/flight: write down the last ten minutes. */
#include <errno.h>

#include "serve/continuous.h"
#include "serve/routes.h"

static int status_of(int error)
{
    switch (error) {
    case -EAGAIN:
        return 429;
    case -ENOTSUP:
        return 404;
    default:
        return pp_http_status_of(error);
    }
}

void pp_route_flight(struct pp_call *call)
{
    struct pp_continuous *continuous = pp_continuous_borrow(call->service);
    struct pprofc_error err;
    char path[PATH_MAX];
    int status;

    if (continuous == NULL) {
        pp_http_status_json(call->answer, 404,
                            "The flight recorder is off: pprofc serve --continuous, or "
                            "PPROFC_HISTORY, switches it on");
        return;
    }
    status = pp_continuous_flight(continuous, call->target, "request", call->request, path, &err);
    pp_continuous_give_back(call->service);
    if (status != 0)
        pp_http_status_json(call->answer, status_of(status), "%s", err.message);
    else
        pp_http_status_json(call->answer, 200, "Written: %s", path);
}
