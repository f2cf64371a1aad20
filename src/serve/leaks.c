/* Looks for leaks are made one after the other and shared; what they found is read from the
 * recording. */
#include "serve/leaks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/numbers.h"
#include "formats/recording_leak_profile.h"
#include "formats/recording_leaks.h"
#include "serve/line_numbers.h"
#include "views/leak_table.h"

enum {
    MOST_TRIES = 20,
    RETRY_NS = 50 * 1000 * 1000,
    LOOK_NS = 5 * 1000 * 1000,
    REST = 99, /* times a pause, until the next may come */
};

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void nap(long time_ns)
{
    const struct timespec pause = {0, time_ns};

    (void)nanosleep(&pause, NULL);
}

/* ---- asking the process ---- */

static double predicted_ns(struct pp_served *target)
{
    return (double)atomic_load(&pp_served_header(target)->heap.leaks.predicted_ns);
}

static int no_copy(int status, const struct pp_leak_wish *wish, struct pprofc_error *err)
{
    return pp_fail(err, status, 0, "no copy of process %d could be made and read: %s",
                   wish->target->pid, strerror(-status));
}

/* Of what pp_served_command() has answered, and has explained where the process is not asked. */
static int explain(int status, const struct pp_leak_wish *wish, struct pprofc_error *err)
{
    const int32_t pid = wish->target->pid;
    char pause[PP_NUMBER_TEXT_BYTES];

    switch (status) {
    case -E2BIG:
        return pp_fail(err, status, 0, "process %d would be paused for about %s; allow that by %s",
                       pid, pp_duration_text(predicted_ns(wish->target), pause), wish->way);
    case -ENODATA:
        return pp_fail(err, status, 0,
                       "the heap of process %d is not profiled; start it with PPROFC=heap and "
                       "libpprofc-preload-heap.so",
                       pid);
    case -ESRCH:
    case -EPERM:
    case -ETIMEDOUT:
        return status;
    default:
        return no_copy(status, wish, err);
    }
}

int pp_leak_pause_predict(struct pp_served *target, double *predicted_ns_out,
                          struct pprofc_error *err)
{
    const struct pp_leak_wish wish = {.target = target};
    const int status = pp_served_command(target, PP_REQUEST_LEAK_PAUSE, 0, err);

    if (status != 0)
        return explain(status, &wish, err);
    *predicted_ns_out = predicted_ns(target);
    return 0;
}

static int gone(const struct pp_leak_wish *wish, struct pprofc_error *err)
{
    const struct pp_http_request *request = wish->request;

    if (request == NULL || request->is_gone == NULL || !request->is_gone(request->is_gone_context))
        return 0;
    if (request->is_ending != NULL && request->is_ending(request->is_gone_context))
        return pp_fail(err, -ESHUTDOWN, 0, "the server was stopped while leaks were looked for");
    return pp_fail(err, -ECANCELED, 0, "the client went away");
}

/* The number of the look that has begun.  Another server's, or the program's own, comes first. */
static int begin(const struct pp_leak_wish *wish, struct pprofc_error *err)
{
    int number;

    while ((number = pp_served_command(wish->target, PP_REQUEST_LEAK_LOOK, wish->limit_ms, err)) ==
           -EBUSY) {
        const int status = gone(wish, err);
        if (status != 0)
            return status;
        nap(LOOK_NS);
    }
    if (number == 0)
        return pp_fail(err, -ENOTSUP, 0, "the libpprofc in %s is an older one: it cannot look",
                       wish->target->program);
    return number > 0 ? number : explain(number, wish, err);
}

static int look(const struct pp_leak_wish *wish, struct pprofc_error *err)
{
    const int number = begin(wish, err);
    int status;

    if (number < 0)
        return number;
    while ((status = pp_recording_leak_look_result(pp_served_header(wish->target), number)) ==
           -EINPROGRESS) {
        if (!pp_served_is_alive(wish->target))
            return pp_fail(err, -ESRCH, 0, "%s (process %d) has ended", wish->target->program,
                           wish->target->pid);
        if ((status = gone(wish, err)) != 0)
            return status;
        nap(LOOK_NS);
    }
    return status == 0 ? 0 : no_copy(status, wish, err);
}

static void note_look(struct pp_served *target, uint64_t begin_ns)
{
    const struct pp_rec_leak_scan *scan = &pp_served_header(target)->heap.leaks;
    const uint64_t pause_ns = atomic_load(&scan->pause_ns) * atomic_load(&scan->n_passes);

    target->leak_look_begin_ns = begin_ns;
    target->next_leak_look_ns = now_ns() + REST * pause_ns;
}

int pp_leak_look(const struct pp_leak_wish *wish, struct pprofc_error *err)
{
    struct pp_served *target = wish->target;
    const uint64_t came_ns = now_ns();
    int status = 0;

    (void)pthread_mutex_lock(&target->leak_lock);
    if (target->leak_look_begin_ns < came_ns &&
        !(wish->may_be_old && came_ns < target->next_leak_look_ns)) {
        const uint64_t begin_ns = now_ns();
        status = gone(wish, err);
        if (status == 0)
            status = look(wish, err);
        if (status == 0)
            note_look(target, begin_ns);
    }
    (void)pthread_mutex_unlock(&target->leak_lock);
    return status;
}

