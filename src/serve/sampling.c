/* The lock is held while sampling begins, changes and ends, not while profiles are made: names may
 * take their time. */
#include "serve/sampling.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "formats/recording_heap.h"
#include "serve/service.h"

/* What has ended, until its profiles are made. */
struct ended {
    struct pp_served *target;
    uint32_t kinds, window;
    double rate_hz, highest_hz;
    struct pp_heap_mark heap_mark;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void pp_sampling_init(struct pp_sampling *sampling)
{
    (void)pthread_mutex_init(&sampling->lock, NULL);
    (void)pthread_cond_init(&sampling->is_made, NULL);
}

void pp_sampling_done(struct pp_sampling *sampling)
{
    for (int i = 0; i < PP_SAMPLING_N_KINDS; i++)
        pprofc_profile_free(sampling->profiles[i]);
    pp_heap_mark_done(&sampling->heap_mark);
    (void)pthread_mutex_destroy(&sampling->lock);
    (void)pthread_cond_destroy(&sampling->is_made);
}

/* ---- switching on, and otherwise; the lock is held ---- */

static int mark_heap(struct pp_sampling *sampling, struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    int status;

    if (!pp_served_has_heap(sampling->target))
        return pp_fail(err, -ENODATA, 0,
                       "process %d does not measure the heap: start it by pprofc run -k heap, or "
                       "with PPROFC=heap",
                       sampling->target->pid);
    status = pp_served_fresh_snapshot(sampling->target, &reader, err);
    if (status == 0 && pp_heap_mark_take(reader, &sampling->heap_mark) != 0)
        status = pp_fail(err, -ENOMEM, 0, "no memory to sample the heap");
    pp_recording_close(reader);
    return status;
}

static void forget(struct pp_sampling *sampling, uint32_t kinds)
{
    struct pp_recording_window window;
    double highest_hz;

    if ((kinds & PP_SAMPLING_CPU) != 0)
        (void)pp_served_end_window(sampling->target, sampling->window, &window, &highest_hz, NULL);
    if ((kinds & PP_SAMPLING_HEAP) != 0)
        pp_heap_mark_done(&sampling->heap_mark);
    sampling->kinds &= ~kinds;
}

/* The heap first: it may be refused. */
static int begin_kinds(struct pp_sampling *sampling, uint32_t kinds, struct pprofc_error *err)
{
    int status = 0;

    if ((kinds & PP_SAMPLING_HEAP) != 0)
        status = mark_heap(sampling, err);
    if (status == 0 && (kinds & PP_SAMPLING_CPU) != 0) {
        status =
            pp_served_begin_window(sampling->target, sampling->rate_hz, &sampling->window, err);
        if (status != 0)
            pp_heap_mark_done(&sampling->heap_mark);
    }
    if (status == 0)
        sampling->kinds |= kinds;
    return status;
}

static int start(struct pp_sampling *sampling, struct pp_served *target,
                 const struct pp_sampling_wish *wish, struct pprofc_error *err)
{
    const double seconds = wish->seconds > 0 ? wish->seconds : PP_SERVE_SAMPLING_SECONDS;

    if (sampling->kinds != 0)
        return pp_fail(err, -EALREADY, 0, "Sampling already in progress");
    sampling->target = target;
    sampling->rate_hz = wish->rate_hz > 0 ? wish->rate_hz : PP_SERVE_DEFAULT_HZ;
    sampling->highest_hz = sampling->rate_hz;
    sampling->has_ended = false;
    sampling->start_ns = now_ns();
    sampling->limit_ns = sampling->start_ns + (uint64_t)(seconds * 1e9);
    return begin_kinds(sampling, wish->kinds != 0 ? wish->kinds : PP_SAMPLING_CPU, err);
}

int pp_sampling_start(struct pp_service *service, struct pp_served *target,
                      const struct pp_sampling_wish *wish, struct pprofc_error *err)
{
    struct pp_sampling *sampling = &service->sampling;
    int status;

    (void)pthread_mutex_lock(&sampling->lock);
    status = start(sampling, target, wish, err);
    (void)pthread_mutex_unlock(&sampling->lock);
    return status;
}

static int change_rate(struct pp_sampling *sampling, double rate_hz, struct pprofc_error *err)
{
    int status = 0;

    if (rate_hz <= 0)
        return 0;
    if ((sampling->kinds & PP_SAMPLING_CPU) != 0)
        status = pp_served_change_window(sampling->target, sampling->window, rate_hz, err);
    if (status != 0)
        return status;
    sampling->rate_hz = rate_hz;
    if (rate_hz > sampling->highest_hz)
        sampling->highest_hz = rate_hz;
    return 0;
}

static int change(struct pp_sampling *sampling, const struct pp_sampling_wish *wish,
                  struct pprofc_error *err)
{
    const uint32_t kinds = wish->kinds != 0 ? wish->kinds : sampling->kinds;
    int status;

