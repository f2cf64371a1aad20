/* The profile that a verb works on. */
#include "cli/profile_input.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/messages.h"
#include "cli/verbs.h"
#include "formats/recording.h"

static bool is_recording(const char *path)
{
    char magic[sizeof PP_REC_MAGIC - 1];
    pp_autoclose_fd int descriptor = -1;

    if (strcmp(path, "-") != 0) /* O_NONBLOCK: not to wait for a pipe's writer here */
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return descriptor >= 0 && pread(descriptor, magic, sizeof magic, 0) == sizeof magic &&
           memcmp(magic, PP_REC_MAGIC, sizeof magic) == 0;
}

/* A raw recording gets its names here and now, so the user's debug files count. */
static int read_recording(const char *path, struct pprofc_profile **profile_out,
                          struct pprofc_error *err)
{
    const struct pp_symbolizer_options options = {.debug_path = getenv("PPROFC_DEBUG_PATH")};
    struct pp_recording_reader *reader = NULL;
    struct pp_symbolizer *symbolizer = NULL;
    int rc = pp_recording_open(path, &reader, err);

    if (rc == 0)
        rc = pp_symbolizer_new(&options, &symbolizer, err);
    if (rc == 0)
        rc = pp_recording_to_profile(reader, symbolizer, NULL, profile_out, err);
    pp_symbolizer_free(symbolizer);
    pp_recording_close(reader);
    return rc;
}

static int read_profile(const char *path, struct pprofc_profile **profile_out,
                        struct pprofc_error *err)
{
    return is_recording(path) ? read_recording(path, profile_out, err)
                              : pprofc_profile_read(path, profile_out, err);
}

int pp_input_read(const char *path, const char *sample, struct pprofc_profile **profile_out,
                  uint32_t *type_out)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int type;

    if (read_profile(path, &profile, &err) < 0) {
        if (err.offset_bytes > 0)
            pp_complain("%s (at byte %llu)", err.message, (unsigned long long)err.offset_bytes);
        else
            pp_complain("%s", err.message);
        return PP_EXIT_FAILED;
    }
    type = (int)profile->default_type;
    if (sample != NULL)
        type = pp_profile_find_type(profile, sample, &err);
    if (type < 0) {
        pp_complain("%s", err.message);
        pprofc_profile_free(profile);
        return PP_EXIT_USAGE;
    }
    *profile_out = profile;
    *type_out = (uint32_t)type;
    return 0;
}
