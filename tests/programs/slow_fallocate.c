/* To be preloaded: files grow slowly, as they do where memory must be freed first. */
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The name that the C library gives it depends on how its callers were compiled. */
int fallocate(int fd, int mode, off_t offset, off_t n_bytes);
int fallocate64(int fd, int mode, off_t offset, off_t n_bytes);

int fallocate(int fd, int mode, off_t offset, off_t n_bytes)
{
    const struct timespec pause = {0, 100 * 1000 * 1000};

    (void)nanosleep(&pause, NULL);
    return (int)syscall(SYS_fallocate, fd, mode, offset, n_bytes);
}

int fallocate64(int fd, int mode, off_t offset, off_t n_bytes)
{
    return fallocate(fd, mode, offset, n_bytes);
}
