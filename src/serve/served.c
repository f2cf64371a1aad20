/* Windows share one sampler: it runs at the highest rate that any of them wants. */
#include "formats/recording_waits.h"
#include "serve/served.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "serve/find.h"

enum {
    COMMAND_TIMEOUT_MS = 2000,
    /* The helper reads the page tables, and copies them, before it answers: seconds in programs of
     * 100 GiB. */
    LEAK_TIMEOUT_MS = 60 * 1000,
    LEASE_DECISECONDS = 30,
};

/* Of a reader's slot: no process has this number. */
#define CLAIMED UINT32_MAX

/* ---- opening it ---- */

static void set_program(struct pp_served *target)
{
    const struct pp_rec_header *head = pp_recording_header(target->reader);
    char name[PP_PROGRAM_NAME_BYTES];

    (void)snprintf(target->program, sizeof target->program, "%.127s",
                   pp_recording_program_name(head, name));
    target->pid = head->pid;
}

int pp_served_open(struct pp_served *target, const char *name, struct pprofc_error *err)
{
    int64_t pid = 0;
    int status;

    memset(target, 0, sizeof *target);
    if (pp_parse_int64(name, strlen(name), &pid)) {
        if (!pp_find_recording(pid, target->path, sizeof target->path))
            return pp_fail(err, -ESRCH, 0,
                           "process %s has no recording in " PP_RECORDING_FOLDER
                           "; start it by `pprofc run`, with PPROFC=cpu and "
                           "libpprofc-preload.so, or linked with -lpprofc",
                           name);
    } else {
        (void)snprintf(target->path, sizeof target->path, "%s", name);
    }
    status = pp_recording_open(target->path, &target->reader, err);
    if (status != 0)
        return status;
    (void)pthread_mutex_init(&target->lock, NULL);
    (void)pthread_mutex_init(&target->leak_lock, NULL);
    set_program(target);
    return 0;
}

void pp_served_close(struct pp_served *target)
{
    if (target->reader == NULL)
        return;
    pp_recording_close(target->reader);
    target->reader = NULL;
    pp_heap_mark_done(&target->heap_mark);
    (void)pthread_mutex_destroy(&target->lock);
    (void)pthread_mutex_destroy(&target->leak_lock);
}

/* The live header, without waiting for a command that is under way: once mapped it stays. */
static struct pp_rec_header *live_header(struct pp_served *target)
{
    struct pp_rec_header *shared = atomic_load(&target->shared);

    if (shared != NULL)
        return pp_recording_is_live(target->reader) ? shared : NULL;
    (void)pthread_mutex_lock(&target->lock);
    shared = pp_recording_shared_header(target->reader);
    if (shared != NULL)
        atomic_store(&target->shared, shared);
    (void)pthread_mutex_unlock(&target->lock);
    return shared;
}

bool pp_served_is_alive(struct pp_served *target)
{
    return live_header(target) != NULL;
}

const struct pp_rec_header *pp_served_header(struct pp_served *target)
{
    const struct pp_rec_header *shared = live_header(target);

    return shared != NULL ? shared : pp_recording_header(target->reader);
}

/* ---- steering; the lock is held ---- */

/* 0 and more: what the process answered. */
static int command(struct pp_served *target, enum pp_rec_request request, uint64_t argument,
                   struct pprofc_error *err)
{
    const bool is_of_leaks = request == PP_REQUEST_LEAK_LOOK || request == PP_REQUEST_LEAK_PAUSE;
    const int status = pp_recording_command(target->reader, request, argument,
                                            is_of_leaks ? LEAK_TIMEOUT_MS : COMMAND_TIMEOUT_MS);

    if (status == -ESRCH)
        return pp_fail(err, status, 0, "%s (process %d) has ended", target->program, target->pid);
    if (status == -EPERM || status == -EACCES)
        return pp_fail(err, -EPERM, 0, "%s may only be read: serve as the user that runs %s",
                       target->path, target->program);
    if (status < 0)
        return pp_fail(err, status, 0, "%s (process %d) does not answer: %s", target->program,
                       target->pid, strerror(-status));
    return status;
}

int pp_served_command(struct pp_served *target, enum pp_rec_request request, uint64_t argument,
                      struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&target->lock);
    status = command(target, request, argument, err);
    (void)pthread_mutex_unlock(&target->lock);
    return status;
}

