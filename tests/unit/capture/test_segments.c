/* The chain of segments: an hour in simulated time, storms of stacks, readers, and little memory.
 */
#include <sys/wait.h>
#include <unistd.h>
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The thread sanitizer makes all of it twenty times slower. */
#ifdef __SANITIZE_THREAD__
enum { HOUR_S = 600, STORM_EVENTS = 600000 };
#else
enum { HOUR_S = 3600, STORM_EVENTS = 1800000 };
#endif
enum {
    HOUR_THREADS = 50,
    HOUR_HZ = 100,
    HOUR_STACKS = 2000,
    N_FRAMES = 20,
    BOUND_BYTES = 32 << 20,
};

struct cached_stack {
    uint64_t pcs[N_FRAMES];
    struct pp_sig_walk walk;
};
static struct cached_stack stacks[HOUR_STACKS];

static void make_stacks(void)
{
    for (uint32_t i = 0; i < HOUR_STACKS; i++)
        stacks[i].walk = make_stack(i, N_FRAMES, stacks[i].pcs);
}

/* Bytes that the kernel holds for the file. */
static uint64_t held_bytes(const struct rig *rig)
{
    struct stat status;

    assert_int_equal(fstat(rig->file.fd, &status), 0);
    return (uint64_t)status.st_blocks * 512;
}

/* ---- an hour ---- */

struct hour {
    int64_t counts[HOUR_THREADS], ns[HOUR_THREADS];
    int64_t stack_counts[HOUR_STACKS];
};

static void add_to_hour(void *context, struct pp_rec_segment *segment, struct pp_rec_event *event)
{
    struct hour *hour = context;
    const struct pp_rec_stack *stack = stack_of(segment, event);

    assert_in_range(event->thread, 1, HOUR_THREADS);
    hour->counts[event->thread - 1] += event->values[0];
    hour->ns[event->thread - 1] += event->values[1];
    assert_int_equal(stack->n_frames, N_FRAMES);
    hour->stack_counts[(stack->pcs[0] - 0x1000) / 16] += event->values[0];
}

/* One hour (under the thread sanitizer ten minutes) at 100 Hz with 50 threads, 2000 stacks and no
 * reader drops nothing: the number of samples and the nanoseconds of each thread and the samples of
 * each stack are exact, in at most 32 MiB of memory and of file. */
static void an_hour(void **state)
{
    static struct rig rig;
    static struct hour hour, truth;
    const double before = cpu_seconds();
    uint64_t most_reserved = 0, most_held = 0, random = 1;
    uint32_t futex_seen = 0;
    (void)state;

    make_stacks();
    assert_int_equal(rig_open(&rig, 2 << 20, 256 << 20, rig_no_wait, NULL), 0);
    for (uint64_t tick = 0; tick < (uint64_t)HOUR_HZ * HOUR_S; tick++) {
        for (uint32_t thread = 0; thread < HOUR_THREADS; thread++) {
            /* Some stacks are far more frequent than others, as in life. */
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            const uint32_t wide = (uint32_t)(random >> 33) % HOUR_STACKS;
            const uint32_t i = (random >> 62) != 0 ? wide % 100 : wide;
            const int64_t ns = 9000000 + (int64_t)(random >> 44);
            const struct pp_sig_event event = make_event(tick * 10000000, thread + 1, ns);
            assert_int_equal(pp_sig_store_event(rig.header, &event, stacks[i].pcs, &stacks[i].walk),
                             0);
            truth.counts[thread]++;
            truth.ns[thread] += ns;
            truth.stack_counts[i]++;
        }
        const uint32_t futex = futex_seen;
        rig_tend_when_asked(&rig, &futex_seen);
        if (futex != futex_seen) {
            const uint64_t held = held_bytes(&rig);
            most_held = held > most_held ? held : most_held;
            most_reserved = rig.file.n_bytes > most_reserved ? rig.file.n_bytes : most_reserved;
        }
    }
    rig_each_event(&rig, add_to_hour, &hour);
    for (uint32_t i = 0; i < HOUR_THREADS; i++) {
        assert_int_equal(hour.counts[i], truth.counts[i]);
        assert_int_equal(hour.ns[i], truth.ns[i]);
    }
    for (uint32_t i = 0; i < HOUR_STACKS; i++)
        assert_int_equal(hour.stack_counts[i], truth.stack_counts[i]);
    for (uint32_t i = 0; i < PP_LOSS_COUNT; i++)
        assert_int_equal(atomic_load(&rig.header->losses[i]), 0);
    print_message(
        "an hour of %d samples: %.1f s of CPU, at most %.1f MiB held, %.1f MiB of address "
        "space, slices of %.1f s\n",
        HOUR_THREADS * HOUR_HZ * HOUR_S, cpu_seconds() - before, (double)most_held / (1 << 20),
        (double)most_reserved / (1 << 20), (double)rig.segments.slice_ns * 1e-9);
    assert_in_range(most_held, 0, BOUND_BYTES);
    assert_in_range(most_reserved, 0, BOUND_BYTES);
    rig_close(&rig);
}

