/* Limits of a history, as people type them. */
#include "export/keep.h"

#include <errno.h>
#include <string.h>

#include "base/quantities.h"

/* A bare number could be either. */
static int parse_one(const char *text, struct pp_keep *keep)
{
    const size_t n_chars = strlen(text);

    if (n_chars == 0 || strspn(text, "0123456789.") == n_chars)
        return -EINVAL;
    if (keep->age_ns == 0 && pp_parse_duration(text, &keep->age_ns, NULL) == 0)
        return 0;
    return keep->n_bytes == 0 ? pp_parse_bytes(text, &keep->n_bytes, NULL) : -EINVAL;
}

int pp_keep_parse(const char *text, struct pp_keep *keep_out, struct pprofc_error *err)
{
    struct pp_keep keep = {0, 0};
    char part[32];

    for (const char *at = text;; at++) {
        const size_t n_chars = strcspn(at, ",");
        if (n_chars >= sizeof part)
            return pp_fail(err, -EINVAL, 0, "'%s' does not say what to keep; write 24h,1GiB", text);
        memcpy(part, at, n_chars);
        part[n_chars] = '\0';
        if (parse_one(part, &keep) != 0)
            return pp_fail(err, -EINVAL, 0, "'%s' does not say what to keep; write 24h,1GiB", text);
        at += n_chars;
        if (*at == '\0')
            break;
    }
    *keep_out = keep;
    return 0;
}
