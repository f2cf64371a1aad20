/* Blocking calls that return EINTR when a signal comes, whatever SA_RESTART says, each made many
 * times in short waits while another thread is busy.  Argument: calls of each kind (300).  Prints
 * how many were interrupted; exits 1 when any was. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "truth.h"

enum { N_KINDS = 6, WAIT_US = 300 };

static volatile bool is_over;
static int pair[2], epoll;
static sem_t semaphore;

static void *burn(void *argument)
{
    (void)argument;
    while (!is_over)
        TRUTH_SPIN_US(1000);
    (void)truth_thread_done();
    return NULL;
}

static int by_epoll_wait(void)
{
    struct epoll_event event;
    return epoll_wait(epoll, &event, 1, 1);
}

static int by_nanosleep(void)
{
    const struct timespec pause = {.tv_nsec = WAIT_US * 1000};
    return nanosleep(&pause, NULL);
}

static int by_poll(void)
{
    struct pollfd entry = {.fd = pair[0], .events = POLLIN};
    return poll(&entry, 1, 1);
}

static int by_select(void)
{
    struct timeval timeout = {.tv_usec = WAIT_US};
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(pair[0], &readable);
    return select(pair[0] + 1, &readable, NULL, NULL, &timeout);
}

static int by_sem_timedwait(void)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_US * 1000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return sem_timedwait(&semaphore, &until);
}

static int by_recv(void)
{
    char byte;
    return (int)recv(pair[0], &byte, 1, 0);
}

static void prepare(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    const struct timeval timeout = {.tv_usec = 1000};

    (void)truth_calibrate();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || sem_init(&semaphore, 0, 0) != 0 ||
        epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &event) != 0 ||
        setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0)
        abort();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*wait)(void);
    } kinds[N_KINDS] = {
        {"epoll_wait", by_epoll_wait}, {"nanosleep", by_nanosleep},         {"poll", by_poll},
        {"select", by_select},         {"sem_timedwait", by_sem_timedwait}, {"recv", by_recv}};
    const int n_each = (int)truth_argument(argc, argv, 1, 300);
    int n_interrupted[N_KINDS] = {0}, n_all = 0;
    pthread_t burner;

    prepare();
    if (pthread_create(&burner, NULL, burn, NULL) != 0)
        abort();
    for (int i = 0; i < n_each; i++)
        for (int kind = 0; kind < N_KINDS; kind++) {
            /* Work of all lengths, so that a period ends just before a wait now and then. */
            TRUTH_SPIN_US(20 + (uint64_t)(i % 61) * 5);
            n_interrupted[kind] += kinds[kind].wait() < 0 && errno == EINTR;
        }
    is_over = true;
    (void)pthread_join(burner, NULL);
    printf("{\"n_calls\": %d, \"cpu_ns\": %llu, \"n_interrupted\": {", n_each * N_KINDS,
           (unsigned long long)truth_program_ns());
    for (int kind = 0; kind < N_KINDS; kind++) {
        printf("%s\"%s\": %d", kind > 0 ? ", " : "", kinds[kind].name, n_interrupted[kind]);
        n_all += n_interrupted[kind];
    }
    printf("}}\n");
    return n_all > 0;
}
