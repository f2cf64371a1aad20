/* The chain of segments: spares ahead of need, sealed ones folded behind. */
#include "capture/segments.h"

#include <errno.h>
#include <string.h>

#include "capture/fold.h"
#include "capture/own_memory.h"
#include "capture/readers.h"
#include "sigsafe/clock.h"
#include "sigsafe/store.h"

enum {
    FEW_SPARES = 2,
    MANY_SPARES = PP_REC_MAX_SPARES,
    MANY_SAMPLES_HZ = 5000, /* a spare holds about this many */
    FOLD_AT_ONCE = 4,
    PLACE_STEP_BYTES = 64 * 1024,
    KEEP_FOR_READERS = PP_REC_MAX_SEGMENTS * 5 / 16, /* when the directory is half full */
    FORGET_MOST = 1 << 20, /* samples; beyond, no stack is worth its room */
};

_Static_assert((int)MANY_SPARES >= (int)FEW_SPARES, "the recording has room for all spares");

void pp_table_init(struct pp_rec_table *table, uint32_t item_bytes, uint32_t n_first)
{
    table->item_bytes = item_bytes;
    table->n_first = n_first;
}

int pp_table_reserve(struct pp_memory_file *file, struct pp_rec_table *table, uint32_t n_items)
{
    uint32_t n_in_block = table->n_first;
    uint64_t n_before = 0;

    for (uint32_t block = 0; block < PP_REC_MAX_BLOCKS && n_before < n_items;
         block++, n_in_block *= 2) {
        if (atomic_load_explicit(&table->blocks[block], memory_order_relaxed) == 0) {
            const uint64_t offset =
                pp_memory_file_alloc(file, (uint64_t)n_in_block * table->item_bytes);
            if (offset == 0)
                return -ENOSPC;
            atomic_store_explicit(&table->blocks[block], offset, memory_order_release);
        }
        n_before += n_in_block;
    }
    return n_before >= n_items ? 0 : -ENOSPC;
}

static struct pp_rec_segment *segment_at(struct pp_segments *segments, uint64_t offset)
{
    return (struct pp_rec_segment *)((char *)segments->header + offset);
}

/* ---- the directory ---- */

struct directory {
    uint32_t n;
    struct pp_rec_segment_ref refs[PP_REC_MAX_SEGMENTS];
};

static void directory_get(const struct pp_segments *segments, struct directory *directory)
{
    const uint32_t index =
        atomic_load_explicit(&segments->header->directory_index, memory_order_relaxed) & 1;

    directory->n = segments->header->n_segments[index];
    memcpy(directory->refs, segments->header->segments[index],
           directory->n * sizeof *directory->refs);
}

/* Publish: fill the other directory, then flip. */
static void directory_set(struct pp_segments *segments, const struct directory *directory)
{
    const uint32_t index =
        atomic_load_explicit(&segments->header->directory_index, memory_order_relaxed);
    const uint32_t other = (index & 1) ^ 1;

    segments->header->n_segments[other] = directory->n;
    memcpy(segments->header->segments[other], directory->refs,
           directory->n * sizeof *directory->refs);
    atomic_store_explicit(&segments->header->directory_index, ((index | 1) + 1) | other,
                          memory_order_release);
}

/* ---- spares ---- */

static uint64_t new_segment(struct pp_segments *segments)
{
    struct directory directory;
    uint64_t offset;
    uint32_t n_slots = PP_SEGMENT_SLOTS;

    directory_get(segments, &directory);
    if (directory.n == PP_REC_MAX_SEGMENTS)
        return 0;
    offset = segments->n_recycled > 0
                 ? segments->recycled[--segments->n_recycled]
                 : pp_memory_file_alloc(segments->file, segments->segment_bytes);
    if (offset == 0)
        return 0;
    while (n_slots * sizeof(uint64_t) > segments->segment_bytes / 8)
        n_slots /= 2;
    pp_sig_segment_init(segment_at(segments, offset), segments->segment_bytes, n_slots,
                        ++segments->next_sequence);
    /* In the directory before anyone can write to it: an empty segment is nothing to a reader. */
    directory.refs[directory.n++] = (struct pp_rec_segment_ref){offset, segments->segment_bytes};
    directory_set(segments, &directory);
    return offset;
}

