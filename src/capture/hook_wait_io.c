/* Hooks of calls that wait for a descriptor: reading, writing, sockets, message queues. */
#include <fcntl.h>
#include <mqueue.h>
#include <sys/msg.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "capture/hook_waits.h"

#define READ(type, name, parameters, arguments) \
    PP_HOOK_WAIT(type, name, PP_WAIT_READ, descriptor, parameters, arguments)
#define WRITE(type, name, parameters, arguments) \
    PP_HOOK_WAIT(type, name, PP_WAIT_WRITE, descriptor, parameters, arguments)
#define NETWORK(type, name, parameters, arguments) \
    PP_HOOK_WAIT(type, name, PP_WAIT_NETWORK, descriptor, parameters, arguments)

/* ---- reading ---- */

READ(ssize_t, read, (int descriptor, void *to, size_t n_bytes), (descriptor, to, n_bytes))
READ(ssize_t, pread, (int descriptor, void *to, size_t n_bytes, off_t offset),
     (descriptor, to, n_bytes, offset))
READ(ssize_t, pread64, (int descriptor, void *to, size_t n_bytes, off_t offset),
     (descriptor, to, n_bytes, offset))
READ(ssize_t, readv, (int descriptor, const struct iovec *parts, int n_parts),
     (descriptor, parts, n_parts))
READ(ssize_t, preadv, (int descriptor, const struct iovec *parts, int n_parts, off_t offset),
     (descriptor, parts, n_parts, offset))
READ(ssize_t, preadv64, (int descriptor, const struct iovec *parts, int n_parts, off_t offset),
     (descriptor, parts, n_parts, offset))
/* Those that fortified programs call. */
READ(ssize_t, __read_chk, (int descriptor, void *to, size_t n_bytes, size_t room),
     (descriptor, to, n_bytes, room))
READ(ssize_t, __pread_chk, (int descriptor, void *to, size_t n_bytes, off_t offset, size_t room),
     (descriptor, to, n_bytes, offset, room))
READ(ssize_t, __pread64_chk, (int descriptor, void *to, size_t n_bytes, off_t offset, size_t room),
     (descriptor, to, n_bytes, offset, room))

/* ---- writing ---- */

WRITE(ssize_t, write, (int descriptor, const void *from, size_t n_bytes),
      (descriptor, from, n_bytes))
WRITE(ssize_t, pwrite, (int descriptor, const void *from, size_t n_bytes, off_t offset),
      (descriptor, from, n_bytes, offset))
WRITE(ssize_t, pwrite64, (int descriptor, const void *from, size_t n_bytes, off_t offset),
      (descriptor, from, n_bytes, offset))
WRITE(ssize_t, writev, (int descriptor, const struct iovec *parts, int n_parts),
      (descriptor, parts, n_parts))
WRITE(ssize_t, pwritev, (int descriptor, const struct iovec *parts, int n_parts, off_t offset),
      (descriptor, parts, n_parts, offset))
WRITE(ssize_t, pwritev64, (int descriptor, const struct iovec *parts, int n_parts, off_t offset),
      (descriptor, parts, n_parts, offset))
WRITE(ssize_t, sendfile, (int descriptor, int source, off_t *offset, size_t n_bytes),
      (descriptor, source, offset, n_bytes))
WRITE(ssize_t, sendfile64, (int descriptor, int source, off_t *offset, size_t n_bytes),
      (descriptor, source, offset, n_bytes))
READ(ssize_t, splice,
     (int descriptor, off_t *offset, int target, off_t *target_offset, size_t n_bytes,
      unsigned flags),
     (descriptor, offset, target, target_offset, n_bytes, flags))

/* ---- sockets ---- */

NETWORK(ssize_t, recv, (int descriptor, void *to, size_t n_bytes, int flags),
        (descriptor, to, n_bytes, flags))
NETWORK(ssize_t, recvfrom,
        (int descriptor, void *to, size_t n_bytes, int flags, struct sockaddr *peer,
         socklen_t *peer_bytes),
        (descriptor, to, n_bytes, flags, peer, peer_bytes))
NETWORK(ssize_t, recvmsg, (int descriptor, struct msghdr *message, int flags),
        (descriptor, message, flags))
NETWORK(int, recvmmsg,
        (int descriptor, struct mmsghdr *messages, unsigned n_messages, int flags,
         struct timespec *timeout),
        (descriptor, messages, n_messages, flags, timeout))
NETWORK(ssize_t, __recv_chk, (int descriptor, void *to, size_t n_bytes, size_t room, int flags),
        (descriptor, to, n_bytes, room, flags))
NETWORK(ssize_t, __recvfrom_chk,
        (int descriptor, void *to, size_t n_bytes, size_t room, int flags, struct sockaddr *peer,
         socklen_t *peer_bytes),
        (descriptor, to, n_bytes, room, flags, peer, peer_bytes))
NETWORK(ssize_t, send, (int descriptor, const void *from, size_t n_bytes, int flags),
        (descriptor, from, n_bytes, flags))
NETWORK(ssize_t, sendto,
        (int descriptor, const void *from, size_t n_bytes, int flags, const struct sockaddr *peer,
         socklen_t peer_bytes),
        (descriptor, from, n_bytes, flags, peer, peer_bytes))
NETWORK(ssize_t, sendmsg, (int descriptor, const struct msghdr *message, int flags),
        (descriptor, message, flags))
NETWORK(int, sendmmsg, (int descriptor, struct mmsghdr *messages, unsigned n_messages, int flags),
        (descriptor, messages, n_messages, flags))
NETWORK(int, accept, (int descriptor, struct sockaddr *peer, socklen_t *peer_bytes),
        (descriptor, peer, peer_bytes))
NETWORK(int, accept4, (int descriptor, struct sockaddr *peer, socklen_t *peer_bytes, int flags),
        (descriptor, peer, peer_bytes, flags))
NETWORK(int, connect, (int descriptor, const struct sockaddr *peer, socklen_t peer_bytes),
        (descriptor, peer, peer_bytes))

/* ---- message queues ---- */

#define QUEUE PP_DESCRIPTOR_KNOWN(PP_DESCRIPTOR_QUEUE)
PP_HOOK_WAIT(int, mq_send, PP_WAIT_WRITE, QUEUE,
             (mqd_t queue, const char *from, size_t n_bytes, unsigned priority),
             (queue, from, n_bytes, priority))
PP_HOOK_WAIT(ssize_t, mq_receive, PP_WAIT_READ, QUEUE,
             (mqd_t queue, char *to, size_t n_bytes, unsigned *priority),
             (queue, to, n_bytes, priority))
PP_HOOK_WAIT(int, mq_timedsend, PP_WAIT_WRITE, QUEUE,
             (mqd_t queue, const char *from, size_t n_bytes, unsigned priority,
              const struct timespec *until),
             (queue, from, n_bytes, priority, until))
PP_HOOK_WAIT(ssize_t, mq_timedreceive, PP_WAIT_READ, QUEUE,
             (mqd_t queue, char *to, size_t n_bytes, unsigned *priority,
              const struct timespec *until),
             (queue, to, n_bytes, priority, until))
PP_HOOK_WAIT(int, msgsnd, PP_WAIT_WRITE, QUEUE,
             (int queue, const void *from, size_t n_bytes, int flags),
             (queue, from, n_bytes, flags))
PP_HOOK_WAIT(ssize_t, msgrcv, PP_WAIT_READ, QUEUE,
             (int queue, void *to, size_t n_bytes, long kind, int flags),
             (queue, to, n_bytes, kind, flags))
