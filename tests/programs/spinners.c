/* Equal threads spin_0, spin_1 ..: each must get the same share.  Arguments: threads (2), CPU
 * seconds each (2). */
#include "threads.h"

enum { MAX_THREADS = 256 };

int main(int argc, char **argv)
{
    static struct truth_worker workers[MAX_THREADS];
    static struct truth_phase phases[MAX_THREADS];
    int n_threads = (int)truth_argument(argc, argv, 1, 2);

    n_threads = n_threads < 1 ? 1 : n_threads > MAX_THREADS ? MAX_THREADS : n_threads;
    (void)truth_calibrate();
    for (int i = 0; i < n_threads; i++) {
        workers[i].cpu_seconds = truth_argument(argc, argv, 2, 2);
        (void)snprintf(workers[i].name, sizeof workers[i].name, "spin_%d", i);
    }
    truth_workers_run(workers, n_threads);
    for (int i = 0; i < n_threads; i++)
        phases[i] = (struct truth_phase){
            .name = workers[i].name, .thread = workers[i].name, .cpu_ns = workers[i].cpu_ns};
    truth_print("spinners", phases, n_threads, truth_worker_roots, "");
    return 0;
}
