/* What programs do with blocking calls that hooks around them must survive.  Arguments: the trap's
 * name, and what it takes.  Prints one line of JSON and ends with 0, or says what went wrong and
 * ends with 1. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "truth.h"

#define CHECK(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            (void)fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)

static void pause_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&time, &time) != 0)
        CHECK(errno == EINTR);
}

static uint64_t now_ns(void)
{
    return truth_clock_ns(CLOCK_MONOTONIC);
}

static void on_signal(int signo, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};

    CHECK(sigaction(signo, &action, NULL) == 0);
}

static void kick_after_ms(long ms)
{
    const struct itimerspec time = {.it_value = {ms / 1000, ms % 1000 * 1000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    timer_t timer;

    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &time, NULL) == 0);
}

/* ---- longjmp out of a wait, from a handler ---- */

static sigjmp_buf back;
static int pipe_ends[2];

static void jump_back(int signo)
{
    siglongjmp(back, signo);
}

TRUTH_NOINLINE static void left_by_jump(void)
{
    char byte;

    if (sigsetjmp(back, 1) == 0) {
        kick_after_ms(20);
        (void)read(pipe_ends[0], &byte, 1);
        CHECK(false && "the read has ended");
    }
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static void sleep_after_jump(void)
{
    pause_ms(300);
    TRUTH_KEEP_FRAME();
}

/* A timer that fires late makes a sleep longer: how long it was is said beside the output, which
 * is to be the same in each run. */
static void time_sleep_after_jump(void)
{
    const uint64_t begin_ns = now_ns();

    sleep_after_jump();
    (void)fprintf(stderr, "slept for %llu ns\n", (unsigned long long)(now_ns() - begin_ns));
}

TRUTH_NOINLINE static void work_after_jump(void)
{
    TRUTH_SPIN_US(200000);
    TRUTH_KEEP_FRAME();
}

static void jumps(void)
{
    on_signal(SIGALRM, jump_back);
    CHECK(pipe(pipe_ends) == 0);
    for (int i = 0; i < 20; i++)
        left_by_jump();
    work_after_jump(); /* its time is no wait, whatever the hook's word is */
    time_sleep_after_jump();
}

/* ---- threads that are cancelled in a wait ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_t sleeper;
static _Atomic int n_cleaned;

static void clean(void *lock)
{
    n_cleaned++;
    if (lock != NULL) /* a wait for a condition has it again */
        CHECK(pthread_mutex_unlock(lock) == 0);
}

static void *wait_in_read(void *unused)
{
    char byte;

    pthread_cleanup_push(clean, NULL);
    (void)read(pipe_ends[0], &byte, 1);
    pthread_cleanup_pop(0);
    return unused;
}

static void *wait_in_condition(void *unused)
{
    CHECK(pthread_mutex_lock(&mutex) == 0);
    pthread_cleanup_push(clean, &mutex);
    for (;;)
        (void)pthread_cond_wait(&condition, &mutex);
    pthread_cleanup_pop(0);
    return unused;
}

static void *wait_in_join(void *unused)
{
    pthread_cleanup_push(clean, NULL);
    (void)pthread_join(sleeper, NULL);
    pthread_cleanup_pop(0);
    return unused;
}

static void *wait_in_sleep(void *unused)
{
    pthread_cleanup_push(clean, NULL);
    pause_ms(100000);
    pthread_cleanup_pop(0);
    return unused;
}

static sem_t semaphore;

static void *wait_in_semaphore(void *unused)
{
    pthread_cleanup_push(clean, NULL);
    (void)sem_wait(&semaphore);
    pthread_cleanup_pop(0);
    return unused;
}

static void cancels(void)
{
    void *(*const waits[])(void *) = {wait_in_sleep, wait_in_read, wait_in_condition, wait_in_join,
                                      wait_in_semaphore};
    enum { N = sizeof waits / sizeof waits[0] };
    pthread_t threads[N];
    void *result;

    CHECK(pipe(pipe_ends) == 0 && sem_init(&semaphore, 0, 0) == 0);
    for (int i = 0; i < N; i++) {
        CHECK(pthread_create(&threads[i], NULL, waits[i], NULL) == 0);
        if (i == 0)
            sleeper = threads[0];
    }
    pause_ms(200);
    for (int i = N - 1; i >= 0; i--) {
        CHECK(pthread_cancel(threads[i]) == 0);
        CHECK(pthread_join(threads[i], &result) == 0 && result == PTHREAD_CANCELED);
    }
    CHECK(n_cleaned == N);
    CHECK(pthread_mutex_trylock(&mutex) == 0);
}

