/* The recordings of one run. */
#include "cli/run_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/find_program.h"
#include "cli/messages.h"
#include "cli/run_family.h"

enum {
    STALE_AFTER_S = 24 * 3600,
    MAKING_S = 10, /* what is unreadable for longer is found by the last look, if ever */
    MAX_FAMILY = PP_RUN_MAX_FAMILY,
    LOOK_SHARE = 10000, /* of a CPU goes into looking into processes, one part in so many, */
    EARLY_LOOKS = 16,   /* but for the first ones: most recordings begin with the program */
};

static const char name_start[] = "pprofc.";

int pp_run_files_init(struct pp_run_files *run, const char *directory,
                      char id_out[PP_RUN_ID_HEX_BYTES], struct pprofc_error *err)
{
    memset(run, 0, sizeof *run);
    run->directory = directory;
    pp_run_news_init(&run->news);
    if (getrandom(run->run_id, sizeof run->run_id, 0) != (ssize_t)sizeof run->run_id)
        return pp_fail(err, -errno, 0, "cannot get random numbers: %s", strerror(errno));
    for (size_t i = 0; i < PP_RUN_ID_BYTES; i++)
        (void)snprintf(id_out + 2 * i, 3, "%02x", run->run_id[i]);
    return 0;
}

void pp_run_files_done(struct pp_run_files *run)
{
    for (size_t i = 0; i < run->n_files; i++)
        pp_recording_close(run->files[i].reader);
    free(run->files);
    if (run->directory != NULL)
        pp_run_news_done(&run->news);
    memset(run, 0, sizeof *run);
}

static bool is_known(const struct pp_run_files *run, const struct stat *status)
{
    for (size_t i = 0; i < run->n_files; i++)
        if (run->files[i].device == status->st_dev && run->files[i].inode == status->st_ino)
            return true;
    return false;
}

static bool comes_before(const struct pp_run_file *a, const struct pp_run_file *b)
{
    if (a->pid != b->pid)
        return a->pid < b->pid;
    if (a->start_ticks != b->start_ticks)
        return a->start_ticks < b->start_ticks;
    return a->begin_ns != b->begin_ns ? a->begin_ns < b->begin_ns
                                      : a->exec_sequence < b->exec_sequence;
}

/* Keep 'reader' when it belongs to the run; takes it over in any case.  'pid' is the process's, 0
 * when only the recording tells. */
static void add(struct pp_run_files *run, struct pp_recording_reader *reader,
                const struct stat *status, const char *path, pid_t pid)
{
    const struct pp_rec_header *header = pp_recording_header(reader);
    struct pp_run_file file = {.reader = reader,
                               .pid = pid != 0 ? pid : header->pid,
                               .start_ticks = header->process_start_ticks,
                               .begin_ns = header->start_monotonic_ns,
                               .exec_sequence = header->exec_sequence,
                               .device = status->st_dev,
                               .inode = status->st_ino};
    size_t at = run->n_files;

    if (memcmp(header->run_id, run->run_id, sizeof run->run_id) != 0 ||
        pp_array_reserve(&run->files, &run->capacity, run->n_files + 1, sizeof run->files[0]) < 0) {
        pp_recording_close(reader);
        return;
    }
    (void)snprintf(file.path, sizeof file.path, "%s", path);
    while (at > 0 && comes_before(&file, &run->files[at - 1])) {
        run->files[at] = run->files[at - 1];
        at--;
    }
    run->files[at] = file;
    run->n_files++;
}

/* A regular file of a user whose recordings we may trust.  Others can put files into /dev/shm, but
 * only root reads those of programs that changed their user: the run's id, which nobody else knows,
 * proves them. */
static bool is_trusted(int descriptor, struct stat *status)
{
    return fstat(descriptor, status) == 0 && S_ISREG(status->st_mode) &&
           (status->st_uid == geteuid() || geteuid() == 0);
}

/* Whether a look is worth while: others' recordings may be large.  'is_begun_out' tells whether
 * there is a header that says whose it is. */
static bool is_of_run(const struct pp_run_files *run, const char *path, bool *is_begun_out)
{
    struct pp_rec_header head;
    const size_t n_bytes = offsetof(struct pp_rec_header, run_id) + sizeof head.run_id;
    pp_autoclose_fd int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    *is_begun_out = file < 0 || (pread(file, &head, n_bytes, 0) == (ssize_t)n_bytes &&
                                 memcmp(head.magic, PP_REC_MAGIC, sizeof head.magic) == 0);
    return file >= 0 && *is_begun_out && memcmp(head.run_id, run->run_id, sizeof run->run_id) == 0;
}

/* 'descriptor' is an O_PATH one, so what was checked is what is opened.  A recording that is still
 * being made cannot be read yet: it is noted that another look is needed. */
