/* The values of options, as people type them. */
#include "cli/values.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/numbers.h"
#include "cli/nearest.h"

static const char *const kinds_of_all_versions[] = {"cpu",  "offcpu", "wall", "lock",
                                                    "heap", "leak",   "all"};

enum { N_KINDS = sizeof kinds_of_all_versions / sizeof kinds_of_all_versions[0] };

static int parse_kind(const char *kind, uint32_t *kinds, struct pprofc_error *err)
{
    static const struct {
        const char *name;
        uint32_t kinds;
    } here[] = {
        {"cpu", PP_KIND_CPU}, {"heap", PP_KIND_HEAP}, {"leak", PP_KIND_HEAP | PP_KIND_LEAK}};
    const char *nearest;

    for (size_t i = 0; i < sizeof here / sizeof here[0]; i++)
        if (strcmp(kind, here[i].name) == 0) {
            *kinds |= here[i].kinds;
            return 0;
        }
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kinds_of_all_versions[i], kind) == 0)
            return pp_fail(err, -EINVAL, 0,
                           "kind '%s' is not available in this version; cpu, heap and leak are",
                           kind);
    nearest =
        pp_nearest_name(kind, kinds_of_all_versions, N_KINDS, sizeof kinds_of_all_versions[0]);
    return pp_fail(err, -EINVAL, 0, "unknown kind '%s'; %s%s%s", kind,
                   nearest != NULL ? "did you mean " : "this version knows cpu, heap and leak",
                   nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
}

int pp_parse_kinds(const char *text, uint32_t *kinds_out, struct pprofc_error *err)
{
    uint32_t found = 0;
    char kind[32];

    for (const char *at = text;; at++) {
        const size_t n_chars = strcspn(at, ",");
        int rc;
        if (n_chars >= sizeof kind)
            return pp_fail(err, -EINVAL, 0,
                           "unknown kind '%s'; this version knows cpu, heap and leak", at);
        memcpy(kind, at, n_chars);
        kind[n_chars] = '\0';
        rc = parse_kind(kind, &found, err);
        if (rc < 0)
            return rc;
        at += n_chars;
        if (*at == '\0')
            break;
    }
    *kinds_out = found;
    return 0;
}

const char *pp_kinds_text(uint32_t kinds)
{
    const bool has_cpu = (kinds & PP_KIND_CPU) != 0;

    if ((kinds & PP_KIND_LEAK) != 0)
        return has_cpu ? "cpu,leak" : "leak";
    if ((kinds & PP_KIND_HEAP) == 0)
        return "cpu";
    return has_cpu ? "cpu,heap" : "heap";
}

int pp_parse_signal(const char *text, const char **name_out, struct pprofc_error *err)
{
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    int64_t number = 0;

    if (pp_parse_int64(name, strlen(name), &number) && (number < 1 || number > 31))
        number = -1;
    for (int signo = 1; signo < 32; signo++) {
        const char *known = sigabbrev_np(signo);
        if (known == NULL || (number != signo && strcasecmp(known, name) != 0))
            continue;
        if (signo == SIGKILL || signo == SIGSTOP)
            return pp_fail(err, -EINVAL, 0, "signal %s cannot be caught; use USR2", known);
        *name_out = known;
        return 0;
    }
    return pp_fail(err, -EINVAL, 0, "unknown signal '%s'; give a name such as USR2", text);
}

int pp_parse_top(const char *text, uint32_t *n_rows_out, struct pprofc_error *err)
{
    int64_t n_rows;

    if (!pp_parse_int64(text, strlen(text), &n_rows) || n_rows < 1 || n_rows > 1000000)
        return pp_fail(err, -EINVAL, 0, "--top '%s' is no number of rows; give 1 to 1 000 000",
                       text);
    *n_rows_out = (uint32_t)n_rows;
    return 0;
}
