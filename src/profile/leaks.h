/* What became of a program's memory, by the stacks that allocated it: what grows, and what nothing
 * led to when it was looked for. */
#ifndef PP_PROFILE_LEAKS_H
#define PP_PROFILE_LEAKS_H

#include <stdbool.h>
#include <stdint.h>

#include "profile/growth.h"
#include "profile/profile.h"

struct pp_leak_row {
    pp_id stack; /* of the report's profile; 0 where it is not shown */
    int64_t suspect_objects, suspect_bytes;
    int64_t oldest_ns; /* age of the oldest suspect */
    int64_t in_use_objects, in_use_bytes;
    int64_t mean_age_ns; /* of what is in use */
    struct pp_growth growth;
};

/* How memory was looked through. */
struct pp_leak_look {
    bool was_made;
    int64_t predicted_ns, pause_ns, scan_ns, scanned_bytes;
    int64_t n_objects, n_young, n_unseen_threads;
    int64_t n_passes; /* 2: suspects were looked for twice; 'pause_ns' is the longer one */
    int64_t age_ns;   /* how long ago that was, by the time of the recording */
};

struct pp_leak_report {
    struct pprofc_profile *profile; /* of the stacks and their names */
    struct pp_leak_row *rows;       /* one a stack */
    uint32_t n_rows;
    /* Indices of 'rows': those that grow, the fastest first, and those with suspects, the most
     * bytes first. */
    uint32_t *growing, *suspected;
    uint32_t n_growing, n_suspected;
    uint32_t n_stable, n_too_early;
    struct pp_leak_row whole; /* the sum of all */
    struct pp_leak_look look;
    const char *program; /* a string of the profile */
    int32_t pid;
    int64_t interval_bytes; /* 1: every object is followed */
    int64_t duration_ns;
};

/* Sort the rows into 'growing' and 'suspected', and count.  0 or -ENOMEM. */
int pp_leak_report_sort(struct pp_leak_report *report);

/* Free what it holds. */
void pp_leak_report_done(struct pp_leak_report *report);

#endif
