/* Sessions of the API, paused and resumed at odd moments, while threads wait, work and contend, and
 * others come and go: in a session, in a pause and between.  Arguments: folder for the recordings,
 * seconds (4), seed (1).  Prints how many recordings there are: 0.ppc, 1.ppc .. */
#include <poll.h>
#include <pprofc/pprofc.h>
#include <pthread.h>

#include "truth.h"

enum { N_WORKERS = 6, N_BRIEF = 4, BRIEF_STEPS = 25 };

static _Atomic int is_over;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

static void sleep_us(uint64_t us)
{
    const struct timespec time = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};

    (void)nanosleep(&time, NULL);
}

static void *be_tiny(void *unused)
{
    TRUTH_SPIN_US(200);
    return unused;
}

static void make_tiny(int is_awaited)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, be_tiny, NULL) != 0)
        return;
    if (is_awaited)
        (void)pthread_join(thread, NULL);
    else
        (void)pthread_detach(thread);
}

static void wait_for_condition(void)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 3000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&mutex);
    (void)pthread_cond_timedwait(&condition, &mutex, &until);
    (void)pthread_mutex_unlock(&mutex);
}

static void hold(uint64_t us)
{
    (void)pthread_mutex_lock(&mutex);
    sleep_us(us);
    (void)pthread_mutex_unlock(&mutex);
}

static void step(uint64_t *random)
{
    const uint64_t drawn = truth_random(random), size = drawn >> 8 & 0xfff;

    switch (drawn % 8) {
    case 0:
        sleep_us(size);
        break;
    case 1:
        TRUTH_SPIN_US(size / 4);
        break;
    case 2:
        hold(size / 4);
        break;
    case 3:
        wait_for_condition();
        break;
    case 4:
        (void)pthread_cond_broadcast(&condition);
        break;
    case 5:
        (void)poll(NULL, 0, (int)(size % 4));
        break;
    default:
        make_tiny(drawn % 8 == 6);
        break;
    }
}

static void *work(void *seed)
{
    uint64_t random = (uint64_t)(uintptr_t)seed;

    while (!is_over)
        step(&random);
    return NULL;
}

static void *work_briefly(void *seed)
{
    uint64_t random = (uint64_t)(uintptr_t)seed;

    for (int i = 0; i < BRIEF_STEPS; i++)
        step(&random);
    return NULL;
}

static void *breed(void *seed)
{
    uint64_t random = (uint64_t)(uintptr_t)seed;
    pthread_t threads[N_BRIEF];

    while (!is_over) {
        for (int i = 0; i < N_BRIEF; i++)
            if (pthread_create(&threads[i], NULL, work_briefly,
                               (void *)(uintptr_t)(truth_random(&random) | 1)) != 0)
                exit(2);
        for (int i = 0; i < N_BRIEF; i++)
            (void)pthread_join(threads[i], NULL);
    }
    return NULL;
}

static void run_session(const char *folder, int number, uint64_t *random)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    char path[4096];

    options.kinds = PPROFC_KIND_CPU | PPROFC_KIND_OFFCPU | PPROFC_KIND_LOCK;
    if (pprofc_start(&options, NULL) != 0)
        exit(3);
    for (uint64_t i = truth_random(random) % 4; i > 0; i--) {
        sleep_us(20000 + truth_random(random) % 100000);
        if (pprofc_pause(NULL) != 0)
            exit(4);
        sleep_us(truth_random(random) % 80000);
        if (pprofc_resume(NULL) != 0)
            exit(5);
    }
    sleep_us(30000 + truth_random(random) % 100000);
    (void)snprintf(path, sizeof path, "%s/%d.ppc", folder, number);
    if (pprofc_stop(&recording, NULL) != 0 || pprofc_recording_write(recording, path, NULL) != 0)
        exit(6);
    pprofc_recording_free(recording);
    sleep_us(truth_random(random) % 50000);
}

int main(int argc, char **argv)
{
    const uint64_t end_ns =
        truth_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(truth_argument(argc, argv, 2, 4) * 1e9);
    uint64_t random = (uint64_t)truth_argument(argc, argv, 3, 1);
    pthread_t workers[N_WORKERS + 1];
    int n_sessions = 0;

    if (argc < 2)
        return 2;
    (void)truth_calibrate();
    for (long i = 0; i <= N_WORKERS; i++)
        if (pthread_create(&workers[i], NULL, i < N_WORKERS ? work : breed, (void *)(i + 1)) != 0)
            return 2;
    (void)pthread_setname_np(workers[N_WORKERS], "breeder");
    while (truth_clock_ns(CLOCK_MONOTONIC) < end_ns)
        run_session(argv[1], n_sessions++, &random);
    is_over = 1;
    for (int i = 0; i <= N_WORKERS; i++)
        (void)pthread_join(workers[i], NULL);
    (void)printf("%d\n", n_sessions);
    return 0;
}
