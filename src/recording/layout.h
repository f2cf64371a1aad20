/* The recording: the shared memory between a profiled process and whoever reads it, and the .ppc
 * file (the same bytes).
 *
 * Writers: signal handlers of the profiled process (thread counters, stack tables, event logs) and
 * its helper thread (everything else).  Readers: any number, in any process, with their own
 * cursors; they write only the command block and their reader slot.  A writer may die at any
 * instruction: a reader must find nothing it cannot read.
 *
 * Rules
 * - offsets from the start of the recording, never pointers; 0 means none
 * - memory is reserved (fallocate) before its offset is published with a release store
 * - an event is reserved, its length written, its body filled and then committed by a release store
 * of its state; readers of a living process stop at an uncommitted event, readers of a dead one
 * skip it
 * - a stack's frames are written before its table slot is
 * - the set of segments is read from one of two directories; the helper fills the other one and
 * flips the index
 * - a newer reader reads every older layout: fields are only ever added in the spare room, and
 * PP_REC_LAYOUT counts up
 *
 * Parts of the description: layout_table.h, layout_heap.h, layout_waits.h; who reads or writes
 * recordings includes this header.
 *
 * Times are nanoseconds of CLOCK_MONOTONIC since 'start_monotonic_ns', unless a name says
 * otherwise. */
#ifndef PP_RECORDING_LAYOUT_H
#define PP_RECORDING_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>

#include "recording/layout_heap.h"
#include "recording/layout_table.h"
#include "recording/layout_waits.h"

#define PP_REC_MAGIC "pprofc\r\n"

enum {
    PP_REC_LAYOUT = 4, /* 2: heap; 3: budget, labels, spans; 4: waits */
    PP_REC_HEADER_BYTES = 32 * 1024,
    PP_REC_MAX_SEGMENTS = 128,
    PP_REC_MAX_SPARES = 4,
    PP_REC_MAX_READERS = 8,
    PP_REC_MAX_MILLIHERTZ = 10 * 1000 * 1000,
    PP_REC_N_MESSAGES = 16,
    PP_REC_MESSAGE_BYTES = 240,
    PP_REC_SLICE_NS = 100 * 1000 * 1000, /* the finest time slice of folded segments */
    PP_REC_EVENT_ALIGN = 8,
    PP_REC_MAX_VALUES = 8,
    PP_REC_N_BUDGET_CHANGES = 16,
    PP_REC_MAX_LABELS = 16,
    PP_REC_FIRST_SPANS = 64,  /* room from the start */
    PP_REC_N_SPANS = 64 * 63, /* and once there are any: six blocks; the newest that have samples */
};

/* Pseudo frames (sigsafe/unwind.h has the others). */
enum {
    PP_PC_FOLDED = 3,    /* stacks given up to keep the memory bound */
    PP_PC_RUNNING = 4,   /* a thread that runs, or waits for a CPU, and did not say where in time */
    PP_PC_WAITING = 5,   /* a thread that waits, and whose stack may not be read */
    PP_PC_RUN_QUEUE = 6, /* of waits: for a CPU */
    PP_PC_THROTTLED = 7, /* the same, as the control group had used up its share */
};

/* Why something was not recorded. */
enum pp_rec_loss {
    PP_LOSS_NO_SPACE,       /* no segment had room */
    PP_LOSS_NO_SCRATCH,     /* more handlers ran at once than there are frame buffers */
    PP_LOSS_NO_THREAD_SLOT, /* the thread table is full: booked on [other threads], not lost as time
                             */
    PP_LOSS_STACK_FOLDED, /* stacks given up to keep the memory bound; their time is on [folded] */
    PP_LOSS_SNAPSHOT_GAP, /* folded before this reader came back */
    PP_LOSS_HEAP_OBJECT,  /* an allocation that was to be followed, and there was no room for it */
    PP_LOSS_HEAP_STACK,   /* one whose stack had no room: it is on [folded] */
    PP_LOSS_LABEL,        /* a label that had no room: its key was taken off the thread */
    PP_LOSS_SPAN,         /* a sample whose span had no room (yet): it stays, without the span */
    PP_LOSS_WAIT,         /* a wait without room for its stack: its time is unattributed */
    PP_LOSS_LOCK,         /* a wait for a lock that its holder was not charged for */
    PP_LOSS_COUNT
};

