/* One child a profile: the profile goes in and comes out through pipes. */
#include "serve/line_numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "formats/formats.h"

enum { LIMIT_MS = 30000, READ_BYTES = 64 * 1024 };

extern char **environ;

struct child {
    pid_t pid;
    int to, from; /* non-blocking ends of its pipes */
};

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The environment without what would profile the child. */
static char **environment_without_us(void)
{
    static const char *const ours[] = {"LD_PRELOAD=", "PPROFC=", "ENABLE_PROFILING="};
    size_t n = 0, n_kept = 0;
    char **kept;

    while (environ[n] != NULL)
        n++;
    kept = calloc(n + 1, sizeof *kept);
    for (size_t i = 0; kept != NULL && i < n; i++) {
        bool is_ours = false;
        for (size_t k = 0; k < sizeof ours / sizeof ours[0]; k++)
            is_ours = is_ours || strncmp(environ[i], ours[k], strlen(ours[k])) == 0;
        if (!is_ours)
            kept[n_kept++] = environ[i];
    }
    return kept;
}

static int spawn(const char *command, int input, int output, pid_t *pid_out)
{
    char *const words[] = {(char *)command, (char *)"symbolize", (char *)"-q",
                           (char *)"-",     (char *)"-",         NULL};
    pp_autofree char **environment = environment_without_us();
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int status;

    if (environment == NULL)
        return -ENOMEM;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    (void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    (void)sigemptyset(&none);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    status = posix_spawnp(pid_out, command, &actions, &attributes, words, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return -status;
}

static int start_child(struct child *child)
{
    const char *named = getenv("PPROFC_COMMAND");
    int input[2], output[2];
    int status;

    if (pipe2(input, O_CLOEXEC) != 0)
        return -errno;
    if (pipe2(output, O_CLOEXEC) != 0) {
        (void)close(input[0]);
        (void)close(input[1]);
        return -errno;
    }
    status = spawn(named != NULL && named[0] != '\0' ? named : "pprofc", input[0], output[1],
                   &child->pid);
    (void)close(input[0]);
    (void)close(output[1]);
    child->to = input[1];
    child->from = output[0];
    (void)fcntl(child->to, F_SETFL, O_NONBLOCK);
    (void)fcntl(child->from, F_SETFL, O_NONBLOCK);
    return status;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

/* The thread blocks all signals, so a child that ended early is EPIPE and nothing more. */
static void write_some(struct child *child, const struct pp_buffer *in, size_t *n_written)
{
    const ssize_t n = write(child->to, in->bytes + *n_written, in->n_bytes - *n_written);

    if (n > 0)
        *n_written += (size_t)n;
    if ((n < 0 && errno != EAGAIN && errno != EINTR) || *n_written == in->n_bytes)
        close_end(&child->to);
}

static void read_some(struct child *child, struct pp_buffer *out)
{
    char *room = pp_buffer_room(out, READ_BYTES);
    const ssize_t n = room != NULL ? read(child->from, room, READ_BYTES) : 0;

    if (n > 0)
        out->n_bytes += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close_end(&child->from);
}

static int exchange(struct child *child, const struct pp_buffer *in, struct pp_buffer *out)
{
    const int64_t end_ms = now_ms() + LIMIT_MS;
    size_t n_written = 0;

    while (child->from >= 0) {
        struct pollfd waits[] = {{child->from, POLLIN, 0}, {child->to, POLLOUT, 0}};
        const int64_t left_ms = end_ms - now_ms();
        if (left_ms <= 0)
            return -ETIMEDOUT;
        if (poll(waits, child->to >= 0 ? 2 : 1, (int)left_ms) < 0)
            continue;
        if (child->to >= 0 && waits[1].revents != 0)
            write_some(child, in, &n_written);
        if (waits[0].revents != 0)
            read_some(child, out);
    }
    return out->failed ? -ENOMEM : 0;
}

static int run_child(const struct pp_buffer *in, struct pp_buffer *out)
{
    struct child child = {.pid = 0, .to = -1, .from = -1};
    int status = start_child(&child), wait_status = 0;

    if (status == 0) {
        status = exchange(&child, in, out);
        if (status != 0)
            (void)kill(child.pid, SIGKILL);
        while (waitpid(child.pid, &wait_status, 0) < 0 && errno == EINTR)
            ;
        if (status == 0 && wait_status != 0)
            status = -EIO;
    }
    close_end(&child.to);
    close_end(&child.from);
    return status;
}

void pp_add_line_numbers(struct pprofc_profile **profile)
{
    pp_autobuffer struct pp_buffer in = PP_BUFFER_INIT;
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *named = NULL;
    struct pprofc_error err;
    int status = pp_pprof_write(*profile, false, &in, &err);

    if (status == 0)
        status = run_child(&in, &out);
    if (status == 0)
        status = pp_pprof_read(out.bytes, out.n_bytes, "pprofc symbolize", &named, &err);
    if (status != 0) {
        pp_profile_comment(*profile,
                           "no lines and no inlined calls: the program serves itself, and the "
                           "command pprofc, which reads them, %s",
                           status == -ENOENT      ? "is not in its PATH (or PPROFC_COMMAND)"
                           : status == -ETIMEDOUT ? "took too long"
                                                  : "failed");
        return;
    }
    pprofc_profile_free(*profile);
    *profile = named;
}
