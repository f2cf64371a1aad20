/* What a thread waits at.
 *
 * The helper has a table of descriptors of its own: it takes one of the program's into that
 * (pidfd_getfd), asks, and gives it back.  The thread that waits holds the file open meanwhile,
 * whoever closes it: nobody's end comes later for that. */
#include "capture/thread_descriptor.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sigsafe/arch.h"
#include "sigsafe/descriptor.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

static enum pp_rec_descriptor kind_of(int descriptor)
{
    enum pp_rec_descriptor kind = PP_DESCRIPTOR_NONE;
    const long process = syscall(SYS_pidfd_open, pp_sig_arch_getpid(), 0);
    long copy = -1;

    if (process >= 0)
        copy = syscall(SYS_pidfd_getfd, process, descriptor, 0);
    if (copy >= 0)
        kind = pp_sig_descriptor_kind((int)copy);
    if (copy >= 0)
        (void)close((int)copy);
    if (process >= 0)
        (void)close((int)process);
    return kind;
}

enum pp_rec_descriptor pp_thread_descriptor(const struct pp_thread_place *place)
{
    struct pollfd polled;

    if (place->state != PP_PLACE_WAITS || pp_sig_descriptor_is_filtered)
        return PP_DESCRIPTOR_NONE;
    switch (place->call) {
    case SYS_read:
    case SYS_pread64:
    case SYS_readv:
    case SYS_preadv:
    case SYS_write:
    case SYS_pwrite64:
    case SYS_writev:
    case SYS_pwritev:
    case SYS_sendfile:
    case SYS_splice:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
    case SYS_accept4:
    case SYS_connect:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_syncfs:
    case SYS_flock:
    case SYS_fcntl:
#ifdef SYS_accept
    case SYS_accept:
#endif
        return kind_of((int)place->arguments[0]);
    case SYS_mq_timedsend:
    case SYS_mq_timedreceive:
    case SYS_msgsnd:
    case SYS_msgrcv:
        return PP_DESCRIPTOR_QUEUE;
    case SYS_epoll_pwait:
#ifdef SYS_epoll_pwait2
    case SYS_epoll_pwait2:
#endif
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
        return PP_DESCRIPTOR_EPOLL;
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
        if (place->arguments[1] == 1 &&
            pp_sig_arch_read_memory(pp_sig_arch_getpid(), place->arguments[0], &polled,
                                    sizeof polled))
            return kind_of(polled.fd);
        return PP_DESCRIPTOR_NONE;
    default:
        return PP_DESCRIPTOR_NONE;
    }
}
