/* The cases of a benchmark: from their names to what is said of them.  Each file bench_*.c of these
 * does one step. */
#ifndef PP_CLI_BENCH_CASE_H
#define PP_CLI_BENCH_CASE_H

#include "base/buffer.h"
#include "cli/bench_options.h"
#include "formats/bench_times.h"
#include "profile/diff.h"

enum pp_bench_state {
    PP_BENCH_REGRESSED,
    PP_BENCH_IMPROVED,
    PP_BENCH_NOISE, /* what there is of a change may be chance, or is as little as noise is */
    PP_BENCH_FEW,   /* one run tells nothing */
    PP_BENCH_NEW,   /* the baseline has no such case */
    PP_BENCH_N_STATES
};

struct pp_bench_verdict {
    struct pp_ratio ratio;
    double p_adjusted; /* over the cases */
    enum pp_bench_state state;
};

struct pp_bench_case {
    char *name, *command; /* for sh */
    bool is_google;       /* 'command' lacks the options that choose it and say where to write */
    bool is_left_out;     /* the benchmark itself says that it cannot be measured */
    bool has_before;
    struct pp_bench_times times[PP_N_SIDES];
    struct pprofc_profile **profiles[PP_N_SIDES]; /* by run; NULL: there are none */
    double doubt; /* how far off the machine may have put the ratio of CPU times, as a logarithm */
    struct pp_bench_verdict wall, cpu;
    struct pp_diff *diff; /* NULL: without profiles */
};

struct pp_bench_suite {
    const struct pp_bench_options *options;
    struct pp_bench_case *cases;
    size_t n_cases, cases_capacity;
    const char *compared; /* the baseline's name; NULL: nothing is compared */
    const char *saved;    /* what this run is saved as; NULL: it is not */
    uint32_t n_missing;   /* cases of the baseline that are not among ours */
};

void pp_bench_suite_done(struct pp_bench_suite *suite);

/* ---- bench_case_list.c ---- */

/* Append 'word', so that sh takes it for one word as it is. */
void pp_shell_quote(struct pp_buffer *out, const char *word);

/* The cases that were asked for.  -EINVAL, -ENOENT when a program tells none. */
int pp_bench_list_cases(struct pp_bench_suite *suite, struct pprofc_error *err);

/* Take those out that are left out. */
void pp_bench_drop_cases(struct pp_bench_suite *suite);

/* Append an empty one; NULL: no memory. */
struct pp_bench_case *pp_bench_add_case(struct pp_bench_suite *suite, const char *name);

/* ---- bench_measure.c ---- */

/* Run all of them, round after round, into the side PP_AFTER.  0, or what to exit with after a line
 * about it. */
int pp_bench_measure(struct pp_bench_suite *suite);

/* ---- bench_judge.c ---- */

/* Compare what has two sides.  -ENOMEM. */
int pp_bench_judge(struct pp_bench_suite *suite, struct pprofc_error *err);
const char *pp_bench_state_name(enum pp_bench_state state);

/* Whether 'row' of the case's diff is a change beyond what the machine may have done. */
bool pp_bench_row_counts(const struct pp_bench_case *one, const struct pp_diff_row *row,
                         bool by_cum);

/* PP_EXIT_WORSE after a line about the first case that is dearer than --fail-above allows, else 0.
 */
int pp_bench_verdict(const struct pp_bench_suite *suite);

/* ---- bench_show.c ---- */

/* The folder of the pictures, and one for each case that has a comparison of profiles. */
int pp_bench_draw(const struct pp_bench_suite *suite, struct pprofc_error *err);
int pp_bench_show(const struct pp_bench_suite *suite, struct pprofc_error *err);

#endif