/* ---- children of threads ---- */

static volatile bool is_over;

static void *contend(void *unused)
{
    while (!is_over) {
        CHECK(pthread_mutex_lock(&mutex) == 0);
        TRUTH_SPIN_US(20);
        CHECK(pthread_mutex_unlock(&mutex) == 0);
        pause_ms(1);
    }
    return unused;
}

/* A child's waits are its own: it sleeps, locks, and is waited for. */
static void run_child(int number)
{
    const pid_t child = number % 3 == 0 ? vfork() : fork();
    int status;

    CHECK(child >= 0);
    if (child == 0 && number % 3 == 0) {
        (void)execl("/bin/true", "true", NULL);
        _exit(9);
    }
    if (child == 0) {
        pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;

        (void)pthread_mutex_lock(&own);
        pause_ms(2);
        (void)pthread_mutex_unlock(&own);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void forks(int n)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, contend, NULL) == 0);
    for (int i = 0; i < n; i++)
        run_child(i);
    is_over = true;
    for (int i = 0; i < 4; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

/* ---- thread-local storage whose end blocks ---- */

static void end_slowly(void *unused)
{
    (void)unused;
    pause_ms(100);
    CHECK(pthread_mutex_lock(&mutex) == 0);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
}

static pthread_key_t key;

static void *have_a_value(void *unused)
{
    CHECK(pthread_setspecific(key, &key) == 0);
    return unused;
}

static void destructors(void)
{
    pthread_t threads[8];

    CHECK(pthread_key_create(&key, end_slowly) == 0);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_create(&threads[i], NULL, have_a_value, NULL) == 0);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

/* ---- errno ---- */

static void errors(void)
{
    const struct timespec soon = {.tv_nsec = 20000000}, bad = {.tv_nsec = -1};
    char byte = 'x', room[8];
    int pair[2];

    CHECK(pipe(pipe_ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    for (int round = 0; round < 50; round++) {
        errno = 77; /* kept by what succeeds */
        CHECK(write(pipe_ends[1], &byte, 1) == 1 && read(pipe_ends[0], room, 1) == 1);
        CHECK(send(pair[0], &byte, 1, 0) == 1 && recv(pair[1], room, 1, 0) == 1);
        CHECK(nanosleep(&soon, NULL) == 0);
        CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
        CHECK(errno == 77);
        CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL) == EINVAL && errno == 77);
        CHECK(pthread_cond_timedwait(&condition, &mutex, &bad) == EINVAL && errno == 77);
        CHECK(pthread_join(pthread_self(), NULL) == EDEADLK && errno == 77);
        CHECK(read(-1, room, 1) == -1 && errno == EBADF); /* told by what fails */
        CHECK(write(-1, room, 1) == -1 && errno == EBADF);
        CHECK(recv(pipe_ends[0], room, 1, 0) == -1 && errno == ENOTSOCK);
        CHECK(open("/nowhere/at/all", O_RDONLY) == -1 && errno == ENOENT);
        CHECK(nanosleep(&bad, NULL) == -1 && errno == EINVAL);
        CHECK(fsync(-1) == -1 && errno == EBADF);
        CHECK(fcntl(-1, F_SETLKW, &byte) == -1 && errno == EBADF);
        CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
        CHECK(syscall(SYS_futex, &errno, 99, 0, NULL, NULL, 0) == -1 && errno == ENOSYS);
        CHECK(accept(-1, NULL, NULL) == -1 && errno == EBADF);
        CHECK(fcntl(pipe_ends[0], F_DUPFD, 300) >= 300);
    }
}

/* ---- locks that are no more when their unlock returns ---- */

struct job {
    pthread_mutex_t lock;
    bool is_done;
};

static void *finish_job(void *argument)
{
    struct job *job = argument;

    CHECK(pthread_mutex_lock(&job->lock) == 0);
    job->is_done = true;
    CHECK(pthread_mutex_unlock(&job->lock) == 0); /* whoever has seen it unmaps the job */
    return NULL;
}

static void run_job(void)
{
    struct job *job = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool is_done = false;
    pthread_t thread;

    CHECK(job != MAP_FAILED && pthread_mutex_init(&job->lock, NULL) == 0);
    CHECK(pthread_mutex_lock(&job->lock) == 0);
    CHECK(pthread_create(&thread, NULL, finish_job, job) == 0);
    TRUTH_SPIN_US(100);
    CHECK(pthread_mutex_unlock(&job->lock) == 0);
    while (!is_done) {
        CHECK(pthread_mutex_lock(&job->lock) == 0);
        is_done = job->is_done;
        CHECK(pthread_mutex_unlock(&job->lock) == 0);
    }
    CHECK(munmap(job, 4096) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void unmaps(int n)
{
    for (int i = 0; i < n; i++)
        run_job();
}

/* ---- what locks say of themselves ---- */

static void make_mutex(pthread_mutex_t *lock, int type, int protocol, int robust)
{
    pthread_mutexattr_t attributes;

    CHECK(pthread_mutexattr_init(&attributes) == 0);
    CHECK(pthread_mutexattr_settype(&attributes, type) == 0);
    CHECK(pthread_mutexattr_setprotocol(&attributes, protocol) == 0);
    CHECK(pthread_mutexattr_setrobust(&attributes, robust) == 0);
    CHECK(pthread_mutex_init(lock, &attributes) == 0);
}

static void *die_with_it(void *lock)
{
    CHECK(pthread_mutex_lock(lock) == 0 && sem_post(&semaphore) == 0);
    pause_ms(50);
    return NULL;
}

static void *unlock_others(void *lock)
{
    CHECK(pthread_mutex_unlock(lock) == EPERM);
    return NULL;
}

static void in_thread(void *(*start)(void *), void *argument)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, start, argument) == 0 && pthread_join(thread, NULL) == 0);
}

