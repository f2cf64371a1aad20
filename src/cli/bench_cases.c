/* The cases of a benchmark, measured now, and what they were when a baseline was saved. */
#include <errno.h>
#include <stdio.h>

#include "cli/bench_case.h"
#include "cli/bench_store.h"
#include "cli/messages.h"
#include "cli/verbs.h"

static const char default_baseline[] = "base";

/* What is compared with what, and saved as what.  As Criterion has it: without a word about it,
 * with the run before, which this one then replaces. */
static void choose_baselines(struct pp_bench_suite *suite)
{
    const struct pp_bench_options *options = suite->options;

    if (options->baseline != NULL) {
        suite->compared = options->baseline;
        return;
    }
    suite->compared = options->save_baseline != NULL ? options->save_baseline : default_baseline;
    if (options->load_baseline != NULL)
        return;
    suite->saved = suite->compared;
    /* The first time there is nothing to compare with. */
    if (!pp_bench_store_has(suite, suite->compared))
        suite->compared = NULL;
}

static int list(struct pp_bench_suite *suite)
{
    for (size_t i = 0; i < suite->n_cases; i++)
        (void)printf("%s\n", suite->cases[i].name);
    return PP_EXIT_OK;
}

static int fail(const struct pprofc_error *err, int rc)
{
    pp_complain("%s", err->message);
    return rc == -EINVAL ? PP_EXIT_USAGE : PP_EXIT_FAILED;
}

/* Both sides of every case. */
static int gather(struct pp_bench_suite *suite)
{
    const struct pp_bench_options *options = suite->options;
    struct pprofc_error err;
    int rc = 0, code = 0;

    /* The baseline is read first: one that cannot be read should cost nobody the measuring. */
    if (suite->compared != NULL && options->load_baseline == NULL)
        rc = pp_bench_store_load(suite, suite->compared, PP_BEFORE, false, &suite->n_missing, &err);
    if (rc < 0)
        return fail(&err, rc);
    if (options->load_baseline == NULL) {
        code = pp_bench_measure(suite);
    } else {
        rc = pp_bench_store_load(suite, options->load_baseline, PP_AFTER, true, NULL, &err);
        if (rc == 0)
            rc = pp_bench_store_load(suite, suite->compared, PP_BEFORE, false, &suite->n_missing,
                                     &err);
    }
    return rc < 0 ? fail(&err, rc) : code;
}

static int benchmark(struct pp_bench_suite *suite)
{
    struct pprofc_error err;
    int code = gather(suite);
    int rc = 0;

    if (code != 0)
        return code;
    if (suite->saved != NULL)
        rc = pp_bench_store_save(suite, suite->saved, &err);
    if (rc == 0 && suite->compared != NULL)
        rc = pp_bench_judge(suite, &err);
    if (rc == 0)
        rc = pp_bench_draw(suite, &err);
    if (rc == 0)
        rc = pp_bench_show(suite, &err);
    if (rc < 0)
        return fail(&err, rc);
    if (suite->saved != NULL)
        pp_say("saved as %s in %s", suite->saved,
               suite->options->store != NULL ? suite->options->store : PP_BENCH_STORE);
    return pp_bench_verdict(suite);
}

int pp_bench_cases(const struct pp_bench_options *options)
{
    __attribute__((cleanup(pp_bench_suite_done))) struct pp_bench_suite suite = {.options =
                                                                                     options};
    struct pprofc_error err;
    const int rc = pp_bench_list_cases(&suite, &err);

    if (rc < 0)
        return fail(&err, rc);
    if (options->lists)
        return list(&suite);
    choose_baselines(&suite);
    return benchmark(&suite);
}
