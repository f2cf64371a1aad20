/* Windows as files.  What is on the disk is the only state: a process that is killed leaves whole
 * files, and at most one temporary one. */
#include "export/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/whole_file.h"
#include "export/history.h"
#include "formats/encode.h"

enum {
    MAX_EVICTIONS = 64, /* for one window on a full disk */
    LOOK_SECONDS = 60,  /* between looks at what is too old: others write here too */
    /* A clock that was this far ahead was wrong, and is not waited for. */
    AHEAD_SECONDS = 3600,
};

/* The inode of the initial process namespace: PROC_PID_INIT_INO of the kernel. */
#define INITIAL_PIDS 0xEFFFFFFCU

struct directory {
    struct pp_sink sink; /* first */
    char folder[PATH_MAX];
    char host[32]; /* "" where process numbers are the machine's */
    struct pp_keep keep;
    struct pp_window_name last;
    uint64_t known_bytes;   /* at the last look, and written since */
    int64_t looked_s;       /* CLOCK_MONOTONIC */
    pthread_mutex_t naming; /* held while files get their names */
    bool is_given_up;
    pthread_mutex_t lock; /* guards the facts */
    struct pp_sink_facts facts;
};

static int64_t clock_s(clockid_t clock)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(clock, &now);
    return now.tv_sec;
}

/* ---- facts ---- */

static void count_done(struct directory *directory, uint64_t n_bytes)
{
    (void)pthread_mutex_lock(&directory->lock);
    directory->facts.n_taken++;
    directory->facts.n_done++;
    directory->facts.bytes_done += n_bytes;
    directory->facts.last_error[0] = '\0';
    (void)pthread_mutex_unlock(&directory->lock);
}

static void count_lost(struct directory *directory, const char *why)
{
    (void)pthread_mutex_lock(&directory->lock);
    directory->facts.n_taken++;
    directory->facts.n_dropped++;
    (void)snprintf(directory->facts.last_error, sizeof directory->facts.last_error, "%s", why);
    (void)pthread_mutex_unlock(&directory->lock);
}

static void count_evicted(struct directory *directory)
{
    (void)pthread_mutex_lock(&directory->lock);
    directory->facts.n_dropped++;
    (void)pthread_mutex_unlock(&directory->lock);
}

static void get_facts(struct pp_sink *sink, struct pp_sink_facts *facts_out)
{
    struct directory *directory = (struct directory *)sink;

    (void)pthread_mutex_lock(&directory->lock);
    *facts_out = directory->facts;
    (void)pthread_mutex_unlock(&directory->lock);
}

/* ---- room ---- */

/* Remove what is beyond the limits, and learn how much there is. */
static void look(struct directory *directory)
{
    struct pp_history history;

    directory->looked_s = clock_s(CLOCK_MONOTONIC);
    if (pp_history_read(directory->folder, &history, NULL) == 0) {
        (void)pp_history_remove(
            &history, pp_history_n_beyond(&history, &directory->keep, clock_s(CLOCK_REALTIME)));
        directory->known_bytes = history.n_bytes;
    }
    pp_history_done(&history);
}

static void look_when_due(struct directory *directory)
{
    const uint64_t limit_bytes = directory->keep.n_bytes;

    if ((limit_bytes > 0 && directory->known_bytes > limit_bytes) ||
        clock_s(CLOCK_MONOTONIC) >= directory->looked_s + LOOK_SECONDS)
        look(directory);
}

/* The disk is full: the oldest window goes.  False when there is none. */
static bool evict(struct directory *directory)
{
    struct pp_history history;
    bool has_freed = false;

    if (pp_history_read(directory->folder, &history, NULL) == 0 && history.n_files > 0)
        has_freed = pp_history_remove(&history, pp_history_n_oldest(&history)) > 0;
    pp_history_done(&history);
    if (has_freed)
        count_evicted(directory);
    return has_freed;
}

/* ---- writing ---- */

