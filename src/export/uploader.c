/* The thread, and the calls of a sink. */
#include "export/uploader.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "export/queue.h"
#include "formats/formats.h"
#include "pprofc/pprofc.h"

#pragma weak pprofc_thread_ignore

enum { STACK_BYTES = 512 * 1024 };

/* How often the queue is looked at while nothing can be sent: for windows that another process
 * held, and those that grow too old. */
static const uint64_t LOOK_NS = UINT64_C(5000000000);

struct uploader {
    struct pp_sink sink;   /* first */
    struct uploader *next; /* of those that run */
    const struct pp_protocol *protocol;
    void *state;
    pid_t pid;
    struct pp_teller teller;
    bool tells_all;
    struct pp_http_client *client;
    pthread_t thread;
    bool has_thread;
    atomic_bool is_cancelled; /* the end: whatever is being sent is given up */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t is_changed;
    struct pp_queue queue;
    struct pp_sink_facts facts; /* less what the queue knows */
    /* What was told last: not told again. */
    char told_warning[sizeof(((struct pp_sink_facts *)0)->last_error)];
    char told_refusal[sizeof(((struct pp_sink_facts *)0)->last_error)];
    char told_failure[sizeof(((struct pp_sink_facts *)0)->last_error)];
    struct pp_backoff backoff;
    uint64_t retry_at_ns; /* CLOCK_MONOTONIC; 0: at once */
    bool was_asked;       /* by the server, to wait so long */
    bool wants_end;
};

/* Those whose threads run: a program that just ends must not have one of them inside TLS while that
 * is taken down. */
static struct {
    pthread_mutex_t lock;
    struct uploader *first;
    bool is_registered;
    pid_t pid;
} running = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void wait_until(struct uploader *uploader, uint64_t until_ns)
{
    const struct timespec until = {(time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000)};

    (void)pthread_cond_timedwait(&uploader->is_changed, &uploader->lock, &until);
}

/* ---- one window ---- */

enum result { DONE, REFUSED, LATER };

/* The first of each kind of refusal is told; the same again is only counted. */
static void note_error(struct uploader *uploader, const char *request, const char *text,
                       bool is_for_good)
{
    char line[sizeof uploader->facts.last_error];
    char *told = is_for_good ? uploader->told_refusal : uploader->told_failure;
    bool is_new;

    (void)snprintf(line, sizeof line, "%s: %.200s", request, text);
    (void)pthread_mutex_lock(&uploader->lock);
    is_new = strcmp(line, told) != 0;
    memcpy(told, line, sizeof line);
    memcpy(uploader->facts.last_error, line, sizeof line);
    (void)pthread_mutex_unlock(&uploader->lock);
    if (is_new && (is_for_good || uploader->tells_all))
        pp_tell(&uploader->teller, "%s: %s %s%s", uploader->protocol->name, request, text,
                is_for_good ? "; it is not sent again" : "");
}

/* Of what is refused for its time: what that is, and what can be done. */
static void tell_time(const struct uploader *uploader, const struct pp_window_record *record)
{
    const time_t begin_s = (time_t)(record->begin_ns / 1000000000);
    const double ago_s = (double)time(NULL) - (double)begin_s;
    char text[32] = "";
    struct tm utc;

    if (gmtime_r(&begin_s, &utc) != NULL)
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
    if (ago_s < 0) {
        pp_tell(&uploader->teller, "%s: the profile is of %s UTC, which is still to come",
                uploader->protocol->name, text);
        pp_tell(&uploader->teller,
                "%s: set the clock of the machine that it was taken on, and of this one",
                uploader->protocol->name);
        return;
    }
    pp_tell(&uploader->teller, "%s: the profile is of %s UTC, %.*f %s ago",
            uploader->protocol->name, text,
            ago_s < 10 * 3600 || (ago_s >= 86400 && ago_s < 10 * 86400) ? 1 : 0,
            ago_s / (ago_s >= 86400 ? 86400 : 3600), ago_s >= 86400 ? "days" : "hours");
    pp_tell(&uploader->teller,
            "%s: send profiles while they are young, or raise the server's limit of age; "
            "`pprofc report` reads it here",
            uploader->protocol->name);
}