/* Those of the heap are no matter of CPU samples. */
static inline int pp_rec_loss_is_of_heap(int cause)
{
    return cause == PP_LOSS_HEAP_OBJECT || cause == PP_LOSS_HEAP_STACK;
}

enum pp_rec_delivery {
    PP_DELIVERY_NONE,
    PP_DELIVERY_PERF_TRAP,   /* perf event with sigtrap, one a thread */
    PP_DELIVERY_PERF_SIGNAL, /* perf event with F_SETSIG */
    PP_DELIVERY_CPU_TIMER,   /* timer_create on the thread's CPU clock: at most CONFIG_HZ */
    PP_DELIVERY_TEST,        /* no timer: tests call the handler */
    PP_DELIVERY_SAMPLER,     /* the helper looks which threads run and signals those */
};

enum pp_rec_family {
    PP_FAMILY_CPU = 1,
    PP_FAMILY_OFFCPU,
    PP_FAMILY_LOCK, /* charged to the stack that waited */
    PP_FAMILY_HEAP,
    PP_FAMILY_THREADS, /* where all threads stand, asked for by PP_REQUEST_STACKS; never folded */
    PP_FAMILY_HOLDER,  /* as PP_FAMILY_LOCK, charged to the stack that let others wait, at its
                          release; no kind of its own */
    PP_FAMILY_LAST = PP_FAMILY_HOLDER,
};

/* Values of a PP_FAMILY_THREADS event.  Behind all of one look comes one with PP_STAND_COUNT 0 and
 * the number of threads in PP_STAND_TID's place. */
enum pp_rec_stand {
    PP_STAND_COUNT,   /* 1 */
    PP_STAND_LOOK,    /* which look at all threads: what the request was answered with */
    PP_STAND_TID,     /* thread id; the thread table may be full */
    PP_STAND_RUNS,    /* 1: runs or waits for a CPU; 0: waits */
    PP_STAND_CALL,    /* number of the system call that it waits in; -1: none, or not known */
    PP_STAND_IDLE_NS, /* it has not run for so long at least, seen by an earlier look; 0: not known
                       */
    PP_STAND_N_VALUES
};

enum pp_rec_event_flags {
    PP_EVENT_TRUNCATED = 1 << 0,   /* the stack does not reach its root */
    PP_EVENT_CUT = 1 << 1,         /* the middle of the stack was left out */
    PP_EVENT_INFERRED = 1 << 2,    /* frame pointers or scanning were used */
    PP_EVENT_KERNEL = 1 << 3,      /* taken in the kernel */
    PP_EVENT_REMAINDER = 1 << 4,   /* time that no sample saw; its stack is PP_PC_UNSAMPLED */
    PP_EVENT_WEIGHTED = 1 << 5,    /* weight and variance follow the values (doubles) */
    PP_EVENT_TIMED = 1 << 6,       /* start_ns and duration_ns follow */
    PP_EVENT_MAPPED = 1 << 7,      /* of a site: what it takes is mapped (mmap), not malloc's */
    PP_EVENT_WAIT = 1 << 8,        /* four bits from here: enum pp_rec_wait */
    PP_EVENT_DESCRIPTOR = 1 << 12, /* four bits from here: enum pp_rec_descriptor */
};

/* 'state_bytes' of an event: length in the low 24 bits, this in the high 8. */
enum { PP_EVENT_RESERVED = 0x5A, PP_EVENT_COMMITTED = 0xA5 };

/* One thing that happened.  cpu: values are {1, CPU nanoseconds}. */
struct pp_rec_event {
    _Atomic uint32_t state_bytes;
    uint8_t family, n_values;
    uint16_t flags;
    uint64_t time_ns; /* when, or the start of its slice in a folded segment */
    uint32_t thread;  /* index into the thread table */
    uint32_t stack;   /* offset of its struct pp_rec_stack in the segment's area / 8; never 0 */
    uint32_t label_set, span; /* 0: none */
    int64_t values[];         /* n_values, then what 'flags' says */
};

