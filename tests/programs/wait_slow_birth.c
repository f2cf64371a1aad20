/* A thread that is long in the making: all of its stack is put into memory before it exists.  It
 * works then, and does not wait.  Exit status 77: memory cannot be locked here. */
#include <pthread.h>
#include <sys/mman.h>

#include "truth.h"

enum { STACK_BYTES = 64 << 20, WORK_US = 100000 };

static void *run(void *unused)
{
    (void)pthread_setname_np(pthread_self(), "slow-birth");
    TRUTH_SPIN_US(WORK_US);
    return unused;
}

int main(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    uint64_t before_ns;

    (void)truth_calibrate();
    if (mlockall(MCL_FUTURE) != 0)
        return 77;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    before_ns = truth_clock_ns(CLOCK_MONOTONIC);
    if (pthread_create(&thread, &attributes, run, NULL) != 0)
        return 77;
    (void)munlockall();
    (void)printf("%llu\n", (unsigned long long)(truth_clock_ns(CLOCK_MONOTONIC) - before_ns));
    (void)pthread_join(thread, NULL);
    return 0;
}
