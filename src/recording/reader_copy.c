/* A consistent copy of a recording whose process may be alive: the bytes of a .ppc file.
 *
 * Read: the directory's index, then what it names, then the index again; when the helper thread of
 * the process has flipped it meanwhile, memory of segments may have been put to another use, and
 * all is read anew.  Handlers write on all the while: each log is read as reader_events.c wants it,
 * its stacks after it, the tables last, so that all that a committed event refers to is there. What
 * is reserved and not committed stays out: a copy has no cursor, the next one brings it.
 *
 * Every number in here may be a lie: it is read once, checked, and only then used. */
#include "recording/reader_private.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"

enum {
    MAX_TRIES = 64,
    MAX_ITEM_BYTES = 65536,
    MAX_AREA_BYTES = 1 << 30, /* no writer makes such a segment: a sparse file could say so */
    CHANGED = 1,              /* the directory was flipped while we read */
};

/* One segment that counts, as its header was when first read. */
struct part {
    uint64_t offset;
    struct pp_rec_segment segment; /* 'used' as of then */
};

struct copier {
    struct pp_recording_source *source;
    struct pprofc_error *err; /* of this try */
    uint64_t since_ns;
    struct pp_buffer *out;
    struct pp_buffer states; /* of the segment at hand: its log as first read */
    struct pp_rec_header head;
    struct part parts[PP_REC_MAX_SEGMENTS];
    uint32_t n_parts;
    struct pp_rec_segment_ref refs[PP_REC_MAX_SEGMENTS]; /* in the copy */
    uint32_t n_refs;
};

static int damaged(const struct copier *copier, uint64_t offset, const char *what)
{
    return pp_recording_damaged(copier->source, copier->err, offset, what);
}

static int no_memory(const struct copier *copier)
{
    return pp_fail(copier->err, -ENOMEM, 0, "no memory to read '%s'", copier->source->name);
}

static int get(const struct copier *copier, uint64_t offset, void *bytes, uint64_t n_bytes)
{
    return pp_recording_read_source(copier->source, offset, bytes, n_bytes, copier->err);
}

/* Room for 'n_bytes' (a multiple of 8) at the copy's end, with anything in it.  A copy cannot be
 * larger than its source: when it would be, parts overlap, and a small file could ask for any
 * amount. */
static int take_room(struct copier *copier, uint64_t n_bytes, uint64_t source_offset,
                     void **room_out)
{
    if (n_bytes > copier->source->n_bytes + PP_REC_HEADER_BYTES - copier->out->n_bytes)
        return damaged(copier, source_offset, "parts overlap");
    *room_out = pp_buffer_room(copier->out, n_bytes);
    if (*room_out == NULL)
        return no_memory(copier);
    copier->out->n_bytes += n_bytes;
    return 0;
}

/* ---- the header ---- */

static int read_header(struct copier *copier)
{
    struct pp_recording_source *source = copier->source;
    int status;

    if (source->n_bytes < sizeof copier->head)
        return pp_fail(copier->err, -EBADMSG, source->n_bytes,
                       "'%s' is not a pprof-c recording: it has only %llu bytes", source->name,
                       (unsigned long long)source->n_bytes);
    status = get(copier, 0, &copier->head, sizeof copier->head);
    if (status == 0 && copier->head.n_bytes > source->n_bytes && source->fd >= 0)
        status = pp_recording_measure_source(source, copier->err); /* a living one grows */
    return status != 0 ? status
                       : pp_recording_check_header(copier->source, &copier->head, copier->err);
}

static int read_directory_index(const struct copier *copier, uint32_t *index_out)
{
    return get(copier, offsetof(struct pp_rec_header, directory_index), index_out,
               sizeof *index_out);
}

/* ---- which segments count ---- */

