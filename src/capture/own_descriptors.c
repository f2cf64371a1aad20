/* The helper's own table of descriptors.  In one that it shared with the program, whatever closes
 * all descriptors would close ours, and the recording's number might become a file of the
 * program's.
 */
#include "capture/own_descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "capture/directory_entry.h"

/* Without close_range: copies of the program's pipes and sockets must not be kept open by us. */
static int close_all(void)
{
    _Alignas(struct pp_directory_entry) char entries[4096];
    const int folder = open("/proc/thread-self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long n;

    if (folder < 0)
        return -errno;
    while ((n = syscall(SYS_getdents64, folder, entries, sizeof entries)) > 0)
        for (long at = 0; at < n;) {
            const struct pp_directory_entry *entry =
                (const struct pp_directory_entry *)(entries + at);
            const int fd = atoi(entry->name);
            at += entry->n_bytes;
            if (entry->name[0] != '.' && fd != folder)
                (void)close(fd);
        }
    (void)close(folder);
    return n < 0 ? -EIO : 0;
}

int pp_own_descriptors_take(struct pprofc_error *err)
{
    int result;

    if (syscall(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE) == 0)
        return 0;
    /* Linux before 5.9, or a filter. */
    result = unshare(CLONE_FILES) == 0 ? close_all() : -errno;
    if (result != 0)
        return pp_fail(err, result, 0,
                       "the profiler's thread cannot have a descriptor table of its own: "
                       "close_range and unshare are refused (%s)",
                       strerror(-result));
    return 0;
}
