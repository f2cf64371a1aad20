/* Threads burn CPU while the main thread opens as many files as its limit lets it, again and again.
 * Arguments: threads (40), CPU seconds each (0.1). */
#include <fcntl.h>

#include "threads.h"

enum { MAX_THREADS = 128, MAX_FILES = 4096 };

static int open_all(void)
{
    static int files[MAX_FILES];
    int n = 0;

    while (n < MAX_FILES && (files[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    for (int i = 0; i < n; i++)
        (void)close(files[i]);
    return n;
}

int main(int argc, char **argv)
{
    static struct truth_worker workers[MAX_THREADS];
    struct truth_phase phase = {.name = "burn", .function = "worker_main"};
    int n_threads = (int)truth_argument(argc, argv, 1, 40);
    int n_least = MAX_FILES;
    char extra[64];

    n_threads = n_threads < 1 ? 1 : n_threads > MAX_THREADS ? MAX_THREADS : n_threads;
    (void)truth_calibrate();
    for (int i = 0; i < n_threads; i++) {
        workers[i].cpu_seconds = truth_argument(argc, argv, 2, 0.1);
        (void)snprintf(workers[i].name, sizeof workers[i].name, "open_%d", i);
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0)
            abort();
    }
    for (int i = 0; i < 20; i++) {
        const int n = open_all();
        n_least = n < n_least ? n : n_least;
        (void)usleep(2000);
    }
    for (int i = 0; i < n_threads; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        phase.cpu_ns += workers[i].cpu_ns;
    }
    (void)snprintf(extra, sizeof extra, ", \"n_opened\": %d", n_least);
    truth_print("open_files", &phase, 1, truth_worker_roots, extra);
    return 0;
}
