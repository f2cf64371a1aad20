/* Burns CPU, prints the truth and leaves in the way asked for.
 * Arguments: exit, return, _exit, quick_exit, abort, segv, or a signal's number; CPU seconds (1);
 * status (7). */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "truth.h"

TRUTH_NOINLINE static void exits_work(void)
{
    TRUTH_SPIN_US(1000);
}

static int leave(const char *how, int status)
{
    static int *volatile nowhere = (int *)16;
    const struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    if (strcmp(how, "exit") == 0)
        exit(status);
    if (strcmp(how, "_exit") == 0)
        _exit(status);
    if (strcmp(how, "quick_exit") == 0)
        quick_exit(status);
    if (strcmp(how, "abort") == 0)
        abort();
    if (strcmp(how, "segv") == 0)
        *nowhere = 1;
    if (strcmp(how, "return") != 0) {
        (void)raise(atoi(how));
        return 99;
    }
    return status;
}

int main(int argc, char **argv)
{
    struct truth_phase phases[] = {{.name = "work", .function = "exits_work"}};
    const int status = (int)truth_argument(argc, argv, 3, 7);

    (void)truth_calibrate();
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 2, 1));
    uint64_t now_ns = truth_thread_ns();
    while (now_ns < end_ns) {
        const uint64_t start_ns = now_ns;
        exits_work();
        now_ns = truth_thread_ns();
        phases[0].cpu_ns += now_ns - start_ns;
    }
    truth_print("exits", phases, 1, truth_main_root, "");
    return leave(argc > 1 ? argv[1] : "return", status);
}
