/* What a thread waits for, by the system call that it is in. */
#include <stddef.h>
#include <sys/syscall.h>

#include "formats/recording_threads.h"

static const struct {
    int number;
    const char *name;
} waits[] = {
    {SYS_futex, "futex wait"},
    {SYS_read, "read"},
    {SYS_write, "write"},
    {SYS_pread64, "pread"},
    {SYS_pwrite64, "pwrite"},
    {SYS_readv, "readv"},
    {SYS_writev, "writev"},
    {SYS_preadv, "preadv"},
    {SYS_pwritev, "pwritev"},
    {SYS_splice, "splice"},
    {SYS_sendfile, "sendfile"},
    {SYS_ppoll, "ppoll"},
    {SYS_pselect6, "pselect"},
    {SYS_epoll_pwait, "epoll_wait"},
#ifdef SYS_poll /* calls that newer machines have not */
    {SYS_poll, "poll"},
    {SYS_select, "select"},
    {SYS_epoll_wait, "epoll_wait"},
    {SYS_pause, "pause"},
    {SYS_open, "open"},
#endif
#ifdef SYS_epoll_pwait2
    {SYS_epoll_pwait2, "epoll_wait"},
#endif
#ifdef SYS_futex_waitv
    {SYS_futex_waitv, "futex wait"},
#endif
    {SYS_nanosleep, "nanosleep"},
    {SYS_clock_nanosleep, "nanosleep"},
    {SYS_restart_syscall, "nanosleep"},
    {SYS_accept, "accept"},
    {SYS_accept4, "accept"},
    {SYS_connect, "connect"},
    {SYS_recvfrom, "recv"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_recvmmsg, "recvmmsg"},
    {SYS_sendto, "send"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_sendmmsg, "sendmmsg"},
    {SYS_wait4, "wait"},
    {SYS_waitid, "wait"},
    {SYS_rt_sigsuspend, "sigsuspend"},
    {SYS_rt_sigtimedwait, "sigwait"},
    {SYS_openat, "open"},
    {SYS_ioctl, "ioctl"},
    {SYS_flock, "flock"},
    {SYS_fcntl, "fcntl"},
    {SYS_fsync, "fsync"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_msync, "msync"},
    {SYS_io_getevents, "io_getevents"},
    {SYS_io_uring_enter, "io_uring"},
    {SYS_semop, "semop"},
    {SYS_semtimedop, "semop"},
    {SYS_msgrcv, "msgrcv"},
    {SYS_msgsnd, "msgsnd"},
    {SYS_mq_timedreceive, "mq_receive"},
    {SYS_mq_timedsend, "mq_send"},
    {SYS_munmap, "munmap"},
    {SYS_mmap, "mmap"},
};

const char *pp_wait_name(int64_t number)
{
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++)
        if (waits[i].number == number)
            return waits[i].name;
    return NULL;
}
