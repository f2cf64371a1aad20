/* Threads that stand in known places, each named after the function that it stands in.  Argument:
 * how many wait at one barrier (100).  Says "ready" when all are on their way there; on SIGTERM
 * prints how many of their calls were interrupted, and ends. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>

#include "truth.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static int epoll, quiet_pipe[2];
static _Atomic int n_interrupted;
static volatile bool is_over;

static void count(long result)
{
    n_interrupted += result < 0 && errno == EINTR;
}

static TRUTH_NOINLINE void stand_in_futex(void)
{
    (void)pthread_mutex_lock(&mutex);
    while (!is_over)
        (void)pthread_cond_wait(&never, &mutex);
    TRUTH_KEEP_FRAME();
}

static TRUTH_NOINLINE void stand_in_sleep(void)
{
    const struct timespec long_time = {.tv_sec = 100000};
    count(nanosleep(&long_time, NULL));
}

static TRUTH_NOINLINE void stand_in_epoll(void)
{
    struct epoll_event event;
    count(epoll_wait(epoll, &event, 1, -1));
}

static TRUTH_NOINLINE void stand_in_read(void)
{
    char byte;
    count(read(quiet_pipe[0], &byte, 1));
}

static TRUTH_NOINLINE void stand_running(void)
{
    while (!is_over)
        TRUTH_SPIN(1000);
}

static void on_usr1(int signo)
{
    char byte;
    (void)signo;
    count(read(quiet_pipe[0], &byte, 1));
}

static TRUTH_NOINLINE void stand_in_handler(void)
{
    (void)raise(SIGUSR1);
    TRUTH_KEEP_FRAME();
}

static TRUTH_NOINLINE void stand_at_barrier(void)
{
    (void)pthread_barrier_wait(&barrier);
    TRUTH_KEEP_FRAME();
}

struct place {
    const char *name;
    void (*stand)(void);
};

static void *go_there(void *argument)
{
    const struct place *place = argument;
    (void)pthread_setname_np(pthread_self(), place->name);
    place->stand();
    TRUTH_KEEP_FRAME();
    return NULL;
}

static void begin(const struct place *place)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, go_there, (void *)place) != 0)
        abort();
}

static TRUTH_NOINLINE void stand_in_main(const sigset_t *end)
{
    int signo;
    while (sigwait(end, &signo) != 0)
        ;
}

int main(int argc, char **argv)
{
    static const struct place places[] = {
        {"futex", stand_in_futex}, {"sleep", stand_in_sleep},  {"epoll", stand_in_epoll},
        {"read", stand_in_read},   {"running", stand_running}, {"handler", stand_in_handler}};
    static const struct place at_barrier = {"barrier", stand_at_barrier};
    const unsigned n_at_barrier = (unsigned)truth_argument(argc, argv, 1, 100);
    sigset_t end;

    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || pipe(quiet_pipe) != 0 ||
        pthread_barrier_init(&barrier, NULL, n_at_barrier + 1) != 0 ||
        signal(SIGUSR1, on_usr1) == SIG_ERR)
        abort();
    (void)sigemptyset(&end);
    (void)sigaddset(&end, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &end, NULL);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        begin(&places[i]);
    for (unsigned i = 0; i < n_at_barrier; i++)
        begin(&at_barrier);
    (void)puts("ready");
    (void)fflush(stdout);
    stand_in_main(&end);
    printf("{\"n_interrupted\": %d}\n", n_interrupted);
    (void)fflush(stdout);
    _exit(0);
}
