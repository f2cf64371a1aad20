/* The profiles that a recording's events can become. */
#include "formats/recording_shapes.h"

#include <string.h>

#define FAMILY(name) (1U << (PP_FAMILY_##name - 1))
#define WAIT(name) (1U << PP_WAIT_##name)

static const struct pp_recorded_shape cpu = {
    .kind = "cpu",
    .types = {{"samples", "count"}, {"cpu", "nanoseconds"}},
    .n_types = 2,
    .default_type = 1,
    .families = FAMILY(CPU),
};

static const struct pp_recorded_shape offcpu = {
    .kind = "offcpu",
    .types = {{"waits", "count"}, {"wait", "nanoseconds"}},
    .n_types = 2,
    .default_type = 1,
    .families = FAMILY(OFFCPU),
};

/* Who waited and who let others wait are two views of the same time: never in one column. */
static const struct pp_recorded_shape lock = {
    .kind = "lock",
    .types = {{"contentions", "count"},
              {"delay", "nanoseconds"},
              {"holder_contentions", "count"},
              {"holder_delay", "nanoseconds"}},
    .n_types = 4,
    .default_type = 1,
    .families = FAMILY(LOCK) | FAMILY(HOLDER),
};

static const struct pp_recorded_shape wall = {
    .kind = "wall",
    .types = {{"samples", "count"}, {"wall", "nanoseconds"}},
    .n_types = 2,
    .default_type = 1,
    .families = FAMILY(CPU) | FAMILY(OFFCPU),
};

static const struct pp_recorded_shape fgprof = {
    .kind = "wall",
    .types = {{"samples", "count"}, {"time", "nanoseconds"}},
    .n_types = 2,
    .default_type = 1,
    .families = FAMILY(CPU) | FAMILY(OFFCPU),
};

static const struct pp_recorded_shape block = {
    .kind = "block",
    .types = {{"contentions", "count"}, {"delay", "nanoseconds"}},
    .n_types = 2,
    .default_type = 1,
    .families = FAMILY(OFFCPU),
    .waits = WAIT(MUTEX) | WAIT(CONDITION),
};

/* The same of a recording without off-CPU: nobody timed conditions. */
static const struct pp_recorded_shape block_of_locks = {
    .kind = "block",
    .types = {{"contentions", "count"}, {"delay", "nanoseconds"}},
    .n_types = 2,
    .default_type = 1,
    .families = FAMILY(LOCK),
};

static const struct pp_recorded_shape mutex = {
    .kind = "mutex",
    .types = {{"contentions", "count"}, {"delay", "nanoseconds"}},
    .n_types = 2,
    .default_type = 1,
    .families = FAMILY(HOLDER),
};

const struct pp_recorded_shape *pp_recorded_shape(enum pp_rec_family kind,
                                                  enum pp_recorded_view view, uint32_t kinds)
{
    switch (view) {
    case PP_RECORDED_WALL:
        return &wall;
    case PP_RECORDED_FGPROF:
        return &fgprof;
    case PP_RECORDED_BLOCK:
        return (kinds & FAMILY(OFFCPU)) != 0 ? &block : &block_of_locks;
    case PP_RECORDED_MUTEX:
        return &mutex;
    default:
        return kind == PP_FAMILY_OFFCPU ? &offcpu : kind == PP_FAMILY_LOCK ? &lock : &cpu;
    }
}

static int64_t at_least_zero(int64_t value)
{
    return value < 0 ? 0 : value;
}

bool pp_recorded_shape_values(const struct pp_recorded_shape *shape,
                              const struct pp_recording_event *event, uint32_t *column_out,
                              int64_t *values)
{
    const uint32_t column = event->family == PP_FAMILY_HOLDER && shape->n_types > 2 ? 2 : 0;

    if (!pp_recorded_shape_holds(shape, event->family) || event->n_values < PP_WAIT_N_VALUES)
        return false;
    if (shape->waits != 0 && (shape->waits >> pp_rec_wait_of(event->flags) & 1) == 0)
        return false;
    memset(values, 0, PP_SHAPE_MAX_TYPES * sizeof *values);
    *column_out = column;
    values[column] = at_least_zero(event->values[0]);
    values[column + 1] = at_least_zero(event->values[1]);
    return true;
}

void pp_recorded_shape_set(struct pprofc_profile *profile, const struct pp_recorded_shape *shape)
{
    for (uint32_t i = 0; i < shape->n_types; i++)
        (void)pp_profile_add_type(profile, shape->types[i].name, shape->types[i].unit);
    profile->default_type = shape->default_type;
    profile->kind = pp_profile_text(profile, shape->kind);
    profile->period_type.type = pp_profile_text(profile, shape->types[shape->default_type].name);
    profile->period_type.unit = pp_profile_text(profile, "nanoseconds");
}
