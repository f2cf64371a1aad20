/* A profile as the bytes of a file, whatever the format. */
#include "cli/encode.h"

#include <errno.h>
#include <string.h>

#include "cli/find_program.h"
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
    case PP_FORMAT_UNKNOWN:
    case PP_FORMAT_RECORDING:
        break;
    }
    return pp_fail(err, -ENOTSUP, 0, "a profile cannot become a raw recording (.ppc) again");
}

int pp_format_for_writing(const char *path, enum pp_format *format_out, struct pprofc_error *err)
{
    static const char *const later[] = {".speedscope.json", ".csv", ".otlp", ".html"};
    const char *name = pp_base_name(path);

    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        const size_t n_name = strlen(name), n_later = strlen(later[i]);
        if (n_name > n_later && strcmp(name + n_name - n_later, later[i]) == 0)
            return pp_fail(err, -EINVAL, 0,
                           "%s: the format %s is not available in this version; give one of %s",
                           path, later[i], pp_format_extensions());
    }
    *format_out = pp_format_of_path(path);
    if (*format_out == PP_FORMAT_UNKNOWN)
        return pp_fail(err, -EINVAL, 0, "%s: the extension names no known format; give one of %s",
                       path, pp_format_extensions());
    return 0;
}