static void kinds_of_locks(void)
{
    const struct timespec past = {0, 0};
    pthread_mutex_t lock;
    pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
    pthread_t thread;

    make_mutex(&lock, PTHREAD_MUTEX_ERRORCHECK, 0, 0);
    CHECK(pthread_mutex_unlock(&lock) == EPERM);
    CHECK(pthread_mutex_lock(&lock) == 0 && pthread_mutex_lock(&lock) == EDEADLK);
    in_thread(unlock_others, &lock);
    CHECK(pthread_mutex_unlock(&lock) == 0 && pthread_mutex_destroy(&lock) == 0);

    make_mutex(&lock, PTHREAD_MUTEX_RECURSIVE, 0, 0);
    for (int i = 0; i < 5; i++)
        CHECK(pthread_mutex_lock(&lock) == 0);
    in_thread(unlock_others, &lock);
    for (int i = 0; i < 5; i++)
        CHECK(pthread_mutex_unlock(&lock) == 0);
    CHECK(pthread_mutex_unlock(&lock) == EPERM && pthread_mutex_destroy(&lock) == 0);

    make_mutex(&lock, PTHREAD_MUTEX_NORMAL, 0, PTHREAD_MUTEX_ROBUST);
    CHECK(sem_init(&semaphore, 0, 0) == 0);
    CHECK(pthread_create(&thread, NULL, die_with_it, &lock) == 0 && sem_wait(&semaphore) == 0);
    CHECK(pthread_mutex_lock(&lock) == EOWNERDEAD && pthread_mutex_consistent(&lock) == 0);
    CHECK(pthread_mutex_unlock(&lock) == 0 && pthread_join(thread, NULL) == 0);
    in_thread(die_with_it, &lock);
    CHECK(pthread_mutex_lock(&lock) == EOWNERDEAD && pthread_mutex_unlock(&lock) == 0);
    CHECK(pthread_mutex_lock(&lock) == ENOTRECOVERABLE);

    make_mutex(&lock, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT, 0);
    CHECK(pthread_mutex_lock(&lock) == 0 && pthread_mutex_lock(&lock) == EDEADLK);
    CHECK(pthread_mutex_timedlock(&lock, &past) == EDEADLK && pthread_mutex_unlock(&lock) == 0);

    CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_trylock(&mutex) == EBUSY);
    CHECK(pthread_mutex_timedlock(&mutex, &past) == ETIMEDOUT && pthread_mutex_unlock(&mutex) == 0);
    CHECK(pthread_rwlock_wrlock(&rwlock) == 0 && pthread_rwlock_rdlock(&rwlock) == EDEADLK);
    CHECK(pthread_rwlock_wrlock(&rwlock) == EDEADLK && pthread_rwlock_unlock(&rwlock) == 0);
    CHECK(pthread_rwlock_rdlock(&rwlock) == 0 && pthread_rwlock_rdlock(&rwlock) == 0);
    CHECK(pthread_rwlock_timedwrlock(&rwlock, &past) == ETIMEDOUT);
    CHECK(pthread_rwlock_unlock(&rwlock) == 0 && pthread_rwlock_unlock(&rwlock) == 0);
}

