/* The public calls of libpprofc; include/pprofc/pprofc.h says what each does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "capture/got.h"
#include "capture/other_copy.h"
#include "capture/own_memory.h"
#include "capture/run_account.h"
#include "capture/session.h"
#include "capture/snapshot.h"
#include "capture/threads.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/store.h"

static int not_running(struct pprofc_error *err)
{
    return pp_fail(err, -ESRCH, 0, "no session runs; pprofc_start() begins one");
}

static bool is_same(const struct pp_settings *a, const struct pp_settings *b)
{
    return a->kinds == b->kinds && a->rate_hz == b->rate_hz && a->block_drops == b->block_drops &&
           strcmp(a->block_libraries, b->block_libraries) == 0;
}

static int refuse_when_switched_off(struct pprofc_error *err)
{
    if (pp_environment.is_secure)
        return pp_fail(err, -EPERM, 0, "secure mode (setuid or file capabilities): not profiled");
    if (pp_environment.is_off)
        return pp_fail(err, -EPERM, 0, "PPROFC=off is set");
    if (atomic_load(&pp_session_is_banned))
        return pp_fail(err, -EPERM, 0, "profiling of this process was switched off from outside");
    return 0;
}

static int refuse_beside_another_copy(struct pprofc_error *err)
{
    const char *other = pp_other_copy();

    if (other == NULL)
        return 0;
    return pp_fail(err, -EBUSY, 0,
                   "another copy of libpprofc, in %s, profiles this process: use that one", other);
}

/* With the lock held; *was_running_out tells whether this call began it. */
static int start(const struct pprofc_options *options, bool *was_running_out,
                 struct pprofc_error *err)
{
    struct pp_settings settings;
    int result = pp_settings_make(&settings, options, err);

    *was_running_out = pp_session_runs();
    if (result != 0 || (result = refuse_when_switched_off(err)) != 0 ||
        (result = refuse_beside_another_copy(err)) != 0)
        return result;
    if (!*was_running_out && pp_session.header != NULL) {
        /* It was ended from outside, or its time was over; nobody has taken it. */
        (void)pp_session_stop(NULL);
        pp_session_close(!pp_environment.has_run_id);
    }
    (void)pp_got_patch(); /* each time: libraries may have been loaded meanwhile */
    if (!*was_running_out)
        return pp_session_start(&settings, err);
    if (options == NULL || is_same(&settings, &pp_session.settings))
        return 0;
    pp_run_account_program(pp_session.header, PP_BY_PROGRAM_REFUSED);
    return pp_fail(err, -EALREADY, 0,
                   "a session runs already with other options (%g Hz); take a snapshot of it",
                   pp_session.settings.rate_hz);
}

/* With the lock held. */
static int stop(struct pprofc_recording **recording_out, struct pprofc_error *err)
{
    int result;

    if (!pp_session_runs())
        return not_running(err);
    result = pp_session_stop(err);
    pp_run_account_program(pp_session.header, PP_BY_PROGRAM_STOPPED);
    if (result == 0 && recording_out != NULL)
        result = pp_snapshot_take(pp_session.header, pp_session.number, NULL, recording_out, err);
    pp_session_close(true);
    return result;
}

int pprofc_start(const struct pprofc_options *options, struct pprofc_error *err)
{
    bool was_running;
    int result;

    pp_session_lock();
    result = start(options, &was_running, err);
    pp_session_unlock();
    return result;
}

int pprofc_stop(struct pprofc_recording **recording_out, struct pprofc_error *err)
{
    int result;

    pp_session_lock();
    result = stop(recording_out, err);
    pp_session_unlock();
    return result;
}

int pprofc_snapshot(struct pprofc_cursor *cursor, struct pprofc_recording **recording_out,
                    struct pprofc_error *err)
{
    int result;

    if (recording_out == NULL)
        return pp_fail(err, -EINVAL, 0, "a snapshot that nobody takes: recording_out is NULL");
    pp_session_lock();
    result = !pp_session_runs() ? not_running(err)
                                : pp_snapshot_take(pp_session.header, pp_session.number, cursor,
                                                   recording_out, err);
    pp_session_unlock();
    return result;
}

static int request(enum pp_rec_request what, uint64_t argument, struct pprofc_error *err)
{
    int result;

    pp_session_lock();
    result = pp_session_request(what, argument, err);
    pp_session_unlock();
    return result;
}

int pprofc_set_frequency(double frequency_hz, struct pprofc_error *err)
{
    if (!(frequency_hz >= 1 && frequency_hz <= 10000))
        return pp_fail(err, -ERANGE, 0, "a rate of %g Hz: give 1 to 10000", frequency_hz);
    return request(PP_REQUEST_RATE, (uint64_t)(frequency_hz * 1000), err);
}

int pprofc_pause(struct pprofc_error *err)
{
    return request(PP_REQUEST_PAUSE, 0, err);
}

int pprofc_resume(struct pprofc_error *err)
{
    return request(PP_REQUEST_RESUME, 0, err);
}

/* Book what the calling thread has used since its last sample: what comes now is something else.
 * With the lock held, while a session runs. */
static void book_self(struct pp_sig_thread *self)
{
    pp_sig_enter(self);
    if (atomic_load(&self->ignored) == 0 && atomic_load(&pp_sig_gate->is_paused) == 0)
        pp_sig_book_remainder(pp_session.header, self, pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID));
    pp_sig_leave(self);
}

static bool has_record(const struct pp_sig_thread *self)
{
    return atomic_load(&self->record) != 0 &&
           atomic_load(&self->session) == atomic_load(&pp_sig_gate->session);
}

/* One that has just been born has nothing to book, and its record is the helper's to make: both at
 * once would make two. */
