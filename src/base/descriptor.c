/* Bytes out through a descriptor. */
#include "base/descriptor.h"

#include <errno.h>
#include <unistd.h>

int pp_write_all(int descriptor, const void *bytes, size_t n_bytes)
{
    const char *next = bytes;

    while (n_bytes > 0) {
        const ssize_t n = write(descriptor, next, n_bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? -EIO : -errno;
        next += n;
        n_bytes -= (size_t)n;
    }
    return 0;
}
