/* A program with signals of its own at about 1 kHz each: a timer's SIGALRM, SIGUSR1 from another
 * thread, queued ones for sigwaitinfo() and for a signalfd.  Two threads burn CPU: the first takes
 * SIGUSR1, the second sends at each millisecond of its CPU time and takes the alarms.  Prints what
 * was sent and what came.  Arguments: CPU seconds of the second one (2). */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "truth.h"

enum { PERIOD_NS = 1000 * 1000, LAST = -1 };

static _Atomic int n_users;
static int n_sent[3], n_waited, n_read;
static long sum_sent, sum_waited, sum_read;
static uint64_t alarms_start_ns, previous_alarm_ns;
static int n_alarms, n_wrong_alarms;
static volatile bool is_over;
static pthread_t receiver, waiter, reader;

/* An alarm stands for all periods since the last one.  How many that are the kernel says when it
 * delivers: after the handler's previous run, before this one. */
static void on_alarm(int signo, siginfo_t *info, void *context)
{
    const uint64_t now_ns = truth_clock_ns(CLOCK_MONOTONIC) - alarms_start_ns;
    (void)signo, (void)context;
    n_alarms += 1 + info->si_overrun;
    if (n_alarms + 1 < (int)(previous_alarm_ns / PERIOD_NS) ||
        n_alarms > (int)(now_ns / PERIOD_NS) + 1)
        n_wrong_alarms++;
    previous_alarm_ns = now_ns;
}

static void on_user(int signo)
{
    (void)signo;
    n_users++;
}

TRUTH_NOINLINE static void burn(void)
{
    TRUTH_SPIN_US(500);
}

static void *receiver_main(void *argument)
{
    (void)argument;
    while (!is_over)
        burn();
    (void)truth_thread_done();
    return NULL;
}

static void *waiter_main(void *argument)
{
    sigset_t wanted;
    siginfo_t info;
    (void)argument;
    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGRTMIN + 1);
    for (;;) {
        if (sigwaitinfo(&wanted, &info) < 0)
            continue;
        if (info.si_value.sival_int == LAST)
            break;
        n_waited++;
        sum_waited += info.si_value.sival_int;
    }
    (void)truth_thread_done();
    return NULL;
}

static void *reader_main(void *argument)
{
    sigset_t wanted;
    struct signalfd_siginfo info;
    (void)argument;
    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGRTMIN + 2);
    const int fd = signalfd(-1, &wanted, SFD_CLOEXEC);
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info && info.ssi_int != LAST) {
        n_read++;
        sum_read += info.ssi_int;
    }
    (void)close(fd);
    (void)truth_thread_done();
    return NULL;
}

static void queue(int signo, int value)
{
    while (sigqueue(getpid(), signo, (union sigval){.sival_int = value}) != 0)
        (void)usleep(1000); /* as many as may be pending are */
}

/* Of SIGUSR1 the next only when the last has been taken: such signals do not queue. */
static void *sender_main(void *argument)
{
    const uint64_t end_ns = truth_deadline_ns(*(const double *)argument);
    sigset_t alarm;

    (void)sigemptyset(&alarm);
    (void)sigaddset(&alarm, SIGALRM);
    (void)pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    for (int i = 1; truth_thread_ns() < end_ns; i++) {
        burn();
        burn();
        queue(SIGRTMIN + 1, i);
        queue(SIGRTMIN + 2, i);
        sum_sent += i;
        n_sent[1]++;
        n_sent[2]++;
        if (n_users == n_sent[0]) {
            n_sent[0]++;
            (void)pthread_kill(receiver, SIGUSR1);
        }
    }
    queue(SIGRTMIN + 1, LAST);
    queue(SIGRTMIN + 2, LAST);
    while (n_users < n_sent[0])
        burn();
    is_over = true;
    (void)truth_thread_done();
    return NULL;
}

static bool start_alarms(timer_t *timer_out)
{
    const struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO | SA_RESTART};
    const struct itimerspec every = {{0, PERIOD_NS}, {0, PERIOD_NS}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};

    if (sigaction(SIGALRM, &action, NULL) != 0 ||
        timer_create(CLOCK_MONOTONIC, &event, timer_out) != 0)
        return false;
    alarms_start_ns = truth_clock_ns(CLOCK_MONOTONIC);
    return timer_settime(*timer_out, 0, &every, NULL) == 0;
}

static bool start_threads(pthread_t *sender_out, double *seconds)
{
    sigset_t blocked;

    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGRTMIN + 1);
    (void)sigaddset(&blocked, SIGRTMIN + 2);
    (void)sigaddset(&blocked, SIGALRM);
    (void)pthread_sigmask(SIG_BLOCK, &blocked, NULL); /* all threads inherit it */
    return pthread_create(&receiver, NULL, receiver_main, NULL) == 0 &&
           pthread_create(&waiter, NULL, waiter_main, NULL) == 0 &&
           pthread_create(&reader, NULL, reader_main, NULL) == 0 &&
           pthread_create(sender_out, NULL, sender_main, seconds) == 0;
}

int main(int argc, char **argv)
{
    const struct sigaction user_action = {.sa_handler = on_user, .sa_flags = SA_RESTART};
    double seconds = truth_argument(argc, argv, 1, 2);
    pthread_t sender;
    timer_t timer;
    char extra[400];

    (void)truth_calibrate();
    if (sigaction(SIGUSR1, &user_action, NULL) != 0 || !start_threads(&sender, &seconds) ||
        !start_alarms(&timer))
        return 2;
    (void)pthread_join(sender, NULL);
    (void)timer_delete(timer);
    (void)pthread_join(waiter, NULL);
    (void)pthread_join(reader, NULL);
    (void)pthread_join(receiver, NULL);
    (void)snprintf(extra, sizeof extra,
                   ", \"n_alarms\": %d, \"n_wrong_alarms\": %d, \"sent\": [%d, %d, %d], \"came\": "
                   "[%d, %d, %d], \"sum_sent\": %ld, \"sums\": [%ld, %ld]",
                   n_alarms, n_wrong_alarms, n_sent[0], n_sent[1], n_sent[2], n_users, n_waited,
                   n_read, sum_sent, sum_waited, sum_read);
    truth_print("own_signals", NULL, 0, truth_main_root, extra);
    return 0;
}
