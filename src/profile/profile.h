/* The profile in memory: columns of interned strings, functions, locations and mappings; stacks as
 * one prefix tree with 32-bit ids; samples as (stack, labels, time slice, values).  Every view is a
 * linear pass over these arrays.  A profile owns all its memory; one thread at a time.
 *
 * Conventions
 * - ids are indexes into the arrays.  0 means "none" for strings (""), functions, mappings,
 * locations, label sets and stacks (the empty stack, the root of the tree): element 0 of each array
 * exists and is empty.
 * - nodes are numbered so that a parent's id is smaller than its children's: totals over the tree
 * are one backward loop.
 * - a location is one sampled address (or one named frame without address); its lines are innermost
 * first, as in pprof: with inlining lines[0] is the inlined callee, the last line is the physical
 * function.
 * - a stack's leaf is the node a sample points at; its root is the node whose parent is 0.
 * - values: sample i's value of type t is sample_values[i * n_types + t]. */
#ifndef PP_PROFILE_PROFILE_H
#define PP_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "pprofc/profile.h"

typedef uint32_t pp_id;

enum { PP_MAX_TYPES = 32, PP_N_LOSSES = 16 };

struct pp_value_type {
    pp_id type; /* string: "samples", "cpu", "alloc_space" */
    pp_id unit; /* string: "count", "nanoseconds", "bytes" */
};

struct pp_mapping {
    uint64_t start, limit, offset; /* addresses at run time, and the file offset of 'start' */
    pp_id path;                    /* string */
    pp_id build_id;                /* string, lower-case hexadecimal */
    bool has_functions, has_filenames, has_lines, has_inlines;
};

struct pp_function {
    pp_id name;        /* string, demangled: what people see */
    pp_id system_name; /* string, as in the symbol table */
    pp_id file;        /* string */
    int64_t start_line;
};

struct pp_line {
    pp_id function;
    int64_t line; /* 0: not known */
};

struct pp_location {
    uint64_t address; /* as sampled (the return address less one for callers); 0: none */
    pp_id mapping;
    uint32_t first_line, n_lines; /* into 'lines' */
    bool is_folded;
};

struct pp_label {
    pp_id key, text; /* strings; text 0: a number */
    int64_t number;
    pp_id unit; /* string, for numbers */
};

struct pp_label_set {
    uint32_t first, n_labels; /* into 'labels'; sorted by key's bytes */
};

/* How good the data is; every output shows it.  Negative: not known. */
struct pp_quality {
    bool is_known; /* false for profiles from elsewhere */
    double asked_hz;
    int64_t n_samples; /* taken */
    int64_t n_lost;    /* could not be stored, all causes */
    struct {
        pp_id cause; /* string: "no_space", "no_thread_slot" ... */
        int64_t n;
    } losses[PP_N_LOSSES];
    uint32_t n_losses;
    int64_t n_truncated;      /* stacks that do not reach their root */
    int64_t n_unsymbolised;   /* samples whose leaf has no name */
    int64_t n_dropped;        /* samples left out on request (--block-drop) */
    int64_t cpu_ns;           /* true CPU time by the kernel's clock */
    int64_t sampled_ns;       /* of it, booked on stacks */
    int64_t unsampled_ns;     /* of it, booked on [unsampled] */
    int64_t own_cpu_ns;       /* what profiling cost the program */
    int64_t n_throttled;      /* times that its control group was kept from the CPU */
    int64_t throttled_ns;     /* and how long, over all CPUs */
    int64_t children_cpu_ns;  /* CPU of children that were not followed */
    int64_t budget_ppm;       /* what profiling may cost, in millionths of cpu_ns; 0: no budget */
    int64_t n_budget_changes; /* times that the rate or the heap's interval followed it */
    pp_id delivery;           /* string: "perf-sigtrap", "perf-signal", "cpu-timer" */
    pp_id delivery_reason;    /* string: why not a better one */
    pp_id
        missing_modules; /* string: "orders, libc.so.6", sampled, but with no file here: no names */
};

/* How sure a value is that stands for more than was looked at. */
struct pp_estimate {
    double variance;  /* of the value */
    double n_sampled; /* samples that it rests on */
};

/* Of which thread exact figures are. */
struct pp_thread_who {
    pp_id name;        /* string */
    int64_t id;        /* 0: several together */
    int64_t n_threads; /* that are together; of those that nobody knows 0 */
};

enum { PP_MAX_KEPT_THREADS = 16 }; /* a profile has the figures of; the others' are a sum */

/* What one thread asked of the allocator, exactly. */
struct pp_heap_thread {
    struct pp_thread_who who;
    int64_t n_allocs, n_reallocs, n_frees, requested_bytes;
    int64_t usable_allocated_bytes, usable_freed_bytes;
};

