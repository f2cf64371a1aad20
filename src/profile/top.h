/* The hot spots of a profile: self (flat) and total (cum) per function, line, file, module,
 * address, thread, pool of threads or value of a label. */
#ifndef PP_PROFILE_TOP_H
#define PP_PROFILE_TOP_H

#include <stdbool.h>

#include "profile/profile.h"

enum pp_group {
    PP_BY_FUNCTION,
    PP_BY_LINE,
    PP_BY_FILE,
    PP_BY_MODULE,
    PP_BY_ADDRESS,
    PP_BY_THREAD,
    PP_BY_POOL, /* threads whose names differ in the number at their end: "worker-*" */
    PP_BY_NAME, /* functions of one name are one, whatever files they are in */
    PP_BY_LABEL
};

struct pp_top_row {
    const char *name;   /* to show; its bytes live as long as the profile and the top */
    const char *file;   /* where it makes sense, else "" */
    int64_t line;       /* the hottest line of the group, 0 when unknown */
    const char *module; /* path of the mapping, "" when unknown */
    bool is_inlined;    /* every occurrence was inlined */
    int64_t flat, cum;  /* of the asked type; cum counts a sample once however often it recurs */
    int64_t n_flat_samples, n_cum_samples;
    struct pp_estimate flat_estimate, cum_estimate; /* nothing where values are exact */
    const struct pp_lifetimes *lifetimes; /* of what it allocated itself; NULL: not known */
};

struct pp_top {
    struct pp_arena arena;   /* names that are in no profile, such as "main.c:12" */
    struct pp_top_row *rows; /* the larger flat first (what is negative by its size), then cum, then
                                name */
    uint32_t n_rows;
    uint32_t n_light; /* rows that were left out for their weight */
    int64_t total;    /* the true total, before any row was left out */
    int64_t n_samples;
    bool is_estimated; /* values stand for more than was looked at: see the estimates */
    struct pp_estimate total_estimate;
    struct pp_lifetimes *lifetimes; /* of all groups, those without a row too */
};

/* Where fewer samples than these lie behind a value, nothing can be said of its error. */
enum { PP_TOP_FEW_SAMPLES = 10 };

/* The standard error of a value, or -1 where too few samples tell. */
double pp_top_error(const struct pp_estimate *estimate);

int pp_top_make(const struct pprofc_profile *profile, uint32_t type, enum pp_group group,
                struct pp_top *top_out, struct pprofc_error *err);

/* The same by the values that samples have of the label 'label_key'. */
int pp_top_make_by_label(const struct pprofc_profile *profile, uint32_t type, const char *label_key,
                         struct pp_top *top_out, struct pprofc_error *err);

/* The rows anew: cum descending, then as they were. */
void pp_top_sort_by_cum(struct pp_top *top);
void pp_top_done(struct pp_top *top);

#endif
