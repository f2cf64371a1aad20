/* Blocking calls that a profiler may not interrupt or shorten, each made again and again by a
 * thread of its own between bursts of CPU.  Arguments: wall seconds (3).  Prints of each kind how
 * many calls were made, how many were interrupted, how many came back before their time, and how
 * many failed otherwise. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "truth.h"

enum { WAIT_US = 700, WAIT_NS = WAIT_US * 1000, ROUNDS = 97 };

static volatile bool is_over;

static uint64_t now_ns(void)
{
    return truth_clock_ns(CLOCK_MONOTONIC);
}

static struct timespec in_a_moment(clockid_t clock)
{
    const uint64_t at = truth_clock_ns(clock) + WAIT_NS;
    const struct timespec time = {(time_t)(at / 1000000000u), (long)(at % 1000000000u)};

    return time;
}

/* What a thread has for its calls. */
struct own {
    int ends[2]; /* a pipe or a pair of sockets: a feeder writes into the second now and then */
    int epoll, listener;
    sem_t semaphore;
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    mqd_t queue;
    uint32_t word;
};

/* ---- the calls: -1 and errno, 0 for a time that has run out, 1 for something that came ---- */

static int by_read(struct own *own)
{
    char byte;

    return read(own->ends[0], &byte, 1) == 1 ? 1 : -1;
}

static int take(struct own *own, int result)
{
    return result > 0 && by_read(own) < 0 ? -1 : result;
}

static int by_poll(struct own *own)
{
    struct pollfd entry = {.fd = own->ends[0], .events = POLLIN};

    return take(own, poll(&entry, 1, 1));
}

static int by_ppoll(struct own *own)
{
    const struct timespec time = {.tv_nsec = WAIT_NS};
    struct pollfd entry = {.fd = own->ends[0], .events = POLLIN};

    return take(own, ppoll(&entry, 1, &time, NULL));
}

static int by_select(struct own *own)
{
    struct timeval time = {.tv_usec = WAIT_US};
    fd_set readable;

    FD_ZERO(&readable);
    FD_SET(own->ends[0], &readable);
    return take(own, select(own->ends[0] + 1, &readable, NULL, NULL, &time));
}

static int by_epoll_wait(struct own *own)
{
    struct epoll_event event;

    return take(own, epoll_wait(own->epoll, &event, 1, 1));
}

static int by_nanosleep(struct own *own)
{
    const struct timespec time = {.tv_nsec = WAIT_NS};

    (void)own;
    return nanosleep(&time, NULL);
}

static int by_clock_nanosleep(struct own *own)
{
    const struct timespec until = in_a_moment(CLOCK_MONOTONIC);

    (void)own;
    errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return errno == 0 ? 0 : -1;
}

static int by_usleep(struct own *own)
{
    (void)own;
    return usleep(WAIT_US);
}

static int by_recv(struct own *own)
{
    char byte;
    const ssize_t n = recv(own->ends[0], &byte, 1, 0); /* with SO_RCVTIMEO */

    return n == 1 ? 1 : n < 0 && errno == EAGAIN ? 0 : -1;
}

static int by_sem_timedwait(struct own *own)
{
    const struct timespec until = in_a_moment(CLOCK_REALTIME);

    return sem_timedwait(&own->semaphore, &until) == 0 ? 1 : errno == ETIMEDOUT ? 0 : -1;
}

static int by_cond_timedwait(struct own *own)
{
    const struct timespec until = in_a_moment(CLOCK_REALTIME);

    (void)pthread_mutex_lock(&own->mutex);
    errno = pthread_cond_timedwait(&own->condition, &own->mutex, &until);
    (void)pthread_mutex_unlock(&own->mutex);
    return errno == ETIMEDOUT ? 0 : -1;
}

static int by_futex(struct own *own)
{
    const struct timespec time = {.tv_nsec = WAIT_NS};

    return syscall(SYS_futex, &own->word, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0) == 0 ? 1
           : errno == ETIMEDOUT                                                       ? 0
                                                                                      : -1;
}

static int by_accept(struct own *own)
{
    const int one = accept(own->listener, NULL, NULL); /* with SO_RCVTIMEO */

    return one >= 0 ? close(one) : errno == EAGAIN ? 0 : -1;
}

static int by_sigtimedwait(struct own *own)
{
    const struct timespec time = {.tv_nsec = WAIT_NS};
    sigset_t signals;

    (void)own;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGUSR2);
    return sigtimedwait(&signals, NULL, &time) > 0 ? 1 : errno == EAGAIN ? 0 : -1;
}

static int by_mq_timedreceive(struct own *own)
{
    const struct timespec until = in_a_moment(CLOCK_REALTIME);
    char message[64];

    if (own->queue == (mqd_t)-1)
        return by_nanosleep(own);
    return mq_timedreceive(own->queue, message, sizeof message, NULL, &until) >= 0 ? 1
           : errno == ETIMEDOUT                                                    ? 0
                                                                                   : -1;
}

