/* Waits of a known length, each in a function of its own:
 *   sleeper() sleeps for 300 ms, reader() waits 400 ms for a pipe, locker() 500 ms for a mutex on a
 *   second thread, waiter() 200 ms for a condition.
 * Who ends a wait counts from a moment at which it is about to begin.  Prints what each took by
 * CLOCK_MONOTONIC: "NAME NANOSECONDS"; "released" is how long locker() had waited when the mutex
 * was released. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static long now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

static void pause_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&time, NULL);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int is_ready;
static _Atomic long lock_began_ns;
static atomic_bool waits;

NOINLINE static void sleeper(void)
{
    pause_ms(300);
    __asm__ volatile("");
}

NOINLINE static void reader(int pipe_end)
{
    char byte;

    if (read(pipe_end, &byte, 1) != 1)
        abort();
    __asm__ volatile("");
}

NOINLINE static void *locker(void *unused)
{
    long *took = unused;
    const long begin = now_ns();

    lock_began_ns = begin;
    (void)pthread_mutex_lock(&mutex);
    *took = now_ns() - begin;
    (void)pthread_mutex_unlock(&mutex);
    return NULL;
}

NOINLINE static void waiter(void)
{
    (void)pthread_mutex_lock(&guard);
    waits = true;
    while (!is_ready)
        (void)pthread_cond_wait(&condition, &guard);
    (void)pthread_mutex_unlock(&guard);
}

static void *signaller(void *unused)
{
    while (!waits)
        pause_ms(1);
    pause_ms(200);
    (void)pthread_mutex_lock(&guard);
    is_ready = 1;
    (void)pthread_cond_signal(&condition);
    (void)pthread_mutex_unlock(&guard);
    return unused;
}

static void time_it(const char *name, void (*function)(void))
{
    const long begin = now_ns();

    function();
    (void)printf("%s %ld\n", name, now_ns() - begin);
}

static void time_reader(void)
{
    int ends[2], start[2];
    char byte = 'x';
    long begin;

    if (pipe(ends) != 0 || pipe(start) != 0)
        abort();
    if (fork() == 0) {
        if (read(start[0], &byte, 1) != 1)
            abort();
        pause_ms(400);
        if (write(ends[1], "x", 1) != 1)
            abort();
        _exit(0);
    }
    if (write(start[1], &byte, 1) != 1)
        abort();
    begin = now_ns();
    reader(ends[0]);
    (void)printf("reader %ld\n", now_ns() - begin);
    (void)wait(NULL);
}

NOINLINE static void holder(void)
{
    pthread_t thread;
    long took = 0, released_ns;

    (void)pthread_mutex_lock(&mutex);
    (void)pthread_create(&thread, NULL, locker, &took);
    while (lock_began_ns == 0)
        pause_ms(1);
    pause_ms(500);
    released_ns = now_ns() - lock_began_ns;
    (void)pthread_mutex_unlock(&mutex);
    (void)pthread_join(thread, NULL);
    (void)printf("locker %ld\nreleased %ld\n", took, released_ns);
}

int main(void)
{
    pthread_t thread;

    time_it("sleeper", sleeper);
    time_reader();
    holder();
    (void)pthread_create(&thread, NULL, signaller, NULL);
    time_it("waiter", waiter);
    (void)pthread_join(thread, NULL);
    return 0;
}
