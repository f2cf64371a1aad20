/* Makes process after process, or loads a plugin again and again, and checks how each one ended.
 * Arguments: fork, vfork, spawn, spawn_null (posix_spawn without an environment) or load; how many;
 * for load the plugin's path.  Each child ends with status 3. */
#include <dlfcn.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "truth.h"

extern char **environ;

static char self[] = "/proc/self/exe", child_word[] = "child";
static char *const child_words[] = {self, child_word, NULL};

/* Not calibrated: any random length does. */
static void work(uint64_t *random)
{
    TRUTH_SPIN(truth_random(random) % 100000);
}

static pid_t make(const char *kind, uint64_t *random)
{
    pid_t pid = -1;

    if (strcmp(kind, "fork") == 0 && (pid = fork()) == 0) {
        work(random);
        _exit(3);
    }
    if (strcmp(kind, "vfork") == 0) {
        pid = vfork();
        if (pid == 0) {
            (void)execve(self, child_words, environ);
            _exit(4);
        }
    }
    if (strncmp(kind, "spawn", 5) == 0 &&
        posix_spawn(&pid, self, NULL, NULL, child_words,
                    strcmp(kind, "spawn_null") == 0 ? NULL : environ) != 0)
        return -1;
    return pid;
}

static bool load(const char *path, uint64_t *random)
{
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    work(random);
    return plugin != NULL && dlclose(plugin) == 0;
}

static bool make_and_wait(const char *kind, uint64_t *random)
{
    const pid_t pid = make(kind, random);
    int status = 0;

    work(random);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 3;
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "fork";
    const long n_wanted = (long)truth_argument(argc, argv, 2, 100);
    uint64_t random = (uint64_t)getpid() * 2654435761u + 1;
    long n_good = 0;

    if (strcmp(kind, child_word) == 0)
        return 3;
    for (long i = 0; i < n_wanted; i++)
        n_good += strcmp(kind, "load") == 0 ? load(argv[3], &random) : make_and_wait(kind, &random);
    printf("{\"n_good\": %ld, \"n_variables\": %d}\n", n_good, environ[0] != NULL);
    return 0;
}
