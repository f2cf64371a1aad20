/* Profiles: sampled for the client, or of kinds that this version does not measure. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "formats/encode.h"
#include "formats/gperftools.h"
#include "serve/routes.h"
#include "views/top_table.h"
#include "views/tree_table.h"

static const char default_block[] = "libc,libpthread";

/* ---- parameters ---- */

static bool parse_number(const char *text, double *number_out)
{
    char *end = NULL;
    const double number = pp_read_double(text, &end);

    if (end == text || *end != '\0' || !(number >= 0 && number < 1e12))
        return false;
    *number_out = number;
    return true;
}

bool pp_call_seconds(struct pp_call *call, const char *name, double otherwise, double *seconds_out)
{
    const char *text = pp_http_parameter(call->request, name);
    double seconds = 0;

    if (text != NULL && !parse_number(text, &seconds)) {
        pp_http_error(call->answer, 400, "invalid value for \"%s\" - must be a positive number",
                      name);
        return false;
    }
    if (seconds > PP_SERVE_MAX_SECONDS) {
        pp_http_error(call->answer, 400, "%s=%s is too long; %d at most", name, text,
                      PP_SERVE_MAX_SECONDS);
        return false;
    }
    *seconds_out = seconds > 0 ? seconds : otherwise;
    return true;
}

bool pp_call_rate(struct pp_call *call, double *rate_hz_out)
{
    const char *text = pp_http_parameter(call->request, "frequency");
    double rate_hz = PP_SERVE_DEFAULT_HZ;

    if (text == NULL)
        text = pp_http_parameter(call->request, "hz");
    if (text != NULL && (!parse_number(text, &rate_hz) || !(rate_hz >= 1 && rate_hz <= 10000))) {
        pp_http_error(call->answer, 400,
                      "invalid value for \"frequency\" - must be 1 to 10000 a second");
        return false;
    }
    *rate_hz_out = rate_hz;
    return true;
}

bool pp_call_kind(struct pp_call *call, enum pp_rec_family *kind_out,
                  enum pp_recorded_view *view_out)
{
    static const struct {
        const char *name;
        enum pp_rec_family kind;
        enum pp_recorded_view view;
    } kinds[] = {{"cpu", PP_FAMILY_CPU, PP_RECORDED_OF_KIND},
                 {"offcpu", PP_FAMILY_OFFCPU, PP_RECORDED_OF_KIND},
                 {"lock", PP_FAMILY_LOCK, PP_RECORDED_OF_KIND},
                 {"wall", 0, PP_RECORDED_WALL},
                 {"heap", PP_FAMILY_HEAP, PP_RECORDED_OF_KIND}};
    const char *kind = pp_http_parameter(call->request, "kind");

    *kind_out = 0;
    *view_out = PP_RECORDED_OF_KIND;
    if (kind == NULL)
        return true;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, kind) != 0)
            continue;
        *kind_out = kinds[i].kind;
        *view_out = kinds[i].view;
        return true;
    }
    pp_http_error(call->answer, 400,
                  "unknown kind '%s'; there are cpu, offcpu, lock, wall and heap", kind);
    return false;
}

bool pp_call_choose_type(struct pp_call *call, struct pprofc_profile *profile)
{
    const char *sample = pp_http_parameter(call->request, "sample");
    struct pprofc_error err;
    int type;

    if (sample == NULL)
        sample = pp_http_parameter(call->request, "sample_index");
    type =
        sample == NULL ? (int)profile->default_type : pp_profile_find_type(profile, sample, &err);
    if (type >= 0) {
        profile->default_type = (uint32_t)type;
        return true;
    }
    pp_http_error(call->answer, 400, "%s", err.message);
    pprofc_profile_free(profile);
    return false;
}

/* ---- answers ---- */

