/* A server that keeps the profile of each request that took too long.
 *
 * Profiling goes on all the time.  A cursor marks where a request began, so a snapshot behind it
 * holds that request alone; of the quick ones it is thrown away. */
#include <pprofc/pprofc.h>

#include <stdint.h>
#include <stdio.h>
#include <time.h>

enum { N_REQUESTS = 20, SLOW_MS = 50 };

static double cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Longest chain of Collatz's numbers below 'limit'. */
static uint64_t search(uint64_t limit)
{
    uint64_t longest = 0, best = 0;

    for (uint64_t start = 1; start < limit; start++) {
        uint64_t length = 0;
        for (uint64_t n = start; n != 1; n = n % 2 == 0 ? n / 2 : 3 * n + 1)
            length++;
        if (length > longest) {
            longest = length;
            best = start;
        }
    }
    return best;
}

/* Every seventh request asks for much more. */
static uint64_t answer(int request)
{
    return search(request % 7 == 6 ? 1000000 : 10000);
}

static void keep(const struct pprofc_recording *recording, int request, double took_ms)
{
    char path[64];
    struct pprofc_error err;

    snprintf(path, sizeof path, "request-%d.pb.gz", request);
    if (pprofc_recording_write(recording, path, &err) == 0)
        printf("request %d took %.0f ms of CPU: see %s\n", request, took_ms, path);
    else
        printf("request %d took %.0f ms of CPU: %s\n", request, took_ms, err.message);
}

int main(void)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_cursor cursor = PPROFC_CURSOR_INIT;
    struct pprofc_stats stats;
    struct pprofc_error err;
    uint64_t sum = 0;

    options.frequency_hz = PPROFC_MODE_HIGH;
    if (pprofc_start(&options, &err) != 0)
        fprintf(stderr, "not profiled: %s\n", err.message); /* and on without it */
    for (int request = 0; request < N_REQUESTS; request++) {
        const double began_ms = cpu_ms();
        struct pprofc_recording *recording = NULL;
        sum += answer(request);
        if (pprofc_snapshot(&cursor, &recording, NULL) == 0 && cpu_ms() - began_ms > SLOW_MS)
            keep(recording, request, cpu_ms() - began_ms);
        pprofc_recording_free(recording);
    }
    if (pprofc_stats(&stats, NULL) == 0)
        printf("%llu samples, %llu lost; profiling took %.1f %% of the CPU\n",
               (unsigned long long)stats.n_samples, (unsigned long long)stats.n_lost,
               100.0 * (double)stats.own_cpu_ns / (double)stats.cpu_ns);
    pprofc_stop(NULL, NULL);
    return sum == 0;
}
