/* pprofc_continuous_*: windows of this process, taken by itself. */
#include "pprofc/export.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "serve/continuous.h"
#include "serve/flight_signal.h"
#include "serve/own_service.h"

static const char default_folder[] = "profiles";

/* What there is of this process's own. */
static struct {
    pthread_mutex_t lock;
    pid_t pid; /* a forked child begins anew */
    bool ends_at_exit;
    char folder[PATH_MAX], keep[64]; /* "": nobody said it */
    /* The options' texts, which live as long as they count. */
    char cycle[64], block[256], reason[128];
    struct pp_sink *sinks[PP_CONTINUOUS_MAX_SINKS];
    struct pp_continuous *continuous;
} own = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A child has the parent's memory, but none of its threads. */
static void forget_parent(void)
{
    if (own.pid == getpid())
        return;
    own.continuous = NULL;
    own.pid = getpid();
}

/* ---- the folder ---- */

static int set_directory(const char *folder, const char *keep, struct pprofc_error *err)
{
    const char *named = folder != NULL ? folder : getenv("PPROFC_HISTORY");
    struct pp_keep limits;

    if (named == NULL || named[0] == '\0')
        named = default_folder;
    if (strlen(named) >= sizeof own.folder || (keep != NULL && strlen(keep) >= sizeof own.keep))
        return pp_fail(err, -ENAMETOOLONG, 0, "'%.60s..' is too long a name for a history", named);
    if (keep != NULL && pp_keep_parse(keep, &limits, err) != 0)
        return -EINVAL;
    (void)snprintf(own.folder, sizeof own.folder, "%s", named);
    (void)snprintf(own.keep, sizeof own.keep, "%s", keep != NULL ? keep : "");
    return 0;
}

int pprofc_export_directory(const char *folder, const char *keep, struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&own.lock);
    forget_parent();
    status = set_directory(folder, keep, err);
    (void)pthread_mutex_unlock(&own.lock);
    return status;
}

/* ---- options; the lock is held ---- */

/* Keep 'text', when there is any, in 'place': 0, or -EINVAL when it is too long. */
static int hold(const char *text, char *place, size_t capacity, struct pprofc_error *err)
{
    if (text == NULL)
        return 0;
    if (strlen(text) >= capacity)
        return pp_fail(err, -EINVAL, 0, "'%.60s..' is too long", text);
    memcpy(place, text, strlen(text) + 1);
    return 0;
}

/* Beside ours: the folder's, and the two that PPROFC_EXPORT may name. */
static int take_sinks(const struct pprofc_continuous_options *given,
                      struct pp_continuous_options *options, struct pprofc_error *err)
{
    enum { MOST = PP_CONTINUOUS_MAX_SINKS - 3 };

    if (given->n_sinks > MOST)
        return pp_fail(err, -EINVAL, 0, "%zu sinks; %d at most", given->n_sinks, MOST);
    for (size_t i = 0; i < given->n_sinks; i++)
        own.sinks[i] = pp_sink_of(given->sinks[i]);
    options->others = own.sinks;
    options->n_others = (uint32_t)given->n_sinks;
    return 0;
}

static int take_options(const struct pprofc_continuous_options *given,
                        struct pp_continuous_options *options, struct pprofc_error *err)
{
    int status = hold(given->cycle, own.cycle, sizeof own.cycle, err);

    if (given->struct_bytes != sizeof *given)
        return pp_fail(err, -EINVAL, 0,
                       "options.struct_bytes is %zu, not %zu: begin with "
                       "PPROFC_CONTINUOUS_OPTIONS_INIT",
                       given->struct_bytes, sizeof *given);
    if (status == 0)
        status = hold(given->block_libs, own.block, sizeof own.block, err);
    if (status == 0)
        status = take_sinks(given, options, err);
    if (status == 0 && given->cycle != NULL)
        status = pp_continuous_parse_cycle(own.cycle, options, err);
    if (status == 0 && given->block_libs != NULL)
        pp_continuous_set_block(own.block, options);
    if (status == 0 && given->flight != NULL)
        status = pp_triggers_parse(given->flight, &options->triggers, err);
    if (given->frequency_hz < 0 || given->frequency_hz > 10000)
        status = pp_fail(err, -EINVAL, 0, "rate %g Hz is out of range; give 1 to 10 000",
                         given->frequency_hz);
    else if (given->frequency_hz > 0)
        options->rate_hz = given->frequency_hz;
    return status;
}

static int read_options(const struct pprofc_continuous_options *given,
                        struct pp_continuous_options *options, struct pprofc_error *err)
{
    int status;

    pp_continuous_options_init(options);
    status = pp_continuous_options_read(options, err);
    /* Windows that are sent need no folder. */
    if (status == 0 && own.folder[0] == '\0' &&
        (options->folder != NULL ||
         (options->export_to == NULL && (given == NULL || given->n_sinks == 0))))
        status = set_directory(NULL, NULL, err);
    if (status == 0 && own.keep[0] != '\0')
        status = pp_keep_parse(own.keep, &options->keep, err);
    if (status == 0 && given != NULL)
        status = take_options(given, options, err);
    options->folder = own.folder[0] != '\0' ? own.folder : NULL;
    return status;
}

/* ---- start and stop ---- */

static void stop_at_exit(void)
{
    (void)pprofc_continuous_stop(NULL);
}

static int start(const struct pprofc_continuous_options *given, struct pprofc_error *err)
{
    struct pp_continuous_options options;
    struct pp_service *service = NULL;
    int status;

    forget_parent();
    if (own.continuous != NULL)
        return pp_fail(err, -EALREADY, 0, "windows are taken already");
    status = read_options(given, &options, err);
    if (status == 0)
        status = pp_own_service(&service, err);
    if (status == 0 && options.triggers.signo != 0)
        status = pp_flight_signal_catch(options.triggers.signo, err);
    if (status == 0)
        status = pp_continuous_start(service, &options, &own.continuous, err);
    if (status != 0)
        pp_flight_signal_leave();
    if (status == 0 && !own.ends_at_exit)
        own.ends_at_exit = atexit(stop_at_exit) == 0;
    return status;
}

int pprofc_continuous_start(const struct pprofc_continuous_options *options,
                            struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&own.lock);
    status = start(options, err);
    (void)pthread_mutex_unlock(&own.lock);
    return status;
}

int pprofc_continuous_stop(struct pprofc_error *err)
{
    int status = 0;

    (void)pthread_mutex_lock(&own.lock);
    forget_parent();
    if (own.continuous == NULL)
        status = pp_fail(err, -ESRCH, 0, "no windows are taken");
    pp_flight_signal_leave();
    pp_continuous_stop(own.continuous);
    own.continuous = NULL;
    (void)pthread_mutex_unlock(&own.lock);
    return status;
}

int pprofc_flight_record(const char *reason, struct pprofc_error *err)
{
    char path[PATH_MAX];
    int status;

    (void)pthread_mutex_lock(&own.lock);
    forget_parent();
    (void)snprintf(own.reason, sizeof own.reason, "%s", reason != NULL ? reason : "request");
    status = own.continuous == NULL
                 ? pp_fail(err, -ESRCH, 0, "no windows are taken")
                 : pp_continuous_flight(own.continuous, NULL, own.reason, NULL, path, err);
    (void)pthread_mutex_unlock(&own.lock);
    return status;
}