static const struct {
    const char *name, *content_type;
    enum pp_format format;
    bool is_saved; /* a browser is to save it */
} formats[] = {
    {"pprof", "application/octet-stream", PP_FORMAT_PPROF, true},
    {"pb", "application/octet-stream", PP_FORMAT_PPROF_RAW, true},
    {"svg", "image/svg+xml; charset=utf-8", PP_FORMAT_SVG, false},
    {"folded", "text/plain; charset=utf-8", PP_FORMAT_FOLDED, false},
    {"json", "application/json", PP_FORMAT_JSON, false},
    {"speedscope", "application/json", PP_FORMAT_SPEEDSCOPE, false},
    {"otlp", "application/x-protobuf", PP_FORMAT_OTLP, true},
    {"csv", "text/csv; charset=utf-8", PP_FORMAT_CSV, false},
    {"text", "text/plain; charset=utf-8", PP_FORMAT_TEXT, false},
};

void pp_answer_profile(struct pp_call *call, struct pprofc_profile *profile, const char *format,
                       const char *otherwise, const char *file_name)
{
    struct pp_http_answer *answer = call->answer;
    struct pprofc_error err;
    int status;

    format = format != NULL ? format : otherwise;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, format) != 0)
            continue;
        answer->status = 200;
        answer->content_type = formats[i].content_type;
        if (formats[i].is_saved)
            (void)snprintf(answer->file_name, sizeof answer->file_name, "%s", file_name);
        status = pp_encode_profile(profile, formats[i].format, profile->default_type, &answer->body,
                                   &err);
        pprofc_profile_free(profile);
        if (status < 0)
            pp_http_error(answer, status == -ENOTSUP ? 400 : 500, "%s", err.message);
        return;
    }
    pprofc_profile_free(profile);
    pp_http_error(answer, 400,
                  "unknown format '%s'; there are pprof, pb, svg, folded, speedscope, otlp, json, "
                  "csv, text",
                  format);
}

const char *pp_call_format(const struct pp_call *call)
{
    const char *format = pp_http_parameter(call->request, "format");
    const char *debug = pp_http_parameter(call->request, "debug");

    if (format == NULL && debug != NULL && strcmp(debug, "0") != 0 && debug[0] != '\0')
        return "text";
    return format;
}

bool pp_call_format_is_known(const struct pp_call *call)
{
    const char *format = pp_call_format(call);

    for (size_t i = 0; format != NULL && i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(formats[i].name, format) == 0)
            return true;
    return format == NULL;
}

/* /debug/pprof/flamegraph, whatever the kind. */
bool pp_call_is_picture(const struct pp_call *call)
{
    const char *last = strrchr(call->request->path, '/');

    return last != NULL && strcmp(last, "/flamegraph") == 0;
}

/* /pprof/ without a wish for a format: what gperftools' own pprof reads. */
bool pp_call_is_gperftools(const struct pp_call *call)
{
    return strncmp(call->request->path, "/pprof/", strlen("/pprof/")) == 0 &&
           pp_call_format(call) == NULL;
}

static void answer_gperftools(struct pp_call *call, struct pprofc_profile *profile)
{
    struct pprofc_error err;

    call->answer->status = 200;
    call->answer->content_type = "application/octet-stream";
    if (pp_gperftools_write(profile, &call->answer->body, &err) != 0)
        pp_http_error(call->answer, 500, "%s", err.message);
    pprofc_profile_free(profile);
}

void pp_route_profile(struct pp_call *call)
{
    const char *block = pp_http_parameter(call->request, "block");
    const char *kind = pp_http_parameter(call->request, "kind");
    struct pp_profile_wish wish = {.target = call->target,
                                   .block = block != NULL ? block : default_block,
                                   .request = call->request};
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int status;

    if (kind != NULL && strcmp(kind, "cpu") != 0) {
        call->name = kind;
        (strcmp(kind, "heap") == 0   ? pp_route_heap
         : strcmp(kind, "leak") == 0 ? pp_route_leak
                                     : pp_route_waits)(call);
        return;
    }
    if (!pp_call_seconds(call, "seconds", PP_SERVE_DEFAULT_SECONDS, &wish.seconds) ||
        !pp_call_rate(call, &wish.rate_hz))
        return;
    /* Before half a minute of sampling, not after. */
    if (!pp_call_format_is_known(call)) {
        pp_answer_profile(call, NULL, pp_call_format(call), "", "");
        return;
    }
    status = pp_service_profile(call->service, &wish, &profile, &err);
    if (status != 0)
        pp_http_error(call->answer, pp_http_status_of(status), "Could not profile: %s",
                      err.message);
    else if (pp_call_is_gperftools(call))
        answer_gperftools(call, profile);
    else
        pp_answer_profile(call, profile, pp_call_format(call),
                          pp_call_is_picture(call) ? "svg" : "pprof", "profile");
}