/* ---- a storm ---- */

enum { N_FREQUENT = 50 };

struct storm {
    struct total all, folded;
    int64_t frequent[N_FREQUENT];
};

static void add_to_storm(void *context, struct pp_rec_segment *segment, struct pp_rec_event *event)
{
    struct storm *storm = context;
    const uint64_t pc = stack_of(segment, event)->pcs[0];

    add_to_total(&storm->all, segment, event);
    if (pc == PP_PC_FOLDED)
        add_to_total(&storm->folded, segment, event);
    else if ((pc - 0x1000) / 16 < N_FREQUENT)
        storm->frequent[(pc - 0x1000) / 16] += event->values[0];
}

/* Bytes of memory: the file's, and what else the process has touched.  A sanitizer's shadow of what
 * was mapped anew is not ours: there the file's alone. */
static uint64_t memory_bytes(const struct rig *rig)
{
#ifdef __SANITIZE_ADDRESS__
    return held_bytes(rig);
#endif
    unsigned long n_pages = 0, n_resident = 0, n_shared = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu %lu", &n_pages, &n_resident, &n_shared), 3);
    (void)fclose(file);
    return held_bytes(rig) + (n_resident - n_shared) * 4096;
}

/* Half an hour (under the thread sanitizer ten minutes) at 1000 Hz in which nine samples of ten
 * have a stack of their own: the recording keeps its bound, and the memory of it and of the sums
 * beside it does not move by more than 2 MB once it has levelled; every sample and nanosecond is
 * there; the samples that lost their stacks are the ones counted; and stacks that come again and
 * again are kept. */
static void storm_of_stacks(void **state)
{
    enum { N_EVENTS = STORM_EVENTS, N_LEVEL = N_EVENTS / 3 };
    static struct rig rig;
    static struct storm storm;
    uint64_t most_held = 0, most_before = 0, most_after = 0;
    uint32_t futex_seen = 0;
    (void)state;

    assert_int_equal(rig_open(&rig, 2 << 20, 256 << 20, rig_no_wait, NULL), 0);
    for (uint32_t i = 0; i < N_EVENTS; i++) {
        uint64_t pcs[N_FRAMES];
        const uint32_t number = i % 10 == 0 ? i / 10 % N_FREQUENT : N_FREQUENT + i;
        const struct pp_sig_walk walk = make_stack(number, N_FRAMES, pcs);
        const struct pp_sig_event event = make_event(i * UINT64_C(1000000), 1, i);
        assert_int_equal(pp_sig_store_event(rig.header, &event, pcs, &walk), 0);
        const uint32_t futex = futex_seen;
        rig_tend_when_asked(&rig, &futex_seen);
        if (futex != futex_seen) {
            const uint64_t memory = memory_bytes(&rig);
            uint64_t *most = i < N_LEVEL ? &most_before : &most_after;
            *most = memory > *most ? memory : *most;
            most_held = held_bytes(&rig) > most_held ? held_bytes(&rig) : most_held;
        }
    }
    rig_each_event(&rig, add_to_storm, &storm);
    assert_int_equal(storm.all.count, N_EVENTS);
    assert_true(storm.all.ns == (int64_t)N_EVENTS * (N_EVENTS - 1) / 2);
    assert_in_range(storm.folded.count, N_EVENTS / 10, N_EVENTS);
    assert_int_equal(atomic_load(&rig.header->losses[PP_LOSS_STACK_FOLDED]), storm.folded.count);
    for (uint32_t i = 0; i < N_FREQUENT; i++)
        assert_in_range(storm.frequent[i], N_EVENTS / 10 / N_FREQUENT * 9 / 10, N_EVENTS);
    print_message(
        "a storm: at most %.1f MiB held, %.1f MiB with what is beside, %+.2f MiB after the "
        "first third; %.0f %% of the samples without their stacks\n",
        (double)most_held / (1 << 20), (double)most_after / (1 << 20),
        ((double)most_after - (double)most_before) / (1 << 20),
        100.0 * (double)storm.folded.count / N_EVENTS);
    assert_in_range(most_held, 1 << 20, BOUND_BYTES);
    assert_in_range(most_after, 0, most_before + (2 << 20));
    rig_close(&rig);
}