/* ---- calls in a handler that came upon a call ---- */

static _Atomic long n_handled;

static void write_in_handler(int signo)
{
    const int before = errno;
    const struct timespec time = {.tv_nsec = 100000};
    char byte = (char)signo;

    CHECK(write(pipe_ends[1], &byte, 1) == 1 && read(pipe_ends[0], &byte, 1) == 1);
    (void)nanosleep(&time, NULL);
    CHECK(sem_post(&semaphore) == 0);
    n_handled++;
    errno = before;
}

static void handlers(int seconds)
{
    const uint64_t end_ns = now_ns() + (uint64_t)seconds * 1000000000u;
    const struct itimerspec often = {.it_value = {0, 3000000}, .it_interval = {0, 3000000}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct sigaction action = {.sa_handler = write_in_handler, .sa_flags = SA_RESTART};
    timer_t timer;

    CHECK(pipe(pipe_ends) == 0 && sem_init(&semaphore, 0, 0) == 0);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &often, NULL) == 0);
    while (now_ns() < end_ns) {
        pause_ms(5);
        CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
        CHECK(sem_wait(&semaphore) == 0);
        TRUTH_SPIN_US(1000);
    }
    CHECK(n_handled > 20);
}

/* ---- many that wait, and all that wait for each other ---- */

static void *idle(void *unused)
{
    CHECK(pthread_mutex_lock(&mutex) == 0);
    for (;;)
        (void)pthread_cond_wait(&condition, &mutex);
    return unused;
}

static void idlers(int n, int seconds)
{
    struct rusage before, after;
    pthread_attr_t attributes;
    pthread_t thread;

    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, 65536) == 0);
    for (int i = 0; i < n; i++)
        CHECK(pthread_create(&thread, &attributes, idle, NULL) == 0);
    pause_ms(2000); /* until they are known */
    CHECK(getrusage(RUSAGE_SELF, &before) == 0);
    pause_ms(seconds * 1000L);
    CHECK(getrusage(RUSAGE_SELF, &after) == 0);
    (void)printf("{\"cpu_us\": %ld, \"n_switches\": %ld}\n",
                 (after.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_utime.tv_sec -
                  before.ru_stime.tv_sec) *
                         1000000 +
                     after.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_utime.tv_usec -
                     before.ru_stime.tv_usec,
                 after.ru_nvcsw - before.ru_nvcsw + after.ru_nivcsw - before.ru_nivcsw);
    (void)fflush(stdout);
    exit(0); /* they are still there */
}

static pthread_mutex_t other_mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int n_with_one;

/* Until each of the two has its first lock, else one that comes early has both.  It is no wait,
 * which would be counted: it runs. */
static void meet_other(void)
{
    n_with_one++;
    while (n_with_one < 2)
        CHECK(sched_yield() == 0);
}

TRUTH_NOINLINE static void *first_then_other(void *unused)
{
    CHECK(pthread_mutex_lock(&mutex) == 0);
    meet_other();
    pause_ms(100);
    CHECK(pthread_mutex_lock(&other_mutex) == 0);
    return unused;
}

TRUTH_NOINLINE static void *other_then_first(void *unused)
{
    CHECK(pthread_mutex_lock(&other_mutex) == 0);
    meet_other();
    pause_ms(100);
    CHECK(pthread_mutex_lock(&mutex) == 0);
    return unused;
}