/* Warnings, and what was rejected of it, are told once where not every answer is. */
static void note_accepted(struct uploader *uploader, const char *request,
                          const struct pp_outcome *outcome)
{
    bool is_told = uploader->tells_all;

    (void)pthread_mutex_lock(&uploader->lock);
    uploader->facts.bytes_done += outcome->n_bytes_sent;
    uploader->told_failure[0] = '\0';
    pp_backoff_succeeded(&uploader->backoff);
    if (outcome->text[0] != '\0' && strncmp(outcome->text, uploader->told_warning, 200) != 0) {
        (void)snprintf(uploader->told_warning, sizeof uploader->told_warning, "%.200s",
                       outcome->text);
        is_told = true;
    }
    (void)snprintf(uploader->facts.last_error, sizeof uploader->facts.last_error, "%.200s",
                   outcome->text);
    (void)pthread_mutex_unlock(&uploader->lock);
    if (is_told)
        pp_tell(&uploader->teller, "%s: %s accepted%s%s", uploader->protocol->name, request,
                outcome->text[0] != '\0' ? "; " : "", outcome->text);
}

static void wait_longer(struct uploader *uploader, const struct pp_outcome *outcome)
{
    double wait_s;

    (void)pthread_mutex_lock(&uploader->lock);
    wait_s = pp_backoff_next(&uploader->backoff, outcome->asked_s);
    uploader->retry_at_ns = now_ns(CLOCK_MONOTONIC) + (uint64_t)(wait_s * 1e9);
    uploader->was_asked = outcome->asked_s >= 0;
    uploader->facts.n_retries++;
    (void)pthread_mutex_unlock(&uploader->lock);
}

static enum result send_request(struct uploader *uploader, struct pp_queue_item *item,
                                const struct pp_upload *upload, unsigned request)
{
    const char *name = uploader->protocol->request_name(request);
    struct pp_outcome outcome = {.asked_s = -1};

    uploader->protocol->send(uploader->state, uploader->client, upload, request, &outcome);
    if (outcome.verdict == PP_VERDICT_ACCEPTED) {
        note_accepted(uploader, name, &outcome);
        return outcome.n_rejected > 0 ? REFUSED : DONE; /* never sent again, says OTLP */
    }
    if (atomic_load(&uploader->is_cancelled))
        return LATER;
    if (outcome.verdict == PP_VERDICT_RETRY_FEW && ++item->n_tries >= PP_FEW_TRIES)
        outcome.verdict = PP_VERDICT_REFUSED;
    note_error(uploader, name, outcome.text, outcome.verdict == PP_VERDICT_REFUSED);
    if (outcome.verdict == PP_VERDICT_REFUSED) {
        if (outcome.is_of_time && uploader->tells_all)
            tell_time(uploader, upload->record);
        return REFUSED;
    }
    wait_longer(uploader, &outcome);
    return LATER;
}

/* Requests of it that were accepted before are not made again; one that is refused does not keep
 * the others from being sent. */
static enum result send_window(struct uploader *uploader, struct pp_queue_item *item,
                               const struct pp_buffer *bytes)
{
    struct pp_window_record record;
    const struct pp_upload upload = {&record, bytes->bytes, bytes->n_bytes,
                                     &uploader->is_cancelled};
    enum result all = DONE;

    if (pp_window_file_read(bytes->bytes, bytes->n_bytes, &record) != 0) {
        note_error(uploader, item->kind, "window in the queue is damaged", true);
        return REFUSED;
    }
    for (unsigned request = 0; request < uploader->protocol->n_requests; request++) {
        enum result result;
        if ((item->done >> request & 1) != 0 ||
            !uploader->protocol->is_wanted(uploader->state, &upload, request))
            continue;
        result = send_request(uploader, item, &upload, request);
        if (result == LATER)
            return LATER;
        if (result == REFUSED)
            all = REFUSED;
        (void)pthread_mutex_lock(&uploader->lock);
        pp_queue_note_done(&uploader->queue, item, item->done | 1u << request);
        (void)pthread_mutex_unlock(&uploader->lock);
    }
    return all;
}

/* ---- the thread ---- */

static bool may_send(const struct uploader *uploader)
{
    return uploader->queue.n_items > 0 && now_ns(CLOCK_MONOTONIC) >= uploader->retry_at_ns;
}

/* The lock is held, and released while something is sent.  False when there was nothing. */
static bool send_next(struct uploader *uploader)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pp_queue_item *item;
    enum result result;

    if (pp_queue_take(&uploader->queue, &item, &bytes) <= 0)
        return false;
    (void)pthread_mutex_unlock(&uploader->lock);
    result = send_window(uploader, item, &bytes);
    (void)pthread_mutex_lock(&uploader->lock);
    if (result == LATER) {
        pp_queue_give_back(&uploader->queue, item);
    } else {
        pp_queue_remove(&uploader->queue, item);
        uploader->facts.n_done += result == DONE;
        uploader->facts.n_refused += result == REFUSED;
    }
    (void)pthread_cond_broadcast(&uploader->is_changed);
    return true;
}

