/* What a Google Benchmark program says of itself: its list of benchmarks, and the JSON that
 * --benchmark_out leaves. */
#ifndef PP_FORMATS_GOOGLE_BENCHMARK_H
#define PP_FORMATS_GOOGLE_BENCHMARK_H

#include "base/buffer.h"
#include "base/error.h"

/* The mean of the repetitions that a file holds. */
struct pp_google_times {
    double wall_s, cpu_s; /* of one iteration; > 0 */
    double n_iterations;
};

/* Read the JSON of a run of one benchmark ('name' is for messages).  -EBADMSG when it is none, or
 * no repetition of it was measured; -ECANCELED when the benchmark itself says that it failed; the
 * message says what and where. */
int pp_google_benchmark_read(const void *bytes, size_t n_bytes, const char *name,
                             struct pp_google_times *times_out, struct pprofc_error *err);

/* Append the expression that matches the benchmark 'name' and no other, for --benchmark_filter. */
void pp_google_benchmark_filter(const char *name, struct pp_buffer *out);

#endif
