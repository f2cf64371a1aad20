/* Several runs of one program in one profile, told apart by a label: a file keeps all of them, and
 * what runs differ by themselves is not lost. */
#ifndef PP_PROFILE_RUNS_H
#define PP_PROFILE_RUNS_H

#include "profile/profile.h"

/* The numeric label that says which run a sample is of, counted from 0. */
#define PP_LABEL_RUN "bench_run"

/* Add the profiles to 'sum', a new one, each of their samples with the number of its run.  -EINVAL
 * when their sample types differ, -ENOMEM. */
int pp_runs_join(struct pprofc_profile *sum, struct pprofc_profile *const *runs, uint32_t n_runs,
                 struct pprofc_error *err);

/* The profiles that 'sum' was made of, without the label, each the caller's; a run of which no
 * sample was taken is an empty one.  -EBADMSG when a sample is of no run below 'n_runs', -ENOMEM:
 * 'runs_out' is left alone then. */
int pp_runs_part(const struct pprofc_profile *sum, uint32_t n_runs,
                 struct pprofc_profile **runs_out, struct pprofc_error *err);

#endif
