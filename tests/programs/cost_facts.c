/* What a recording says of what its samples have cost, as one JSON line.  Argument: its path. */
#include <inttypes.h>
#include <stdio.h>

#include "recording/delivery_cost.h"
#include "recording/reader.h"

int main(int argc, char **argv)
{
    struct pprofc_error err = {.message = "no recording is given"};
    struct pp_recording_reader *reader;
    const struct pp_rec_header *head;
    const struct pp_rec_thread *thread;
    uint64_t n_samples = 0, n_by_timer = 0;

    if (argc < 2 || pp_recording_open(argv[1], &reader, &err) != 0) {
        (void)fprintf(stderr, "cost_facts: %s\n", err.message);
        return 2;
    }
    head = pp_recording_header(reader);
    for (uint32_t i = 0; (thread = pp_recording_thread(reader, i)) != NULL; i++) {
        n_samples += thread->n_samples;
        n_by_timer += thread->n_by_timer;
    }
    printf("{\"n_samples\": %" PRIu64 ", \"n_by_timer\": %" PRIu64 ", \"is_known\": %d"
           ", \"delivery\": %u, \"delivery_ns\": %" PRIu64 ", \"timer_delivery_ns\": %u"
           ", \"cost_ns\": %" PRIu64 "}\n",
           n_samples, n_by_timer, pp_rec_delivery_is_known(head), head->delivery, head->delivery_ns,
           head->timer_delivery_ns, pp_rec_delivery_cost_ns(head, n_samples));
    pp_recording_close(reader);
    return 0;
}
