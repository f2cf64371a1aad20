/* Reading the stacks of speedscope's samples.  Most stand in the file many times, and are known by
 * their text; where none comes again each is read in one tight loop and goes on from where it
 * leaves the one before. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/speedscope_reader.h"
#include "formats/text_memo.h"
#include "profile/tables.h"

enum {
    MOST_SEEN_BYTES = 16 * 1024 * 1024,
    TRIAL_STACKS = 8192, /* of so many, one in LEAST_FOUND must have come again */
    LEAST_FOUND = 64,
    MOST_INDEX_DIGITS = 9,
};

/* The stack that was read last, root first: the next one mostly shares its beginning. */
struct path {
    uint32_t *frames;
    size_t frames_capacity, depth;
    pp_id leaf;
    pp_id *locations; /* of those that the next one does not share, leaf first */
    size_t locations_capacity;
};

static void path_done(struct path *path)
{
    free(path->frames);
    free(path->locations);
}

static int reserve_path(struct path *path, size_t depth)
{
    return pp_array_reserve(&path->frames, &path->frames_capacity, depth, sizeof *path->frames) !=
                       0 ||
                   pp_array_reserve(&path->locations, &path->locations_capacity, depth,
                                    sizeof *path->locations) != 0
               ? -ENOMEM
               : 0;
}

/* A stack's frames in 'path'; of the last one's, which they replace, the first 'n_common' are the
 * same. */
struct frames {
    size_t depth, n_common;
};

static int add_frame(struct path *path, struct frames *frames, uint32_t frame)
{
    if (frames->depth == path->frames_capacity && reserve_path(path, frames->depth + 1) != 0)
        return -ENOMEM;
    if (frames->n_common == frames->depth && frames->depth < path->depth &&
        path->frames[frames->depth] == frame)
        frames->n_common++;
    path->frames[frames->depth++] = frame;
    return 0;
}

/* Indexes without a blank between them, as nearly all files have them: 1 behind the last one; 0,
 * and the reader stands where it stood, where it is something else; or -ENOMEM. */
static int read_tight_frames(struct pp_speedscope_reader *reader, struct path *path,
                             struct frames *frames)
{
    struct pp_json_reader *json = &reader->json;
    const char *at = json->at + 1, *end = json->end;

    for (;; at++) {
        const char *most = end - at > MOST_INDEX_DIGITS ? at + MOST_INDEX_DIGITS : end;
        const char *begin = at;
        uint32_t frame = 0;
        for (; at < most && (unsigned char)(*at - '0') < 10; at++)
            frame = frame * 10 + (uint32_t)(*at - '0');
        if (at == begin || at == end || (*at != ',' && *at != ']') || frame >= reader->n_frames)
            return 0;
        if (add_frame(path, frames, frame) != 0)
            return -ENOMEM;
        if (*at == ']')
            break;
    }
    json->at = at + 1;
    json->is_first = false;
    return 1;
}

static int read_any_frames(struct pp_speedscope_reader *reader, struct path *path,
                           struct frames *frames)
{
    struct pp_json_reader *json = &reader->json;
    uint32_t frame;
    int failed = 0;

    (void)pp_json_read_array(json);
    while (failed == 0 && pp_json_next_item(json) && pp_json_read_index(json, &frame))
        failed = frame < reader->n_frames ? add_frame(path, frames, frame)
                                          : pp_speedscope_no_frame(reader, frame);
    return failed;
}

/* The path's first frames, and their node. */
static void go_up(const struct pprofc_profile *profile, struct path *path, size_t depth)
{
    for (; path->depth > depth; path->depth--)
        path->leaf = profile->node_parent[path->leaf];
}

/* One sample: indexes of frames, root first.  Up from the leaf of the last stack to where this one
 * leaves it, and down again. */
static int read_stack(struct pp_speedscope_reader *reader, struct path *path, pp_id *stack_out)
{
    struct pprofc_profile *profile = reader->profile;
    struct frames frames = {0, 0};
    size_t n_own;
    int found = 0;

    if (pp_json_peek(&reader->json) == PP_JSON_ARRAY)
        found = read_tight_frames(reader, path, &frames);
    go_up(profile, path, frames.n_common);
    if (found == 0) {
        frames = (struct frames){0, 0};
        found = read_any_frames(reader, path, &frames);
        go_up(profile, path, frames.n_common);
    }
    if (found < 0)
        return found;
    n_own = frames.depth - frames.n_common;
    for (size_t i = 0; i < n_own; i++)
        path->locations[i] = reader->frames[path->frames[frames.depth - 1 - i]];
    path->leaf = pp_profile_descend(profile, path->leaf, path->locations, n_own);
    path->depth = frames.depth;
    *stack_out = path->leaf;
    return pp_profile_failed(profile) ? -ENOMEM : 0;
}

/* Stacks by their text. */
struct seen {
    struct pp_text_memo stacks;
    uint64_t n_found;
    uint32_t n_put;
    bool is_off; /* nothing comes twice */
};

static void seen_done(struct seen *seen)
{
    pp_text_memo_done(&seen->stacks);
}

/* Of texts that are all different only so many are kept, or none where looking for them does not
 * pay. */
