/* What the environment says. */
#include "capture/environment.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "pprofc/pprofc.h"

struct pp_environment pp_environment;

static char config_text[8192]; /* of PPROFC_CONFIG */

static char place[80]; /* "FILE:LINE: " while a configuration file is read */

static void complain(const char *what, const char *name, const char *value, const char *advice)
{
    struct pp_environment *env = &pp_environment;

    if (env->n_complaints < PP_ENV_MAX_COMPLAINTS)
        (void)snprintf(env->complaints[env->n_complaints++], sizeof env->complaints[0],
                       "%s%s %.40s%s%.60s; %.80s", place, what, name, value[0] == '\0' ? "" : "=",
                       value, advice);
}

static bool is_yes(const char *text)
{
    return strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0 ||
           strcasecmp(text, "yes") == 0 || strcasecmp(text, "on") == 0;
}

static bool is_no(const char *text)
{
    return text[0] == '\0' || strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0 ||
           strcasecmp(text, "no") == 0 || strcasecmp(text, "off") == 0;
}

static uint32_t kinds_of(const char *word, size_t n)
{
    static const struct {
        const char *word;
        uint32_t kinds;
    } KINDS[] = {
        {"cpu", PPROFC_KIND_CPU},
        {"offcpu", PPROFC_KIND_OFFCPU},
        {"lock", PPROFC_KIND_LOCK},
        {"wall", PPROFC_KIND_WALL},
        {"heap", PPROFC_KIND_HEAP},
        {"leak", PPROFC_KIND_HEAP | PPROFC_KIND_LEAK},
        {"all", PPROFC_KIND_CPU | PPROFC_KIND_OFFCPU | PPROFC_KIND_LOCK | PPROFC_KIND_HEAP}};

    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (strlen(KINDS[i].word) == n && strncasecmp(word, KINDS[i].word, n) == 0)
            return KINDS[i].kinds;
    return 0;
}

/* ENABLE_PROFILING and PPROFC: a word for on or off, or kinds. */
static void read_switch(const char *name, const char *value)
{
    struct pp_environment *env = &pp_environment;

    if (is_no(value)) {
        env->is_off = env->is_off || (strcmp(name, "PPROFC") == 0 && value[0] != '\0');
        return;
    }
    env->has_wish = true;
    if (is_yes(value)) {
        env->is_on = true;
        return;
    }
    for (const char *at = value; *at != '\0';) {
        const size_t n = strcspn(at, ",");
        const uint32_t kinds = kinds_of(at, n);
        if (kinds != 0) {
            env->kinds |= kinds;
            env->is_on = true;
        } else {
            complain("cannot measure", name, value,
                     "this version knows: cpu, offcpu, lock, wall, heap, leak, all");
        }
        at += n + (at[n] == ',' ? 1 : 0);
    }
}

static void read_run_id(const char *name, const char *value)
{
    struct pp_environment *env = &pp_environment;

    (void)name;
    if (strlen(value) != 2 * sizeof env->run_id)
        return;
    for (size_t i = 0; i < sizeof env->run_id; i++) {
        unsigned byte;
        if (sscanf(value + 2 * i, "%2x", &byte) != 1)
            return;
        env->run_id[i] = (uint8_t)byte;
    }
    env->has_run_id = true;
}

static void read_rate(const char *name, const char *value)
{
    const double rate_hz = strcmp(name, "PPROFC_MODE") == 0 ? pp_environment_mode(value)
                                                            : pp_environment_number(value);

    if (rate_hz >= 1 && rate_hz <= 10000)
        pp_environment.rate_hz = rate_hz;
    else
        complain("cannot read", name, value,
                 "a rate is 1 to 10000 Hz, a mode low, standard or high");
}

static void read_heap_interval(const char *name, const char *value)
{
    const uint64_t n_bytes = pp_environment_bytes(value);

    if (n_bytes != 0 && n_bytes <= UINT32_MAX)
        pp_environment.heap_interval_bytes = n_bytes;
    else
        complain("cannot read", name, value,
                 "an interval is like 512K, 64KiB, 1 (every allocation)");
}

static void read_budget(const char *name, const char *value)
{
    const double percent = pp_environment_percent(value);

    if (percent >= 0.01 && percent <= 100)
        pp_environment.budget_percent = percent;
    else
        complain("cannot read", name, value, "a budget is like 1% or 0.5%, of the program's CPU");
}

static void read_duration(const char *name, const char *value)
{
    pp_environment.duration_s = pp_environment_duration(value);
    if (pp_environment.duration_s < 0) {
        pp_environment.duration_s = 0;
        complain("cannot read", name, value, "a duration is like 500ms, 30s, 5m");
    }
}

