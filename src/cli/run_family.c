/* The processes of a run, as /proc has them. */
#include "cli/run_family.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>

#include "base/memory.h"

/* The children of one thread, behind the 'n' that are known. */
static size_t add_children(const char *task, pid_t *pids, size_t n, size_t capacity)
{
    char path[PATH_MAX + 16];
    int pid;

    (void)snprintf(path, sizeof path, "%s/children", task);
    pp_autoclose FILE *file = fopen(path, "re");
    while (file != NULL && n < capacity && fscanf(file, "%d", &pid) == 1)
        pids[n++] = pid;
    return n;
}

size_t pp_run_family(pid_t first, pid_t *pids, size_t capacity, size_t *n_threads_out)
{
    size_t n = 1;

    *n_threads_out = 0;
    pids[0] = first;
    for (size_t i = 0; i < n; i++) {
        char folder[64], task[PATH_MAX];
        const struct dirent *entry;
        DIR *directory;

        (void)snprintf(folder, sizeof folder, "/proc/%d/task", (int)pids[i]);
        directory = opendir(folder);
        while (directory != NULL && (entry = readdir(directory)) != NULL) {
            if (entry->d_name[0] == '.')
                continue;
            (void)snprintf(task, sizeof task, "%s/%s", folder, entry->d_name);
            n = add_children(task, pids, n, capacity);
            (*n_threads_out)++;
        }
        if (directory != NULL)
            (void)closedir(directory);
    }
    return n;
}
