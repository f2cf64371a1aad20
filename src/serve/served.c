/* Windows share one sampler: it runs at the highest rate that any of them wants. */
#include "serve/served.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/numbers.h"

enum { COMMAND_TIMEOUT_MS = 2000 };

/* Of a reader's slot: no process has this number. */
#define CLAIMED UINT32_MAX

static const char recording_folder[] = "/dev/shm";

/* ---- finding it ---- */

/* "pprofc.UID.PID" or "pprofc.UID.PID.N": the N of a name of this process, -1 when it is another's.
 */
static int sequence_of(const char *name, int64_t pid)
{
    int64_t uid = 0, has_pid = 0, sequence = 0;
    const char *at = name;
    int64_t *const numbers[] = {&uid, &has_pid, &sequence};

    if (strncmp(at, "pprofc.", strlen("pprofc.")) != 0)
        return -1;
    at += strlen("pprofc.");
    for (size_t i = 0; i < 3; i++) {
        const size_t n = strcspn(at, ".");
        if (n == 0 || !pp_parse_int64(at, n, numbers[i]))
            return -1;
        at += n;
        if (*at == '\0')
            return i >= 1 && has_pid == pid && sequence < 1 << 30 ? (int)sequence : -1;
        at++;
    }
    return -1;
}

/* Anybody may put files into /dev/shm: a recording belongs to us, or, for root, to whoever the
 * process belongs to. */
