/* Where a command is: the look-up of execvp(). */
#include "cli/find_program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_file(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return errno == EACCES ? -EACCES : -ENOENT;
    if (!S_ISREG(status.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) != 0)
        return -EACCES;
    return 0;
}

int pp_find_program(const char *name, char path_out[PATH_MAX])
{
    const char *directories = getenv("PATH");
    int failure = -ENOENT;

    if (name[0] == '\0')
        return -ENOENT;
    if (strchr(name, '/') != NULL) {
        if (snprintf(path_out, PATH_MAX, "%s", name) >= PATH_MAX)
            return -ENAMETOOLONG;
        return check_file(path_out);
    }
    if (directories == NULL)
        directories = "/bin:/usr/bin"; /* what glibc's execvp() does */
    for (const char *at = directories;; at++) {
        const size_t n_chars = strcspn(at, ":");
        /* An empty entry is the current folder. */
        const int n = snprintf(path_out, PATH_MAX, "%.*s%s%s", (int)n_chars, at,
                               n_chars > 0 ? "/" : "", name);
        if (n < PATH_MAX) {
            const int rc = check_file(path_out);
            if (rc == 0)
                return 0;
            if (rc == -EACCES)
                failure = rc;
        }
        at += n_chars;
        if (*at == '\0')
            return failure;
    }
}

const char *pp_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}
