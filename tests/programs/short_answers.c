/* Linked with libpprofc: asks the kernel for 1 MB of random bytes again and again, which ends early
 * when a signal is pending, as calls do that say EAGAIN then.  Arguments: how this thread is
 * profiled ("on", "paused", "ignored"), seconds (0.5).  Prints how many answers there were, and how
 * many were short. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "pprofc/pprofc.h"

enum { N_BYTES = 1 << 20 };

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    static char bytes[N_BYTES];
    const char *how = argc > 1 ? argv[1] : "on";
    const double end_s = now_s() + (argc > 2 ? atof(argv[2]) : 0.5);
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    long n = 0, n_short = 0;

    options.frequency_hz = 1000;
    options.kinds = PPROFC_KIND_CPU | PPROFC_KIND_OFFCPU | PPROFC_KIND_LOCK;
    if (pprofc_start(&options, NULL) != 0 ||
        (strcmp(how, "paused") == 0 && pprofc_pause(NULL) != 0) ||
        (strcmp(how, "ignored") == 0 && pprofc_thread_ignore(NULL) != 0))
        return 1;
    for (; now_s() < end_s; n++)
        if (getrandom(bytes, sizeof bytes, 0) != N_BYTES)
            n_short++;
    (void)printf("{\"n\": %ld, \"n_short\": %ld}\n", n, n_short);
    return pprofc_stop(NULL, NULL) == 0 ? 0 : 1;
}