static bool is_newborn(const struct pp_sig_thread *self)
{
    return !has_record(self) && pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID) < 1000000;
}

static void leave_out(struct pp_sig_thread *self)
{
    struct pp_rec_header *header;

    if (!is_newborn(self))
        book_self(self);
    atomic_store(&self->ignored, 1);
    /* The helper closes its event and leaves its further time out. */
    (void)pp_session_request(PP_REQUEST_FLUSH, 0, NULL);
    pp_sig_enter(self);
    header = atomic_load(&pp_sig_gate->header); /* somebody else may have ended the session */
    if (header != NULL && has_record(self) && atomic_load(&self->record) > 1) /* 1: shared */
        atomic_fetch_or(&pp_sig_thread_record(header, self)->flags, PP_THREAD_IGNORED);
    pp_sig_leave(self);
}

int pprofc_thread_ignore(struct pprofc_error *err)
{
    struct pp_sig_thread *thread = NULL;

    pp_session_lock();
    if (pp_gate_make() == 0)
        thread = pp_threads_self();
    if (thread != NULL && pp_session_runs() && atomic_load(&thread->ignored) == 0)
        leave_out(thread);
    else if (thread != NULL)
        atomic_store(&thread->ignored, 1);
    pp_session_unlock();
    return thread == NULL ? pp_fail(err, -ENOMEM, 0, "no memory for the thread's block") : 0;
}

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
    result = start(options, &was_running, err);
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
                     ? not_running(err)
                     : pp_snapshot_take(pp_session.header, pp_session.number, &cursor, &after, err);
        if (pp_session.header != NULL)
            pp_snapshot_release(pp_session.header, &cursor);
        if (result == 0 && recording_out != NULL)
            *recording_out = after;
        else
            pprofc_recording_free(after);
    } else {
        result = stop(recording_out, err);
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
    book_self(self);
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
        return not_running(err);
    /* What this thread used since its last sample is part of the call. */
    if (self != NULL)
        book_self(self);
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
    result = start(options, &was_running, err);
    if (result == 0 && (result = begin_call(&cursor, &filter, err)) != 0 && !was_running)
        (void)stop(NULL, NULL);
    pp_session_unlock();
    if (result != 0)
        return result;
    *called_out = true;
    fn(argument);
    pp_session_lock();
    result = end_call(&cursor, &recording, err);
    if (!was_running)
        (void)stop(NULL, NULL);
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

/* ---- recordings ---- */

const void *pprofc_recording_bytes(const struct pprofc_recording *recording, size_t *n_bytes_out)
{
    *n_bytes_out = recording->n_bytes;
    return recording->bytes;
}

void pprofc_recording_free(struct pprofc_recording *recording)
{
    if (recording != NULL)
        pp_unmap(recording, recording->n_mapped);
}

/* ---- stats ---- */

static void sum_threads(struct pp_rec_header *header, struct pprofc_stats *stats)
{
    const uint32_t n = atomic_load(&header->threads.n_items);

    for (uint32_t i = 0; i < n; i++) {
        const struct pp_rec_thread *slot = pp_sig_table_item(header, &header->threads, i);
        if (slot == NULL)
            continue;
        stats->n_samples += atomic_load(&slot->n_samples);
        stats->sampled_ns += atomic_load(&slot->sampled_ns);
        stats->unsampled_ns += atomic_load(&slot->unsampled_ns);
    }
}

int pprofc_stats(struct pprofc_stats *stats_out, struct pprofc_error *err)
{
    struct pp_rec_header *header;
    int result;

    pp_session_lock();
    result = !pp_session_runs() ? not_running(err) : pp_session_request(PP_REQUEST_FLUSH, 0, err);
    header = pp_session.header;
    if (result == 0) {
        memset(stats_out, 0, sizeof *stats_out);
        stats_out->struct_bytes = sizeof *stats_out;
        sum_threads(header, stats_out);
        for (uint32_t i = 0; i < PP_LOSS_COUNT; i++)
            if (i != PP_LOSS_NO_THREAD_SLOT)
                stats_out->n_lost += atomic_load(&header->losses[i]);
        stats_out->n_truncated = atomic_load(&header->n_truncated);
        stats_out->cpu_ns = atomic_load(&header->cpu_ns);
        stats_out->own_cpu_ns = atomic_load(&header->helper_cpu_ns) +
                                atomic_load(&header->handler_cpu_ns) +
                                stats_out->n_samples * atomic_load(&header->delivery_ns);
        stats_out->recording_bytes = atomic_load(&header->n_bytes);
        stats_out->table_bytes = atomic_load(&header->table_bytes);
        stats_out->frequency_hz = (double)atomic_load(&header->rate_millihertz) / 1000;
        pp_copy_text(stats_out->delivery, sizeof stats_out->delivery,
                     pp_delivery_name((enum pp_rec_delivery)atomic_load(&header->delivery)));
        pp_copy_text(stats_out->delivery_reason, sizeof stats_out->delivery_reason,
                     header->delivery_reason);
    }
    pp_session_unlock();
    return result;
}

/* ---- the scope guard ---- */

struct pprofc_scope_guard pprofc_scope_begin(const char *path)
{
    struct pprofc_scope_guard guard = {path, PPROFC_CURSOR_INIT, 0, 0};
    struct pprofc_recording *before = NULL;
    bool was_running = false;

    pp_session_lock();
    if (start(NULL, &was_running, NULL) == 0) {
        struct pp_sig_thread *self = pp_threads_self();
        if (self != NULL)
            book_self(self);
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
        (void)stop(&recording, NULL);
    } else if (pp_session.header != NULL) {
        if (self != NULL && pp_session_runs())
            book_self(self);
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
