/* The file that a session leaves when it was started from the environment. */
#include "capture/result_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "capture/environment.h"
#include "capture/program_output.h"
#include "capture/session.h"
#include "capture/snapshot.h"
#include "capture/write.h"
#include "sigsafe/clock.h"

static char first_folder[512]; /* the current one at the start */

void pp_result_begin(void)
{
    if (getcwd(first_folder, sizeof first_folder) == NULL)
        first_folder[0] = '\0';
    pp_program_output_remember();
}

void pp_result_say_always(const char *text)
{
    struct pp_file_size_signal held;
    char line[700];
    const int n = snprintf(line, sizeof line, "pprofc: %s\n", text);
    const int fd = pp_program_output_open();

    pp_file_size_signal_hold(&held);
    if (fd >= 0 && n > 0)
        (void)!write(fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    pp_file_size_signal_release(&held);
    if (fd >= 0)
        (void)close(fd);
}

void pp_result_say(const char *text)
{
    if (!pp_environment.has_run_id)
        pp_result_say_always(text);
}

/* ---- names of output files ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* YYYYmmdd_HHMMSS in UTC.  gmtime() would read the time zone's file and allocate. */
static void write_time(int64_t seconds, char *text, size_t capacity)
{
    /* Days since 0000-03-01 of the proleptic Gregorian calendar; years begin in March, so that the
     * leap day is the last. */
    const int64_t days = seconds / 86400 + 719468, rest = seconds % 86400;
    const int64_t era = days / 146097, day_of_era = days % 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month_from_march = (5 * day_of_year + 2) / 153;
    const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    const int64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);

    (void)snprintf(text, capacity, "%04d%02d%02d_%02d%02d%02d", (int)year, (int)month, (int)day,
                   (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
}

/* Of several files each has the time of its writing. */
static int64_t seconds_of_name(const struct pp_rec_header *header)
{
    return (pp_session_on_flip == NULL ? header->start_realtime_ns
                                       : (int64_t)pp_sig_clock_ns(CLOCK_REALTIME)) /
           1000000000;
}

/* The kind that `pprofc convert` makes of it when it is not told which: the first. */
static const char *first_kind(const struct pp_rec_header *header)
{
    static const struct {
        uint32_t kind;
        const char *name;
    } kinds[] = {{PPROFC_KIND_CPU, "cpu"},
                 {PPROFC_KIND_OFFCPU, "offcpu"},
                 {PPROFC_KIND_LOCK, "lock"},
                 {PPROFC_KIND_HEAP, "heap"}};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if ((atomic_load(&header->kinds) & kinds[i].kind) != 0)
            return kinds[i].name;
    return "cpu";
}

static const char *program_name(const struct pp_rec_header *header)
{
    return header->name[0] != '\0' ? header->name : base_name(header->program);
}

/* %p pid, %h host, %t time, %n program, %k kind, %% percent. */
static void expand(const char *pattern, const struct pp_rec_header *header, char *out,
                   size_t capacity)
{
    size_t n = 0;

    for (; *pattern != '\0' && n + 1 < capacity; pattern++) {
        char text[256] = {*pattern, '\0'};
        if (*pattern == '%') {
            pattern++;
            if (*pattern == 'p')
                (void)snprintf(text, sizeof text, "%d", header->pid);
            else if (*pattern == 'h')
                pp_copy_text(text, sizeof text, header->host);
            else if (*pattern == 't')
                write_time(seconds_of_name(header), text, sizeof text);
            else if (*pattern == 'n')
                pp_copy_text(text, sizeof text, program_name(header));
            else if (*pattern == 'k')
                pp_copy_text(text, sizeof text, first_kind(header));
            else if (*pattern == '\0')
                pattern--;
            else
                text[0] = *pattern;
        }
        pp_copy_text(out + n, capacity - n, text);
        n += strlen(out + n);
    }
    out[n] = '\0';
}

/* A relative name means the folder that the program was started in, wherever it has gone since. */
static void make_absolute(char *path, size_t capacity)
{
    char now[sizeof first_folder];
    const size_t n_folder = strlen(first_folder), n_name = strlen(path);

    if (path[0] == '/' || n_folder == 0 || n_folder + n_name + 2 > capacity ||
        (getcwd(now, sizeof now) != NULL && strcmp(now, first_folder) == 0))
        return;
    memmove(path + n_folder + 1, path, n_name + 1);
    memcpy(path, first_folder, n_folder);
    path[n_folder] = '/';
}

/* 'path' or, when that is taken, the same with .1, .2 .. before the extension. */
static void free_name(char *path, size_t capacity)
{
    char candidate[1024];
    const char *name = base_name(path);
    const char *dot = strchr(*name == '.' ? name + 1 : name, '.');
    const size_t n_stem = dot == NULL ? strlen(path) : (size_t)(dot - path);

    for (int i = 1; access(path, F_OK) == 0 && i < 1000; i++) {
        (void)snprintf(candidate, sizeof candidate, "%.*s.%d%s", (int)n_stem, path, i,
                       dot == NULL ? "" : dot);
        if (access(candidate, F_OK) != 0) {
            pp_copy_text(path, capacity, candidate);
            return;
        }
    }
}

/* Where the recording of 'header' goes. */
static void choose_path(const struct pp_rec_header *header, char *path, size_t capacity)
{
    expand(pp_environment.output[0] == '\0' ? "%n.%p.pb.gz" : pp_environment.output, header, path,
           capacity);
    if (strcmp(base_name(path), base_name(header->program)) == 0 ||
        strcmp(base_name(path), program_name(header)) == 0)
        pp_copy_text(path + strlen(path), capacity - strlen(path), ".pb.gz");
    make_absolute(path, capacity);
    free_name(path, capacity);
}

/* CPUPROFILE's name tells no format: it is pprof's, under just that name. */
static int write_any_name(const struct pprofc_recording *recording, const char *path,
                          struct pprofc_error *err)
{
    char with_format[1100];
    int result;

    (void)snprintf(with_format, sizeof with_format, "%s.pb.gz", path);
    result = pprofc_recording_write(recording, with_format, err);
    if (result == 0 && rename(with_format, path) != 0)
        result = pp_fail(err, -errno, 0, "cannot write '%s': %s", path, strerror(errno));
    return result;
}

static void say_result(int result, const char *path, const char *fault)
{
    char line[600];

    if (result == 0)
        (void)snprintf(line, sizeof line, "wrote %.300s;   next:  pprofc report %.100s", path,
                       path);
    else
        (void)snprintf(line, sizeof line, "%.400s%s", fault,
                       result == -ENOENT ? ";   next:  pprofc convert it" : "");
    if (pp_environment.n_complaints > 0)
        (void)snprintf(line + strlen(line), sizeof line - strlen(line), "  (%s)",
                       pp_environment.complaints[0]);
    pp_result_say(line);
}

void pp_result_write(struct pp_session *session)
{
    struct pp_rec_header *header = session->header;
    struct pprofc_cursor *cursor = pp_session_on_flip != NULL ? &session->written : NULL;
    struct pprofc_recording *recording = NULL;
    struct pprofc_error err = {0, 0, ""};
    char path[1024];
    int result;

    choose_path(header, path, sizeof path);
    result = pp_snapshot_take(header, session->number, cursor, &recording, &err);
    if (result == 0)
        result = pp_environment.output_is_any ? write_any_name(recording, path, &err)
                                              : pprofc_recording_write(recording, path, &err);
    say_result(result, path, err.message);
    pprofc_recording_free(recording);
}

void pp_result_flip(struct pp_session *session)
{
    struct pprofc_recording *between = NULL;

    if (session->is_paused_by_program) {
        pp_result_write(session);
        return;
    }
    /* A reader may have had samples taken meanwhile: they are in no file. */
    (void)pp_snapshot_take(session->header, session->number, &session->written, &between, NULL);
    pprofc_recording_free(between);
}

void pp_result_end(struct pp_session *session)
{
    /* The end of a window has written it all. */
    if (!(session->is_paused_by_program && session->written.session != 0))
        pp_result_write(session);
    session->on_end = NULL; /* written once */
}
