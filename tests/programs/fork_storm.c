/* Threads allocate and free without a pause while the main thread forks; each child allocates too,
 * calls the library in every way there is, and leaves by exit().  Arguments: forks (50), threads
 * (8). */
#include <errno.h>
#include <pprofc/pprofc.h>
#include <pthread.h>
#include <sys/wait.h>

#include "truth.h"

static void *allocate(void *argument)
{
    for (size_t i = 0;; i++) {
        void *volatile memory = malloc(16 + i % 5000);
        free(memory);
    }
    return argument;
}

static void live(int number)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_stats stats;
    struct pprofc_recording *recording = NULL;
    void *volatile memory = malloc(100000);

    TRUTH_SPIN(200000);
    free(memory);
    if (number % 3 == 0)
        (void)pprofc_stats(&stats, NULL);
    if (number % 3 == 1) {
        (void)pprofc_pause(NULL);
        (void)pprofc_resume(NULL);
    }
    if (number % 2 == 0) {
        (void)pprofc_stop(&recording, NULL);
        pprofc_recording_free(recording);
        (void)pprofc_start(&options, NULL);
    }
    exit(3);
}

int main(int argc, char **argv)
{
    const int n_forks = (int)truth_argument(argc, argv, 1, 50);
    const int n_threads = (int)truth_argument(argc, argv, 2, 8);
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    int n_good = 0, result;

    options.frequency_hz = 1000;
    result = pprofc_start(&options, NULL);
    if (result != 0 && result != -EBUSY) /* a preloaded copy of the library has the session then */
        return 1;
    for (int i = 0; i < n_threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, allocate, NULL) != 0)
            return 1;
        (void)pthread_detach(thread);
    }
    for (int i = 0; i < n_forks; i++) {
        const pid_t pid = fork();
        int status = 0;
        if (pid == 0)
            live(i);
        n_good += waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 3;
    }
    printf("{\"n_good\": %d}\n", n_good);
    return 0;
}