static void fill_spares(struct pp_segments *segments)
{
    uint32_t n = 0;

    segments->is_short = false;
    for (uint32_t i = 0; i < PP_REC_MAX_SPARES; i++)
        n += atomic_load_explicit(&segments->header->spares[i], memory_order_acquire) != 0;
    for (uint32_t i = 0; i < PP_REC_MAX_SPARES && n < segments->n_spares; i++) {
        uint64_t offset;
        if (atomic_load_explicit(&segments->header->spares[i], memory_order_acquire) != 0)
            continue;
        /* The last one only where room is left for folding: sums of nothing that is kept. */
        offset = n == 0 || pp_memory_file_room(segments->file) >= 2 * segments->segment_bytes
                     ? new_segment(segments)
                     : 0;
        segments->is_short = offset == 0;
        if (offset == 0)
            break;
        atomic_store_explicit(&segments->header->spares[i], offset, memory_order_release);
        n++;
    }
}

/* ---- folding ---- */

static bool is_sealed(struct pp_rec_segment *segment)
{
    return (atomic_load_explicit(&segment->used, memory_order_acquire) & PP_SEGMENT_SEALED) != 0;
}

/* How many raw segments are worth a pass over all that is folded already: then the passes cost
 * about as much as what they add, however long it runs. */
static uint32_t fold_at_once(struct pp_segments *segments, const struct directory *directory)
{
    uint64_t n_folded_bytes = 0;
    uint64_t n;

    for (uint32_t i = 0; i < directory->n; i++)
        if (segment_at(segments, directory->refs[i].offset)->kind == PP_SEGMENT_FOLDED)
            n_folded_bytes += directory->refs[i].n_bytes;
    n = n_folded_bytes / 2 / segments->segment_bytes;
    return segments->is_short ? 1 : n < FOLD_AT_ONCE ? FOLD_AT_ONCE : (uint32_t)n;
}

/* Choose what to fold: the folded segment and the oldest sealed ones, leaving the newest few. */
static uint32_t choose(struct pp_segments *segments, const struct directory *directory,
                       bool *chosen)
{
    const uint64_t active = atomic_load_explicit(&segments->header->active, memory_order_acquire);
    const bool is_tight = directory->n > PP_REC_MAX_SEGMENTS / 2 || segments->is_short;
    uint32_t n_raw = 0, n_sealed = 0;
    uint64_t needed;

    pp_readers_forget_gone(segments->header, pp_sig_clock_ns(CLOCK_MONOTONIC));
    needed = pp_readers_need_from(segments->header);
    for (uint32_t i = 0; i < directory->n; i++) {
        struct pp_rec_segment *segment = segment_at(segments, directory->refs[i].offset);
        if (segment->kind == PP_SEGMENT_RAW && directory->refs[i].offset != active &&
            is_sealed(segment))
            n_sealed++;
    }
    for (uint32_t i = 0; i < directory->n; i++) {
        struct pp_rec_segment *segment = segment_at(segments, directory->refs[i].offset);
        const uint32_t n_kept = segments->is_short            ? 0
                                : segment->sequence >= needed ? KEEP_FOR_READERS
                                                              : PP_KEEP_SEALED;
        chosen[i] = segment->kind == PP_SEGMENT_FOLDED;
        if (segment->kind != PP_SEGMENT_RAW || directory->refs[i].offset == active ||
            !is_sealed(segment) || n_sealed - n_raw <= n_kept ||
            (segment->sequence >= needed && !is_tight))
            continue;
        chosen[i] = true;
        n_raw++;
    }
    return n_raw;
}

static uint32_t power_of_two(uint64_t n)
{
    uint32_t power = 1024;

    while (power < n && power < (UINT32_C(1) << 24))
        power *= 2;
    return power;
}

/* ---- the sums ---- */

static void drop_sums(struct pp_segments *segments)
{
    void *memory = segments->sums_memory;

    /* In this order: a child made in between must not give it back again. */
    segments->sums_memory = NULL;
    pp_unmap(memory, segments->n_sums_memory);
}

/* Begin the sums anew. */
static int begin_sums(struct pp_segments *segments)
{
    struct pp_fold_room room = {.n_slots = power_of_two(PP_FOLDED_MAX_BYTES / 256),
                                .n_places = power_of_two(PP_FOLDED_MAX_BYTES / 24),
                                .n_pool_bytes = PP_FOLDED_MAX_BYTES};

    room.n_bytes =
        PP_FOLDED_MAX_BYTES + room.n_slots * sizeof(uint64_t) + sizeof(struct pp_rec_segment);
    segments->n_sums_memory = pp_fold_memory_bytes(&room);
    segments->sums_memory = pp_map_anonymous(segments->n_sums_memory);
    if (segments->sums_memory == NULL)
        return -ENOMEM;
    pp_fold_begin(&segments->sums, segments->sums_memory, &room, segments->slice_ns);
    segments->sums.forget_spans = segments->forget_spans;
    segments->sums.forget_below = segments->forget_below;
    segments->sums.forget_ended = segments->forget_ended_threads ? segments->header : NULL;
    return 0;
}