static bool is_trusted(int folder, const char *name, int64_t pid)
{
    struct stat file, process;
    char path[40];

    if (fstatat(folder, name, &file, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(file.st_mode))
        return false;
    (void)snprintf(path, sizeof path, "/proc/%lld", (long long)pid);
    return file.st_uid == geteuid() ||
           (geteuid() == 0 && stat(path, &process) == 0 && process.st_uid == file.st_uid);
}

/* The newest recording of 'pid': an exec makes another one. */
static bool find_recording(int64_t pid, char *path_out, size_t capacity)
{
    DIR *folder = opendir(recording_folder);
    const struct dirent *entry;
    int best = -1;

    if (folder == NULL)
        return false;
    while ((entry = readdir(folder)) != NULL) {
        const int sequence = sequence_of(entry->d_name, pid);
        if (sequence <= best || !is_trusted(dirfd(folder), entry->d_name, pid))
            continue;
        best = sequence;
        (void)snprintf(path_out, capacity, "%s/%s", recording_folder, entry->d_name);
    }
    (void)closedir(folder);
    return best >= 0;
}

static void set_program(struct pp_served *target)
{
    const struct pp_rec_header *head = pp_recording_header(target->reader);
    char path[sizeof head->program + 1];

    memcpy(path, head->program, sizeof head->program);
    path[sizeof head->program] = '\0';
    (void)snprintf(target->program, sizeof target->program, "%s", pp_profile_base_name(path));
    target->pid = head->pid;
}

int pp_served_open(struct pp_served *target, const char *name, struct pprofc_error *err)
{
    int64_t pid = 0;
    int status;

    memset(target, 0, sizeof *target);
    if (pp_parse_int64(name, strlen(name), &pid)) {
        if (!find_recording(pid, target->path, sizeof target->path))
            return pp_fail(err, -ESRCH, 0,
                           "process %s has no recording in %s; start it by `pprofc run`, with "
                           "PPROFC=cpu and libpprofc-preload.so, or linked with -lpprofc",
                           name, recording_folder);
    } else {
        (void)snprintf(target->path, sizeof target->path, "%s", name);
    }
    status = pp_recording_open(target->path, &target->reader, err);
    if (status != 0)
        return status;
    (void)pthread_mutex_init(&target->lock, NULL);
    set_program(target);
    return 0;
}

void pp_served_close(struct pp_served *target)
{
    if (target->reader == NULL)
        return;
    pp_recording_close(target->reader);
    target->reader = NULL;
    (void)pthread_mutex_destroy(&target->lock);
}

bool pp_served_is_alive(struct pp_served *target)
{
    bool is_alive;

    (void)pthread_mutex_lock(&target->lock);
    is_alive = pp_recording_shared_header(target->reader) != NULL;
    (void)pthread_mutex_unlock(&target->lock);
    return is_alive;
}

const struct pp_rec_header *pp_served_header(struct pp_served *target)
{
    const struct pp_rec_header *shared;

    (void)pthread_mutex_lock(&target->lock);
    shared = pp_recording_shared_header(target->reader);
    (void)pthread_mutex_unlock(&target->lock);
    return shared != NULL ? shared : pp_recording_header(target->reader);
}

/* ---- steering; the lock is held ---- */

static int command(struct pp_served *target, enum pp_rec_request request, uint64_t argument,
                   struct pprofc_error *err)
{
    const int status = pp_recording_command(target->reader, request, argument, COMMAND_TIMEOUT_MS);

    if (status == -ESRCH)
        return pp_fail(err, status, 0, "%s (process %d) has ended", target->program, target->pid);
    if (status == -EPERM || status == -EACCES)
        return pp_fail(err, -EPERM, 0, "%s may only be read: serve as the user that runs %s",
                       target->path, target->program);
    if (status < 0)
        return pp_fail(err, status, 0, "%s (process %d) does not answer: %s", target->program,
                       target->pid, strerror(-status));
    return 0;
}

static double wanted_hz(const struct pp_served *target)
{
    double highest_hz = target->was_paused ? 0 : target->base_hz;

    for (uint32_t i = 0; i < PP_SERVED_MAX_WINDOWS; i++)
        if (target->windows[i].rate_hz > highest_hz)
            highest_hz = target->windows[i].rate_hz;
    return highest_hz;
}

/* A reader that is there keeps events as they are: sums would not tell a window's from others'. The
 * slot is claimed, filled and only then signed: the helper looks who is gone. */
static void hold_events(struct pp_served *target, struct pp_rec_header *head)
{
    struct stat space;
    const uint32_t space_id = stat("/proc/self/ns/pid", &space) == 0 ? (uint32_t)space.st_ino : 0;

    for (uint32_t i = 0; i < PP_REC_MAX_READERS; i++) {
        struct pp_rec_reader *slot = &head->readers[i];
        uint32_t expected = 0;
        if (!atomic_compare_exchange_strong(&slot->pid, &expected, CLAIMED))
            continue;
        atomic_store(&slot->sequence, 0);
        atomic_store(&slot->pid_namespace, space_id);
        atomic_store(&slot->pid, (uint32_t)getpid());
        target->slot = i + 1;
        return;
    }
}

static void let_events_go(struct pp_served *target, struct pp_rec_header *head)
{
    struct pp_rec_reader *slot = &head->readers[target->slot > 0 ? target->slot - 1 : 0];

    if (target->slot == 0)
        return; /* there were more readers than slots */
    atomic_store(&slot->pid_namespace, 0);
    atomic_store(&slot->pid, 0);
    target->slot = 0;
}

static int run_at(struct pp_served *target, double rate_hz, struct pprofc_error *err)
{
    const struct pp_rec_header *head = pp_recording_shared_header(target->reader);
    const uint64_t millihertz = (uint64_t)(rate_hz * 1000);
    int status = 0;

    if (head != NULL && atomic_load(&head->rate_millihertz) != millihertz)
        status = command(target, PP_REQUEST_RATE, millihertz, err);
    for (uint32_t i = 0; i < PP_SERVED_MAX_WINDOWS; i++)
        if (target->windows[i].rate_hz > 0 && target->windows[i].highest_hz < rate_hz)
            target->windows[i].highest_hz = rate_hz;
    return status;
}

static int wake_sampler(struct pp_served *target, struct pp_rec_header *head,
                        struct pprofc_error *err)
{
    if (target->n_windows > 0)
        return 0;
    target->was_paused = atomic_load(&head->state) == PP_REC_PAUSED;
    target->base_hz = (double)atomic_load(&head->rate_millihertz) / 1000;

    const int status = target->was_paused ? command(target, PP_REQUEST_RESUME, 0, err) : 0;

    if (status == 0)
        hold_events(target, head);
    return status;
}

static void let_sampler_rest(struct pp_served *target)
{
    struct pp_rec_header *head = pp_recording_shared_header(target->reader);

    if (head == NULL)
        return;
    if (target->n_windows > 0) {
        (void)run_at(target, wanted_hz(target), NULL);
        return;
    }
    if (target->was_paused)
        (void)command(target, PP_REQUEST_PAUSE, 0, NULL);
    (void)run_at(target, target->base_hz, NULL);
    let_events_go(target, head);
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
    status = wake_sampler(target, head, err);
    if (status == 0)
        status = take_slot(target, rate_hz, index_out);
    if (status != 0)
        return status;
    target->n_windows++;
    status = run_at(target, wanted_hz(target), err);
    if (status == 0)
        status = command(target, PP_REQUEST_FLUSH, 0, err);
    if (status == 0) {
        pp_recording_mark_read(head, &target->windows[*index_out].begin);
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

/* A process that has just ended flushed its accounts itself.  Read from a copy: others look at the
 * reader's own meanwhile. */
static int mark_of_ended(struct pp_served *target, struct pp_recording_mark *mark_out,
                         struct pprofc_error *err)
{
    pp_autofree void *bytes = NULL;
    size_t n_bytes = 0;
    const int status = pp_recording_copy(target->reader, &bytes, &n_bytes, err);

    if (status == 0)
        pp_recording_mark_read(bytes, mark_out);
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
        pp_recording_mark_read(head, &window_out->end);
    else if (status == -ESRCH)
        status = mark_of_ended(target, &window_out->end, err);
    *highest_hz_out = window->highest_hz;
    window->rate_hz = 0;
    target->n_windows--;
    let_sampler_rest(target);
    (void)pthread_mutex_unlock(&target->lock);
    return status;
}

int pp_served_copy(struct pp_served *target, void **bytes_out, size_t *n_bytes_out,
                   struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&target->lock);
    status = pp_recording_copy(target->reader, bytes_out, n_bytes_out, err);
    (void)pthread_mutex_unlock(&target->lock);
    return status;
}

int pp_served_switch_off(struct pp_served *target, struct pprofc_error *err)
{
    int status;

    (void)pthread_mutex_lock(&target->lock);
    status = command(target, PP_REQUEST_STOP, 0, err);
    (void)pthread_mutex_unlock(&target->lock);
    return status;
}
