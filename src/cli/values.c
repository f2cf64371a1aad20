/* The values of options, as people type them. */
#include "cli/values.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/numbers.h"
#include "cli/nearest.h"

static const struct {
    const char *name;
    uint32_t kinds;
} kind_names[] = {
    {"cpu", PP_KIND_CPU},   {"offcpu", PP_KIND_OFFCPU}, {"lock", PP_KIND_LOCK},
    {"wall", PP_KIND_WALL}, {"heap", PP_KIND_HEAP},     {"leak", PP_KIND_HEAP | PP_KIND_LEAK},
    {"all", PP_KINDS_ALL},
};
enum { N_KINDS = sizeof kind_names / sizeof kind_names[0] };

static int parse_kind(const char *kind, uint32_t *kinds, struct pprofc_error *err)
{
    const char *nearest;

    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kind, kind_names[i].name) == 0) {
            *kinds |= kind_names[i].kinds;
            return 0;
        }
    nearest = pp_nearest_name(kind, &kind_names[0].name, N_KINDS, sizeof kind_names[0]);
    return pp_fail(err, -EINVAL, 0, "unknown kind '%s'; %s%s%s", kind,
                   nearest != NULL ? "did you mean "
                                   : "there are cpu, offcpu, lock, wall, heap, leak and all",
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
                           "unknown kind '%s'; there are cpu, offcpu, lock, wall, heap, leak and "
                           "all",
                           at);
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

const char *pp_kinds_text(uint32_t kinds, char text[PP_KINDS_TEXT_BYTES])
{
    size_t n = 0;

    if ((kinds & PP_KIND_LEAK) != 0) /* it is heap, and says so */
        kinds &= ~(uint32_t)PP_KIND_HEAP;
    text[0] = '\0';
    for (size_t i = 0; i < N_KINDS; i++) {
        const uint32_t kind = kind_names[i].kinds == (PP_KIND_HEAP | PP_KIND_LEAK)
                                  ? PP_KIND_LEAK
                                  : kind_names[i].kinds;
        if ((kinds & kind) == kind && kind != PP_KINDS_ALL)
            n += (size_t)snprintf(text + n, PP_KINDS_TEXT_BYTES - n, "%s%s", n > 0 ? "," : "",
                                  kind_names[i].name);
    }
    return text;
}

int pp_kinds_count(uint32_t kinds)
{
    return __builtin_popcount(kinds & PP_KINDS_ALL);
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
