/* Many short threads, four at a time: most are born and dead between two samples.
 * Arguments: threads (2000), CPU milliseconds each (5). */
#include "threads.h"

enum { AT_A_TIME = 4 };

int main(int argc, char **argv)
{
    const int n_threads = (int)truth_argument(argc, argv, 1, 2000);
    const double seconds = truth_argument(argc, argv, 2, 5) / 1e3;
    struct truth_phase phases[] = {{.name = "short threads", .thread = "short"}};
    char extra[64];

    (void)truth_calibrate();
    for (int n_done = 0; n_done < n_threads; n_done += AT_A_TIME) {
        struct truth_worker workers[AT_A_TIME] = {0};
        for (int i = 0; i < AT_A_TIME; i++) {
            workers[i].cpu_seconds = seconds;
            (void)snprintf(workers[i].name, sizeof workers[i].name, "short");
        }
        truth_workers_run(workers, AT_A_TIME);
    }
    /* All but this thread's, their births and deaths included. */
    phases[0].cpu_ns = truth_program_ns() - truth_thread_ns();
    (void)snprintf(extra, sizeof extra, ", \"n_threads\": %d, \"is_by_thread\": true", n_threads);
    truth_print("many_threads", phases, 1, truth_worker_roots, extra);
    return 0;
}
