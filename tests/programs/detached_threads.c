/* Detached threads go on spinning while main returns and atexit functions and destructors run.
 * Arguments: threads (3), CPU milliseconds of main (20). */
#include <pthread.h>

#include "truth.h"

static void *spin_for_ever(void *argument)
{
    (void)argument;
    for (;;)
        TRUTH_SPIN_US(100);
    return NULL;
}

static void at_exit(void)
{
    TRUTH_SPIN_US(2000);
}

__attribute__((destructor)) static void at_unload(void)
{
    TRUTH_SPIN_US(2000);
}

int main(int argc, char **argv)
{
    const int n_threads = (int)truth_argument(argc, argv, 1, 3);

    (void)truth_calibrate();
    (void)atexit(at_exit);
    for (int i = 0; i < n_threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, spin_for_ever, NULL) != 0)
            return 1;
        (void)pthread_detach(thread);
    }
    TRUTH_SPIN_US((uint64_t)(truth_argument(argc, argv, 2, 20) * 1e3));
    return 0;
}
