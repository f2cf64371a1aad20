/* Copies of a recording whose process writes on, folds and uses memory again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "recording/reader.h"
#include "shared.h"

enum { N_COPIES = 1000, N_RAW = 3, SEGMENT_BYTES = 8192 };

/* ---- the living process: one thread that is handler and helper in turn ---- */

struct process {
    struct shared shared;
    uint64_t raw[N_RAW], folded[2];
    uint64_t sequence; /* given last */
    uint64_t n_folded; /* events in the folded segment */
    uint32_t n_flips;
};

static struct pp_rec_segment *segment_at(struct process *process, uint64_t offset)
{
    return (struct pp_rec_segment *)(process->shared.writer.bytes + offset);
}

/* Publish a directory of these segments (0: none). */
static void flip(struct process *process, const uint64_t *offsets, uint32_t n_offsets)
{
    struct pp_rec_header *head = process->shared.writer.head;
    const uint32_t next = head->directory_index + 1;

    head->n_segments[next & 1] = 0;
    for (uint32_t i = 0; i < n_offsets; i++) {
        if (offsets[i] != 0)
            head->segments[next & 1][head->n_segments[next & 1]++] =
                (struct pp_rec_segment_ref){offsets[i], SEGMENT_BYTES};
    }
    atomic_store_explicit(&head->directory_index, next, memory_order_release);
    process->n_flips++;
}

/* A folded segment that holds events 0 to n - 1 as one: {n, sum}. */
static void write_folded(struct process *process, uint64_t offset, uint64_t n, uint64_t sequence)
{
    static const uint64_t pcs[1] = {0x777};
    struct pp_rec_segment *segment = segment_at(process, offset);
    struct pp_rec_event *event;

    memset(segment, 0, SEGMENT_BYTES);
    pp_sig_segment_init(segment, SEGMENT_BYTES, 16, sequence);
    segment->kind = PP_SEGMENT_FOLDED;
    segment->slice_ns = PP_REC_SLICE_NS;
    event =
        writer_event(segment, 0, 0, writer_stack(segment, pcs, 1), 0, (int64_t)(n * (n - 1) / 2));
    event->values[0] = (int64_t)n;
}

/* The segment 'full' is sealed: fold it, forget it, and make it a spare. */
static void help(struct process *process, uint64_t full, uint64_t n_events)
{
    struct pp_rec_header *head = process->shared.writer.head;
    const uint64_t folded = process->folded[0];
    uint64_t others[4] = {folded, 0, 0, 0};
    uint32_t n_others = 1;

    write_folded(process, folded, n_events, segment_at(process, full)->sequence);
    process->folded[0] = process->folded[1];
    process->folded[1] = folded;
    for (uint32_t i = 0; i < N_RAW; i++) {
        if (process->raw[i] != full)
            others[n_others++] = process->raw[i];
    }
    flip(process, others, n_others);
    memset(segment_at(process, full), 0, SEGMENT_BYTES);
    pp_sig_segment_init(segment_at(process, full), SEGMENT_BYTES, 64, ++process->sequence);
    others[n_others++] = full;
    flip(process, others, n_others);
    for (uint32_t i = 0; i < PP_REC_MAX_SPARES; i++) {
        if (head->spares[i] == 0) {
            head->spares[i] = full;
            return;
        }
    }
}

static void live(struct process *process)
{
    struct pp_rec_header *head = process->shared.writer.head;
    uint64_t active = head->active;

    for (uint64_t k = 0;; k++) {
        if (shared_store(&process->shared, 0, k) != 0)
            _exit(1);
        atomic_store_explicit(&process->shared.told[0], k + 1, memory_order_release);
        if (head->active != active) {
            /* Event k went into the new segment: the old ones hold 0 to k - 1. */
            help(process, active, k);
            active = head->active;
            (void)usleep(200); /* a real helper rests for seconds */
        }
    }
}

static struct process begin(void)
{
    struct process process = {.shared = shared_new(1 << 20)};
    struct pp_rec_header *head = process.shared.writer.head;

    writer_thread(&process.shared.writer, 1, "main");
    for (int i = 0; i < N_RAW; i++)
        process.raw[i] = shared_segment(&process.shared, SEGMENT_BYTES, ++process.sequence);
    process.folded[0] = shared_segment(&process.shared, SEGMENT_BYTES, 0);
    process.folded[1] = shared_segment(&process.shared, SEGMENT_BYTES, 0);
    flip(&process, process.raw, N_RAW);
    head->spares[0] = process.raw[1];
    head->spares[1] = process.raw[2];
    head->active = process.raw[0];
    return process;
}

/* ---- the copies ---- */

struct pass {
    uint64_t n_folded, n_raw;
    bool is_wrong;
};

static int check_event(void *context, const struct pp_recording_event *event)
{
    struct pass *pass = context;
    const uint64_t k = (uint64_t)event->values[1];

    if (event->slice_ns != 0) {
        const uint64_t n = (uint64_t)event->values[0];
        pass->is_wrong |= pass->n_folded != 0 || pass->n_raw != 0 || k != n * (n - 1) / 2 ||
                          event->n_frames != 1 || event->pcs[0] != 0x777;
        pass->n_folded = n;
        return 0;
    }
    pass->is_wrong |= event->values[0] != 1 || k != pass->n_folded + pass->n_raw ||
                      event->time_ns != k || !shared_is_stack_of(k, event->pcs, event->n_frames);
    pass->n_raw++;
    return 0;
}

static struct pass check_copy(struct pp_recording_reader *reader)
{
    struct pp_recording_reader *copied = NULL;
    struct pprofc_error err = {0};
    struct pass pass = {0};
    struct pp_buffer copy = PP_BUFFER_INIT;

    if (pp_recording_copy(reader, &copy, &err) != 0 ||
        pp_recording_view(copy.bytes, copy.n_bytes, "copy", &copied, &err) != 0)
        fail_msg("%s", err.message);
    (void)pp_recording_each(copied, check_event, &pass);
    pp_recording_close(copied);
    pp_buffer_done(&copy);
    return pass;
}

/* 1000 copies, by file and by memory in turn, while a process writes, folds and reuses segments:
 * each holds every event that was stored before it began, each once, in order, with its own stack.
 */
static void copies_are_consistent(void **state)
{
    struct process process = begin();
    struct pp_recording_reader *by_file = NULL, *by_memory = NULL;
    uint64_t n_folds = 0, n_last_folded = 0;
    const pid_t pid = fork();

    (void)state;
    if (pid == 0)
        live(&process);
    process.shared.writer.head->pid = process.shared.writer.head->namespace_pid = pid;
    assert_int_equal(pp_recording_open(process.shared.path, &by_file, NULL), 0);
    assert_int_equal(pp_recording_view(process.shared.writer.bytes, process.shared.writer.n_room,
                                       "memory", &by_memory, NULL),
                     0);
    for (int i = 0; i < N_COPIES; i++) {
        const uint64_t before = atomic_load_explicit(&process.shared.told[0], memory_order_acquire);
        const struct pass pass = check_copy(i % 2 == 0 ? by_file : by_memory);
        const uint64_t after = atomic_load_explicit(&process.shared.told[0], memory_order_acquire);

        assert_false(pass.is_wrong);
        assert_in_range(pass.n_folded + pass.n_raw, before, after + 1);
        n_folds += pass.n_folded != n_last_folded;
        n_last_folded = pass.n_folded;
    }
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    assert_true(n_folds > 10); /* else nothing was in its way */
    pp_recording_close(by_file);
    pp_recording_close(by_memory);
    shared_done(&process.shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
