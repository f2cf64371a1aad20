/* pprof-c, capture: profile this process.  (libpprofc, which needs libc only)
 *
 *     pprofc_start(NULL, NULL);
 *     ... work ...
 *     struct pprofc_recording *recording;
 *     pprofc_stop(&recording, NULL);
 *     pprofc_recording_write(recording, "out.pb.gz", NULL);
 *     pprofc_recording_free(recording);
 *
 * Calls return 0 (or a count) or a negative errno and explain themselves in the optional last
 * argument.  All are thread-safe; none needs another first.  The library never prints and never
 * exits. */
#ifndef PPROFC_PPROFC_H
#define PPROFC_PPROFC_H

#include <stddef.h>
#include <stdint.h>

#include "pprofc/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define PPROFC_VERSION "0.1.0"

/* What to measure, as bits. */
#define PPROFC_KIND_CPU 1u
#define PPROFC_KIND_OFFCPU 2u /* where threads wait, for how long and what for */
#define PPROFC_KIND_LOCK 4u   /* waits for locks, by who waited and by who let them wait */
#define PPROFC_KIND_HEAP 8u
#define PPROFC_KIND_LEAK 32u /* heap, and a look for memory that nothing leads to, at the end */
#define PPROFC_KIND_WALL 64u /* cpu and offcpu, which make one profile of all time */

/* Rates for pprofc_options.frequency_hz: the guide's three modes. */
#define PPROFC_MODE_LOW 10.0
#define PPROFC_MODE_STANDARD 100.0
#define PPROFC_MODE_HIGH 1000.0

/* Begin with struct pprofc_options options = PPROFC_OPTIONS_INIT; 0 in a field means its default.
 */
struct pprofc_options {
    size_t struct_bytes;
    uint32_t kinds;      /* PPROFC_KIND_*; default cpu */
    double frequency_hz; /* 1 to 10 000; default 100, or what PPROFC_FREQUENCY or PPROFC_MODE say */
    const char *block_libraries; /* "libc,libm": their frames are folded into the caller */
    int block_drops; /* 1: samples in those libraries are left out and counted instead */
    uint64_t heap_interval_bytes; /* one sample in so many allocated bytes, on average; default 512
                                     KiB, or what PPROFC_HEAP_INTERVAL says; 1: every allocation */
    int heap_peak;                /* 1: keep what was in use when the heap was largest */
    int heap_mmap;                /* 1: follow mmap, munmap and mremap too */
    int heap_usable;              /* 1: count usable bytes, too: see pprofc_alloc_totals() */
    int heap_lifetimes;           /* 1: keep how long sampled objects lived */
};
#define PPROFC_OPTIONS_INIT                                        \
    {                                                              \
        sizeof(struct pprofc_options), 0, 0.0, 0, 0, 0, 0, 0, 0, 0 \
    }

struct pprofc_recording; /* a finished recording or a snapshot, in memory; the caller's */

/* Where a reader of snapshots stands.  Begin with PPROFC_CURSOR_INIT. */
struct pprofc_cursor {
    uint64_t session, sequence, offset;
    uint32_t reader, spare;
};
#define PPROFC_CURSOR_INIT \
    {                      \
        0, 0, 0, 0, 0      \
    }

/* Begin to profile the whole process: threads that live and threads that come.  NULL options:
 * defaults and environment.  0 also when it runs already with the same options, or when options is
 * NULL; -EALREADY when it runs with others; -EINVAL for a rate out of range or options that were
 * not initialised; -ENOTSUP for kinds that this version does not know; -EPERM under setuid or
 * PPROFC=off, or after `pprofc off`; -EBUSY when another copy of this library has profiled the
 * process; -ENOSPC without shared memory for the recording; -ENOMEM; -EAGAIN when no thread can be
 * made.
 * Cost:    about a millisecond; a helper thread while it runs.
 * Threads: any thread.
 * Signals: not from a signal handler: it allocates and takes a lock.
 * Fork:    a child made by fork() goes on in a session of its own. */
int pprofc_start(const struct pprofc_options *options, struct pprofc_error *err);

/* End it and hand out what was recorded; the caller frees it.  recording_out may be NULL: it is
 * thrown away.  -ESRCH when nothing runs; -ENOMEM for the copy, and the session has ended then.
 * Cost:    a few milliseconds; grows with the number of distinct stacks.
 * Threads: any thread; of two that stop at once one gets -ESRCH.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    in a child, acts on the child's own session. */
