/* Writing a recording to a file. */
#include "capture/write.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "capture/environment.h"
#include "capture/hidden_child.h"
#include "capture/run_account.h"
#include "capture/snapshot.h"
#include "pprofc/pprofc.h"

int pp_write_is_raw(const char *path)
{
    const size_t n = strlen(path);

    return n >= 4 && strcmp(path + n - 4, ".ppc") == 0;
}

void pp_file_size_signal_hold(struct pp_file_size_signal *held)
{
    sigset_t pending;

    (void)sigemptyset(&held->ours);
    (void)sigaddset(&held->ours, SIGXFSZ);
    (void)pthread_sigmask(SIG_BLOCK, &held->ours, &held->before);
    (void)sigemptyset(&pending);
    (void)sigpending(&pending);
    held->was_pending = sigismember(&pending, SIGXFSZ) == 1;
}

void pp_file_size_signal_release(const struct pp_file_size_signal *held)
{
    const struct timespec now = {0, 0};

    if (!held->was_pending)
        (void)sigtimedwait(&held->ours, NULL, &now);
    (void)pthread_sigmask(SIG_SETMASK, &held->before, NULL);
}

static int write_all(int fd, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        const ssize_t n = write(fd, bytes, n_bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? -EIO : -errno;
        bytes += n;
        n_bytes -= (size_t)n;
    }
    return 0;
}

int pp_write_file(const void *bytes, size_t n_bytes, const char *path, struct pprofc_error *err)
{
    struct pp_file_size_signal held;
    char temporary[4096];
    int result, fd;

    if ((size_t)snprintf(temporary, sizeof temporary, "%s.%d.tmp", path, getpid()) >=
        sizeof temporary)
        return pp_fail(err, -ENAMETOOLONG, 0, "cannot write '%.200s...': the name is too long",
                       path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return pp_fail(err, -errno, 0, "cannot write '%s': %s", path, strerror(errno));
    pp_file_size_signal_hold(&held);
    result = write_all(fd, bytes, n_bytes);
    pp_file_size_signal_release(&held);
    if (close(fd) != 0 && result == 0)
        result = -errno;
    if (result == 0 && rename(temporary, path) != 0)
        result = -errno;
    if (result != 0) {
        (void)unlink(temporary);
        return pp_fail(err, result, 0, "cannot write '%s': %s%s", path, strerror(-result),
                       result == -EFBIG ? " (RLIMIT_FSIZE)" : "");
    }
    return 0;
}

int pp_write_convert(const char *raw_path, const char *path, struct pprofc_error *err)
{
    const char *name = pp_environment.command[0] == '\0' ? "pprofc" : pp_environment.command;
    const char *const arguments[] = {"pprofc", "convert", "-f", "-q", raw_path, path, NULL};
    char command[4096];
    uint64_t cpu_ns = 0;
    int result;

    if (!pp_command_find(command, sizeof command))
        return pp_fail(err, -ENOENT, 0,
                       "no '%s' to be found to make '%s'; the raw recording is '%s'", name, path,
                       raw_path);
    result = pp_hidden_run(command, arguments, &cpu_ns);
    if (result < 0)
        return pp_fail(err, result, 0,
                       "cannot run '%s' to make '%s': %s; the raw recording is '%s'", command, path,
                       strerror(-result), raw_path);
    pp_run_account_child(cpu_ns);
    if (result != 0)
        return pp_fail(err, -EIO, 0, "'%s convert' could not make '%s'; the raw recording is '%s'",
                       command, path, raw_path);
    return 0;
}

int pprofc_recording_write(const struct pprofc_recording *recording, const char *path,
                           struct pprofc_error *err)
{
    char raw_path[4096];
    int result;

    if (pp_write_is_raw(path))
        return pp_write_file(recording->bytes, recording->n_bytes, path, err);
    if ((size_t)snprintf(raw_path, sizeof raw_path, "%s.ppc", path) >= sizeof raw_path)
        return pp_fail(err, -ENAMETOOLONG, 0, "cannot write '%.200s...': the name is too long",
                       path);
    result = pp_write_file(recording->bytes, recording->n_bytes, raw_path, err);
    if (result == 0)
        result = pp_write_convert(raw_path, path, err);
    if (result == 0)
        (void)unlink(raw_path);
    return result;
}
