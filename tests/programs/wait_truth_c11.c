/* As wait_truth.c, by C11's threads: what each took by CLOCK_MONOTONIC, "NAME NANOSECONDS". */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <threads.h>
#include <time.h>

#define NOINLINE __attribute__((noinline))
#define KEEP_FRAME() __asm__ volatile("" ::: "memory")

static mtx_t mutex, guard;
static cnd_t condition;
static bool is_ready;
static atomic_bool is_timed;

static long now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

static void pause_ms(long ms)
{
    (void)thrd_sleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Pause, once another thread is about to wait. */
static void pause_beside(long ms)
{
    while (!is_timed)
        pause_ms(1);
    pause_ms(ms);
}

NOINLINE static void sleeper(void)
{
    pause_ms(300);
    KEEP_FRAME();
}

NOINLINE static void locker(void)
{
    (void)mtx_lock(&mutex);
    (void)mtx_unlock(&mutex);
    KEEP_FRAME();
}

NOINLINE static void waiter(void)
{
    (void)mtx_lock(&guard);
    while (!is_ready)
        (void)cnd_wait(&condition, &guard);
    (void)mtx_unlock(&guard);
    KEEP_FRAME();
}

static void time_it(const char *name, void (*function)(void))
{
    const long begin = now_ns();

    is_timed = true;
    function();
    (void)printf("%s %ld\n", name, now_ns() - begin);
    is_timed = false;
}

static int run_locker(void *unused)
{
    (void)unused;
    time_it("locker", locker);
    return 0;
}

static int signaller(void *unused)
{
    (void)unused;
    pause_beside(200);
    (void)mtx_lock(&guard);
    is_ready = true;
    (void)cnd_signal(&condition);
    (void)mtx_unlock(&guard);
    return 0;
}

static thrd_t other;

NOINLINE static void joiner(void)
{
    (void)thrd_join(other, NULL);
    KEEP_FRAME();
}

int main(void)
{
    (void)mtx_init(&mutex, mtx_plain);
    (void)mtx_init(&guard, mtx_plain);
    (void)cnd_init(&condition);
    time_it("sleeper", sleeper);
    (void)mtx_lock(&mutex);
    (void)thrd_create(&other, run_locker, NULL);
    pause_beside(500);
    (void)mtx_unlock(&mutex);
    (void)thrd_join(other, NULL);
    (void)thrd_create(&other, signaller, NULL);
    time_it("waiter", waiter);
    (void)thrd_join(other, NULL);
    is_ready = false;
    (void)thrd_create(&other, signaller, NULL);
    time_it("joiner", joiner);
    return 0;
}
