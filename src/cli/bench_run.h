/* One run of a command that is measured: its time, its CPU time, what profiling it cost, and its
 * profile. */
#ifndef PP_CLI_BENCH_RUN_H
#define PP_CLI_BENCH_RUN_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cli/own_cost.h"
#include "cli/preload.h"
#include "profile/profile.h"

/* How runs are made, the same for all. */
struct pp_bench {
    char folder[PATH_MAX / 2]; /* where recordings go */
    struct pp_preload preload;
    double rate_hz;
    uint32_t kinds;          /* PP_KIND_CPU and others */
    bool is_profiled, keeps; /* recordings */
};

/* What is run. */
struct pp_bench_program {
    const char *path;
    char **arguments;
    bool is_baseline;   /* without the profiler, whatever the environment says */
    bool has_no_input;  /* its standard input is empty, in each run alike */
    bool links_capture; /* it needs no preload */
    bool follows;       /* the programs that it starts are profiled as well */
};

struct pp_bench_figures {
    double wall_s, cpu_s; /* of the command and the children it waited for */
    int64_t peak_bytes;   /* the largest resident size of one of them */
    int code;             /* it exited with; 128 + N by a signal */
    struct pp_own_cost own;
};

/* Make ready to profile 'kinds'; recordings go to 'keep', which is made when it is missing, or to a
 * folder in TMPDIR that is removed at the end. */
int pp_bench_init(struct pp_bench *bench, const char *keep, uint32_t kinds, double rate_hz,
                  struct pprofc_error *err);
void pp_bench_done(struct pp_bench *bench);

/* Run a program, its output to /dev/null.  'name' is the beginning of its recordings' names. */
int pp_bench_run_program(struct pp_bench *bench, const struct pp_bench_program *program,
                         const char *name, struct pp_bench_figures *figures_out,
                         struct pprofc_error *err);

/* The same with 'command' by /bin/sh. */
int pp_bench_run(struct pp_bench *bench, const char *command, const char *name,
                 struct pp_bench_figures *figures_out, struct pprofc_error *err);

/* The profile of a run: of all its processes together.  -ENODATA when it left none. */
int pp_bench_profile(const struct pp_bench *bench, const char *name,
                     struct pprofc_profile **profile_out, struct pprofc_error *err);

#endif
