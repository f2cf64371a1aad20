/* SHA256(file[:4096] + file[-4096:] + the length in eight bytes, big-endian)[:16]: the semantic
 * conventions of OpenTelemetry's profiles, process.executable.build_id.htlhash. */
#include "binary/file_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/sha256.h"

enum { PART_BYTES = 4096 };

static uint64_t ns_of(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

static int add_part(struct pp_sha256 *hash, int fd, off_t from, size_t n_bytes)
{
    uint8_t bytes[PART_BYTES];
    const ssize_t n = pread(fd, bytes, n_bytes, from);

    if (n != (ssize_t)n_bytes)
        return n < 0 ? -errno : -ESTALE;
    pp_sha256_add(hash, bytes, n_bytes);
    return 0;
}

static int hash_file(int fd, off_t n_bytes, uint8_t digest[PP_SHA256_BYTES])
{
    const size_t n_part = n_bytes < PART_BYTES ? (size_t)n_bytes : PART_BYTES;
    struct pp_sha256 hash;
    uint8_t length[8];
    int status;

    pp_sha256_init(&hash);
    status = add_part(&hash, fd, 0, n_part);
    if (status == 0)
        status = add_part(&hash, fd, n_bytes - (off_t)n_part, n_part);
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)((uint64_t)n_bytes >> (56 - 8 * i));
    pp_sha256_add(&hash, length, sizeof length);
    pp_sha256_end(&hash, digest);
    return status;
}

int pp_file_hash(const char *path, uint64_t inode, uint64_t before_ns,
                 char text[PP_FILE_HASH_CHARS + 1])
{
    pp_autoclose_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    uint8_t digest[PP_SHA256_BYTES];
    struct stat status;
    int failed;

    if (fd < 0 || fstat(fd, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;
    if (status.st_ino != inode || ns_of(&status.st_mtim) >= before_ns)
        return -ESTALE;
    failed = hash_file(fd, status.st_size, digest);
    if (failed != 0)
        return failed;
    for (size_t i = 0; i < PP_FILE_HASH_CHARS / 2; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return 0;
}
