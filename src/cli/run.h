/* One `pprofc run`: shared by cmd_run.c, which runs the program, and run_results.c, which makes its
 * profiles. */
#ifndef PP_CLI_RUN_H
#define PP_CLI_RUN_H

#include "cli/child.h"
#include "cli/output.h"
#include "cli/preload.h"
#include "cli/run_files.h"
#include "cli/run_http.h"
#include "cli/run_options.h"
#include "cli/target.h"

struct pp_run {
    struct pp_run_options options;
    struct pp_target target;
    struct pp_preload preload;
    struct pp_output output;
    struct pp_run_files files;
    struct pp_child child;
    struct pp_run_http http;
    char program[128];      /* "PROG" in names and messages */
    bool is_profiled;       /* a recording is expected */
    int64_t outside_cpu_ns; /* of the program's own CPU time: used where no recording was */
    uint32_t by_program;    /* what the program did by the API, of all its recordings */
    bool is_cut_off;        /* the program was killed: its last recording has not ended */
    bool has_execed; /* the program became another one: what was inspected is not what ended */
};

/* End the recordings of the run, make their profiles, write the files and say the last lines.
 * Called once: when the program has ended, or when -d is over. */
void pp_run_write_results(struct pp_run *run);

#endif
