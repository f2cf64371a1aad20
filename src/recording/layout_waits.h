/* Of recording/layout.h: events of waits and locks, and where the time of threads went. */
#ifndef PP_RECORDING_LAYOUT_WAITS_H
#define PP_RECORDING_LAYOUT_WAITS_H

#include <stdatomic.h>
#include <stdint.h>

#include "recording/layout_table.h"

/* Values of PP_FAMILY_OFFCPU, PP_FAMILY_LOCK and PP_FAMILY_HOLDER.  Sums of both are unbiased, and
 * that of times is exact but for the remainder. */
enum pp_rec_wait_value {
    PP_WAIT_COUNT, /* how many waits it stands for */
    PP_WAIT_NS,    /* how long they took */
    PP_WAIT_N_VALUES,
    PP_WAIT_LOCK = PP_WAIT_N_VALUES, /* of locks: its address; not added up */
    PP_WAIT_N_LOCK_VALUES
};

/* What a thread waits for: in an event's flags. */
enum pp_rec_wait {
    PP_WAIT_UNKNOWN, /* and of the remainder */
    PP_WAIT_SLEEP,
    PP_WAIT_READ,
    PP_WAIT_WRITE,
    PP_WAIT_NETWORK, /* socket calls */
    PP_WAIT_POLL,    /* poll, select, epoll: any of several */
    PP_WAIT_MUTEX,   /* locks of all kinds */
    PP_WAIT_CONDITION,
    PP_WAIT_FUTEX, /* by its system call; the end of a thread */
    PP_WAIT_CHILD,
    PP_WAIT_FILE,      /* open, fsync, flock */
    PP_WAIT_RUN_QUEUE, /* for a CPU */
    PP_WAIT_THROTTLED, /* the same, because the control group had used up its share */
    PP_WAIT_N_KINDS
};

/* What the descriptor of a wait is: in an event's flags. */
enum pp_rec_descriptor {
    PP_DESCRIPTOR_NONE, /* or not known */
    PP_DESCRIPTOR_FILE,
    PP_DESCRIPTOR_DEVICE,
    PP_DESCRIPTOR_TERMINAL,
    PP_DESCRIPTOR_PIPE,
    PP_DESCRIPTOR_UNIX,
    PP_DESCRIPTOR_TCP,
    PP_DESCRIPTOR_UDP,
    PP_DESCRIPTOR_SOCKET, /* of another family */
    PP_DESCRIPTOR_EPOLL,
    PP_DESCRIPTOR_EVENT,
    PP_DESCRIPTOR_TIMER,
    PP_DESCRIPTOR_SIGNAL,
    PP_DESCRIPTOR_INOTIFY,
    PP_DESCRIPTOR_QUEUE, /* mq_open's */
    PP_DESCRIPTOR_OTHER,
    PP_DESCRIPTOR_N_KINDS
};

static inline enum pp_rec_wait pp_rec_wait_of(uint16_t flags)
{
    return (enum pp_rec_wait)(flags >> 8 & 15);
}

static inline enum pp_rec_descriptor pp_rec_descriptor_of(uint16_t flags)
{
    return (enum pp_rec_descriptor)(flags >> 12 & 15);
}

/* Where a thread's time went, beside its place in 'threads', in a table of its own that is there
 * when waits are followed: exact, as of the helper's last turn.  wall = CPU + blocked + run queue +
 * unattributed. */
struct pp_rec_thread_waits {
    _Atomic uint64_t wall_ns; /* for so long it was followed */
    _Atomic uint64_t cpu_ns;
    _Atomic uint64_t blocked_ns;      /* in waits, without the CPU that they used and waited for */
    _Atomic uint64_t run_queue_ns;    /* it could have run; throttled time is a part of it */
    _Atomic uint64_t throttled_ns;    /* the control group had used up its share of CPU */
    _Atomic uint64_t unattributed_ns; /* neither ran nor waited where it was seen */
    _Atomic uint64_t n_waits;         /* at the boundary of libc */
    _Atomic uint64_t n_contentions, delay_ns; /* waits for locks, and their time */
    uint64_t spare[3];
};

struct pp_rec_waits {
    /* A wait of more than half of this is an event of its own; of shorter ones those that a
     * countdown of so many nanoseconds on average, by thread, ends in.  0: not followed. */
    _Atomic uint64_t interval_ns;
    _Atomic uint64_t lock_interval_ns; /* likewise, of waits for locks */
    _Atomic uint32_t clock_is_tsc;     /* 0: CLOCK_MONOTONIC by the vDSO */
    uint32_t pad;
    struct pp_rec_table threads;              /* of struct pp_rec_thread_waits, one a thread */
    _Atomic uint64_t n_contentions, delay_ns; /* of all threads, exact */
    uint64_t spare[8];
};

#endif