/* ---- reading it ---- */

/* Whether the history that was copied is not of two moments. */
static bool is_whole(struct pp_served *target, struct pp_recording_reader *reader)
{
    const struct pp_rec_header *copy = pp_recording_header(reader);

    return !pp_served_is_alive(target) ||
           atomic_load(&pp_served_header(target)->heap.trend_generation) ==
               atomic_load(&copy->heap.trend_generation);
}

/* A snapshot, and the report that was made of it. */
static int read_report(struct pp_service *service, struct pp_served *target, uint32_t n_named,
                       struct pp_recording_reader **reader_out, struct pp_leak_report *report_out,
                       struct pprofc_error *err)
{
    int status = -EAGAIN;

    for (int try = 0; try < MOST_TRIES && status == -EAGAIN; try++) {
        if (try > 0)
            nap(RETRY_NS);
        pp_recording_close(*reader_out);
        *reader_out = NULL;
        status = pp_served_snapshot(target, PP_RECORDING_NO_EVENTS, reader_out, err);
        if (status == 0 && !is_whole(target, *reader_out))
            status = pp_fail(err, -EAGAIN, 0, "the recording kept changing while it was read");
        else if (status == 0)
            status = pp_recording_leaks(*reader_out, service->symbolizer, n_named, report_out, err);
    }
    return status;
}

/* The row that a sample stands for, counted from 1; 0: none. */
static uint64_t row_of(const struct pprofc_profile *profile, uint32_t sample)
{
    const struct pp_label_set *set = &profile->label_sets[profile->sample_labels[sample]];

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        if (strcmp(pp_profile_chars(profile, label->key), "row") == 0)
            return (uint64_t)label->number;
    }
    return 0;
}

/* In a program that serves itself lines are read by a child, which knows profiles: each stack
 * becomes a sample that is labelled with its row. */
static void add_lines(struct pp_leak_report *report)
{
    struct pprofc_profile *profile = report->profile;
    const int64_t one = 1;
    char program[128];

    (void)snprintf(program, sizeof program, "%s", report->program);
    (void)pp_profile_add_type(profile, "stacks", "count");
    for (uint32_t i = 0; i < report->n_rows; i++) {
        const struct pp_label label = {.key = pp_profile_text(profile, "row"), .number = i + 1};
        if (report->rows[i].stack != 0)
            pp_profile_add(profile, report->rows[i].stack, pp_profile_label_set(profile, &label, 1),
                           0, &one);
    }
    if (pp_profile_failed(profile))
        return;
    pp_add_line_numbers(&report->profile);
    if (report->profile == profile) /* there was no child: names are all there is */
        return;
    profile = report->profile;
    for (uint32_t i = 0; i < report->n_rows; i++)
        report->rows[i].stack = 0;
    for (uint32_t i = 0; i < profile->n_samples; i++)
        if (row_of(profile, i) - 1 < report->n_rows)
            report->rows[row_of(profile, i) - 1].stack = profile->sample_stack[i];
    report->program = pp_profile_chars(profile, pp_profile_text(profile, program));
}

static void add_comments(struct pprofc_profile *profile, const struct pp_leak_report *report)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    char *line, *rest;

    if (!report->look.was_made)
        pp_buffer_text(&text, "nobody looked for what nothing leads to: this is what is in use");
    else
        pp_leak_look_append(report, &text);
    pp_buffer_append(&text, "", 1);
    for (rest = text.failed ? NULL : text.bytes; (line = strsep(&rest, "\n")) != NULL;)
        if (line[strspn(line, " ")] != '\0')
            pp_profile_comment(profile, "%s", line + strspn(line, " "));
}

static int make_profile(struct pp_service *service, struct pp_recording_reader *reader,
                        const struct pp_leak_report *report, struct pprofc_profile **profile_out,
                        struct pprofc_error *err)
{
    struct pprofc_profile *profile = pp_profile_new();
    int status = profile == NULL
                     ? pp_fail(err, -ENOMEM, 0, "no memory for the profile")
                     : pp_recording_leak_profile_fill(reader, service->symbolizer, profile, err);

    if (status != 0) {
        pprofc_profile_free(profile);
        return status;
    }
    add_comments(profile, report);
    if (service->hides_command_line)
        profile->command = 0;
    if (service->is_in_program)
        pp_add_line_numbers(&profile);
    *profile_out = profile;
    return 0;
}

int pp_service_leaks(struct pp_service *service, struct pp_served *target, uint32_t n_named,
                     struct pp_leak_report *report_out, struct pprofc_profile **profile_out,
                     struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    int status = read_report(service, target, n_named, &reader, report_out, err);

    if (status == 0 && n_named > 0 && service->is_in_program)
        add_lines(report_out);
    if (status == 0 && profile_out != NULL) {
        status = make_profile(service, reader, report_out, profile_out, err);
        if (status != 0)
            pp_leak_report_done(report_out);
    }
    pp_recording_close(reader);
    return status;
}
