/* Whole files in and out. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/whole_file.h"
#include "formats/formats.h"

enum { MAX_LINKS = 40 }; /* as the kernel */

/* ---- reading ---- */

int pp_file_read_from(int descriptor, size_t n_least, struct pp_buffer *bytes)
{
    struct stat status;
    size_t n_wanted = 64 * 1024;

    if (n_least == SIZE_MAX && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size > 0)
        n_wanted = (size_t)status.st_size + 1; /* one more, to see the end without growing */
    while (bytes->n_bytes < n_least) {
        char *room = pp_buffer_room(bytes, n_wanted);
        ssize_t n_read;
        if (room == NULL)
            return -ENOMEM;
        n_read = read(descriptor, room, bytes->capacity - bytes->n_bytes);
        if (n_read < 0 && errno == EINTR)
            continue;
        if (n_read <= 0)
            return n_read == 0 ? 0 : -errno;
        bytes->n_bytes += (size_t)n_read;
        n_wanted = bytes->capacity > bytes->n_bytes ? 1 : 64 * 1024;
    }
    return 0;
}

int pp_file_open(const char *path, int *opened_out, struct pprofc_error *err)
{
    *opened_out = -1;
    if (strcmp(path, "-") == 0)
        return STDIN_FILENO;
    *opened_out = open(path, O_RDONLY | O_CLOEXEC);
    if (*opened_out < 0)
        return pp_fail(err, -errno, 0, "cannot read '%s': %s", path, strerror(errno));
    return *opened_out;
}

int pp_file_read(const char *path, struct pp_buffer *bytes, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer content = PP_BUFFER_INIT;
    pp_autoclose_fd int opened = -1;
    const int descriptor = pp_file_open(path, &opened, err);
    int failed;

    if (descriptor < 0)
        return descriptor;
    failed = pp_file_read_from(descriptor, SIZE_MAX, &content);
    if (failed != 0)
        return pp_fail(err, failed, 0, "cannot read '%s': %s", path, strerror(-failed));
    if (bytes->n_bytes == 0 && bytes->bytes == NULL) {
        *bytes = content;
        content = (struct pp_buffer)PP_BUFFER_INIT;
        return 0;
    }
    pp_buffer_append(bytes, content.bytes, content.n_bytes);
    return bytes->failed ? pp_fail(err, -ENOMEM, 0, "cannot read '%s': out of memory", path) : 0;
}

/* ---- writing ---- */

/* The folder of 'path', for names in it; AT_FDCWD where it says none. */
static int open_folder(const char *path, const char **name_out)
{
    const char *slash = strrchr(path, '/');
    pp_autofree char *folder = slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : NULL;
    int descriptor;

    *name_out = slash != NULL ? slash + 1 : path;
    if (slash == NULL)
        return AT_FDCWD;
    if (folder == NULL)
        return -ENOMEM;
    descriptor = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return descriptor >= 0 ? descriptor : -errno;
}

/* The new content keeps who may read the 'old' one. */
static int write_whole(const char *path, const struct stat *old, const void *bytes, size_t n_bytes,
                       bool overwrites)
{
    const struct pp_whole_file_how how = {.mode = old != NULL ? old->st_mode & 07777 : 0666,
                                          .has_mode = old != NULL,
                                          .overwrites = overwrites};
    const char *name;
    const int folder = open_folder(path, &name);
    int failed;

    if (folder < 0 && folder != AT_FDCWD)
        return folder;
    failed = pp_whole_file_write(folder, name, bytes, n_bytes, &how);
    if (folder >= 0)
        (void)close(folder);
    return failed;
}

/* ---- what others have put there ---- */

/* Whether 'owner' may lay a trap for us in the folder of 'path': another user, where everyone may
 * put something and only its owner remove it (/tmp).  The kernel's rule for links
 * (fs.protected_symlinks), which is a setting, and is not asked by readlink(). */
static bool may_be_a_trap(const char *path, uid_t owner)
{
    const char *slash = strrchr(path, '/');
    pp_autofree char *folder =
        slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path) + 1);
    struct stat status;

    return owner != geteuid() && (folder == NULL || stat(folder, &status) != 0 ||
                                  ((status.st_mode & (S_ISVTX | S_IWOTH)) == (S_ISVTX | S_IWOTH) &&
                                   owner != status.st_uid));
}

/* Where the link 'path' leads, in new memory: relative to its own folder. */
static char *follow(const char *path)
{
    const char *slash = strrchr(path, '/');
    char to[PATH_MAX], *next = NULL;
    const ssize_t n_chars = readlink(path, to, sizeof to - 1);

    if (n_chars < 0)
        return NULL;
    to[n_chars] = '\0';
    if (to[0] == '/' || slash == NULL)
        return strdup(to);
    return asprintf(&next, "%.*s%s", (int)(slash - path) + 1, path, to) < 0 ? NULL : next;
}

/* A link, a pipe or the like that another user has left where we are to write, or that a link of
 * ours leads to. */
static bool is_planted(const char *path)
{
    pp_autofree char *at = strdup(path);
    struct stat status;

    for (int n_links = 0; at != NULL && n_links < MAX_LINKS; n_links++) {
        char *next;
        if (lstat(at, &status) != 0)
            return false;
        if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) &&
            may_be_a_trap(at, status.st_uid))
            return true;
        if (!S_ISLNK(status.st_mode))
            return false;
        next = follow(at);
        free(at);
        at = next;
    }
    return false; /* no memory, or links in a circle: opening says so */
}

/* /dev/null, a pipe, a terminal: nothing to replace, so write into it. */
static int write_into(const char *path, const void *bytes, size_t n_bytes)
{
    pp_autoclose_fd int descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

    return descriptor < 0 ? -errno : pp_write_all(descriptor, bytes, n_bytes);
}

static int write_file(const char *path, const void *bytes, size_t n_bytes, bool overwrite)
{
    pp_autofree char *target = NULL;
    struct stat old;

    if (strcmp(path, "-") == 0)
        return pp_write_all(STDOUT_FILENO, bytes, n_bytes);
    if (stat(path, &old) != 0)
        return write_whole(path, NULL, bytes, n_bytes, overwrite);
    if (S_ISDIR(old.st_mode))
        return -EISDIR;
    if (!S_ISREG(old.st_mode))
        return write_into(path, bytes, n_bytes);
    if (!overwrite)
        return -EEXIST;
    target = realpath(path, NULL); /* a link stays a link to the new content */
    return target == NULL ? -errno : write_whole(target, &old, bytes, n_bytes, true);
}

int pp_file_write(const char *path, const void *bytes, size_t n_bytes, bool overwrite,
                  struct pprofc_error *err)
{
    int failed;

    if (is_planted(path))
        return pp_fail(err, -EACCES, 0,
                       "cannot write '%s': another user has put a link or a pipe there, in a "
                       "folder where everyone may; give another name",
                       path);
    failed = write_file(path, bytes, n_bytes, overwrite);
    if (failed == -EEXIST)
        return pp_fail(err, failed, 0, "'%s' exists", path);
    if (failed != 0)
        return pp_fail(err, failed, 0, "cannot write '%s': %s", path, strerror(-failed));
    return 0;
}