static void count_others(void *context, struct pp_rec_segment *segment, struct pp_rec_event *event)
{
    uint64_t *others = context;
    (void)segment;

    if (event->thread == 0)
        *others += (uint64_t)event->values[0];
}

/* Threads without number that come and go, each with stacks of its own: those that have ended are
 * put together before any stack is given up. */
static void storm_of_threads(void **state)
{
    enum { N_EVENTS = 600000, N_THREADS = 120 };
    static struct rig rig;
    struct total total;
    uint64_t others = 0;
    uint32_t futex_seen = 0;
    (void)state;

    make_stacks();
    assert_int_equal(rig_open(&rig, 2 << 20, 256 << 20, rig_no_wait, NULL), 0);
    for (uint32_t thread = 2; thread < N_THREADS; thread++) {
        struct pp_rec_thread *slot = pp_sig_table_item(rig.header, &rig.header->threads, thread);
        atomic_store(&slot->end_ns, 1); /* all but one have ended */
    }
    for (uint32_t i = 0; i < N_EVENTS; i++) {
        const uint32_t stack = i / 100 % HOUR_STACKS;
        const struct pp_sig_event event =
            make_event(i * UINT64_C(1000000), 1 + i % (N_THREADS - 1), i);
        assert_int_equal(
            pp_sig_store_event(rig.header, &event, stacks[stack].pcs, &stacks[stack].walk), 0);
        rig_tend_when_asked(&rig, &futex_seen);
    }
    total = rig_total(&rig);
    assert_int_equal(total.count, N_EVENTS);
    assert_int_equal(atomic_load(&rig.header->losses[PP_LOSS_STACK_FOLDED]), 0);
    rig_each_event(&rig, count_others, &others);
    assert_in_range(others, N_EVENTS / 2, N_EVENTS);
    rig_close(&rig);
}

/* ---- readers ---- */

static void fill(struct rig *rig, uint32_t n_events, uint32_t *futex_seen)
{
    for (uint32_t i = 0; i < n_events; i++) {
        const struct pp_sig_event event = make_event(i, 1, 1);
        assert_int_equal(
            pp_sig_store_event(rig->header, &event, stacks[i % 100].pcs, &stacks[i % 100].walk), 0);
        rig_tend_when_asked(rig, futex_seen);
    }
}

static uint64_t last_folded(struct rig *rig)
{
    struct pp_rec_segment *first = rig_segment(rig, 0);

    return first->kind == PP_SEGMENT_FOLDED ? first->sequence : 0;
}

/* Segments that a reader has not taken stay as they are, until half of the directory is full
 * of them: then of the older ones the reader has to do with sums, and the recording keeps its
 * bound.
 */
static void readers(void **state)
{
    static struct rig rig;
    uint32_t futex_seen = 0;
    const uint32_t n_in_segment = /* the area, less a hundred stacks */
        (PP_SEGMENT_BYTES - PP_SEGMENT_SLOTS * 8 - 100 * (16 + N_FRAMES * 8)) / 48;
    (void)state;

    make_stacks();
    assert_int_equal(rig_open(&rig, 2 << 20, 256 << 20, rig_no_wait, NULL), 0);
    atomic_store(&rig.header->readers[3].sequence, 12);
    atomic_store(&rig.header->readers[3].pid, (uint32_t)getpid());
    fill(&rig, 26 * n_in_segment, &futex_seen);
    assert_in_range(last_folded(&rig), 8, 11); /* several at once */
    assert_in_range(rig_n_segments(&rig), 15, 25);
    atomic_store(&rig.header->readers[3].sequence, 24);
    fill(&rig, 2 * n_in_segment, &futex_seen);
    assert_in_range(last_folded(&rig), 19, 23);
    fill(&rig, 100 * n_in_segment, &futex_seen);
    assert_in_range(last_folded(&rig), 60, 90);
    assert_in_range(rig_n_segments(&rig), 40, PP_REC_MAX_SEGMENTS / 2 + 8);
    assert_int_equal(rig_total(&rig).count, 128 * n_in_segment);
    rig_close(&rig);
}

/* A reader that was killed holds nothing back, and its slot is free again; one of another pid
 * namespace, where that number may live, goes on holding. */