static void take_up(struct pp_run_files *run, int descriptor, const char *path, pid_t pid)
{
    struct pp_recording_reader *reader = NULL;
    struct stat status;
    char link[64];
    bool is_ours, is_begun;

    if (!is_trusted(descriptor, &status) || is_known(run, &status))
        return;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    is_ours = is_of_run(run, link, &is_begun);
    if (is_ours && pp_recording_open(link, &reader, NULL) == 0)
        add(run, reader, &status, path, pid);
    else if ((is_ours || !is_begun) && time(NULL) <= status.st_ctime + MAKING_S)
        run->has_unfinished = true;
}

static void take_up_named(struct pp_run_files *run, int descriptor, const char *path)
{
    take_up(run, descriptor, path, 0);
}

/* A recording of this run that cannot be read. */
static void drop_unreadable(struct pp_run_files *run, int descriptor, const char *path)
{
    struct pp_recording_reader *reader = NULL;
    struct pprofc_error err;
    struct stat status;
    char link[64];
    bool is_begun;

    if (!is_trusted(descriptor, &status) || is_known(run, &status))
        return;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    if (!is_of_run(run, link, &is_begun))
        return;
    if (pp_recording_open(link, &reader, &err) == 0) {
        add(run, reader, &status, path, 0); /* it has just become readable */
        return;
    }
    pp_complain("%s: its samples are missing", err.message);
    (void)unlink(path);
}

static void visit_names(struct pp_run_files *run,
                        void (*visit)(struct pp_run_files *run, int descriptor, const char *path))
{
    DIR *directory = opendir(run->directory);
    const struct dirent *entry;

    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL) {
        char path[PATH_MAX];
        pp_autoclose_fd int descriptor = -1;
        if (strncmp(entry->d_name, name_start, sizeof name_start - 1) != 0 ||
            snprintf(path, sizeof path, "%s/%s", run->directory, entry->d_name) >= PATH_MAX)
            continue;
        descriptor = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (descriptor >= 0)
            visit(run, descriptor, path);
    }
    (void)closedir(directory);
}

static void reap(struct pp_run_files *run, int descriptor, const char *path)
{
    struct stat status;
    unsigned uid;
    int pid;

    (void)run;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
        sscanf(strrchr(path, '/') + 1, "pprofc.%u.%d", &uid, &pid) != 2 || uid != geteuid())
        return;
    if (status.st_mtime + STALE_AFTER_S < time(NULL) && kill(pid, 0) != 0 && errno == ESRCH)
        (void)unlink(path);
}

void pp_run_files_reap(struct pp_run_files *run)
{
    visit_names(run, reap);
}

void pp_run_files_look(struct pp_run_files *run)
{
    visit_names(run, take_up_named);
}

void pp_run_files_drop_unreadable(struct pp_run_files *run)
{
    visit_names(run, drop_unreadable);
}

/* ---- what a process holds: among the descriptors of its thread "pprofc" ---- */

static bool is_helper(const char *task)
{
    static const char wanted[] = "pprofc\n";
    char path[PATH_MAX + 8], name[sizeof wanted];

    (void)snprintf(path, sizeof path, "%s/comm", task);
    pp_autoclose_fd int file = open(path, O_RDONLY | O_CLOEXEC);
    return file >= 0 && read(file, name, sizeof name) == (ssize_t)strlen(wanted) &&
           memcmp(name, wanted, strlen(wanted)) == 0;
}

/* 'target', where it is a name of the same file for us too; "" in another root. */
static const char *name_here(int descriptor, const char *target)
{
    struct stat file, named;

    return fstat(descriptor, &file) == 0 && lstat(target, &named) == 0 &&
                   file.st_ino == named.st_ino && file.st_dev == named.st_dev
               ? target
               : "";
}

/* True when what it holds is known now. */
static bool look_into_task(struct pp_run_files *run, const char *task, pid_t pid)
{
    char folder[PATH_MAX];
    const struct dirent *entry;
    bool has_any = false;
    DIR *directory;

    run->has_unfinished = false;
    if (snprintf(folder, sizeof folder, "%s/fd", task) >= PATH_MAX)
        return false;
    directory = opendir(folder);
    if (directory == NULL)
        return false;
    while ((entry = readdir(directory)) != NULL) {
        char path[PATH_MAX + 300], target[PATH_MAX];
        pp_autoclose_fd int descriptor = -1;
        ssize_t n_chars;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        n_chars = readlink(path, target, sizeof target - 1);
        if (n_chars <= 0)
            continue;
        target[n_chars] = '\0';
        if (strncmp(target, "/memfd:pprofc", strlen("/memfd:pprofc")) != 0 &&
            strncmp(pp_base_name(target), name_start, sizeof name_start - 1) != 0)
            continue;
        descriptor = open(path, O_PATH | O_CLOEXEC);
        if (descriptor < 0)
            continue;
        take_up(run, descriptor, name_here(descriptor, target), pid);
        has_any = true;
    }
    (void)closedir(directory);
    return has_any && !run->has_unfinished;
}

/* The helper of 'pid' whose recording we have, while it lives: one comes instead of it, under
 * another number, when the process execs or begins anew. */
