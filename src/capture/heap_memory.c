/* Maps, filter and blocks: address space that is memory only where it is touched. */
#include "capture/heap_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/own_mapping.h"
#include "capture/own_memory.h"

enum {
    FEW_LEVELS = 2, /* where address space counts as memory: 40 000 objects */
    SITE_LEVELS = 5,
    MANY_LEVEL = 2, /* 131 000 slots: where to begin when every object is followed */
    FILTER_PAGE_BYTES = 4096,
};

static uint64_t n_slots(uint32_t level)
{
    return (uint64_t)PP_HEAP_MAP_LEAST_SLOTS << (2 * level);
}

static uint64_t level_bytes(uint32_t level)
{
    const uint64_t n = n_slots(level);

    return n * sizeof(uint64_t) + n * sizeof(struct pp_sig_heap_object) +
           n / PP_HEAP_BUCKET * sizeof(uint32_t);
}

bool pp_is_overcommit_strict(void)
{
    char mode = '0';
    const int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (read(fd, &mode, 1) != 1)
            mode = '0';
        (void)close(fd);
    }
    return mode == '2';
}

void *pp_reserve_wiped(uint64_t n_bytes)
{
    void *memory = pp_own_mmap(NULL, n_bytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    (void)madvise(memory, n_bytes, MADV_DONTDUMP);
    (void)madvise(memory, n_bytes, MADV_WIPEONFORK);
    (void)madvise(memory, n_bytes, MADV_NOHUGEPAGE); /* a touched key is not two megabytes */
    return memory;
}

static int make_map(struct pp_sig_heap_map *map, uint32_t n_levels)
{
    for (uint32_t i = 0; i < n_levels; i++) {
        struct pp_sig_heap_level *level = &map->levels[i];
        char *memory =
            level_bytes(i) > pp_address_space_share() ? NULL : pp_reserve_wiped(level_bytes(i));

        if (memory == NULL)
            return i == 0 ? -ENOMEM : 0; /* fewer levels: what does not fit is counted as lost */
        level->bucket_bits = (uint32_t)__builtin_ctzll(n_slots(i) / PP_HEAP_BUCKET);
        level->objects = (struct pp_sig_heap_object *)(memory + n_slots(i) * sizeof(uint64_t));
        level->passed = (_Atomic uint32_t *)(level->objects + n_slots(i));
        level->keys = (_Atomic uint64_t *)memory;
    }
    return 0;
}

/* NULL is near something, so that free() need not ask for it; the page with its word is kept in a
 * child of fork(), too. */
static int make_filter(void)
{
    uint16_t *filter = pp_reserve_wiped(PP_HEAP_FILTER_BYTES);

    if (filter == NULL)
        return -ENOMEM;
    (void)madvise(filter, FILTER_PAGE_BYTES, MADV_KEEPONFORK);
    filter[0] = PP_HEAP_FILTER_UNCOUNTED;
    pp_sig_heap.filter = filter;
    return 0;
}

int pp_heap_memory_make(void)
{
    const bool is_strict = pp_is_overcommit_strict();

    if (atomic_load(&pp_sig_heap_blocks[0]) != NULL)
        return 0;
    if (pp_sig_heap.filter == NULL && make_filter() != 0)
        return -ENOMEM;
    if (pp_sig_heap.objects.levels[0].keys == NULL &&
        make_map(&pp_sig_heap.objects, is_strict ? FEW_LEVELS : PP_HEAP_MAP_LEVELS) != 0)
        return -ENOMEM;
    if (pp_sig_heap.sites.levels[0].keys == NULL &&
        make_map(&pp_sig_heap.sites, is_strict ? FEW_LEVELS : SITE_LEVELS) != 0)
        return -ENOMEM;
    return pp_heap_blocks_tend();
}

static void clear_map(struct pp_sig_heap_map *map, uint32_t first)
{
    /* Beyond the current level nothing was ever touched. */
    for (uint32_t i = 0; i <= atomic_load(&map->current); i++)
        if (map->levels[i].keys != NULL)
            (void)madvise((void *)map->levels[i].keys, level_bytes(i), MADV_DONTNEED);
    map->first = first;
    atomic_store(&map->current, first);
}

/* One bucket of eight for a sixteenth of the interval, at most for 64 KiB: few hold two objects. */
static uint32_t key_bits_for(uint64_t interval_bytes)
{
    enum { LEAST_BYTES = 128, MOST_BITS = 9 };
    uint32_t bits = 0;

    while (bits < MOST_BITS && (uint64_t)LEAST_BYTES << (bits + 1) <= interval_bytes / 16)
        bits++;
    return bits;
}

void pp_heap_memory_clear(uint64_t interval_bytes)
{
    const uint32_t n_bits = key_bits_for(interval_bytes);
    const uint32_t first =
        interval_bytes <= 1 && pp_sig_heap.objects.levels[MANY_LEVEL].keys != NULL ? MANY_LEVEL : 0;

    clear_map(&pp_sig_heap.objects, first);
    /* Each level spreads its keys more: they may come thicker than the interval says. */
    for (uint32_t i = 0; i < PP_HEAP_MAP_LEVELS; i++)
        pp_sig_heap.objects.levels[i].key_bits = n_bits > i ? n_bits - i : 0;
    clear_map(&pp_sig_heap.sites, 0);
    pp_heap_filter_clear();
}

void pp_heap_filter_clear(void)
{
    enum { N_WORDS = FILTER_PAGE_BYTES / sizeof *pp_sig_heap.filter };

    if (pp_sig_heap.filter == NULL)
        return;
    for (int i = 1; i < N_WORDS; i++)
        __atomic_store_n(&pp_sig_heap.filter[i], 0, __ATOMIC_RELAXED);
    (void)madvise((char *)pp_sig_heap.filter + FILTER_PAGE_BYTES,
                  PP_HEAP_FILTER_BYTES - FILTER_PAGE_BYTES, MADV_DONTNEED);
}

/* ---- what of it is memory ---- */

uint64_t pp_bytes_in_memory(const void *memory, uint64_t n_bytes)
{
    enum { N_PAGES = 4096 };
    unsigned char is_there[N_PAGES];
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const char *at = (const char *)((uintptr_t)memory & ~(page - 1));
    const char *limit = (const char *)memory + n_bytes;
    uint64_t n_there = 0;

    while (at < limit) {
        const uint64_t n_left = ((uint64_t)(limit - at) + page - 1) / page;
        const uint64_t n = n_left < N_PAGES ? n_left : N_PAGES;
        if (mincore((void *)(uintptr_t)at, n * page, is_there) != 0)
            break;
        for (uint64_t i = 0; i < n; i++)
            n_there += is_there[i] & 1;
        at += n * page;
    }
    return n_there * page;
}

static uint64_t map_bytes(const struct pp_sig_heap_map *map)
{
    uint64_t n_bytes = 0;

    for (uint32_t i = map->first; i <= atomic_load(&map->current); i++)
        if (map->levels[i].keys != NULL)
            n_bytes += pp_bytes_in_memory((const void *)map->levels[i].keys, level_bytes(i));
    return n_bytes;
}

uint64_t pp_heap_memory_bytes(void)
{
    uint64_t n_bytes = map_bytes(&pp_sig_heap.objects) + map_bytes(&pp_sig_heap.sites);
    uint64_t n_in_block = PP_HEAP_FIRST_BLOCK;

    if (pp_sig_heap.filter != NULL)
        n_bytes += pp_bytes_in_memory(pp_sig_heap.filter, PP_HEAP_FILTER_BYTES);
    for (uint32_t block = 0; block < PP_HEAP_N_BLOCKS; block++, n_in_block *= 2) {
        const struct pp_sig_heap_thread *threads = atomic_load(&pp_sig_heap_blocks[block]);
        if (threads != NULL)
            n_bytes += pp_bytes_in_memory(threads, n_in_block * sizeof *threads);
    }
    return n_bytes;
}

/* ---- threads' blocks ---- */

static uint32_t count_free(uint32_t *n_out)
{
    const struct pp_sig_heap_thread *thread;
    uint32_t n_free = 0, n = 0;

    for (; (thread = pp_sig_heap_thread_at(n)) != NULL; n++)
        n_free += atomic_load_explicit(&thread->tid, memory_order_relaxed) == 0;
    *n_out = n;
    return n_free;
}

int pp_heap_blocks_tend(void)
{
    struct pp_sig_heap_thread *threads;
    uint32_t n, n_in_block = PP_HEAP_FIRST_BLOCK, block = 0;

    if (count_free(&n) > n / 2)
        return 0;
    while (block < PP_HEAP_N_BLOCKS && atomic_load(&pp_sig_heap_blocks[block]) != NULL) {
        block++;
        n_in_block *= 2;
    }
    if (block == PP_HEAP_N_BLOCKS)
        return 0;
    threads = pp_map_anonymous(n_in_block * sizeof *threads);
    if (threads == NULL)
        return -ENOMEM;
    atomic_store_explicit(&pp_sig_heap_blocks[block], threads, memory_order_release);
    return 0;
}
