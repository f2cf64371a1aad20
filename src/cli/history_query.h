/* Which windows of a history are asked for, and reading them. */
#ifndef PP_CLI_HISTORY_QUERY_H
#define PP_CLI_HISTORY_QUERY_H

#include <stdbool.h>

#include "export/history.h"
#include "profile/profile.h"

struct pp_history_query {
    const char *folder;
    int64_t since_s, until_s; /* windows that began in [since, until); 0: no limit */
    const char *kind;         /* NULL: as it comes */
    const char *program;      /* NULL: all of them */
    int64_t pid;              /* 0: all of them */
    const char *label;        /* "KEY=RE": only samples with it; NULL */
    const char *sample;       /* the sample type; NULL: the profiles' own choice */
};

/* One window, read. */
struct pp_history_window {
    const struct pp_history_file *file;
    struct pprofc_profile *profile;
    uint32_t type;
};

struct pp_history_windows {
    struct pp_history_window *items;
    uint32_t n;
    uint32_t n_unreadable; /* left out, with a line about the first of them */
};

/* "2h" ago, "now", "2026-11-26T22:00:00", "2026-11-26 22:00" or "20261126_220000", all UTC.
 * -EINVAL. */
int pp_history_parse_time(const char *text, int64_t now_s, int64_t *time_out,
                          struct pprofc_error *err);

/* The kind that the views show where none is asked for: cpu where there is any, else that of the
 * newest window; NULL where the query meets nothing. */
const char *pp_history_default_kind(const struct pp_history *history,
                                    const struct pp_history_query *query);

/* Whether the query's windows are of more than one program; the first two of them. */
bool pp_history_has_programs(const struct pp_history *history, const struct pp_history_query *query,
                             const char *programs_out[2]);

/* Read the windows that the query meets, in the order of time; pp_history_windows_done() in any
 * case.  0, -EINVAL for an unknown sample type or label, -ENOMEM; a file that cannot be read is
 * left out. */
int pp_history_load(const struct pp_history *history, const struct pp_history_query *query,
                    struct pp_history_windows *windows_out, struct pprofc_error *err);
void pp_history_windows_done(struct pp_history_windows *windows);

/* All of them as one.  Of what is a state, memory in use, each process's last window counts: states
 * do not add up over time.  -EINVAL when they do not fit together; -ENOMEM. */
int pp_history_merge(struct pp_history_windows *windows, struct pprofc_profile **profile_out,
                     struct pprofc_error *err);

/* The value that a window pays a second, or where it is a state the value itself. */
double pp_history_rate(const struct pp_history_window *window);

#endif
