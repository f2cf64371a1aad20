/* Verdicts, waiting times. */
#include "export/retry.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double FIRST_S = 1, MOST_S = 60;
/* A server that asks for more is believed so far; a window is worth nothing after a day. */
static const double MOST_ASKED_S = 24 * 3600;

enum { MOST_DOUBLINGS = 16 };

enum pp_verdict pp_verdict_of_otlp_http(long status)
{
    if (status >= 200 && status < 300)
        return PP_VERDICT_ACCEPTED;
    return status == 429 || status == 502 || status == 503 || status == 504 ? PP_VERDICT_RETRY
                                                                            : PP_VERDICT_REFUSED;
}

enum pp_verdict pp_verdict_of_grpc(int status, bool has_retry_info)
{
    switch (status) {
    case PP_GRPC_OK:
        return PP_VERDICT_ACCEPTED;
    case PP_GRPC_CANCELLED:
    case PP_GRPC_DEADLINE_EXCEEDED:
    case PP_GRPC_ABORTED:
    case PP_GRPC_OUT_OF_RANGE:
    case PP_GRPC_UNAVAILABLE:
    case PP_GRPC_DATA_LOSS:
        return PP_VERDICT_RETRY;
    case PP_GRPC_RESOURCE_EXHAUSTED:
        return has_retry_info ? PP_VERDICT_RETRY : PP_VERDICT_REFUSED;
    default:
        return PP_VERDICT_REFUSED;
    }
}

/* The server's own code for what the client should not have sent, and what its checks say without
 * that. */
static bool is_profiles_fault(const void *body, size_t n_bytes)
{
    static const char *const words[] = {"invalid_argument", "ingestion window", " exceeds the "};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (n_bytes > 0 && memmem(body, n_bytes, words[i], strlen(words[i])) != NULL)
            return true;
    return false;
}

enum pp_verdict pp_verdict_of_pyroscope(long status, const void *body, size_t n_bytes)
{
    if (status >= 200 && status < 300)
        return PP_VERDICT_ACCEPTED;
    if (status == 422)
        return is_profiles_fault(body, n_bytes) ? PP_VERDICT_REFUSED : PP_VERDICT_RETRY_FEW;
    return status == 408 || status == 429 || status >= 500 ? PP_VERDICT_RETRY : PP_VERDICT_REFUSED;
}

/* ---- Retry-After ---- */

static double clamp_asked(double asked_s)
{
    if (asked_s < 0)
        return 0;
    return asked_s < MOST_ASKED_S ? asked_s : MOST_ASKED_S;
}

/* Number of days from 1970 to the first of that month. */
static int64_t days_to(int64_t year, int month)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    const int64_t y = year - (month < 3 ? 1 : 0);

    return (year - 1970) * 365 + (y / 4 - 1969 / 4) - (y / 100 - 1969 / 100) +
           (y / 400 - 1969 / 400) + before[month - 1];
}

static bool read_number(const char **at, int n_digits, int *number_out)
{
    int number = 0;

    for (int i = 0; i < n_digits; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        number = number * 10 + (**at - '0');
    }
    *number_out = number;
    return true;
}

static bool skip(const char **at, const char *text)
{
    if (strncmp(*at, text, strlen(text)) != 0)
        return false;
    *at += strlen(text);
    return true;
}

static bool read_month(const char **at, int *month_out)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int month = 1; month <= 12; month++) {
        if (strncmp(*at, names + 3 * (month - 1), 3) == 0) {
            *month_out = month;
            *at += 3;
            return true;
        }
    }
    return false;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", what RFC 9110 has senders write.  By hand: strptime() knows days
 * and months by the locale. */
static bool read_date(const char *text, int64_t *time_s_out)
{
    const char *at = strchr(text, ',');
    int day, month, year, hour, minute, second;

    if (at == NULL)
        return false;
    if (!skip(&at, ", ") || !read_number(&at, 2, &day) || !skip(&at, " ") ||
        !read_month(&at, &month) || !skip(&at, " ") || !read_number(&at, 4, &year) ||
        !skip(&at, " ") || !read_number(&at, 2, &hour) || !skip(&at, ":") ||
        !read_number(&at, 2, &minute) || !skip(&at, ":") || !read_number(&at, 2, &second) ||
        !skip(&at, " GMT"))
        return false;
    if (year < 1970 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return false;
    *time_s_out =
        (((days_to(year, month) + day - 1) * 24 + hour) * 60 + minute) * INT64_C(60) + second;
    return true;
}

double pp_retry_after_s(const char *value, int64_t now_s)
{
    char *end;
    int64_t time_s;

    value += strspn(value, " \t");
    if (value[0] >= '0' && value[0] <= '9') {
        const unsigned long long seconds = strtoull(value, &end, 10);
        end += strspn(end, " \t\r\n");
        return *end == '\0' ? clamp_asked((double)seconds) : -1;
    }
    return read_date(value, &time_s) ? clamp_asked((double)(time_s - now_s)) : -1;
}

/* ---- waiting ---- */

/* xorshift64*, 0 to 1. */
static double draw(struct pp_backoff *backoff)
{
    uint64_t x = backoff->random != 0 ? backoff->random : UINT64_C(0x9e3779b97f4a7c15);

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    backoff->random = x;
    return (double)((x * UINT64_C(0x2545f4914f6cdd1d)) >> 11) / 9007199254740992.0;
}

double pp_backoff_next(struct pp_backoff *backoff, double asked_s)
{
    const double most_s = backoff->most_s > 0 ? backoff->most_s : MOST_S;
    double wait_s = backoff->first_s > 0 ? backoff->first_s : FIRST_S;

    for (unsigned i = 0; i < backoff->n_failures && i < MOST_DOUBLINGS; i++)
        wait_s *= 2;
    backoff->n_failures++;
    if (wait_s > most_s)
        wait_s = most_s;
    wait_s *= 0.5 + 0.5 * draw(backoff);
    return asked_s > wait_s ? asked_s : wait_s;
}

void pp_backoff_succeeded(struct pp_backoff *backoff)
{
    backoff->n_failures = 0;
}