static void deadlock(void)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, first_then_other, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, other_then_first, NULL) == 0);
    (void)printf("{\"pid\": %d, \"mutex\": %llu, \"other_mutex\": %llu}\n", getpid(),
                 (unsigned long long)(uintptr_t)&mutex,
                 (unsigned long long)(uintptr_t)&other_mutex);
    (void)fflush(stdout);
    (void)pthread_join(thread, NULL);
}

/* ---- what no hook sees ---- */

TRUTH_NOINLINE static void wait_unseen(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    long result;

#ifdef __x86_64__
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"((long)SYS_nanosleep), "D"(&time), "S"(0L)
                     : "rcx", "r11", "memory");
#else
    result = nanosleep(&time, NULL);
#endif
    CHECK(result == 0);
    TRUTH_KEEP_FRAME();
}

static void *wait_unseen_in_thread(void *unused)
{
    wait_unseen(1500);
    return unused;
}

static void unseen(void)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, wait_unseen_in_thread, NULL) == 0);
    wait_unseen(2000);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* ---- a condition by its old name ---- */

#if defined(__x86_64__) && defined(__GLIBC__)
int old_cond_wait(pthread_cond_t *old, pthread_mutex_t *lock);
int old_cond_signal(pthread_cond_t *old);
int old_cond_init(pthread_cond_t *old, const pthread_condattr_t *attributes);
__asm__(".symver old_cond_wait, pthread_cond_wait@GLIBC_2.2.5");
__asm__(".symver old_cond_signal, pthread_cond_signal@GLIBC_2.2.5");
__asm__(".symver old_cond_init, pthread_cond_init@GLIBC_2.2.5");

static pthread_cond_t old_condition;
static bool is_ready;

static void *signal_old(void *unused)
{
    pause_ms(200);
    CHECK(pthread_mutex_lock(&mutex) == 0);
    is_ready = true;
    CHECK(old_cond_signal(&old_condition) == 0);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
    return unused;
}

TRUTH_NOINLINE static void wait_for_old(void)
{
    CHECK(pthread_mutex_lock(&mutex) == 0);
    while (!is_ready)
        CHECK(old_cond_wait(&old_condition, &mutex) == 0);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
    TRUTH_KEEP_FRAME();
}

/* Such a condition is a pointer to one that is allocated: the word behind it is the program's. */
static void old_names(void)
{
    static struct {
        void *condition;
        uint64_t behind[5];
    } *old = (void *)&old_condition;
    pthread_t thread;

    CHECK(old_cond_init(&old_condition, NULL) == 0);
    for (int i = 0; i < 5; i++)
        old->behind[i] = UINT64_C(0x5A5A5A5A5A5A5A5A);
    CHECK(pthread_create(&thread, NULL, signal_old, NULL) == 0);
    wait_for_old();
    CHECK(pthread_join(thread, NULL) == 0);
    for (int i = 0; i < 5; i++)
        CHECK(old->behind[i] == UINT64_C(0x5A5A5A5A5A5A5A5A));
}
#else
static void old_names(void)
{
}
#endif

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    const int n = argc > 2 ? atoi(argv[2]) : 1;

    (void)truth_calibrate();
    if (strcmp(name, "jumps") == 0)
        jumps();
    else if (strcmp(name, "cancels") == 0)
        cancels();
    else if (strcmp(name, "forks") == 0)
        forks(n);
    else if (strcmp(name, "destructors") == 0)
        destructors();
    else if (strcmp(name, "errors") == 0)
        errors();
    else if (strcmp(name, "unmaps") == 0)
        unmaps(n);
    else if (strcmp(name, "kinds") == 0)
        kinds_of_locks();
    else if (strcmp(name, "handlers") == 0)
        handlers(n);
    else if (strcmp(name, "idlers") == 0)
        idlers(n, argc > 3 ? atoi(argv[3]) : 5);
    else if (strcmp(name, "deadlock") == 0)
        deadlock();
    else if (strcmp(name, "unseen") == 0)
        unseen();
    else if (strcmp(name, "old_names") == 0)
        old_names();
    else
        return 2;
    (void)printf("{}\n");
    return 0;
}
