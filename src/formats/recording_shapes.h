/* The profiles that a recording's events can become: which events, under which types. */
#ifndef PP_FORMATS_RECORDING_SHAPES_H
#define PP_FORMATS_RECORDING_SHAPES_H

#include "profile/profile.h"
#include "recording/reader.h"

enum { PP_SHAPE_MAX_TYPES = 4 };

/* Other profiles than one kind's own. */
enum pp_recorded_view {
    PP_RECORDED_OF_KIND,
    PP_RECORDED_WALL,   /* CPU and waits on one axis */
    PP_RECORDED_FGPROF, /* the same under the names that felixge/fgprof gives its types */
    PP_RECORDED_BLOCK,  /* as Go's: waits for locks and conditions, on the stacks that waited */
    PP_RECORDED_MUTEX,  /* as Go's: waits for locks, on the stacks that let others wait */
};

struct pp_recorded_shape {
    const char *kind; /* "offcpu" */
    struct {
        const char *name, *unit;
    } types[PP_SHAPE_MAX_TYPES];
    uint32_t n_types, default_type;
    uint32_t families; /* bit (family - 1): those that are in it */
    uint32_t waits;    /* bit (enum pp_rec_wait) of those that are in it; 0: all */
};

/* What a profile of 'kind' (PP_FAMILY_CPU, _OFFCPU or _LOCK) or of 'view' is, of recordings that
 * hold 'kinds'. */
const struct pp_recorded_shape *pp_recorded_shape(enum pp_rec_family kind,
                                                  enum pp_recorded_view view, uint32_t kinds);

static inline bool pp_recorded_shape_holds(const struct pp_recorded_shape *shape, int family)
{
    return (shape->families & 1U << (family - 1)) != 0;
}

static inline bool pp_recorded_shape_has_waits(const struct pp_recorded_shape *shape)
{
    return (shape->families & ~(1U << (PP_FAMILY_CPU - 1))) != 0;
}

/* The count and the time of 'event' into 'values' (PP_SHAPE_MAX_TYPES, all set) from '*column_out'
 * on; false: it is not in the profile. */
bool pp_recorded_shape_values(const struct pp_recorded_shape *shape,
                              const struct pp_recording_event *event, uint32_t *column_out,
                              int64_t *values);

/* Types, default type, kind and the period's type. */
void pp_recorded_shape_set(struct pprofc_profile *profile, const struct pp_recorded_shape *shape);

#endif