static double wanted_hz(const struct pp_served *target)
{
    double highest_hz = 0;

    for (uint32_t i = 0; i < PP_SERVED_MAX_WINDOWS; i++)
        if (target->windows[i].rate_hz > highest_hz)
            highest_hz = target->windows[i].rate_hz;
    return highest_hz;
}

/* A reader that is there keeps events as they are: sums would not tell a window's from others'. The
 * slot is claimed, filled and only then signed: the helper looks who is gone. */
static bool take_reader(struct pp_served *target, struct pp_rec_header *head)
{
    struct stat space;
    const uint32_t space_id = stat("/proc/self/ns/pid", &space) == 0 ? (uint32_t)space.st_ino : 0;

    for (uint32_t i = 0; i < PP_REC_MAX_READERS && target->slot == 0; i++) {
        struct pp_rec_reader *slot = &head->readers[i];
        uint32_t expected = 0;
        if (!atomic_compare_exchange_strong(&slot->pid, &expected, CLAIMED))
            continue;
        atomic_store(&slot->sequence, 0);
        atomic_store(&slot->pid_namespace, space_id);
        atomic_store(&slot->pid, (uint32_t)getpid());
        target->slot = i + 1;
    }
    return target->slot != 0;
}

static void give_reader_back(struct pp_served *target, struct pp_rec_header *head)
{
    struct pp_rec_reader *slot = &head->readers[target->slot - 1];
    uint32_t ours = (uint32_t)getpid();

    target->slot = 0;
    if (atomic_load(&slot->pid) != ours)
        return; /* we were stopped for so long that it was given up */
    atomic_store(&slot->pid_namespace, 0);
    (void)atomic_compare_exchange_strong(&slot->pid, &ours, 0);
}

/* Write down what we want, and until when: who is killed, or stopped, wants nothing for long. */
static void write_want(struct pp_served *target, struct pp_rec_header *head, double rate_hz)
{
    struct timespec now;
    uint64_t until = UINT32_MAX; /* this process's own wants end with it */

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    if (!target->is_own)
        until = (uint64_t)(now.tv_sec * 1000000000 + now.tv_nsec - head->start_monotonic_ns) /
                    100000000 +
                LEASE_DECISECONDS;
    atomic_store(&head->wants[target->slot - 1],
                 rate_hz > 0 ? until << 32 | (uint32_t)(rate_hz * 1000) : 0);
}

/* The rate that others asked for counts too. */
static void note_rate(struct pp_served *target, const struct pp_rec_header *head)
{
    const double rate_hz = (double)atomic_load(&head->rate_millihertz) / 1000;

    for (uint32_t i = 0; i < PP_SERVED_MAX_WINDOWS; i++)
        if (target->windows[i].rate_hz > 0 && target->windows[i].highest_hz < rate_hz)
            target->windows[i].highest_hz = rate_hz;
}

/* Make the sampler do what the windows want, and book all until now. */
static int follow_windows(struct pp_served *target, struct pp_rec_header *head,
                          struct pprofc_error *err)
{
    const double rate_hz = wanted_hz(target);
    int status;

    write_want(target, head, rate_hz);
    status = command(target, PP_REQUEST_FLUSH, 0, err);
    if (status != 0)
        return status;
    /* A budget may leave less of it. */
    if (rate_hz > 0 && atomic_load(&head->budget.share_ppm) == 0 &&
        (double)atomic_load(&head->rate_millihertz) < (uint32_t)(rate_hz * 1000))
        return pp_fail(err, -ENOTSUP, 0,
                       "%s runs with an older libpprofc, which takes no windows: give it that of "
                       "this pprofc",
                       target->program);
    note_rate(target, head);
    return 0;
}

static void let_sampler_rest(struct pp_served *target)
{
    struct pp_rec_header *head = pp_recording_shared_header(target->reader);

    if (head == NULL || target->slot == 0)
        return;
    (void)follow_windows(target, head, NULL);
    if (target->n_windows == 0)
        give_reader_back(target, head);
}