struct pp_rec_stack {
    uint64_t hash;
    uint32_t n_frames, flags; /* pp_rec_event_flags that belong to the stack itself */
    uint64_t pcs[]; /* leaf first; callers are return addresses; small values are PP_PC_* */
};

/* 'used' of a segment: low 32 bits: bytes of log from the area's start; high 31: bytes of stacks
 * from the area's end; top bit: sealed. */
#define PP_SEGMENT_SEALED (UINT64_C(1) << 63)

enum pp_rec_segment_kind { PP_SEGMENT_RAW, PP_SEGMENT_FOLDED };

struct pp_rec_segment {
    uint32_t kind, n_slots; /* slots: a power of two; 0 in copies and sums, nobody adds to those */
    uint64_t sequence;      /* raw: counts up.  folded: the last raw sequence it holds */
    uint64_t slice_ns;      /* folded: width of its slices */
    uint64_t n_folded_events; /* folded: how many raw events it stands for */
    uint32_t slots_offset, area_offset, area_bytes, pad; /* from the segment's start */
    _Atomic uint64_t used;
    /* then n_slots slots: 0, or (offset of the stack in the area / 8) in the low 32 bits and the
     * hash's high 32 bits above */
};

struct pp_rec_segment_ref {
    uint64_t offset, n_bytes;
};

/* The labels of a thread, in the order of their keys: offsets in 'strings', whose items are bytes
 * and whose texts end with a NUL.  Events say 1 + the index. */
struct pp_rec_label {
    uint32_t key, value;
};

struct pp_rec_label_set {
    uint32_t n_labels, pad;
    struct pp_rec_label labels[PP_REC_MAX_LABELS];
};

/* A span of a trace in which a sample was taken.  Numbers count up; number N lies at
 * (N - 1) % n_items until a newer one does, or the table has grown.  Writers: handlers, 'number'
 * last. */
struct pp_rec_span {
    _Atomic uint32_t number;
    uint32_t name; /* in 'strings'; 0: none */
    uint8_t trace_id[16], span_id[8];
    uint64_t pad;
};

/* What profiling may cost, and what was done to keep to it (capture/governor.c).  Shares are in
 * millionths of the program's CPU time. */
struct pp_rec_budget {
    _Atomic uint64_t share_ppm; /* 0: there is none, and all of this is 0 */
    _Atomic uint64_t cost_ppm;  /* of late */
    _Atomic uint64_t asked_millihertz, lowest_millihertz; /* lowest: that it came down to */
    _Atomic uint64_t asked_interval_bytes, longest_interval_bytes; /* the heap's, likewise */
    _Atomic uint32_t n_lowered, n_raised;                          /* changes */
    struct pp_rec_budget_change {
        uint64_t time_ns;
        uint64_t rate_millihertz, heap_interval_bytes; /* from then on */
        uint64_t cost_ppm;                             /* that it was made for */
    } changes[PP_REC_N_BUDGET_CHANGES]; /* the last of them: change k is item k % that many */
    uint64_t spare[8];
};

enum pp_rec_thread_flags {
    PP_THREAD_MAIN = 1,
    PP_THREAD_IGNORED = 2,
    PP_THREAD_BLOCKS_SIGNAL = 4, /* ours: what it used so is in unsampled_ns */
    PP_THREAD_HAD_TIMER = 8,     /* at times a CPU timer, where others had perf events */
};

struct pp_rec_thread {
    _Atomic uint32_t tid; /* 0: slot not filled yet */
    _Atomic uint32_t flags;
    char name[16];
    uint64_t start_ns;
    _Atomic uint64_t end_ns; /* 0: alive when last seen */
    _Atomic uint64_t n_samples;
    _Atomic uint64_t sampled_ns;   /* CPU time booked on stacks */
    _Atomic uint64_t unsampled_ns; /* CPU time booked as remainder */
    _Atomic uint64_t excluded_ns;  /* CPU time while paused or ignored: in no total */
    _Atomic uint64_t n_allocs, n_frees, requested_bytes; /* exact, by the helper's last turn */
    _Atomic uint64_t n_reallocs, usable_allocated_bytes, usable_freed_bytes;
    _Atomic uint64_t n_by_timer; /* signals of CPU timers, with a sample or without */
};

