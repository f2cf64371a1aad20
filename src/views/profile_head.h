/* The lines above a view: of what, when, how much, how good the data is. */
#ifndef PP_VIEWS_PROFILE_HEAD_H
#define PP_VIEWS_PROFILE_HEAD_H

#include "base/buffer.h"
#include "profile/profile.h"

/* What part of a profile is looked at, and how its values are written. */
struct pp_view_scope {
    uint32_t type;       /* index of the sample type */
    int64_t whole;       /* what shares are of; 0: the profile's total */
    const char *unit;    /* in which values are shown ("ms"); NULL: in what suits each */
    const char *filters; /* "focus=main, hide=std::": what was taken out before; NULL: nothing */
    const char *base;    /* values are differences to this file, and shares are of its total; NULL:
                          * they are not */
    double divide_by;    /* values are shown divided by it; 0: as they are */
    bool is_compact;     /* without the lines above */
};

void pp_profile_head_write(const struct pprofc_profile *profile, const struct pp_view_scope *scope,
                           struct pp_buffer *out);

/* What shares are of. */
int64_t pp_view_whole(const struct pprofc_profile *profile, const struct pp_view_scope *scope);

/* A value of the scope's type, as it says. */
const char *pp_view_value(const struct pprofc_profile *profile, const struct pp_view_scope *scope,
                          int64_t value, char text[40]);

/* What the counts beside a type's values are counts of: "objects" or "samples". */
const char *pp_view_count_name(const struct pprofc_profile *profile, uint32_t type);

#endif
