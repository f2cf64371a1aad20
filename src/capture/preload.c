/* The preload's beginning and end: it starts from the environment, and writes what was asked for
 * when the program ends. */
#include "capture/preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "capture/session.h"
#include "capture/snapshot.h"
#include "capture/write.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/store.h"
#include "sigsafe/syscall.h"

char pp_preload_path[512];
static pid_t root_pid;
static char first_folder[512]; /* the current one at the start */

void *pp_preload_next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static bool has_samples(const struct pp_rec_header *header)
{
    const uint32_t n = atomic_load(&header->threads.n_items);

    for (uint32_t i = 0; i < n && i < 64; i++) {
        const struct pp_rec_thread *slot =
            pp_sig_table_item((struct pp_rec_header *)(uintptr_t)header,
                              (struct pp_rec_table *)(uintptr_t)&header->threads, i);
        if (slot != NULL && atomic_load(&slot->n_samples) > 0)
            return true;
    }
    return false;
}

void pp_preload_before_exec(void)
{
    const struct pp_rec_header *header =
        pp_sig_gate == NULL ? NULL : atomic_load(&pp_sig_gate->header);

    /* After vfork() this runs in the parent's memory: what is the parent's stays.  A child that
     * execs ends its recording here; the command collects it by its name when it has seen anything.
     */
    if (header != NULL && header->pid == getpid() && getpid() != root_pid &&
        (!pp_environment.has_run_id || !has_samples(header)))
        (void)unlink(pp_session.file.path);
}

bool pp_preload_goes_along(void)
{
    return pp_environment.n_taken > 0 && getpid() == root_pid &&
           !atomic_load(&pp_session_is_banned);
}

