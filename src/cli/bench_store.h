/* Baselines on disk: STORE/BASELINE/CASE.json has the times of a case, CASE.pb.gz the profile of
 * its runs. */
#ifndef PP_CLI_BENCH_STORE_H
#define PP_CLI_BENCH_STORE_H

#include "cli/bench_case.h"

#define PP_BENCH_STORE ".pprofc-bench"

/* Make 'folder' and those above it that are missing. */
int pp_make_folders(const char *folder, struct pprofc_error *err);

/* Append the case's name as a file's: other characters than letters, digits, '.', '_' and '-' are
 * %XX, and what is too long ends in a number made of all of it. */
void pp_bench_file_name(const char *name, struct pp_buffer *out);

/* Whether there is a baseline of this name. */
bool pp_bench_store_has(const struct pp_bench_suite *suite, const char *baseline);

/* Read what 'baseline' knows of the suite's cases into their side 'side'; cases that it lacks have
 * none.  With 'adds' cases that the suite lacks are added, as --filter says.  'n_others_out', may
 * be NULL: how many of its cases the suite lacks. */
int pp_bench_store_load(struct pp_bench_suite *suite, const char *baseline, enum pp_diff_side side,
                        bool adds, uint32_t *n_others_out, struct pprofc_error *err);

/* Write the side PP_AFTER of all cases as 'baseline'.  Other cases of it stay.  A case is replaced
 * when both of its files are written. */
int pp_bench_store_save(const struct pp_bench_suite *suite, const char *baseline,
                        struct pprofc_error *err);

#endif
