/* Storing events: from many threads at once, over the end of a segment, and with writers that stop
 * in the middle. */
#include "rig.h"

#include "capture/own_memory.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    N_WRITERS = 8,
    N_EACH = 20000,
    N_STACKS = 300,
    N_FRAMES = 12,
    BIG_SEGMENT_BYTES = 16 << 20,
    SMALL_SEGMENT_BYTES = 8192,
};

/* A header of our own, with segments in memory that follows it. */
struct store {
    struct pp_rec_header *header;
    uint64_t n_bytes;
};

static struct store store_new(uint64_t n_segment_bytes, uint32_t n_segments, uint32_t n_slots)
{
    struct store store = {NULL, PP_REC_HEADER_BYTES + n_segments * n_segment_bytes};

    store.header = pp_map_anonymous(store.n_bytes);
    assert_non_null(store.header);
    for (uint32_t i = 0; i < n_segments; i++)
        pp_sig_segment_init((struct pp_rec_segment *)((char *)store.header + PP_REC_HEADER_BYTES +
                                                      i * n_segment_bytes),
                            n_segment_bytes, n_slots, i + 1);
    atomic_store(&store.header->active, PP_REC_HEADER_BYTES);
    return store;
}

static uint64_t offset_of(uint32_t i, uint64_t n_segment_bytes)
{
    return PP_REC_HEADER_BYTES + i * n_segment_bytes;
}

static struct pp_rec_segment *segment_of(const struct store *store, uint64_t offset)
{
    return (struct pp_rec_segment *)((char *)store->header + offset);
}

static int store_one(const struct store *store, uint64_t stack, uint64_t time_ns)
{
    uint64_t pcs[N_FRAMES];
    const struct pp_sig_walk walk = make_stack(stack, N_FRAMES, pcs);
    const struct pp_sig_event event = make_event(time_ns, 1, 7);

    return pp_sig_store_event(store->header, &event, pcs, &walk);
}

/* ---- many threads ---- */

struct writer {
    struct store store;
    uint32_t number, n_failed;
};

static void *write_many(void *context)
{
    struct writer *writer = context;

    for (uint32_t i = 0; i < N_EACH; i++) {
        const uint64_t id = (uint64_t)writer->number * N_EACH + i;
        if (store_one(&writer->store, id * 31 % N_STACKS, id) != 0)
            writer->n_failed++;
    }
    return NULL;
}

struct seen {
    uint8_t times[N_WRITERS * N_EACH]; /* by id */
    uint32_t stacks[N_STACKS];         /* where each is kept */
    uint32_t n_wrong;
};

static void see(void *context, struct pp_rec_segment *segment, struct pp_rec_event *event)
{
    struct seen *seen = context;
    const uint64_t number = event->time_ns * 31 % N_STACKS;
    const struct pp_rec_stack *stack = stack_of(segment, event);
    uint64_t pcs[N_FRAMES];

    seen->times[event->time_ns]++;
    (void)make_stack(number, N_FRAMES, pcs);
    if (stack->n_frames != N_FRAMES || memcmp(stack->pcs, pcs, sizeof pcs) != 0)
        seen->n_wrong++;
    if (seen->stacks[number] == 0)
        seen->stacks[number] = event->stack;
    if (seen->stacks[number] != event->stack)
        seen->n_wrong++;
}

/* Eight threads that store at once lose no event and double none, and equal stacks share one entry.
 */
static void many_threads(void **state)
{
    const struct store store = store_new(BIG_SEGMENT_BYTES, 1, 4096);
    static struct seen seen;
    struct writer writers[N_WRITERS];
    pthread_t threads[N_WRITERS];
    (void)state;

    for (uint32_t i = 0; i < N_WRITERS; i++) {
        writers[i] = (struct writer){store, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, &writers[i]), 0);
    }
    for (uint32_t i = 0; i < N_WRITERS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(writers[i].n_failed, 0);
    }
    assert_int_equal(each_event(segment_of(&store, PP_REC_HEADER_BYTES), see, &seen),
                     N_WRITERS * N_EACH);
    assert_int_equal(seen.n_wrong, 0);
    for (uint32_t i = 0; i < N_WRITERS * N_EACH; i++)
        assert_int_equal(seen.times[i], 1);
    assert_int_equal(atomic_load(&store.header->losses[PP_LOSS_NO_SPACE]), 0);
    pp_unmap(store.header, store.n_bytes);
}

