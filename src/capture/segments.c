/* The chain of segments: spares ahead of need, sealed ones folded behind. */
#include "capture/own_memory.h"
#include "capture/segments.h"

#include <errno.h>
#include <string.h>

#include "capture/fold.h"
#include "sigsafe/store.h"

enum { N_SPARES = 2, FOLD_AT_ONCE = 8 };

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
    offset = pp_memory_file_alloc(segments->file, segments->segment_bytes);
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
    for (uint32_t i = 0; i < N_SPARES; i++) {
        uint64_t offset;
        if (atomic_load_explicit(&segments->header->spares[i], memory_order_acquire) != 0)
            continue;
        offset = new_segment(segments);
        if (offset == 0)
            return;
        atomic_store_explicit(&segments->header->spares[i], offset, memory_order_release);
    }
}

/* ---- folding ---- */

static bool is_sealed(struct pp_rec_segment *segment)
{
    return (atomic_load_explicit(&segment->used, memory_order_acquire) & PP_SEGMENT_SEALED) != 0;
}

/* The lowest sequence that a reader has not yet taken; readers that died do not count. */
static uint64_t needed_from(struct pp_segments *segments)
{
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i < PP_REC_MAX_READERS; i++) {
        const struct pp_rec_reader *reader = &segments->header->readers[i];
        const uint64_t sequence = atomic_load_explicit(&reader->sequence, memory_order_acquire);
        if (atomic_load_explicit(&reader->pid, memory_order_acquire) != 0 && sequence < least)
            least = sequence;
    }
    return least;
}