void pp_served_renew(struct pp_served *target)
{
    struct pp_rec_header *head;

    (void)pthread_mutex_lock(&target->lock);
    /* Nobody reads what is wanted of a process that has ended: it is not asked for here. */
    head = atomic_load(&target->shared);
    if (target->n_windows == 0)
        head = NULL;
    else if (head == NULL)
        head = pp_recording_shared_header(target->reader);
    if (head != NULL && target->slot != 0) {
        write_want(target, head, wanted_hz(target));
        note_rate(target, head);
    }
    (void)pthread_mutex_unlock(&target->lock);
}

/* ---- windows ---- */

static int take_slot(struct pp_served *target, double rate_hz, uint32_t *index_out)
{
    for (uint32_t i = 0; i < PP_SERVED_MAX_WINDOWS; i++) {
        if (target->windows[i].rate_hz > 0)
            continue;
        target->windows[i] = (struct pp_window){.rate_hz = rate_hz};
        *index_out = i;
        return 0;
    }
    return -EBUSY;
}

/* The counters now.  Those of waits are as old as the helper's last turn, unless it 'is_begin' that
 * brings them up to date. */
static void mark(struct pp_served *target, const struct pp_rec_header *head, bool is_begin,
                 struct pp_recording_mark *mark_out)
{
    const bool has_waits = pp_recorded_has_waits(head);

    if (has_waits && is_begin)
        (void)command(target, PP_REQUEST_FLUSH, 0, NULL);
    pp_recording_mark_read(head, mark_out);
    mark_out->waits = (struct pp_wait_thread){.wall_ns = 0};
    if (has_waits)
        pp_recording_mark_waits(target->reader, mark_out);
}

static int begin_window(struct pp_served *target, double rate_hz, uint32_t *index_out,
                        struct pprofc_error *err)
{
    struct pp_rec_header *head = pp_recording_shared_header(target->reader);
    int status;

    if (head == NULL)
        return pp_fail(err, -ESRCH, 0, "%s (process %d) has ended", target->program, target->pid);
    if (target->n_windows == PP_SERVED_MAX_WINDOWS)
        return pp_fail(err, -EBUSY, 0, "%d profiles of %s are being taken; try again later",
                       PP_SERVED_MAX_WINDOWS, target->program);
    if (!take_reader(target, head))
        return pp_fail(err, -EBUSY, 0, "%d readers hold %s already; try again later",
                       PP_REC_MAX_READERS, target->program);
    status = take_slot(target, rate_hz, index_out);
    if (status != 0)
        return status;
    target->n_windows++;
    status = follow_windows(target, head, err);
    if (status == 0) {
        mark(target, head, true, &target->windows[*index_out].begin);
        return 0;
    }
    target->windows[*index_out].rate_hz = 0;
    target->n_windows--;
    let_sampler_rest(target);
    return status;
}

int pp_served_begin_window(struct pp_served *target, double rate_hz, uint32_t *index_out,
                           struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&target->lock);
    status = begin_window(target, rate_hz, index_out, err);
    (void)pthread_mutex_unlock(&target->lock);
    return status;
}

int pp_served_change_window(struct pp_served *target, uint32_t index, double rate_hz,
                            struct pprofc_error *err)
{
    struct pp_rec_header *head;
    double before_hz;
    int status;

    (void)pthread_mutex_lock(&target->lock);
    head = pp_recording_shared_header(target->reader);
    before_hz = target->windows[index].rate_hz;
    target->windows[index].rate_hz = rate_hz;
    status = head == NULL ? pp_fail(err, -ESRCH, 0, "%s (process %d) has ended", target->program,
                                    target->pid)
                          : follow_windows(target, head, err);
    if (status != 0)
        target->windows[index].rate_hz = before_hz;
    (void)pthread_mutex_unlock(&target->lock);
    return status;
}

/* A process that has just ended flushed its accounts itself.  Read from a copy: others look at the
 * reader's own meanwhile. */
static int mark_of_ended(struct pp_served *target, struct pp_recording_mark *mark_out,
                         struct pprofc_error *err)
{
    struct pp_recording_reader *snapshot = NULL;
    const int status =
        pp_recording_snapshot(target->reader, PP_RECORDING_NO_EVENTS, &snapshot, err);

    if (status == 0) {
        pp_recording_mark_read(pp_recording_header(snapshot), mark_out);
        pp_recording_mark_waits(snapshot, mark_out);
    }
    pp_recording_close(snapshot);
    return status;
}

