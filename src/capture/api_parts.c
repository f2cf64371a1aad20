/* The public calls that profile a piece of a program: a time, one call, a scope. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "capture/api.h"
#include "capture/snapshot.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"

/* ---- for a time ---- */

static void sleep_for(double seconds)
{
    struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        ;
}

int pprofc_profile_for(double seconds, const struct pprofc_options *options,
                       struct pprofc_recording **recording_out, struct pprofc_error *err)
{
    struct pprofc_cursor cursor = PPROFC_CURSOR_INIT;
    struct pprofc_recording *before = NULL, *after = NULL;
    bool was_running;
    int result;

    if (!(seconds >= 0 && seconds < 1e9))
        return pp_fail(err, -EINVAL, 0, "a duration of %g s", seconds);
    pp_session_lock();
    result = pp_api_start(options, &was_running, err);
    if (result == 0 && was_running)
        result = pp_snapshot_take(pp_session.header, pp_session.number, &cursor, &before, err);
    pp_session_unlock();
    if (result != 0)
        return result;
    pprofc_recording_free(before);
    sleep_for(seconds);
    pp_session_lock();
    if (was_running) {
        result = !pp_session_runs()
                     ? pp_api_not_running(err)
                     : pp_snapshot_take(pp_session.header, pp_session.number, &cursor, &after, err);
        if (pp_session.header != NULL)
            pp_snapshot_release(pp_session.header, &cursor);
        if (result == 0 && recording_out != NULL)
            *recording_out = after;
        else
            pprofc_recording_free(after);
    } else {
        result = pp_api_stop(recording_out, err);
    }
    pp_session_unlock();
    return result;
}

/* ---- one call ---- */

struct call_filter {
    uint32_t tid;
    uint64_t began_ns; /* threads born since */
};

static int belongs_to_call(void *context, const struct pp_rec_thread *thread)
{
    const struct call_filter *filter = context;

    return atomic_load(&thread->tid) == filter->tid ||
           (atomic_load(&thread->tid) != 0 && thread->start_ns >= filter->began_ns);
}

/* Where the call begins.  With the lock held, in a session that runs. */
static int begin_call(struct pprofc_cursor *cursor, struct call_filter *filter,
                      struct pprofc_error *err)
{
    struct pp_sig_thread *self = pp_threads_self();
    struct pprofc_recording *before = NULL;
    int result;

    if (self == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for the thread's block");
    pp_api_book_self(self);
    result = pp_snapshot_take(pp_session.header, pp_session.number, cursor, &before, err);
    pprofc_recording_free(before);
    filter->tid = (uint32_t)atomic_load(&self->tid);
    filter->began_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns;
    return result;
}

/* With the lock held. */
static int end_call(struct pprofc_cursor *cursor, struct pprofc_recording **recording_out,
                    struct pprofc_error *err)
{
    struct pp_sig_thread *self = pp_threads_self();
    int result;

    if (!pp_session_runs())
        return pp_api_not_running(err);
    /* What this thread used since its last sample is part of the call. */
    if (self != NULL)
        pp_api_book_self(self);
    result = pp_snapshot_take(pp_session.header, pp_session.number, cursor, recording_out, err);
    pp_snapshot_release(pp_session.header, cursor);
    return result;
}

/* '*called_out' tells whether it came to call fn. */
static int profile_call(void (*fn)(void *), void *argument, const struct pprofc_options *options,
                        struct pprofc_recording **recording_out, bool *called_out,
                        struct pprofc_error *err)
{
    struct pprofc_cursor cursor = PPROFC_CURSOR_INIT;
    struct pprofc_recording *recording = NULL;
    struct call_filter filter;
    bool was_running;
    int result;

