/* Heaps of processes, for clients. */
#include <errno.h>
#include <string.h>

#include "formats/recording_heap.h"
#include "serve/service.h"

static int take_mark(struct pp_served *target, struct pp_heap_mark *mark, struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    int status = pp_served_fresh_snapshot(target, &reader, err);

    if (status == 0 && pp_heap_mark_take(reader, mark) != 0)
        status = pp_fail(err, -ENOMEM, 0, "no memory for the profile");
    pp_recording_close(reader);
    return status;
}

/* Put the mark of 'reader' in the place of the last one, which '*mark' gets: from then on is what
 * the next one is told. */
static int exchange_marks(struct pp_served *target, const struct pp_recording_reader *reader,
                          struct pp_heap_mark *mark, struct pprofc_error *err)
{
    struct pp_heap_mark now;

    if (pp_heap_mark_take(reader, &now) != 0)
        return pp_fail(err, -ENOMEM, 0, "no memory for the profile");
    (void)pthread_mutex_lock(&target->lock);
    *mark = target->heap_mark;
    target->heap_mark = now;
    (void)pthread_mutex_unlock(&target->lock);
    return 0;
}

int pp_service_heap(struct pp_service *service, const struct pp_profile_wish *wish,
                    bool is_since_last, struct pprofc_profile **profile_out,
                    struct pprofc_error *err)
{
    struct pp_recording_profile_options options = {
        .kind = PP_FAMILY_HEAP, .is_fresh = true, .has_whole_in_use = is_since_last};
    struct pp_heap_mark mark = {.sites = NULL};
    struct pp_recording_reader *reader = NULL;
    int status = 0;

    if (wish->seconds > 0) {
        status = take_mark(wish->target, &mark, err);
        if (status == 0)
            status = pp_service_wait(service, wish, err);
    }
    if (status == 0)
        status = pp_served_fresh_snapshot(wish->target, &reader, err);
    if (status == 0 && is_since_last && wish->seconds <= 0)
        status = exchange_marks(wish->target, reader, &mark, err);
    options.heap_since = mark.sites != NULL ? &mark : NULL;
    if (status == 0)
        status = pp_service_read(service, reader, &options, true, profile_out, err);
    if (status == 0 && wish->block[0] != '\0') {
        status = pp_profile_block(*profile_out, wish->block, false, err);
        if (status != 0)
            pprofc_profile_free(*profile_out);
    }
    pp_recording_close(reader);
    pp_heap_mark_done(&mark);
    return status;
}

/* ---- two of them ---- */

/* The heap as it is now: since 'since', or all of it where that is NULL; '*mark_out', unless NULL,
 * is of the same moment. */
static int take_profile(struct pp_service *service, struct pp_served *target,
                        const struct pp_heap_mark *since, struct pp_heap_mark *mark_out,
                        struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    const struct pp_recording_profile_options options = {
        .kind = PP_FAMILY_HEAP, .is_fresh = true, .heap_since = since};
    struct pp_recording_reader *reader = NULL;
    int status = pp_served_fresh_snapshot(target, &reader, err);

    if (status == 0)
        status = pp_service_read(service, reader, &options, false, profile_out, err);
    if (status == 0 && mark_out != NULL && pp_heap_mark_take(reader, mark_out) != 0)
        status = pp_fail(err, -ENOMEM, 0, "no memory for the profile");
    pp_recording_close(reader);
    return status;
}

/* Both are made of the one copy. */
static int take_end(struct pp_service *service, struct pp_served *target,
                    const struct pp_heap_mark *mark, struct pp_heap_pair *pair,
                    struct pprofc_error *err)
{
    const struct pp_recording_profile_options whole = {.kind = PP_FAMILY_HEAP, .is_fresh = true};
    const struct pp_recording_profile_options since = {
        .kind = PP_FAMILY_HEAP, .is_fresh = true, .heap_since = mark};
    struct pp_recording_reader *reader = NULL;
    int status = pp_served_fresh_snapshot(target, &reader, err);

    if (status == 0)
        status = pp_service_read(service, reader, &whole, false, &pair->after, err);
    if (status == 0)
        status = pp_service_read(service, reader, &since, false, &pair->change, err);
    pp_recording_close(reader);
    return status;
}

int pp_service_heap_moments(struct pp_service *service, const struct pp_profile_wish *wish,
                            struct pp_heap_pair *pair, struct pprofc_error *err)
{
    struct pp_heap_mark mark = {.sites = NULL};
    int status = take_profile(service, wish->target, NULL, &mark, &pair->before, err);

    if (status == 0)
        status = pp_service_wait(service, wish, err);
    if (status == 0)
        status = take_end(service, wish->target, &mark, pair, err);
    pp_heap_mark_done(&mark);
    return status;
}

int pp_service_heap_windows(struct pp_service *service, const struct pp_profile_wish *wish,
                            double after_seconds, struct pp_heap_pair *pair,
                            struct pprofc_error *err)
{
    struct pp_profile_wish later = *wish;
    struct pp_heap_mark begin = {.sites = NULL}, middle = {.sites = NULL};
    int status = 0;

    if (after_seconds > 0) {
        status = take_mark(wish->target, &begin, err);
        if (status == 0)
            status = pp_service_wait(service, wish, err);
        later.seconds = after_seconds;
    }
    if (status == 0)
        status = take_profile(service, wish->target, begin.sites != NULL ? &begin : NULL, &middle,
                              &pair->before, err);
    if (status == 0)
        status = pp_service_wait(service, &later, err);
    if (status == 0)
        status = take_profile(service, wish->target, &middle, NULL, &pair->after, err);
    pp_heap_mark_done(&begin);
    pp_heap_mark_done(&middle);
    return status;
}

void pp_heap_pair_done(struct pp_heap_pair *pair)
{
    pprofc_profile_free(pair->before);
    pprofc_profile_free(pair->after);
    pprofc_profile_free(pair->change);
    *pair = (struct pp_heap_pair){.before = NULL};
}