struct pp_rec_module {
    uint64_t start, limit, offset, bias;
    uint64_t mapped_ns;
    _Atomic uint64_t unmapped_ns;     /* 0: still there */
    uint32_t n_build_id_bytes, flags; /* flags: 1 = vdso, 2 = our own library */
    uint8_t build_id[32];
    char path[512];
};

enum pp_rec_request {
    PP_REQUEST_NONE,
    PP_REQUEST_STOP,
    PP_REQUEST_PAUSE,
    PP_REQUEST_RESUME,
    PP_REQUEST_RATE,
    PP_REQUEST_FLUSH,         /* book all CPU time until now, and look at what readers want */
    PP_REQUEST_STACKS,        /* record where each thread stands; answered with the look's number */
    PP_REQUEST_OFF,           /* as STOP, and nothing begins another session in this process */
    PP_REQUEST_HEAP_INTERVAL, /* bytes, in place of a rate */
    PP_REQUEST_LEAK_PAUSE, /* work out for how long PP_REQUEST_LEAKS would pause the program: in the
                              header */
    PP_REQUEST_LEAKS,      /* look for objects that nothing leads to; -E2BIG: the pause would be
                              longer than 'limit_ms' */
    PP_REQUEST_LEAK_LOOK,  /* begin that and answer at once, so that others may ask meanwhile: the
                              look's number, counted from 1, which has ended when 'ended' of the
                              header's heap.leaks has that many; -EBUSY while there is another */
};

/* How capture is told what to do, from inside or outside.  Write request and arguments, add 1 to
 * 'generation', add 1 to 'futex' and FUTEX_WAKE it (not private); done when 'done_generation'
 * reaches the generation (that is a futex too). */
struct pp_rec_command {
    _Atomic uint32_t futex;
    _Atomic uint32_t generation, done_generation;
    _Atomic uint32_t request;
    _Atomic uint32_t kinds; /* bit (family - 1) */
    _Atomic uint32_t pad;
    _Atomic uint64_t rate_millihertz;
    _Atomic int32_t result;    /* of the last request: a negative errno, 0, or what it says */
    _Atomic uint32_t limit_ms; /* of PP_REQUEST_LEAKS; 0: 100, UINT32_MAX: any */
    uint32_t spare[4];
};

struct pp_rec_reader {
    _Atomic uint32_t pid;           /* 0: free */
    _Atomic uint32_t pid_namespace; /* inode of /proc/self/ns/pid, where 'pid' means something; 0:
                                       the process's own */
    _Atomic uint64_t sequence;      /* raw segments up to this one are not needed any more */
};

enum pp_rec_by_program {
    PP_BY_PROGRAM_STOPPED = 1, /* this recording ended by pprofc_stop() */
    PP_BY_PROGRAM_REFUSED = 2, /* pprofc_start() with other options was refused */
};

enum pp_rec_state { PP_REC_STARTING, PP_REC_RUNNING, PP_REC_PAUSED, PP_REC_ENDED };

struct pp_rec_header {
    char magic[8]; /* written last: from then on the file is a recording to whoever finds it */
    uint32_t layout, header_bytes;
    _Atomic uint64_t n_bytes; /* reserved so far */
    _Atomic uint32_t state;
    uint32_t exec_sequence; /* how many recordings this pid had before */

    uint8_t run_id[16]; /* of the pprofc run that started it; zero without one */
    int32_t pid, namespace_pid, parent_pid, uid;
    int64_t start_realtime_ns, start_monotonic_ns;
    _Atomic uint64_t end_ns; /* 0 while running */
    char program[256];       /* path of the executable */
    char command[1024];      /* arguments separated by spaces */
    char host[64];

