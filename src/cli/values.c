/* The values of options, as people type them.  Always with '.', whatever the locale: the command
 * never calls setlocale(). */
#include "cli/values.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/numbers.h"
#include "cli/nearest.h"

static const char *const kinds_of_all_versions[] = {"cpu",  "offcpu", "wall", "lock",
                                                    "heap", "leak",   "all"};

enum { N_KINDS = sizeof kinds_of_all_versions / sizeof kinds_of_all_versions[0] };

static const double year_ns = 365 * 24 * 3600e9;

/* A plain decimal number at '*text' ("12", "0.5"): no sign, exponent, hexadecimal or "inf", which
 * strtod() would take. */
static bool take_number(const char **text, double *number_out)
{
    const size_t n_digits = strspn(*text, "0123456789");
    const size_t n_point = (*text)[n_digits] == '.' ? 1 : 0;
    const size_t n_decimals = n_point > 0 ? strspn(*text + n_digits + 1, "0123456789") : 0;
    char copy[32];
    const size_t n_chars = n_digits + n_point + n_decimals;

    if (n_digits + n_decimals == 0 || n_chars >= sizeof copy)
        return false;
    memcpy(copy, *text, n_chars);
    copy[n_chars] = '\0';
    *number_out = strtod(copy, NULL);
    *text += n_chars;
    return true;
}

static double take_unit_ns(const char **text)
{
    static const struct {
        const char *name;
        double unit_ns;
    } units[] = {{"ns", 1},     {"us", 1e3}, {"ms", 1e6},   {"s", 1e9},
                 {"min", 60e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}};

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const size_t n_chars = strlen(units[i].name);
        if (strncmp(*text, units[i].name, n_chars) == 0) {
            *text += n_chars;
            return units[i].unit_ns;
        }
    }
    return 0;
}

int pp_parse_duration(const char *text, int64_t *duration_ns_out, struct pprofc_error *err)
{
    const char *at = text;
    double total_ns = 0, number = 0, unit_ns = 0;

    do {
        if (!take_number(&at, &number))
            break;
        unit_ns = at[0] == '\0' && total_ns == 0 ? 1e9 : take_unit_ns(&at);
        total_ns += number * unit_ns;
    } while (at[0] != '\0' && unit_ns > 0);
    if (at[0] != '\0' || unit_ns == 0)
        return pp_fail(err, -EINVAL, 0, "'%s' is no duration; write 500ms, 30s, 5m or 1h", text);
    if (!(total_ns >= 1 && total_ns <= year_ns))
        return pp_fail(err, -ERANGE, 0, "duration '%s' is out of range; write 500ms, 30s, 5m or 1h",
                       text);
    *duration_ns_out = (int64_t)total_ns;
    return 0;
}

int pp_parse_rate(const char *text, double *rate_hz_out, struct pprofc_error *err)
{
    const char *at = text;
    double rate_hz;

    if (!take_number(&at, &rate_hz) || (at[0] != '\0' && strcasecmp(at, "hz") != 0))
        return pp_fail(err, -EINVAL, 0,
                       "'%s' is no sampling rate; give 1 to 10 000 samples a second", text);
    if (!(rate_hz >= 1 && rate_hz <= 10000))
        return pp_fail(err, -ERANGE, 0, "rate %s Hz is out of range; give 1 to 10 000", text);
    *rate_hz_out = rate_hz;
    return 0;
}

int pp_parse_mode(const char *text, double *rate_hz_out, struct pprofc_error *err)
{
    if (strcmp(text, "low") == 0)
        *rate_hz_out = 10;
    else if (strcmp(text, "standard") == 0)
        *rate_hz_out = 100;
    else if (strcmp(text, "high") == 0)
        *rate_hz_out = 1000;
    else
        return pp_fail(
            err, -EINVAL, 0,
            "unknown mode '%s'; there are low (10 Hz), standard (100 Hz), high (1000 Hz)", text);
    return 0;
}

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

int pp_parse_bytes(const char *text, uint64_t *n_bytes_out, struct pprofc_error *err)
{
    static const char units[] = "kmgt";
    const char *at = text, *unit;
    double n_bytes = 0;
    const bool is_number = take_number(&at, &n_bytes);

    unit = is_number && *at != '\0' ? strchr(units, *at | 0x20) : NULL;
    if (unit != NULL) {
        n_bytes *= (double)(UINT64_C(1) << 10 * (unit - units + 1));
        at++;
        if (strcasecmp(at, "ib") == 0 || strcasecmp(at, "b") == 0)
            at = "";
    }
    if (!is_number || *at != '\0' || !(n_bytes >= 1 && n_bytes < 0x1p62))
        return pp_fail(err, -EINVAL, 0, "'%s' is no number of bytes; write 512K, 64K or 1", text);
    *n_bytes_out = (uint64_t)n_bytes;
    return 0;
}

int pp_parse_percent(const char *text, double *fraction_out, struct pprofc_error *err)
{
    const char *at = text;
    double percent;

    if (!take_number(&at, &percent) || (strcmp(at, "%") != 0 && *at != '\0') || percent > 10000)
        return pp_fail(err, -EINVAL, 0, "'%s' is no percentage; write 3%% or 0.5%%", text);
    *fraction_out = percent / 100;
    return 0;
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
