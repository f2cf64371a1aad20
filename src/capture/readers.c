/* Readers of the recording.  A slot is written by its reader, and by the helper only to free it. */
#include "capture/readers.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

/* A reader that was only stopped comes back within this time and finds its slot. */
enum { GIVEN_UP_AFTER_DECISECONDS = 600 };

static uint64_t deciseconds(const struct pp_rec_header *header, uint64_t now_ns)
{
    return (now_ns - (uint64_t)header->start_monotonic_ns) / 100000000;
}

/* By its number, where that means something here. */
static bool is_dead(const struct pp_rec_reader *reader, uint32_t pid)
{
    const uint32_t its = atomic_load_explicit(&reader->pid_namespace, memory_order_relaxed);
    struct stat ours;

    return (its == 0 || (stat("/proc/self/ns/pid", &ours) == 0 && (uint32_t)ours.st_ino == its)) &&
           pid <= INT32_MAX && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

static uint64_t lease_end(const struct pp_rec_header *header, uint32_t i)
{
    return atomic_load_explicit(&header->wants[i], memory_order_acquire) >> 32;
}

static bool is_given_up(const struct pp_rec_header *header, uint32_t i, uint64_t now)
{
    const uint64_t end = lease_end(header, i);

    return end != 0 && now > end + GIVEN_UP_AFTER_DECISECONDS;
}

void pp_readers_forget_gone(struct pp_rec_header *header, uint64_t now_ns)
{
    const uint64_t now = deciseconds(header, now_ns);

    for (uint32_t i = 0; i < PP_REC_MAX_READERS; i++) {
        struct pp_rec_reader *reader = &header->readers[i];
        uint32_t pid = atomic_load_explicit(&reader->pid, memory_order_acquire);
        if (pid == 0 || !(is_dead(reader, pid) || is_given_up(header, i, now)))
            continue;
        /* First what it wants: the slot's next reader writes its own after taking the slot. */
        atomic_store_explicit(&header->wants[i], 0, memory_order_relaxed);
        (void)atomic_compare_exchange_strong(&reader->pid, &pid, 0);
    }
}

uint64_t pp_readers_want_millihertz(const struct pp_rec_header *header, uint64_t now_ns)
{
    const uint64_t now = deciseconds(header, now_ns);
    uint64_t highest = 0;

    for (uint32_t i = 0; i < PP_REC_MAX_READERS; i++) {
        const uint64_t want = atomic_load_explicit(&header->wants[i], memory_order_acquire);
        const uint64_t millihertz = (uint32_t)want;
        if (want >> 32 >= now && millihertz > highest)
            highest = millihertz;
    }
    return highest < PP_REC_MAX_MILLIHERTZ ? highest : PP_REC_MAX_MILLIHERTZ;
}

uint64_t pp_readers_need_from(struct pp_rec_header *header)
{
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < PP_REC_MAX_READERS; i++) {
        const struct pp_rec_reader *reader = &header->readers[i];
        const uint64_t sequence = atomic_load_explicit(&reader->sequence, memory_order_acquire);
        if (atomic_load_explicit(&reader->pid, memory_order_acquire) != 0 && sequence < least)
            least = sequence;
    }
    return least;
}
