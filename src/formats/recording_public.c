/* pprofc_profile_from_recording(): the one place where the report library calls the capture
 * library.  Nobody who only reads files pulls this object in from the static library. */
#include <errno.h>

#include "base/error.h"
#include "formats/recording.h"
#include "pprofc/profile.h"

/* Of libpprofc (pprofc/pprofc.h).  Weak: a program that never records, like the pprofc command, has
 * none. */
extern const void *pprofc_recording_bytes(const struct pprofc_recording *recording,
                                          size_t *n_bytes_out) __attribute__((weak));

int pprofc_profile_from_recording(const struct pprofc_recording *recording,
                                  struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    size_t n_bytes = 0;
    const void *bytes;

    if (pprofc_recording_bytes == NULL)
        return pp_fail(
            err, -ENOSYS, 0,
            "cannot make a profile of a recording: the program is not linked with libpprofc");
    bytes = pprofc_recording_bytes(recording, &n_bytes);
    return pp_recording_read(bytes, n_bytes, "the recording", profile_out, err);
}
