/* How often and how long the process's control group was throttled (cpu.max, cpu.cfs_quota_us): a
 * profile of CPU time does not show the time in which the program wanted to run and might not.
 *
 * A limit may be set on the process's own group or on any above it, and each counts only its own.
 * The figures taken are those of the group that was throttled longest. */
#include "capture/throttle.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LEVELS = 8, FILE_BYTES = 16 * 1024, NAME_BYTES = 32 };

static struct level {
    char path[PP_THROTTLE_PATH_BYTES + NAME_BYTES];
    struct pp_throttle before;
} levels[MAX_LEVELS]; /* the helper's only */
static uint32_t n_levels;

/* ---- words ---- */

/* The number behind 'key' at the start of a line. */
static bool number_of(const char *text, const char *key, uint64_t *number_out)
{
    const size_t n_key = strlen(key);

    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, key, n_key) == 0 && line[n_key] == ' ') {
            *number_out = strtoull(line + n_key + 1, NULL, 10);
            return true;
        }
        if (line[strcspn(line, "\n")] == '\0')
            break;
    }
    return false;
}

bool pp_throttle_parse(const char *cpu_stat, struct pp_throttle *throttle_out)
{
    struct pp_throttle throttle = {0, 0};

    if (!number_of(cpu_stat, "nr_throttled", &throttle.n))
        return false;
    if (number_of(cpu_stat, "throttled_usec", &throttle.ns)) /* version 2 */
        throttle.ns *= 1000;
    else if (!number_of(cpu_stat, "throttled_time", &throttle.ns))
        return false;
    *throttle_out = throttle;
    return true;
}

/* Whether 'word' is one of the comma-separated words at 'text', which end at 'n_chars'. */
static bool has_word(const char *text, size_t n_chars, const char *word)
{
    for (size_t at = 0; at < n_chars;) {
        const size_t n = strcspn(text + at, ",: \n");
        if (n == strlen(word) && strncmp(text + at, word, n) == 0)
            return true;
        at += n + 1;
    }
    return false;
}

/* The process's path in the hierarchy that has the cpu controller: a line "4:cpu,cpuacct:/path" of
 * version 1, else "0::/path". */
static size_t group_path(const char *cgroups, bool is_v2, const char **path_out)
{
    for (const char *line = cgroups; *line != '\0';) {
        const size_t n_line = strcspn(line, "\n");
        const char *words = memchr(line, ':', n_line);
        const char *path =
            words == NULL ? NULL : memchr(words + 1, ':', n_line - (size_t)(words + 1 - line));
        if (path != NULL &&
            (is_v2 ? path == words + 1 : has_word(words + 1, (size_t)(path - words - 1), "cpu"))) {
            *path_out = path + 1;
            return n_line - (size_t)(path + 1 - line);
        }
        line += n_line + (line[n_line] == '\n');
    }
    return 0;
}

/* Fields 4 and 5 of a line of mountinfo are the root within the filesystem and the mount point;
 * type and options of the filesystem come behind " - ". */
static bool is_mount_of_cpu(const char *line, size_t n_line, bool is_v2)
{
    const char *rest = memmem(line, n_line, " - ", 3);
    const char *type = rest == NULL ? "" : rest + 3;
    const size_t n_type = strcspn(type, " \n");
    const char *options;

    if (rest == NULL || strncmp(type, is_v2 ? "cgroup2 " : "cgroup ", is_v2 ? 8 : 7) != 0)
        return false;
    if (is_v2)
        return true;
    options = type + n_type + 1;
    options += strcspn(options, " \n") + 1; /* the source */
    return options < line + n_line && has_word(options, (size_t)(line + n_line - options), "cpu");
}