void pp_route_top(struct pp_call *call)
{
    const char *sort = pp_http_parameter(call->request, "sort"), *format = pp_call_format(call);
    struct pp_top_table_options options = {.by_cum = sort != NULL && strcmp(sort, "cum") == 0};
    enum pp_rec_family kind = 0;
    enum pp_recorded_view view;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int status;

    if (!pp_call_kind(call, &kind, &view))
        return;
    if (sort != NULL && !options.by_cum && strcmp(sort, "flat") != 0) {
        pp_http_error(call->answer, 400, "unknown sort '%s'; there are flat and cum", sort);
        return;
    }
    status = pp_service_whole_view(call->service, call->target, kind, view, true, &profile, &err);
    if (status == 0 && !pp_call_choose_type(call, profile))
        return;
    if (status == 0 && (!options.by_cum || (format != NULL && strcmp(format, "text") != 0))) {
        pp_answer_profile(call, profile, format, "text", "profile");
        return;
    }
    if (status == 0) {
        options.type = profile->default_type;
        pp_http_text(call->answer, "");
        status = pp_top_table_write(profile, &options, &call->answer->body, &err);
    }
    if (status != 0)
        pp_http_error(call->answer, 500, "Could not read the recording: %s", err.message);
    pprofc_profile_free(profile);
}

void pp_route_tree(struct pp_call *call)
{
    const char *format = pp_call_format(call);
    struct pp_tree_table_options options = {.min_share = 0};
    enum pp_rec_family kind = 0;
    enum pp_recorded_view view;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int status;

    if (format != NULL && strcmp(format, "text") != 0) {
        pp_route_top(call);
        return;
    }
    if (!pp_call_kind(call, &kind, &view))
        return;
    status = pp_service_whole_view(call->service, call->target, kind, view, false, &profile, &err);
    if (status == 0 && !pp_call_choose_type(call, profile))
        return;
    if (status == 0) {
        options.type = profile->default_type;
        pp_http_text(call->answer, "");
        status = pp_tree_table_write(profile, &options, &call->answer->body, &err);
    }
    if (status != 0)
        pp_http_error(call->answer, 500, "Could not read the recording: %s", err.message);
    pprofc_profile_free(profile);
}

/* ---- kinds to come, or that the process does not measure ---- */

/* Sample types and period as the field has them. */
struct shape {
    const char *types[8]; /* type, unit, type, unit .. */
    const char *period_type, *period_unit;
};

/* The same in gperftools' texts. */
static const char no_heap[] = "heap profile: 0: 0 [0: 0] @ heapprofile\n\nMAPPED_LIBRARIES:\n";
static const char no_growth[] = "heap profile: 0: 0 [0: 0] @ growthz\n\nMAPPED_LIBRARIES:\n";
static const char no_contentions[] =
    "--- contention:\ncycles/second = 1000000000\nsampling period = 1\n";

static const struct shape heap = {{"alloc_objects", "count", "alloc_space", "bytes",
                                   "inuse_objects", "count", "inuse_space", "bytes"},
                                  "space",
                                  "bytes"};
static const struct shape suspects = {{"suspect_objects", "count", "suspect_space", "bytes",
                                       "inuse_objects", "count", "inuse_space", "bytes"},
                                      "space",
                                      "bytes"};
static const struct shape contentions = {
    {"contentions", "count", "delay", "nanoseconds"}, "contentions", "count"};
static const struct shape waits = {
    {"waits", "count", "wait", "nanoseconds"}, "wait", "nanoseconds"};
