/* Of the sums of a recording, which are megabytes when its process has run for long, those that
 * reach beyond a moment: their log is looked through piece by piece, and the stacks of what is
 * wanted are read one by one.  Nobody adds to sums.  Every number in here may be a lie. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "recording/reader_private.h"

enum { PIECE_BYTES = 65536 };

/* A wanted event's stack, and where that event stands in 'events'. */
struct use {
    uint32_t stack, at;
};

struct taker {
    const struct pp_recording_sums *sums;
    struct pp_buffer *events, *stacks;
    struct pp_buffer piece;
    struct use *uses;
    size_t n_uses, capacity;
    struct pprofc_error *err;
};

static int no_memory(const struct taker *taker)
{
    return pp_fail(taker->err, -ENOMEM, 0, "no memory to read '%s'", taker->sums->source->name);
}

static int get(const struct taker *taker, uint64_t offset, void *bytes, uint64_t n_bytes)
{
    return pp_recording_read_source(taker->sums->source, taker->sums->area_offset + offset, bytes,
                                    n_bytes, taker->err);
}

/* ---- events ---- */

static int take_event(struct taker *taker, const struct pp_rec_event *event, uint32_t n_bytes)
{
    if (event->time_ns < taker->sums->since_ns &&
        taker->sums->slice_ns <= taker->sums->since_ns - event->time_ns)
        return 0;
    if (pp_array_reserve(&taker->uses, &taker->capacity, taker->n_uses + 1, sizeof *taker->uses) !=
        0)
        return no_memory(taker);
    taker->uses[taker->n_uses++] = (struct use){event->stack, (uint32_t)taker->events->n_bytes};
    pp_buffer_append(taker->events, event, n_bytes);
    return taker->events->failed ? no_memory(taker) : 0;
}

/* '*n_seen_out': up to where an event begins that may go on in the next piece.  A piece without any
 * event is none of ours, and is passed over. */
static int take_from_piece(struct taker *taker, uint32_t n_bytes, bool is_last,
                           uint32_t *n_seen_out)
{
    const unsigned char *bytes = (const unsigned char *)taker->piece.bytes;
    const struct pp_recording_log log = {bytes, bytes, n_bytes};
    const struct pp_rec_event *event;
    uint32_t position = 0, n_event_bytes, n_seen = 0;
    int status = 0;

    while (status == 0 &&
           (event = pp_recording_next_event(&log, &position, &n_event_bytes)) != NULL) {
        if (!is_last && position - n_event_bytes + PP_RECORDING_MAX_EVENT_BYTES > n_bytes)
            break;
        n_seen = position;
        status = take_event(taker, event, n_event_bytes);
    }
    *n_seen_out = n_seen > 0 ? n_seen : n_bytes;
    return status;
}

static int take_events(struct taker *taker)
{
    const uint32_t n_log_bytes = taker->sums->n_log_bytes;
    uint32_t n_seen = 0;
    bool is_last = false;
    int status = 0;

    if (pp_buffer_room(&taker->piece, PIECE_BYTES) == NULL)
        return no_memory(taker);
    for (uint32_t at = 0; status == 0 && !is_last; at += n_seen) {
        const uint32_t n_left = n_log_bytes - at;
        const uint32_t n_bytes = n_left < PIECE_BYTES ? n_left : PIECE_BYTES;
        is_last = n_left == n_bytes;
        status = get(taker, at, taker->piece.bytes, n_bytes);
        if (status == 0)
            status = take_from_piece(taker, n_bytes, is_last, &n_seen);
    }
    return status;
}

/* ---- their stacks ---- */

static int order_uses(const void *left, const void *right)
{
    const struct use *a = left, *b = right;

    return (a->stack > b->stack) - (a->stack < b->stack);
}

/* Append stack 'stack'; '*is_there_out' is false when it is not wholly there. */
static int take_stack(struct taker *taker, uint32_t stack, bool *is_there_out)
{
    const uint64_t offset = (uint64_t)stack * 8, end = taker->sums->n_area_bytes;
    struct pp_rec_stack head;
    char *room;
    int status;

    *is_there_out = offset >= end - taker->sums->n_stack_bytes && offset + sizeof head <= end;
    if (!*is_there_out)
        return 0;
    status = get(taker, offset, &head, sizeof head);
    *is_there_out = status == 0 && head.n_frames <= (end - offset - sizeof head) / sizeof(uint64_t);
    if (!*is_there_out)
        return status;
    pp_buffer_append(taker->stacks, &head, sizeof head);
    room = pp_buffer_room(taker->stacks, head.n_frames * sizeof(uint64_t));
    if (room == NULL)
        return no_memory(taker);
    taker->stacks->n_bytes += head.n_frames * sizeof(uint64_t);
    return get(taker, offset + sizeof head, room, head.n_frames * sizeof(uint64_t));
}

/* Each once; its events say where it is in the copy, behind the log.  One that is not there makes
 * them no events. */
static int take_stacks(struct taker *taker)
{
    const uint64_t n_event_bytes = taker->events->n_bytes;
    uint32_t place = 0;
    int status = 0;

    if (taker->n_uses > 1)
        qsort(taker->uses, taker->n_uses, sizeof taker->uses[0], order_uses);
    for (size_t i = 0; i < taker->n_uses && status == 0; i++) {
        const struct use *use = &taker->uses[i];
        bool is_there = true;
        if (i == 0 || use->stack != use[-1].stack) {
            place = (uint32_t)((n_event_bytes + taker->stacks->n_bytes) / 8);
            status = take_stack(taker, use->stack, &is_there);
            place = is_there ? place : 0;
        }
        ((struct pp_rec_event *)(void *)(taker->events->bytes + use->at))->stack = place;
    }
    return status;
}

int pp_recording_take_sums(const struct pp_recording_sums *sums, struct pp_buffer *events,
                           struct pp_buffer *stacks, struct pprofc_error *err)
{
    struct taker taker = {
        .sums = sums, .events = events, .stacks = stacks, .piece = PP_BUFFER_INIT, .err = err};
    int status = take_events(&taker);

    if (status == 0)
        status = take_stacks(&taker);
    pp_buffer_done(&taker.piece);
    free(taker.uses);
    return status;
}