/* What a heap profile counts exactly, whatever its samples say. */
struct pp_heap_totals {
    bool is_known;
    bool is_behind;     /* as of a look some time before: the process died, say */
    bool counts_usable; /* else usable bytes are not known */
    int64_t n_allocs, n_reallocs, n_frees, requested_bytes;
    /* Of what the program mapped by itself, where that was followed: anonymous memory, what is not
     * followed (files, PROT_NONE), and unmaps of all of it. */
    bool follows_mappings;
    int64_t n_maps, mapped_bytes, n_other_maps, other_mapped_bytes, n_unmaps, unmapped_bytes;
    int64_t usable_allocated_bytes, usable_freed_bytes;
    /* The threads that asked for most, most first, and all others together. */
    struct pp_heap_thread threads[PP_MAX_KEPT_THREADS], other_threads;
    uint32_t n_threads;
};

/* The label of a heap profile's samples that tells mapped memory from malloc's, and its values. */
#define PP_LABEL_ALLOCATOR "allocator"
#define PP_ALLOCATOR_IS_MMAP "mmap"
#define PP_ALLOCATOR_IS_MALLOC "malloc"

/* What the program's allocator says of itself. */
struct pp_heap_memory {
    pp_id allocator;      /* string: "glibc", "jemalloc" ..; "" (0): nothing is known */
    int64_t object_bytes; /* in objects of the program, rounded up; -1: it does not count them */
    int64_t held_bytes;   /* taken from the kernel, free parts included */
    int64_t resident_bytes, retained_bytes; /* of it, in memory; given back, the addresses kept */
    /* What the program asked for and held then, by the samples, without what it mapped by itself,
     * and its standard error; -1: not known, and of few samples no error is. */
    int64_t live_bytes, live_error_bytes;
    int64_t tables_bytes; /* of the profiler's own tables in memory; 0: not known */
};

/* Where the time of one thread went, exactly: wall = CPU + blocked + run queue + unattributed. */
struct pp_wait_thread {
    struct pp_thread_who who;
    int64_t wall_ns, cpu_ns, blocked_ns, run_queue_ns, unattributed_ns;
    int64_t throttled_ns; /* a part of run_queue_ns */
    int64_t n_waits;
    int64_t n_contentions, delay_ns; /* waits for locks */
    /* Those whose recording was cut off: what each waited for then is there up to when it was
     * recorded last, half of it or more. */
    int64_t n_cut_off;
};

/* What a profile of waits counts exactly, whatever its samples say. */
struct pp_wait_totals {
    bool is_known;
    struct pp_wait_thread all; /* the sum of all threads */
    /* The threads that were there for longest, and all others together; none of a window. */
    struct pp_wait_thread threads[PP_MAX_KEPT_THREADS], other_threads;
    uint32_t n_threads;
};

/* Labels of samples of waits: what for, at what kind of descriptor, for which lock. */
#define PP_LABEL_WAIT_KIND "wait_kind"
#define PP_LABEL_DESCRIPTOR "descriptor"
#define PP_LABEL_LOCK "lock"

struct pprofc_profile {
    struct pp_arena arena;  /* string bytes */
    const char **strings;   /* NUL-terminated; may hold any byte but NUL */
    uint32_t *string_bytes; /* their lengths */
    uint32_t n_strings;
    struct pp_mapping *mappings;
    uint32_t n_mappings;
    struct pp_function *functions;
    uint32_t n_functions;
    struct pp_line *lines;
    uint32_t n_lines;
    struct pp_location *locations;
    uint32_t n_locations;
    struct pp_label *labels;
    uint32_t n_labels;
    struct pp_label_set *label_sets;
    uint32_t n_label_sets;

    pp_id *node_parent, *node_location; /* the prefix tree; node 0 is the root */
    uint32_t n_nodes;

    struct pp_value_type types[PP_MAX_TYPES];
    uint32_t n_types;
    uint32_t default_type; /* index of the type that views show when not told otherwise */

    pp_id *sample_stack, *sample_labels;
    uint32_t *sample_slice; /* in units of slice_ns since time_ns; 0 when unknown */
    int64_t *sample_values;
    struct pp_estimate *sample_estimates; /* beside sample_values; NULL: all values are exact */
    uint32_t n_samples;

    int64_t slice_ns; /* 0: no time axis */
    int64_t time_ns;  /* start, since 1970 */
    int64_t duration_ns;
    struct pp_value_type period_type;
    int64_t period;
    pp_id *comments; /* strings */
    uint32_t n_comments;
    uint32_t n_notes; /* the last of them: what reading left out, for whoever reads the file */
    pp_id drop_frames, keep_frames; /* strings, as pprof has them */
    pp_id command;                  /* string: the command line profiled, "" when unknown */
    pp_id kind;                     /* string: "cpu", "heap" ...; "" when unknown */
    struct pp_quality quality;
    struct pp_heap_totals heap;
    struct pp_heap_memory memory;
    struct pp_wait_totals waits;