static int remember(struct seen *seen, const char *text, size_t n_bytes, uint64_t hash, pp_id stack)
{
    if (seen->n_put == TRIAL_STACKS && seen->n_found * LEAST_FOUND < seen->n_put) {
        seen->is_off = true;
        seen_done(seen);
    }
    if (seen->is_off || seen->stacks.n_words * sizeof(uint64_t) + n_bytes > MOST_SEEN_BYTES)
        return 0;
    seen->n_put++;
    return pp_text_memo_put(&seen->stacks, text, n_bytes, hash, stack);
}

/* A stack whose text was met before is what it was then: most samples of a profile are. */
static int read_sample(struct pp_speedscope_reader *reader, struct path *path, struct seen *seen,
                       pp_id *stack_out)
{
    struct pp_json_reader *json = &reader->json;
    const bool is_array = pp_json_peek(json) == PP_JSON_ARRAY;
    const char *begin = json->at;
    const char *bracket =
        is_array && !seen->is_off ? memchr(begin, ']', (size_t)(json->end - begin)) : NULL;
    const size_t n_bytes = bracket != NULL ? (size_t)(bracket - begin) + 1 : 0;
    const uint64_t hash = n_bytes > 0 ? pp_text_hash(begin, n_bytes) : 0;
    int failed;

    if (n_bytes > 0 && pp_text_memo_find(&seen->stacks, begin, n_bytes, hash, stack_out)) {
        seen->n_found++;
        json->at = bracket + 1;
        return 0;
    }
    failed = read_stack(reader, path, stack_out);
    if (failed != 0 || json->problem != NULL || bracket == NULL || json->at != bracket + 1)
        return failed;
    return remember(seen, begin, n_bytes, hash, *stack_out);
}

/* ---- stacks that are all different ---- */

/* They go down the tree side by side: each step of one waits for memory. */
struct batch {
    struct pp_profile_walk walks[PP_PROFILE_MOST_WALKS];
    size_t first[PP_PROFILE_MOST_WALKS]; /* of each one's in 'locations', leaf first */
    uint32_t n_stacks;
    pp_id *locations;
    size_t n_locations, locations_capacity;
};

static void batch_done(struct batch *batch)
{
    free(batch->locations);
}

/* The stacks of the last samples of 'piece', which have none yet. */
static int take_batch(struct pp_speedscope_reader *reader, struct pp_speedscope_piece *piece,
                      struct batch *batch)
{
    struct pp_profile_walk *walks = batch->walks;
    pp_id *stacks = piece->stacks + (piece->n_stacks - batch->n_stacks);

    for (uint32_t i = 0; i < batch->n_stacks; i++)
        walks[i].locations = batch->locations + batch->first[i];
    pp_profile_walk_known(reader->profile, walks, batch->n_stacks);
    for (uint32_t i = 0; i < batch->n_stacks; i++)
        stacks[i] =
            pp_profile_descend(reader->profile, walks[i].node, walks[i].locations, walks[i].n_left);
    batch->n_stacks = 0;
    batch->n_locations = 0;
    return pp_profile_failed(reader->profile) ? -ENOMEM : 0;
}

static int read_into_batch(struct pp_speedscope_reader *reader, struct path *path,
                           struct batch *batch)
{
    struct frames frames = {0, 0};
    pp_id *to;
    int found = 0;

    path->depth = 0; /* nothing is shared */
    if (pp_json_peek(&reader->json) == PP_JSON_ARRAY)
        found = read_tight_frames(reader, path, &frames);
    if (found == 0) {
        frames = (struct frames){0, 0};
        found = read_any_frames(reader, path, &frames);
    }
    if (found < 0)
        return found;
    if (pp_array_reserve(&batch->locations, &batch->locations_capacity,
                         batch->n_locations + frames.depth + 1, sizeof(pp_id)) != 0)
        return -ENOMEM;
    to = batch->locations + batch->n_locations;
    for (size_t i = 0; i < frames.depth; i++)
        to[i] = reader->frames[path->frames[frames.depth - 1 - i]];
    batch->first[batch->n_stacks] = batch->n_locations;
    batch->walks[batch->n_stacks++] = (struct pp_profile_walk){.n_left = frames.depth};
    batch->n_locations += frames.depth;
    return 0;
}

int pp_speedscope_read_samples(struct pp_speedscope_reader *reader,
                               struct pp_speedscope_piece *piece)
{
    __attribute__((cleanup(seen_done))) struct seen seen = {.stacks = PP_TEXT_MEMO_INIT};
    __attribute__((cleanup(path_done))) struct path path = {.depth = 0};
    __attribute__((cleanup(batch_done))) struct batch batch = {.n_stacks = 0};
    struct pp_json_reader *json = &reader->json;
    int failed = 0;

    if (!pp_json_read_array(json))
        return 0;
    while (failed == 0 && pp_json_next_item(json)) {
        pp_id stack = 0;
        pp_speedscope_forget(reader);
        failed = seen.is_off ? read_into_batch(reader, &path, &batch)
                             : read_sample(reader, &path, &seen, &stack);
        if (failed != 0 || json->problem != NULL)
            break;
        if (pp_array_reserve(&piece->stacks, &piece->stacks_capacity, piece->n_stacks + 1,
                             sizeof *piece->stacks) != 0)
            return -ENOMEM;
        piece->stacks[piece->n_stacks++] = stack;
        if (batch.n_stacks == PP_PROFILE_MOST_WALKS)
            failed = take_batch(reader, piece, &batch);
    }
    if (failed != 0 || json->problem != NULL || batch.n_stacks == 0)
        return failed;
    return take_batch(reader, piece, &batch);
}
