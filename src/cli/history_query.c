/* Queries of a history. */
#include "cli/history_query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/quantities.h"
#include "cli/messages.h"
#include "profile/filter.h"
#include "profile/filter_tags.h"
#include "profile/tables.h"

/* ---- times ---- */

static bool parse_date(const char *text, int64_t *time_out)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M",
                                          "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M",
                                          "%Y%m%d_%H%M%S",     "%Y-%m-%d"};

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct tm parts = {.tm_mday = 1};
        const char *end = strptime(text, formats[i], &parts);
        if (end == NULL || (*end != '\0' && strcmp(end, "Z") != 0))
            continue;
        *time_out = timegm(&parts);
        return true;
    }
    return false;
}

int pp_history_parse_time(const char *text, int64_t now_s, int64_t *time_out,
                          struct pprofc_error *err)
{
    int64_t ago_ns = 0;

    if (strcmp(text, "now") == 0) {
        *time_out = now_s;
        return 0;
    }
    if (parse_date(text, time_out))
        return 0;
    if (pp_parse_duration(text, &ago_ns, NULL) != 0)
        return pp_fail(err, -EINVAL, 0,
                       "'%s' is no time; write 2h (ago), now, or 2026-11-26T22:00 (UTC)", text);
    *time_out = now_s - ago_ns / 1000000000;
    return 0;
}

/* ---- which ---- */

static bool is_met(const struct pp_history_query *query, const struct pp_history_file *file)
{
    const struct pp_window_name *name = &file->name;

    return !name->is_flight && strcmp(file->extension, ".pb.gz") == 0 &&
           (query->since_s == 0 || name->time_s >= query->since_s) &&
           (query->until_s == 0 || name->time_s < query->until_s) &&
           (query->kind == NULL || strcmp(name->kind, query->kind) == 0) &&
           (query->program == NULL || strcmp(name->program, query->program) == 0) &&
           (query->pid == 0 || name->pid == query->pid);
}

const char *pp_history_default_kind(const struct pp_history *history,
                                    const struct pp_history_query *query)
{
    const char *kind = NULL;

    for (size_t i = 0; i < history->n_files; i++) {
        if (!is_met(query, &history->files[i]))
            continue;
        kind = history->files[i].name.kind;
        if (strcmp(kind, "cpu") == 0)
            return kind;
    }
    return kind;
}

bool pp_history_has_programs(const struct pp_history *history, const struct pp_history_query *query,
                             const char *programs_out[2])
{
    const char *first = NULL;

    for (size_t i = 0; i < history->n_files; i++) {
        const char *program = history->files[i].name.program;
        if (!is_met(query, &history->files[i]) || (first != NULL && strcmp(first, program) == 0))
            continue;
        if (first != NULL) {
            programs_out[0] = first;
            programs_out[1] = program;
            return true;
        }
        first = program;
    }
    return false;
}

/* ---- reading ---- */

static int filter_labels(const struct pp_history_query *query, struct pprofc_profile *profile,
                         struct pprofc_error *err)
{
    struct pp_filter filter = {.without_time = false};
    uint32_t matched = 0;
    int status = pp_tag_filter_new(query->label, &filter.tag_focus, err);

    if (status == 0)
        status = pp_profile_filter(profile, &filter, &matched, err);
    pp_tag_filter_free(filter.tag_focus);
    return status;
}

/* 0, 1 for a file that cannot be read, or an error that all of them would have. */
static int read_window(const struct pp_history *history, const struct pp_history_query *query,
                       const struct pp_history_file *file, struct pp_history_window *window_out,
                       struct pprofc_error *err)
{
    struct pprofc_profile *profile = NULL;
    char path[PATH_MAX];
    int type, status;

    pp_history_path(history, file, path);
    status = pprofc_profile_read(path, &profile, err);
    if (status != 0)
        return status == -ENOMEM ? status : 1;
    type = (int)profile->default_type;
    if (query->sample != NULL)
        type = pp_profile_find_type(profile, query->sample, err);
    status = type < 0 ? -EINVAL : 0;
    if (status == 0 && query->label != NULL)
        status = filter_labels(query, profile, err);
    if (status != 0) {
        pprofc_profile_free(profile);
        return status;
    }
    *window_out = (struct pp_history_window){file, profile, (uint32_t)type};
    return 0;
}

int pp_history_load(const struct pp_history *history, const struct pp_history_query *query,
                    struct pp_history_windows *windows_out, struct pprofc_error *err)
{
    struct pprofc_error why;

