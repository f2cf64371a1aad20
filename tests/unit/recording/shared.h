/* A recording in shared memory with the real writer's segments: a process to be copied from, or
 * killed. */
#ifndef TESTS_RECORDING_SHARED_H
#define TESTS_RECORDING_SHARED_H

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sigsafe/store.h"
#include "writer.h"

struct shared {
    struct writer writer;
    int fd;
    char path[64];
    _Atomic uint64_t *told; /* counters outside the recording, shared too */
};

static inline struct shared shared_in(int fd, uint64_t n_bytes)
{
    struct shared shared = {.fd = fd};
    void *bytes, *told;

    assert(shared.fd >= 0 && ftruncate(shared.fd, (off_t)n_bytes) == 0);
    bytes = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shared.fd, 0);
    told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(bytes != MAP_FAILED && told != MAP_FAILED);
    shared.writer = writer_in(bytes, n_bytes);
    shared.writer.head->state = PP_REC_RUNNING;
    shared.writer.head->end_ns = 0;
    shared.writer.head->n_bytes = n_bytes;
    shared.told = told;
    (void)snprintf(shared.path, sizeof shared.path, "/proc/self/fd/%d", shared.fd);
    return shared;
}

static inline struct shared shared_new(uint64_t n_bytes)
{
    return shared_in(memfd_create("recording", MFD_CLOEXEC), n_bytes);
}

static inline void shared_done(struct shared *shared)
{
    (void)munmap(shared->writer.bytes, shared->writer.n_room);
    (void)munmap((void *)shared->told, 4096);
    (void)close(shared->fd);
}

/* An empty segment of the real writer; in no directory yet. */
static inline uint64_t shared_segment(struct shared *shared, uint32_t n_bytes, uint64_t sequence)
{
    const uint64_t offset = writer_take(&shared->writer, n_bytes);

    shared->writer.head->n_bytes = shared->writer.n_room;
    pp_sig_segment_init((struct pp_rec_segment *)(shared->writer.bytes + offset), n_bytes, 64,
                        sequence);
    return offset;
}

/* Store event number 'k' of 'thread': values {1, k}, and a stack that follows from k. */
static inline int shared_store(struct shared *shared, uint32_t thread, uint64_t k)
{
    const struct pp_sig_event event = {.time_ns = k,
                                       .thread = thread,
                                       .family = PP_FAMILY_CPU,
                                       .n_values = 2,
                                       .values = {1, (int64_t)k}};
    const uint32_t n_frames = 1 + (uint32_t)(k % 5);
    const struct pp_sig_walk walk = {.n_frames = n_frames,
                                     .hash = (k % 20 + 1) * UINT64_C(0x9E3779B97F4A7C15)};
    uint64_t pcs[5];

    for (uint32_t i = 0; i < n_frames; i++)
        pcs[i] = 0x10000 + k % 20 * 100 + i;
    return pp_sig_store_event(shared->writer.head, &event, pcs, &walk);
}

/* Whether 'pcs' is the stack of event 'k'. */
static inline int shared_is_stack_of(uint64_t k, const uint64_t *pcs, uint32_t n_frames)
{
    if (n_frames != 1 + k % 5)
        return 0;
    for (uint32_t i = 0; i < n_frames; i++) {
        if (pcs[i] != 0x10000 + k % 20 * 100 + i)
            return 0;
    }
    return 1;
}

/* The helper thread of a profiled process, till that ends: answers each command with what
 * 'carry_out' gives. */
static inline void shared_answer(struct shared *shared, int32_t (*carry_out)(struct shared *shared))
{
    struct pp_rec_command *block = &shared->writer.head->command_block;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not end it */
    for (;;) {
        const uint32_t seen = atomic_load(&block->futex);
        const uint32_t generation = atomic_load(&block->generation);

        if (generation == atomic_load(&block->done_generation)) {
            (void)syscall(SYS_futex, &block->futex, FUTEX_WAIT, seen, NULL, NULL, 0);
            continue;
        }
        atomic_store(&block->result, carry_out(shared));
        atomic_store(&block->done_generation, generation);
        (void)syscall(SYS_futex, &block->done_generation, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

#endif
