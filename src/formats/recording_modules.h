/* Which module lay at an address at a time: libraries come and go, and another may take the place
 * of one that went. */
#ifndef PP_FORMATS_RECORDING_MODULES_H
#define PP_FORMATS_RECORDING_MODULES_H

#include "recording/reader.h"

/* One binary at one place; perhaps mapped there several times, one after the other. */
struct pp_recorded_module {
    const struct pp_rec_module *module;   /* of its first time; the reader's */
    uint64_t start, limit, highest_limit; /* the highest of this and all before it */
    uint32_t first_time, n_times;         /* into 'times' */
    bool shares_place;                    /* another binary lay there too */
};

struct pp_recorded_time {
    uint64_t mapped_ns, unmapped_ns; /* UINT64_MAX: never */
    uint64_t latest_end_ns;          /* of this and those before it */
};

struct pp_recorded_modules {
    struct pp_recorded_module *modules; /* by start */
    uint32_t n_modules;
    struct pp_recorded_time *times;
    uint64_t *changes; /* when places that are shared changed hands, sorted */
    uint32_t n_changes;
};

int pp_recorded_modules_init(struct pp_recorded_modules *modules,
                             const struct pp_recording_reader *reader);
void pp_recorded_modules_done(struct pp_recorded_modules *modules);

/* Times with the same number see the same modules everywhere. */
uint32_t pp_recorded_modules_epoch(const struct pp_recorded_modules *modules, uint64_t time_ns);

/* The index of the module at 'address' at 'time_ns', or -1.  Where more than 512 binaries overlap,
 * those that start nearest below the address are looked at. */
int64_t pp_recorded_modules_find(const struct pp_recorded_modules *modules, uint64_t address,
                                 uint64_t time_ns);

/* How many modules start at or below 'address', at any time. */
uint32_t pp_recorded_modules_below(const struct pp_recorded_modules *modules, uint64_t address);

#endif
