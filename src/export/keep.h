/* How much of a history is kept: PPROFC_KEEP=24h,1GiB. */
#ifndef PP_EXPORT_KEEP_H
#define PP_EXPORT_KEEP_H

#include <stdint.h>

#include "base/error.h"

struct pp_keep {
    int64_t age_ns;   /* 0: however old */
    uint64_t n_bytes; /* 0: however much */
};

/* A day, and a gibibyte. */
#define PP_KEEP_DEFAULT                            \
    {                                              \
        INT64_C(86400000000000), UINT64_C(1) << 30 \
    }

/* "24h,1GiB", "7d", "500M": an age, a size, or both; what is not said has no limit.  -EINVAL. */
int pp_keep_parse(const char *text, struct pp_keep *keep_out, struct pprofc_error *err);

#endif