    struct pp_profile_tables *tables; /* builder's hash tables; views do not look inside */
};

/* ---- building (src/profile/build.c).  Ids, or 0 with profile->tables marked failed when memory
 * runs out: pp_profile_failed() is asked once, at the end of a reader. ---- */
struct pprofc_profile *pp_profile_new(void);
bool pp_profile_failed(const struct pprofc_profile *profile);

pp_id pp_profile_string(struct pprofc_profile *profile, const char *bytes, size_t n_bytes);
pp_id pp_profile_text(struct pprofc_profile *profile, const char *text); /* NULL counts as "" */
pp_id pp_profile_mapping(struct pprofc_profile *profile, const struct pp_mapping *mapping);
pp_id pp_profile_function(struct pprofc_profile *profile, const struct pp_function *function);

/* Interned by (mapping, address, lines): the same frame gets the same id. */
pp_id pp_profile_location(struct pprofc_profile *profile, const struct pp_location *location,
                          const struct pp_line *lines);

/* A frame that has only a name ("[unsampled]", a folded stack's word). */
pp_id pp_profile_named_location(struct pprofc_profile *profile, const char *name, size_t n_bytes);

pp_id pp_profile_label_set(struct pprofc_profile *profile, const struct pp_label *labels,
                           uint32_t n_labels);

/* The child of 'parent' at 'location', made when it is not there yet. */
pp_id pp_profile_child(struct pprofc_profile *profile, pp_id parent, pp_id location);

/* The stack that goes on from 'node' by 'locations', leaf first, made as far as it is not there. */
pp_id pp_profile_descend(struct pprofc_profile *profile, pp_id node, const pp_id *locations,
                         size_t n_locations);

/* The stack of 'locations', leaf first as in pprof. */
pp_id pp_profile_stack(struct pprofc_profile *profile, const pp_id *locations, size_t n_locations);

/* One sample type more; samples that are there have 0 of it.  Its index; -E2BIG; -EBUSY where
 * samples have estimates; -ENOMEM. */
int pp_profile_add_type(struct pprofc_profile *profile, const char *type, const char *unit);

/* Add one sample with n_types values; equal (stack, labels, slice) are summed into one. */
void pp_profile_add(struct pprofc_profile *profile, pp_id stack, pp_id labels, uint32_t slice,
                    const int64_t *values);

/* The same, with an estimate a value; NULL: they are exact. */
void pp_profile_add_estimate(struct pprofc_profile *profile, pp_id stack, pp_id labels,
                             uint32_t slice, const int64_t *values,
                             const struct pp_estimate *estimates);

/* Give the samples of a heap profile from a file their estimates: of each pair of types (objects,
 * then their bytes) from the two and the period, which is the mean number of bytes from one sample
 * to the next.  Right where the objects of a sample have one size; else the variance of the bytes
 * comes out too large rather than too small.  Does nothing where the period is no number of bytes,
 * or 1.  0 or -ENOMEM. */
int pp_profile_estimate_heap(struct pprofc_profile *profile);

/* Whether it has asked for nothing and given nothing back. */
bool pp_heap_thread_is_idle(const struct pp_heap_thread *thread);

/* Count 'thread' among those of 'totals': with the one of its name and id, else by itself, or with
 * the others when it is none of those that asked for most. */
void pp_heap_totals_add_thread(struct pp_heap_totals *totals, const struct pp_heap_thread *thread);

/* Add the figures of 'more' to those of 'sum'. */
void pp_wait_thread_add(struct pp_wait_thread *sum, const struct pp_wait_thread *more);

/* Count 'thread' among those of 'totals', not in their sum: with the one of its name and id, else
 * by itself, or with the others when it is none of those that were there for longest. */
void pp_wait_totals_add_thread(struct pp_wait_totals *totals, const struct pp_wait_thread *thread);

/* The recording has not ended, and what is under way was recorded just now. */
void pp_wait_totals_are_whole(struct pp_wait_totals *totals);

/* Add all of 'source', whose names are those of the same profile. */
void pp_wait_totals_add(struct pp_wait_totals *totals, const struct pp_wait_totals *source);

