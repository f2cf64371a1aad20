/* Folding alone: what comes out is what went in, summed, in no more memory than was given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/fold.h"
#include "sigsafe/store.h"

enum {
    SEGMENT_BYTES = 256 * 1024,
    N_SLOTS = 1024,
    N_EVENTS = 2000,
    MAX_SUMS = 8192,
    CANARY_BYTES = 4096,
    SLICE_NS = PP_REC_SLICE_NS
};

/* What identifies a sum, and its values: kept in the simplest way. */
struct sum {
    uint64_t slice_ns, stack_pc;
    uint32_t thread, label_set, span;
    uint16_t flags;
    uint8_t n_values;
    int64_t values[3];
    double weights[2];
};

struct sums {
    struct sum sums[MAX_SUMS];
    uint32_t n_sums;
};

static void add_sum(struct sums *sums, const struct sum *one)
{
    uint32_t i = 0;

    for (; i < sums->n_sums; i++) {
        const struct sum *sum = &sums->sums[i];
        if (sum->slice_ns == one->slice_ns && sum->stack_pc == one->stack_pc &&
            sum->thread == one->thread && sum->label_set == one->label_set &&
            sum->span == one->span && sum->flags == one->flags && sum->n_values == one->n_values)
            break;
    }
    if (i == sums->n_sums) {
        assert_true(sums->n_sums < MAX_SUMS);
        sums->sums[sums->n_sums] = *one;
        memset(sums->sums[sums->n_sums].values, 0, sizeof one->values);
        memset(sums->sums[sums->n_sums].weights, 0, sizeof one->weights);
        sums->n_sums++;
    }
    for (int k = 0; k < one->n_values; k++)
        sums->sums[i].values[k] += one->values[k];
    for (int k = 0; k < 2; k++)
        sums->sums[i].weights[k] += one->weights[k];
}

static char *area_of(struct pp_rec_segment *segment)
{
    return (char *)segment + segment->area_offset;
}

/* The events of a segment as sums, each rounded to 'slice_ns', spans left out or not. */
static void read_sums(struct pp_rec_segment *segment, uint64_t slice_ns, bool forget_spans,
                      struct sums *sums)
{
    const uint32_t n_log_bytes = (uint32_t)segment->used;
    struct pp_rec_event *event;
    uint32_t at = 0;

    while ((event = pp_segment_event(segment, &at, n_log_bytes)) != NULL) {
        const struct pp_rec_stack *stack =
            (const struct pp_rec_stack *)(area_of(segment) + (uint64_t)event->stack * 8);
        struct sum sum = {event->time_ns / slice_ns * slice_ns,
                          stack->pcs[0],
                          event->thread,
                          event->label_set,
                          forget_spans ? 0 : event->span,
                          event->flags & (uint16_t)~PP_EVENT_TIMED,
                          event->n_values,
                          {0},
                          {0}};
        for (int k = 0; k < event->n_values; k++)
            sum.values[k] = event->values[k];
        if ((event->flags & PP_EVENT_WEIGHTED) != 0)
            memcpy(sum.weights, &event->values[event->n_values], sizeof sum.weights);
        if (event->state_bytes >> 24 == PP_EVENT_COMMITTED)
            add_sum(sums, &sum);
        at += event->state_bytes & 0xffffff;
    }
}

static void assert_equal_sums(const struct sums *seen, const struct sums *truth)
{
    struct sums *left = malloc(sizeof *left);

    /* Subtracted, nothing is left of any. */
    *left = *truth;
    for (uint32_t i = 0; i < seen->n_sums; i++) {
        struct sum minus = seen->sums[i];
        for (int k = 0; k < 3; k++)
            minus.values[k] = -minus.values[k];
        for (int k = 0; k < 2; k++)
            minus.weights[k] = -minus.weights[k];
        add_sum(left, &minus);
    }
    assert_int_equal(seen->n_sums, truth->n_sums);
    assert_int_equal(left->n_sums, truth->n_sums);
    for (uint32_t i = 0; i < left->n_sums; i++) {
        for (int k = 0; k < 3; k++)
            assert_int_equal(left->sums[i].values[k], 0);
        for (int k = 0; k < 2; k++)
            assert_true(left->sums[i].weights[k] == 0);
    }
    free(left);
}

static uint64_t next_random(void)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static struct pp_rec_segment *new_segment(uint64_t sequence)
{
    struct pp_rec_segment *segment = calloc(1, SEGMENT_BYTES);

    assert_non_null(segment);
    pp_sig_segment_init(segment, SEGMENT_BYTES, N_SLOTS, sequence);
    return segment;
}

