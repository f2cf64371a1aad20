/* The profiles that recordings can give: their kinds, names and sample types. */
#ifndef PP_CLI_PROFILE_KINDS_H
#define PP_CLI_PROFILE_KINDS_H

#include "formats/recording.h"

struct pp_profile_kind {
    uint32_t kind;     /* PP_KIND_CPU .. */
    uint32_t recorded; /* what a recording must hold for it, likewise */
    const char *name;  /* "offcpu" */
    const char *infix; /* ".offcpu", of file names */
    const char *type;  /* the sample type that people see first */
    const char *types[5];
    enum pp_rec_family family;
    enum pp_recorded_view view;
};

enum { PP_N_PROFILE_KINDS = 5 };

/* In the order in which they are made and shown. */
extern const struct pp_profile_kind pp_profile_kinds[PP_N_PROFILE_KINDS];

/* The one that has the sample type 'type', of those that 'recorded' can give; else NULL. */
const struct pp_profile_kind *pp_profile_kind_of_type(const char *type, uint32_t recorded);

/* Which kinds recordings of 'recorded' give to who asked for 'asked' (both PP_KIND_*): wall takes
 * the place of what is recorded for it. */
uint32_t pp_profile_kinds_wanted(uint32_t recorded, uint32_t asked);

#endif
