/* The public calls of libpprofc; include/pprofc/pprofc.h says what each does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "capture/api.h"
#include "capture/got.h"
#include "capture/heap.h"
#include "capture/heap_mappings.h"
#include "capture/hook_heap.h"
#include "capture/other_copy.h"
#include "capture/own_memory.h"
#include "capture/run_account.h"
#include "capture/snapshot.h"
#include "capture/thread_context.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/store.h"

/* Draws capture/autostart.c out of libpprofc.a with whatever call a program makes. */
__attribute__((used)) static const int *const comes_along = &pprofc_is_switched_on;

int pp_api_not_running(struct pprofc_error *err)
{
    return pp_fail(err, -ESRCH, 0, "no session runs; pprofc_start() begins one");
}

static bool is_same(const struct pp_settings *a, const struct pp_settings *b)
{
    return a->kinds == b->kinds && a->rate_hz == b->rate_hz &&
           a->heap_interval_bytes == b->heap_interval_bytes &&
           a->heap_follows_mappings == b->heap_follows_mappings &&
           a->heap_follows_peak == b->heap_follows_peak && a->heap_usable == b->heap_usable &&
           a->heap_lifetimes == b->heap_lifetimes && a->block_drops == b->block_drops &&
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

static int prepare_heap(struct pprofc_error *err)
{
    const int result = pp_heap_find_allocator(err);

    if (result != 0)
        return result;
    if (pp_heap_prepare() != 0)
        return pp_fail(err, -ENOMEM, 0, "no memory to follow objects in");
    return pp_heap_find_way(err);
}

static int start_session(const struct pp_settings *settings, struct pprofc_error *err)
{
    const int result = pp_session_start(settings, err);

    if (result == 0 && (settings->kinds & PPROFC_KIND_HEAP) != 0)
        pp_heap_begin_here();
    if (result == 0)
        pp_thread_context_begin_here();
    return result;
}

int pp_api_start(const struct pprofc_options *options, bool *was_running_out,
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
    if ((settings.kinds & PPROFC_KIND_HEAP) != 0 && (result = prepare_heap(err)) != 0)
        return result;
    /* Each time: libraries may have been loaded meanwhile. */
    (void)pp_got_patch((settings.kinds & PPROFC_KIND_HEAP) != 0, settings.heap_follows_mappings,
                       (settings.kinds & (PPROFC_KIND_OFFCPU | PPROFC_KIND_LOCK)) != 0);
    pp_thread_context_find();
    if (!*was_running_out && settings.heap_follows_mappings && pp_heap_mappings_prepare() != 0)
        return pp_fail(err, -ENOMEM, 0, "no memory to follow mappings in");
    if (!*was_running_out)
        return start_session(&settings, err);
    if (options == NULL || is_same(&settings, &pp_session.settings))
        return 0;
    pp_run_account_program(pp_session.header, PP_BY_PROGRAM_REFUSED);
    return pp_fail(err, -EALREADY, 0,
                   "a session runs already with other options (%g Hz); take a snapshot of it",
                   pp_session.settings.rate_hz);
}

int pp_api_stop(struct pprofc_recording **recording_out, struct pprofc_error *err)
{
    int result;

    if (!pp_session_runs())
        return pp_api_not_running(err);
    pp_heap_measure(&pp_session);
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
    result = pp_api_start(options, &was_running, err);
    pp_session_unlock();
    return result;
}

int pprofc_stop(struct pprofc_recording **recording_out, struct pprofc_error *err)
{
    int result;

    pp_session_lock();
    result = pp_api_stop(recording_out, err);
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
    result = !pp_session_runs() ? pp_api_not_running(err)
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

void pp_api_book_self(struct pp_sig_thread *self)
{
    struct pp_rec_header *header;

    pp_sig_enter(self);
    header = atomic_load(&pp_sig_gate->header); /* somebody else may have ended the session */
    if (header != NULL && atomic_load(&self->ignored) == 0 &&
        atomic_load(&pp_sig_gate->is_paused) == 0)
        pp_sig_book_remainder(header, self, pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID));
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

static void ignore_self(struct pp_sig_thread *self)
{
    struct pp_rec_header *header;

    if (!is_newborn(self))
        pp_api_book_self(self);
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
        ignore_self(thread);
    else if (thread != NULL)
        atomic_store(&thread->ignored, 1);
    pp_session_unlock();
    return thread == NULL ? pp_fail(err, -ENOMEM, 0, "no memory for the thread's block") : 0;
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
    result =
        !pp_session_runs() ? pp_api_not_running(err) : pp_session_request(PP_REQUEST_FLUSH, 0, err);
    header = pp_session.header;
    if (result == 0) {
        memset(stats_out, 0, sizeof *stats_out);
        stats_out->struct_bytes = sizeof *stats_out;
        sum_threads(header, stats_out);
        for (uint32_t i = 0; i < PP_LOSS_COUNT; i++)
            if (i != PP_LOSS_NO_THREAD_SLOT && i != PP_LOSS_LABEL && i != PP_LOSS_SPAN)
                stats_out->n_lost += atomic_load(&header->losses[i]);
        stats_out->n_truncated = atomic_load(&header->n_truncated);
        stats_out->cpu_ns = atomic_load(&header->cpu_ns);
        stats_out->own_cpu_ns = atomic_load(&header->helper_cpu_ns) +
                                atomic_load(&header->handler_cpu_ns) +
                                atomic_load(&header->delivery_total_ns);
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