/* Who waits for the queue to be empty is told, too. */
static void expire(struct uploader *uploader)
{
    const size_t n_before = uploader->queue.n_items;

    pp_queue_expire(&uploader->queue, now_ns(CLOCK_REALTIME));
    if (uploader->queue.n_items < n_before)
        (void)pthread_cond_broadcast(&uploader->is_changed);
}

static void *upload(void *argument)
{
    struct uploader *uploader = argument;

    /* What sends profiles is no part of what the program does. */
    if (pprofc_thread_ignore != NULL)
        (void)pprofc_thread_ignore(NULL);
    (void)pthread_mutex_lock(&uploader->lock);
    while (!uploader->wants_end) {
        uint64_t until_ns = now_ns(CLOCK_MONOTONIC) + LOOK_NS;
        expire(uploader);
        if (may_send(uploader) && send_next(uploader))
            continue;
        if (uploader->queue.n_items > 0 && uploader->retry_at_ns > 0 &&
            uploader->retry_at_ns < until_ns && uploader->retry_at_ns > now_ns(CLOCK_MONOTONIC))
            until_ns = uploader->retry_at_ns;
        wait_until(uploader, until_ns);
    }
    (void)pthread_mutex_unlock(&uploader->lock);
    return NULL;
}

/* Signals are for the program's own threads. */
static int start_thread(struct uploader *uploader)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    int status = pthread_attr_init(&attributes);

    if (status != 0)
        return -status;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    status = pthread_create(&uploader->thread, &attributes, upload, uploader);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    uploader->has_thread = status == 0;
    return -status;
}

/* ---- the sink's calls ---- */

static void facts(struct pp_sink *sink, struct pp_sink_facts *facts_out)
{
    struct uploader *uploader = (struct uploader *)(void *)sink;

    (void)pthread_mutex_lock(&uploader->lock);
    *facts_out = uploader->facts;
    facts_out->n_dropped += uploader->queue.n_dropped;
    facts_out->n_waiting = uploader->queue.n_items;
    facts_out->bytes_waiting = uploader->queue.n_bytes;
    (void)pthread_mutex_unlock(&uploader->lock);
}

static int make_bytes(struct uploader *uploader, const struct pp_export_window *window,
                      struct pp_window_record *record, struct pp_buffer *bytes,
                      struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer gz = PP_BUFFER_INIT;
    struct pp_sink_facts now;
    int rc;

    if (getrandom(record->id, sizeof record->id, 0) != (ssize_t)sizeof record->id)
        return pp_fail(err, -errno, 0, "cannot name a window: %s", strerror(errno));
    record->begin_ns = window->begin_ns;
    record->end_ns = window->end_ns;
    (void)snprintf(record->kind, sizeof record->kind, "%s", window->kind);
    rc = pp_pprof_write(window->profile, true, &gz, err);
    facts(&uploader->sink, &now);
    if (rc == 0)
        rc = uploader->protocol->describe(uploader->state, window, &now, record, err);
    return rc == 0 ? pp_window_file_make(record, gz.bytes, gz.n_bytes, bytes, err) : rc;
}

static int take(struct pp_sink *sink, const struct pp_export_window *window,
                struct pprofc_error *err)
{
    struct uploader *uploader = (struct uploader *)(void *)sink;
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pp_window_record record = {.begin_ns = 0};
    int rc;

    if (uploader->pid != getpid())
        return pp_fail(err, -ECHILD, 0, "a child of fork() has no uploader; make one in it");
    rc = make_bytes(uploader, window, &record, &bytes, err);
    (void)pthread_mutex_lock(&uploader->lock);
    uploader->facts.n_taken++;
    if (rc == 0)
        rc = pp_queue_put(&uploader->queue, &record, &bytes, err);
    if (rc != 0)
        uploader->facts.n_dropped++;
    (void)pthread_cond_broadcast(&uploader->is_changed);
    (void)pthread_mutex_unlock(&uploader->lock);
    return rc;
}

/* One try at once, unless the server asked for time. */
static int drain(struct pp_sink *sink, double seconds, struct pprofc_error *err)
{
    struct uploader *uploader = (struct uploader *)(void *)sink;
    const uint64_t until_ns = now_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9);
    size_t n_left;

    if (uploader->pid != getpid())
        return pp_fail(err, -ECHILD, 0, "a child of fork() has no uploader");
    (void)pthread_mutex_lock(&uploader->lock);
    if (!uploader->was_asked)
        uploader->retry_at_ns = 0;
    (void)pthread_cond_broadcast(&uploader->is_changed);
    while (uploader->queue.n_items > 0 && now_ns(CLOCK_MONOTONIC) < until_ns)
        wait_until(uploader, until_ns);
    n_left = uploader->queue.n_items;
    (void)pthread_mutex_unlock(&uploader->lock);
    if (n_left == 0)
        return 0;
    return pp_fail(err, -ETIMEDOUT, 0, "%zu window%s could not be sent in %g s", n_left,
                   n_left == 1 ? "" : "s", seconds);
}