/* Add the chosen ones to the sums, which hold the folded segment already unless they begin anew.
 * -ENOSPC when the output is too small. */
static int add_to_sums(struct pp_segments *segments, const struct directory *directory,
                       const bool *chosen)
{
    const bool is_new = segments->sums_memory == NULL;
    int result = is_new ? begin_sums(segments) : 0;

    for (uint32_t i = 0; i < directory->n && result == 0; i++) {
        struct pp_rec_segment *segment = segment_at(segments, directory->refs[i].offset);
        if (chosen[i] && (is_new || segment->kind == PP_SEGMENT_RAW))
            result = pp_fold_add(&segments->sums, segment);
    }
    return result;
}

/* Room for the folded segment and a quarter more.  There are two places that it lives in by turns,
 * so that their pages need not be had anew each time: that would double the cost of folding. */
static uint64_t place_for_sums(struct pp_segments *segments, uint64_t n_bytes)
{
    struct pp_rec_segment_ref *place = &segments->other_place;
    const uint64_t n_wanted = n_bytes + (segments->is_short ? 0 : n_bytes / 4 + PLACE_STEP_BYTES);
    uint64_t offset = place->offset;

    if (offset != 0 && place->n_bytes >= n_bytes) {
        memset((char *)segments->header + offset, 0, n_bytes);
        return offset;
    }
    if (offset != 0)
        pp_memory_file_free(segments->file, offset, place->n_bytes);
    place->n_bytes = n_wanted / PLACE_STEP_BYTES * PLACE_STEP_BYTES;
    place->n_bytes = place->n_bytes < n_bytes ? n_bytes : place->n_bytes;
    place->offset = pp_memory_file_alloc(segments->file, place->n_bytes);
    return place->offset;
}

static void recycle(struct pp_segments *segments, const struct pp_rec_segment_ref *ref)
{
    if (segments->is_short || segments->n_recycled == PP_MAX_RECYCLED ||
        ref->n_bytes != segments->segment_bytes) {
        pp_memory_file_free(segments->file, ref->offset, ref->n_bytes);
        return;
    }
    memset((char *)segments->header + ref->offset, 0, ref->n_bytes);
    segments->recycled[segments->n_recycled++] = ref->offset;
}

/* Put the sums in the place of the chosen ones. */
static bool replace(struct pp_segments *segments, const struct directory *old, const bool *chosen)
{
    const uint64_t n_bytes = pp_fold_bytes(&segments->sums);
    const uint64_t offset = place_for_sums(segments, n_bytes);
    struct pp_rec_segment_ref place = segments->place;
    struct directory new = {.n = 0, .refs = {{0, 0}}};

    if (offset == 0)
        return false;
    pp_fold_finish(&segments->sums, segment_at(segments, offset));
    new.refs[new.n++] = (struct pp_rec_segment_ref){offset, n_bytes};
    for (uint32_t i = 0; i < old->n; i++)
        if (!chosen[i])
            new.refs[new.n++] = old->refs[i];
    directory_set(segments, &new);
    segments->place = segments->other_place;
    segments->other_place = place;
    for (uint32_t i = 0; i < old->n; i++)
        if (chosen[i] && old->refs[i].offset != place.offset)
            recycle(segments, &old->refs[i]);
    atomic_fetch_add_explicit(&segments->header->losses[PP_LOSS_STACK_FOLDED],
                              segments->sums.n_forgotten, memory_order_relaxed);
    segments->sums.n_forgotten = 0;
    return true;
}

/* Nothing is kept for the next time. */
static void give_back(struct pp_segments *segments)
{
    drop_sums(segments);
    if (segments->other_place.offset != 0)
        pp_memory_file_free(segments->file, segments->other_place.offset,
                            segments->other_place.n_bytes);
    segments->other_place = (struct pp_rec_segment_ref){0, 0};
    while (segments->n_recycled > 0)
        pp_memory_file_free(segments->file, segments->recycled[--segments->n_recycled],
                            segments->segment_bytes);
}