void pp_profile_comment(struct pprofc_profile *profile, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A comment that a reader makes about what it left out or took for something: the command says it
 * too. */
void pp_profile_note(struct pprofc_profile *profile, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- reading ---- */
static inline const char *pp_profile_chars(const struct pprofc_profile *profile, pp_id string)
{
    return profile->strings[string];
}

/* Index of the sample type called 'name' ("cpu", "samples"), or that has this number, counted from
 * 0; -ENOENT with the known names in 'err'. */
int pp_profile_find_type(const struct pprofc_profile *profile, const char *name,
                         struct pprofc_error *err);

/* Sum of the type's values over all samples. */
int64_t pp_profile_total(const struct pprofc_profile *profile, uint32_t type);

/* How sure that sum is; nothing where all values are exact. */
struct pp_estimate pp_profile_total_estimate(const struct pprofc_profile *profile, uint32_t type);

/* The type that counts what 'type' is of: itself, or the count just before it (alloc_objects beside
 * alloc_space), else the first type; -1 without any count: each sample is one. */
int pp_profile_count_type(const struct pprofc_profile *profile, uint32_t type);

/* How many samples 'values' (one of the profile's) stand for by that count. */
int64_t pp_profile_type_samples(const struct pprofc_profile *profile, uint32_t type,
                                const int64_t *values);

/* What sample 'sample's value of 'type' rests on; NULL: it is exact. */
static inline const struct pp_estimate *pp_profile_estimate(const struct pprofc_profile *profile,
                                                            uint32_t sample, uint32_t type)
{
    return profile->sample_estimates == NULL
               ? NULL
               : &profile->sample_estimates[(size_t)sample * profile->n_types + type];
}

/* What to call line 'line' (counted from the innermost) of a location: its function's name,
 * "[module]" when nothing is known but the module, "<unknown>" without that.  Either a string of
 * the profile or 'scratch', filled. */
const char *pp_profile_frame_name(const struct pprofc_profile *profile, pp_id location,
                                  uint32_t line, char *scratch, size_t capacity);

/* The last part of a path: what people call a module or a source file. */
const char *pp_profile_base_name(const char *path);

/* ---- arithmetic ---- */

/* Add all of 'source' to 'target': the same frame, label or type is recognised by what it says,
 * whatever its id, and the same module wherever it was mapped: addresses become the target's.  The
 * sample types must be the same by name, unit and order (-EINVAL), unless 'target' has none yet and
 * takes them over.  Losses and costs add up. */
int pp_profile_merge(struct pprofc_profile *target, const struct pprofc_profile *source,
                     struct pprofc_error *err);

/* Multiply the values of each sample type by its ratio, rounded, at the end of the scale rather
 * than wrapped around. */
void pp_profile_scale(struct pprofc_profile *profile, const double *ratios);

/* Sum of the sizes of the type's values, whatever their signs. */
int64_t pp_profile_magnitude(const struct pprofc_profile *profile, uint32_t type);

/* Take out the samples that have no value other than 0. */
void pp_profile_drop_zeros(struct pprofc_profile *profile);

/* Add only the stacks of 'source': what its samples stand on, without them.  '*nodes_out', by node
 * of the source, is where that is in the target; the caller frees it.  -ENOMEM. */
int pp_profile_merge_stacks(struct pprofc_profile *target, const struct pprofc_profile *source,
                            pp_id **nodes_out, struct pprofc_error *err);

/* What gives locations other names: the id in 'target' of what 'location' of 'source' becomes, 0 to
 * keep it as it is. 'mapping' is the target's id of its mapping. */
struct pp_renaming {
    pp_id (*rename)(void *context, struct pprofc_profile *target,
                    const struct pprofc_profile *source, pp_id location, pp_id mapping);
    void *context;
};

/* A copy of 'source' with the names that 'renaming' gives. */
int pp_profile_rename(const struct pprofc_profile *source, const struct pp_renaming *renaming,
                      struct pprofc_profile **profile_out, struct pprofc_error *err);

/* Take the frames of 'libraries' ("libc,libm") out of the stacks: what was spent there counts for
 * the caller, and a stack that is nothing else keeps one frame "[libc]".  With 'drop' the samples
 * whose leaf lies in such a library are left out instead, and counted in quality.n_dropped.  An
 * entry is a module's own name: "libc" is libc.so.6 and libc-2.36.so, also libpthread, never
 * libcap. */
int pp_profile_block(struct pprofc_profile *profile, const char *libraries, bool drop,
                     struct pprofc_error *err);

/* Samples a second of CPU time that was sampled; -1: not known. */
double pp_quality_delivered_hz(const struct pp_quality *quality);

/* The quality as one line for people: "1 229 samples = 12.28 s of 12.31 s CPU (99.8 %), 0 lost,
 * ..."; never longer than 'capacity' with its NUL.  Empty when the profile does not know. */
void pp_profile_quality_line(const struct pprofc_profile *profile, char *line, size_t capacity);

/* Which modules have no files here and what to do, likewise; empty when there are none. */
void pp_profile_missing_line(const struct pprofc_profile *profile, char *line, size_t capacity);

#endif