int pprofc_stop(struct pprofc_recording **recording_out, struct pprofc_error *err);

/* Hand out what came since 'cursor' (NULL: since the start), and move the cursor on; sampling goes
 * on and loses nothing.  Where threads' time went is told of that part, too, by its events.  The
 * caller frees the recording.  -ESRCH when nothing runs; -EINVAL without recording_out; -EAGAIN
 * when the recording kept changing under the copy; -ENOMEM.
 * Cost:    a copy of what came; pauses no thread.
 * Threads: any thread; one cursor is used by one thread at a time.
 * Signals: not from a signal handler: it takes a lock and maps memory.
 * Fork:    a cursor of the parent starts anew in the child. */
int pprofc_snapshot(struct pprofc_cursor *cursor, struct pprofc_recording **recording_out,
                    struct pprofc_error *err);

/* Change the rate, in samples per second of CPU time, while running; values stay right, since they
 * are clock readings.  -ERANGE outside 1 to 10 000; -ESRCH when nothing runs.
 * Cost:    wakes the helper thread and waits for it.
 * Threads: any thread.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    acts on the process's own session. */
int pprofc_set_frequency(double frequency_hz, struct pprofc_error *err);

/* Stop sampling for a while; CPU time and waits until pprofc_resume() are in no total, nor is that
 * part of a wait which lasts longer.  0 also when paused already; -ESRCH when nothing runs.
 * Cost:    wakes the helper thread and waits for it.
 * Threads: any thread; acts on all of them.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    acts on the process's own session; the child of a paused process has none. */
int pprofc_pause(struct pprofc_error *err);

/* Sample again.  0 also when not paused; -ESRCH when nothing runs.
 * Cost:    wakes the helper thread and waits for it.
 * Threads: any thread; acts on all of them.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    acts on the process's own session. */
int pprofc_resume(struct pprofc_error *err);

/* Leave this thread out from now on, in this and later sessions: its time is in no total.  0 also
 * when nothing runs; -ENOMEM.
 * Cost:    wakes the helper thread and waits for it.
 * Threads: acts on the caller.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    inherited by the child's thread. */
int pprofc_thread_ignore(struct pprofc_error *err);

/* Put the label 'key' with 'value' on this thread: all samples that it takes from now on carry it,
 * of every kind, in every format that has labels.  An earlier value of the key is replaced; up to
 * 16 keys a thread.  Labels hold whether a session runs or not, until they are cleared or the
 * thread ends; a thread begins without any, a child of fork() with those of the thread that made
 * it.  Texts are kept for good, 4 MiB in all: values should be few (an endpoint, a tenant), ids of
 * single requests are for spans.
 * -EINVAL for an empty key, one of ours ("thread_id", "span_id" ..), a key above 128 or a value
 * above 1024 bytes; -E2BIG for a 17th key; -ENOSPC when there is no room for another text or set of
 * labels: the key is off the thread then, rather than with a wrong value; -ENOMEM.
 * Cost:    two hashes and a system call, some 300 ns; a new text or set takes a lock.
 * Threads: acts on the caller.
 * Signals: not from a signal handler: it may take a lock.
 * Fork:    labels go on in the child. */
int pprofc_label_set(const char *key, const char *value, struct pprofc_error *err);

/* Take the label off this thread; NULL: all of them.  0 also when it has none; -EINVAL, -ENOMEM.
 * Cost:    as pprofc_label_set().
 * Threads: acts on the caller.
 * Signals: not from a signal handler: it may take a lock.
 * Fork:    acts on the process's own. */
int pprofc_label_clear(const char *key, struct pprofc_error *err);

/* What a thread is about: its labels and its span.  For work that goes on in another thread, a
 * coroutine, a callback. */
struct pprofc_context {
    uint64_t words[2];
};

/* This thread's.
 * Cost:    a system call.
 * Threads: about the caller; the result may be given to any thread.
 * Signals: not from a signal handler.
 * Fork:    holds in the child, too. */
struct pprofc_context pprofc_context_capture(void);

/* Let this thread be about that from now on, and give back what it was about.  A span that has
 * ended meanwhile is none.
 * Cost:    two system calls where the span is another.
 * Threads: acts on the caller.
 * Signals: not from a signal handler.
 * Fork:    acts on the process's own. */
