/* pprofc_profile_write(): in the format that the name asks for.  This file alone of the room leans
 * on views: what people look at is a file like any other to whoever names one, and views know
 * nothing of formats, so the arrows make no circle. */
#include <errno.h>

#include "base/error.h"
#include "formats/formats.h"
#include "views/flamegraph.h"
#include "views/top_table.h"

static int encode(const struct pprofc_profile *profile, const char *path, struct pp_buffer *out,
                  struct pprofc_error *err)
{
    const uint32_t type = profile->default_type;
    const struct pp_flamegraph_options picture = {.type = type};
    const struct pp_top_table_options table = {.type = type, .group = PP_BY_FUNCTION};

    switch (pp_format_of_path(path)) {
    case PP_FORMAT_PPROF:
        return pp_pprof_write(profile, true, out, err);
    case PP_FORMAT_PPROF_RAW:
        return pp_pprof_write(profile, false, out, err);
    case PP_FORMAT_FOLDED:
        return pp_folded_write(profile, type, out, err);
    case PP_FORMAT_JSON:
        return pp_json_write(profile, out, err);
    case PP_FORMAT_TEXT:
        return pp_top_table_write(profile, &table, out, err);
    case PP_FORMAT_SVG:
        return pp_flamegraph_write(profile, &picture, out, err);
    case PP_FORMAT_RECORDING:
        return pp_fail(err, -ENOTSUP, 0,
                       "cannot write '%s': a profile cannot become a recording again", path);
    case PP_FORMAT_UNKNOWN:
        break;
    }
    return pp_fail(err, -EINVAL, 0,
                   "cannot write '%s': its extension names no format; there are %s", path,
                   pp_format_extensions());
}

int pprofc_profile_write(const struct pprofc_profile *profile, const char *path,
                         struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    const int status = encode(profile, path, &bytes, err);

    return status < 0 ? status : pp_file_write(path, bytes.bytes, bytes.n_bytes, true, err);
}
