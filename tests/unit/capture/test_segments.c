/* The chain of segments: an hour in simulated time, storms of stacks, readers, and little memory.
 */
#include "rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    HOUR_THREADS = 50,
    HOUR_HZ = 100,
    HOUR_S = 3600,
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

/* One hour at 100 Hz with 50 threads, 2000 stacks and no reader drops
 * nothing: the number of samples and the nanoseconds of each thread and the samples of each stack
 * are exact, in at most 32 MiB of memory and of file. */
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

static void add_folded(void *context, struct pp_rec_segment *segment, struct pp_rec_event *event)
{
    struct total *total = context;

    if (stack_of(segment, event)->pcs[0] == PP_PC_FOLDED)
        add_to_total(total, segment, event);
}

/* When every sample has a stack of its own, the recording keeps its bound and every sample and
 * nanosecond; the samples that lost their stacks are the ones counted. */
static void storm_of_stacks(void **state)
{
    enum { N_EVENTS = 400000 };
    static struct rig rig;
    struct total total, folded = {0, 0};
    uint64_t most_held = 0;
    uint32_t futex_seen = 0;
    (void)state;

    assert_int_equal(rig_open(&rig, 2 << 20, 256 << 20, rig_no_wait, NULL), 0);
    for (uint32_t i = 0; i < N_EVENTS; i++) {
        uint64_t pcs[N_FRAMES];
        const struct pp_sig_walk walk = make_stack(i, N_FRAMES, pcs);
        const struct pp_sig_event event = make_event(i * UINT64_C(1000000), 1, i);
        assert_int_equal(pp_sig_store_event(rig.header, &event, pcs, &walk), 0);
        const uint32_t futex = futex_seen;
        rig_tend_when_asked(&rig, &futex_seen);
        if (futex != futex_seen && held_bytes(&rig) > most_held)
            most_held = held_bytes(&rig);
    }
    total = rig_total(&rig);
    assert_int_equal(total.count, N_EVENTS);
    assert_true(total.ns == (int64_t)N_EVENTS * (N_EVENTS - 1) / 2);
    rig_each_event(&rig, add_folded, &folded);
    assert_in_range(folded.count, N_EVENTS / 10, N_EVENTS);
    assert_int_equal(atomic_load(&rig.header->losses[PP_LOSS_STACK_FOLDED]), folded.count);
    assert_in_range(most_held, 1 << 20, BOUND_BYTES);
    print_message("a storm: at most %.1f MiB held, %.0f %% of the samples without their stacks\n",
                  (double)most_held / (1 << 20), 100.0 * (double)folded.count / N_EVENTS);
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

/* Segments that a reader has not taken stay as they are, until a quarter of the directory is full
 * of them: then the reader has to do with sums, and a recording that nobody reads keeps its bound.
 */
static void readers(void **state)
{
    static struct rig rig;
    uint32_t futex_seen = 0;
    const uint32_t n_in_segment = PP_SEGMENT_BYTES / 48;
    (void)state;

    make_stacks();
    assert_int_equal(rig_open(&rig, 2 << 20, 256 << 20, rig_no_wait, NULL), 0);
    atomic_store(&rig.header->readers[3].sequence, 12);
    atomic_store(&rig.header->readers[3].pid, 4711);
    fill(&rig, 26 * n_in_segment, &futex_seen);
    assert_in_range(last_folded(&rig), 8, 11); /* several at once */
    assert_in_range(rig_n_segments(&rig), 15, 25);
    atomic_store(&rig.header->readers[3].sequence, 24);
    fill(&rig, 2 * n_in_segment, &futex_seen);
    assert_in_range(last_folded(&rig), 19, 23);
    fill(&rig, 60 * n_in_segment, &futex_seen);
    assert_in_range(last_folded(&rig), 30, 80);
    assert_in_range(rig_n_segments(&rig), 5, PP_REC_MAX_SEGMENTS / 4 + 8);
    assert_int_equal(rig_total(&rig).count, 88 * n_in_segment);
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
        cmocka_unit_test(an_hour),  cmocka_unit_test(storm_of_stacks), cmocka_unit_test(readers),
        cmocka_unit_test(sequence), cmocka_unit_test(tiny_memory),     cmocka_unit_test(no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
