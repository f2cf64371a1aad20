/* A parent and its children, made by fork without exec, each burn CPU and print a truth line of
 * their own. Arguments: children (4), CPU seconds of each process (1). */
#include <sys/wait.h>

#include "truth.h"

TRUTH_NOINLINE static void child_work(void)
{
    TRUTH_SPIN_US(10000);
}

TRUTH_NOINLINE static void parent_work(void)
{
    TRUTH_SPIN_US(10010);
}

/* Burn and print; a child's clock starts at zero, so what it prints is its own. */
static void burn(bool is_child, double seconds)
{
    struct truth_phase phase = {.name = is_child ? "child" : "parent",
                                .function = is_child ? "child_work" : "parent_work"};
    const uint64_t end_ns = truth_deadline_ns(seconds);
    uint64_t now_ns = truth_thread_ns();

    while (now_ns < end_ns) {
        const uint64_t start_ns = now_ns;
        if (is_child)
            child_work();
        else
            parent_work();
        now_ns = truth_thread_ns();
        phase.cpu_ns += now_ns - start_ns;
    }
    truth_print("prefork", &phase, 1, truth_main_root, "");
}

int main(int argc, char **argv)
{
    const int n_children = (int)truth_argument(argc, argv, 1, 4);
    const double seconds = truth_argument(argc, argv, 2, 1);
    int n_failed = 0;

    (void)truth_calibrate();
    for (int i = 0; i < n_children; i++) {
        const pid_t pid = fork();
        if (pid < 0)
            return 1;
        if (pid == 0) {
            burn(true, seconds);
            /* Half of them leave by the way that runs no atexit function. */
            if (i % 2 == 0)
                exit(0);
            _exit(0);
        }
    }
    for (int i = 0; i < n_children; i++) {
        int status = 0;
        if (wait(&status) < 0 || status != 0)
            n_failed++;
    }
    /* Last: what the kernel did for the parent until here is booked on the user code that follows.
     */
    burn(false, seconds);
    return n_failed > 0;
}
