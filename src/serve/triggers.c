/* Limits of the flight recorder, and looks at a process. */
#include "serve/triggers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/quantities.h"

/* ---- what is asked for ---- */

static int set_memory(struct pp_triggers *triggers, const char *value)
{
    if (strchr(value, '%') != NULL)
        return pp_parse_percent(value, &triggers->memory_share, NULL);
    return pp_parse_bytes(value, &triggers->memory_bytes, NULL);
}

static int set_signal(struct pp_triggers *triggers, const char *value)
{
    const char *name = strncasecmp(value, "SIG", 3) == 0 ? value + 3 : value;

    for (int signo = 1; signo < 32; signo++) {
        const char *known = sigabbrev_np(signo);
        if (known != NULL && strcasecmp(known, name) == 0 && signo != SIGKILL && signo != SIGSTOP)
            triggers->signo = signo;
    }
    return triggers->signo != 0 ? 0 : -EINVAL;
}

static int set_one(struct pp_triggers *triggers, const char *key, const char *value)
{
    if (strcmp(key, "cpu") == 0)
        return pp_parse_percent(value, &triggers->cpu_ratio, NULL);
    if (strcmp(key, "memory") == 0)
        return set_memory(triggers, value);
    if (strcmp(key, "pressure") == 0)
        return pp_parse_percent(value, &triggers->pressure, NULL);
    if (strcmp(key, "signal") == 0)
        return set_signal(triggers, value);
    if (strcmp(key, "every") == 0)
        return pp_parse_duration(value, &triggers->every_ns, NULL);
    return -EINVAL;
}

int pp_triggers_parse(const char *text, struct pp_triggers *triggers_out, struct pprofc_error *err)
{
    struct pp_triggers triggers = {.every_ns = triggers_out->every_ns};
    pp_autofree char *copy = strdup(text);
    char *rest = copy, *part;

    if (copy == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for the flight recorder's triggers");
    while ((part = strsep(&rest, ",")) != NULL) {
        char *value = strchr(part, '=');
        if (value == NULL)
            return pp_fail(err, -EINVAL, 0,
                           "'%s' is no trigger; write cpu=90%%,memory=80%%,pressure=20%%,"
                           "signal=USR1,every=10m, or some of them",
                           part);
        *value++ = '\0';
        if (set_one(&triggers, part, value) != 0)
            return pp_fail(err, -EINVAL, 0,
                           "'%s=%s' is no trigger; write cpu=90%%,memory=80%%,pressure=20%%,"
                           "signal=USR1,every=10m, or some of them",
                           part, value);
    }
    *triggers_out = triggers;
    return 0;
}

/* Version 1 says it with the largest number of whole pages. */
#define NO_LIMIT (INT64_C(1) << 60)

/* ---- reading ---- */

static bool read_text(const char *path, char *text, size_t capacity)
{
    pp_autoclose_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n_read = fd < 0 ? -1 : read(fd, text, capacity - 1);

    text[n_read > 0 ? n_read : 0] = '\0';
    return n_read > 0;
}

static bool read_file(const char *folder, const char *name, char *text, size_t capacity)
{
    char path[PP_TRIGGER_FOLDER_BYTES + 64];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return read_text(path, text, capacity);
}

/* A file that holds one number, under its name in version 2 or 1; -1 where there is none ("max").
 */
static int64_t read_number(const char *folder, const char *name, const char *old_name)
{
    char text[32];

    if (!read_file(folder, name, text, sizeof text) &&
        !read_file(folder, old_name, text, sizeof text))
        return -1;
    return text[0] >= '0' && text[0] <= '9' ? strtoll(text, NULL, 10) : -1;
}

/* The number behind 'key' at the begin of a line. */
static int64_t number_of(const char *text, const char *key)
{
    const size_t n_key = strlen(key);

    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, n_key) == 0 && line[n_key] == ' ')
            return strtoll(line + n_key, NULL, 10);
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return -1;
}

/* The process's group: "" where none can be told. */
static void find_group(int32_t pid, char folder[PP_TRIGGER_FOLDER_BYTES])
{
    static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/memory"};
    const char *given = getenv("PPROFC_CGROUP");
    char path[64], text[4096];
    const char *at;

    folder[0] = '\0';
    if (given != NULL && given[0] != '\0') {
        (void)snprintf(folder, PP_TRIGGER_FOLDER_BYTES, "%s", given);
        return;
    }
    (void)snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    if (!read_text(path, text, sizeof text))
        return;
    at = strstr(text, ":memory:");
    at = at != NULL ? at + strlen(":memory:") : strstr(text, "0::");
    if (at != NULL && strncmp(at, "0::", 3) == 0)
        at += 3;
    for (size_t i = 0; at != NULL && i < 2; i++) {
        (void)snprintf(folder, PP_TRIGGER_FOLDER_BYTES, "%s%.*s", roots[i],
                       (int)strcspn(at, "\n") < 400 ? (int)strcspn(at, "\n") : 400, at);
        if (read_number(folder, "memory.current", "memory.usage_in_bytes") >= 0)
            return;
        (void)snprintf(folder, PP_TRIGGER_FOLDER_BYTES, "%s", roots[i]); /* in its own namespace */
        if (read_number(folder, "memory.current", "memory.usage_in_bytes") >= 0)
            return;
    }
    folder[0] = '\0';
}