/* One line at most, to PPROFC_LOG or else standard error; only where no command speaks for us. */
static void say_always(const char *text)
{
    struct pp_file_size_signal held;
    char line[700];
    int fd = STDERR_FILENO, n;

    if (pp_environment.log[0] != '\0')
        fd = open(pp_environment.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
    n = snprintf(line, sizeof line, "pprofc: %s\n", text);
    pp_file_size_signal_hold(&held);
    if (fd >= 0 && n > 0)
        (void)!write(fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    pp_file_size_signal_release(&held);
    if (fd >= 0 && fd != STDERR_FILENO)
        (void)close(fd);
}

/* Under `pprofc run` the command reads the recording and says it all. */
static void say(const char *text)
{
    if (!pp_environment.has_run_id)
        say_always(text);
}

/* ---- names of output files ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* YYYYmmdd_HHMMSS in UTC.  gmtime() would read the time zone's file and allocate. */
static void write_time(int64_t seconds, char *text, size_t capacity)
{
    /* Days since 0000-03-01 of the proleptic Gregorian calendar; years begin in March, so that the
     * leap day is the last. */
    const int64_t days = seconds / 86400 + 719468, rest = seconds % 86400;
    const int64_t era = days / 146097, day_of_era = days % 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month_from_march = (5 * day_of_year + 2) / 153;
    const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    const int64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);

    (void)snprintf(text, capacity, "%04d%02d%02d_%02d%02d%02d", (int)year, (int)month, (int)day,
                   (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
}

/* %p pid, %h host, %t time, %n program, %k kind, %% percent. */
static void expand(const char *pattern, const struct pp_rec_header *header, char *out,
                   size_t capacity)
{
    size_t n = 0;

    for (; *pattern != '\0' && n + 1 < capacity; pattern++) {
        char text[256] = {*pattern, '\0'};
        if (*pattern == '%') {
            pattern++;
            if (*pattern == 'p')
                (void)snprintf(text, sizeof text, "%d", header->pid);
            else if (*pattern == 'h')
                pp_copy_text(text, sizeof text, header->host);
            else if (*pattern == 't')
                write_time(header->start_realtime_ns / 1000000000, text, sizeof text);
            else if (*pattern == 'n')
                pp_copy_text(text, sizeof text, base_name(header->program));
            else if (*pattern == 'k')
                pp_copy_text(text, sizeof text, "cpu");
            else if (*pattern == '\0')
                pattern--;
            else
                text[0] = *pattern;
        }
        pp_copy_text(out + n, capacity - n, text);
        n += strlen(out + n);
    }
    out[n] = '\0';
}

/* A relative name means the folder that the program was started in, wherever it has gone since. */
static void make_absolute(char *path, size_t capacity)
{
    char now[sizeof first_folder];
    const size_t n_folder = strlen(first_folder), n_name = strlen(path);

    if (path[0] == '/' || n_folder == 0 || n_folder + n_name + 2 > capacity ||
        (getcwd(now, sizeof now) != NULL && strcmp(now, first_folder) == 0))
        return;
    memmove(path + n_folder + 1, path, n_name + 1);
    memcpy(path, first_folder, n_folder);
    path[n_folder] = '/';
}

/* 'path' or, when that is taken, the same with .1, .2 .. before the extension. */
static void free_name(char *path, size_t capacity)
{
    char candidate[1024];
    const char *name = base_name(path);
    const char *dot = strchr(*name == '.' ? name + 1 : name, '.');
    const size_t n_stem = dot == NULL ? strlen(path) : (size_t)(dot - path);

    for (int i = 1; access(path, F_OK) == 0 && i < 1000; i++) {
        (void)snprintf(candidate, sizeof candidate, "%.*s.%d%s", (int)n_stem, path, i,
                       dot == NULL ? "" : dot);
        if (access(candidate, F_OK) != 0) {
            pp_copy_text(path, capacity, candidate);
            return;
        }
    }
}

static void write_output(struct pp_session *session)
{
    struct pp_rec_header *header = session->header;
    struct pprofc_recording *recording = NULL;
    struct pprofc_error err = {0, 0, ""};
    char path[1024], line[600];
    int result;

    expand(pp_environment.output[0] == '\0' ? "%n.%p.pb.gz" : pp_environment.output, header, path,
           sizeof path);
    if (strcmp(base_name(path), base_name(header->program)) == 0)
        pp_copy_text(path + strlen(path), sizeof path - strlen(path), ".pb.gz");
    make_absolute(path, sizeof path);
    free_name(path, sizeof path);
    result = pp_snapshot_take(header, session->number, NULL, &recording, &err);
    if (result == 0)
        result = pprofc_recording_write(recording, path, &err);
    if (result == 0)
        (void)snprintf(line, sizeof line, "wrote %.400s;   next:  pprofc report %.100s", path,
                       path);
    else
        (void)snprintf(line, sizeof line, "%.400s%s", err.message,
                       result == -ENOENT ? ";   next:  pprofc convert it" : "");
    if (pp_environment.n_complaints > 0)
        (void)snprintf(line + strlen(line), sizeof line - strlen(line), "  (%s)",
                       pp_environment.complaints[0]);
    say(line);
    pprofc_recording_free(recording);
    session->on_end = NULL; /* written once */
}

/* ---- the signal that toggles, the duration ---- */

static void on_toggle(int signo)
{
    const int saved_errno = errno;
    struct pp_rec_header *header = pp_sig_gate == NULL ? NULL : atomic_load(&pp_sig_gate->header);

    (void)signo;
    if (header != NULL) {
        atomic_fetch_add(&pp_session.toggles, 1);
        atomic_fetch_add(&header->command_block.futex, 1);
        pp_sig_futex_wake((void *)&header->command_block.futex);
    }
    errno = saved_errno;
}

static void install_toggle(void)
{
    struct sigaction action;

    if (pp_environment.signo == 0)
        return;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_toggle;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    (void)sigfillset(&action.sa_mask);
    (void)pp_real_sigaction(pp_environment.signo, &action, NULL);
    (void)pprofc_pause(NULL); /* the first signal begins */
}

/* ---- beginning and end ---- */

void pp_preload_attend(struct pp_session *session)
{
    session->on_end = pp_environment.has_run_id ? NULL : write_output;
}

void pp_preload_keep(struct pp_session *session)
{
    /* Under `pprofc run` the command takes the recording by its name; after PPROFC_DURATION it is
     * written already. */
    if (session->on_end != NULL || (getpid() != root_pid && !pp_environment.has_run_id))
        write_output(session);
    pp_session_close(!pp_environment.has_run_id);
}

static bool is_sanitized(void)
{
#ifdef __SANITIZE_ADDRESS__
    return false; /* the runtime came with us ('make asan-hazards') */
#else
    /* Sanitizers own malloc, signals and stacks; two owners do not go together. */
    return dlsym(RTLD_DEFAULT, "__asan_init") != NULL ||
           dlsym(RTLD_DEFAULT, "__tsan_init") != NULL || dlsym(RTLD_DEFAULT, "__msan_init") != NULL;
#endif
}

__attribute__((constructor)) static void begin(int argc, char **argv, char **variables)
{
    struct pprofc_error err = {0, 0, ""};
    Dl_info self;
    int result;

    if (dladdr((void *)(uintptr_t)begin, &self) != 0 && self.dli_fname != NULL)
        pp_copy_text(pp_preload_path, sizeof pp_preload_path, self.dli_fname);
    root_pid = getpid();
    pp_environment_read(variables);
    if (!pp_environment.follows && pp_preload_path[0] != '\0')
        pp_preload_take_environment(argc, argv, variables, pp_preload_path);
    if (pp_environment.is_secure || pp_environment.is_off || !pp_environment.is_on)
        return;
    if (is_sanitized()) {
        say("the program is built with a sanitizer; it runs unprofiled");
        return;
    }
    if (getcwd(first_folder, sizeof first_folder) == NULL)
        first_folder[0] = '\0';
    result = pprofc_start(NULL, &err);
    if (result != 0) { /* there is no recording for the command to read it from */
        say_always(err.message);
        return;
    }
    pp_preload_attend(&pp_session);
    if (pp_environment.duration_s > 0) {
        pp_session.stop_at_ns =
            pp_sig_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(pp_environment.duration_s * 1e9);
        pp_helper_wake(pp_session.header);
    }
    install_toggle();
}

enum { END_TIMEOUT_MS = 1000 };

__attribute__((destructor)) static void end(void)
{
    /* A signal handler that calls exit() may have come upon a call of ours in its own thread: that
     * one will never give the lock back.  The recording stays in shared memory then. */
    if (!pp_session_lock_within(END_TIMEOUT_MS))
        return;
    (void)pp_session_stop(NULL);
    if (pp_session.header != NULL)
        pp_preload_keep(&pp_session);
    pp_session_unlock();
}
