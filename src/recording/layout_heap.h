/* Of recording/layout.h: what is kept of the heap. */
#ifndef PP_RECORDING_LAYOUT_HEAP_H
#define PP_RECORDING_LAYOUT_HEAP_H

#include <stdatomic.h>
#include <stdint.h>

#include "recording/layout_table.h"

enum {
    PP_REC_N_TREND = 32, /* points of each site's history */
    PP_REC_N_LIFETIMES = 36,
    PP_REC_LIFETIME_OF_1_MS = 10,
};

enum pp_rec_allocator {
    PP_ALLOCATOR_UNKNOWN,
    PP_ALLOCATOR_GLIBC,
    PP_ALLOCATOR_JEMALLOC,
    PP_ALLOCATOR_TCMALLOC,
    PP_ALLOCATOR_MIMALLOC,
};

enum pp_rec_heap_mode {
    PP_HEAP_OFF,
    PP_HEAP_SAMPLED, /* one in 'interval_bytes', at random */
    PP_HEAP_EXACT,   /* every allocation */
};

enum pp_rec_heap_options {
    PP_HEAP_COUNTS_USABLE = 1,   /* usable bytes are counted */
    PP_HEAP_KEEPS_LIFETIMES = 2, /* there is a table of them */
    PP_HEAP_IS_SETTLED = 4,      /* the program is at its exec(): counts are exact */
};

/* A place that allocates: one stack, and what came of it since the start.  A sampled object of s
 * bytes stands for w = 1 / (1 - exp(-s / interval)) objects; of an exact recording w is 1.  Sums
 * over objects; those of memory in use are 'allocated' less 'freed'.
 *
 * Writers: threads in malloc and free, by atomic additions; the helper: trend and ages.  'hash' is
 * written last when a site is made. */
struct pp_rec_heap_sums {
    _Atomic uint64_t n_samples;      /* 1 each */
    _Atomic uint64_t bytes;          /* w * s */
    _Atomic uint64_t excess;         /* w - 1, in 1/1024: objects are n_samples + excess / 1024 */
    _Atomic uint64_t bytes_variance; /* a double's bits: w * (w - 1) * s * s */
    _Atomic uint64_t count_variance; /* likewise: w * (w - 1) */
};

struct pp_rec_site {
    _Atomic uint64_t hash;          /* of frames and label set; 0: not filled in yet */
    uint32_t first_frame, n_frames; /* items of 'frames', leaf first, as a pp_rec_stack's pcs */
    uint32_t label_set, flags;      /* flags: pp_rec_event_flags of the stack */
    struct pp_rec_heap_sums allocated, freed;
    /* In use at the moment when all of the heap was largest; holds while 'peak_mark' is the
     * header's, else what is in use now does. */
    _Atomic uint64_t peak_mark, peak_samples, peak_bytes, peak_excess;
    /* Of the sampled objects in use, by the helper's last look: nanoseconds since the start. */
    _Atomic uint64_t oldest_birth_ns, mean_birth_ns;
    _Atomic uint32_t trend[PP_REC_N_TREND]; /* a float's bits: bytes in use at the header's times */
    /* Of the objects in use those that nothing led to, by the header's last scan; the birth of the
     * oldest in milliseconds since the start. */
    _Atomic uint64_t unreached_bytes, unreached_excess;
    _Atomic uint32_t unreached_samples, unreached_oldest_ms;
};

/* How long the objects of a site lived that were freed, beside the site in a table of its own,
 * since it is kept on request only: sums over objects that lived for less than 2^(k - 10) ms, and
 * not less than half of that.  The first holds all that lived for less, the last all that lived for
 * longer. Of those, objects whose free nobody saw, and what a smaller size left out, are in no
 * bucket. */
struct pp_rec_lifetimes {
    struct pp_rec_heap_sums freed[PP_REC_N_LIFETIMES];
};

/* The last scan for objects that nothing leads to (capture/leak.c). */
struct pp_rec_leak_scan {
    _Atomic uint32_t generation;   /* odd while results are written; 0: there was none */
    _Atomic uint32_t n_unseen;     /* threads that ran: their registers were not looked at */
    _Atomic uint64_t predicted_ns; /* of the pause; also of one that was only asked for */
    _Atomic uint64_t time_ns;      /* as of when */
    _Atomic uint64_t pause_ns, scan_ns, scanned_bytes;
    _Atomic uint64_t n_objects, n_young; /* judged; and too young to be */
    _Atomic uint32_t n_passes; /* 2: 'pause_ns' is the longer one, times and bytes are sums */
    /* How many looks have ended, however they did (24 bits), and the errno of the last, 0 when its
     * results are here (8 bits). */
    _Atomic uint32_t ended;
};

/* What the program mapped by itself: exact, as of the helper's last turn.  Bytes in whole pages. */
struct pp_rec_mappings {
    _Atomic uint64_t are_followed; /* 0: nobody asked for it, and all of this is 0 */
    _Atomic uint64_t n_maps,
        mapped_bytes; /* anonymous and accessible; bytes: mremap's growth too */
    _Atomic uint64_t n_others, other_bytes; /* of files, and address space alone (PROT_NONE) */
    _Atomic uint64_t n_unmaps,
        unmapped_bytes; /* whatever lay there; bytes: mremap's shrinking too */
    uint64_t spare;
};

/* The heap as a whole. */
struct pp_rec_heap {
    _Atomic uint32_t mode, allocator; /* enum pp_rec_heap_mode, enum pp_rec_allocator */
    _Atomic uint64_t interval_bytes;
    /* Exact, as of the helper's last turn. */
    _Atomic uint64_t n_allocs, n_reallocs, n_frees, requested_bytes;
    _Atomic uint64_t n_ghosts; /* objects whose free nobody saw: their address came again */
    _Atomic uint64_t peak_mark, peak_bytes, peak_time_ns; /* mark 0: not followed */
    /* 'n_trend' points so far; odd while the helper makes room by leaving out every second. */
    _Atomic uint32_t trend_generation, n_trend;
    uint64_t trend_time_ns[PP_REC_N_TREND];
    /* The allocator's own figures in bytes, as of 'memory_time_ns' (0: not asked). */
    _Atomic uint64_t memory_time_ns;
    _Atomic uint64_t allocated_bytes; /* in objects of the program, rounded up; ~0: not known */
    _Atomic uint64_t held_bytes;      /* taken from the kernel, free parts included */
    _Atomic uint64_t resident_bytes;  /* of it, in memory */
    _Atomic uint64_t retained_bytes;  /* given back to the kernel, the addresses kept */
    struct pp_rec_table sites, frames;
    struct pp_rec_leak_scan leaks;
    _Atomic uint64_t tables_bytes; /* of ours in memory: what is followed, and the sites */
    uint64_t spare_bytes;
    /* As the allocator rounds what is asked for; exact, as of the helper's last turn. */
    _Atomic uint64_t usable_allocated_bytes, usable_freed_bytes;
    _Atomic uint32_t options; /* enum pp_rec_heap_options */
    /* As of 'memory_time_ns' too: what the program asked for and holds, without what it mapped by
     * itself; a double's bits; and of how many samples that is, and one (0: not known). */
    _Atomic uint32_t live_samples;
    _Atomic uint64_t live_bytes, live_variance;
    struct pp_rec_mappings mappings;
    struct pp_rec_table lifetimes; /* one a site, where they are kept */
};

#endif
