/* Telling a living process what to do, through the command block of its recording.
 *
 * Writers: commanders in any process.  Reader: the helper thread of the profiled process.
 * Commanders are served one after the other: each holds an open-file-description lock on the
 * block's bytes of the file from writing the request until it is answered or given up, and the
 * kernel takes the lock from one that dies.  One that gives up leaves its request behind; the next
 * one then writes over it, and the helper may carry out the newer request for both generations:
 * every request may be done twice without harm. */
#include "recording/reader_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

enum { LOOK_MS = 20 }; /* how often we look whether the process still lives */

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The process's state letter and the time it began, in ticks since boot; false when there is no
 * such process. */
static bool look_at_process(int32_t pid, char *state_out, uint64_t *start_ticks_out)
{
    char path[32], text[1024];
    const char *fields;
    ssize_t n_bytes;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    pp_autoclose_fd int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    n_bytes = read(file, text, sizeof text - 1); /* all of it at once, as /proc gives it */
    text[n_bytes > 0 ? n_bytes : 0] = '\0';
    fields = strrchr(text, ')'); /* the name before it may hold anything */
    return fields != NULL &&
           sscanf(fields,
                  ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                  "%*s %*s %" SCNu64,
                  state_out, start_ticks_out) == 2;
}

bool pp_recording_pid_is_ours(const struct pp_rec_header *head)
{
    struct stat ours;

    return head->pid > 0 && head->pid == head->namespace_pid &&
           (head->pid_namespace == 0 || stat("/proc/self/ns/pid", &ours) != 0 ||
            (uint32_t)ours.st_ino == head->pid_namespace);
}

/* Whether nobody holds its file any more.  One without a name is a memfd, which nobody locks. */
static bool is_let_go(int fd)
{
    struct stat status;

    if (fstat(fd, &status) != 0 || status.st_nlink == 0 || flock(fd, LOCK_SH | LOCK_NB) != 0)
        return false;
    (void)flock(fd, LOCK_UN);
    return true;
}

/* Whether nobody will answer: the recording has ended, or its process has died, though nobody may
 * have waited for it yet, or its number went to another, or it has exec'ed and is another program,
 * with the same number and the same beginning. */
static bool is_gone(const struct pp_rec_header *head, int fd)
{
    uint64_t start_ticks = 0;
    char state = 'Z';

    if (atomic_load_explicit(&head->state, memory_order_acquire) == PP_REC_ENDED)
        return true;
    if (!pp_recording_pid_is_ours(head))
        return head->pid_namespace != 0 && is_let_go(fd);
    if (!look_at_process(head->pid, &state, &start_ticks))
        return kill(head->pid, 0) != 0 && errno == ESRCH; /* there may be no /proc */
    return state == 'Z' || state == 'X' ||
           (head->process_start_ticks != 0 && head->process_start_ticks != start_ticks) ||
           (head->pid_namespace != 0 && is_let_go(fd));
}

bool pp_recording_is_live(const struct pp_recording_reader *reader)
{
    return !is_gone(reader->shared, reader->source.fd);
}

struct pp_rec_header *pp_recording_shared_header(struct pp_recording_reader *reader)
{
    const struct pp_rec_header *head = pp_recording_header(reader);
    struct pp_rec_header *shared = reader->shared;

    if (shared == NULL) {
        /* Our copy's 'active' is always 0; a file's too, and nobody listens there. */
        uint64_t active = 0;
        if (reader->source.fd < 0 || !reader->is_writable || is_gone(head, reader->source.fd) ||
            pp_recording_read_source(&reader->source, offsetof(struct pp_rec_header, active),
                                     &active, sizeof active, NULL) != 0 ||
            active == 0 || reader->source.n_bytes < PP_REC_HEADER_BYTES)
            return NULL;
        shared = mmap(NULL, PP_REC_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                      reader->source.fd, 0);
        if (shared == MAP_FAILED)
            return NULL;
        reader->shared = shared;
    }
    return is_gone(shared, reader->source.fd) ? NULL : shared;
}

