/* pprofc_profile_diff() and what is done with its result. */
#include <errno.h>
#include <limits.h>

#include "base/error.h"
#include "formats/encode.h"
#include "profile/diff.h"

/* What callers hold is ours under a public name. */
static struct pp_diff *ours(const struct pprofc_diff *diff)
{
    return (struct pp_diff *)(uintptr_t)diff;
}

int pprofc_profile_diff(const struct pprofc_profile *const *before, size_t n_before,
                        const struct pprofc_profile *const *after, size_t n_after,
                        const struct pprofc_diff_options *options, struct pprofc_diff **diff_out,
                        struct pprofc_error *err)
{
    static const enum pp_diff_judge judges[] = {[PPROFC_DIFF_AUTO] = PP_JUDGE_AUTO,
                                                [PPROFC_DIFF_COST] = PP_JUDGE_COST,
                                                [PPROFC_DIFF_SHARE] = PP_JUDGE_SHARE,
                                                [PPROFC_DIFF_BOTH] = PP_JUDGE_BOTH};
    struct pp_diff_options wish = {.sample = NULL};
    struct pp_diff *diff = NULL;
    int rc;

    if (options != NULL && (options->struct_bytes < sizeof *options ||
                            (size_t)options->judge >= sizeof judges / sizeof judges[0]))
        return pp_fail(err, -EINVAL, 0, "initialise the options with PPROFC_DIFF_OPTIONS_INIT");
    if (n_before > INT_MAX || n_after > INT_MAX)
        return pp_fail(err, -EINVAL, 0, "so many profiles cannot be");
    if (options != NULL)
        wish = (struct pp_diff_options){.sample = options->sample, .judge = judges[options->judge]};
    rc = pp_diff_make(before, (uint32_t)n_before, after, (uint32_t)n_after, &wish, &diff, err);
    if (rc == 0)
        *diff_out = (struct pprofc_diff *)diff;
    return rc;
}

int pprofc_diff_functions(const struct pprofc_diff *diff, struct pprofc_diff_function *functions,
                          size_t n)
{
    const struct pp_diff *from = ours(diff);

    for (size_t i = 0; i < n && i < from->n_rows; i++) {
        const struct pp_diff_row *row = &from->rows[i];
        functions[i] = (struct pprofc_diff_function){
            .name = row->name,
            .file = row->file,
            .state = pp_diff_state_name(row->flat.state),
            .before = row->flat.value[PP_BEFORE],
            .after = row->flat.value[PP_AFTER],
            .samples_before = row->flat.n_samples[PP_BEFORE],
            .samples_after = row->flat.n_samples[PP_AFTER],
            .share_before = row->flat.share[PP_BEFORE],
            .share_after = row->flat.share[PP_AFTER],
            .share_change_low = row->flat.share_change.low,
            .share_change_high = row->flat.share_change.high,
            .ratio_low = row->flat.ratio.low,
            .ratio_high = row->flat.ratio.high,
            .p_adjusted = row->flat.p_adjusted,
        };
    }
    return from->n_rows < INT_MAX ? (int)from->n_rows : INT_MAX;
}

int pprofc_diff_write(const struct pprofc_diff *diff, const char *path, struct pprofc_error *err)
{
    const enum pp_format format = pp_format_of_path(path);
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    const struct pp_diff_encoding encoding = {.n_rows = UINT32_MAX};
    const int rc = pp_encode_diff(ours(diff), format, &encoding, &bytes, err);

    if (rc == -ENOTSUP)
        return pp_fail(err, -EINVAL, 0,
                       "cannot write '%s': a comparison is written as .svg, .json or .txt", path);
    return rc < 0 ? rc : pp_file_write(path, bytes.bytes, bytes.n_bytes, true, err);
}

void pprofc_diff_free(struct pprofc_diff *diff)
{
    pp_diff_free(ours(diff));
}