/* ---- with a helper that folds meanwhile ---- */

struct busy_writer {
    struct rig *rig;
    uint32_t number, n_failed;
    _Atomic uint32_t busy, n_done;
};
static struct busy_writer busy_writers[N_WRITERS];

/* As pp_wait_for_handlers() does: until each writer was seen outside of a call. */
static void wait_for_writers(void *unused)
{
    (void)unused;
    for (uint32_t i = 0; i < N_WRITERS; i++) {
        const uint32_t n_done = atomic_load(&busy_writers[i].n_done);
        while (atomic_load(&busy_writers[i].busy) != 0 &&
               atomic_load(&busy_writers[i].n_done) == n_done)
            (void)sched_yield();
    }
}

static void *write_busily(void *context)
{
    struct busy_writer *writer = context;

    for (uint32_t i = 0; i < 3 * N_EACH; i++) {
        uint64_t pcs[N_FRAMES];
        const struct pp_sig_walk walk =
            make_stack((i * 31 + writer->number) % N_STACKS, N_FRAMES, pcs);
        const struct pp_sig_event event = make_event(i * 1000, writer->number, i);
        atomic_store(&writer->busy, 1);
        if (pp_sig_store_event(writer->rig->header, &event, pcs, &walk) != 0)
            writer->n_failed++;
        atomic_fetch_add(&writer->n_done, 1);
        atomic_store(&writer->busy, 0);
    }
    return NULL;
}

struct by_thread {
    int64_t count[N_WRITERS];
};

static void count_threads(void *context, struct pp_rec_segment *segment, struct pp_rec_event *event)
{
    struct by_thread *by_thread = context;
    (void)segment;

    by_thread->count[event->thread] += event->values[0];
}

/* Eight threads that fill segments faster than a helper makes and folds them: what was not stored
 * is what was counted as lost, for each thread to the event. */
static void many_threads_and_a_helper(void **state)
{
    static struct rig rig;
    struct by_thread by_thread = {{0}};
    pthread_t threads[N_WRITERS];
    uint32_t futex_seen = 0;
    uint64_t n_failed = 0;
    (void)state;

    assert_int_equal(rig_open(&rig, 4 << 20, 64 << 20, wait_for_writers, NULL), 0);
    for (uint32_t i = 0; i < N_WRITERS; i++) {
        busy_writers[i].rig = &rig;
        busy_writers[i].number = i;
        assert_int_equal(pthread_create(&threads[i], NULL, write_busily, &busy_writers[i]), 0);
    }
    for (bool all = false; !all;) {
        all = true;
        rig_tend_when_asked(&rig, &futex_seen);
        for (uint32_t i = 0; i < N_WRITERS; i++)
            all = all && atomic_load(&busy_writers[i].n_done) == 3 * N_EACH;
        (void)sched_yield();
    }
    for (uint32_t i = 0; i < N_WRITERS; i++)
        (void)pthread_join(threads[i], NULL);
    pp_segments_tend(&rig.segments);
    rig_each_event(&rig, count_threads, &by_thread);
    for (uint32_t i = 0; i < N_WRITERS; i++) {
        assert_int_equal(by_thread.count[i] + busy_writers[i].n_failed, 3 * N_EACH);
        n_failed += busy_writers[i].n_failed;
    }
    assert_int_equal(atomic_load(&rig.header->losses[PP_LOSS_NO_SPACE]), n_failed);
    assert_in_range(rig_n_segments(&rig), 2, 20); /* many were folded */
    rig_close(&rig);
}

/* ---- from segment to segment ---- */

/* A full segment is followed by the spare with the lowest sequence, wherever that stands; each time
 * the helper is told. */
