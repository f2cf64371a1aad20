/* Which of the followed objects does nothing lead to?  A pass over a process's memory.
 *
 * It runs in a child that fork() made, over a copy of the program's memory that nobody changes: it
 * may only make system calls of its own and use memory that was mapped before, since the program's
 * other threads are not there to give back what they hold.
 *
 * A root is every page that the program has written, but what is to be skipped.  A word points to
 * an object when, its three lowest bits apart, it lies within it.  Where every object is followed
 * (is_flooding) objects are no roots themselves: what is found is searched in turn, so that lists
 * and cycles that hang on nothing are found.  Else only a word within an object does not count for
 * that object itself. */
#ifndef PP_CAPTURE_LEAK_SCAN_H
#define PP_CAPTURE_LEAK_SCAN_H

#include <stdbool.h>
#include <stdint.h>

enum pp_leak_state { PP_LEAK_UNREACHED, PP_LEAK_REACHED, PP_LEAK_YOUNG };

struct pp_leak_object {
    uint64_t start, limit; /* one that has no bytes has one here */
    uint32_t site, birth_ms, interval_bytes;
    uint32_t state; /* enum pp_leak_state; the scan's */
};

/* The first object that lies in a page: an open hash table, 'number' 0 is free. */
struct pp_leak_page {
    uint64_t number;
    uint32_t first, spare;
};

struct pp_leak_mapping {
    uint64_t start, limit;
    bool is_writable;
};

/* Memory that is no root. */
struct pp_leak_skip {
    uint64_t start, limit;
    uint64_t
        cpu_ns;  /* clock of the thread whose stack it is; when that has moved, it does not hold */
    int32_t tid; /* 0: nobody's */
    uint32_t is_void;
};

enum {
    PP_LEAK_TEXT_BYTES = 64 * 1024, /* of /proc/self/maps at a time */
    PP_LEAK_PAGEMAP_ENTRIES = 4096,
    PP_LEAK_MAX_SKIPS = 4096,
    PP_LEAK_MAX_WORDS = 8192,
    PP_LEAK_MAX_MAPPINGS = 65600, /* vm.max_map_count is 65530 */
};

/* All that the scan works with, in memory that both processes share. */
struct pp_leak_scan {
    struct pp_leak_object *objects; /* by address */
    uint32_t *queue;                /* as many: found and not searched yet */
    struct pp_leak_page *pages;
    uint32_t n_objects, n_queued, page_bits;
    bool is_flooding;
    uint64_t lowest, span; /* of all objects */
    uint64_t own_frame;    /* the stack that the child runs on, below this, is no root */

    struct pp_leak_skip skips[PP_LEAK_MAX_SKIPS];
    uint32_t n_skips;
    uint64_t words[PP_LEAK_MAX_WORDS]; /* roots that are in no memory: arguments of system calls */
    uint32_t n_words;

    _Atomic uint32_t may_begin; /* a futex: the skips are as they should be */

    /* The child's. */
    struct pp_leak_mapping mappings[PP_LEAK_MAX_MAPPINGS];
    uint32_t n_mappings;
    char text[PP_LEAK_TEXT_BYTES];
    uint64_t pagemap[PP_LEAK_PAGEMAP_ENTRIES];
    int maps_file, pagemap_file;
    uint64_t scanned_bytes;
    int32_t result; /* 0 or a negative errno; 1: not done */
};

/* Make 'pages', an empty table of 1 << page_bits, lead to the objects. */
void pp_leak_index_pages(struct pp_leak_scan *scan);

/* Mark all objects that lead from anywhere: the child's whole work.  'result' says what came of it.
 */
void pp_leak_scan_run(struct pp_leak_scan *scan);

/* The parts of it, for tests: count the words of [start, limit) as roots; search what was found. */
void pp_leak_scan_root(struct pp_leak_scan *scan, uint64_t start, uint64_t limit);
void pp_leak_scan_flood(struct pp_leak_scan *scan);

#endif
