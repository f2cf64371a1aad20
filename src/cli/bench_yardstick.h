/* A fixed piece of work, timed beside each run of a benchmark: it says whether the machine itself
 * was faster or slower when a baseline was measured. */
#ifndef PP_CLI_BENCH_YARDSTICK_H
#define PP_CLI_BENCH_YARDSTICK_H

/* What it takes now, in all and of CPU time: the middle one of three pieces each.  > 0. */
void pp_yardstick(double *wall_s_out, double *cpu_s_out);

/* "AMD EPYC 7763, 2 CPUs", in static memory. */
const char *pp_machine_name(void);

#endif
