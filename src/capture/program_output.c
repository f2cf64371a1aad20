/* Where a line of ours goes. */
#include "capture/program_output.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/environment.h"
#include "capture/session.h"
#include "sigsafe/syscall.h"

static struct {
    bool is_open;
    dev_t device;
    ino_t inode;
} first;

void pp_program_output_remember(void)
{
    struct stat status;

    first.is_open = fstat(STDERR_FILENO, &status) == 0;
    if (!first.is_open)
        return;
    first.device = status.st_dev;
    first.inode = status.st_ino;
}

/* The helper's own number 2 is a file of its own. */
static int take_from_program(void)
{
    const int process = (int)syscall(SYS_pidfd_open, getpid(), 0);
    const int fd = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, STDERR_FILENO, 0);

    if (process >= 0)
        (void)close(process);
    return fd;
}

int pp_program_output_open(void)
{
    struct stat status;
    int fd;

    if (pp_environment.log[0] != '\0')
        return open(pp_environment.log,
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0644);
    if (!first.is_open)
        return -1;
    fd = pp_sig_gettid() == pp_session.helper_tid ? take_from_program()
                                                  : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    /* A program may close it and open a file of its own, which gets the number. */
    if (fd < 0 ||
        (fstat(fd, &status) == 0 && status.st_dev == first.device && status.st_ino == first.inode))
        return fd;
    (void)close(fd);
    return -1;
}
