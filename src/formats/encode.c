/* Every format that a profile can be written in.  This file alone of the room leans on views: what
 * people look at is a file like any other to whoever names one, and views know nothing of formats,
 * so the arrows make no circle. */
#include "formats/encode.h"

#include <errno.h>

#include "base/error.h"
#include "formats/diff_json.h"
#include "profile/diff.h"
#include "views/diff_table.h"
#include "views/flamegraph.h"
#include "views/top_table.h"

enum { TEXT_ROWS = 20 };

static int write_svg(const struct pprofc_profile *profile, uint32_t type, struct pp_buffer *out,
                     struct pprofc_error *err)
{
    const struct pp_flamegraph_options options = {.type = type};

    return pp_flamegraph_write(profile, &options, out, err);
}

static int write_text(const struct pprofc_profile *profile, uint32_t type, struct pp_buffer *out,
                      struct pprofc_error *err)
{
    const struct pp_top_table_options options = {
        .type = type, .group = PP_BY_FUNCTION, .n_rows = TEXT_ROWS};

    return pp_top_table_write(profile, &options, out, err);
}

int pp_encode_profile(const struct pprofc_profile *profile, enum pp_format format, uint32_t type,
                      struct pp_buffer *out, struct pprofc_error *err)
{
    switch (format) {
    case PP_FORMAT_PPROF:
        return pp_pprof_write(profile, true, out, err);
    case PP_FORMAT_PPROF_RAW:
        return pp_pprof_write(profile, false, out, err);
    case PP_FORMAT_FOLDED:
        return pp_folded_write(profile, type, out, err);
    case PP_FORMAT_JSON:
        return pp_json_write(profile, out, err);
    case PP_FORMAT_TEXT:
        return write_text(profile, type, out, err);
    case PP_FORMAT_SVG:
        return write_svg(profile, type, out, err);
    case PP_FORMAT_SPEEDSCOPE:
        return pp_speedscope_write(profile, out, err);
    case PP_FORMAT_OTLP:
        return pp_otlp_write(profile, out, err);
    case PP_FORMAT_CSV:
        return pp_csv_write(profile, type, out, err);
    case PP_FORMAT_UNKNOWN:
    case PP_FORMAT_PERF_SCRIPT:
    case PP_FORMAT_PERF_DATA:
    case PP_FORMAT_LEGACY:
    case PP_FORMAT_RECORDING:
    case PP_FORMAT_OTLP_JSON:
    case PP_FORMAT_CPUPROFILE:
    case PP_FORMAT_FIREFOX:
        break;
    }
    return pp_fail(err, -ENOTSUP, 0, "a profile cannot become a raw recording (.ppc) again");
}

int pp_encode_diff(const struct pp_diff *diff, enum pp_format format,
                   const struct pp_diff_encoding *encoding, struct pp_buffer *out,
                   struct pprofc_error *err)
{
    const struct pp_diff_table_options table = {.n_rows = encoding->n_rows,
                                                .by_cum = encoding->by_cum};
    const struct pp_flamegraph_options picture = {.title = encoding->title};

    if (format == PP_FORMAT_SVG)
        return pp_flamegraph_write_diff(diff, &picture, out, err);
    if (format == PP_FORMAT_TEXT)
        pp_diff_table_write(diff, &table, out);
    else if (format == PP_FORMAT_JSON)
        pp_diff_json_write(diff, out);
    else
        return pp_fail(err, -ENOTSUP, 0, "a comparison is written as .svg, .json or .txt");
    return out->failed ? pp_fail(err, -ENOMEM, 0, "no memory to write a comparison") : 0;
}
