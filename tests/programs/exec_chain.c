/* Executes itself N times, after burning a random 0 to 3 ms each time: a sample that falls into
 * exec must not kill. Arguments: execs left (300), random state, execs in all. */
#include "truth.h"

int main(int argc, char **argv)
{
    const long n_left = (long)truth_argument(argc, argv, 1, 300);
    uint64_t random = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)getpid() * 2654435761u + 1;
    const long n_all = (long)truth_argument(argc, argv, 3, (double)n_left);
    char left[32], state[32], all[32], extra[64];

    if (n_left <= 0) {
        (void)snprintf(extra, sizeof extra, ", \"n_execs\": %ld", n_all);
        truth_print("exec_chain", NULL, 0, truth_main_root, extra);
        return 0;
    }
    /* Not calibrated, that would take longer than the work: any random length does here. */
    TRUTH_SPIN(truth_random(&random) % 2000000);
    (void)snprintf(left, sizeof left, "%ld", n_left - 1);
    (void)snprintf(state, sizeof state, "%llu", (unsigned long long)random);
    (void)snprintf(all, sizeof all, "%ld", n_all);
    (void)execl("/proc/self/exe", argv[0], left, state, all, (char *)NULL);
    perror("exec_chain: cannot execute itself");
    return 1;
}