static void join(const char *mount, size_t n_mount, const char *root, size_t n_root,
                 const char *path, size_t n_path, char *folder)
{
    /* A bind mount or a namespace shows a part of the hierarchy. */
    if (n_root > 1 && n_path >= n_root && strncmp(path, root, n_root) == 0) {
        path += n_root;
        n_path -= n_root;
    }
    if (n_path == 1 && path[0] == '/')
        n_path = 0;
    if (n_mount + n_path < PP_THROTTLE_PATH_BYTES)
        (void)snprintf(folder, PP_THROTTLE_PATH_BYTES, "%.*s%.*s", (int)n_mount, mount, (int)n_path,
                       path);
}

void pp_throttle_find(const char *cgroups, const char *mounts, char folder[PP_THROTTLE_PATH_BYTES])
{
    folder[0] = '\0';
    /* Version 1 first: where both are mounted the controller is in the one that names it. */
    for (int is_v2 = 0; is_v2 < 2 && folder[0] == '\0'; is_v2++) {
        const char *path = NULL;
        const size_t n_path = group_path(cgroups, is_v2 != 0, &path);
        for (const char *line = mounts; n_path > 0 && *line != '\0' && folder[0] == '\0';) {
            const size_t n_line = strcspn(line, "\n");
            if (is_mount_of_cpu(line, n_line, is_v2 != 0)) {
                const char *field = line;
                for (int i = 0; i < 3; i++)
                    field += strcspn(field, " ") + 1;
                const size_t n_root = strcspn(field, " ");
                const char *mount = field + n_root + 1;
                join(mount, strcspn(mount, " "), field, n_root, path, n_path, folder);
            }
            line += n_line + (line[n_line] == '\n');
        }
    }
}

/* ---- the process's own ---- */

static bool read_text(const char *path, char *text, size_t capacity)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n_read = 0;
    ssize_t n = -1;

    while (fd >= 0 && n_read < capacity - 1 &&
           (n = read(fd, text + n_read, capacity - 1 - n_read)) > 0)
        n_read += (size_t)n;
    if (fd >= 0)
        (void)close(fd);
    text[n_read] = '\0';
    return n_read > 0;
}

static bool read_level(const char *path, struct pp_throttle *throttle_out)
{
    char text[2048];

    return read_text(path, text, sizeof text) && pp_throttle_parse(text, throttle_out);
}

void pp_throttle_begin(const char *given)
{
    static char cgroups[FILE_BYTES], mounts[4 * FILE_BYTES]; /* the helper's stack is small */
    char folder[PP_THROTTLE_PATH_BYTES];
    char *end;

    n_levels = 0;
    if (given[0] != '\0')
        (void)snprintf(folder, sizeof folder, "%s", given);
    else if (read_text("/proc/self/cgroup", cgroups, sizeof cgroups) &&
             read_text("/proc/self/mountinfo", mounts, sizeof mounts))
        pp_throttle_find(cgroups, mounts, folder);
    else
        return;
    /* Up to the mount point, which has no such file, and what lies above that. */
    while (folder[0] != '\0' && n_levels < MAX_LEVELS) {
        struct level *level = &levels[n_levels];
        (void)snprintf(level->path, sizeof level->path, "%s/cpu.stat", folder);
        if (read_level(level->path, &level->before))
            n_levels++;
        else if (access(level->path, F_OK) != 0)
            return;
        end = strrchr(folder, '/');
        if (end == NULL)
            return;
        *end = '\0';
    }
}

void pp_throttle_update(struct pp_rec_header *header)
{
    struct pp_throttle most = {0, 0}, now;

    for (uint32_t i = 0; i < n_levels; i++)
        if (read_level(levels[i].path, &now) && now.n >= levels[i].before.n &&
            now.ns >= levels[i].before.ns + most.ns)
            most = (struct pp_throttle){now.n - levels[i].before.n, now.ns - levels[i].before.ns};
    if (n_levels == 0)
        return;
    atomic_store_explicit(&header->n_throttled, most.n, memory_order_relaxed);
    atomic_store_explicit(&header->throttled_ns, most.ns, memory_order_relaxed);
    atomic_store_explicit(&header->has_throttled, 1, memory_order_relaxed);
}