static void stop_thread(struct uploader *uploader)
{
    if (!uploader->has_thread || uploader->pid != getpid())
        return;
    atomic_store(&uploader->is_cancelled, true);
    (void)pthread_mutex_lock(&uploader->lock);
    uploader->wants_end = true;
    (void)pthread_cond_broadcast(&uploader->is_changed);
    (void)pthread_mutex_unlock(&uploader->lock);
    (void)pthread_join(uploader->thread, NULL);
}

static void stop_all(void)
{
    if (running.pid != getpid()) /* a child of fork() has no threads, and perhaps no lock */
        return;
    (void)pthread_mutex_lock(&running.lock);
    for (struct uploader *uploader = running.first; uploader != NULL; uploader = uploader->next) {
        stop_thread(uploader);
        uploader->has_thread = false;
    }
    running.first = NULL;
    (void)pthread_mutex_unlock(&running.lock);
}

/* Registered after libcurl was loaded, so that it is called before what libcurl registered. */
static void note_running(struct uploader *uploader)
{
    (void)pthread_mutex_lock(&running.lock);
    if (!running.is_registered)
        running.is_registered = atexit(stop_all) == 0;
    if (running.pid != getpid())
        running.first = NULL;
    running.pid = getpid();
    uploader->next = running.first;
    running.first = uploader;
    (void)pthread_mutex_unlock(&running.lock);
}

static void note_stopped(const struct uploader *uploader)
{
    (void)pthread_mutex_lock(&running.lock);
    for (struct uploader **at = &running.first; *at != NULL; at = &(*at)->next) {
        if (*at == uploader) {
            *at = uploader->next;
            break;
        }
    }
    (void)pthread_mutex_unlock(&running.lock);
}

/* In a child of fork() another thread may have held anything: what is there stays there. */
static void free_sink(struct pp_sink *sink)
{
    struct uploader *uploader = (struct uploader *)(void *)sink;

    if (uploader == NULL || uploader->pid != getpid())
        return;
    note_stopped(uploader);
    stop_thread(uploader);
    pp_queue_close(&uploader->queue);
    pp_http_client_free(uploader->client);
    uploader->protocol->free(uploader->state);
    (void)pthread_cond_destroy(&uploader->is_changed);
    (void)pthread_mutex_destroy(&uploader->lock);
    free(uploader);
}

static void init_lock(struct uploader *uploader)
{
    pthread_condattr_t attributes;

    (void)pthread_mutex_init(&uploader->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&uploader->is_changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

int pp_uploader_new(const struct pp_protocol *protocol, void *state,
                    const struct pp_uploader_options *options, struct pp_sink **sink_out,
                    struct pprofc_error *err)
{
    struct uploader *uploader = calloc(1, sizeof *uploader);
    int rc;

    if (uploader == NULL) {
        protocol->free(state);
        return pp_fail(err, -ENOMEM, 0, "cannot prepare sending: out of memory");
    }
    uploader->sink = (struct pp_sink){protocol->name, take, drain, facts, free_sink};
    uploader->protocol = protocol;
    uploader->state = state;
    uploader->pid = getpid();
    uploader->teller = options->teller;
    uploader->tells_all = options->tells_all;
    uploader->queue.folder = -1;
    (void)getrandom(&uploader->backoff.random, sizeof uploader->backoff.random, GRND_NONBLOCK);
    init_lock(uploader);
    rc = pp_http_client_new(&uploader->client, err);
    if (rc == 0)
        rc = pp_queue_open(
            &uploader->queue, options->queue_folder, options->queue_bytes,
            options->queue_age_s < 0 ? UINT64_MAX : (uint64_t)(options->queue_age_s * 1e9), err);
    if (rc == 0) {
        rc = start_thread(uploader);
        if (rc != 0)
            (void)pp_fail(err, rc, 0, "cannot start the thread that sends: %s", strerror(-rc));
    }
    if (rc != 0) {
        free_sink(&uploader->sink);
        return rc;
    }
    note_running(uploader);
    *sink_out = &uploader->sink;
    return 0;
}
