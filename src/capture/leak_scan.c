/* The pass over memory, in the child: system calls and memory that was mapped before, nothing else.
 */
#include "capture/leak_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "sigsafe/syscall.h"

enum { PAGE_BYTES = 4096, PAGE_SHIFT = 12, WORD_BYTES = 8, LARGE_BYTES = 64 * 1024 };

/* Of /proc/self/pagemap. */
static const uint64_t PAGE_IS_PRESENT = UINT64_C(3) << 62; /* in memory, or swapped */
static const uint64_t PAGE_IS_FILES = UINT64_C(1) << 61;   /* or shared */

/* ---- from a word to an object ---- */

static uint64_t slot_of(const struct pp_leak_scan *scan, uint64_t page)
{
    return page * UINT64_C(0x9E3779B97F4A7C15) >> (64 - scan->page_bits);
}

static struct pp_leak_page *page_of(const struct pp_leak_scan *scan, uint64_t number)
{
    const uint64_t mask = (UINT64_C(1) << scan->page_bits) - 1;
    uint64_t slot = slot_of(scan, number);

    while (scan->pages[slot].number != 0 && scan->pages[slot].number != number)
        slot = (slot + 1) & mask;
    return &scan->pages[slot];
}

void pp_leak_index_pages(struct pp_leak_scan *scan)
{
    for (uint32_t i = 0; i < scan->n_objects; i++) {
        const struct pp_leak_object *object = &scan->objects[i];
        for (uint64_t page = object->start >> PAGE_SHIFT; page <= (object->limit - 1) >> PAGE_SHIFT;
             page++) {
            struct pp_leak_page *entry = page_of(scan, page);
            if (entry->number != 0)
                continue; /* an object before it reaches into the page, or begins there */
            entry->number = page;
            entry->first = i;
        }
    }
}

/* The index of the object that 'word' points into, or UINT32_MAX. */
static uint32_t find(const struct pp_leak_scan *scan, uint64_t word)
{
    const struct pp_leak_page *page = page_of(scan, word >> PAGE_SHIFT);

    if (page->number == 0)
        return UINT32_MAX;
    for (uint32_t i = page->first; i < scan->n_objects && scan->objects[i].start <= word; i++)
        if (word < scan->objects[i].limit)
            return i;
    return UINT32_MAX;
}

/* 'address' is where the word was found. */
static void count_word(struct pp_leak_scan *scan, uint64_t word, uint64_t address)
{
    struct pp_leak_object *object;
    uint32_t i;

    word &= ~(uint64_t)(WORD_BYTES - 1); /* tags in the lowest bits */
    if (word - scan->lowest >= scan->span)
        return;
    i = find(scan, word);
    if (i == UINT32_MAX || scan->objects[i].state == PP_LEAK_REACHED)
        return;
    object = &scan->objects[i];
    if (object->state == PP_LEAK_YOUNG || (address >= object->start && address < object->limit))
        return;
    object->state = PP_LEAK_REACHED;
    if (scan->is_flooding)
        scan->queue[scan->n_queued++] = i;
}

__attribute__((no_sanitize("address", "undefined"))) static void scan_words(
    struct pp_leak_scan *scan, uint64_t start, uint64_t limit)
{
    const uint64_t *at = (const uint64_t *)(uintptr_t)((start + WORD_BYTES - 1) & ~UINT64_C(7));
    const uint64_t *end = (const uint64_t *)(uintptr_t)(limit & ~UINT64_C(7));

    for (; at < end; at++)
        if ((*at & ~UINT64_C(7)) - scan->lowest < scan->span)
            count_word(scan, *at, (uint64_t)(uintptr_t)at);
}