/* Widen the slices until the sums fit; then forget spans and ended threads; then, in the last
 * resort, stacks: the rarest first. */
static bool coarsen(struct pp_segments *segments)
{
    const uint64_t widest_ns = UINT64_C(3600) * 1000000000;

    if (segments->slice_ns < widest_ns)
        segments->slice_ns *= 4;
    else if (!segments->forget_spans)
        segments->forget_spans = true;
    else if (!segments->forget_ended_threads)
        segments->forget_ended_threads = true;
    else if (segments->forget_below == PP_FOLD_FORGET_ALL)
        return false;
    else if (segments->forget_below < FORGET_MOST)
        segments->forget_below = segments->forget_below == 0 ? 2 : segments->forget_below * 8;
    else
        segments->forget_below = PP_FOLD_FORGET_ALL;
    return true;
}

static void fold(struct pp_segments *segments)
{
    struct directory directory;
    bool chosen[PP_REC_MAX_SEGMENTS];
    bool done = false;

    directory_get(segments, &directory);
    if (choose(segments, &directory, chosen) < fold_at_once(segments, &directory))
        return;
    segments->wait_for_handlers(
        segments->context); /* whoever was writing to a sealed one has finished */
    if (segments->is_short)
        give_back(segments);
    while (!done) {
        const int result = add_to_sums(segments, &directory, chosen);

        done = result == 0 && replace(segments, &directory, chosen);
        if (done)
            break;
        drop_sums(segments); /* what was added is not in the recording */
        /* No place in shared memory: what is kept for speed goes, and coarser sums may fit. */
        if (result == 0) {
            segments->is_short = true;
            give_back(segments);
        }
        if ((result != 0 && result != -ENOSPC) || !coarsen(segments))
            break;
    }
    if (segments->is_short)
        give_back(segments);
    segments->forget_below = segments->sums.forget_below = 0; /* it was for this time */
}

void pp_segments_done(struct pp_segments *segments)
{
    drop_sums(segments);
}

void pp_segments_tend(struct pp_segments *segments)
{
    const uint64_t active = atomic_load_explicit(&segments->header->active, memory_order_acquire);
    uint32_t n_spares = 0;

    for (uint32_t i = 0; i < PP_REC_MAX_SPARES; i++)
        n_spares += atomic_load_explicit(&segments->header->spares[i], memory_order_acquire) != 0;
    if (n_spares >= segments->n_spares && active == segments->active_seen)
        return; /* nothing was sealed since */
    segments->active_seen = active;
    fold(segments);
    fill_spares(segments);
}

void pp_segments_expect(struct pp_segments *segments, double samples_hz)
{
    segments->n_spares = samples_hz > MANY_SAMPLES_HZ ? MANY_SPARES : FEW_SPARES;
}

/* One that is written to, a spare, and what is folded.  Memory that was reserved in one go for two
 * is not scarce. */
static bool has_room_for_three(struct pp_segments *segments)
{
    const uint64_t n_bytes = 3 * segments->segment_bytes;
    uint64_t offset;

    for (uint32_t i = 0; i < segments->file->n_free; i++)
        if (segments->file->free[i].n_bytes >= 2 * segments->segment_bytes &&
            pp_memory_file_room(segments->file) >= n_bytes)
            return true;
    offset = pp_memory_file_alloc(segments->file, n_bytes);
    if (offset != 0)
        pp_memory_file_free(segments->file, offset, n_bytes);
    return offset != 0;
}

int pp_segments_init(struct pp_segments *segments, struct pp_memory_file *file,
                     struct pp_rec_header *header, void (*wait_for_handlers)(void *), void *context)
{
    uint64_t offset;

    memset(segments, 0, sizeof *segments);
    segments->file = file;
    segments->header = header;
    segments->segment_bytes = PP_SEGMENT_BYTES;
    segments->n_spares = FEW_SPARES;
    segments->slice_ns = PP_REC_SLICE_NS;
    segments->wait_for_handlers = wait_for_handlers;
    segments->context = context;
    while (segments->segment_bytes > PP_SEGMENT_LEAST_BYTES && !has_room_for_three(segments))
        segments->segment_bytes /= 2;
    offset = new_segment(segments);
    if (offset == 0)
        return -ENOSPC;
    atomic_store_explicit(&header->active, offset, memory_order_release);
    fill_spares(segments);
    return 0;
}
