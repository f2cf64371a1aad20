/* Two sessions of the API, one after the other, while a thread is in a single wait that lasts
 * beyond both.  Argument: file for the second one's recording.  Prints for how long that was at
 * least and at most, in nanoseconds. */
#include <pprofc/pprofc.h>
#include <pthread.h>
#include <semaphore.h>

#include "truth.h"

enum { SESSION_MS = 300, BETWEEN_MS = 600 };

static sem_t end;

static void sleep_ms(long ms)
{
    const struct timespec time = {.tv_nsec = ms * 1000000};

    (void)nanosleep(&time, NULL);
}

static void *wait_for_end(void *unused)
{
    (void)pthread_setname_np(pthread_self(), "waits");
    (void)sem_wait(&end);
    return unused;
}

int main(int argc, char **argv)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    uint64_t least_ns = 0, most_ns = 0;
    pthread_t thread;

    options.kinds = PPROFC_KIND_OFFCPU | PPROFC_KIND_LOCK;
    if (argc < 2 || sem_init(&end, 0, 0) != 0)
        return 2;
    for (int i = 0; i < 2; i++) {
        uint64_t begun_ns, before_ns = truth_clock_ns(CLOCK_MONOTONIC);

        if (pprofc_start(&options, NULL) != 0 ||
            (i == 0 && pthread_create(&thread, NULL, wait_for_end, NULL) != 0))
            return 3;
        begun_ns = truth_clock_ns(CLOCK_MONOTONIC);
        sleep_ms(SESSION_MS);
        least_ns = truth_clock_ns(CLOCK_MONOTONIC) - begun_ns;
        pprofc_recording_free(recording);
        if (pprofc_stop(&recording, NULL) != 0)
            return 4;
        most_ns = truth_clock_ns(CLOCK_MONOTONIC) - before_ns;
        if (i == 0)
            sleep_ms(BETWEEN_MS);
    }
    if (pprofc_recording_write(recording, argv[1], NULL) != 0)
        return 5;
    pprofc_recording_free(recording);
    (void)sem_post(&end);
    (void)pthread_join(thread, NULL);
    (void)printf("{\"waits\": [%llu, %llu]}\n", (unsigned long long)least_ns,
                 (unsigned long long)most_ns);
    return 0;
}
