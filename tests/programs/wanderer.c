/* Two threads that go to another CPU after each few milliseconds of work.  Argument: CPU seconds of
 * both (2). */
#include <sched.h>

#include "threads.h"

TRUTH_NOINLINE static void wander_burn(uint64_t us)
{
    TRUTH_SPIN_US(us);
}

static cpu_set_t allowed;

static void go_to_next(int *cpu)
{
    cpu_set_t set;

    do
        *cpu = (*cpu + 1) % CPU_SETSIZE;
    while (!CPU_ISSET(*cpu, &allowed));
    CPU_ZERO(&set);
    CPU_SET(*cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

static void *wanderer_main(void *argument)
{
    struct truth_worker *worker = argument;
    const uint64_t end_ns = (uint64_t)(worker->cpu_seconds * 1e9);
    int cpu = 0;

    (void)pthread_setname_np(pthread_self(), worker->name);
    do {
        wander_burn(3000);
        go_to_next(&cpu);
    } while (truth_thread_ns() < end_ns);
    worker->cpu_ns = truth_thread_done();
    return NULL;
}

int main(int argc, char **argv)
{
    static const char *const roots[] = {"wanderer_main", "main", NULL};
    static struct truth_worker workers[2] = {{.name = "far"}, {.name = "near"}};
    static struct truth_phase phases[2];
    const double seconds = truth_argument(argc, argv, 1, 2);

    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 2;
    (void)truth_calibrate();
    for (int i = 0; i < 2; i++) {
        workers[i].cpu_seconds = seconds * (i == 0 ? 0.7 : 0.3);
        if (pthread_create(&workers[i].thread, NULL, wanderer_main, &workers[i]) != 0)
            return 2;
    }
    for (int i = 0; i < 2; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        phases[i] = (struct truth_phase){
            .name = workers[i].name, .thread = workers[i].name, .cpu_ns = workers[i].cpu_ns};
    }
    truth_print("wanderer", phases, 2, roots, "");
    return 0;
}