static void next_in_order(void **state)
{
    const struct store store = store_new(SMALL_SEGMENT_BYTES, 4, 64);
    uint64_t before = PP_REC_HEADER_BYTES;
    uint32_t n_switches = 0;
    (void)state;

    atomic_store(&store.header->spares[0], offset_of(3, SMALL_SEGMENT_BYTES));
    atomic_store(&store.header->spares[1], offset_of(1, SMALL_SEGMENT_BYTES));
    atomic_store(&store.header->spares[3], offset_of(2, SMALL_SEGMENT_BYTES));
    for (uint32_t i = 0; n_switches < 3; i++) {
        const int result = store_one(&store, i % 5, i);
        const uint64_t active = atomic_load(&store.header->active);
        assert_int_equal(result, 0);
        if (active == before)
            continue;
        n_switches++;
        assert_int_equal(active, offset_of(n_switches, SMALL_SEGMENT_BYTES));
        assert_true((atomic_load(&segment_of(&store, before)->used) & PP_SEGMENT_SEALED) != 0);
        assert_int_equal(atomic_load(&store.header->command_block.futex), n_switches);
        before = active;
    }
    for (uint32_t i = 0; i < PP_REC_MAX_SPARES; i++)
        assert_int_equal(atomic_load(&store.header->spares[i]), 0);
    pp_unmap(store.header, store.n_bytes);
}

/* With no spare left every event that finds no room is counted, and the next spare is used again.
 */
static void no_spare(void **state)
{
    const struct store store = store_new(SMALL_SEGMENT_BYTES, 2, 64);
    uint32_t n_stored = 0;
    (void)state;

    while (store_one(&store, 1, n_stored) == 0)
        n_stored++;
    assert_in_range(n_stored, 100, SMALL_SEGMENT_BYTES / 48);
    assert_int_equal(store_one(&store, 1, 0), -1);
    assert_int_equal(store_one(&store, 2, 0), -1);
    assert_int_equal(atomic_load(&store.header->losses[PP_LOSS_NO_SPACE]), 3);
    atomic_store(&store.header->spares[2], offset_of(1, SMALL_SEGMENT_BYTES));
    assert_int_equal(store_one(&store, 1, 0), 0);
    assert_int_equal(atomic_load(&store.header->active), offset_of(1, SMALL_SEGMENT_BYTES));
    assert_int_equal(atomic_load(&store.header->losses[PP_LOSS_NO_SPACE]), 3);
    pp_unmap(store.header, store.n_bytes);
}

/* A spare that has been sealed already, since the writer that made it active was stopped before it
 * took it out, is not used a second time. */
static void stale_spare(void **state)
{
    const struct store store = store_new(SMALL_SEGMENT_BYTES, 3, 64);
    uint32_t n = 0;
    (void)state;

    pp_sig_segment_seal(segment_of(&store, offset_of(1, SMALL_SEGMENT_BYTES)));
    atomic_store(&store.header->spares[0], offset_of(1, SMALL_SEGMENT_BYTES));
    atomic_store(&store.header->spares[1], offset_of(2, SMALL_SEGMENT_BYTES));
    while (atomic_load(&store.header->active) == PP_REC_HEADER_BYTES && n++ < 1000)
        assert_int_equal(store_one(&store, 1, 0), 0);
    assert_int_equal(atomic_load(&store.header->active), offset_of(2, SMALL_SEGMENT_BYTES));
    assert_int_equal(atomic_load(&store.header->losses[PP_LOSS_NO_SPACE]), 0);
    pp_unmap(store.header, store.n_bytes);
}

/* Nothing goes into a sealed segment, but what was reserved before is still committed. */
static void sealed(void **state)
{
    const struct store store = store_new(SMALL_SEGMENT_BYTES, 1, 64);
    struct pp_rec_segment *segment = segment_of(&store, PP_REC_HEADER_BYTES);
    struct pp_rec_event *event = pp_sig_segment_reserve(segment, 48);
    struct total total = {0, 0};
    uint64_t pcs[N_FRAMES];
    const struct pp_sig_walk walk = make_stack(1, N_FRAMES, pcs);
    (void)state;

    assert_non_null(event);
    pp_sig_segment_seal(segment);
    assert_null(pp_sig_segment_reserve(segment, 48));
    assert_int_equal(pp_sig_segment_stack(segment, pcs, N_FRAMES, 0, walk.hash), 0);
    assert_int_equal(each_event(segment, add_to_total, &total), 0);
    event->n_values = 2;
    event->values[0] = 1;
    event->values[1] = 9;
    atomic_store(&event->state_bytes, 48 | ((uint32_t)PP_EVENT_COMMITTED << 24));
    assert_int_equal(each_event(segment, add_to_total, &total), 1);
    assert_int_equal(total.ns, 9);
    pp_unmap(store.header, store.n_bytes);
}

