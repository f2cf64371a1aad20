/* Looking for recordings: by name in /dev/shm, else in the memory of the process. */
#include "serve/find.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/numbers.h"

/* ---- in /dev/shm ---- */

/* "pprofc.UID.PID" or "pprofc.UID.PID.N": the N of a name of this process, -1 when it is another's.
 */
static int sequence_of(const char *name, int64_t pid)
{
    int64_t uid = 0, has_pid = 0, sequence = 0;
    const char *at = name;
    int64_t *const numbers[] = {&uid, &has_pid, &sequence};

    if (strncmp(at, "pprofc.", strlen("pprofc.")) != 0)
        return -1;
    at += strlen("pprofc.");
    for (size_t i = 0; i < 3; i++) {
        const size_t n = strcspn(at, ".");
        if (n == 0 || !pp_parse_int64(at, n, numbers[i]))
            return -1;
        at += n;
        if (*at == '\0')
            return i >= 1 && has_pid == pid && sequence < 1 << 30 ? (int)sequence : -1;
        at++;
    }
    return -1;
}

/* Anybody may put files into /dev/shm: a recording belongs to us, or, for root, to whoever the
 * process belongs to. */
static bool is_trusted(int folder, const char *name, int64_t pid)
{
    struct stat file, process;
    char path[40];

    if (fstatat(folder, name, &file, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(file.st_mode))
        return false;
    (void)snprintf(path, sizeof path, "/proc/%lld", (long long)pid);
    return file.st_uid == geteuid() ||
           (geteuid() == 0 && stat(path, &process) == 0 && process.st_uid == file.st_uid);
}

/* The newest: an exec makes another one. */
static bool find_in_folder(int64_t pid, char *path_out, size_t capacity)
{
    DIR *folder = opendir(PP_RECORDING_FOLDER);
    const struct dirent *entry;
    int best = -1;

    if (folder == NULL)
        return false;
    while ((entry = readdir(folder)) != NULL) {
        const int sequence = sequence_of(entry->d_name, pid);
        if (sequence <= best || !is_trusted(dirfd(folder), entry->d_name, pid))
            continue;
        best = sequence;
        (void)snprintf(path_out, capacity, PP_RECORDING_FOLDER "/%s", entry->d_name);
    }
    (void)closedir(folder);
    return best >= 0;
}

/* ---- in memory ---- */

/* capture's helper thread, which has the descriptor in a table of its own. */
static bool is_helper(const char *task)
{
    char path[128], name[32] = "";

    (void)snprintf(path, sizeof path, "%s/comm", task);
    pp_autoclose FILE *file = fopen(path, "re");
    return file != NULL && fgets(name, sizeof name, file) != NULL && strcmp(name, "pprofc\n") == 0;
}

/* The descriptor of a memfd of ours among those of 'task', as a path. */
static bool find_descriptor(const char *task, char *path_out, size_t capacity)
{
    static const char ours[] = "/memfd:pprofc";
    char folder[96], path[128], target[64];
    const struct dirent *entry;
    bool is_found = false;
    DIR *descriptors;

    (void)snprintf(folder, sizeof folder, "%s/fd", task);
    descriptors = opendir(folder);
    while (descriptors != NULL && !is_found && (entry = readdir(descriptors)) != NULL) {
        ssize_t n_bytes;
        (void)snprintf(path, sizeof path, "%s/%.20s", folder, entry->d_name);
        n_bytes = readlink(path, target, sizeof target - 1);
        target[n_bytes > 0 ? n_bytes : 0] = '\0';
        is_found = strncmp(target, ours, sizeof ours - 1) == 0;
    }
    if (is_found)
        (void)snprintf(path_out, capacity, "%s", path);
    if (descriptors != NULL)
        (void)closedir(descriptors);
    return is_found;
}

static bool find_in_memory(int64_t pid, char *path_out, size_t capacity)
{
    char folder[48], task[80];
    const struct dirent *entry;
    bool is_found = false;
    DIR *tasks;

    (void)snprintf(folder, sizeof folder, "/proc/%lld/task", (long long)pid);
    tasks = opendir(folder);
    while (tasks != NULL && !is_found && (entry = readdir(tasks)) != NULL) {
        (void)snprintf(task, sizeof task, "%s/%.20s", folder, entry->d_name);
        is_found = is_helper(task) && find_descriptor(task, path_out, capacity);
    }
    if (tasks != NULL)
        (void)closedir(tasks);
    return is_found;
}

bool pp_find_recording(int64_t pid, char *path_out, size_t capacity)
{
    /* In memory first: a name may be left of what ran under this number before. */
    return find_in_memory(pid, path_out, capacity) || find_in_folder(pid, path_out, capacity);
}