static int check_area(const struct copier *copier, const struct pp_rec_segment_ref *ref,
                      const struct pp_rec_segment *segment)
{
    if (segment->kind > PP_SEGMENT_FOLDED)
        return damaged(copier, ref->offset, "a segment of unknown kind");
    if (segment->area_offset < sizeof *segment || segment->area_offset % 8 != 0 ||
        segment->area_bytes % 8 != 0 || segment->area_bytes > MAX_AREA_BYTES ||
        (uint64_t)segment->area_offset + segment->area_bytes > ref->n_bytes)
        return damaged(copier, ref->offset, "a segment larger than its room");
    return 0;
}

/* Note segment 'ref' when anything is in it. */
static int look_at_segment(struct copier *copier, const struct pp_rec_segment_ref *ref)
{
    struct part *part = &copier->parts[copier->n_parts];
    int status;

    if (ref->offset % 8 != 0 || ref->offset < copier->head.header_bytes ||
        ref->offset > copier->head.n_bytes || ref->n_bytes > copier->head.n_bytes - ref->offset ||
        ref->n_bytes < sizeof part->segment)
        return damaged(copier, ref->offset, "a segment outside the file");
    status = get(copier, ref->offset, &part->segment, sizeof part->segment);
    if (status != 0 || (part->segment.used & ~PP_SEGMENT_SEALED) == 0)
        return status;
    status = check_area(copier, ref, &part->segment);
    if (status != 0)
        return status;
    part->offset = ref->offset;
    copier->n_parts++;
    return 0;
}

