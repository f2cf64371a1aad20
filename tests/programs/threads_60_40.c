/* Two threads, worker_60 and worker_40, share the CPU time 60 to 40.  Arguments: CPU seconds in all
 * (5). */
#include "threads.h"

int main(int argc, char **argv)
{
    const double seconds = truth_argument(argc, argv, 1, 5);
    struct truth_worker workers[] = {
        {.name = "worker_60", .cpu_seconds = 0.6 * seconds},
        {.name = "worker_40", .cpu_seconds = 0.4 * seconds},
    };

    (void)truth_calibrate();
    truth_workers_run(workers, 2);
    const struct truth_phase phases[] = {
        {.name = "60",
         .function = "worker_main",
         .thread = "worker_60",
         .cpu_ns = workers[0].cpu_ns},
        {.name = "40",
         .function = "worker_main",
         .thread = "worker_40",
         .cpu_ns = workers[1].cpu_ns},
    };
    truth_print("threads_60_40", phases, 2, truth_worker_roots, "");
    return 0;
}
