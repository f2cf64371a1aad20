/* Values in the environment, as people type them. */
#include <math.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "capture/environment.h"
#include "pprofc/pprofc.h"

/* Digits, perhaps with a point, whatever the program's locale writes for one (strtod() would ask
 * it).  The first character behind them, NULL when there are none. */
static const char *read_decimal(const char *text, double *number_out)
{
    double number = 0, digit_value = 1;
    bool is_behind_point = false, has_digits = false;

    for (; (*text >= '0' && *text <= '9') || (*text == '.' && !is_behind_point); text++) {
        if (*text == '.') {
            is_behind_point = true;
            continue;
        }
        has_digits = true;
        digit_value /= is_behind_point ? 10 : 1;
        number =
            is_behind_point ? number + (*text - '0') * digit_value : number * 10 + (*text - '0');
    }
    *number_out = number;
    return has_digits && isfinite(number) ? text : NULL;
}

double pp_environment_number(const char *text)
{
    double number;
    const char *end = read_decimal(text, &number);

    return end != NULL && *end == '\0' ? number : -1;
}

double pp_environment_percent(const char *text)
{
    double number;
    const char *end = read_decimal(text, &number);

    return end != NULL && (*end == '\0' || strcmp(end, "%") == 0 || strcmp(end, " %") == 0) ? number
                                                                                            : -1;
}

double pp_environment_duration(const char *text)
{
    double number;
    const char *end = read_decimal(text, &number);

    if (end == NULL)
        return -1;
    if (strcmp(end, "ms") == 0)
        return number / 1000;
    if (strcmp(end, "s") == 0 || *end == '\0')
        return number;
    if (strcmp(end, "m") == 0)
        return number * 60;
    return strcmp(end, "h") == 0 ? number * 3600 : -1;
}

uint64_t pp_environment_bytes(const char *text)
{
    static const char UNITS[] = "kmgt";
    double number;
    const char *end = read_decimal(text, &number), *unit;

    if (end == NULL)
        return 0;
    unit = *end == '\0' ? NULL : strchr(UNITS, *end | 0x20);
    if (unit != NULL) {
        for (const char *at = UNITS; at <= unit; at++)
            number *= 1024;
        end++;
        if (strcasecmp(end, "ib") == 0 || strcasecmp(end, "b") == 0)
            end = "";
    }
    return *end == '\0' && number >= 1 && number < 0x1p62 ? (uint64_t)number : 0;
}

double pp_environment_mode(const char *text)
{
    if (strcasecmp(text, "low") == 0)
        return PPROFC_MODE_LOW;
    if (strcasecmp(text, "standard") == 0)
        return PPROFC_MODE_STANDARD;
    return strcasecmp(text, "high") == 0 ? PPROFC_MODE_HIGH : -1;
}

int pp_environment_signal(const char *text)
{
    static const struct {
        const char *name;
        int number;
    } NAMES[] = {{"HUP", SIGHUP},     {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"URG", SIGURG},
                 {"WINCH", SIGWINCH}, {"PROF", SIGPROF}, {"QUIT", SIGQUIT}};
    const double number = pp_environment_number(text);

    if (number >= 1 && number <= 64)
        return (int)number;
    if (strncasecmp(text, "SIG", 3) == 0)
        text += 3;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcasecmp(text, NAMES[i].name) == 0)
            return NAMES[i].number;
    return -1;
}
