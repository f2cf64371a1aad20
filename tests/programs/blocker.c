/* Three equal threads: one blocks every signal, one SIGTRAP alone, one none.  Argument: CPU seconds
 * each (1). */
#include <signal.h>

#include "threads.h"

static void *blocker_main(void *argument)
{
    struct truth_worker *worker = argument;
    sigset_t mask;

    (void)sigemptyset(&mask);
    if (strcmp(worker->name, "deaf") == 0)
        (void)sigfillset(&mask);
    else if (strcmp(worker->name, "hard") == 0)
        (void)sigaddset(&mask, SIGTRAP);
    (void)pthread_sigmask(SIG_BLOCK, &mask, NULL);
    return worker_main(argument);
}

int main(int argc, char **argv)
{
    static struct truth_worker workers[] = {{.name = "deaf"}, {.name = "hard"}, {.name = "open"}};
    static struct truth_phase phases[3];

    (void)truth_calibrate();
    for (int i = 0; i < 3; i++) {
        workers[i].cpu_seconds = truth_argument(argc, argv, 1, 1);
        if (pthread_create(&workers[i].thread, NULL, blocker_main, &workers[i]) != 0)
            return 2;
    }
    for (int i = 0; i < 3; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        phases[i] = (struct truth_phase){
            .name = workers[i].name, .thread = workers[i].name, .cpu_ns = workers[i].cpu_ns};
    }
    truth_print("blocker", phases, 3, truth_worker_roots, "");
    return 0;
}
