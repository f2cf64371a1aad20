/* A fixed piece of work, timed beside each run of a benchmark: it says whether the machine itself
 * was faster or slower when a baseline was measured. */
#ifndef PP_CLI_BENCH_YARDSTICK_H
#define PP_CLI_BENCH_YARDSTICK_H

/* Its CPU time now: the middle one of three pieces.  > 0. */
double pp_yardstick_s(void);

/* "AMD EPYC 7763, 2 CPUs", in static memory. */
const char *pp_machine_name(void);

#endif
