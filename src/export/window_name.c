/* Names of windows, written and read. */
#include "export/window_name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const extensions[] = {".pb.gz", ".svg", ".txt", ".json"};

enum { N_EXTENSIONS = sizeof extensions / sizeof extensions[0], STAMP_CHARS = 15 };

static const char *prefix(bool is_flight)
{
    return is_flight ? "flight_" : "profile_";
}

static struct tm calendar(int64_t time_s)
{
    const time_t seconds = (time_t)time_s;
    struct tm parts = {.tm_year = 70, .tm_mday = 1};

    (void)gmtime_r(&seconds, &parts);
    return parts;
}

void pp_window_day(int64_t time_s, char text[PP_WINDOW_DAY_BYTES])
{
    const struct tm parts = calendar(time_s);

    if (strftime(text, PP_WINDOW_DAY_BYTES, "%Y-%m-%d", &parts) == 0)
        (void)snprintf(text, PP_WINDOW_DAY_BYTES, "1970-01-01"); /* a year of five digits */
}

void pp_window_name_write(const struct pp_window_name *name, const char *extension,
                          char text[PP_WINDOW_NAME_BYTES])
{
    const struct tm parts = calendar(name->time_s);
    char stamp[24] = "19700101_000000", sequence[16] = "";

    (void)strftime(stamp, sizeof stamp, "%Y%m%d_%H%M%S", &parts);
    if (name->sequence > 0)
        (void)snprintf(sequence, sizeof sequence, "_%03u", name->sequence);
    (void)snprintf(text, PP_WINDOW_NAME_BYTES, "%s%s%s.%.63s.%d.%.15s%s", prefix(name->is_flight),
                   stamp, sequence, name->program, (int)name->pid, name->kind, extension);
}

/* ---- reading ---- */

/* 'n' digits as a number, or -1. */
static int digits(const char *text, int n)
{
    int number = 0;

    for (int i = 0; i < n; i++) {
        if (!isdigit((unsigned char)text[i]))
            return -1;
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

/* "20261126_230501" */
static bool read_stamp(const char *text, int64_t *time_out)
{
    struct tm parts = {.tm_isdst = 0}, again;

    if (strlen(text) < STAMP_CHARS || text[8] != '_' || digits(text, 8) < 0 ||
        digits(text + 9, 6) < 0)
        return false;
    parts.tm_year = digits(text, 4) - 1900;
    parts.tm_mon = digits(text + 4, 2) - 1;
    parts.tm_mday = digits(text + 6, 2);
    parts.tm_hour = digits(text + 9, 2);
    parts.tm_min = digits(text + 11, 2);
    parts.tm_sec = digits(text + 13, 2);
    again = parts;
    *time_out = timegm(&again);
    /* timegm() takes 31 February for 3 March: that is no name that we wrote. */
    return again.tm_mday == parts.tm_mday && again.tm_mon == parts.tm_mon &&
           again.tm_hour == parts.tm_hour && again.tm_min == parts.tm_min &&
           again.tm_sec == parts.tm_sec;
}

/* The last part of what ends at '*end' behind a dot, copied; '*end' is then that dot. */
static bool take_last_part(const char *text, const char **end, char *part_out, size_t capacity)
{
    const char *dot = *end;

    while (dot > text && dot[-1] != '.')
        dot--;
    if (dot <= text || dot == *end || (size_t)(*end - dot) >= capacity)
        return false;
    memcpy(part_out, dot, (size_t)(*end - dot));
    part_out[*end - dot] = '\0';
    *end = dot - 1;
    return true;
}

static const char *find_extension(const char *text)
{
    const size_t n_chars = strlen(text);

    for (size_t i = 0; i < N_EXTENSIONS; i++) {
        const size_t n = strlen(extensions[i]);
        if (n_chars > n && strcmp(text + n_chars - n, extensions[i]) == 0)
            return text + n_chars - n;
    }
    return NULL;
}

const char *pp_window_extension(const char *extension)
{
    for (size_t i = 0; i < N_EXTENSIONS; i++)
        if (strcmp(extensions[i], extension) == 0)
            return extensions[i];
    return "";
}

/* "4711" as we write it: no sign, no zero before. */
static bool read_pid(const char *text, int32_t *pid_out)
{
    const size_t n = strlen(text);
    const int pid = n > 0 && n < 10 ? digits(text, (int)n) : -1;

    *pid_out = pid;
    return pid >= 0 && (text[0] != '0' || n == 1);
}

bool pp_window_name_read(const char *text, struct pp_window_name *name_out,
                         const char **extension_out)
{
    struct pp_window_name name = {.is_flight = strncmp(text, "flight_", strlen("flight_")) == 0};
    const size_t n_prefix = strlen(prefix(name.is_flight));
    const char *end = find_extension(text), *at = text + n_prefix;
    char pid[12], program[64], again[PP_WINDOW_NAME_BYTES];

    *extension_out = end;
    if (end == NULL || strncmp(text, prefix(name.is_flight), n_prefix) != 0 ||
        !read_stamp(at, &name.time_s))
        return false;
    at += STAMP_CHARS;
    if (*at == '_') {
        const int sequence = digits(at + 1, 3);
        if (sequence <= 0)
            return false;
        name.sequence = (uint32_t)sequence;
        at += 4;
    }
    if (*at != '.' || !take_last_part(at, &end, name.kind, sizeof name.kind) ||
        !take_last_part(at, &end, pid, sizeof pid) || !read_pid(pid, &name.pid) || end <= at + 1 ||
        (size_t)(end - at - 1) >= sizeof name.program)
        return false;
    memcpy(name.program, at + 1, (size_t)(end - at - 1));
    /* What would be written otherwise was not written by us. */
    pp_window_program(name.program, program);
    pp_window_name_write(&name, *extension_out, again);
    if (strcmp(again, text) != 0 || strcmp(program, name.program) != 0 ||
        strspn(name.kind, "abcdefghijklmnopqrstuvwxyz_") != strlen(name.kind))
        return false;
    *name_out = name;
    return true;
}

bool pp_window_is_day(const char *text)
{
    return strlen(text) == PP_WINDOW_DAY_BYTES - 1 && digits(text, 4) >= 0 && text[4] == '-' &&
           digits(text + 5, 2) >= 0 && text[7] == '-' && digits(text + 8, 2) >= 0;
}

/* ---- parts ---- */

void pp_window_program(const char *program, char text[64])
{
    size_t n = 0;

    for (; program[n] != '\0' && n < 63; n++)
        text[n] = isalnum((unsigned char)program[n]) || strchr("+-_.", program[n]) != NULL
                      ? program[n]
                      : '_';
    text[n] = '\0';
    if (n == 0)
        (void)snprintf(text, 64, "program");
}

void pp_window_name_begin(struct pp_window_name *last, int64_t time_s)
{
    if (time_s <= last->time_s)
        return;
    last->time_s = time_s;
    last->sequence = 0;
}

void pp_window_name_next(struct pp_window_name *name)
{
    if (name->sequence < PP_WINDOW_MAX_SEQUENCE) {
        name->sequence++;
        return;
    }
    name->time_s++;
    name->sequence = 0;
}
