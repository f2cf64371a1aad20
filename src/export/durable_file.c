/* Durable files. */
#include "export/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/descriptor.h"

enum { TEMPORARY_BYTES = 48 };

/* A new file; others may have taken a name of ours, whose process has our number in another
 * namespace. */
static int open_temporary(int folder, char name[TEMPORARY_BYTES])
{
    static atomic_uint counter;

    for (int i = 0; i < 1000; i++) {
        int fd;
        (void)snprintf(name, TEMPORARY_BYTES, ".pprofc-%d-%u.tmp", (int)getpid(),
                       atomic_fetch_add(&counter, 1));
        fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd >= 0 || errno != EEXIST)
            return fd >= 0 ? fd : -errno;
    }
    return -EEXIST;
}

/* Not over what is there.  A filesystem that cannot refuse that has hard links, which do. */
static int give_name(int folder, const char *temporary, const char *name)
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

int pp_durable_write(int folder, const char *name, const void *bytes, size_t n_bytes)
{
    char temporary[TEMPORARY_BYTES];
    const int fd = open_temporary(folder, temporary);
    int status;

    if (fd < 0)
        return fd;
    status = pp_write_all(fd, bytes, n_bytes);
    /* The name must not be durable before what it stands for. */
    if (status == 0 && fdatasync(fd) != 0 && errno != EINVAL && errno != EROFS)
        status = -errno;
    if (close(fd) != 0 && status == 0)
        status = -errno;
    if (status == 0)
        status = give_name(folder, temporary, name);
    if (status != 0)
        (void)unlinkat(folder, temporary, 0);
    return status;
}

bool pp_durable_is_abandoned(const char *name)
{
    unsigned counter;
    int pid = 0, n_read = 0;

    /* Of another namespace's process nothing is known: its number may be free here.  Who wrote it
     * renames within a moment, so what history.c asks besides is the file's age. */
    return sscanf(name, ".pprofc-%d-%u.tmp%n", &pid, &counter, &n_read) == 2 && n_read > 0 &&
           name[n_read] == '\0' && pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
}

void pp_durable_sync_folder(int folder)
{
    (void)fsync(folder);
}