    if (sampling->kinds == 0 || sampling->has_ended)
        return pp_fail(err, -ENOENT, 0, "No active sampling");
    status = change_rate(sampling, wish->rate_hz, err);
    if (status == 0)
        status = begin_kinds(sampling, kinds & ~sampling->kinds, err);
    if (status != 0)
        return status;
    forget(sampling, sampling->kinds & ~kinds);
    if (wish->seconds > 0)
        sampling->limit_ns = now_ns() + (uint64_t)(wish->seconds * 1e9);
    return 0;
}

int pp_sampling_change(struct pp_service *service, const struct pp_sampling_wish *wish,
                       double *rate_hz_out, struct pprofc_error *err)
{
    struct pp_sampling *sampling = &service->sampling;
    int status;

    (void)pthread_mutex_lock(&sampling->lock);
    status = change(sampling, wish, err);
    *rate_hz_out = sampling->rate_hz;
    (void)pthread_mutex_unlock(&sampling->lock);
    return status;
}

/* ---- ends ---- */

static struct ended take_ended(struct pp_sampling *sampling, uint32_t kinds)
{
    struct ended ended = {.target = sampling->target,
                          .kinds = kinds,
                          .window = sampling->window,
                          .rate_hz = sampling->rate_hz,
                          .highest_hz = sampling->highest_hz};

    if ((kinds & PP_SAMPLING_HEAP) != 0) {
        ended.heap_mark = sampling->heap_mark;
        sampling->heap_mark = (struct pp_heap_mark){.sites = NULL};
    }
    return ended;
}

static int make_cpu(struct pp_service *service, const struct ended *ended,
                    struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    const struct pp_profile_wish wish = {
        .target = ended->target, .rate_hz = ended->highest_hz, .block = ""};
    const int status = pp_service_end_window(service, &wish, ended->window, profile_out, err);

    if (status == 0 && ended->rate_hz < ended->highest_hz)
        pp_profile_comment(*profile_out,
                           "the rate was changed while it was sampled, to %g Hz in the end",
                           ended->rate_hz);
    return status;
}

static int make_heap(struct pp_service *service, const struct ended *ended,
                     struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    const struct pp_recording_profile_options options = {
        .kind = PP_FAMILY_HEAP, .is_fresh = true, .heap_since = &ended->heap_mark};
    struct pp_recording_reader *reader = NULL;
    int status = pp_served_fresh_snapshot(ended->target, &reader, err);

    if (status == 0)
        status = pp_service_read(service, reader, &options, true, profile_out, err);
    pp_recording_close(reader);
    return status;
}

/* The profiles of all kinds of 'ended', which is done with then; the first error. */
static int make_profiles(struct pp_service *service, struct ended *ended,
                         struct pprofc_profile *profiles_out[PP_SAMPLING_N_KINDS],
                         struct pprofc_error *err)
{
    int status = 0;