static const struct shape wall = {
    {"samples", "count", "wall", "nanoseconds"}, "wall", "nanoseconds"};

static const struct {
    const char *name, *kind;
    const struct shape *shape;
} later_kinds[] = {
    {"heap", "heap", &heap},
    {"allocs", "heap", &heap},
    {"delta_heap", "heap", &heap},
    {"growth", "heap", &heap},
    {"leak", "leak", &suspects},
    {"block", "offcpu", &contentions},
    {"delta_block", "offcpu", &contentions},
    {"mutex", "lock", &contentions},
    {"delta_mutex", "lock", &contentions},
    {"lock", "lock", &contentions},
    {"contention", "lock", &contentions},
    {"offcpu", "offcpu", &waits},
    {"wall", "wall", &wall},
    {"fgprof", "wall", &wall},
};

static struct pprofc_profile *empty_profile(struct pp_call *call, size_t i)
{
    struct pprofc_profile *profile = pp_profile_new();
    const struct shape *shape = later_kinds[i].shape;

    if (profile == NULL)
        return NULL;
    for (size_t k = 0; k < 8 && shape->types[k] != NULL; k += 2)
        (void)pp_profile_add_type(profile, shape->types[k], shape->types[k + 1]);
    profile->default_type = profile->n_types - 1;
    profile->kind = pp_profile_text(profile, later_kinds[i].kind);
    profile->period_type.type = pp_profile_text(profile, shape->period_type);
    profile->period_type.unit = pp_profile_text(profile, shape->period_unit);
    profile->period = 1;
    profile->time_ns = pp_served_header(call->target)->start_realtime_ns;
    if (strcmp(later_kinds[i].kind, "heap") == 0 || strcmp(later_kinds[i].kind, "leak") == 0)
        pp_profile_comment(profile,
                           "the process was started without the heap (pprofc run -k heap, or "
                           "PPROFC=heap) and does not measure %s: the profile is empty",
                           call->name);
    else
        pp_profile_comment(profile,
                           "the process was started without %s (pprofc run -k %s, or PPROFC=%s) "
                           "and does not measure %s: the profile is empty",
                           later_kinds[i].kind, later_kinds[i].kind, later_kinds[i].kind,
                           call->name);
    return profile;
}

/* ?seconds= asks for what came in that time; as in Go not as text, which has no difference. */
bool pp_call_delta(struct pp_call *call, double *seconds_out)
{
    const char *format = pp_call_format(call);
    double seconds = 0;

    if (!pp_call_seconds(call, "seconds", 0, &seconds))
        return false;
    *seconds_out = seconds;
    if (seconds > 0 && format != NULL && strcmp(format, "text") == 0) {
        pp_http_error(call->answer, 400, "seconds and debug params are incompatible");
        return false;
    }
    return true;
}

void pp_route_later_kind(struct pp_call *call)
{
    char file_name[64];
    double seconds = 0;

    for (size_t i = 0; i < sizeof later_kinds / sizeof later_kinds[0]; i++) {
        struct pprofc_profile *profile;
        if (strcmp(later_kinds[i].name, call->name) != 0)
            continue;
        if (!pp_call_delta(call, &seconds))
            return;
        if (pp_call_is_gperftools(call)) {
            pp_http_text(call->answer, strcmp(call->name, "contention") == 0 ? no_contentions
                                       : strcmp(call->name, "growth") == 0   ? no_growth
                                                                             : no_heap);
            return;
        }
        (void)snprintf(file_name, sizeof file_name, "%s%s", call->name,
                       seconds > 0 ? "-delta" : "");
        profile = empty_profile(call, i);
        if (profile == NULL)
            pp_http_error(call->answer, 500, "no memory for the profile");
        else
            pp_answer_profile(call, profile, pp_call_format(call),
                              pp_call_is_picture(call) ? "svg" : "pprof", file_name);
        return;
    }
    pp_http_error(call->answer, 400,
                  "unknown kind '%s'; there are cpu, offcpu, wall, lock, heap, leak", call->name);
}
