/* A program of somebody else's, given a buffer and asked for another. */
#include "cli/tool_output.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
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

static int spawn(char *const *words, int input, int output, bool is_quiet, pid_t *pid_out)
{
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return -rc;
    rc = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (rc == 0 && is_quiet)
        rc = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (rc == 0)
        rc = posix_spawnp(pid_out, words[0], &actions, NULL, words, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

int pp_tool_run(char *const *words, const struct pp_buffer *input, bool is_quiet,
                struct pp_buffer *output)
{
    pp_autoclose_fd int from = memfd_create("pprofc-input", MFD_CLOEXEC);
    pp_autoclose_fd int to = memfd_create("pprofc-output", MFD_CLOEXEC);
    int status = 0, rc = from < 0 || to < 0 ? -errno : 0;
    pid_t pid;

    if (rc == 0 && input != NULL)
        rc = put_all(from, input);
    if (rc == 0)
        rc = spawn(words, from, to, is_quiet, &pid);
    if (rc < 0)
        return rc;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    rc = status == 0 ? take_all(to, output) : 0;
    return rc < 0 ? rc : status;
}
