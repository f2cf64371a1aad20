/* Which function answers which path. */
#include <errno.h>
#include <string.h>

#include "serve/routes.h"

enum { GET = 1, POST = 2, NO_HEAD = 4 /* what is answered is gone then */ };

static const struct {
    const char *path;
    pp_route *route;
    int methods;
} routes[] = {
    {"/debug/pprof/profile", pp_route_profile, GET},
    {"/debug/pprof/flamegraph", pp_route_profile, GET},
    {"/debug/pprof/top", pp_route_top, GET},
    {"/debug/pprof/tree", pp_route_tree, GET},
    {"/debug/pprof/diff", pp_route_diff, GET},
    {"/debug/pprof/heap", pp_route_heap, GET},
    {"/debug/pprof/allocs", pp_route_heap, GET},
    {"/debug/pprof/block", pp_route_waits, GET},
    {"/debug/pprof/mutex", pp_route_waits, GET},
    {"/debug/pprof/goroutine", pp_route_goroutine, GET},
    {"/debug/pprof/threadcreate", pp_route_threadcreate, GET},
    {"/debug/pprof/offcpu", pp_route_waits, GET},
    {"/debug/pprof/wall", pp_route_waits, GET},
    {"/debug/pprof/lock", pp_route_waits, GET},
    {"/debug/pprof/leak", pp_route_leak, GET},
    {"/debug/pprof/delta_heap", pp_route_heap, GET},
    {"/debug/pprof/growth", pp_route_heap, GET},
    {"/debug/pprof/delta_block", pp_route_waits, GET},
    {"/debug/pprof/delta_mutex", pp_route_waits, GET},
    {"/debug/fgprof", pp_route_waits, GET},
    {"/debug/pprof/fgprof", pp_route_waits, GET},
    {"/debug/pprof/cmdline", pp_route_cmdline, GET},
    {"/debug/pprof/symbol", pp_route_symbol, GET | POST},
    {"/debug/pprof/flight", pp_route_flight, POST},
    {"/debug/pprof/trace", pp_route_trace, GET},
    {"/debug/pprof/quality", pp_route_quality, GET},
    {"/debug/pprof/overhead", pp_route_overhead, GET},
    {"/debug/pprof/", pp_route_index, GET},
    {"/", pp_route_index, GET},
    {"/pprof/profile", pp_route_profile, GET},
    {"/pprof/heap", pp_route_heap, GET},
    {"/pprof/growth", pp_route_heap, GET},
    {"/pprof/contention", pp_route_waits, GET},
    {"/pprof/symbol", pp_route_symbol, GET | POST},
    {"/pprof/cmdline", pp_route_cmdline, GET},
    {"/sampling/start", pp_route_sampling_start, POST},
    {"/sampling/change", pp_route_sampling_change, POST},
    {"/sampling/stop", pp_route_sampling_stop, GET | POST | NO_HEAD},
    {"/sampling/status", pp_route_sampling_status, GET},
    {"/metrics", pp_route_metrics, GET},
    {"/healthz", pp_route_healthz, GET},
    {"/off", pp_route_off, POST},
};

static bool takes(int methods, enum pp_http_method method)
{
    switch (method) {
    case PP_HTTP_GET:
        return (methods & GET) != 0;
    case PP_HTTP_HEAD:
        return (methods & (GET | NO_HEAD)) == GET;
    case PP_HTTP_POST:
        return (methods & POST) != 0;
    default:
        return false;
    }
}

static bool is_path(const char *path, const char *wanted)
{
    const size_t n = strlen(wanted);

    /* "/debug/pprof" is the folder too. */
    return strcmp(path, wanted) == 0 || (n > 1 && wanted[n - 1] == '/' && strlen(path) == n - 1 &&
                                         strncmp(path, wanted, n - 1) == 0);
}

static void call_route(struct pp_call *call, size_t i)
{
    const char *methods = routes[i].methods == GET    ? "GET"
                          : routes[i].methods == POST ? "POST"
                                                      : "GET or POST";

    call->name = strrchr(routes[i].path, '/') + 1;
    if (!takes(routes[i].methods, call->request->method))
        pp_http_error(call->answer, 405, "%s takes %s", routes[i].path, methods);
    else if (call->target == NULL && pp_http_parameter(call->request, "pid") == NULL)
        pp_http_error(call->answer, 503, "the program has not begun to record yet; try again");
    else if (call->target == NULL)
        pp_http_error(call->answer, 404, "no process %s is served here; / lists those that are",
                      pp_http_parameter(call->request, "pid"));
    else
        routes[i].route(call);
}

void pp_service_answer(struct pp_service *service, const struct pp_http_request *request,
                       struct pp_http_answer *answer)
{
    struct pp_call call = {.service = service,
                           .target = pp_service_target(service, pp_http_parameter(request, "pid")),
                           .request = request,
                           .answer = answer};

    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        if (is_path(request->path, routes[i].path)) {
            call_route(&call, i);
            return;
        }
    }
    if (strncmp(request->path, "/debug/pprof/", strlen("/debug/pprof/")) == 0)
        pp_http_error(answer, 404, "Unknown profile; /debug/pprof/ lists those that there are");
    else
        pp_http_error(answer, 404, "nothing is here; / lists what there is");
}