struct pprofc_context pprofc_context_restore(struct pprofc_context context);

/* The label, and what the thread was about before; what cannot be set is left out.  See
 * PPROFC_SCOPE.
 * Cost:    as pprofc_label_set().
 * Threads: acts on the caller.
 * Signals: not from a signal handler.
 * Fork:    acts on the process's own. */
struct pprofc_context pprofc_label_scope_begin(const char *key, const char *value);

/* The thread's labels are again as they were in 'before'.
 * Cost:    a system call.
 * Threads: the one that began the scope.
 * Signals: not from a signal handler.
 * Fork:    acts on the process's own. */
void pprofc_label_scope_end(struct pprofc_context *before);

/* PPROFC_SCOPE("endpoint", "/orders"); is a label until the end of the block.  An inner one of the
 * same key stands in front of the outer. */
#if defined(__GNUC__)
#define PPROFC_SCOPE_NAME_(line) pprofc_label_scope_##line
#define PPROFC_SCOPE_NAME(line) PPROFC_SCOPE_NAME_(line)
#define PPROFC_SCOPE(key, value)                                   \
    struct pprofc_context PPROFC_SCOPE_NAME(__LINE__)              \
        __attribute__((cleanup(pprofc_label_scope_end), unused)) = \
            pprofc_label_scope_begin(key, value)
#endif

/* This thread works in the span 'span_id' of the trace 'trace_id' from now on: its samples carry
 * trace_id, span_id and profile_id (the span's id) as hexadecimal labels and span_name, links in
 * OTLP.  Spans nest; a name may be NULL.  Of a recording the 4032 newest spans that have samples
 * keep their names.  -EINVAL for ids of zeros only or a name above 1024 bytes; -ENOSPC above 65 536
 * spans at once; -ENOMEM.
 * Cost:    a lock and three system calls, 0.5 us.
 * Threads: acts on the caller; pprofc_context_restore() brings it to others.
 * Signals: not from a signal handler: it takes a lock.
 * Fork:    goes on in the child. */
int pprofc_span_begin(const unsigned char trace_id[16], const unsigned char span_id[8],
                      const char *name, struct pprofc_error *err);

/* The same with the ids of a traceparent header, "00-<trace id>-<span id>-<flags>" (W3C Trace
 * Context, 2.2): the span is the caller's, as no other is known here.  -EINVAL too for what is no
 * such header.
 * Cost:    as pprofc_span_begin().
 * Threads: acts on the caller.
 * Signals: not from a signal handler: it takes a lock.
 * Fork:    goes on in the child. */
int pprofc_span_begin_traceparent(const char *traceparent, const char *name,
                                  struct pprofc_error *err);

/* What came of a span.  'hottest_pc' is the address that most samples had as their leaf, of 0 none
 * was taken; with 'n_hottest' above a fourth of 'n_samples' it is surely the most frequent. */
struct pprofc_span_summary {
    size_t struct_bytes;
    uint64_t n_samples;
    uint64_t cpu_ns;  /* of all threads that were in it, and in spans within */
    uint64_t wall_ns; /* from its begin to its end */
    uint64_t wait_ns; /* in which the thread that began it had no CPU */
    uint64_t hottest_pc, n_hottest;
};

#define PPROFC_SPAN_SUMMARY_INIT                             \
    {                                                        \
        sizeof(struct pprofc_span_summary), 0, 0, 0, 0, 0, 0 \
    }

/* End the span that this thread began last, and go on in the one around it.  'summary_out' may be
 * NULL.  -ESRCH when the thread is in no span of its own; -EINVAL for a summary that was not
 * initialised.
 * Cost:    a lock and two system calls.
 * Threads: the one that began it.
 * Signals: not from a signal handler: it takes a lock.
 * Fork:    in the child it ends the child's. */
int pprofc_span_end(struct pprofc_span_summary *summary_out, struct pprofc_error *err);

/* Start, wait 'seconds', stop, and hand out the recording of this time.  In a session that runs
 * already with these options, or with NULL, it takes a snapshot of this time and leaves the session
 * running.  -EALREADY when it runs with other options; -EINVAL for a negative time; else as
 * pprofc_start() and pprofc_stop().
 * Cost:    blocks for the time given; then as pprofc_start() and pprofc_stop().
 * Threads: any thread; the others go on.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    a child that is forked meanwhile has a session of its own, which nobody stops. */
