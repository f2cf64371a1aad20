/* Differences: what has come to be used more, and less, than in another profile. */
#include "cli/report_base.h"

#include "cli/merged_input.h"
#include "cli/messages.h"
#include "cli/verbs.h"
#include "profile/filter.h"

/* Each type of 'profile' to the total that it has in 'base'. */
static void normalize(struct pprofc_profile *profile, const struct pprofc_profile *base)
{
    double ratios[PP_MAX_TYPES];

    for (uint32_t type = 0; type < profile->n_types; type++) {
        const double total = (double)pp_profile_total(profile, type);
        ratios[type] = total == 0 ? 0 : (double)pp_profile_total(base, type) / total;
    }
    pp_profile_scale(profile, ratios);
}

static int subtract(struct pprofc_profile *profile, struct pprofc_profile *base,
                    struct pprofc_error *err)
{
    const struct pp_filter one_time = {.without_time = true};
    double ratios[PP_MAX_TYPES];
    int rc;

    for (size_t type = 0; type < PP_MAX_TYPES; type++)
        ratios[type] = -1;
    pp_profile_scale(base, ratios);
    /* Of the two only the samples are put together. */
    base->duration_ns = 0;
    base->quality.is_known = false;
    rc = pp_profile_merge(profile, base, err);
    if (rc == 0)
        rc = pp_profile_filter(profile, &one_time, NULL, err);
    if (rc == 0)
        pp_profile_drop_zeros(profile);
    return rc;
}

int pp_report_base(const struct pp_report *report, const struct pp_input_wish *wish,
                   struct pprofc_profile *profile, struct pp_view_scope *scope)
{
    const bool is_of_base = report->values[PP_REPORT_DIFF_BASE] != NULL;
    struct pprofc_profile *base = NULL;
    struct pprofc_error err;
    uint32_t type_of_base = 0;
    int code = pp_inputs_read(report->bases, wish, &base, &type_of_base);

    if (code != 0)
        return code;
    if (base->n_types != profile->n_types) {
        pp_complain("%s: it has %u sample types and %s has %u; compare profiles of one kind",
                    report->bases[0], base->n_types, report->paths[0], profile->n_types);
        pprofc_profile_free(base);
        return PP_EXIT_FAILED;
    }
    if (report->values[PP_REPORT_NORMALIZE] != NULL)
        normalize(profile, base);
    if (is_of_base)
        scope->whole = pp_profile_magnitude(base, scope->type);
    if (subtract(profile, base, &err) < 0) {
        pp_complain("%s: %s", report->bases[0], err.message);
        code = PP_EXIT_FAILED;
    }
    if (scope->whole == 0)
        scope->whole = pp_profile_magnitude(profile, scope->type);
    scope->base = report->bases[0];
    pprofc_profile_free(base);
    return code;
}
