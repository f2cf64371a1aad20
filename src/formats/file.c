/* Whole files in and out.  A file is written beside its place and moved there when it is complete,
 * so that nobody ever sees half of one, and a full disk costs nobody what was there before. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/formats.h"

/* ---- reading ---- */

static int read_all(int descriptor, struct pp_buffer *bytes)
{
    struct stat status;
    size_t n_wanted = 64 * 1024;

    if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
        n_wanted = (size_t)status.st_size + 1; /* one more, to see the end without growing */
    for (;;) {
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
}

int pp_file_read(const char *path, struct pp_buffer *bytes, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer content = PP_BUFFER_INIT;
    pp_autoclose_fd int opened = -1;
    int failed;

    if (strcmp(path, "-") == 0) {
        failed = read_all(STDIN_FILENO, &content);
    } else {
        opened = open(path, O_RDONLY | O_CLOEXEC);
        failed = opened < 0 ? -errno : read_all(opened, &content);
    }
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

static int write_all(int descriptor, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        const ssize_t n_written = write(descriptor, bytes, n_bytes);
        if (n_written < 0 && errno == EINTR)
            continue;
        if (n_written < 0)
            return -errno;
        bytes += n_written;
        n_bytes -= (size_t)n_written;
    }
    return 0;
}

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
    failed = write_all(descriptor, bytes, n_bytes);
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

/* /dev/null, a pipe, a terminal: nothing to replace, so write into it. */
static int write_into(const char *path, const void *bytes, size_t n_bytes)
{
    pp_autoclose_fd int descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

    return descriptor < 0 ? -errno : write_all(descriptor, bytes, n_bytes);
}

static int write_file(const char *path, const void *bytes, size_t n_bytes, bool overwrite)
{
    pp_autofree char *target = NULL;
    struct stat old;

    if (strcmp(path, "-") == 0)
        return write_all(STDOUT_FILENO, bytes, n_bytes);
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
    const int failed = write_file(path, bytes, n_bytes, overwrite);

    if (failed == -EEXIST)
        return pp_fail(err, failed, 0, "'%s' exists", path);
    if (failed != 0)
        return pp_fail(err, failed, 0, "cannot write '%s': %s", path, strerror(-failed));
    return 0;
}
