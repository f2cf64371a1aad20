/* Takes snapshots one after the other until a signal handler calls exit(), most likely within one.
 * Preloaded: the calls are looked up.  Arguments: milliseconds until the signal (50).  Status 7. */
#include <dlfcn.h>
#include <signal.h>
#include <sys/time.h>

#include "truth.h"

static void leave(int signo)
{
    (void)signo;
    exit(7);
}

int main(int argc, char **argv)
{
    const double ms = truth_argument(argc, argv, 1, 50);
    const struct itimerval once = {.it_value = {0, (suseconds_t)(ms * 1000)}};
    int (*snapshot)(void *, void **, void *);
    void (*give_back)(void *);
    void *recording;

    *(void **)&snapshot = dlsym(RTLD_DEFAULT, "pprofc_snapshot");
    *(void **)&give_back = dlsym(RTLD_DEFAULT, "pprofc_recording_free");
    if (snapshot == NULL || give_back == NULL)
        return 1;
    (void)signal(SIGALRM, leave);
    (void)setitimer(ITIMER_REAL, &once, NULL);
    for (;;)
        if (snapshot(NULL, &recording, NULL) == 0)
            give_back(recording);
}
