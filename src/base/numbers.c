/* Numbers as people read them, and as files spell them.  Never by the locale: the C library's %'
 * would. */
#include "base/numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/print.h"

const char *pp_count_text(int64_t count, char text[PP_NUMBER_TEXT_BYTES])
{
    const uint64_t size = count < 0 ? -(uint64_t)count : (uint64_t)count;
    char digits[24];
    const int n_digits = snprintf(digits, sizeof digits, "%llu", (unsigned long long)size);
    size_t at = 0;

    if (count < 0)
        text[at++] = '-';
    for (int i = 0; i < n_digits; i++) {
        if (i > 0 && (n_digits - i) % 3 == 0)
            text[at++] = ' ';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

/* Three significant digits and no empty decimals: 0.5, 3.14, 41, 640. */
static void three_digits(double number, const char *unit, char text[PP_NUMBER_TEXT_BYTES])
{
    const double size = fabs(number);
    char digits[24];

    (void)pp_print(digits, sizeof digits, "%.*f", size < 9.995 ? 2 : size < 99.95 ? 1 : 0, number);
    if (strchr(digits, '.') != NULL) {
        size_t end = strlen(digits);
        while (digits[end - 1] == '0')
            end--;
        digits[digits[end - 1] == '.' ? end - 1 : end] = '\0';
    }
    (void)snprintf(text, PP_NUMBER_TEXT_BYTES, "%s %s", digits, unit);
}

const char *pp_duration_text(double time_ns, char text[PP_NUMBER_TEXT_BYTES])
{
    const double size = fabs(time_ns);

    if (size < 999.5) {
        three_digits(time_ns, "ns", text);
    } else if (size < 999.5e3) {
        three_digits(time_ns / 1e3, "us", text);
    } else if (size < 999.5e6) {
        three_digits(time_ns / 1e6, "ms", text);
    } else if (size < 999.5e9) {
        (void)pp_print(text, PP_NUMBER_TEXT_BYTES, "%.2f s", time_ns / 1e9);
    } else {
        /* 2^63 units of a second are more than fits: the scale ends there. */
        const double seconds = fmin(fmax(time_ns / 1e9, -9e18), 9e18);
        char count[PP_NUMBER_TEXT_BYTES];
        (void)snprintf(text, PP_NUMBER_TEXT_BYTES, "%.36s s",
                       pp_count_text(llround(seconds), count));
    }
    return text;
}

const char *pp_bytes_text(double n_bytes, char text[PP_NUMBER_TEXT_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;

    while (fabs(n_bytes) >= 999.5 && unit < sizeof units / sizeof units[0] - 1) {
        n_bytes /= 1024;
        unit++;
    }
    three_digits(n_bytes, units[unit], text);
    return text;
}

/* Of counts that have fractions: 334.618, 0.000125, and whole from ten thousand on. */
static const char *decimal_text(int64_t value, double parts, char text[PP_NUMBER_TEXT_BYTES])
{
    const double number = (double)value / parts;
    size_t end;

    if (fabs(number) >= 10000)
        return pp_count_text(llround(number), text);
    (void)pp_print(text, PP_NUMBER_TEXT_BYTES, "%.*f", parts > 1e4 ? 6 : 3, number);
    for (end = strlen(text); text[end - 1] == '0';)
        end--;
    text[text[end - 1] == '.' ? end - 1 : end] = '\0';
    return text;
}

const char *pp_value_text(int64_t value, const char *unit, char text[PP_NUMBER_TEXT_BYTES])
{
    if (strcmp(unit, "nanoseconds") == 0)
        return pp_duration_text((double)value, text);
    if (strcmp(unit, "microseconds") == 0)
        return pp_duration_text((double)value * 1e3, text);
    if (strcmp(unit, "milliseconds") == 0)
        return pp_duration_text((double)value * 1e6, text);
    if (strcmp(unit, "seconds") == 0)
        return pp_duration_text((double)value * 1e9, text);
    if (strcmp(unit, "bytes") == 0)
        return pp_bytes_text((double)value, text);
    if (strcmp(unit, "thousandths") == 0)
        return decimal_text(value, 1e3, text);
    if (strcmp(unit, "millionths") == 0)
        return decimal_text(value, 1e6, text);
    return pp_count_text(value, text);
}

double pp_percent(int64_t part, int64_t whole)
{
    return whole == 0 ? 0 : 100.0 * (double)part / (double)whole;
}

bool pp_parse_int64(const char *bytes, size_t n_bytes, int64_t *value_out)
{
    const bool is_negative = n_bytes > 0 && bytes[0] == '-';
    int64_t value = 0;

    if (n_bytes == (size_t)is_negative)
        return false;
    for (size_t i = is_negative; i < n_bytes; i++) {
        const int digit = bytes[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, is_negative ? -digit : digit, &value))
            return false;
    }
    *value_out = value;
    return true;
}
