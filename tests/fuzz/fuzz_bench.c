/* Any bytes: read as the times of a benchmark and as Google Benchmark's JSON.  What could be read
 * is sound, and times that are written are read again as they were. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/bench_times.h"
#include "formats/google_benchmark.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void write_again(const struct pp_bench_times *times)
{
    pp_autobuffer struct pp_buffer written = PP_BUFFER_INIT;
    struct pp_bench_times again;

    pp_bench_times_write(times, &written);
    if (pp_bench_times_read(written.bytes, written.n_bytes, "again", &again, NULL) != 0 ||
        again.n_runs != times->n_runs || again.is_per_iteration != times->is_per_iteration)
        abort();
    pp_bench_times_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct pprofc_error err = {.message = ""};
    struct pp_google_times google;
    struct pp_bench_times times;

    if (pp_google_benchmark_read(bytes, n_bytes, "fuzz", &google, &err) == 0) {
        if (!(google.wall_s > 0 && google.cpu_s > 0))
            abort();
    } else if (err.message[0] == '\0') {
        abort();
    }
    err.message[0] = '\0';
    if (pp_bench_times_read(bytes, n_bytes, "fuzz", &times, &err) == 0) {
        for (uint32_t i = 0; i < times.n_runs; i++)
            for (int k = 0; k < PP_BENCH_N_SERIES; k++)
                if (!(times.s[k][i] > 0))
                    abort();
        write_again(&times);
        pp_bench_times_done(&times);
    } else if (err.message[0] == '\0') {
        abort();
    }
    return 0;
}
