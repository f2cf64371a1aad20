/* Where the command pprofc is. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/environment.h"
#include "capture/hidden_child.h"

static bool is_there(char *path, size_t capacity, const char *folder, int n_folder,
                     const char *below)
{
    struct stat status;

    return (size_t)snprintf(path, capacity, "%.*s%s", n_folder, folder, below) < capacity &&
           access(path, X_OK) == 0 && stat(path, &status) == 0 &&
           S_ISREG(status.st_mode); /* LIBDIR/pprofc is a folder */
}

/* As it is built, and as it is installed: in LIBDIR/pprofc or LIBDIR, which may be lib/MACHINE. */
static bool find_beside(char *path, size_t capacity)
{
    static const char *const below[] = {"/pprofc", "/../bin/pprofc", "/../../bin/pprofc",
                                        "/../../../bin/pprofc"};
    Dl_info self;
    const char *slash;

    if (dladdr((void *)(uintptr_t)pp_command_find, &self) == 0 || self.dli_fname == NULL ||
        (slash = strrchr(self.dli_fname, '/')) == NULL)
        return false;
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        if (is_there(path, capacity, self.dli_fname, (int)(slash - self.dli_fname), below[i]))
            return true;
    }
    return false;
}

static bool find_in_path(char *path, size_t capacity, const char *name)
{
    const char *at = getenv("PATH");

    while (at != NULL && *at != '\0') {
        const int n = (int)strcspn(at, ":");
        char below[256];
        if ((size_t)snprintf(below, sizeof below, "/%s", name) < sizeof below &&
            is_there(path, capacity, n == 0 ? "." : at, n == 0 ? 1 : n, below))
            return true;
        at += n + (at[n] == ':' ? 1 : 0);
    }
    return false;
}

bool pp_command_find(char *path, size_t capacity)
{
    const char *named = pp_environment.command;

    if (strchr(named, '/') != NULL)
        return is_there(path, capacity, named, (int)strlen(named), "");
    if (named[0] != '\0')
        return find_in_path(path, capacity, named);
    return find_beside(path, capacity) || find_in_path(path, capacity, "pprofc");
}
