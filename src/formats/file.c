/* Whole files in and out.  A file is written beside its place and moved there when it is complete,
 * so that nobody ever sees half of one, and a full disk costs nobody what was there before. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/memory.h"
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

/* A new file in the folder of 'path', whose own name may be as long as names can be.  Returns a
 * descriptor. */
static int open_beside(const char *path, char **temporary_out)
{
    static atomic_uint counter;
    const char *slash = strrchr(path, '/');
    const int n_folder = slash != NULL ? (int)(slash - path) + 1 : 0;

    for (int attempt = 0; attempt < 100; attempt++) {
        char *temporary;
        int descriptor;
        if (asprintf(&temporary, "%.*s.pprofc-%ld-%u.tmp", n_folder, path, (long)getpid(),
                     atomic_fetch_add(&counter, 1)) < 0)
            return -ENOMEM;
        descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor >= 0) {
            *temporary_out = temporary;
            return descriptor;
        }
        descriptor = -errno;
        free(temporary);
        if (descriptor != -EEXIST)
            return descriptor;
    }
    return -EEXIST;
}

/* Give the complete file its name, whether or not another program makes one of that name just now.
 */
static int move_without_overwriting(const char *temporary, const char *path)
{
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    /* Not every filesystem can: a hard link refuses to overwrite as well. */
    if (link(temporary, path) != 0)
        return -errno;
    (void)unlink(temporary);
    return 0;
}

static int write_beside_and_move(const char *path, const struct stat *old, const void *bytes,
                                 size_t n_bytes, bool overwrite)
{
    pp_autofree char *temporary = NULL;
    const int descriptor = open_beside(path, &temporary);
    int failed;

    if (descriptor < 0)
        return descriptor;
    failed = pp_write_all(descriptor, bytes, n_bytes);
    if (failed == 0 && old != NULL)
        (void)fchmod(descriptor, old->st_mode & 07777); /* the new content keeps who may read it */
    if (close(descriptor) != 0 && failed == 0)
        failed = -errno; /* NFS and quotas say no only now */
    if (failed == 0 && overwrite)
        failed = rename(temporary, path) == 0 ? 0 : -errno;
    else if (failed == 0)
        failed = move_without_overwriting(temporary, path);
    if (failed != 0)
        (void)unlink(temporary);
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
        return write_beside_and_move(path, NULL, bytes, n_bytes, overwrite);
    if (S_ISDIR(old.st_mode))
        return -EISDIR;
    if (!S_ISREG(old.st_mode))
        return write_into(path, bytes, n_bytes);
    if (!overwrite)
        return -EEXIST;
    target = realpath(path, NULL); /* a link stays a link to the new content */
    return target == NULL ? -errno : write_beside_and_move(target, &old, bytes, n_bytes, true);
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