/* An event of up to 'n_kinds' of each thing that tells sums apart; false when there is no room. */
static bool add_random_event(struct pp_rec_segment *segment, uint64_t n_kinds)
{
    static const uint16_t FLAGS[] = {0, PP_EVENT_WEIGHTED, PP_EVENT_TRUNCATED, PP_EVENT_TIMED};
    const uint64_t pcs[2] = {0x1000 + next_random() % n_kinds * 16, 0x99};
    const uint32_t stack = pp_sig_segment_stack(segment, pcs, 2, 0, pcs[0] * 0x9e3779b97f4a7c15u);
    const uint16_t flags = FLAGS[next_random() % 4];
    const uint8_t n_values = (uint8_t)(2 + next_random() % 2);
    const uint32_t n_bytes = (uint32_t)sizeof(struct pp_rec_event) + n_values * 8u +
                             ((flags & (PP_EVENT_WEIGHTED | PP_EVENT_TIMED)) != 0 ? 16 : 0);
    struct pp_rec_event *event = stack == 0 ? NULL : pp_sig_segment_reserve(segment, n_bytes);
    const double weights[2] = {(double)(next_random() % 100), (double)(next_random() % 100)};

    if (event == NULL)
        return false;
    event->family = PP_FAMILY_CPU;
    event->n_values = n_values;
    event->flags = flags;
    event->time_ns = next_random() % n_kinds * SLICE_NS / 2;
    event->thread = (uint32_t)(next_random() % n_kinds);
    event->stack = stack;
    event->label_set = (uint32_t)(next_random() % 2);
    event->span = (uint32_t)(next_random() % 3);
    event->values[0] = 1;
    for (int k = 1; k < n_values; k++)
        event->values[k] = (int64_t)(next_random() % 1000000);
    if ((flags & PP_EVENT_WEIGHTED) != 0)
        memcpy(&event->values[n_values], weights, sizeof weights);
    /* One in eight: its writer was stopped before it committed. */
    if (next_random() % 8 != 0)
        event->state_bytes = n_bytes | (uint32_t)PP_EVENT_COMMITTED << 24;
    return true;
}

static const struct pp_fold_room USUAL = {1 << 20, 4096, 16384, SEGMENT_BYTES};

/* Memory with a canary behind it. */
static void begin(struct pp_fold *fold, const struct pp_fold_room *room, uint64_t slice_ns)
{
    const uint64_t n_bytes = pp_fold_memory_bytes(room);
    char *memory = calloc(1, n_bytes + CANARY_BYTES);

    assert_non_null(memory);
    memset(memory + n_bytes, 0x5a, CANARY_BYTES);
    pp_fold_begin(fold, memory, room, slice_ns);
}

static void end(struct pp_fold *fold, const struct pp_fold_room *room)
{
    const char *memory = (const char *)fold->out;

    for (int i = 0; i < CANARY_BYTES; i++)
        assert_int_equal(memory[pp_fold_memory_bytes(room) + (uint64_t)i], 0x5a);
    free(fold->out);
}

/* Events of several segments, committed or not, come out as exactly their sums by time slice,
 * thread, stack, labels, span and flags; closed up they are the same. */
static void sums_equal_the_events(void **state)
{
    struct sums *truth = calloc(1, sizeof *truth), *seen = calloc(1, sizeof *seen);
    struct pp_rec_segment *closed;
    struct pp_fold fold;
    uint64_t n_events = 0;

    (void)state;
    begin(&fold, &USUAL, SLICE_NS);
    for (uint64_t sequence = 1; sequence <= 3; sequence++) {
        struct pp_rec_segment *segment = new_segment(sequence);
        while (n_events < sequence * N_EVENTS / 2 && add_random_event(segment, 4))
            n_events++;
        read_sums(segment, SLICE_NS, false, truth);
        assert_int_equal(pp_fold_add(&fold, segment), 0);
        free(segment);
    }
    assert_int_equal(fold.out->sequence, 3);
    assert_true(fold.out->n_folded_events > n_events * 3 / 4 &&
                fold.out->n_folded_events < n_events);
    read_sums(fold.out, SLICE_NS, false, seen);
    assert_equal_sums(seen, truth);
    closed = calloc(1, pp_fold_bytes(&fold));
    pp_fold_finish(&fold, closed);
    memset(seen, 0, sizeof *seen);
    read_sums(closed, SLICE_NS, false, seen);
    assert_equal_sums(seen, truth);
    assert_true(pp_fold_bytes(&fold) < USUAL.n_bytes / 2);
    free(closed);
    end(&fold, &USUAL);
    free(truth);
    free(seen);
}

/* Where threads stood is no quantity: of such events no sum is made, and the others' are as they
 * would be. */
static void looks_are_left_out(void **state)
{
    struct sums *truth = calloc(1, sizeof *truth), *seen = calloc(1, sizeof *seen);
    struct pp_rec_segment *segment = new_segment(1);
    struct pp_rec_event *event;
    struct pp_fold fold;
    uint32_t at = 0;

    (void)state;
    for (int i = 0; i < N_EVENTS / 2 && add_random_event(segment, 4); i++)
        ;
    read_sums(segment, SLICE_NS, false, truth);
    at = (uint32_t)segment->used;
    for (int i = 0; i < N_EVENTS / 2 && add_random_event(segment, 4); i++)
        ;
    for (const uint32_t n_log_bytes = (uint32_t)segment->used;
         (event = pp_segment_event(segment, &at, n_log_bytes)) != NULL;
         at += event->state_bytes & 0xffffff)
        event->family = PP_FAMILY_THREADS;
    begin(&fold, &USUAL, SLICE_NS);
    assert_int_equal(pp_fold_add(&fold, segment), 0);
    read_sums(fold.out, SLICE_NS, false, seen);
    assert_equal_sums(seen, truth);
    end(&fold, &USUAL);
    free(segment);
    free(truth);
    free(seen);
}

