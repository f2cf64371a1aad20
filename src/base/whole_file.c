/* Whole files. */
#include "base/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"

/* A new file; others may have taken a name of ours, whose process has our number in another
 * namespace. */
static int open_temporary(int folder, mode_t mode, char name[PP_WHOLE_FILE_TEMPORARY_BYTES])
{
    static atomic_uint counter;

    for (int i = 0; i < 1000; i++) {
        int fd;
        (void)snprintf(name, PP_WHOLE_FILE_TEMPORARY_BYTES, ".pprofc-%d-%u.tmp", (int)getpid(),
                       atomic_fetch_add(&counter, 1));
        fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd >= 0 || errno != EEXIST)
            return fd >= 0 ? fd : -errno;
    }
    return -EEXIST;
}

/* Not over what is there, whether or not another program makes a file of that name just now.  A
 * filesystem that cannot refuse that has hard links, which do. */
static int move_without_overwriting(int folder, const char *temporary, const char *name)
{
    if (renameat2(folder, temporary, folder, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(folder, temporary, folder, name, 0) != 0)
        return -errno;
    (void)unlinkat(folder, temporary, 0);
    return 0;
}

int pp_whole_file_name(int folder, const char *temporary, const char *name, bool overwrites)
{
    if (!overwrites)
        return move_without_overwriting(folder, temporary, name);
    return renameat(folder, temporary, folder, name) == 0 ? 0 : -errno;
}

static int fill(int fd, const void *bytes, size_t n_bytes, const struct pp_whole_file_how *how)
{
    int status = pp_write_all(fd, bytes, n_bytes);

    if (status == 0 && how->has_mode)
        (void)fchmod(fd, how->mode);
    /* The name must not be durable before what it stands for. */
    if (status == 0 && how->is_durable && fdatasync(fd) != 0 && errno != EINVAL && errno != EROFS)
        status = -errno;
    if (close(fd) != 0 && status == 0)
        status = -errno; /* NFS and quotas say no only now */
    return status;
}

void pp_whole_file_drop(int folder, const char *temporary)
{
    (void)unlinkat(folder, temporary, 0);
}

int pp_whole_file_prepare(int folder, const void *bytes, size_t n_bytes,
                          const struct pp_whole_file_how *how,
                          char temporary_out[PP_WHOLE_FILE_TEMPORARY_BYTES])
{
    const int fd = open_temporary(folder, how->mode, temporary_out);
    int status;

    if (fd < 0)
        return fd;
    status = fill(fd, bytes, n_bytes, how);
    if (status != 0)
        pp_whole_file_drop(folder, temporary_out);
    return status;
}

int pp_whole_file_write(int folder, const char *name, const void *bytes, size_t n_bytes,
                        const struct pp_whole_file_how *how)
{
    char temporary[PP_WHOLE_FILE_TEMPORARY_BYTES];
    int status = pp_whole_file_prepare(folder, bytes, n_bytes, how, temporary);

    if (status != 0)
        return status;
    status = pp_whole_file_name(folder, temporary, name, how->overwrites);
    if (status != 0)
        pp_whole_file_drop(folder, temporary);
    return status;
}

bool pp_whole_file_is_abandoned(const char *name)
{
    unsigned counter;
    int pid = 0, n_read = 0;

    /* Our own number is mostly that of the one before us: in a container each is 1.  Of another
     * namespace's process nothing is known: its number may be free here.  Who writes renames within
     * a moment, so what callers ask besides is the file's age. */
    return sscanf(name, ".pprofc-%d-%u.tmp%n", &pid, &counter, &n_read) == 2 && n_read > 0 &&
           name[n_read] == '\0' && pid > 0 &&
           (pid == (int)getpid() || (kill(pid, 0) != 0 && errno == ESRCH));
}

void pp_whole_file_sync_folder(int folder)
{
    (void)fsync(folder);
}
