/* Memory of our own in somebody else's process. */
#include "capture/own_memory.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "capture/own_mapping.h"

enum { PAGE_BYTES = 4096, MAX_GAPS = 128 };

static const uint64_t RANGE_BYTES = UINT64_C(128)
                                    << 20; /* address space; only what is used is memory */

struct gap {
    uint64_t offset, n_bytes;
};

/* The range and its free parts, sorted by offset, never adjacent; under the lock. */
static struct {
    _Atomic int lock;
    char *base;
    struct gap gaps[MAX_GAPS];
    uint32_t n_gaps;
} range;

static void take_lock(void)
{
    while (atomic_exchange_explicit(&range.lock, 1, memory_order_acquire) != 0)
        (void)sched_yield();
}

static void give_lock(void)
{
    atomic_store_explicit(&range.lock, 0, memory_order_release);
}

void pp_own_memory_before_fork(void)
{
    take_lock();
}

void pp_own_memory_after_fork(void)
{
    give_lock();
}

uint64_t pp_address_space_share(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur / 64;
}

void pp_own_memory_reserve(void)
{
    void *base;

    if (range.base != NULL || pp_address_space_share() < RANGE_BYTES)
        return;
    base = pp_own_mmap(NULL, RANGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       -1, 0);
    if (base == MAP_FAILED)
        return;
    (void)madvise(base, RANGE_BYTES, MADV_DONTDUMP);
    range.gaps[0] = (struct gap){0, RANGE_BYTES};
    range.n_gaps = 1;
    range.base = base;
}

static uint64_t page_up(uint64_t n_bytes)
{
    return (n_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* The first gap that is large enough gives its beginning. */
static char *take(uint64_t n_bytes)
{
    for (uint32_t i = 0; i < range.n_gaps; i++) {
        struct gap *gap = &range.gaps[i];
        char *memory = range.base + gap->offset;
        if (gap->n_bytes < n_bytes)
            continue;
        if (mprotect(memory, n_bytes, PROT_READ | PROT_WRITE) != 0)
            return NULL;
        gap->offset += n_bytes;
        gap->n_bytes -= n_bytes;
        if (gap->n_bytes == 0) {
            memmove(gap, gap + 1, (range.n_gaps - i - 1) * sizeof *gap);
            range.n_gaps--;
        }
        return memory;
    }
    return NULL;
}

static void give(uint64_t offset, uint64_t n_bytes)
{
    struct gap *gaps = range.gaps;
    uint32_t i = 0;

    while (i < range.n_gaps && gaps[i].offset < offset)
        i++;
    if (i > 0 && gaps[i - 1].offset + gaps[i - 1].n_bytes == offset) {
        gaps[--i].n_bytes += n_bytes;
    } else if (range.n_gaps < MAX_GAPS) {
        memmove(&gaps[i + 1], &gaps[i], (range.n_gaps - i) * sizeof *gaps);
        gaps[i] = (struct gap){offset, n_bytes};
        range.n_gaps++;
    } else {
        return; /* too scattered: this piece is not used again, and holds no memory */
    }
    if (i + 1 < range.n_gaps && gaps[i].offset + gaps[i].n_bytes == gaps[i + 1].offset) {
        gaps[i].n_bytes += gaps[i + 1].n_bytes;
        memmove(&gaps[i + 1], &gaps[i + 2], (range.n_gaps - i - 2) * sizeof *gaps);
        range.n_gaps--;
    }
}

void *pp_map_anonymous(uint64_t n_bytes)
{
    void *memory = NULL;

    n_bytes = page_up(n_bytes);
    if (range.base != NULL) {
        take_lock();
        memory = take(n_bytes);
        give_lock();
    }
    if (memory != NULL)
        return memory;
    memory = pp_own_mmap(NULL, n_bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    (void)madvise(memory, n_bytes, MADV_DONTDUMP);
    return memory;
}

void pp_unmap(void *memory, uint64_t n_bytes)
{
    char *at = memory;

    n_bytes = page_up(n_bytes);
    if (at == NULL)
        return;
    if (range.base == NULL || at < range.base || at >= range.base + RANGE_BYTES) {
        (void)pp_own_munmap(at, n_bytes);
        return;
    }
    /* Still ours, and empty: whoever gets it next finds zeroes. */
    (void)madvise(at, n_bytes, MADV_DONTNEED);
    (void)mprotect(at, n_bytes, PROT_NONE);
    take_lock();
    give((uint64_t)(at - range.base), n_bytes);
    give_lock();
}

/* ---- shared with a child ---- */

static bool is_in_range(const char *memory)
{
    return range.base != NULL && memory >= range.base && memory < range.base + RANGE_BYTES;
}

void *pp_map_shared(uint64_t n_bytes)
{
    char *place = pp_map_anonymous(n_bytes);
    void *memory;

    if (place == NULL)
        return NULL;
    memory = pp_own_mmap(place, page_up(n_bytes), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    if (memory == MAP_FAILED) {
        pp_unmap(place, n_bytes);
        return NULL;
    }
    (void)madvise(memory, page_up(n_bytes), MADV_DONTDUMP);
    return memory;
}

void pp_unmap_shared(void *memory, uint64_t n_bytes)
{
    /* The range stays private: its next user must not share it with anybody. */
    if (memory != NULL && is_in_range(memory))
        (void)pp_own_mmap(memory, page_up(n_bytes), PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    pp_unmap(memory, n_bytes);
}

void pp_own_memory_bounds(uint64_t *start_out, uint64_t *limit_out)
{
    *start_out = (uint64_t)(uintptr_t)range.base;
    *limit_out = range.base == NULL ? 0 : *start_out + RANGE_BYTES;
}
