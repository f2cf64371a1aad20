/* The times of a benchmark's case, as a file: what a later benchmark is compared with. */
#ifndef PP_FORMATS_BENCH_TIMES_H
#define PP_FORMATS_BENCH_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { PP_BENCH_MOST_RUNS = 1000 };

/* What is measured in each run, in seconds. */
enum pp_bench_series {
    PP_BENCH_WALL,
    PP_BENCH_CPU,
    /* Beside it, to know how the machine did: a fixed piece of work, and a program that does
     * nothing, run and profiled like the case. */
    PP_BENCH_SPIN_WALL,
    PP_BENCH_SPIN_CPU,
    PP_BENCH_EMPTY_WALL,
    PP_BENCH_EMPTY_CPU,
    PP_BENCH_N_SERIES
};

struct pp_bench_times {
    char *name, *command, *machine; /* of the case; "" when not known; ours */
    int64_t time_s;                 /* when it was measured, since 1970 */
    bool is_per_iteration;          /* times are of an iteration, not of a run */
    uint32_t n_runs;                /* at most PP_BENCH_MOST_RUNS */
    double *s[PP_BENCH_N_SERIES];   /* by run; > 0 */
};

/* Room for 'n_runs' runs, all 0.  -ENOMEM; done() in any case. */
int pp_bench_times_init(struct pp_bench_times *times, uint32_t n_runs);
void pp_bench_times_done(struct pp_bench_times *times);

/* Append one JSON object. */
void pp_bench_times_write(const struct pp_bench_times *times, struct pp_buffer *out);

/* Read one ('path' is for messages); the caller's done().  -EBADMSG when it is none; -ENOMEM. */
int pp_bench_times_read(const void *bytes, size_t n_bytes, const char *path,
                        struct pp_bench_times *times_out, struct pprofc_error *err);

#endif
