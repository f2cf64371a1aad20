/* Several runs of one program in one profile. */
#include "profile/runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "profile/tables.h"

static const uint32_t no_run = UINT32_MAX;

static bool is_run_label(const struct pprofc_profile *profile, const struct pp_label *label)
{
    return label->text == 0 && strcmp(profile->strings[label->key], PP_LABEL_RUN) == 0;
}

/* The run that a set of labels names. */
static uint32_t run_of(const struct pprofc_profile *profile, pp_id label_set)
{
    const struct pp_label_set *set = &profile->label_sets[label_set];

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        if (is_run_label(profile, label) && label->number >= 0 && label->number < no_run)
            return (uint32_t)label->number;
    }
    return no_run;
}

/* The set without the label of a run, and with 'mark' where that is not NULL. */
static pp_id changed_set(struct pprofc_profile *profile, pp_id label_set,
                         const struct pp_label *mark)
{
    const struct pp_label_set set = profile->label_sets[label_set];
    pp_autofree struct pp_label *labels = calloc((size_t)set.n_labels + 1, sizeof *labels);
    uint32_t n = 0;

    if (labels == NULL) {
        profile->tables->failed = true;
        return 0;
    }
    for (uint32_t i = 0; i < set.n_labels; i++) {
        const struct pp_label *label = &profile->labels[set.first + i];
        if (!is_run_label(profile, label))
            labels[n++] = *label;
    }
    if (mark != NULL)
        labels[n++] = *mark;
    return pp_profile_label_set(profile, labels, n);
}

/* Give all samples other sets.  Those of different sets stay different: one label comes to all of
 * them, or goes from all. */
static int change_sets(struct pprofc_profile *profile, const struct pp_label *mark)
{
    const uint32_t n_sets = profile->n_label_sets; /* as they are now */
    pp_autofree pp_id *changed = calloc(n_sets, sizeof *changed);

    if (changed == NULL)
        return -ENOMEM;
    for (pp_id set = 0; set < n_sets; set++)
        changed[set] = changed_set(profile, set, mark);
    if (pp_profile_failed(profile))
        return -ENOMEM;
    pp_profile_samples_forget(profile);
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        profile->sample_labels[i] = changed[profile->sample_labels[i]];
        pp_profile_samples_remember(profile, i);
    }
    return pp_profile_failed(profile) ? -ENOMEM : 0;
}

static int add_run(struct pprofc_profile *sum, const struct pprofc_profile *run, uint32_t number,
                   struct pprofc_error *err)
{
    struct pprofc_profile *marked = pp_profile_new();
    int rc = marked == NULL ? -ENOMEM : pp_profile_merge(marked, run, err);

    if (rc == 0) {
        const struct pp_label mark = {.key = pp_profile_text(marked, PP_LABEL_RUN),
                                      .number = number};
        rc = change_sets(marked, &mark);
    }
    if (rc == 0)
        rc = pp_profile_merge(sum, marked, err);
    pprofc_profile_free(marked);
    return rc == -ENOMEM ? pp_fail(err, rc, 0, "no memory to put runs together") : rc;
}

int pp_runs_join(struct pprofc_profile *sum, struct pprofc_profile *const *runs, uint32_t n_runs,
                 struct pprofc_error *err)
{
    int rc = 0;

    for (uint32_t i = 0; i < n_runs && rc == 0; i++)
        rc = add_run(sum, runs[i], i, err);
    return rc;
}

/* A copy with the samples of one run.  What the whole was counted over is shared out evenly. */
static int take_run(const struct pprofc_profile *sum, const uint32_t *runs_of, uint32_t number,
                    uint32_t n_runs, struct pprofc_profile **run_out, struct pprofc_error *err)
{
    struct pprofc_profile *run = pp_profile_new();
    int rc = run == NULL ? -ENOMEM : pp_profile_merge(run, sum, err);

    /* An empty profile takes over what it merges as it is: samples have the places they had. */
    for (uint32_t i = 0; rc == 0 && i < run->n_samples; i++)
        if (runs_of[i] != number)
            memset(run->sample_values + (size_t)i * run->n_types, 0,
                   run->n_types * sizeof *run->sample_values);
    if (rc == 0) {
        pp_profile_drop_zeros(run);
        run->duration_ns /= n_runs;
        rc = change_sets(run, NULL);
    }
    if (rc == 0)
        *run_out = run;
    else
        pprofc_profile_free(run);
    return rc == -ENOMEM ? pp_fail(err, rc, 0, "no memory to take runs apart") : rc;
}

int pp_runs_part(const struct pprofc_profile *sum, uint32_t n_runs,
                 struct pprofc_profile **runs_out, struct pprofc_error *err)
{
    pp_autofree uint32_t *runs_of = calloc((size_t)sum->n_samples + 1, sizeof *runs_of);
    pp_autofree struct pprofc_profile **runs = calloc((size_t)n_runs + 1, sizeof(void *));
    int rc = 0;

    if (runs_of == NULL || runs == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory to take runs apart");
    for (uint32_t i = 0; i < sum->n_samples; i++) {
        runs_of[i] = run_of(sum, sum->sample_labels[i]);
        if (runs_of[i] >= n_runs)
            return pp_fail(err, -EBADMSG, 0, "a sample is of none of the %u runs", n_runs);
    }
    for (uint32_t i = 0; i < n_runs && rc == 0; i++)
        rc = take_run(sum, runs_of, i, n_runs, &runs[i], err);
    for (uint32_t i = 0; i < n_runs; i++)
        if (rc == 0)
            runs_out[i] = runs[i];
        else
            pprofc_profile_free(runs[i]);
    return rc;
}
