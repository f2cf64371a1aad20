/* Windows of time become profiles with names. */
#include "serve/service.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/numbers.h"
#include "formats/recording.h"
#include "formats/recording_facts.h"
#include "formats/recording_threads.h"
#include "formats/recording_waits.h"
#include "serve/line_numbers.h"

enum { LOOK_MS = 250, ENOUGH_SAMPLES = 20 };
_Static_assert(LOOK_MS <= 500, "the window of a client that is gone ends within a second");

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Threads that answer clients come and go: each would leave what it freed in an arena of its own,
 * and a freed large answer would raise the size from which memory is given back (14 to 19 MiB kept
 * after 100 answers of 1.5 MB, without these).  Only where the process is ours. */
static void keep_memory_small(void)
{
    (void)mallopt(M_ARENA_MAX, 2);
    (void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
}

int pp_service_init(struct pp_service *service, bool is_in_program, struct pprofc_error *err)
{
    const struct pp_symbolizer_options options = {.debug_path = getenv("PPROFC_DEBUG_PATH"),
                                                  .only_symbols = is_in_program};

    if (!is_in_program)
        keep_memory_small();
    memset(service, 0, sizeof *service);
    service->is_in_program = is_in_program;
    (void)pthread_mutex_init(&service->targets_lock, NULL);
    pp_hot_functions_init(&service->hot_functions);
    pp_sampling_init(&service->sampling);
    return pp_symbolizer_new(&options, &service->symbolizer, err);
}

static int add(struct pp_service *service, const char *name, struct pprofc_error *err)
{
    const uint32_t n = atomic_load(&service->n_targets);
    struct pp_served *target;
    int status;

    if (n == PP_SERVE_MAX_TARGETS)
        return pp_fail(err, -ENOSPC, 0, "%d recordings are served at most", PP_SERVE_MAX_TARGETS);
    target = calloc(1, sizeof *target);
    if (target == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory to serve %s", name);
    status = pp_served_open(target, name, err);
    if (status != 0) {
        free(target);
        return status;
    }
    target->is_own = service->is_in_program;
    service->targets[n] = target;
    atomic_store(&service->n_targets, n + 1);
    return 0;
}

int pp_service_add(struct pp_service *service, const char *name, struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&service->targets_lock);
    status = add(service, name, err);
    (void)pthread_mutex_unlock(&service->targets_lock);
    return status;
}

void pp_service_done(struct pp_service *service)
{
    pp_hot_functions_done(&service->hot_functions);
    for (uint32_t i = 0; i < service->n_targets; i++) {
        pp_served_close(service->targets[i]);
        free(service->targets[i]);
    }
    pp_symbolizer_free(service->symbolizer);
    pp_sampling_done(&service->sampling);
    (void)pthread_mutex_destroy(&service->targets_lock);
    memset(service, 0, sizeof *service);
}

struct pp_served *pp_service_target(struct pp_service *service, const char *pid)
{
    const uint32_t n = atomic_load(&service->n_targets);
    int64_t number = 0;

    if (pid != NULL && !pp_parse_int64(pid, strlen(pid), &number))
        return NULL;
    for (uint32_t i = n; pid != NULL && i-- > 0;)
        if (service->targets[i]->pid == number)
            return service->targets[i];
    for (uint32_t i = 0; pid == NULL && i < n; i++)
        if (pp_served_is_alive(service->targets[i]))
            return service->targets[i];
    return pid == NULL && n > 0 ? service->targets[0] : NULL;
}

/* ---- profiles ---- */

int pp_service_read(struct pp_service *service, struct pp_recording_reader *reader,
                    const struct pp_recording_profile_options *options, bool wants_lines,
                    struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    const int status =
        pp_recording_to_profile(reader, service->symbolizer, options, profile_out, err);

    if (status == 0 && service->hides_command_line)
        (*profile_out)->command = 0;
    if (status == 0 && service->is_in_program && wants_lines)
        pp_add_line_numbers(profile_out);
    return status;
}

static int read_profile(struct pp_service *service, struct pp_served *target,
                        const struct pp_recording_profile_options *options, bool wants_lines,
                        struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    int status = pp_served_snapshot(target, 0, &reader, err);

    if (status == 0)
        status = pp_service_read(service, reader, options, wants_lines, profile_out, err);
    if (status == 0 && pp_served_is_alive(target))
        pp_wait_totals_are_whole(&(*profile_out)->waits);
    pp_recording_close(reader);
    return status;
}

int pp_service_whole(struct pp_service *service, struct pp_served *target, enum pp_rec_family kind,
                     bool wants_lines, struct pprofc_profile **profile_out,
                     struct pprofc_error *err)
{
    return pp_service_whole_view(service, target, kind, PP_RECORDED_OF_KIND, wants_lines,
                                 profile_out, err);
}

int pp_service_whole_view(struct pp_service *service, struct pp_served *target,
                          enum pp_rec_family kind, enum pp_recorded_view view, bool wants_lines,
                          struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    const struct pp_recording_profile_options options = {.kind = kind, .view = view};

    return read_profile(service, target, &options, wants_lines, profile_out, err);
}

int pp_service_facts(struct pp_served *target, struct pprofc_profile **profile_out,
                     struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    struct pprofc_profile *profile;
    int status = pp_served_snapshot(target, PP_RECORDING_NO_EVENTS, &reader, err);

    if (status != 0)
        return status;
    profile = pp_profile_new();
    if (profile != NULL) {
        pp_recorded_facts_set(profile, pp_recorded_shape(PP_FAMILY_CPU, PP_RECORDED_OF_KIND, 0),
                              &reader, 1);
        pp_recorded_quality_add(profile, reader,
                                1U << (PP_FAMILY_CPU - 1) |
                                    pp_recording_kinds(pp_recording_header(reader)));
        pp_recorded_waits_add(profile, reader);
        *profile_out = profile;
    }
    pp_recording_close(reader);
    return profile != NULL ? 0 : pp_fail(err, -ENOMEM, 0, "no memory for the profile");
}

int pp_service_threads(struct pp_service *service, struct pp_served *target,
                       struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    uint32_t look = 0;
    int status = pp_served_look(target, &look, &reader, err);

    if (status != 0)
        return status;
    status = pp_recording_threads(reader, service->symbolizer, look, profile_out, err);
    pp_recording_close(reader);
    if (status == 0 && service->hides_command_line)
        (*profile_out)->command = 0;
    if (status == 0 && service->is_in_program)
        pp_add_line_numbers(profile_out);
    return status;
}

/* What a sample stands for: as measured, where there are enough of them to tell. */
static void state_period(struct pprofc_profile *profile, double asked_hz, double highest_hz)
{
    struct pp_quality *quality = &profile->quality;

    quality->asked_hz = asked_hz;
    profile->period = (int64_t)(1e9 / (highest_hz > asked_hz ? highest_hz : asked_hz));
    if (quality->n_samples >= ENOUGH_SAMPLES && quality->sampled_ns > 0)
        profile->period = quality->sampled_ns / quality->n_samples;
    if (highest_hz > asked_hz)
        pp_profile_comment(profile,
                           "sampled at up to %g Hz, for another client; values are CPU time and "
                           "do not change with the rate",
                           highest_hz);
}

int pp_service_read_window(struct pp_service *service, const struct pp_profile_wish *wish,
                           struct pp_recording_reader *reader, const struct pp_ended_window *window,
                           struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    struct pprofc_profile *profile = NULL;
    const struct pp_recording_profile_options options = {.kind = wish->kind != 0 ? wish->kind
                                                                                 : PP_FAMILY_CPU,
                                                         .view = wish->view,
                                                         .window = &window->span};
    int status = pp_service_read(service, reader, &options, true, &profile, err);

    if (status != 0)
        return status;
    if (profile->quality.sampled_ns >= 0) /* else nothing of it is sampled by a rate */
        state_period(profile, wish->rate_hz, window->highest_hz);
    if (wish->block[0] != '\0')
        status = pp_profile_block(profile, wish->block, false, err);
    if (status != 0)
        pprofc_profile_free(profile);
    else
        *profile_out = profile;
    return status;
}

int pp_service_close_window(struct pp_served *target, uint32_t index,
                            struct pp_ended_window *window_out,
                            struct pp_recording_reader **reader_out, struct pprofc_error *err)
{
    const int status =
        pp_served_end_window(target, index, &window_out->span, &window_out->highest_hz, err);

    return status != 0
               ? status
               : pp_served_snapshot(target, window_out->span.begin.time_ns, reader_out, err);
}

int pp_service_end_window(struct pp_service *service, const struct pp_profile_wish *wish,
                          uint32_t window, struct pprofc_profile **profile_out,
                          struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    struct pp_ended_window ended;
    int status = pp_service_close_window(wish->target, window, &ended, &reader, err);

    if (status == 0)
        status = pp_service_read_window(service, wish, reader, &ended, profile_out, err);
    pp_recording_close(reader);
    return status;
}

/* False when the client has gone. */
static bool wait_until(const struct pp_profile_wish *wish, uint64_t end_ns)
{
    const struct pp_http_request *request = wish->request;

    for (uint64_t at_ns = now_ns(); at_ns < end_ns; at_ns = now_ns()) {
        const uint64_t left_ns = end_ns - at_ns, look_ns = LOOK_MS * UINT64_C(1000000);
        const struct timespec pause = {0, (long)(left_ns < look_ns ? left_ns : look_ns)};
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        if (request != NULL && request->is_gone != NULL &&
            request->is_gone(request->is_gone_context))
            return false;
        pp_served_renew(wish->target);
        if (!pp_served_is_alive(wish->target))
            return true; /* what there is of it */
    }
    return true;
}

/* Why it was not to the end. */
static int gone(const struct pp_profile_wish *wish, struct pprofc_error *err)
{
    if (wish->request->is_ending != NULL &&
        wish->request->is_ending(wish->request->is_gone_context))
        return pp_fail(err, -ESHUTDOWN, 0, "the server was stopped while the profile was taken");
    return pp_fail(err, -ECANCELED, 0, "the client went away");
}

static int sample(const struct pp_profile_wish *wish, uint32_t *window_out,
                  struct pprofc_error *err)
{
    const uint64_t end_ns = now_ns() + (uint64_t)(wish->seconds * 1e9);
    struct pp_recording_window span;
    double highest_hz;
    const int status = pp_served_begin_window(wish->target, wish->rate_hz, window_out, err);

    if (status != 0 || wait_until(wish, end_ns))
        return status;
    (void)pp_served_end_window(wish->target, *window_out, &span, &highest_hz, NULL);
    return gone(wish, err);
}

int pp_service_begin_waiting(struct pp_service *service, struct pprofc_error *err)
{
    return atomic_fetch_add(&service->n_waiting, 1) < PP_SERVE_MAX_WAITING
               ? 0
               : pp_fail(err, -EBUSY, 0, "%d profiles are being taken; try again later",
                         PP_SERVE_MAX_WAITING);
}

void pp_service_end_waiting(struct pp_service *service)
{
    (void)atomic_fetch_sub(&service->n_waiting, 1);
}

int pp_service_wait(struct pp_service *service, const struct pp_profile_wish *wish,
                    struct pprofc_error *err)
{
    int status = pp_service_begin_waiting(service, err);

    if (status == 0 && !wait_until(wish, now_ns() + (uint64_t)(wish->seconds * 1e9)))
        status = gone(wish, err);
    pp_service_end_waiting(service);
    return status;
}

int pp_service_profile(struct pp_service *service, const struct pp_profile_wish *wish,
                       struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    uint32_t window = 0;
    int status = pp_service_begin_waiting(service, err);

    if (status == 0)
        status = sample(wish, &window, err);
    pp_service_end_waiting(service);
    return status == 0 ? pp_service_end_window(service, wish, window, profile_out, err) : status;
}

/* ---- time limits ---- */

void pp_service_tick(struct pp_service *service)
{
    const uint32_t n = atomic_load(&service->n_targets);

    for (uint32_t i = 0; i < n; i++)
        pp_served_renew(service->targets[i]);
    pp_sampling_tick(service);
}
