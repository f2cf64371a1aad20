/* Finding the committed events of a log that its writers may have left, or be filling, at any
 * instruction.
 *
 * A log is read twice.  What the first reading shows as committed was whole before the second one
 * began, so bodies are taken from the second; of a dead recording one reading serves as both. */
#include "recording/reader_private.h"

#include <string.h>

enum {
    LENGTH_MASK = (1 << 24) - 1,
};

static uint32_t state_at(const unsigned char *log, uint32_t position)
{
    uint32_t state;

    memcpy(&state, log + position, sizeof state);
    return state;
}

/* The length that a state word gives, or 0 when it cannot be an event's in 'n_left' bytes. */
static uint32_t length_of(uint32_t state, uint32_t n_left)
{
    const uint32_t n_bytes = state & LENGTH_MASK;
    const uint32_t kind = state >> 24;

    if ((kind != PP_EVENT_RESERVED && kind != PP_EVENT_COMMITTED) ||
        n_bytes % PP_REC_EVENT_ALIGN != 0 || n_bytes <= sizeof(struct pp_rec_event) ||
        n_bytes > PP_RECORDING_MAX_EVENT_BYTES || n_bytes > n_left)
        return 0;
    return n_bytes;
}

/* Whether the head agrees with the length: what lies in a hole by chance does not. */
static bool is_sane(const struct pp_rec_event *event, uint32_t n_bytes)
{
    uint32_t wanted = (uint32_t)sizeof *event + event->n_values * 8U;

    if (event->family < PP_FAMILY_CPU || event->family > PP_FAMILY_LAST || event->n_values == 0 ||
        event->n_values > PP_REC_MAX_VALUES || event->stack == 0)
        return false;
    if ((event->flags & PP_EVENT_WEIGHTED) != 0)
        wanted += PP_RECORDING_EXTRA_BYTES;
    if ((event->flags & PP_EVENT_TIMED) != 0)
        wanted += PP_RECORDING_EXTRA_BYTES;
    return wanted == n_bytes;
}

/* How far to go on from where no committed event begins. */
static uint32_t step_over(const struct pp_recording_log *log, uint32_t position)
{
    const uint32_t state = state_at(log->states, position);
    uint32_t n_bytes = 0;

    if (state >> 24 == PP_EVENT_RESERVED)
        n_bytes = length_of(state, log->n_bytes - position);
    /* Its writer came to the length only after our first reading: what the first reading shows
     * behind it may be half a body, in which nothing must be looked for.  When the second one shows
     * nothing either, nothing of the body was there yet, and the next word that looks like a head
     * is one. */
    else if (state == 0)
        n_bytes = length_of(state_at(log->bodies, position), log->n_bytes - position);
    return n_bytes != 0 ? n_bytes : PP_REC_EVENT_ALIGN;
}

const struct pp_rec_event *pp_recording_next_event(const struct pp_recording_log *log,
                                                   uint32_t *position, uint32_t *n_bytes_out)
{
    while (*position < log->n_bytes && log->n_bytes - *position > sizeof(struct pp_rec_event)) {
        const uint32_t here = *position, state = state_at(log->states, here);
        const uint32_t n_bytes = length_of(state, log->n_bytes - here);
        const struct pp_rec_event *event = (const struct pp_rec_event *)(log->bodies + here);

        if (state >> 24 == PP_EVENT_COMMITTED && n_bytes != 0 &&
            state_at(log->bodies, here) == state && is_sane(event, n_bytes)) {
            *position = here + n_bytes;
            *n_bytes_out = n_bytes;
            return event;
        }
        *position = here + step_over(log, here);
    }
    return NULL;
}

/* ---- of a copy ---- */

/* The event's stack as an offset from the first byte of 'stacks', or UINT32_MAX when it is not
 * wholly there. */
static uint32_t stack_position(uint32_t stack, const struct pp_recording_events *events)
{
    const unsigned char *stacks = events->area + events->n_log_bytes;
    const uint32_t n_stack_bytes = events->n_stack_bytes;
    const uint64_t first = events->n_area_bytes - n_stack_bytes;
    const uint64_t offset = (uint64_t)stack * 8;
    struct pp_rec_stack head;

    if (offset < first || offset - first + sizeof head > n_stack_bytes)
        return UINT32_MAX;
    memcpy(&head, stacks + (offset - first), sizeof head);
    if (head.n_frames > (n_stack_bytes - (offset - first) - sizeof head) / sizeof(uint64_t))
        return UINT32_MAX;
    return (uint32_t)(offset - first);
}

uint32_t pp_recording_gather_events(const struct pp_recording_events *events)
{
    const struct pp_recording_log log = {events->states, events->area, events->n_log_bytes};
    uint32_t n_kept = 0, position = 0, n_bytes;

    while (pp_recording_next_event(&log, &position, &n_bytes) != NULL) {
        struct pp_rec_event *event = (struct pp_rec_event *)(events->area + n_kept);
        uint32_t stack;
        memmove(event, events->area + position - n_bytes, n_bytes);
        stack = stack_position(event->stack, events);
        if (stack == UINT32_MAX)
            continue;
        event->stack = (events->n_log_bytes + stack) / 8;
        n_kept += n_bytes;
    }
    memset(events->area + n_kept, 0, events->n_log_bytes - n_kept);
    return n_kept;
}
