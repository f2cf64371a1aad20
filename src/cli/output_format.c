/* Which format a name asks for. */
#include "cli/output_format.h"

#include <errno.h>
#include <string.h>

#include "cli/find_program.h"

int pp_format_for_writing(const char *path, enum pp_format *format_out, struct pprofc_error *err)
{
    static const char *const later[] = {".html"};
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