/* ---- what is looked at ---- */

/* User and system time, fields 14 and 15: behind the name, which may hold anything. */
static bool read_cpu(int32_t pid, uint64_t *cpu_ns_out)
{
    char path[64], text[1024];
    const char *at;
    unsigned long long user, system;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!read_text(path, text, sizeof text) || (at = strrchr(text, ')')) == NULL ||
        sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) !=
            2)
        return false;
    *cpu_ns_out = (user + system) * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
    return true;
}

/* Over the last three looks. */
static double look_at_cpu(struct pp_trigger_state *state, int32_t pid, uint64_t now_ns)
{
    const uint32_t at = state->n_looks % PP_TRIGGER_LOOKS;
    const uint32_t oldest = (state->n_looks + 1) % PP_TRIGGER_LOOKS;
    uint64_t cpu_ns = 0;

    if (!read_cpu(pid, &cpu_ns))
        return -1;
    state->looks[at].time_ns = now_ns;
    state->looks[at].cpu_ns = cpu_ns;
    if (++state->n_looks < PP_TRIGGER_LOOKS || now_ns <= state->looks[oldest].time_ns)
        return -1;
    return (double)(cpu_ns - state->looks[oldest].cpu_ns) /
           (double)(now_ns - state->looks[oldest].time_ns);
}

static int64_t read_rss(int32_t pid)
{
    char path[64], text[128];
    long long n_all, n_resident;

    (void)snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    if (!read_text(path, text, sizeof text) || sscanf(text, "%lld %lld", &n_all, &n_resident) != 2)
        return -1;
    return n_resident * sysconf(_SC_PAGESIZE);
}

/* The working set, as Kubernetes counts it: pages of files that nobody has used lately go first,
 * and nobody is killed for them. */
static void look_at_group(const char *folder, struct pp_trigger_values *values)
{
    char text[8192];
    const int64_t used_bytes = read_number(folder, "memory.current", "memory.usage_in_bytes");
    int64_t inactive_bytes = -1;

    values->group_max_bytes = read_number(folder, "memory.max", "memory.limit_in_bytes");
    if (values->group_max_bytes >= NO_LIMIT)
        values->group_max_bytes = -1;
    if (used_bytes < 0)
        return;
    if (read_file(folder, "memory.stat", text, sizeof text)) {
        inactive_bytes = number_of(text, "total_inactive_file");
        if (inactive_bytes < 0)
            inactive_bytes = number_of(text, "inactive_file");
    }
    values->group_bytes = used_bytes;
    if (inactive_bytes > 0 && inactive_bytes < used_bytes)
        values->group_bytes -= inactive_bytes;
    if (values->group_max_bytes > 0)
        values->memory_share = (double)values->group_bytes / (double)values->group_max_bytes;
}

/* "some avg10=1.23 avg60=..": percent of the last ten seconds in which somebody waited. */
static bool read_pressure(const char *folder, const char *name, double *pressure_out)
{
    char text[256];
    unsigned whole, hundredths; /* not %lf: the program may have set a locale */

    if (!read_file(folder, name, text, sizeof text) ||
        sscanf(text, "some avg10=%5u.%2u", &whole, &hundredths) != 2)
        return false;
    *pressure_out = (whole + hundredths / 100.0) / 100;
    return true;
}

static void look_at_pressure(const char *group, struct pp_trigger_values *values)
{
    static const char *const kinds[] = {"cpu", "memory", "io"};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char name[32];
        double pressure = -1;
        (void)snprintf(name, sizeof name, "%s.pressure", kinds[i]);
        if (group[0] == '\0' || !read_pressure(group, name, &pressure))
            (void)read_pressure("/proc/pressure", kinds[i], &pressure);
        if (pressure <= values->pressure)
            continue;
        values->pressure = pressure;
        values->pressure_of = kinds[i];
    }
}

const char *pp_triggers_look(const struct pp_triggers *triggers, struct pp_trigger_state *state,
                             int32_t pid, uint64_t now_ns, struct pp_trigger_values *values_out)
{
    char group[PP_TRIGGER_FOLDER_BYTES];

    *values_out = (struct pp_trigger_values){.cpu_ratio = look_at_cpu(state, pid, now_ns),
                                             .memory_bytes = read_rss(pid),
                                             .group_bytes = -1,
                                             .group_max_bytes = -1,
                                             .memory_share = -1,
                                             .pressure = -1,
                                             .pressure_of = ""};
    find_group(pid, group);
    if (group[0] != '\0')
        look_at_group(group, values_out);
    look_at_pressure(group, values_out);
    if (triggers->cpu_ratio > 0 && values_out->cpu_ratio >= triggers->cpu_ratio)
        return "cpu";
    if (triggers->memory_bytes > 0 && values_out->memory_bytes >= (int64_t)triggers->memory_bytes)
        return "memory";
    if (triggers->memory_share > 0 && values_out->memory_share >= triggers->memory_share)
        return "memory";
    if (triggers->pressure > 0 && values_out->pressure >= triggers->pressure)
        return "pressure";
    return NULL;
}
