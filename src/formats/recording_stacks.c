/* From a recording's stacks to nodes of a profile's tree, with names. */
#include "formats/recording_stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

enum {
    MAX_FRAMES = 4096, /* of one stack; capture keeps 512 and a mark */
    /* Of all stacks, made anew whenever libraries have come or gone: 60 s of a storm of dlopen at
     * 1000 Hz take half a million, a hostile recording any number. */
    MAX_FRAMES_IN_EPOCHS = 1 << 22,
};

int pp_recorded_stacks_init(struct pp_recorded_stacks *stacks, struct pprofc_profile *profile,
                            struct pp_symbolizer *symbolizer,
                            const struct pp_recording_reader *reader)
{
    const struct pp_rec_header *head = pp_recording_header(reader);
    char program[sizeof head->program + 1];

    *stacks = (struct pp_recorded_stacks){.profile = profile,
                                          .n_frames_left = head->n_bytes / sizeof(uint64_t)};
    memcpy(program, head->program, sizeof head->program);
    program[sizeof head->program] = '\0';
    if (pp_recorded_modules_init(&stacks->modules, reader) != 0 ||
        pp_recorded_frames_init(&stacks->frames, profile, symbolizer, &stacks->modules) != 0 ||
        pp_recorded_frames_begin_with(&stacks->frames, program) != 0)
        return -ENOMEM;
    if (stacks->modules.n_changes == 0)
        stacks->n_frames_left *= 2;
    return 0;
}

void pp_recorded_stacks_done(struct pp_recorded_stacks *stacks)
{
    pp_recorded_frames_done(&stacks->frames);
    pp_recorded_modules_done(&stacks->modules);
    pp_id_table_done(&stacks->table);
    pp_id_table_done(&stacks->charged);
    free(stacks->stacks);
    free(stacks->locations);
    *stacks = (struct pp_recorded_stacks){.profile = NULL};
}

static pp_id named(struct pp_recorded_stacks *stacks, const char *name)
{
    return pp_profile_named_location(stacks->profile, name, strlen(name));
}

/* The stack as locations, leaf first; '*n_out' of them in stacks->locations. */
static int name_frames(struct pp_recorded_stacks *stacks, const struct pp_recorded_walk *walk,
                       struct pp_recorded_stack *stack, size_t *n_out)
{
    size_t n = 0;

    if (pp_array_reserve(&stacks->locations, &stacks->locations_capacity, walk->n_frames + 2UL,
                         sizeof *stacks->locations) != 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < walk->n_frames; i++) {
        const struct pp_recorded_frame *frame;
        if (pp_recorded_frame(&stacks->frames, walk->pcs[i], i == 0, walk->time_ns, stack->epoch,
                              &frame) != 0)
            return -ENOMEM;
        if (frame->location == 0)
            continue;
        if (n == 0)
            stack->is_named = frame->is_named;
        stacks->locations[n++] = frame->location;
    }
    if (n == 0 && !stack->is_truncated)
        stacks->locations[n++] = named(stacks, "[pprof-c]"); /* nothing but our own frames */
    /* Whatever was found, it is not a root: it must not stand beside main() as one. */
    if (stack->is_truncated)
        stacks->locations[n++] = named(stacks, "[truncated]");
    *n_out = n;
    return 0;
}

/* Each stack has bytes of its own in a recording that capture made; overlapping ones could ask for
 * any amount of memory. A stack counts once, in however many epochs it occurs; where there is only
 * one, twice at most: as a whole one and as one that is cut off. */
static int charge(struct pp_recorded_stacks *stacks, const struct pp_recorded_walk *walk,
                  struct pprofc_error *err)
{
    const uint64_t hash = pp_hash_mix(walk->key);
    const bool has_epochs = stacks->modules.n_changes > 0;
    struct pp_id_probe probe;

    for (probe = pp_id_table_first(&stacks->charged, hash); has_epochs && probe.id != 0;
         probe = pp_id_table_after(&stacks->charged, hash, probe)) {
        if (stacks->stacks[probe.id - 1].key == walk->key)
            return 0;
    }
    if (walk->n_frames > MAX_FRAMES || walk->n_frames > stacks->n_frames_left)
        return pp_fail(err, -EBADMSG, 0, "the recording is damaged: its stacks overlap");
    stacks->n_frames_left -= walk->n_frames;
    return has_epochs ? pp_id_table_put(&stacks->charged, hash, stacks->n_stacks + 1) : 0;
}

static int make(struct pp_recorded_stacks *stacks, const struct pp_recorded_walk *walk,
                struct pp_recorded_stack *stack, struct pprofc_error *err)
{
    size_t n_locations = 0;
    int status = charge(stacks, walk, err);

    stacks->n_frames_named += walk->n_frames;
    if (status == 0)
        status = name_frames(stacks, walk, stack, &n_locations);
    if (status == 0)
        stack->node = pp_profile_stack(stacks->profile, stacks->locations, n_locations);
    return status;
}

/* Which libraries lay where when it happened. */
static uint32_t epoch_of(const struct pp_recorded_stacks *stacks, uint64_t time_ns)
{
    if (stacks->n_frames_named >= MAX_FRAMES_IN_EPOCHS)
        return 0;
    return pp_recorded_modules_epoch(&stacks->modules, time_ns);
}

static int find(struct pp_recorded_stacks *stacks, const struct pp_recorded_walk *walk,
                const struct pp_recorded_stack **stack_out, struct pprofc_error *err)
{
    struct pp_recorded_stack wanted = {
        .key = walk->key,
        .epoch = epoch_of(stacks, walk->time_ns),
        .is_truncated = walk->is_truncated,
    };
    const uint64_t hash =
        pp_hash_add(pp_hash_mix(wanted.key), (uint64_t)wanted.epoch << 1 | wanted.is_truncated);
    struct pp_id_probe probe;
    int status;

    for (probe = pp_id_table_first(&stacks->table, hash); probe.id != 0;
         probe = pp_id_table_after(&stacks->table, hash, probe)) {
        const struct pp_recorded_stack *stack = &stacks->stacks[probe.id - 1];
        if (stack->key == wanted.key && stack->epoch == wanted.epoch &&
            stack->is_truncated == wanted.is_truncated) {
            *stack_out = stack;
            return 0;
        }
    }
    if (stacks->n_stacks == UINT32_MAX - 1 ||
        pp_array_reserve(&stacks->stacks, &stacks->stacks_capacity, stacks->n_stacks + 1UL,
                         sizeof *stacks->stacks) != 0)
        return -ENOMEM;
    status = make(stacks, walk, &wanted, err);
    if (status == 0)
        status = pp_id_table_put(&stacks->table, hash, stacks->n_stacks + 1);
    if (status != 0)
        return status;
    stacks->stacks[stacks->n_stacks] = wanted;
    *stack_out = &stacks->stacks[stacks->n_stacks++];
    return 0;
}

int pp_recorded_stacks_find(struct pp_recorded_stacks *stacks, const struct pp_recorded_walk *walk,
                            const struct pp_recorded_stack **stack_out, struct pprofc_error *err)
{
    const int status = find(stacks, walk, stack_out, err);

    return status == -ENOMEM ? pp_fail(err, status, 0, "no memory for the profile") : status;
}

int pp_recorded_stacks_note_missing(struct pp_recorded_stacks *stacks)
{
    if (stacks->n_frames_named >= MAX_FRAMES_IN_EPOCHS && stacks->modules.n_changes > 0)
        pp_profile_comment(stacks->profile, "libraries changed places too often: some addresses in "
                                            "them may have another one's names");
    return pp_recorded_frames_note_missing(&stacks->frames);
}
