/* pprofc_profile_write(): in the format that the name asks for. */
#include <errno.h>

#include "base/error.h"
#include "formats/encode.h"

int pprofc_profile_write(const struct pprofc_profile *profile, const char *path,
                         struct pprofc_error *err)
{
    const enum pp_format format = pp_format_of_path(path);
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    int status;

    if (format == PP_FORMAT_UNKNOWN)
        return pp_fail(err, -EINVAL, 0,
                       "cannot write '%s': its extension names no format; there are %s", path,
                       pp_format_extensions());
    if (format == PP_FORMAT_RECORDING)
        return pp_fail(err, -ENOTSUP, 0,
                       "cannot write '%s': a profile cannot become a recording again", path);
    status = pp_encode_profile(profile, format, profile->default_type, &bytes, err);
    return status < 0 ? status : pp_file_write(path, bytes.bytes, bytes.n_bytes, true, err);
}
