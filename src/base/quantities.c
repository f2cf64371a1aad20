/* Amounts, as people type them. */
#include "base/quantities.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const double year_ns = 365 * 24 * 3600e9;

/* A plain decimal number at '*text' ("12", "0.5"): no sign, exponent, hexadecimal or "inf", which
 * strtod() would take, and '.' in every locale. */
static bool take_number(const char **text, double *number_out)
{
    const char *at = *text;
    double digits = 0, scale = 1;
    bool has_digits = false, has_point = false;

    for (; (*at >= '0' && *at <= '9') || (*at == '.' && !has_point); at++) {
        if (*at == '.') {
            has_point = true;
            continue;
        }
        digits = digits * 10 + (*at - '0');
        scale *= has_point ? 10 : 1;
        has_digits = true;
    }
    if (!has_digits || at - *text > 30)
        return false;
    *number_out = digits / scale; /* both exact below 2^53, so rounded once */
    *text = at;
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
