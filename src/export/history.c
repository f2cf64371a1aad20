/* History folders: what is in them, and what has to go. */
#include "export/history.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/whole_file.h"

enum { ABANDONED_SECONDS = 60 };

static void close_folder(DIR **folder)
{
    if (*folder != NULL)
        (void)closedir(*folder);
}

#define autoclose_folder __attribute__((cleanup(close_folder)))

/* The folder 'name' within 'at', or NULL: also when it is a link. */
static DIR *open_within(DIR *at, const char *name)
{
    const int fd = openat(dirfd(at), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && folder == NULL)
        (void)close(fd);
    return folder;
}

/* ---- reading ---- */

static int add_file(struct pp_history *history, DIR *day, const char *day_name, const char *text)
{
    char right_day[PP_WINDOW_DAY_BYTES];
    struct pp_history_file file;
    const char *extension;
    struct stat status;

    if (!pp_window_name_read(text, &file.name, &extension) ||
        fstatat(dirfd(day), text, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
        return 0;
    pp_window_day(file.name.time_s, right_day);
    if (strcmp(right_day, day_name) != 0)
        return 0; /* somebody put it there */
    if (pp_array_reserve(&history->files, &history->capacity, history->n_files + 1,
                         sizeof *history->files) != 0)
        return -ENOMEM;
    file.extension = pp_window_extension(extension);
    file.n_bytes = (uint64_t)status.st_blocks * 512;
    history->n_bytes += file.n_bytes;
    history->files[history->n_files++] = file;
    return 0;
}

static int read_day(struct pp_history *history, DIR *top, const char *name)
{
    autoclose_folder DIR *day = open_within(top, name);
    const struct dirent *entry;
    int status = 0;

    while (day != NULL && status == 0 && (entry = readdir(day)) != NULL)
        status = add_file(history, day, name, entry->d_name);
    return status;
}

static int compare(const void *a, const void *b)
{
    const struct pp_history_file *one = a, *other = b;
    char text[PP_WINDOW_NAME_BYTES], other_text[PP_WINDOW_NAME_BYTES];

    if (one->name.time_s != other->name.time_s)
        return one->name.time_s < other->name.time_s ? -1 : 1;
    if (one->name.sequence != other->name.sequence)
        return one->name.sequence < other->name.sequence ? -1 : 1;
    pp_window_name_write(&one->name, one->extension, text);
    pp_window_name_write(&other->name, other->extension, other_text);
    return strcmp(text, other_text);
}

int pp_history_read(const char *folder, struct pp_history *history_out, struct pprofc_error *err)
{
    autoclose_folder DIR *top = opendir(folder);
    const struct dirent *entry;
    int status = 0;

    memset(history_out, 0, sizeof *history_out);
    if (top == NULL)
        return pp_fail(err, -errno, 0, "cannot read the history in '%s': %s", folder,
                       strerror(errno));
    if (snprintf(history_out->folder, sizeof history_out->folder, "%s", folder) >=
        (int)sizeof history_out->folder - PP_WINDOW_NAME_BYTES - PP_WINDOW_DAY_BYTES)
        return pp_fail(err, -ENAMETOOLONG, 0, "'%.60s..' is too long a name for a history", folder);
    while (status == 0 && (entry = readdir(top)) != NULL)
        if (pp_window_is_day(entry->d_name))
            status = read_day(history_out, top, entry->d_name);
    if (status != 0)
        return pp_fail(err, status, 0, "no memory for the history in '%s'", folder);
    if (history_out->n_files > 0)
        qsort(history_out->files, history_out->n_files, sizeof *history_out->files, compare);
    return 0;
}

void pp_history_done(struct pp_history *history)
{
    free(history->files);
    history->files = NULL;
    history->n_files = history->capacity = 0;
}

void pp_history_path(const struct pp_history *history, const struct pp_history_file *file,
                     char path[PATH_MAX])
{
    char day[PP_WINDOW_DAY_BYTES], name[PP_WINDOW_NAME_BYTES];

    pp_window_day(file->name.time_s, day);
    pp_window_name_write(&file->name, file->extension, name);
    (void)snprintf(path, PATH_MAX, "%.*s/%s/%s",
                   PATH_MAX - PP_WINDOW_NAME_BYTES - PP_WINDOW_DAY_BYTES - 2, history->folder, day,
                   name);
}

/* ---- what has to go ---- */

static bool is_same_window(const struct pp_window_name *a, const struct pp_window_name *b)
{
    return a->time_s == b->time_s && a->sequence == b->sequence && a->pid == b->pid &&
           a->is_flight == b->is_flight && strcmp(a->program, b->program) == 0;
}

/* The end of the window whose first file is 'first'. */
static size_t window_end(const struct pp_history *history, size_t first)
{
    size_t end = first;

    while (end < history->n_files &&
           is_same_window(&history->files[end].name, &history->files[first].name))
        end++;
    return end;
}

size_t pp_history_n_oldest(const struct pp_history *history)
{
    return window_end(history, 0);
}

size_t pp_history_n_beyond(const struct pp_history *history, const struct pp_keep *keep,
                           int64_t now_s)
{
    uint64_t n_bytes = history->n_bytes;
    size_t n = 0;

    while (n < history->n_files) {
        const size_t end = window_end(history, n);
        const bool is_old =
            keep->age_ns > 0 && history->files[n].name.time_s < now_s - keep->age_ns / 1000000000;
        /* The newest stays, however small the limit. */
        if (!is_old && (keep->n_bytes == 0 || n_bytes <= keep->n_bytes || end == history->n_files))
            break;
        for (; n < end; n++)
            n_bytes -= history->files[n].n_bytes;
    }
    return n;
}

uint64_t pp_history_remove(struct pp_history *history, size_t n)
{
    uint64_t freed_bytes = 0;
    char path[PATH_MAX], *slash;

    for (size_t i = 0; i < n; i++) {
        pp_history_path(history, &history->files[i], path);
        if (unlink(path) != 0 && errno != ENOENT)
            continue;
        freed_bytes += history->files[i].n_bytes;
        slash = strrchr(path, '/');
        *slash = '\0';
        if (i + 1 == n ||
            history->files[i].name.time_s / 86400 != history->files[i + 1].name.time_s / 86400)
            (void)rmdir(path); /* refused while anything is in it */
    }
    if (n > 0)
        memmove(history->files, history->files + n,
                (history->n_files - n) * sizeof *history->files);
    history->n_files -= n;
    history->n_bytes -= freed_bytes < history->n_bytes ? freed_bytes : history->n_bytes;
    return freed_bytes;
}

/* ---- what the killed have left ---- */

static void remove_abandoned(DIR *top, const char *name)
{
    autoclose_folder DIR *day = open_within(top, name);
    const struct dirent *entry;
    struct stat status;

    while (day != NULL && (entry = readdir(day)) != NULL)
        if (pp_whole_file_is_abandoned(entry->d_name) &&
            fstatat(dirfd(day), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            status.st_uid == geteuid() && status.st_mtime < time(NULL) - ABANDONED_SECONDS)
            (void)unlinkat(dirfd(day), entry->d_name, 0);
}

void pp_history_remove_abandoned(const char *folder)
{
    autoclose_folder DIR *top = opendir(folder);
    const struct dirent *entry;

    while (top != NULL && (entry = readdir(top)) != NULL)
        if (pp_window_is_day(entry->d_name))
            remove_abandoned(top, entry->d_name);
}