/* "60s/360s": on for the first, every second. */
static void read_cycle(const char *name, const char *value)
{
    const char *slash = strchr(value, '/');
    char on[32] = "";
    double on_s, whole_s;

    if (slash != NULL && (size_t)(slash - value) < sizeof on)
        memcpy(on, value, (size_t)(slash - value));
    on_s = pp_environment_duration(on);
    whole_s = slash == NULL ? -1 : pp_environment_duration(slash + 1);
    if (!(on_s >= 0.01 && whole_s >= on_s && whole_s <= 1e7)) {
        complain("cannot read", name, value, "a cycle is like 60s/360s: on for 60 s, every 360 s");
        return;
    }
    pp_copy_text(pp_environment.cycle, sizeof pp_environment.cycle, value);
    pp_environment.cycle_on_s = on_s;
    pp_environment.cycle_s = whole_s > on_s ? whole_s : 0; /* always on is no cycle */
}

static void read_signal(const char *name, const char *value)
{
    const int signo = pp_environment_signal(value);

    if (signo > 0 && signo != SIGKILL && signo != SIGSTOP)
        pp_environment.signo = signo;
    else
        complain("cannot read", name, value, "a signal is like USR2 or 12");
}

static void read_text(const char *name, const char *value)
{
    struct pp_environment *env = &pp_environment;

    if (strcmp(name, "PPROFC_BLOCK") == 0)
        pp_copy_text(env->block_libraries, sizeof env->block_libraries, value);
    else if (strcmp(name, "PPROFC_BLOCK_DROP") == 0)
        env->block_drops = is_yes(value);
    else if (strcmp(name, "PPROFC_HEAP_PEAK") == 0)
        env->heap_peak = is_yes(value);
    else if (strcmp(name, "PPROFC_HEAP_MMAP") == 0)
        env->heap_mmap = is_yes(value);
    else if (strcmp(name, "PPROFC_HEAP_USABLE") == 0)
        env->heap_usable = is_yes(value);
    else if (strcmp(name, "PPROFC_HEAP_LIFETIMES") == 0)
        env->heap_lifetimes = is_yes(value);
    else if (strcmp(name, "PPROFC_FOLLOW") == 0)
        env->follows = !is_no(value);
    else if (strcmp(name, "PPROFC_LOG") == 0)
        pp_copy_text(env->log, sizeof env->log, value);
    else if (strcmp(name, "PPROFC_DELIVERY") == 0)
        pp_copy_text(env->delivery, sizeof env->delivery, value);
    else if (strcmp(name, "PPROFC_KERNEL") == 0)
        pp_copy_text(env->kernel, sizeof env->kernel, value);
    else if (strcmp(name, "PPROFC_CGROUP") == 0)
        pp_copy_text(env->cgroup, sizeof env->cgroup, value);
    else if (strcmp(name, "PPROFC_WAIT_CLOCK") == 0)
        pp_copy_text(env->wait_clock, sizeof env->wait_clock, value);
    else if (strcmp(name, "PPROFC_COMMAND") == 0)
        pp_copy_text(env->command, sizeof env->command, value);
    else if (strcmp(name, "PPROFC_HTTP") == 0)
        pp_copy_text(env->http, sizeof env->http, value);
    else if (strcmp(name, "PPROFC_TOKEN_FILE") == 0)
        pp_copy_text(env->token_file, sizeof env->token_file, value);
    else if (strcmp(name, "PPROFC_HISTORY") == 0)
        pp_copy_text(env->history, sizeof env->history, value);
    else if (strcmp(name, "PPROFC_FLIGHT") == 0)
        pp_copy_text(env->flight, sizeof env->flight, value);
    else if (strcmp(name, "PPROFC_EXPORT") == 0)
        pp_copy_text(env->export_to, sizeof env->export_to, value);
    else if (strcmp(name, "PPROFC_KEEP") == 0)
        pp_copy_text(env->keep, sizeof env->keep, value);
    else if (strcmp(name, "PPROFC_OUTPUT") == 0)
        pp_copy_text(env->output, sizeof env->output, value);
}

static void read_config(const char *name, const char *value);

static void ignore(const char *name, const char *value)
{
    (void)name, (void)value;
}