int pprofc_profile_for(double seconds, const struct pprofc_options *options,
                       struct pprofc_recording **recording_out, struct pprofc_error *err);

/* Call fn(argument) and hand out the samples of this thread and of the threads that were made
 * meanwhile.  A session that runs already goes on.  On an error before the call fn is not called;
 * after it, it was.  Errors are those of pprofc_start() and pprofc_snapshot().
 * Cost:    as pprofc_start() and pprofc_stop(), once a call.
 * Threads: any thread; several may be in such a call at once.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    a fork within fn gives the child a session of its own; fn returns in both. */
int pprofc_profile_call(void (*fn)(void *), void *argument, const struct pprofc_options *options,
                        struct pprofc_recording **recording_out, struct pprofc_error *err);

/* 1 when ENABLE_PROFILING or PPROFC had switched profiling on as the program began, else 0.  To be
 * read. */
extern int pprofc_is_switched_on;

/* Call fn(argument), always; when profiling was switched on by ENABLE_PROFILING or PPROFC as the
 * program began, leave NAME_profile.svg in the current folder (unsafe characters of the name become
 * '_'): of the session that the environment has started, else at 10 Hz or the environment's rate. 0
 * when it is not switched on; else the errors of pprofc_profile_call() and
 * pprofc_recording_write().
 * Cost:    a call and a branch when it is not switched on; else as pprofc_profile_call(), and a
 *          file.
 * Threads: any thread.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    as pprofc_profile_call(). */
int pprofc_maybe_profile(const char *name, void (*fn)(void *), void *argument,
                         struct pprofc_error *err);

/* The same without even the call: when profiling is off, one predictable branch before
 * fn(argument).  A statement; what went wrong is not told. */
#if defined(__GNUC__)
#define PPROFC_MAYBE_PROFILE(name, fn, argument)                     \
    do {                                                             \
        if (__builtin_expect(pprofc_is_switched_on != 0, 0))         \
            (void)pprofc_maybe_profile((name), (fn), (argument), 0); \
        else                                                         \
            (fn)(argument);                                          \
    } while (0)
#endif

/* Write to 'path', overwriting it: a name in .ppc as it is, any other format by running
 * `pprofc convert`: the command is at PPROFC_COMMAND, beside the library or in PATH, and nothing
 * that wait() knows of.  The file appears whole or not at all.  -ENOENT when the command is not to
 * be found and -EIO when it fails: the recording is left at path.ppc then, and 'err' says so.
 * -ENAMETOOLONG, and what open() and write() give.
 * Cost:    a file; a child process for other formats than .ppc.
 * Threads: any thread.
 * Signals: not from a signal handler: it may start a process.
 * Fork:    a recording is ordinary memory: a child has a copy of it. */
int pprofc_recording_write(const struct pprofc_recording *recording, const char *path,
                           struct pprofc_error *err);

/* The bytes of a .ppc file, *n_bytes_out of them; they live as long as the recording.
 * Cost:    nothing.
 * Threads: any thread.
 * Signals: not from a signal handler: nobody else should hold the recording then.
 * Fork:    a recording is ordinary memory: a child has a copy of it. */
const void *pprofc_recording_bytes(const struct pprofc_recording *recording, size_t *n_bytes_out);

/* Free it; NULL is fine.
 * Cost:    unmaps memory.
 * Threads: any thread, once.
 * Signals: not from a signal handler: it takes a lock.
 * Fork:    a child frees its own copy. */
void pprofc_recording_free(struct pprofc_recording *recording);

/* What profiling costs and misses, since the session began. */
struct pprofc_stats {
    size_t struct_bytes;
    uint64_t n_samples, n_lost, n_truncated;
    uint64_t cpu_ns, sampled_ns, unsampled_ns; /* the program's CPU time, and how it is booked */
    uint64_t own_cpu_ns;                       /* helper thread and handlers */
    uint64_t recording_bytes, table_bytes;     /* memory held */
    double frequency_hz;
    char delivery[32], delivery_reason[160]; /* how samples come, and why not in a better way */
};