static int order_parts(const void *left, const void *right)
{
    const struct part *a = left, *b = right;

    if (a->segment.kind != b->segment.kind)
        return a->segment.kind == PP_SEGMENT_FOLDED ? -1 : 1;
    if (a->segment.sequence != b->segment.sequence)
        return a->segment.sequence < b->segment.sequence ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* A raw segment that a folded one has taken up already would be counted twice. */
static void drop_leftovers(struct copier *copier)
{
    uint64_t folded_sequence = 0;
    uint32_t n_kept = 0;
    bool has_folded = false;

    for (uint32_t i = 0; i < copier->n_parts; i++) {
        const struct pp_rec_segment *segment = &copier->parts[i].segment;
        if (segment->kind == PP_SEGMENT_FOLDED && segment->sequence >= folded_sequence) {
            folded_sequence = segment->sequence;
            has_folded = true;
        }
    }
    for (uint32_t i = 0; i < copier->n_parts; i++) {
        const struct pp_rec_segment *segment = &copier->parts[i].segment;
        if (!has_folded || segment->kind == PP_SEGMENT_FOLDED ||
            segment->sequence > folded_sequence)
            copier->parts[n_kept++] = copier->parts[i];
    }
    copier->n_parts = n_kept;
}

static int find_segments(struct copier *copier, uint32_t index)
{
    const uint32_t n_segments = copier->head.n_segments[index & 1];

    if (n_segments > PP_REC_MAX_SEGMENTS)
        return damaged(copier, offsetof(struct pp_rec_header, n_segments), "too many segments");
    for (uint32_t i = 0; i < n_segments; i++) {
        const int status = look_at_segment(copier, &copier->head.segments[index & 1][i]);
        if (status != 0)
            return status;
    }
    drop_leftovers(copier);
    qsort(copier->parts, copier->n_parts, sizeof copier->parts[0], order_parts);
    return 0;
}

/* ---- one segment ---- */

struct extent {
    uint32_t n_log_bytes, n_stack_bytes;
};

static int split_used(const struct copier *copier, const struct part *part, uint64_t used,
                      struct extent *extent_out)
{
    const uint64_t n_log_bytes = used & UINT32_MAX;
    const uint64_t n_stack_bytes = (used & ~PP_SEGMENT_SEALED) >> 32;

    if (n_log_bytes % 8 != 0 || n_stack_bytes % 8 != 0 ||
        n_log_bytes + n_stack_bytes > part->segment.area_bytes)
        return damaged(copier, part->offset, "a segment fuller than its area");
    *extent_out = (struct extent){(uint32_t)n_log_bytes, (uint32_t)n_stack_bytes};
    return 0;
}

/* What of the log is to be read, and after its first reading what of the stacks. */
static int read_states(struct copier *copier, const struct part *part, struct extent *extent)
{
    struct extent later;
    uint64_t used = 0;
    int status = split_used(copier, part, part->segment.used, extent);

    if (status != 0)
        return status;
    if (pp_buffer_room(&copier->states, extent->n_log_bytes) == NULL)
        return no_memory(copier);
    status = get(copier, part->offset + part->segment.area_offset, copier->states.bytes,
                 extent->n_log_bytes);
    if (status == 0)
        status =
            get(copier, part->offset + offsetof(struct pp_rec_segment, used), &used, sizeof used);
    if (status == 0)
        status = split_used(copier, part, used, &later);
    extent->n_stack_bytes = later.n_stack_bytes;
    return status;
}

/* The log's second reading, and the stacks behind it. */
static int read_area(const struct copier *copier, const struct part *part,
                     const struct extent *extent, unsigned char *area)
{
    const uint64_t from = part->offset + part->segment.area_offset;
    const int status = get(copier, from, area, extent->n_log_bytes);

    return status != 0 ? status
                       : get(copier, from + part->segment.area_bytes - extent->n_stack_bytes,
                             area + extent->n_log_bytes, extent->n_stack_bytes);
}

/* What lies at the copy's end since 'begin' is one more segment: 0. */
static int add_segment(struct copier *copier, const struct part *part, uint64_t begin,
                       uint32_t n_event_bytes, const struct extent *extent)
{
    struct pp_rec_segment *segment = (struct pp_rec_segment *)(void *)(copier->out->bytes + begin);

    *segment = part->segment;
    segment->n_slots = segment->slots_offset = segment->pad = 0;
    segment->area_offset = (uint32_t)sizeof *segment;
    segment->area_bytes = extent->n_log_bytes + extent->n_stack_bytes;
    segment->used = n_event_bytes | (uint64_t)extent->n_stack_bytes << 32 | PP_SEGMENT_SEALED;
    copier->refs[copier->n_refs++] =
        (struct pp_rec_segment_ref){begin, copier->out->n_bytes - begin};
    return 0;
}

/* Of sums those that are asked for. */
static int copy_sums(struct copier *copier, const struct part *part)
{
    pp_autobuffer struct pp_buffer events = PP_BUFFER_INIT, stacks = PP_BUFFER_INIT;
    const uint64_t begin = copier->out->n_bytes;
    struct pp_recording_sums sums = {.source = copier->source,
                                     .area_offset = part->offset + part->segment.area_offset,
                                     .n_area_bytes = part->segment.area_bytes,
                                     .slice_ns = part->segment.slice_ns,
                                     .since_ns = copier->since_ns};
    struct extent extent = {0, 0};
    char *room;
    void *taken;
    int status = split_used(copier, part, part->segment.used, &extent);

    sums.n_log_bytes = extent.n_log_bytes;
    sums.n_stack_bytes = extent.n_stack_bytes;
    if (status == 0)
        status = pp_recording_take_sums(&sums, &events, &stacks, copier->err);
    if (status != 0 || events.n_bytes == 0)
        return status;
    extent = (struct extent){(uint32_t)events.n_bytes, (uint32_t)stacks.n_bytes};
    status =
        take_room(copier, sizeof(struct pp_rec_segment) + events.n_bytes + (uint64_t)stacks.n_bytes,
                  part->offset, &taken);
    if (status != 0)
        return status;
    room = (char *)taken + sizeof(struct pp_rec_segment);
    memcpy(room, events.bytes, events.n_bytes);
    if (stacks.n_bytes > 0)
        memcpy(room + events.n_bytes, stacks.bytes, stacks.n_bytes);
    return add_segment(copier, part, begin, extent.n_log_bytes, &extent);
}

/* The segment of the copy: header, events, room of what is not committed, stacks.  Slots are for
 * writers only. */
static int copy_log(struct copier *copier, const struct part *part)
{
    const uint64_t begin = copier->out->n_bytes;
    struct extent extent = {0, 0};
    uint32_t n_event_bytes;
    unsigned char *area;
    void *room;
    int status = read_states(copier, part, &extent);

    if (status == 0)
        status = take_room(copier,
                           sizeof(struct pp_rec_segment) + extent.n_log_bytes +
                               (uint64_t)extent.n_stack_bytes,
                           part->offset, &room);
    if (status != 0)
        return status;
    area = (unsigned char *)room + sizeof(struct pp_rec_segment);
    status = read_area(copier, part, &extent, area);
    if (status != 0)
        return status;
    n_event_bytes = pp_recording_gather_events(
        &(struct pp_recording_events){.states = (const unsigned char *)copier->states.bytes,
                                      .area = area,
                                      .n_area_bytes = part->segment.area_bytes,
                                      .n_log_bytes = extent.n_log_bytes,
                                      .n_stack_bytes = extent.n_stack_bytes});
    if (n_event_bytes == 0) {
        copier->out->n_bytes = begin;
        return 0;
    }
    return add_segment(copier, part, begin, n_event_bytes, &extent);
}

static int copy_segment(struct copier *copier, const struct part *part)
{
    if (copier->since_ns == PP_RECORDING_NO_EVENTS)
        return 0;
    return copier->since_ns != 0 && part->segment.kind == PP_SEGMENT_FOLDED
               ? copy_sums(copier, part)
               : copy_log(copier, part);
}

/* ---- the tables ---- */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* How many items the published blocks hold, at most 'n_items': threads count themselves before
 * there is a block. */
static uint64_t items_in_blocks(const struct pp_rec_table *table)
{
    uint64_t n_items = 0;

    for (int block = 0; block < PP_REC_MAX_BLOCKS && table->blocks[block] != 0; block++)
        n_items += (uint64_t)table->n_first << block;
    return smaller(n_items, table->n_items);
}

/* Make 'table' one block of the copy; 'at' is where the header says so, for messages. */
static int copy_table(struct copier *copier, struct pp_rec_table *table, uint32_t least_item_bytes,
                      uint64_t at)
{
    const struct pp_rec_table from = *table;
    const uint64_t n_items = items_in_blocks(&from);
    const uint64_t copy_offset = copier->out->n_bytes;
    uint64_t n_left = n_items;
    char *to;
    void *room;
    int status;

    *table = (struct pp_rec_table){.item_bytes = from.item_bytes};
    if (n_items == 0)
        return 0;
    if (from.item_bytes < least_item_bytes || from.item_bytes > MAX_ITEM_BYTES ||
        (least_item_bytes % 8 == 0 && from.item_bytes % 8 != 0))
        return damaged(copier, at, "a table with items of a wrong size");
    status = take_room(copier, (n_items * from.item_bytes + 7) / 8 * 8, at, &room);
    if (status == 0)
        memset(room, 0, (n_items * from.item_bytes + 7) / 8 * 8);
    to = room;
    for (int block = 0; status == 0 && n_left > 0; block++) {
        const uint64_t n = smaller(n_left, (uint64_t)from.n_first << block);
        if (from.blocks[block] % 8 != 0)
            return damaged(copier, at, "a table with a block at an odd place");
        status = get(copier, from.blocks[block], to, n * from.item_bytes);
        to += n * from.item_bytes;
        n_left -= n;
    }
    if (status != 0)
        return status;
    table->n_items = table->n_first = (uint32_t)n_items;
    table->blocks[0] = copy_offset;
    return 0;
}

static int copy_tables(struct copier *copier)
{
    struct pp_rec_header *head = &copier->head;
    const struct {
        struct pp_rec_table *table;
        uint32_t least_item_bytes;
    } tables[] = {
        {&head->threads, sizeof(struct pp_rec_thread)},
        {&head->modules, sizeof(struct pp_rec_module)},
        {&head->strings, 1},
        {&head->label_sets, sizeof(struct pp_rec_label_set)},
        {&head->spans, sizeof(struct pp_rec_span)},
        {&head->waits.threads, sizeof(struct pp_rec_thread_waits)},
        {&head->heap.lifetimes, sizeof(struct pp_rec_lifetimes)},
        {&head->heap.sites, sizeof(struct pp_rec_site)},
        {&head->heap.frames, sizeof(uint64_t)},
    };

    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        const uint64_t at = (uint64_t)((char *)tables[i].table - (char *)head);
        const int status = copy_table(copier, tables[i].table, tables[i].least_item_bytes, at);
        if (status != 0)
            return status;
    }
    return 0;
}

