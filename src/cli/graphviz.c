/* Pictures by graphviz: its program "dot" gets the graph as a file in memory and writes the picture
 * into another one, so that neither side waits for the other. */
#include "cli/graphviz.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

extern char **environ;

static int put_all(int descriptor, const struct pp_buffer *dot)
{
    for (size_t at = 0; at < dot->n_bytes;) {
        const ssize_t n = pwrite(descriptor, dot->bytes + at, dot->n_bytes - at, (off_t)at);
        if (n < 0 && errno != EINTR)
            return -errno;
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int take_all(int descriptor, struct pp_buffer *picture)
{
    for (off_t at = 0;;) {
        char *room = pp_buffer_room(picture, 65536);
        const ssize_t n = room == NULL ? -1 : pread(descriptor, room, 65536, at);
        if (room == NULL)
            return -ENOMEM;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return 0;
        picture->n_bytes += n > 0 ? (size_t)n : 0;
        at += n > 0 ? n : 0;
    }
}

/* Its wait status, or a negative errno. */
static int run_dot(const char *format, int input, int output)
{
    posix_spawn_file_actions_t actions;
    char option[16];
    char *const words[] = {(char[]){"dot"}, option, NULL};
    int status = 0, rc;
    pid_t pid;

    (void)snprintf(option, sizeof option, "-T%s", format);
    rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return -rc;
    rc = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawnp(&pid, "dot", &actions, NULL, words, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        return -rc;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return status;
}

int pp_graphviz_draw(const struct pp_buffer *dot, const char *format, struct pp_buffer *picture,
                     struct pprofc_error *err)
{
    pp_autoclose_fd int input = memfd_create("pprofc-dot", MFD_CLOEXEC);
    pp_autoclose_fd int output = memfd_create("pprofc-picture", MFD_CLOEXEC);
    int rc = input < 0 || output < 0 ? -errno : put_all(input, dot);

    if (rc == 0)
        rc = run_dot(format, input, output);
    if (rc == -ENOENT)
        return pp_fail(err, rc, 0,
                       "a picture of the call graph needs graphviz, and there is no program 'dot' "
                       "here; install graphviz, or write the graph itself: --dot -o FILE.dot");
    if (rc > 0)
        return pp_fail(err, -EIO, 0,
                       "graphviz could not draw the call graph: its dot ended with "
                       "status %d",
                       WIFEXITED(rc) ? WEXITSTATUS(rc) : 128 + WTERMSIG(rc));
    if (rc == 0)
        rc = take_all(output, picture);
    return rc == 0 ? 0 : pp_fail(err, rc, 0, "cannot run graphviz: %s", strerror(-rc));
}