static const struct known {
    const char *name;
    void (*read)(const char *name, const char *value);
} KNOWN[] = {
    {"PPROFC", read_switch},
    {"ENABLE_PROFILING", read_switch},
    {"PPROFC_FREQUENCY", read_rate},
    {"PPROFC_MODE", read_rate},
    {"PPROFC_DURATION", read_duration},
    {"PPROFC_HEAP_INTERVAL", read_heap_interval},
    {"PPROFC_BUDGET", read_budget},
    {"PPROFC_HEAP_PEAK", read_text},
    {"PPROFC_HEAP_MMAP", read_text},
    {"PPROFC_HEAP_USABLE", read_text},
    {"PPROFC_HEAP_LIFETIMES", read_text},
    {"PPROFC_BLOCK", read_text},
    {"PPROFC_BLOCK_DROP", read_text},
    {"PPROFC_FOLLOW", read_text},
    {"PPROFC_SIGNAL", read_signal},
    {"PPROFC_LOG", read_text},
    {"PPROFC_OUTPUT", read_text},
    {"PPROFC_DELIVERY", read_text},
    {"PPROFC_KERNEL", read_text},
    {"PPROFC_CGROUP", read_text},
    {"PPROFC_WAIT_CLOCK", read_text},
    {"PPROFC_COMMAND", read_text},
    {"PPROFC_RUN_ID", read_run_id},
    {"PPROFC_CONFIG", read_config},
    {"PPROFC_CYCLE", read_cycle},
    {"PPROFC_HTTP", read_text},
    {"PPROFC_TOKEN_FILE", read_text},
    /* Of later versions. */
    {"PPROFC_EXPORT", read_text},
    /* The report side's. */
    {"PPROFC_HISTORY", read_text},
    {"PPROFC_KEEP", read_text},
    {"PPROFC_FLIGHT", read_text},
    {"PPROFC_DEBUG_PATH", ignore},
    {"PPROFC_TLS_CERT", ignore},
    {"PPROFC_TLS_KEY", ignore},
    {"PPROFC_PRELOAD_DIR", ignore},
    {"PPROFC_BUILD_DIR", ignore},
    {"PPROFC_LONG", ignore},
};

static const struct known *find_known(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (strlen(KNOWN[i].name) == n && strncmp(KNOWN[i].name, name, n) == 0)
            return &KNOWN[i];
    return NULL;
}

/* Edits that turn one name into the other (Levenshtein), for names of up to 31 characters. */
static uint32_t distance(const char *a, size_t n_a, const char *b)
{
    uint32_t row[32];
    const size_t n_b = strlen(b);

    if (n_a > 31 || n_b > 31)
        return 99;
    for (uint32_t j = 0; j <= n_b; j++)
        row[j] = j;
    for (uint32_t i = 1; i <= n_a; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= n_b; j++) {
            const uint32_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            const uint32_t shorter = row[j] < row[j - 1] ? row[j] : row[j - 1];
            diagonal = row[j];
            row[j] = replaced < shorter + 1 ? replaced : shorter + 1;
        }
    }
    return row[n_b];
}

static void complain_unknown(const char *variable, size_t n)
{
    const char *nearest = "";
    uint32_t least = 6;
    char name[32], advice[80];

    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        /* The beginning of a name is nearer than others as short: PPROFC_OUT is not PPROFC_MODE. */
        const bool begins = n > strlen("PPROFC_") && strncmp(KNOWN[i].name, variable, n) == 0;
        const uint32_t d = begins ? 1 : distance(variable, n, KNOWN[i].name);
        if (d < least) {
            least = d;
            nearest = KNOWN[i].name;
        }
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)n, variable);
    (void)snprintf(advice, sizeof advice, "%s%s%s",
                   nearest[0] == '\0' ? "see pprofc(7)" : "did you mean ", nearest,
                   nearest[0] == '\0' ? "" : "?");
    complain("unknown name", name, "", advice);
}

bool pp_environment_is_ours(const char *variable)
{
    return strncmp(variable, "PPROFC_", 7) == 0 || strncmp(variable, "PPROFC=", 7) == 0 ||
           strncmp(variable, "ENABLE_PROFILING=", 17) == 0;
}

static void read_variable(const char *variable)
{
    const char *equals = strchr(variable, '=');
    const struct known *known;

    if (equals == NULL || !pp_environment_is_ours(variable))
        return;
    known = find_known(variable, (size_t)(equals - variable));
    if (known != NULL)
        known->read(known->name, equals + 1);
    else
        complain_unknown(variable, (size_t)(equals - variable));
}

/* What a line of a configuration file means: its value without quotes, or up to a comment behind a
 * blank; in place. */
static void unquote(char *value)
{
    const size_t n = strlen(value);
    char *end = n > 1 && (value[0] == '"' || value[0] == '\'') ? strchr(value + 1, value[0]) : NULL;

    if (end != NULL) {
        *end = '\0';
        memmove(value, value + 1, strlen(value + 1) + 1);
        return;
    }
    for (end = value; *end != '\0'; end++)
        if (*end == '#' && end > value && (end[-1] == ' ' || end[-1] == '\t'))
            break;
    while (end > value && strchr(" \t\r", end[-1]) != NULL)
        end--;
    *end = '\0';
}