/* Choose what to fold: the folded segment and the oldest sealed ones, leaving the newest few. */
static uint32_t choose(struct pp_segments *segments, const struct directory *directory,
                       bool *chosen)
{
    const uint64_t active = atomic_load_explicit(&segments->header->active, memory_order_acquire);
    const uint64_t needed = needed_from(segments);
    const bool is_tight = directory->n > PP_REC_MAX_SEGMENTS / 4;
    uint32_t n_raw = 0, n_sealed = 0;

    for (uint32_t i = 0; i < directory->n; i++) {
        struct pp_rec_segment *segment = segment_at(segments, directory->refs[i].offset);
        if (segment->kind == PP_SEGMENT_RAW && directory->refs[i].offset != active &&
            is_sealed(segment))
            n_sealed++;
    }
    for (uint32_t i = 0; i < directory->n; i++) {
        struct pp_rec_segment *segment = segment_at(segments, directory->refs[i].offset);
        chosen[i] = segment->kind == PP_SEGMENT_FOLDED;
        if (segment->kind != PP_SEGMENT_RAW || directory->refs[i].offset == active ||
            !is_sealed(segment) || n_sealed - n_raw <= PP_KEEP_SEALED ||
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

/* Fold the chosen ones into scratch memory; NULL when there is no memory.  On -ENOSPC in '*result'
 * the output was too small. */
static void *fold_into(struct pp_segments *segments, const struct directory *directory,
                       const bool *chosen, uint64_t n_bytes, struct pp_fold *fold,
                       uint64_t *n_memory, int *result)
{
    const uint32_t n_slots = power_of_two(n_bytes / 256);
    const uint32_t n_places = power_of_two(n_bytes / 24);
    void *memory;

    n_bytes += n_slots * sizeof(uint64_t) + sizeof(struct pp_rec_segment);
    *n_memory = pp_fold_memory_bytes(n_bytes, n_places);
    memory = pp_map_anonymous(*n_memory);
    if (memory == NULL)
        return NULL;
    pp_fold_begin(fold, memory, n_bytes, n_slots, n_places, segments->slice_ns);
    fold->forget_spans = segments->forget_spans;
    fold->forget_stacks = segments->forget_stacks;
    *result = 0;
    for (uint32_t i = 0; i < directory->n && *result == 0; i++)
        if (chosen[i])
            *result = pp_fold_add(fold, segment_at(segments, directory->refs[i].offset));
    return memory;
}

/* Put the folded segment in the place of the chosen ones. */
static bool replace(struct pp_segments *segments, const struct directory *old, const bool *chosen,
                    const struct pp_fold *fold)
{
    const uint64_t n_bytes = pp_fold_bytes(fold);
    const uint64_t offset = pp_memory_file_alloc(segments->file, n_bytes);
    struct directory new = {.n = 0, .refs = {{0, 0}}};

    if (offset == 0)
        return false;
    pp_fold_finish(fold, segment_at(segments, offset));
    new.refs[new.n++] = (struct pp_rec_segment_ref){offset, n_bytes};
    for (uint32_t i = 0; i < old->n; i++)
        if (!chosen[i])
            new.refs[new.n++] = old->refs[i];
    directory_set(segments, &new);
    for (uint32_t i = 0; i < old->n; i++)
        if (chosen[i])
            pp_memory_file_free(segments->file, old->refs[i].offset, old->refs[i].n_bytes);
    atomic_fetch_add_explicit(&segments->header->losses[PP_LOSS_STACK_FOLDED], fold->n_forgotten,
                              memory_order_relaxed);
    return true;
}

/* Widen the slices until the sums fit; then forget spans; then, in the last resort, stacks. */
static bool coarsen(struct pp_segments *segments)
{
    const uint64_t widest_ns = UINT64_C(3600) * 1000000000;

    if (segments->slice_ns < widest_ns)
        segments->slice_ns *= 4;
    else if (!segments->forget_spans)
        segments->forget_spans = true;
    else if (!segments->forget_stacks)
        segments->forget_stacks = true;
    else
        return false;
    return true;
}

static void fold(struct pp_segments *segments)
{
    struct directory directory;
    bool chosen[PP_REC_MAX_SEGMENTS];
    bool done = false;

    directory_get(segments, &directory);
    /* Several at once: each time costs a pass over all that is folded already. */
    if (choose(segments, &directory, chosen) < FOLD_AT_ONCE)
        return;
    segments->wait_for_handlers(
        segments->context); /* whoever was writing to a sealed one has finished */
    while (!done) {
        struct pp_fold folded;
        uint64_t n_memory = 0;
        int result = 0;
        void *memory = fold_into(segments, &directory, chosen, PP_FOLDED_MAX_BYTES, &folded,
                                 &n_memory, &result);
        if (memory == NULL)
            return;
        done = result == 0 ? replace(segments, &directory, chosen, &folded) : false;
        pp_unmap(memory, n_memory);
        if (!done && (result == 0 || !coarsen(segments)))
            return;
    }
    segments->forget_stacks = false; /* it was for this time: rarer stacks may fit again */
}

void pp_segments_tend(struct pp_segments *segments)
{
    const uint64_t active = atomic_load_explicit(&segments->header->active, memory_order_acquire);
    bool is_full = true;

    for (uint32_t i = 0; i < N_SPARES; i++)
        is_full = is_full &&
                  atomic_load_explicit(&segments->header->spares[i], memory_order_acquire) != 0;
    if (is_full && active == segments->active_seen)
        return; /* nothing was sealed since */
    segments->active_seen = active;
    fold(segments);
    fill_spares(segments);
}

int pp_segments_init(struct pp_segments *segments, struct pp_memory_file *file,
                     struct pp_rec_header *header, void (*wait_for_handlers)(void *), void *context)
{
    uint64_t offset;

    memset(segments, 0, sizeof *segments);
    segments->file = file;
    segments->header = header;
    segments->segment_bytes = PP_SEGMENT_BYTES;
    segments->slice_ns = PP_REC_SLICE_NS;
    segments->wait_for_handlers = wait_for_handlers;
    segments->context = context;
    while ((offset = new_segment(segments)) == 0 &&
           segments->segment_bytes > PP_SEGMENT_LEAST_BYTES)
        segments->segment_bytes /= 2;
    if (offset == 0)
        return -ENOSPC;
    atomic_store_explicit(&header->active, offset, memory_order_release);
    fill_spares(segments);
    return 0;
}
