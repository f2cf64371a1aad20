/* A client that takes EINTR for an error, as libraries do that never expected a signal: it waits in
 * poll, select, epoll_wait and nanosleep between bursts of CPU, and counts how often one was
 * interrupted.  Arguments: wall seconds (3). Exits 1 when any was. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "truth.h"

enum { N_KINDS = 4 };

static volatile bool is_over;
static int pipe_ends[2];

/* Sends a byte every 2 ms: some waits end by data, some by time. */
static void *serve(void *argument)
{
    (void)argument;
    while (!is_over) {
        const struct timespec pause = {.tv_nsec = 2000000};
        (void)nanosleep(&pause, NULL);
        if (write(pipe_ends[1], "x", 1) != 1)
            abort();
    }
    (void)truth_thread_done();
    return NULL;
}

static int wait_by_poll(void)
{
    struct pollfd entry = {.fd = pipe_ends[0], .events = POLLIN};
    return poll(&entry, 1, 1);
}

static int wait_by_select(void)
{
    struct timeval timeout = {.tv_usec = 1000};
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(pipe_ends[0], &readable);
    return select(pipe_ends[0] + 1, &readable, NULL, NULL, &timeout);
}

static int wait_by_epoll(void)
{
    static int epoll = -1;
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll < 0) {
        epoll = epoll_create1(EPOLL_CLOEXEC);
        if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, pipe_ends[0], &event) != 0)
            abort();
    }
    return epoll_wait(epoll, &event, 1, 1);
}

static int wait_by_nanosleep(void)
{
    const struct timespec pause = {.tv_nsec = 500000};
    return nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
    static int (*const waits[N_KINDS])(void) = {wait_by_poll, wait_by_select, wait_by_epoll,
                                                wait_by_nanosleep};
    long n_interrupted[N_KINDS] = {0};
    long n_waits = 0, n_all = 0;
    pthread_t server;
    char byte, extra[160];

    (void)truth_calibrate();
    if (pipe(pipe_ends) != 0 || pthread_create(&server, NULL, serve, NULL) != 0)
        return 2;
    const uint64_t end_ns =
        truth_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(truth_argument(argc, argv, 1, 3) * 1e9);
    while (truth_clock_ns(CLOCK_MONOTONIC) < end_ns) {
        for (int kind = 0; kind < N_KINDS; kind++) {
            /* Bursts of all lengths, so that a period ends just before a wait now and then. */
            TRUTH_SPIN_US(100 + (uint64_t)(n_waits % 97) * 10);
            const int result = waits[kind]();
            n_waits++;
            if (result < 0 && errno == EINTR)
                n_interrupted[kind]++;
            else if (result < 0)
                return 2;
            if (kind < 3 && result > 0 && read(pipe_ends[0], &byte, 1) != 1)
                return 2;
        }
    }
    is_over = true;
    (void)pthread_join(server, NULL);
    for (int kind = 0; kind < N_KINDS; kind++)
        n_all += n_interrupted[kind];
    (void)snprintf(extra, sizeof extra,
                   ", \"n_waits\": %ld, \"n_interrupted\": [%ld, %ld, %ld, %ld]", n_waits,
                   n_interrupted[0], n_interrupted[1], n_interrupted[2], n_interrupted[3]);
    truth_print("eintr_client", NULL, 0, truth_main_root, extra);
    return n_all > 0;
}