static struct {
    const char *name;
    int (*wait)(struct own *own);
    bool is_fed;       /* it waits for the feeder */
    uint64_t least_us; /* a wait without result takes so long */
    long n, n_interrupted, n_early, n_failed;
    struct own own;
} kinds[] = {
    {.name = "read", .wait = by_read, .is_fed = true},
    {.name = "poll", .wait = by_poll, .is_fed = true, .least_us = 1000},
    {.name = "ppoll", .wait = by_ppoll, .is_fed = true, .least_us = WAIT_US},
    {.name = "select", .wait = by_select, .is_fed = true, .least_us = WAIT_US},
    {.name = "epoll_wait", .wait = by_epoll_wait, .is_fed = true, .least_us = 900},
    {.name = "nanosleep", .wait = by_nanosleep, .least_us = WAIT_US},
    {.name = "clock_nanosleep", .wait = by_clock_nanosleep, .least_us = WAIT_US},
    {.name = "usleep", .wait = by_usleep, .least_us = WAIT_US},
    {.name = "recv", .wait = by_recv, .is_fed = true, .least_us = 1},
    {.name = "sem_timedwait", .wait = by_sem_timedwait, .least_us = WAIT_US},
    {.name = "pthread_cond_timedwait", .wait = by_cond_timedwait, .least_us = WAIT_US},
    {.name = "futex", .wait = by_futex, .least_us = WAIT_US},
    {.name = "accept", .wait = by_accept, .least_us = 1},
    {.name = "sigtimedwait", .wait = by_sigtimedwait, .least_us = WAIT_US},
    {.name = "mq_timedreceive", .wait = by_mq_timedreceive, .least_us = WAIT_US},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

static void *wait_often(void *argument)
{
    const long kind = (long)argument;

    while (!is_over) {
        TRUTH_SPIN_US(20 + (uint64_t)(kinds[kind].n % ROUNDS) * 3);
        const uint64_t begin_ns = now_ns();
        const int result = kinds[kind].wait(&kinds[kind].own);
        const int error = errno;
        const uint64_t took_ns = now_ns() - begin_ns;

        kinds[kind].n++;
        kinds[kind].n_interrupted += result < 0 && error == EINTR;
        kinds[kind].n_failed += result < 0 && error != EINTR;
        kinds[kind].n_early += result == 0 && took_ns < kinds[kind].least_us * 1000;
    }
    (void)truth_thread_done();
    return NULL;
}

/* A byte for each that waits for one, every 2 ms: some waits end by data, some by time. */
static void feed(void)
{
    const struct timespec pause = {.tv_nsec = 2000000};

    (void)nanosleep(&pause, NULL);
    for (int kind = 0; kind < N_KINDS; kind++)
        if (kinds[kind].is_fed && write(kinds[kind].own.ends[1], "x", 1) != 1 && errno != EAGAIN)
            abort();
}

static int listen_somewhere(const struct timeval *timeout)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 1) != 0 ||
        setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, timeout, sizeof *timeout) != 0)
        abort();
    return listener;
}

static mqd_t open_queue(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 64};
    char name[64];
    mqd_t queue;

    (void)snprintf(name, sizeof name, "/wait_eintr.%d", getpid());
    queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes);
    (void)mq_unlink(name);
    return queue;
}

static void prepare(struct own *own, bool is_socket)
{
    const struct timeval timeout = {.tv_usec = WAIT_US};
    struct epoll_event event = {.events = EPOLLIN};

    own->epoll = epoll_create1(0);
    own->listener = listen_somewhere(&timeout);
    own->queue = open_queue();
    if ((is_socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, own->ends) : pipe(own->ends)) != 0 ||
        fcntl(own->ends[1], F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(own->epoll, EPOLL_CTL_ADD, own->ends[0], &event) != 0)
        abort();
    if (is_socket)
        (void)setsockopt(own->ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    (void)sem_init(&own->semaphore, 0, 0);
    (void)pthread_mutex_init(&own->mutex, NULL);
    (void)pthread_cond_init(&own->condition, NULL);
}

int main(int argc, char **argv)
{
    const uint64_t end_ns = now_ns() + (uint64_t)(truth_argument(argc, argv, 1, 3) * 1e9);
    pthread_t threads[N_KINDS];
    sigset_t signals;

    (void)truth_calibrate();
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGUSR2);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    for (long kind = 0; kind < N_KINDS; kind++) {
        prepare(&kinds[kind].own, kinds[kind].wait == by_recv);
        if (pthread_create(&threads[kind], NULL, wait_often, (void *)kind) != 0)
            return 2;
    }
    while (now_ns() < end_ns)
        feed();
    is_over = true;
    for (int kind = 0; kind < N_KINDS; kind++) {
        feed(); /* for one that still waits to be fed */
        (void)pthread_join(threads[kind], NULL);
    }
    (void)printf("{");
    for (int kind = 0; kind < N_KINDS; kind++)
        (void)printf("%s\"%s\": [%ld, %ld, %ld, %ld]", kind == 0 ? "" : ", ", kinds[kind].name,
                     kinds[kind].n, kinds[kind].n_interrupted, kinds[kind].n_early,
                     kinds[kind].n_failed);
    (void)printf("}\n");
    return 0;
}