/* Fill in 'stats_out'.  -ESRCH when nothing runs.
 * Cost:    wakes the helper thread, which reads every thread's clock.
 * Threads: any thread.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    acts on the process's own session. */
int pprofc_stats(struct pprofc_stats *stats_out, struct pprofc_error *err);

/* ---- memory (kind heap) ---- */

/* What was asked of the allocator since the session began: exact, by whatever interval sites are
 * sampled.  An allocation is a call of malloc, calloc, new and the like that gave memory; a realloc
 * adds the bytes by which the object can be used further (of sampled objects that grow step by step
 * a 64th may be missing).  Bytes are as asked for; usable bytes are what malloc_usable_size() says
 * of each object, and a realloc adds to those allocated or freed what the object gains or loses.
 * What was allocated before the session counts when it is freed, so that net may be negative.
 *
 * Begin with struct pprofc_alloc_totals totals = PPROFC_ALLOC_TOTALS_INIT; without it the fields
 * from counts_usable on are left alone.  'struct_bytes' says how much was filled in. */
struct pprofc_alloc_totals {
    size_t struct_bytes;
    uint64_t n_allocs, n_reallocs, n_frees, requested_bytes;           /* all threads */
    uint64_t own_allocs, own_reallocs, own_frees, own_requested_bytes; /* the calling thread */
    int counts_usable; /* 1: heap_usable was asked for; else the following are 0 */
    uint64_t usable_allocated_bytes, usable_freed_bytes;         /* all threads */
    int64_t usable_net_bytes;                                    /* allocated less freed */
    uint64_t own_usable_allocated_bytes, own_usable_freed_bytes; /* the calling thread */
    int64_t own_usable_net_bytes;
};
#define PPROFC_ALLOC_TOTALS_INIT                                                        \
    {                                                                                   \
        sizeof(struct pprofc_alloc_totals), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 \
    }

/* Fill in 'totals_out'.  -ESRCH when no session measures the heap.
 * Cost:    reads a few words of each thread; stops none.
 * Threads: any thread; what others are just doing is counted or not yet.
 * Signals: not from a signal handler: it takes a lock.
 * Fork:    a child counts from its fork on. */
int pprofc_alloc_totals(struct pprofc_alloc_totals *totals_out, struct pprofc_error *err);

/* What the program mapped by itself since the session began: exact, by whatever interval sites are
 * sampled.  Bytes are whole pages.  What libc and the allocator map for themselves is not in it:
 * thread stacks, libraries, large objects of malloc's. */
struct pprofc_map_totals {
    size_t struct_bytes;
    uint64_t n_maps, mapped_bytes;  /* anonymous memory; bytes by which mremap() let it grow too */
    uint64_t n_others, other_bytes; /* files, and address space alone (PROT_NONE) */
    uint64_t n_unmaps, unmapped_bytes; /* whatever lay there; bytes that mremap() cut off too */
};

#define PPROFC_MAP_TOTALS_INIT                             \
    {                                                      \
        sizeof(struct pprofc_map_totals), 0, 0, 0, 0, 0, 0 \
    }

/* Fill in 'totals_out'.  -ESRCH when no session follows mappings (heap_mmap, PPROFC_HEAP_MMAP);
 * -EINVAL for a struct that was not initialised.
 * Cost:    reads a few words.
 * Threads: any thread; what others are just doing is counted or not yet.
 * Signals: not from a signal handler: it takes a lock.
 * Fork:    a child counts from its fork on. */
int pprofc_map_totals(struct pprofc_map_totals *totals_out, struct pprofc_error *err);

/* Hand out what is allocated and in use now, by stack: a recording, which the caller frees.
 * Sampling goes on.  -ESRCH when no session measures the heap; -EINVAL without recording_out;
 * -EAGAIN and -ENOMEM as pprofc_snapshot().
 * Cost:    wakes the helper thread, which looks at each followed object; then a copy.
 * Threads: any thread; pauses none.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    in a child, acts on the child's own session. */
int pprofc_heap_snapshot(struct pprofc_recording **recording_out, struct pprofc_error *err);

/* From now on one sample in 'interval_bytes' allocated bytes on average; values stay right, since
 * each object keeps the interval it was sampled by.  -ERANGE for 0 and above 4 GiB; -ENOTSUP from
 * or to 1 (every allocation), where objects are followed in another way; -ESRCH when no session
 * measures the heap.
 * Cost:    wakes the helper thread and waits for it.
 * Threads: any thread; each takes the sample that it has drawn, by the old interval, first.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    acts on the process's own session. */
