/* What a call costs that may be profiled and is not: the same loop over a plain call, one through
 * PPROFC_MAYBE_PROFILE and one through pprofc_maybe_profile().  Prints nanoseconds a call as JSON.
 * Arguments: "direct", "macro" or "function"; millions of calls (100). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pprofc/pprofc.h"

static uint64_t state = 1;

/* A little work, as the least that anybody would call. */
__attribute__((noinline)) static void work(void *argument)
{
    uint64_t *number = argument;

    *number ^= *number << 13;
    *number ^= *number >> 7;
    *number ^= *number << 17;
}

static double cpu_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void call_directly(int n_calls)
{
    for (int i = 0; i < n_calls; i++)
        work(&state);
}

static void call_by_macro(int n_calls)
{
    for (int i = 0; i < n_calls; i++)
        PPROFC_MAYBE_PROFILE("work", work, &state);
}

static void call_by_function(int n_calls)
{
    for (int i = 0; i < n_calls; i++)
        (void)pprofc_maybe_profile("work", work, &state, NULL);
}

int main(int argc, char **argv)
{
    const int n_calls = (argc > 2 ? atoi(argv[2]) : 100) * 1000000;
    const double begin_s = cpu_s();

    if (argc < 2)
        return 2;
    if (strcmp(argv[1], "macro") == 0)
        call_by_macro(n_calls);
    else if (strcmp(argv[1], "function") == 0)
        call_by_function(n_calls);
    else
        call_directly(n_calls);
    (void)printf("{\"call_ns\": %.4f, \"state\": %llu}\n", (cpu_s() - begin_s) * 1e9 / n_calls,
                 (unsigned long long)state);
    return 0;
}
