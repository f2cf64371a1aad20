/* Small files of /proc and /sys. */
#include "capture/proc_file.h"

#include <fcntl.h>
#include <unistd.h>

ssize_t pp_proc_read(const char *path, char *text, size_t capacity)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, capacity - 1);

    if (fd >= 0)
        (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n;
}