    _Atomic uint64_t rate_millihertz;
    _Atomic uint32_t kinds, pad2;
    char block_libraries[256];
    uint32_t block_drops, pad0;
    char output[512]; /* PPROFC_OUTPUT, expanded by whoever writes it */

    _Atomic uint32_t delivery, unwinder;
    char delivery_reason[160];   /* why not a better one; "" */
    _Atomic uint64_t losses[16]; /* by enum pp_rec_loss */
    _Atomic uint64_t lost_ns;    /* CPU time of lost samples, booked as remainder */
    _Atomic uint64_t n_samples, n_truncated, n_inferred;
    _Atomic uint64_t cpu_ns; /* the process's CPU since the start, without the helper and what is
                                excluded; as of 'cpu_time_ns' */
    _Atomic uint64_t cpu_time_ns;
    _Atomic uint64_t helper_cpu_ns,
        handler_cpu_ns;           /* what profiling cost; the handler's part is estimated */
    _Atomic uint64_t table_bytes; /* unwind tables held */
    uint64_t
        process_start_ticks; /* field 22 of /proc/PID/stat: tells an exec from a pid used again */
    _Atomic uint64_t
        delivery_ns; /* what one sample costs besides its handler, measured here; 0: not (yet) */
    _Atomic uint64_t n_throttled, throttled_ns; /* the process's control group, since the start */
    _Atomic uint32_t has_throttled;             /* those two are known */
    uint32_t pid_namespace;      /* inode of /proc/self/ns/pid, where 'pid' means something; 0: not
                                    known. Where it is known and the file has a name, the process holds
                                    flock() on it as long as it samples. */
    _Atomic uint32_t by_program; /* under pprofc run: what it did by the API, enum
                                    pp_rec_by_program */
    _Atomic uint32_t timer_delivery_ns; /* likewise, of threads that have CPU timers */
    _Atomic uint64_t own_children_ns;   /* CPU of the children that capture ran, to write files */
    /* By reader's slot, what it wants of the sampler: millihertz in the low 32 bits, and above them
     * until when, in tenths of a second since the start, so that nothing stays on when a reader is
     * gone.  The sampler runs at the highest of these and of what the program asked for.  0: none.
     */
    _Atomic uint64_t wants[PP_REC_MAX_READERS];
    _Atomic uint64_t n_spans; /* numbers given out so far */

    struct pp_rec_command command_block;
    struct pp_rec_reader readers[PP_REC_MAX_READERS];

    struct pp_rec_table threads, modules, strings, label_sets, spans;

    _Atomic uint64_t active;                    /* offset of the segment that handlers write */
    _Atomic uint64_t spares[PP_REC_MAX_SPARES]; /* offsets of empty segments that come next */
    _Atomic uint32_t directory_index; /* low bit: which directory holds; the rest counts flips */
    uint32_t n_segments[2];
    struct pp_rec_segment_ref segments[2][PP_REC_MAX_SEGMENTS];

    _Atomic uint32_t n_messages;
    char messages[PP_REC_N_MESSAGES]
                 [PP_REC_MESSAGE_BYTES]; /* for a person: what, why, what to do */

    struct pp_rec_heap heap;     /* since layout 2; all zero before */
    struct pp_rec_budget budget; /* since layout 3; all zero before */
    struct pp_rec_waits waits;   /* since layout 4; all zero before */
    _Atomic uint64_t
        delivery_total_ns; /* of all samples up to the helper's last turn; 0: unknown */

    /* The file that was executed, before links were followed: "redis-server", where 'program' is
     * redis-check-rdb, "sh", where it is busybox, and a script's own name.  What the kernel calls
     * the process when it begins, but not cut to 15 bytes.  "" where that is not known. */
    char name[128];
};

_Static_assert(sizeof(struct pp_rec_header) <= PP_REC_HEADER_BYTES, "the header outgrew its room");
_Static_assert(sizeof(struct pp_rec_thread) == 128, "a thread's counters keep to two cache lines");
_Static_assert(sizeof(struct pp_rec_span) == 40, "a span's place in the recording");
_Static_assert(sizeof(struct pp_rec_event) == 32, "an event's head is 32 bytes");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must be lock-free across processes");

#endif
