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

/* Addresses up to PP_PSEUDO_LAST stand for what is no code (PP_PC_CUT and the like). */
enum { PP_PSEUDO_LAST = PP_PC_WAITING, PP_N_RECENT_FRAMES = 1024 };

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
    /* Where most are found at once: likewise, 0 is none; by their lowest bits. */
    uint32_t recent[PP_N_RECENT_FRAMES];
};

static inline size_t pp_recorded_frame_slot(uint64_t address)
{
    return (address ^ address >> 10) % PP_N_RECENT_FRAMES;
}

int pp_recorded_frames_init(struct pp_recorded_frames *frames, struct pprofc_profile *profile,
                            struct pp_symbolizer *symbolizer,
                            const struct pp_recorded_modules *modules);
void pp_recorded_frames_done(struct pp_recorded_frames *frames);

/* The same for an address that was not met lately, or never. */
int pp_recorded_frame_find(struct pp_recorded_frames *frames, uint64_t address, uint64_t time_ns,
                           uint32_t epoch, const struct pp_recorded_frame **frame_out);

/* What 'pc', recorded at 'time_ns' in 'epoch', is; 'is_leaf': no return address.  Sets '*frame_out'
 * (valid until the next call).  0 or -ENOMEM. */
static inline int pp_recorded_frame(struct pp_recorded_frames *frames, uint64_t pc, bool is_leaf,
                                    uint64_t time_ns, uint32_t epoch,
                                    const struct pp_recorded_frame **frame_out)
{
    /* A return address may be the first instruction of another function or line: the call stands
     * before it. */
    const uint64_t address = is_leaf || pc <= PP_PSEUDO_LAST ? pc : pc - 1;
    const uint32_t recent = frames->recent[pp_recorded_frame_slot(address)];

    if (recent == 0 || frames->frames[recent - 1].address != address ||
        frames->frames[recent - 1].epoch != epoch)
        return pp_recorded_frame_find(frames, address, time_ns, epoch, frame_out);
    *frame_out = &frames->frames[recent - 1];
    return 0;
}

/* Make the mapping of the module that the program itself is, so that it comes first, as pprof
 * expects. */
int pp_recorded_frames_begin_with(struct pp_recorded_frames *frames, const char *program);

/* The variable at 'address' (pp_module_variable), by the module that lies nearest below: 0, -ENOENT
 * or -ENOMEM. */
int pp_recorded_variable(struct pp_recorded_frames *frames, uint64_t address, const char **name_out,
                         uint64_t *offset_out);

/* State in the profile's quality and comments which modules have no names since their files are not
 * here.  0 or -ENOMEM. */
int pp_recorded_frames_note_missing(const struct pp_recorded_frames *frames);

#endif