    *called_out = false;
    pp_session_lock();
    result = pp_api_start(options, &was_running, err);
    if (result == 0 && (result = begin_call(&cursor, &filter, err)) != 0 && !was_running)
        (void)pp_api_stop(NULL, NULL);
    pp_session_unlock();
    if (result != 0)
        return result;
    *called_out = true;
    fn(argument);
    pp_session_lock();
    result = end_call(&cursor, &recording, err);
    if (!was_running)
        (void)pp_api_stop(NULL, NULL);
    pp_session_unlock();
    if (result != 0)
        return result;
    pp_snapshot_filter(recording, belongs_to_call, &filter);
    if (recording_out != NULL)
        *recording_out = recording;
    else
        pprofc_recording_free(recording);
    return 0;
}

int pprofc_profile_call(void (*fn)(void *), void *argument, const struct pprofc_options *options,
                        struct pprofc_recording **recording_out, struct pprofc_error *err)
{
    bool called;

    return profile_call(fn, argument, options, recording_out, &called, err);
}

/* NAME_profile.svg, in 256 bytes. */
static void name_picture(const char *name, char *path)
{
    size_t n = 0;

    for (; name[n] != '\0' && n < 200; n++) {
        const char c = name[n];
        const bool is_safe = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '-' || c == '_' || (c == '.' && n > 0);
        path[n] = is_safe ? c : '_';
    }
    memcpy(path + n, "_profile.svg", sizeof "_profile.svg");
}

int pprofc_maybe_profile(const char *name, void (*fn)(void *), void *argument,
                         struct pprofc_error *err)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    char path[256];
    bool called, runs;
    int result;

    if (pprofc_is_switched_on == 0) {
        fn(argument);
        return 0;
    }
    pp_session_lock();
    runs = pp_session_runs();
    pp_session_unlock();
    name_picture(name, path);
    options.frequency_hz = pp_environment.rate_hz != 0 ? pp_environment.rate_hz : PPROFC_MODE_LOW;
    result = profile_call(fn, argument, runs ? NULL : &options, &recording, &called, err);
    if (!called) /* the program's work is done, measured or not */
        fn(argument);
    if (result != 0)
        return result;
    result = pprofc_recording_write(recording, path, err);
    pprofc_recording_free(recording);
    return result;
}

/* ---- the scope guard ---- */

struct pprofc_scope_guard pprofc_scope_begin(const char *path)
{
    struct pprofc_scope_guard guard = {path, PPROFC_CURSOR_INIT, 0, 0};
    struct pprofc_recording *before = NULL;
    bool was_running = false;

    pp_session_lock();
    if (pp_api_start(NULL, &was_running, NULL) == 0) {
        struct pp_sig_thread *self = pp_threads_self();
        if (self != NULL)
            pp_api_book_self(self);
        guard.started = was_running ? 0 : 1;
        guard.running = pp_snapshot_take(pp_session.header, pp_session.number, &guard.cursor,
                                         &before, NULL) == 0;
    }
    pp_session_unlock();
    pprofc_recording_free(before);
    return guard;
}

/* All that came since the scope began, the last piece of this thread too; the session's end books
 * that of every thread.  With the lock held; NULL when there is nothing. */
static struct pprofc_recording *end_scope(struct pprofc_scope_guard *guard)
{
    struct pprofc_recording *recording = NULL;
    struct pp_sig_thread *self = pp_threads_self();

    if (guard->started != 0 && pp_session_runs()) {
        pp_snapshot_release(pp_session.header, &guard->cursor);
        (void)pp_api_stop(&recording, NULL);
    } else if (pp_session.header != NULL) {
        if (self != NULL && pp_session_runs())
            pp_api_book_self(self);
        (void)pp_session_request(PP_REQUEST_FLUSH, 0, NULL);
        (void)pp_snapshot_take(pp_session.header, pp_session.number, &guard->cursor, &recording,
                               NULL);
        pp_snapshot_release(pp_session.header, &guard->cursor);
    }
    return recording;
}

void pprofc_scope_end(struct pprofc_scope_guard *guard)
{
    struct pprofc_recording *recording;

    if (guard->running == 0)
        return;
    pp_session_lock();
    recording = end_scope(guard);
    pp_session_unlock();
    if (recording != NULL)
        (void)pprofc_recording_write(recording, guard->path, NULL);
    pprofc_recording_free(recording);
    guard->running = 0;
}
