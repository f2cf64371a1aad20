/* pprofc_profile_read(): whatever format it has. */
#include <errno.h>

#include "base/error.h"
#include "formats/formats.h"
#include "formats/recording.h"

static int read_bytes(const struct pp_buffer *bytes, const char *name,
                      struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    switch (pp_format_of_bytes(bytes->bytes, bytes->n_bytes)) {
    case PP_FORMAT_PPROF:
    case PP_FORMAT_PPROF_RAW:
        return pp_pprof_read(bytes->bytes, bytes->n_bytes, name, profile_out, err);
    case PP_FORMAT_FOLDED:
        return pp_folded_read(bytes->bytes, bytes->n_bytes, name, profile_out, err);
    case PP_FORMAT_RECORDING:
        return pp_recording_read(bytes->bytes, bytes->n_bytes, name, profile_out, err);
    case PP_FORMAT_JSON:
    case PP_FORMAT_TEXT:
    case PP_FORMAT_SVG:
        return pp_fail(
            err, -EBADMSG, 0,
            "'%s' is for people and other programs; pprof-c reads .pb.gz .pb .folded .ppc", name);
    case PP_FORMAT_UNKNOWN:
        break;
    }
    return pp_fail(
        err, -EBADMSG, 0,
        bytes->n_bytes == 0 ? "'%s' is empty" : "'%s' is in no format that is known here", name);
}

int pprofc_profile_read(const char *path, struct pprofc_profile **profile_out,
                        struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    const int status = pp_file_read(path, &bytes, err);

    return status < 0 ? status : read_bytes(&bytes, path, profile_out, err);
}