/* ---- one commander at a time ---- */

static int set_lock(int fd, short type)
{
    struct flock lock = {
        .l_type = type,
        .l_whence = SEEK_SET,
        .l_start = offsetof(struct pp_rec_header, command_block),
        .l_len = sizeof(struct pp_rec_command),
    };

    return fcntl(fd, F_OFD_SETLK, &lock) != 0 ? -errno : 0;
}

static int lock_commands(const struct pp_recording_reader *reader, int64_t deadline_ms)
{
    for (;;) {
        const struct timespec pause = {0, 1000000};
        const int status = set_lock(reader->source.fd, F_WRLCK);
        if (status != -EAGAIN && status != -EACCES)
            return status;
        if (now_ms() >= deadline_ms)
            return -ETIMEDOUT;
        (void)nanosleep(&pause, NULL);
    }
}

/* ---- asking and waiting ---- */

static uint32_t write_request(struct pp_rec_command *block, enum pp_rec_request request,
                              uint64_t argument)
{
    const uint32_t generation = atomic_load_explicit(&block->generation, memory_order_relaxed) + 1;

    if (request == PP_REQUEST_RATE || request == PP_REQUEST_HEAP_INTERVAL)
        atomic_store_explicit(&block->rate_millihertz, argument, memory_order_relaxed);
    if (request == PP_REQUEST_LEAKS || request == PP_REQUEST_LEAK_LOOK)
        atomic_store_explicit(&block->limit_ms, (uint32_t)argument, memory_order_relaxed);
    atomic_store_explicit(&block->request, request, memory_order_relaxed);
    atomic_store_explicit(&block->generation, generation, memory_order_release);
    atomic_fetch_add_explicit(&block->futex, 1, memory_order_release);
    (void)syscall(SYS_futex, &block->futex, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    return generation;
}

static int wait_for_answer(struct pp_rec_header *head, int fd, uint32_t generation,
                           int64_t deadline_ms)
{
    struct pp_rec_command *block = &head->command_block;

    for (;;) {
        const uint32_t done = atomic_load_explicit(&block->done_generation, memory_order_acquire);
        int64_t left_ms = deadline_ms - now_ms();
        struct timespec wait = {0, LOOK_MS * 1000000L};
        if ((int32_t)(done - generation) >= 0)
            return atomic_load_explicit(&block->result, memory_order_acquire);
        if (is_gone(head, fd))
            return -ESRCH;
        if (left_ms <= 0)
            return -ETIMEDOUT;
        if (left_ms < LOOK_MS)
            wait.tv_nsec = left_ms * 1000000L;
        (void)syscall(SYS_futex, &block->done_generation, FUTEX_WAIT, done, &wait, NULL, 0);
    }
}

int pp_recording_command(struct pp_recording_reader *reader, enum pp_rec_request request,
                         uint64_t argument, int timeout_ms)
{
    const int64_t deadline_ms = now_ms() + timeout_ms;
    struct pp_rec_header *head = pp_recording_shared_header(reader);
    int status;

    if (head == NULL)
        return reader->source.fd >= 0 && !reader->is_writable ? -EPERM : -ESRCH;
    status = lock_commands(reader, deadline_ms);
    if (status != 0)
        return status;
    status = wait_for_answer(head, reader->source.fd,
                             write_request(&head->command_block, request, argument), deadline_ms);
    (void)set_lock(reader->source.fd, F_UNLCK);
    return status;
}

int pp_recording_leak_look_result(const struct pp_rec_header *header, int number)
{
    const uint32_t ended = atomic_load_explicit(&header->heap.leaks.ended, memory_order_acquire);
    const uint32_t n_more = ((ended >> 8) - (uint32_t)number) & 0xffffff;

    return n_more >= 1U << 23 ? -EINPROGRESS : -(int)(ended & 0xff);
}
