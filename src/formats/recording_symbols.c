/* Addresses to names, by the modules that a recording knows. */
#include "formats/recording_symbols.h"

#include <errno.h>

#include "base/error.h"
#include "formats/recording_frames.h"
#include "formats/recording_modules.h"

struct names {
    struct pprofc_profile *profile;
    struct pp_recorded_modules modules;
    struct pp_recorded_frames frames;
    uint64_t now_ns;
};

static int name_one(struct names *names, uint64_t address,
                    void (*visit)(void *, uint64_t, const char *), void *context)
{
    const uint32_t epoch = pp_recorded_modules_epoch(&names->modules, names->now_ns);
    const struct pp_recorded_frame *frame;
    const struct pp_location *location;
    char scratch[256];

    if (pp_recorded_modules_find(&names->modules, address, names->now_ns) < 0) {
        visit(context, address, NULL);
        return 0;
    }
    if (pp_recorded_frame(&names->frames, address, true, names->now_ns, epoch, &frame) != 0)
        return -ENOMEM;
    location = &names->profile->locations[frame->location];
    visit(context, address,
          frame->location == 0
              ? NULL
              : pp_profile_frame_name(names->profile, frame->location,
                                      location->n_lines > 0 ? location->n_lines - 1 : 0, scratch,
                                      sizeof scratch));
    return 0;
}

int pp_recording_symbols(const struct pp_recording_reader *reader, struct pp_symbolizer *symbolizer,
                         const uint64_t *addresses, size_t n_addresses,
                         void (*visit)(void *context, uint64_t address, const char *name),
                         void *context, struct pprofc_error *err)
{
    struct names names = {.profile = pp_profile_new(),
                          .now_ns = pp_recording_header(reader)->cpu_time_ns};
    int status = names.profile == NULL ? -ENOMEM : 0;

    if (status == 0)
        status = pp_recorded_modules_init(&names.modules, reader);
    if (status == 0)
        status = pp_recorded_frames_init(&names.frames, names.profile, symbolizer, &names.modules);
    for (size_t i = 0; status == 0 && i < n_addresses; i++)
        status = name_one(&names, addresses[i], visit, context);
    pp_recorded_frames_done(&names.frames);
    pp_recorded_modules_done(&names.modules);
    pprofc_profile_free(names.profile);
    return status != 0 ? pp_fail(err, -ENOMEM, 0, "no memory for the names") : 0;
}