    if ((ended->kinds & PP_SAMPLING_CPU) != 0)
        status = make_cpu(service, ended, &profiles_out[0], err);
    if ((ended->kinds & PP_SAMPLING_HEAP) != 0 && status == 0)
        status = make_heap(service, ended, &profiles_out[1], err);
    pp_heap_mark_done(&ended->heap_mark);
    return status;
}

static void end_in_time(struct pp_service *service, struct ended *ended)
{
    struct pp_sampling *sampling = &service->sampling;
    struct pprofc_profile *profiles[PP_SAMPLING_N_KINDS] = {NULL};

    (void)make_profiles(service, ended, profiles, NULL);
    (void)pthread_mutex_lock(&sampling->lock);
    memcpy(sampling->profiles, profiles, sizeof profiles);
    sampling->is_being_made = false;
    (void)pthread_cond_broadcast(&sampling->is_made);
    (void)pthread_mutex_unlock(&sampling->lock);
}

void pp_sampling_tick(struct pp_service *service)
{
    struct pp_sampling *sampling = &service->sampling;
    struct ended ended = {.kinds = 0};
    bool is_over;

    (void)pthread_mutex_lock(&sampling->lock);
    is_over = sampling->kinds != 0 && !sampling->has_ended && now_ns() >= sampling->limit_ns;
    if (is_over) {
        sampling->has_ended = sampling->is_being_made = true;
        ended = take_ended(sampling, sampling->kinds);
    }
    (void)pthread_mutex_unlock(&sampling->lock);
    if (is_over)
        end_in_time(service, &ended);
}

/* What has ended by itself is handed out; the lock is held. */
static void take_made(struct pp_sampling *sampling, uint32_t kinds,
                      struct pprofc_profile *profiles_out[PP_SAMPLING_N_KINDS])
{
    for (int i = 0; i < PP_SAMPLING_N_KINDS; i++) {
        if ((kinds & 1U << i) == 0)
            continue;
        profiles_out[i] = sampling->profiles[i];
        sampling->profiles[i] = NULL;
    }
}

int pp_sampling_stop(struct pp_service *service, uint32_t kind, struct pprofc_profile **profile_out,
                     struct pprofc_error *err)
{
    struct pp_sampling *sampling = &service->sampling;
    struct pprofc_profile *profiles[PP_SAMPLING_N_KINDS] = {NULL};
    struct ended ended = {.kinds = 0};
    uint32_t kinds;
    bool had_ended;
    int status = 0;

    (void)pthread_mutex_lock(&sampling->lock);
    while (sampling->is_being_made)
        (void)pthread_cond_wait(&sampling->is_made, &sampling->lock);
    kinds = kind != 0 ? sampling->kinds & kind : sampling->kinds;
    had_ended = sampling->has_ended;
    if (had_ended)
        take_made(sampling, kinds, profiles);
    else
        ended = take_ended(sampling, kinds);
    sampling->kinds &= ~kinds;
    (void)pthread_mutex_unlock(&sampling->lock);
    if (kinds == 0)
        return pp_fail(err, -ENOENT, 0, "No active sampling");
    if (!had_ended)
        status = make_profiles(service, &ended, profiles, err);
    *profile_out = (kinds & PP_SAMPLING_CPU) != 0 ? profiles[0] : profiles[1];
    if (status == 0 && *profile_out == NULL)
        status = pp_fail(err, -EIO, 0, "the process has ended");
    for (int i = 0; i < PP_SAMPLING_N_KINDS; i++)
        if (status != 0 || profiles[i] != *profile_out)
            pprofc_profile_free(profiles[i]);
    return status;
}

/* ---- looking ---- */

void pp_sampling_look(struct pp_service *service, struct pp_sampling_state *state_out)
{
    struct pp_sampling *sampling = &service->sampling;
    const uint64_t at_ns = now_ns();

    *state_out = (struct pp_sampling_state){.kinds = 0};
    (void)pthread_mutex_lock(&sampling->lock);
    if (sampling->kinds != 0) {
        const double left_s = (double)(int64_t)(sampling->limit_ns - at_ns) / 1e9;
        *state_out = (struct pp_sampling_state){
            .kinds = sampling->kinds,
            .has_ended = sampling->has_ended,
            .pid = sampling->target->pid,
            .rate_hz = sampling->rate_hz,
            .seconds_so_far = (double)(at_ns - sampling->start_ns) / 1e9,
            .seconds_left = left_s > 0 ? left_s : 0,
        };
    }
    (void)pthread_mutex_unlock(&sampling->lock);
}