static void read_config_line(char *line)
{
    char *equals;

    line += strspn(line, " \t");
    if (strncmp(line, "export ", 7) == 0)
        line += 7 + strspn(line + 7, " ");
    if (line[strspn(line, "\r")] == '\0' || line[0] == '#')
        return;
    equals = strchr(line, '=');
    if (equals == NULL) {
        line[strcspn(line, " \r")] = '\0';
        complain("cannot read", line, "", "a line is NAME=value");
        return;
    }
    unquote(equals + 1);
    read_variable(line);
}

static ssize_t read_file(const char *path)
{
    /* O_NONBLOCK: a pipe of that name must not keep the program from starting. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const ssize_t n = fd < 0 ? -1 : read(fd, config_text, sizeof config_text - 1);

    if (fd >= 0)
        (void)close(fd);
    return n;
}

static void read_config(const char *name, const char *value)
{
    static bool is_open; /* a file that names another is not followed */
    const ssize_t n = is_open ? -1 : read_file(value);
    unsigned number = 1;

    if (n < 0) {
        complain("cannot read", name, value, "it is a file of NAME=value lines");
        return;
    }
    if (n == (ssize_t)sizeof config_text - 1)
        complain("cannot read all of", name, value, "only its first 8191 bytes count");
    config_text[n] = '\0';
    is_open = true;
    for (char *line = config_text, *end; line != NULL; line = end, number++) {
        end = strchr(line, '\n');
        if (end != NULL)
            *end++ = '\0';
        (void)snprintf(place, sizeof place, "%.60s:%u: ", value, number);
        read_config_line(line);
    }
    place[0] = '\0';
    is_open = false;
}

/* gperftools' own libraries, where the program has them, read its names themselves. */
extern int ProfilerStart(const char *path) __attribute__((weak));
extern void HeapProfilerStart(const char *prefix) __attribute__((weak));

/* gperftools' names, for programs that are started with those. */
static void read_gperftools(char **variables)
{
    struct pp_environment *env = &pp_environment;

    for (char **at = variables; *at != NULL; at++) {
        if (strncmp(*at, "HEAPPROFILE=", 12) == 0 && HeapProfilerStart == NULL) {
            env->is_on = env->has_wish = true;
            env->kinds |= PPROFC_KIND_HEAP;
            if (env->output[0] == '\0') {
                pp_copy_text(env->output, sizeof env->output, *at + 12);
                env->output_is_any = true;
            }
        }
        if (ProfilerStart != NULL)
            continue;
        if (strncmp(*at, "CPUPROFILE=", 11) == 0 && (*at)[11] != '\0') {
            env->is_on = true;
            if (env->output[0] == '\0') {
                pp_copy_text(env->output, sizeof env->output, *at + 11);
                env->output_is_any = true;
            }
        } else if (strncmp(*at, "CPUPROFILE_FREQUENCY=", 21) == 0 && env->rate_hz == 0) {
            read_rate("CPUPROFILE_FREQUENCY", *at + 21);
        } else if (strncmp(*at, "CPUPROFILESIGNAL=", 17) == 0 && env->signo == 0) {
            read_signal("CPUPROFILESIGNAL", *at + 17);
        }
    }
}

void pp_environment_read(char **variables)
{
    if (pp_environment.was_read || variables == NULL)
        return;
    pp_environment.was_read = true;
    pp_environment.is_secure = getauxval(AT_SECURE) != 0;
    if (pp_environment.is_secure)
        return;
    /* A configuration file first, so that variables beat it. */
    for (char **at = variables; *at != NULL; at++)
        if (strncmp(*at, "PPROFC_CONFIG=", 14) == 0)
            read_variable(*at);
    for (char **at = variables; *at != NULL; at++)
        if (strncmp(*at, "PPROFC_CONFIG=", 14) != 0)
            read_variable(*at);
    if (!pp_environment.has_wish)
        read_gperftools(variables);
    /* Windows are taken by whoever serves, and the cycle is theirs. */
    if (pp_environment.history[0] != '\0' || pp_environment.export_to[0] != '\0')
        pp_environment.cycle_s = 0;
    if (pp_environment.signo != 0 && pp_environment.cycle_s > 0) {
        pp_environment.cycle_s = 0;
        complain("cannot do", "PPROFC_CYCLE", "", "PPROFC_SIGNAL is set, and the signal counts");
    }
}
