/* From sampled addresses to a profile's locations; each distinct address is named once. */
#ifndef PP_FORMATS_RECORDING_FRAMES_H
#define PP_FORMATS_RECORDING_FRAMES_H

#include "binary/symbolizer.h"
#include "formats/recording_modules.h"
#include "profile/id_table.h"
#include "profile/profile.h"

/* A frame as it was recorded, and what became of it. */
struct pp_recorded_frame {
    uint64_t address;
    uint32_t epoch;
    pp_id location; /* 0: to be left out */
    bool is_named;
};

struct pp_recorded_frames {
    struct pprofc_profile *profile;
    struct pp_symbolizer *symbolizer;
    const struct pp_recorded_modules *modules;
    struct pp_module **opened; /* one a recorded module, NULL: not yet */
    pp_id *mappings;           /* likewise */
    struct pp_recorded_frame *frames;
    uint32_t n_frames;
    size_t capacity;
    struct pp_id_table table; /* ids are index + 1 */
};

int pp_recorded_frames_init(struct pp_recorded_frames *frames, struct pprofc_profile *profile,
                            struct pp_symbolizer *symbolizer,
                            const struct pp_recorded_modules *modules);
void pp_recorded_frames_done(struct pp_recorded_frames *frames);

/* What 'pc', recorded at 'time_ns' in 'epoch', is; 'is_leaf': no return address.  Sets '*frame_out'
 * (valid until the next call).  0 or -ENOMEM. */
int pp_recorded_frame(struct pp_recorded_frames *frames, uint64_t pc, bool is_leaf,
                      uint64_t time_ns, uint32_t epoch, const struct pp_recorded_frame **frame_out);

/* Make the mapping of the module that the program itself is, so that it comes first, as pprof
 * expects. */
int pp_recorded_frames_begin_with(struct pp_recorded_frames *frames, const char *program);

/* State in the profile's quality and comments which modules have no names since their files are not
 * here.  0 or -ENOMEM. */
int pp_recorded_frames_note_missing(const struct pp_recorded_frames *frames);

#endif