/* ---- holes ---- */

/* Events behind one that was never committed, and behind room that was taken and never written to,
 * are found. */
static void holes(void **state)
{
    const struct store store = store_new(SMALL_SEGMENT_BYTES, 1, 64);
    struct pp_rec_segment *segment = segment_of(&store, PP_REC_HEADER_BYTES);
    struct total total = {0, 0};
    (void)state;

    assert_int_equal(store_one(&store, 1, 1), 0);
    assert_non_null(pp_sig_segment_reserve(segment, 56)); /* killed before the commit */
    assert_int_equal(store_one(&store, 2, 2), 0);
    (void)atomic_fetch_add(&segment->used, 40); /* killed before the length was there */
    assert_int_equal(store_one(&store, 3, 3), 0);
    assert_int_equal(each_event(segment, add_to_total, &total), 3);
    assert_int_equal(total.ns, 21);
    pp_unmap(store.header, store.n_bytes);
}

/* The log and the stacks never meet: filled to the last byte with stacks of all sizes, each event
 * still finds its own frames. */
static void full_to_the_brim(void **state)
{
    (void)state;

    for (uint32_t n_frames = 1; n_frames <= 33; n_frames++) {
        const struct store store = store_new(SMALL_SEGMENT_BYTES, 1, 64);
        struct pp_rec_segment *segment = segment_of(&store, PP_REC_HEADER_BYTES);
        uint64_t n = 0;
        for (;; n++) {
            uint64_t pcs[33];
            const struct pp_sig_walk walk = make_stack(n, n_frames, pcs);
            const struct pp_sig_event event = make_event(n, 1, 1);
            if (pp_sig_store_event(store.header, &event, pcs, &walk) != 0)
                break;
        }
        assert_in_range(n, 10, 200);
        const uint64_t used = atomic_load(&segment->used);
        assert_true((uint32_t)used + (used >> 32 & 0x7fffffff) + 8 <= segment->area_bytes);
        for (uint32_t at = 0, i = 0; i < n; i++, at += 48) {
            const struct pp_rec_event *event = pp_segment_event(segment, &at, (uint32_t)used);
            assert_int_equal(event->time_ns, i);
            assert_int_equal(stack_of(segment, event)->pcs[0], 0x1000 + i * 16);
            assert_int_equal(stack_of(segment, event)->n_frames, n_frames);
        }
        pp_unmap(store.header, store.n_bytes);
    }
}

/* Items of a table are found across its blocks, and none where there is no block. */
static void table_items(void **state)
{
    static struct rig rig;
    (void)state;

    assert_int_equal(rig_open(&rig, 4 << 20, 16 << 20, rig_no_wait, NULL), 0);
    assert_int_equal(pp_table_reserve(&rig.file, &rig.header->threads, 128 + 256 + 1), 0);
    for (uint32_t i = 0; i < 128 + 256 + 512; i++) {
        struct pp_rec_thread *slot = pp_sig_table_item(rig.header, &rig.header->threads, i);
        assert_non_null(slot);
        assert_int_equal(slot->start_ns, 0); /* nobody else's */
        slot->start_ns = i + 1;
    }
    for (uint32_t i = 0; i < 128 + 256 + 512; i++)
        assert_int_equal(
            ((struct pp_rec_thread *)pp_sig_table_item(rig.header, &rig.header->threads, i))
                ->start_ns,
            i + 1);
    assert_null(pp_sig_table_item(rig.header, &rig.header->threads, 128 + 256 + 512));
    assert_null(pp_sig_table_item(rig.header, &rig.header->threads, UINT32_MAX));
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads),  cmocka_unit_test(many_threads_and_a_helper),
        cmocka_unit_test(next_in_order), cmocka_unit_test(no_spare),
        cmocka_unit_test(stale_spare),   cmocka_unit_test(sealed),
        cmocka_unit_test(holes),         cmocka_unit_test(full_to_the_brim),
        cmocka_unit_test(table_items),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
