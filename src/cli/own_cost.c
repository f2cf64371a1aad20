/* What profiling cost, as recordings themselves count it. */
#include "cli/own_cost.h"
#include "recording/delivery_cost.h"

#include <stddef.h>
#include <sys/stat.h>

/* What was reserved: a reader's copy is without the empty room. */
static uint64_t shared_bytes(const char *path, uint64_t n_copied)
{
    struct stat file;

    return path[0] != '\0' && stat(path, &file) == 0 ? (uint64_t)file.st_size : n_copied;
}

void pp_own_cost_add(struct pp_own_cost *cost, const char *path,
                     const struct pp_recording_reader *reader)
{
    const struct pp_rec_header *head = reader != NULL ? pp_recording_header(reader) : NULL;
    const struct pp_rec_thread *thread;
    uint64_t n_samples = 0;

    if (head == NULL)
        return;
    for (uint32_t i = 0; (thread = pp_recording_thread(reader, i)) != NULL; i++)
        n_samples += thread->n_samples;
    cost->n_recordings++;
    cost->n_samples += n_samples;
    cost->program_ns += head->cpu_ns;
    cost->helper_ns += head->helper_cpu_ns;
    cost->handlers_ns += head->handler_cpu_ns;
    cost->delivery_ns += pp_rec_delivery_cost_ns(head, n_samples);
    cost->n_calibrated += pp_rec_delivery_is_known(head);
    cost->children_ns += head->own_children_ns;
    cost->recording_bytes += shared_bytes(path, head->n_bytes);
    cost->table_bytes += head->table_bytes + head->heap.tables_bytes;
}

uint64_t pp_own_cost_ns(const struct pp_own_cost *cost)
{
    return cost->helper_ns + cost->handlers_ns + cost->delivery_ns + cost->children_ns;
}

void pp_own_cost_sum(struct pp_own_cost *cost, const struct pp_own_cost *more)
{
    cost->n_recordings += more->n_recordings;
    cost->n_samples += more->n_samples;
    cost->program_ns += more->program_ns;
    cost->helper_ns += more->helper_ns;
    cost->handlers_ns += more->handlers_ns;
    cost->delivery_ns += more->delivery_ns;
    cost->n_calibrated += more->n_calibrated;
    cost->children_ns += more->children_ns;
    cost->recording_bytes += more->recording_bytes;
    cost->table_bytes += more->table_bytes;
    cost->written_bytes += more->written_bytes;
}
