/* The rows of a top as a profile of their own: pprof's "topproto". */
#include "cli/top_profile.h"

#include <errno.h>

#include "base/error.h"
#include "formats/formats.h"

/* By the bytes: both profiles have strings of their own. */
static pp_id copy_string(struct pprofc_profile *rows, const struct pprofc_profile *profile,
                         pp_id string)
{
    return pp_profile_string(rows, pp_profile_chars(profile, string),
                             profile->string_bytes[string]);
}

static void copy_facts(struct pprofc_profile *rows, const struct pprofc_profile *profile,
                       uint32_t type)
{
    const char *unit = pp_profile_chars(profile, profile->types[type].unit);

    (void)pp_profile_add_type(rows, "cum", unit);
    rows->default_type = (uint32_t)pp_profile_add_type(rows, "flat", unit);
    rows->time_ns = profile->time_ns;
    rows->duration_ns = profile->duration_ns;
    rows->period = profile->period;
    rows->period_type =
        (struct pp_value_type){copy_string(rows, profile, profile->period_type.type),
                               copy_string(rows, profile, profile->period_type.unit)};
    for (uint32_t i = 0; i < profile->n_comments; i++)
        pp_profile_comment(rows, "%s", pp_profile_chars(profile, profile->comments[i]));
}

static void add_row(struct pprofc_profile *rows, enum pp_group group, const struct pp_top_row *row)
{
    const struct pp_mapping mapping = {.path = pp_profile_text(rows, row->module),
                                       .has_functions = true};
    const struct pp_function function = {
        .name = pp_profile_text(rows, row->name),
        .system_name = pp_profile_text(rows, row->name),
        /* functions of one name may be in several files */
        .file = pp_profile_text(rows, group == PP_BY_NAME ? "" : row->file)};
    const struct pp_line line = {.function = pp_profile_function(rows, &function),
                                 .line = group == PP_BY_LINE ? row->line : 0};
    const struct pp_location location = {
        .mapping = row->module[0] != '\0' ? pp_profile_mapping(rows, &mapping) : 0, .n_lines = 1};
    const int64_t values[] = {row->cum, row->flat};

    pp_profile_add(rows, pp_profile_child(rows, 0, pp_profile_location(rows, &location, &line)), 0,
                   0, values);
}

int pp_top_profile_write(const struct pprofc_profile *profile,
                         const struct pp_top_table_options *options, struct pp_buffer *out,
                         struct pprofc_error *err)
{
    struct pprofc_profile *rows;
    struct pp_top top;
    int rc = pp_top_table_rows(profile, options, &top, err);

    if (rc != 0)
        return rc;
    rows = pp_profile_new();
    if (rows != NULL) {
        copy_facts(rows, profile, options->type);
        for (uint32_t i = 0; i < top.n_rows && i < options->n_rows; i++)
            add_row(rows, options->group, &top.rows[i]);
        if (top.n_light > 0)
            pp_profile_comment(rows, "%u rows of less than %.4g %% were left out", top.n_light,
                               100 * options->min_share);
        if (top.n_rows > options->n_rows)
            pp_profile_comment(rows, "the first %u of %u rows", options->n_rows, top.n_rows);
    }
    pp_top_done(&top);
    rc = rows == NULL || pp_profile_failed(rows)
             ? pp_fail(err, -ENOMEM, 0, "cannot write the rows: out of memory")
             : pp_pprof_write(rows, true, out, err);
    pprofc_profile_free(rows);
    return rc;
}
