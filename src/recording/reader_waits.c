/* Where all threads' time went until now: read in place, since a copy of all would cost more than
 * what a window's ends are worth. */
#include <stddef.h>

#include "recording/reader_private.h"

enum { MAX_THREADS = 1 << 20 };

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add(_Atomic uint64_t *sum, const _Atomic uint64_t *more)
{
    atomic_store_explicit(sum, load(sum) + load(more), memory_order_relaxed);
}

static void add_waits(struct pp_rec_thread_waits *sum, const struct pp_rec_thread_waits *one)
{
    add(&sum->wall_ns, &one->wall_ns);
    add(&sum->cpu_ns, &one->cpu_ns);
    add(&sum->blocked_ns, &one->blocked_ns);
    add(&sum->run_queue_ns, &one->run_queue_ns);
    add(&sum->throttled_ns, &one->throttled_ns);
    add(&sum->unattributed_ns, &one->unattributed_ns);
    add(&sum->n_waits, &one->n_waits);
    add(&sum->n_contentions, &one->n_contentions);
    add(&sum->delay_ns, &one->delay_ns);
}

/* A table as its writer has it: blocks that double. */
static void add_source(const struct pp_recording_source *source, struct pp_rec_thread_waits *sum)
{
    struct pp_rec_table table;
    struct pp_rec_thread_waits one;
    uint32_t n_left, n_in_block;

    if (pp_recording_read_source(source, offsetof(struct pp_rec_header, waits.threads), &table,
                                 sizeof table, NULL) != 0 ||
        table.item_bytes < sizeof one || table.n_items > MAX_THREADS)
        return;
    n_left = table.n_items;
    n_in_block = table.n_first;
    for (int block = 0; block < PP_REC_MAX_BLOCKS && n_left > 0; block++, n_in_block *= 2) {
        for (uint32_t i = 0; i < n_in_block && n_left > 0; i++, n_left--) {
            const uint64_t at = table.blocks[block] + (uint64_t)i * table.item_bytes;
            if (pp_recording_read_source(source, at, &one, sizeof one, NULL) != 0)
                return;
            add_waits(sum, &one);
        }
    }
}

void pp_recording_waits_now(struct pp_recording_reader *reader, struct pp_rec_thread_waits *sum_out)
{
    const struct pp_rec_thread_waits *one;

    *sum_out = (struct pp_rec_thread_waits){.wall_ns = 0};
    if (reader->source.fd < 0 && reader->source.bytes == NULL) {
        for (uint32_t i = 0; (one = pp_recording_thread_waits(reader, i)) != NULL; i++)
            add_waits(sum_out, one);
        return;
    }
    if (reader->source.fd < 0 || pp_recording_measure_source(&reader->source, NULL) == 0)
        add_source(&reader->source, sum_out);
}
