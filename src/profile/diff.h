/* Two profiles, or two sets of them, beside each other: what became dearer, what cheaper, and what
 * of it is more than chance.  docs/comparing.md says how it is judged. */
#ifndef PP_PROFILE_DIFF_H
#define PP_PROFILE_DIFF_H

#include <stdbool.h>

#include "profile/profile.h"
#include "profile/statistics.h"

enum pp_diff_side { PP_BEFORE, PP_AFTER, PP_N_SIDES };

enum pp_diff_state {
    PP_DIFF_REGRESSED,
    PP_DIFF_IMPROVED,
    PP_DIFF_NEW,   /* dearer, and was not there before */
    PP_DIFF_GONE,  /* cheaper: it is not there any more */
    PP_DIFF_NOISE, /* what there is of a change may be chance */
    PP_DIFF_FEW,   /* too few samples to say */
    PP_DIFF_N_STATES
};

/* What a change is a change of: what a run pays, its part of the whole, or it must be seen in both.
 */
enum pp_diff_judge { PP_JUDGE_AUTO, PP_JUDGE_COST, PP_JUDGE_SHARE, PP_JUDGE_BOTH };

/* Where the variance comes from. */
enum pp_diff_variance {
    PP_VARIANCE_RUNS,     /* between the runs of a side, three or more */
    PP_VARIANCE_SLICES,   /* between slices of time */
    PP_VARIANCE_SAMPLING, /* the weights of a sampled heap */
    PP_VARIANCE_NONE,     /* all was counted: there is no chance in it */
    PP_VARIANCE_BINOMIAL, /* each sample on its own */
};

struct pp_diff_options {
    const char *sample; /* sample type by name; NULL: the default of the first profile before */
    enum pp_diff_judge judge;
};

struct pp_diff_total {
    uint32_t n_profiles, n_batches;
    double value; /* of all profiles, in the type's unit */
    double n_samples;
    double squares;              /* of the batches' values, summed */
    double width, width_squares; /* of the batches, summed: how long each is, in slices */
    double variance, n_sampled;  /* of the estimates of a heap */
    int64_t duration_ns;         /* of all; 0: not known */
    double rate_hz;              /* asked for; 0: not known, -1: not the same everywhere */
};

/* A function's own part, or that of it and what it calls. */
struct pp_diff_change {
    double value[PP_N_SIDES]; /* a run: the sum divided by the profiles */
    double share[PP_N_SIDES]; /* of the side's total, 0 to 1 */
    double n_samples[PP_N_SIDES];
    struct pp_interval value_change; /* 95 % limits of after - before, a run */
    struct pp_interval ratio;        /* of after / before; not finite where one is nothing */
    struct pp_interval share_change;
    double p, p_adjusted; /* of no change; 1 where there are too few samples */
    enum pp_diff_state state;
};

struct pp_diff_row {
    const char *name, *file, *module; /* "" when not known; they live as long as the diff */
    int64_t line;
    struct pp_diff_change flat, cum;
};

struct pp_diff {
    /* The stacks of all, and four values a sample: before, samples before, after, samples after.
     * Its slices are batches. */
    struct pprofc_profile *joint;
    struct pp_diff_total total[PP_N_SIDES];
    double *widths; /* by batch: its slices, the last one of a profile not whole; of runs 1 */
    struct pp_diff_row *rows; /* changes first, the largest of them first, by flat */
    uint32_t n_rows;
    enum pp_diff_judge judge; /* never AUTO */
    enum pp_diff_variance variance;
    bool windows_differ, rates_differ, only_one_has_slices;
    struct pp_interval
        total_ratio; /* after / before, a run; not finite unless runs were compared */
};

enum {
    PP_DIFF_FEW_SAMPLES = 10, /* of both sides, or nothing is said of a function */
    PP_DIFF_MOST_BATCHES = 48,
    PP_DIFF_FEWEST_BATCHES = 8, /* of time; with fewer samples are taken each on its own */
    PP_DIFF_FEWEST_RUNS = 3,
};

/* Compare.  The profiles stay the caller's and may be freed before the diff.  -EINVAL when a side
 * is empty or units differ, -ENOENT when a profile lacks the sample type, -ENODATA when there is no
 * sample at all; -ENOMEM. */
int pp_diff_make(const struct pprofc_profile *const *before, uint32_t n_before,
                 const struct pprofc_profile *const *after, uint32_t n_after,
                 const struct pp_diff_options *options, struct pp_diff **diff_out,
                 struct pprofc_error *err);
void pp_diff_free(struct pp_diff *diff); /* NULL is fine */

/* Rows in the order of their own parts, or of what they and their callees used. */
void pp_diff_sort(struct pp_diff *diff, bool by_cum);

/* What the whole pays a run. */
double pp_diff_run_total(const struct pp_diff *diff, enum pp_diff_side side);

/* How much the whole became dearer by this, as a part of what it was: by what is judged. */
double pp_diff_growth(const struct pp_diff *diff, const struct pp_diff_change *change);

/* Is there a change for the worse, and more than chance, of more than 'limit' of the whole: a
 * function's, or where runs were compared the whole's?  The row, -1 for the whole, or -ENOENT. */
int64_t pp_diff_find_worse(const struct pp_diff *diff, double limit, bool by_cum);

const char *pp_diff_state_name(enum pp_diff_state state); /* "within noise" */
const char *pp_diff_type(const struct pp_diff *diff);     /* "cpu" */
const char *pp_diff_unit(const struct pp_diff *diff);     /* "nanoseconds" */

/* ---- between the files diff_*.c ---- */

/* Sums over the batches of a side, by group. */
struct pp_diff_moments {
    double value, n_samples;
    double squares;             /* of the batches' values */
    double products;            /* of them with the batches' totals */
    double by_width;            /* of them with the batches' widths */
    double n_batches;           /* in which there is any */
    double variance, n_sampled; /* of estimates */
};

struct pp_diff_group {
    pp_id name, file, module; /* strings of the joint profile */
    int64_t line;
    struct pp_diff_moments flat[PP_N_SIDES], cum[PP_N_SIDES];
};

struct pp_diff_groups {
    struct pp_diff_group *items;
    uint32_t n;
    size_t capacity;
};

/* diff_join.c: all profiles in one, with its totals; and what is to be said of them. */
int pp_diff_join(struct pp_diff *diff,
                 const struct pprofc_profile *const *const profiles[PP_N_SIDES],
                 const struct pp_diff_options *options, struct pprofc_error *err);
/* diff_sum.c: by function name.  0 or -ENOMEM. */
int pp_diff_sum(struct pp_diff *diff, struct pp_diff_groups *groups_out);
/* diff_judge.c: rows from groups. 0 or -ENOMEM. */
int pp_diff_judge_groups(struct pp_diff *diff, const struct pp_diff_groups *groups);

#endif