/* Sums folded again in wider slices, and without spans, are the events' own sums in those. */
static void slices_widen(void **state)
{
    struct sums *truth = calloc(1, sizeof *truth), *seen = calloc(1, sizeof *seen);
    struct pp_rec_segment *segment = new_segment(1);
    struct pp_fold fine, wide;
    uint64_t n_folded;

    (void)state;
    for (int i = 0; i < N_EVENTS && add_random_event(segment, 8); i++)
        ;
    begin(&fine, &USUAL, SLICE_NS);
    assert_int_equal(pp_fold_add(&fine, segment), 0);
    n_folded = fine.out->n_folded_events;
    begin(&wide, &USUAL, 4 * SLICE_NS);
    wide.forget_spans = true;
    assert_int_equal(pp_fold_add(&wide, fine.out), 0);
    read_sums(segment, 4 * SLICE_NS, true, truth);
    read_sums(wide.out, 4 * SLICE_NS, false, seen);
    assert_equal_sums(seen, truth);
    assert_int_equal(wide.out->slice_ns, 4 * SLICE_NS);
    assert_int_equal(wide.out->n_folded_events, n_folded);
    assert_true(wide.n_events < fine.n_events);
    end(&fine, &USUAL);
    end(&wide, &USUAL);
    free(segment);
    free(truth);
    free(seen);
}

/* An output that is too small in bytes or for its sums says so; where only its stacks are crowded
 * nothing is lost.  Nothing behind it is touched. */
static void the_bound_is_kept(void **state)
{
    static const struct {
        struct pp_fold_room room;
        int result;
    } SMALL[] = {
        {{16 * 1024, 1024, 16384, SEGMENT_BYTES}, -ENOSPC},
        {{1 << 20, 4096, 256, SEGMENT_BYTES}, -ENOSPC},
        {{1 << 20, 64, 16384, SEGMENT_BYTES}, 0},
        {{1 << 20, 4096, 16384, 64}, 0}, /* stacks are not remembered from event to event */
    };
    struct pp_rec_segment *segment = new_segment(1);
    struct sums *truth = calloc(1, sizeof *truth), *seen = calloc(1, sizeof *seen);

    (void)state;
    for (int i = 0; i < N_EVENTS && add_random_event(segment, 512); i++)
        ;
    read_sums(segment, SLICE_NS, false, truth);
    for (size_t i = 0; i < sizeof SMALL / sizeof SMALL[0]; i++) {
        struct pp_fold fold;
        begin(&fold, &SMALL[i].room, SLICE_NS);
        assert_int_equal(pp_fold_add(&fold, segment), SMALL[i].result);
        memset(seen, 0, sizeof *seen);
        read_sums(fold.out, SLICE_NS, false, seen);
        if (SMALL[i].result == 0)
            assert_equal_sums(seen, truth);
        end(&fold, &SMALL[i].room);
    }
    free(segment);
    free(truth);
    free(seen);
}

/* Stacks given up become [folded]; their samples are counted once, and their time stays. */
static void losses_are_counted(void **state)
{
    struct pp_rec_segment *segment = new_segment(1);
    struct pp_fold first, second;
    struct sums *truth = calloc(1, sizeof *truth), *seen = calloc(1, sizeof *seen);
    int64_t n_samples = 0, ns = 0;

    (void)state;
    for (int i = 0; i < N_EVENTS && add_random_event(segment, 16); i++)
        ;
    read_sums(segment, SLICE_NS, false, truth);
    begin(&first, &USUAL, SLICE_NS);
    first.forget_below = PP_FOLD_FORGET_ALL;
    assert_int_equal(pp_fold_add(&first, segment), 0);
    read_sums(first.out, SLICE_NS, false, seen);
    for (uint32_t i = 0; i < truth->n_sums; i++)
        n_samples += truth->sums[i].values[0], ns += truth->sums[i].values[1];
    assert_int_equal(first.n_forgotten, n_samples);
    for (uint32_t i = 0; i < seen->n_sums; i++) {
        assert_int_equal(seen->sums[i].stack_pc, PP_PC_FOLDED);
        n_samples -= seen->sums[i].values[0], ns -= seen->sums[i].values[1];
    }
    assert_true(n_samples == 0 && ns == 0);
    begin(&second, &USUAL, SLICE_NS);
    second.forget_below = PP_FOLD_FORGET_ALL;
    assert_int_equal(pp_fold_add(&second, first.out), 0);
    assert_int_equal(second.n_forgotten, 0);
    end(&first, &USUAL);
    end(&second, &USUAL);
    free(segment);
    free(truth);
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_equal_the_events), cmocka_unit_test(looks_are_left_out),
        cmocka_unit_test(slices_widen),          cmocka_unit_test(the_bound_is_kept),
        cmocka_unit_test(losses_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
