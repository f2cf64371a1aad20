/* write_waits FILE: a recording of waits, locks and CPU made by hand, whose true profile is known,
 * for tests of the command: two pools of threads, worker-1 and worker-2 that mostly wait for a
 * condition in the same stack, and main, which reads, works and waits for a lock. */
#include <stdio.h>
#include <time.h>

#include "writer.h"

enum { BASE = 0x10000, MS = 1000000, N_THREADS = 3, RUN_MS = 10000 };

static const char *const names[N_THREADS] = {"main", "worker-1", "worker-2"};

static void add(struct pp_rec_segment *segment, enum pp_rec_family family, uint32_t thread,
                uint64_t time_ms, uint32_t stack, enum pp_rec_wait wait,
                enum pp_rec_descriptor descriptor, int64_t count, int64_t ms)
{
    const uint16_t flags = (uint16_t)(wait * PP_EVENT_WAIT + descriptor * PP_EVENT_DESCRIPTOR);
    struct pp_rec_event *event = writer_event(segment, time_ms * MS, thread, stack, flags, ms * MS);

    event->family = (uint8_t)family;
    event->values[0] = count;
    if (family != PP_FAMILY_LOCK && family != PP_FAMILY_HOLDER)
        return;
    event->n_values = PP_WAIT_N_LOCK_VALUES;
    event->values[PP_WAIT_LOCK] = 0x7f0012345678;
    event->state_bytes = (32 + 24) | (uint32_t)PP_EVENT_COMMITTED << 24;
    segment->used += 8;
}

/* A stack of a leaf at 'leaf' below a root at BASE. */
static uint32_t stack_of(struct pp_rec_segment *segment, uint64_t leaf)
{
    const uint64_t pcs[] = {BASE + leaf, BASE + 1};

    return writer_stack(segment, pcs, 2);
}

static void write_events(struct pp_rec_segment *segment)
{
    static const uint64_t nowhere[] = {2};
    const uint32_t work = stack_of(segment, 0x100), reads = stack_of(segment, 0x200),
                   idle = stack_of(segment, 0x300), locks = stack_of(segment, 0x400),
                   none = writer_stack(segment, nowhere, 1);

    for (uint64_t i = 1; i <= 10; i++) {
        add(segment, PP_FAMILY_CPU, 0, 1000 * i, work, 0, 0, 1, 400);
        add(segment, PP_FAMILY_OFFCPU, 0, 1000 * i, reads, PP_WAIT_READ, PP_DESCRIPTOR_PIPE, 1,
            300);
        add(segment, PP_FAMILY_OFFCPU, 0, 1000 * i, locks, PP_WAIT_MUTEX, 0, 1, 200);
        add(segment, PP_FAMILY_OFFCPU, 0, 1000 * i, none, PP_WAIT_RUN_QUEUE, 0, 1, 100);
        add(segment, PP_FAMILY_LOCK, 0, 1000 * i, locks, PP_WAIT_MUTEX, 0, 1, 200);
        add(segment, PP_FAMILY_HOLDER, 1, 1000 * i, work, PP_WAIT_MUTEX, 0, 1, 200);
        for (uint32_t worker = 1; worker < N_THREADS; worker++) {
            add(segment, PP_FAMILY_CPU, worker, 1000 * i, work, 0, 0, 1, 50);
            add(segment, PP_FAMILY_OFFCPU, worker, 1000 * i, idle, PP_WAIT_CONDITION, 0, 1, 950);
        }
    }
}

int main(int argc, char **argv)
{
    struct writer writer = writer_new();
    FILE *file = argc == 2 ? fopen(argv[1], "wbe") : NULL;

    if (file == NULL)
        return 2;
    writer_module(&writer, "/gone/prog", BASE, BASE + 0x10000, 0, 0);
    writer_table(&writer, &writer.head->waits.threads, sizeof(struct pp_rec_thread_waits));
    for (uint32_t i = 0; i < N_THREADS; i++) {
        struct pp_rec_thread *thread = writer_thread(&writer, 42 + i, names[i]);
        struct pp_rec_thread_waits *waits = writer_item(&writer, &writer.head->waits.threads);
        thread->n_samples = 10;
        thread->sampled_ns = (i == 0 ? 4000ULL : 500ULL) * MS;
        waits->wall_ns = (uint64_t)RUN_MS * MS;
        waits->cpu_ns = thread->sampled_ns;
        waits->blocked_ns = (i == 0 ? 5000ULL : 9500ULL) * MS;
        waits->run_queue_ns = i == 0 ? 1000ULL * MS : 0;
        waits->n_waits = 20;
        waits->n_contentions = i == 0 ? 10 : 0;
        waits->delay_ns = i == 0 ? 2000ULL * MS : 0;
    }
    writer.head->start_realtime_ns = (int64_t)time(NULL) * 1000 * MS; /* old ones are not sent */
    writer.head->kinds = 7;
    writer.head->waits.interval_ns = writer.head->waits.lock_interval_ns = 10 * MS;
    writer.head->end_ns = (uint64_t)RUN_MS * MS;
    writer.head->cpu_ns = 5000ULL * MS;
    writer.head->n_samples = 30;
    write_events(writer_segment(&writer, PP_SEGMENT_RAW, 1, 64 * 1024));
    return fwrite(writer.bytes, 1, writer.n_next, file) == writer.n_next && fclose(file) == 0 ? 0
                                                                                              : 1;
}
