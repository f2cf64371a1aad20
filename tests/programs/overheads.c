/* Measures what profiling costs a function of its own by pprofc_overhead_measure(): overheads [HZ],
 * with what came of it on standard output. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pprofc/overhead.h"
#include "pprofc/pprofc.h"
#include "truth.h"

static unsigned n_calls;

TRUTH_NOINLINE static void work(void *argument)
{
    (void)argument;
    n_calls++;
    TRUTH_SPIN(20000000);
}

static void put_time(const char *what, const struct pprofc_overhead_time *time)
{
    printf("%s %.6f %.6f %.4f %.4f %.4f %.4f %d\n", what, time->baseline_s, time->profiled_s,
           time->percent, time->low_percent, time->high_percent, time->floor_percent,
           time->is_below_floor);
}

/* While a session runs there is no baseline. */
static int refuses_to_measure_a_profiled_program(void)
{
    struct pprofc_overhead found = PPROFC_OVERHEAD_INIT;
    int rc = pprofc_start(NULL, NULL);

    if (rc != 0)
        return 0;
    rc = pprofc_overhead_measure(work, NULL, NULL, &found, NULL);
    return pprofc_stop(NULL, NULL) == 0 && rc == -EBUSY;
}

int main(int argc, char **argv)
{
    struct pprofc_overhead_options options = PPROFC_OVERHEAD_OPTIONS_INIT;
    struct pprofc_overhead found = PPROFC_OVERHEAD_INIT;
    struct pprofc_error err;

    options.n_rounds = 4;
    options.frequency_hz = (double)truth_argument(argc, argv, 1, 1000);
    if (pprofc_overhead_measure(work, NULL, &options, &found, &err) != 0) {
        (void)fprintf(stderr, "overheads: %s\n", err.message);
        return 1;
    }
    put_time("wall", &found.wall);
    put_time("cpu", &found.cpu);
    printf("own %.6f %.4f\nmemory %llu\ncalls %u\n", found.own_cpu_s, found.own_percent,
           (unsigned long long)found.memory_bytes, n_calls);
    return refuses_to_measure_a_profiled_program() ? 0 : 2;
}