static int open_folder(const char *path)
{
    int fd;

    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return -errno;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

static void file_name(const struct pp_window_name *name, const struct pp_directory_file *file,
                      char text[PP_WINDOW_NAME_BYTES])
{
    struct pp_window_name of_kind = *name;

    (void)snprintf(of_kind.kind, sizeof of_kind.kind, "%s", file->kind);
    pp_window_name_write(&of_kind, file->extension, text);
}

typedef char temporary_name[PP_WHOLE_FILE_TEMPORARY_BYTES];

/* All of them have been written: their names, or none.  That is a moment, in which nobody gives up.
 */
static int give_names(struct directory *directory, int folder, const struct pp_window_name *name,
                      const struct pp_directory_bundle *bundle, temporary_name *temporaries)
{
    char text[PP_WINDOW_NAME_BYTES];
    size_t n_named = 0;
    int status = 0;

    (void)pthread_mutex_lock(&directory->naming);
    if (directory->is_given_up)
        status = -ECANCELED;
    for (; status == 0 && n_named < bundle->n_files; n_named += status == 0) {
        file_name(name, &bundle->files[n_named], text);
        status = pp_whole_file_name(folder, temporaries[n_named], text, false);
    }
    for (size_t i = 0; status != 0 && i < n_named; i++) {
        file_name(name, &bundle->files[i], text);
        (void)unlinkat(folder, text, 0);
    }
    (void)pthread_mutex_unlock(&directory->naming);
    for (size_t i = n_named; status != 0 && i < bundle->n_files; i++)
        pp_whole_file_drop(folder, temporaries[i]);
    return status;
}

void pp_directory_give_up(struct pp_sink *sink)
{
    struct directory *directory = (struct directory *)sink;

    (void)pthread_mutex_lock(&directory->naming);
    directory->is_given_up = true;
    (void)pthread_mutex_unlock(&directory->naming);
}

static int write_all(int folder, const struct pp_directory_bundle *bundle,
                     temporary_name *temporaries)
{
    const struct pp_whole_file_how how = {.mode = 0644, .is_durable = true};
    size_t n_written = 0;
    int status = 0;

    for (; status == 0 && n_written < bundle->n_files; n_written += status == 0) {
        const struct pp_directory_file *file = &bundle->files[n_written];
        status =
            pp_whole_file_prepare(folder, file->bytes, file->n_bytes, &how, temporaries[n_written]);
    }
    for (size_t i = 0; status != 0 && i < n_written; i++)
        pp_whole_file_drop(folder, temporaries[i]);
    return status;
}

/* All of 'bundle' as 'name', or nothing: 0 or a negative errno. */
static int store_as(struct directory *directory, const struct pp_window_name *name,
                    const struct pp_directory_bundle *bundle, char path_out[PATH_MAX])
{
    char day[PP_WINDOW_DAY_BYTES], text[PP_WINDOW_NAME_BYTES];
    char path[PATH_MAX + PP_WINDOW_DAY_BYTES + 1];
    temporary_name temporaries[sizeof bundle->files / sizeof bundle->files[0]];
    pp_autoclose_fd int folder = -1;
    int status;

    pp_window_day(name->time_s, day);
    (void)snprintf(path, sizeof path, "%s/%s", directory->folder, day);
    folder = open_folder(path);
    if (folder < 0)
        return folder;
    file_name(name, &bundle->files[bundle->n_files - 1], text);
    /* Mostly it tells that the name is taken before anything is written. */
    status = faccessat(folder, text, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? -EEXIST : 0;
    if (status == 0)
        status = write_all(folder, bundle, temporaries);
    if (status == 0)
        status = give_names(directory, folder, name, bundle, temporaries);
    if (status < 0)
        return status;
    pp_whole_file_sync_folder(folder);
    if (path_out != NULL)
        (void)snprintf(path_out, PATH_MAX, "%.*s/%s", PATH_MAX - PP_WINDOW_NAME_BYTES - 1, path,
                       text);
    return 0;
}

static bool is_full(int status)
{
    return status == -ENOSPC || status == -EDQUOT;
}

/* Under the next name that is free, making room where there is none. */
static int store(struct directory *directory, const struct pp_directory_bundle *bundle,
                 char path_out[PATH_MAX])
{
    struct pp_window_name name = {.is_flight = bundle->is_flight, .pid = bundle->pid};
    int n_evictions = 0, status;

    pp_window_name_begin(&directory->last, bundle->time_s);
    name.time_s = directory->last.time_s;
    name.sequence = directory->last.sequence;
    pp_window_program(bundle->program, name.program);
    if (directory->host[0] != '\0')
        (void)snprintf(name.program + strnlen(name.program, 30),
                       sizeof name.program - strnlen(name.program, 30), "-%s", directory->host);
    for (;;) {
        status = store_as(directory, &name, bundle, path_out);
        if (status == -EEXIST)
            pp_window_name_next(&name);
        else if (!is_full(status) || n_evictions++ == MAX_EVICTIONS || !evict(directory))
            break;
    }
    if (status == 0) {
        directory->last.time_s = name.time_s;
        directory->last.sequence = name.sequence;
    }
    return status;
}

int pp_directory_store(struct pp_sink *sink, const struct pp_directory_bundle *bundle,
                       char path_out[PATH_MAX], struct pprofc_error *err)
{
    struct directory *directory = (struct directory *)sink;
    const int status = store(directory, bundle, path_out);
    uint64_t n_bytes = 0;
    char why[sizeof directory->facts.last_error];

    if (status != 0) {
        (void)snprintf(why, sizeof why, "cannot keep a window in '%.100s': %s", directory->folder,
                       strerror(-status));
        count_lost(directory, why);
        return pp_fail(err, status, 0, "%s", why);
    }
    for (size_t i = 0; i < bundle->n_files; i++)
        n_bytes += bundle->files[i].n_bytes;
    directory->known_bytes += n_bytes;
    count_done(directory, n_bytes);
    look_when_due(directory);
    return 0;
}

/* The picture first: where there is a profile there is its picture. */
static int take(struct pp_sink *sink, const struct pp_export_window *window,
                struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer picture = PP_BUFFER_INIT, profile = PP_BUFFER_INIT;
    const uint32_t type = window->profile->default_type;
    struct pp_directory_bundle bundle = {.time_s = (int64_t)(window->begin_ns / 1000000000),
                                         .program = window->program,
                                         .pid = window->pid,
                                         .n_files = 2};
    int status = pp_encode_profile(window->profile, PP_FORMAT_SVG, type, &picture, err);

    if (status == 0)
        status = pp_encode_profile(window->profile, PP_FORMAT_PPROF, type, &profile, err);
    if (status != 0) {
        count_lost((struct directory *)sink, "no memory to write a window");
        return status;
    }
    bundle.files[0] =
        (struct pp_directory_file){window->kind, ".svg", picture.bytes, picture.n_bytes};
    bundle.files[1] =
        (struct pp_directory_file){window->kind, ".pb.gz", profile.bytes, profile.n_bytes};
    return pp_directory_store(sink, &bundle, NULL, err);
}

/* What was taken is on the disk. */
static int drain(struct pp_sink *sink, double seconds, struct pprofc_error *err)
{
    (void)sink, (void)seconds, (void)err;
    return 0;
}

/* ---- begin and end ---- */

static void free_directory(struct pp_sink *sink)
{
    struct directory *directory = (struct directory *)sink;

    if (directory == NULL)
        return;
    (void)pthread_mutex_destroy(&directory->naming);
    (void)pthread_mutex_destroy(&directory->lock);
    free(directory);
}

/* In a container process numbers begin at 1 in each: the host's name, which is the container's,
 * tells them apart where several write into one folder. */
static void find_host(struct directory *directory)
{
    struct stat space;
    char host[sizeof directory->host] = "";

    if (stat("/proc/self/ns/pid", &space) == 0 && space.st_ino == INITIAL_PIDS)
        return;
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(directory->host, sizeof directory->host, "%s", host);
    for (char *at = directory->host; *at != '\0'; at++)
        if (strchr("/. \t\n", *at) != NULL)
            *at = '_';
}

/* Where the names of a process before us ended. */
static void find_last(struct directory *directory)
{
    const int64_t latest_s = clock_s(CLOCK_REALTIME) + AHEAD_SECONDS;
    struct pp_history history;

    if (pp_history_read(directory->folder, &history, NULL) == 0)
        for (size_t i = history.n_files; i-- > 0 && directory->last.time_s == 0;)
            if (history.files[i].name.time_s <= latest_s)
                directory->last = history.files[i].name;
    pp_history_done(&history);
}

int pp_directory_new(const char *folder, const struct pp_keep *keep, struct pp_sink **sink_out,
                     struct pprofc_error *err)
{
    const int fd = open_folder(folder);
    struct directory *directory;

    if (fd < 0)
        return pp_fail(err, fd, 0, "cannot keep a history in '%s': %s", folder, strerror(-fd));
    (void)close(fd);
    if (access(folder, W_OK | X_OK) != 0)
        return pp_fail(err, -errno, 0, "cannot keep a history in '%s': %s", folder,
                       strerror(errno));
    directory = calloc(1, sizeof *directory);
    if (directory == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for the history in '%s'", folder);
    if (snprintf(directory->folder, sizeof directory->folder, "%s", folder) >=
        (int)sizeof directory->folder - PP_WINDOW_NAME_BYTES - PP_WINDOW_DAY_BYTES) {
        free(directory);
        return pp_fail(err, -ENAMETOOLONG, 0, "'%.60s..' is too long a name for a history", folder);
    }
    directory->sink = (struct pp_sink){"directory", take, drain, get_facts, free_directory};
    directory->keep = *keep;
    (void)pthread_mutex_init(&directory->naming, NULL);
    (void)pthread_mutex_init(&directory->lock, NULL);
    find_host(directory);
    pp_history_remove_abandoned(folder);
    find_last(directory);
    look(directory);
    *sink_out = &directory->sink;
    return 0;
}