int pprofc_set_heap_interval(uint64_t interval_bytes, struct pprofc_error *err);

/* Begin with struct pprofc_leak_options options = PPROFC_LEAK_OPTIONS_INIT; 0 in a field means its
 * default. */
struct pprofc_leak_options {
    size_t struct_bytes;
    double max_pause_ms; /* refuse when the program would be paused for longer; default 100 */
    int force;           /* 1: however long */
};
#define PPROFC_LEAK_OPTIONS_INIT                   \
    {                                              \
        sizeof(struct pprofc_leak_options), 0.0, 0 \
    }

/* What a look for leaks found, and what it cost.  'suspects': objects in use that nothing leads to;
 * estimates where the heap is sampled. */
struct pprofc_leak_result {
    size_t struct_bytes;
    uint64_t n_suspects, suspect_bytes;
    uint64_t n_objects; /* that were looked at */
    uint64_t predicted_pause_ns, pause_ns;
    uint64_t scan_ns, scanned_bytes; /* beside the program, which goes on */
};

/* Look for allocated memory that nothing leads to: no global, no stack, no other memory.  A copy of
 * the process is made, as by fork(), and read; where each suspect was allocated stands in the next
 * snapshot, for `pprofc leaks`.  The heap must be profiled (PPROFC_KIND_HEAP); with an interval of
 * 1 whole structures that hang on nothing are found, else their heads at most.  NULL options: the
 * defaults; result_out may be NULL.  -E2BIG when the pause would be too long ('result_out' says how
 * long); -ENODATA when the heap is not profiled; -ESRCH when nothing runs; -EINVAL for options that
 * were not initialised; -EAGAIN, -ENOMEM, -EIO, -ECHILD when the copy cannot be made and read.
 * Cost:    a pause of 27 ms for each GiB of memory in pages of 4 KiB, 1 ms in huge ones; half a
 *          second a GiB beside the program, whose writes copy their pages meanwhile; twice where
 *          threads ran and something was suspected.
 * Threads: any thread; other calls of this library wait.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    acts on the process's own session; wait() knows nothing of the copy. */
int pprofc_leak_scan(const struct pprofc_leak_options *options,
                     struct pprofc_leak_result *result_out, struct pprofc_error *err);

/* A guard that profiles until its scope ends; see PPROFC_PROFILE_SCOPE. */
struct pprofc_scope_guard {
    const char *path;
    struct pprofc_cursor cursor;
    int started, running;
};

/* Begin such a scope, with the defaults and the environment.  'path' must live as long as the
 * guard.  In a session that runs already the scope is a part of it.  When profiling cannot start,
 * the guard does nothing: the program goes on.
 * Cost:    as pprofc_start().
 * Threads: any thread; the profile has all threads.
 * Signals: not from a signal handler: it takes a lock and waits.
 * Fork:    a guard ends in the process that made it; in a child it writes the child's own. */
struct pprofc_scope_guard pprofc_scope_begin(const char *path);

/* End it and write 'path', as pprofc_recording_write() does, with all CPU time that this thread has
 * used since the begin; of other threads their last piece is there when the scope began the
 * session.  The second time does nothing.
 * Cost:    as pprofc_stop() and pprofc_recording_write().
 * Threads: any thread.
 * Signals: not from a signal handler: it takes a lock and may start a process.
 * Fork:    as pprofc_scope_begin(). */
void pprofc_scope_end(struct pprofc_scope_guard *guard);

/* PPROFC_PROFILE_SCOPE("parse.svg"); profiles from here to the end of the block. */
#if defined(__GNUC__)
#define PPROFC_PROFILE_SCOPE_NAME_(line) pprofc_scope_guard_##line
#define PPROFC_PROFILE_SCOPE_NAME(line) PPROFC_PROFILE_SCOPE_NAME_(line)
#define PPROFC_PROFILE_SCOPE(path)                                \
    struct pprofc_scope_guard PPROFC_PROFILE_SCOPE_NAME(__LINE__) \
        __attribute__((cleanup(pprofc_scope_end), unused)) = pprofc_scope_begin(path)
#endif

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