int pp_served_end_window(struct pp_served *target, uint32_t index,
                         struct pp_recording_window *window_out, double *highest_hz_out,
                         struct pprofc_error *err)
{
    struct pp_window *window = &target->windows[index];
    const struct pp_rec_header *head;
    int status;

    (void)pthread_mutex_lock(&target->lock);
    status = command(target, PP_REQUEST_FLUSH, 0, err);
    head = pp_recording_shared_header(target->reader);
    window_out->begin = window->begin;
    if (head != NULL)
        mark(target, head, false, &window_out->end);
    else /* it may have answered before */
        status = mark_of_ended(target, &window_out->end, err);
    *highest_hz_out = window->highest_hz;
    window->rate_hz = 0;
    target->n_windows--;
    let_sampler_rest(target);
    (void)pthread_mutex_unlock(&target->lock);
    return status;
}

int pp_served_snapshot(struct pp_served *target, uint64_t since_ns,
                       struct pp_recording_reader **snapshot_out, struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&target->lock);
    status = pp_recording_snapshot(target->reader, since_ns, snapshot_out, err);
    (void)pthread_mutex_unlock(&target->lock);
    return status;
}

int pp_served_fresh_snapshot(struct pp_served *target, struct pp_recording_reader **snapshot_out,
                             struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&target->lock);
    /* One that has ended, or does not answer, has what it has. */
    if (pp_recording_shared_header(target->reader) != NULL)
        (void)command(target, PP_REQUEST_FLUSH, 0, NULL);
    status = pp_recording_snapshot(target->reader, PP_RECORDING_NO_EVENTS, snapshot_out, err);
    (void)pthread_mutex_unlock(&target->lock);
    return status;
}

uint32_t pp_served_kinds(struct pp_served *target)
{
    return pp_recording_kinds(pp_served_header(target));
}

bool pp_served_has_heap(struct pp_served *target)
{
    return (pp_recording_kinds(pp_served_header(target)) & 1U << (PP_FAMILY_HEAP - 1)) != 0;
}

/* What the look recorded is held until it is copied, as a window's events are. */
static int look(struct pp_served *target, uint32_t *look_out,
                struct pp_recording_reader **snapshot_out, struct pprofc_error *err)
{
    struct pp_rec_header *head = pp_recording_shared_header(target->reader);
    const bool is_held = target->slot != 0;
    int status;

    if (head == NULL)
        return pp_fail(err, -ESRCH, 0, "%s (process %d) has ended", target->program, target->pid);
    /* Where all slots are taken: a few newest segments are kept as they are anyhow. */
    if (!is_held)
        (void)take_reader(target, head);
    status = command(target, PP_REQUEST_STACKS, 0, err);
    *look_out = (uint32_t)status;
    if (status == 0)
        status = pp_fail(err, -ENOTSUP, 0, "the libpprofc in %s is an older one: it cannot tell",
                         target->program);
    else if (status > 0)
        status = pp_recording_snapshot(target->reader, 0, snapshot_out, err);
    if (!is_held && target->slot != 0)
        give_reader_back(target, head);
    return status;
}

int pp_served_look(struct pp_served *target, uint32_t *look_out,
                   struct pp_recording_reader **snapshot_out, struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&target->lock);
    status = look(target, look_out, snapshot_out, err);
    (void)pthread_mutex_unlock(&target->lock);
    return status;
}

/* Whether the recording was ended, by a command or otherwise, and not cut off by the process's
 * death.  The lock is held. */
static bool has_ended_properly(struct pp_served *target)
{
    struct pp_recording_reader *snapshot = NULL;
    bool has_ended;

    if (pp_recording_snapshot(target->reader, PP_RECORDING_NO_EVENTS, &snapshot, NULL) != 0)
        return false;
    has_ended = atomic_load(&pp_recording_header(snapshot)->state) == PP_REC_ENDED;
    pp_recording_close(snapshot);
    return has_ended;
}

int pp_served_switch_off(struct pp_served *target, struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&target->lock);
    status = command(target, PP_REQUEST_OFF, 0, err);
    /* Off already, and its process lives: that is what was asked for. */
    if (status == -ESRCH && kill(target->pid, 0) == 0 && has_ended_properly(target))
        status = 0;
    (void)pthread_mutex_unlock(&target->lock);
    return status;
}