/* ---- all of it ---- */

/* The header of the copy: what was said of the process, and nothing of who writes and who reads. */
static void put_header(struct copier *copier)
{
    struct pp_rec_header *head = &copier->head;

    head->layout = PP_REC_LAYOUT;
    head->header_bytes = PP_REC_HEADER_BYTES;
    head->n_bytes = copier->out->n_bytes;
    memset(&head->command_block, 0, sizeof head->command_block);
    memset(head->readers, 0, sizeof head->readers);
    memset(head->wants, 0, sizeof head->wants);
    memset(head->spares, 0, sizeof head->spares);
    memset(head->segments, 0, sizeof head->segments);
    head->active = 0;
    head->directory_index = 0;
    head->n_segments[0] = copier->n_refs;
    head->n_segments[1] = 0;
    memcpy(head->segments[0], copier->refs, copier->n_refs * sizeof copier->refs[0]);
    memset(copier->out->bytes, 0, PP_REC_HEADER_BYTES);
    memcpy(copier->out->bytes, head, sizeof *head);
}

static int copy_once(struct copier *copier)
{
    uint32_t before, after;
    void *room;
    int status;

    copier->out->n_bytes = 0;
    copier->n_parts = copier->n_refs = 0;
    status = read_header(copier);
    if (status == 0)
        status = read_directory_index(copier, &before);
    if (status != 0)
        return status;
    status = read_header(copier); /* again: the directory that the index named before */
    if (status == 0)
        status = take_room(copier, PP_REC_HEADER_BYTES, 0, &room);
    if (status == 0)
        status = find_segments(copier, before);
    for (uint32_t i = 0; status == 0 && i < copier->n_parts; i++)
        status = copy_segment(copier, &copier->parts[i]);
    if (status == 0)
        status = read_header(
            copier); /* for the tables: they have grown since, and events refer to that */
    if (status == 0)
        status = copy_tables(copier);
    /* Whatever was found wrong, it may come of a segment that was put to another use. */
    if (status != -ENOMEM && read_directory_index(copier, &after) == 0 && after != before)
        return CHANGED;
    if (status == 0)
        put_header(copier);
    return status;
}

int pp_recording_copy_source(struct pp_recording_source *source, uint64_t since_ns,
                             struct pp_buffer *out, struct pprofc_error *err)
{
    pp_autofree struct copier *copier = calloc(1, sizeof *copier);
    struct pprofc_error error;

    if (copier == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory to read '%s'", source->name);
    copier->source = source;
    copier->since_ns = since_ns;
    copier->err = &error;
    copier->out = out;
    for (int i = 0; i < MAX_TRIES; i++) {
        const struct timespec pause = {0, 1000000};
        const int status = copy_once(copier);
        if (status != CHANGED) {
            pp_buffer_done(&copier->states);
            if (status != 0 && err != NULL)
                *err = error;
            return status;
        }
        if (i >= 2)
            (void)nanosleep(&pause, NULL);
    }
    pp_buffer_done(&copier->states);
    return pp_fail(err, -EAGAIN, 0, "'%s' kept changing while it was read", source->name);
}