static void dead_readers(void **state)
{
    static struct rig rig;
    uint32_t futex_seen = 0;
    const uint32_t n_in_segment =
        (PP_SEGMENT_BYTES - PP_SEGMENT_SLOTS * 8 - 100 * (16 + N_FRAMES * 8)) / 48;
    const pid_t child = fork();
    (void)state;

    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    make_stacks();
    assert_int_equal(rig_open(&rig, 2 << 20, 256 << 20, rig_no_wait, NULL), 0);
    atomic_store(&rig.header->readers[3].pid, (uint32_t)child);
    fill(&rig, 26 * n_in_segment, &futex_seen);
    assert_in_range(last_folded(&rig), 17, 26);
    assert_int_equal(atomic_load(&rig.header->readers[3].pid), 0);
    rig_close(&rig);
    assert_int_equal(rig_open(&rig, 2 << 20, 256 << 20, rig_no_wait, NULL), 0);
    atomic_store(&rig.header->readers[3].pid_namespace, 1);
    atomic_store(&rig.header->readers[3].pid, (uint32_t)child);
    fill(&rig, 26 * n_in_segment, &futex_seen);
    assert_int_equal(last_folded(&rig), 0);
    assert_int_equal(atomic_load(&rig.header->readers[3].pid), (uint32_t)child);
    rig_close(&rig);
}

/* Segments follow each other without a gap in their sequence, whatever is folded. */
static void sequence(void **state)
{
    static struct rig rig;
    uint32_t futex_seen = 0;
    (void)state;

    make_stacks();
    assert_int_equal(rig_open(&rig, 2 << 20, 256 << 20, rig_no_wait, NULL), 0);
    for (uint32_t round = 0; round < 50; round++) {
        fill(&rig, 7000, &futex_seen);
        uint64_t before = rig_segment(&rig, 0)->sequence;
        for (uint32_t i = 1; i < rig_n_segments(&rig); i++) {
            assert_int_equal(rig_segment(&rig, i)->kind, PP_SEGMENT_RAW);
            assert_int_equal(rig_segment(&rig, i)->sequence, before + 1);
            before++;
        }
    }
    assert_int_equal(rig_total(&rig).count, 50 * 7000);
    rig_close(&rig);
}

/* ---- little memory ---- */

/* Where there is hardly any shared memory the segments are smaller, and the sums coarser: three
 * small segments are enough to lose nothing.  With less, nothing crashes, and what found no room is
 * counted. */
static void tiny_memory(void **state)
{
    static const uint64_t BYTES[] = {128 << 10, 160 << 10, 256 << 10, 400 << 10, 1 << 20, 2 << 20};
    static struct rig rig;
    (void)state;

    make_stacks();
    for (uint32_t i = 0; i < sizeof BYTES / sizeof *BYTES; i++) {
        const uint64_t n_bytes = BYTES[i];
        uint32_t futex_seen = 0, n_lost = 0;
        assert_int_equal(rig_open(&rig, n_bytes, n_bytes, rig_no_wait, NULL), 0);
        assert_in_range(rig.segments.segment_bytes, PP_SEGMENT_LEAST_BYTES, PP_SEGMENT_BYTES);
        for (uint32_t k = 0; k < 50000; k++) {
            const struct pp_sig_event event = make_event(k * UINT64_C(10000000), 1, 1);
            n_lost += pp_sig_store_event(rig.header, &event, stacks[k % 100].pcs,
                                         &stacks[k % 100].walk) != 0;
            rig_tend_when_asked(&rig, &futex_seen);
            if (k % 1000 == 0)
                pp_segments_tend(&rig.segments);
        }
        assert_int_equal(rig_total(&rig).count, 50000 - n_lost);
        assert_int_equal(atomic_load(&rig.header->losses[PP_LOSS_NO_SPACE]), n_lost);
        assert_in_range(rig.file.n_bytes, 1, n_bytes);
        if (n_bytes >= 256 << 10)
            assert_int_equal(n_lost, 0);
        print_message("%4u KiB: segments of %u KiB, %u of 50000 lost\n", (unsigned)(n_bytes >> 10),
                      (unsigned)(rig.segments.segment_bytes >> 10), n_lost);
        rig_close(&rig);
    }
}

/* Not even one small segment: an error, and nothing else. */
static void no_memory(void **state)
{
    static struct rig rig;
    (void)state;

    assert_int_equal(rig_open(&rig, 64 << 10, 64 << 10, rig_no_wait, NULL), -ENOSPC);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_hour),          cmocka_unit_test(storm_of_stacks),
        cmocka_unit_test(storm_of_threads), cmocka_unit_test(readers),
        cmocka_unit_test(dead_readers),     cmocka_unit_test(sequence),
        cmocka_unit_test(tiny_memory),      cmocka_unit_test(no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