/* The first object that ends behind 'address'. */
static uint32_t first_behind(const struct pp_leak_scan *scan, uint64_t address)
{
    uint32_t low = 0, high = scan->n_objects;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (scan->objects[middle].limit <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void pp_leak_scan_root(struct pp_leak_scan *scan, uint64_t start, uint64_t limit)
{
    scan->scanned_bytes += limit - start;
    for (uint32_t i = scan->is_flooding ? first_behind(scan, start) : scan->n_objects;
         i < scan->n_objects && scan->objects[i].start < limit; i++) {
        scan_words(scan, start, scan->objects[i].start);
        start = scan->objects[i].limit;
    }
    if (start < limit)
        scan_words(scan, start, limit);
}

/* ---- what may be read ---- */

/* The pages of [start, limit), which lie in one mapping, that the program has written: to 'visit'.
 */
static int each_written(struct pp_leak_scan *scan, const struct pp_leak_mapping *mapping,
                        uint64_t start, uint64_t limit,
                        void (*visit)(struct pp_leak_scan *, uint64_t, uint64_t))
{
    const uint64_t first = start >> PAGE_SHIFT, end = (limit + PAGE_BYTES - 1) >> PAGE_SHIFT;
    uint64_t run = UINT64_MAX; /* where pages began that are to be visited */

    for (uint64_t page = first; page < end;) {
        const uint64_t n =
            end - page < PP_LEAK_PAGEMAP_ENTRIES ? end - page : PP_LEAK_PAGEMAP_ENTRIES;
        if (pp_sig_syscall4(SYS_pread64, scan->pagemap_file, (long)scan->pagemap,
                            (long)(n * WORD_BYTES),
                            (long)(page * WORD_BYTES)) != (long)(n * WORD_BYTES))
            return -EIO;
        for (uint64_t i = 0; i < n; i++, page++) {
            const uint64_t entry = scan->pagemap[i];
            const uint64_t at = page << PAGE_SHIFT;
            const bool is_wanted = (entry & PAGE_IS_PRESENT) != 0 &&
                                   (mapping->is_writable || (entry & PAGE_IS_FILES) == 0);
            if (is_wanted && run == UINT64_MAX)
                run = at > start ? at : start;
            if (!is_wanted && run != UINT64_MAX) {
                visit(scan, run, at);
                run = UINT64_MAX;
            }
        }
    }
    if (run != UINT64_MAX)
        visit(scan, run, limit);
    return 0;
}

/* The mapping that 'address' lies in, or NULL. */
static const struct pp_leak_mapping *mapping_of(const struct pp_leak_scan *scan, uint64_t address)
{
    uint32_t low = 0, high = scan->n_mappings;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (scan->mappings[middle].limit <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < scan->n_mappings && scan->mappings[low].start <= address ? &scan->mappings[low]
                                                                          : NULL;
}

/* A program may have made a part of its object inaccessible. */
static int search_object(struct pp_leak_scan *scan, const struct pp_leak_object *object)
{
    uint64_t at = object->start;

    scan->scanned_bytes += object->limit - object->start;
    while (at < object->limit) {
        const struct pp_leak_mapping *mapping = mapping_of(scan, at);
        uint64_t end;

        if (mapping == NULL) {
            at = (at | (PAGE_BYTES - 1)) + 1;
            continue;
        }
        end = object->limit < mapping->limit ? object->limit : mapping->limit;
        if (end - at < LARGE_BYTES)
            scan_words(scan, at, end);
        else if (each_written(scan, mapping, at, end, scan_words) != 0)
            return -EIO;
        at = end;
    }
    return 0;
}

static int flood(struct pp_leak_scan *scan)
{
    int result = 0;

    while (scan->n_queued > 0 && result == 0)
        result = search_object(scan, &scan->objects[scan->queue[--scan->n_queued]]);
    return result;
}

void pp_leak_scan_flood(struct pp_leak_scan *scan)
{
    scan->result = flood(scan);
}

/* ---- mappings ---- */

static const char *read_hexadecimal(const char *at, uint64_t *number_out)
{
    *number_out = 0;
    for (;; at++) {
        if (*at >= '0' && *at <= '9')
            *number_out = *number_out * 16 + (uint64_t)(*at - '0');
        else if (*at >= 'a' && *at <= 'f')
            *number_out = *number_out * 16 + (uint64_t)(*at - 'a' + 10);
        else
            return at;
    }
}

static bool begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Reading a device may do things; the kernel's own pages hold no pointers of the program's. */
static bool is_devices(const char *path)
{
    return begins_with(path, "[vvar") || begins_with(path, "[vsyscall") ||
           (begins_with(path, "/dev/") && !begins_with(path, "/dev/zero") &&
            !begins_with(path, "/dev/shm/"));
}

/* "7f01c0000000-7f01c0021000 rw-p 00000000 00:00 0    /path" */
static void take_line(struct pp_leak_scan *scan, const char *line)
{
    struct pp_leak_mapping mapping = {.start = 0};
    const char *at = read_hexadecimal(line, &mapping.start);
    const char *path;

    at = read_hexadecimal(at + (*at == '-'), &mapping.limit);
    if (at[0] != ' ' || at[1] != 'r' || scan->n_mappings == PP_LEAK_MAX_MAPPINGS)
        return;
    mapping.is_writable = at[2] == 'w';
    path = at;
    while (*path != '\0' && *path != '/' && *path != '[')
        path++;
    if (is_devices(path) || (!mapping.is_writable && at[4] == 's'))
        return;
    scan->mappings[scan->n_mappings++] = mapping;
    if (scan->own_frame >= mapping.start && scan->own_frame < mapping.limit &&
        scan->n_skips < PP_LEAK_MAX_SKIPS)
        scan->skips[scan->n_skips++] =
            (struct pp_leak_skip){.start = mapping.start, .limit = scan->own_frame};
}

static int read_mappings(struct pp_leak_scan *scan)
{
    uint64_t n = 0;

    for (;;) {
        const long n_read = pp_sig_syscall4(SYS_read, scan->maps_file, (long)(scan->text + n),
                                            (long)(sizeof scan->text - 1 - n), 0);
        char *line = scan->text, *end;

        if (n_read <= 0)
            return (int)n_read;
        n += (uint64_t)n_read;
        scan->text[n] = '\0';
        for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            take_line(scan, line);
        }
        n -= (uint64_t)(line - scan->text);
        memmove(scan->text, line, n);
    }
}

/* ---- the whole ---- */

/* The nearest range to be skipped that ends behind 'at'. */
static const struct pp_leak_skip *next_skip(const struct pp_leak_scan *scan, uint64_t at)
{
    const struct pp_leak_skip *next = NULL;

    for (uint32_t i = 0; i < scan->n_skips; i++) {
        const struct pp_leak_skip *skip = &scan->skips[i];
        if (skip->is_void == 0 && skip->limit > at && (next == NULL || skip->start < next->start))
            next = skip;
    }
    return next;
}

static int scan_mapping(struct pp_leak_scan *scan, const struct pp_leak_mapping *mapping)
{
    uint64_t at = mapping->start;
    int result = 0;

    while (at < mapping->limit && result == 0) {
        const struct pp_leak_skip *skip = next_skip(scan, at);
        uint64_t end = mapping->limit;

        if (skip != NULL && skip->start < end)
            end = skip->start > at ? skip->start : at;
        result = each_written(scan, mapping, at, end, pp_leak_scan_root);
        at = skip != NULL && skip->start < mapping->limit ? skip->limit : end;
    }
    return result;
}

/* Objects that are too young to be judged hold what they hold. */
static int search_young(struct pp_leak_scan *scan)
{
    int result = 0;

    for (uint32_t i = 0; i < scan->n_objects && result == 0; i++)
        if (scan->objects[i].state == PP_LEAK_YOUNG)
            result = search_object(scan, &scan->objects[i]);
    return result;
}

void pp_leak_scan_run(struct pp_leak_scan *scan)
{
    int result = read_mappings(scan);

    for (uint32_t i = 0; i < scan->n_mappings && result == 0; i++)
        result = scan_mapping(scan, &scan->mappings[i]);
    for (uint32_t i = 0; i < scan->n_words; i++)
        count_word(scan, scan->words[i], 0);
    if (result == 0 && scan->is_flooding)
        result = search_young(scan);
    if (result == 0)
        result = flood(scan);
    scan->result = result;
}