    memset(windows_out, 0, sizeof *windows_out);
    windows_out->items = calloc(history->n_files + 1, sizeof *windows_out->items);
    if (windows_out->items == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for the windows of '%s'", history->folder);
    for (size_t i = 0; i < history->n_files; i++) {
        int status;
        if (!is_met(query, &history->files[i]))
            continue;
        status = read_window(history, query, &history->files[i],
                             &windows_out->items[windows_out->n], &why);
        if (status < 0)
            return pp_fail(err, status, 0, "%s", why.message);
        if (status == 0)
            windows_out->n++;
        else if (windows_out->n_unreadable++ == 0)
            pp_complain("a window is left out: %s", why.message);
    }
    return 0;
}

void pp_history_windows_done(struct pp_history_windows *windows)
{
    for (uint32_t i = 0; i < windows->n; i++)
        pprofc_profile_free(windows->items[i].profile);
    free(windows->items);
    windows->items = NULL;
    windows->n = 0;
}

/* ---- together ---- */

static bool is_state(const struct pprofc_profile *profile, uint32_t type)
{
    return strncmp(pp_profile_chars(profile, profile->types[type].type), "inuse_",
                   strlen("inuse_")) == 0;
}

static bool is_last_of_process(const struct pp_history_windows *windows, uint32_t i)
{
    const struct pp_window_name *name = &windows->items[i].file->name;

    for (uint32_t k = i + 1; k < windows->n; k++)
        if (windows->items[k].file->name.pid == name->pid &&
            strcmp(windows->items[k].file->name.program, name->program) == 0)
            return false;
    return true;
}

/* Leave the states to a later window. */
static void drop_states(struct pprofc_profile *profile)
{
    double ratios[PP_MAX_TYPES];
    bool has_state = false;

    for (uint32_t type = 0; type < profile->n_types; type++) {
        ratios[type] = is_state(profile, type) ? 0 : 1;
        has_state |= ratios[type] == 0;
    }
    if (has_state)
        pp_profile_scale(profile, ratios);
}

struct span {
    int64_t begin_ns, end_ns;
};

static int compare_spans(const void *a, const void *b)
{
    const struct span *one = a, *other = b;

    return (one->begin_ns > other->begin_ns) - (one->begin_ns < other->begin_ns);
}

/* How long any of them lasted: windows of several processes lie beside each other. */
static int64_t covered_ns(const struct pp_history_windows *windows)
{
    pp_autofree struct span *spans = calloc((size_t)windows->n + 1, sizeof *spans);
    int64_t covered = 0, end_ns = 0;

    if (spans == NULL)
        return -1;
    for (uint32_t i = 0; i < windows->n; i++) {
        const struct pprofc_profile *profile = windows->items[i].profile;
        spans[i].begin_ns =
            profile->time_ns > 0 ? profile->time_ns : 0; /* files may say anything */
        spans[i].end_ns = pp_add_values(spans[i].begin_ns, profile->duration_ns);
    }
    qsort(spans, windows->n, sizeof *spans, compare_spans);
    for (uint32_t i = 0; i < windows->n; i++) {
        const int64_t begin_ns = spans[i].begin_ns > end_ns ? spans[i].begin_ns : end_ns;
        if (spans[i].end_ns > begin_ns)
            covered += spans[i].end_ns - begin_ns;
        end_ns = spans[i].end_ns > end_ns ? spans[i].end_ns : end_ns;
    }
    return covered;
}

int pp_history_merge(struct pp_history_windows *windows, struct pprofc_profile **profile_out,
                     struct pprofc_error *err)
{
    const int64_t lasted_ns = covered_ns(windows);
    struct pprofc_profile *all = pp_profile_new();
    int status =
        all == NULL || lasted_ns < 0 ? pp_fail(err, -ENOMEM, 0, "no memory for the sum") : 0;

    for (uint32_t i = 0; i < windows->n && status == 0; i++) {
        if (!is_last_of_process(windows, i))
            drop_states(windows->items[i].profile);
        status = pp_profile_merge(all, windows->items[i].profile, err);
    }
    if (status != 0) {
        pprofc_profile_free(all);
        return status;
    }
    all->duration_ns = lasted_ns;
    *profile_out = all;
    return 0;
}

double pp_history_rate(const struct pp_history_window *window)
{
    const struct pprofc_profile *profile = window->profile;
    const double total = (double)pp_profile_total(profile, window->type);

    if (is_state(profile, window->type) || profile->duration_ns <= 0)
        return total;
    return total / ((double)profile->duration_ns / 1e9);
}