static bool has_known_helper(const struct pp_run_files *run, pid_t pid)
{
    for (size_t i = 0; i < run->n_helpers; i++) {
        char task[64];
        if (run->helpers[i].pid != pid)
            continue;
        (void)snprintf(task, sizeof task, "/proc/%d/task/%d", (int)pid, (int)run->helpers[i].tid);
        return access(task, F_OK) == 0;
    }
    return false;
}

static void know_helper(struct pp_run_files *run, pid_t pid, const char *task)
{
    const pid_t tid = (pid_t)strtol(strrchr(task, '/') + 1, NULL, 10);
    size_t i = 0;

    while (i < run->n_helpers && run->helpers[i].pid != pid)
        i++;
    if (i == run->n_helpers)
        i = run->n_helpers < MAX_FAMILY ? run->n_helpers++ : run->n_looks_into % MAX_FAMILY;
    run->helpers[i].pid = pid;
    run->helpers[i].tid = tid;
}

static void look_into_process(struct pp_run_files *run, pid_t pid)
{
    char folder[64], task[PATH_MAX];
    const struct dirent *entry;
    bool is_found = false;
    DIR *directory;

    if (has_known_helper(run, pid))
        return;
    (void)snprintf(folder, sizeof folder, "/proc/%d/task", (int)pid);
    directory = opendir(folder);
    if (directory == NULL)
        return;
    while (!is_found && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(task, sizeof task, "%s/%s", folder, entry->d_name);
        is_found = is_helper(task);
    }
    (void)closedir(directory);
    if (is_found && look_into_task(run, task, pid))
        know_helper(run, pid, task);
}

void pp_run_files_look_into(struct pp_run_files *run, pid_t pid)
{
    pid_t pids[MAX_FAMILY];
    const size_t n = pp_run_family(pid, pids, MAX_FAMILY, &run->n_family_threads);

    run->n_looks_into++;
    for (size_t i = 0; i < n; i++)
        look_into_process(run, pids[i]);
}

/* ---- what came since the last look ---- */

/* The process of a thread; 0 when it is gone. */
static pid_t process_of(const char *task)
{
    char path[64], line[128];
    int pid = 0;

    (void)snprintf(path, sizeof path, "%s/status", task);
    pp_autoclose FILE *file = fopen(path, "re");
    while (file != NULL && pid == 0 && fgets(line, sizeof line, file) != NULL)
        (void)sscanf(line, "Tgid: %d", &pid);
    return pid;
}

/* Whose run it is, its recording tells: whatever may be a helper on this machine is looked at. */
static void look_into_thread(struct pp_run_files *run, int64_t number)
{
    char task[32];
    pid_t pid;

    (void)snprintf(task, sizeof task, "/proc/%" PRId64, number);
    if (is_helper(task) && (pid = process_of(task)) > 0)
        (void)look_into_task(run, task, pid);
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Each of the machine's new threads, or all of the run's, whichever are fewer. */
static void look_into_new_threads(struct pp_run_files *run, pid_t pid)
{
    const int64_t n_many = 6 + 2 * (int64_t)run->n_family_threads;
    struct pp_run_numbers numbers;

    if (!pp_run_news_of_threads(&run->news, &numbers))
        return;
    if (numbers.is_all || numbers.last - numbers.first > n_many)
        pp_run_files_look_into(run, pid);
    else
        for (int64_t number = numbers.first + 1; number <= numbers.last; number++)
            look_into_thread(run, number);
}

/* Where somebody begins processes all the time there is news at each look, and a run may have
 * thousands of threads. */
static void look_into_processes(struct pp_run_files *run, pid_t pid)
{
    int64_t begin_ns;

    if (run->n_looks_for_new++ >= EARLY_LOOKS && now_ns(CLOCK_MONOTONIC) < run->next_look_into_ns)
        return;
    begin_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    look_into_new_threads(run, pid);
    run->next_look_into_ns =
        now_ns(CLOCK_MONOTONIC) + (now_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns) * LOOK_SHARE;
}

/* What processes hold comes first, since that tells their numbers as we see them. */
void pp_run_files_look_for_new(struct pp_run_files *run, pid_t pid)
{
    look_into_processes(run, pid);
    if (pp_run_news_in_folder(&run->news, run->directory)) {
        run->has_unfinished = false;
        pp_run_files_look(run);
        pp_run_news_settle(&run->news, !run->has_unfinished);
    }
}

void pp_run_files_refresh(struct pp_run_files *run)
{
    for (size_t i = 0; i < run->n_files; i++)
        (void)pp_recording_refresh(run->files[i].reader, NULL);
}

bool pp_run_file_is_alive(const struct pp_run_file *file)
{
    /* The shared header is only given for a process that can answer. */
    return pp_recording_shared_header(file->reader) != NULL;
}

void pp_run_file_unlink(struct pp_run_file *file)
{
    struct stat status;

    /* A new recording may have taken the name when a process id came round again. */
    if (file->path[0] != '\0' && lstat(file->path, &status) == 0 && status.st_ino == file->inode &&
        status.st_dev == file->device)
        (void)unlink(file->path);
    file->path[0] = '\0';
}
