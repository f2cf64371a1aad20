/* Sums of a joint profile by function name: builds differ in addresses, lines and files, so a name
 * is what a function is known by.  Samples are taken batch by batch, and each walks from its leaf
 * to the root: as many steps as its stack is deep. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "profile/diff.h"

static const uint32_t SEVERAL = UINT32_MAX; /* frames at a location, by inlining */

/* Of the batch that is being summed. */
struct batch_sums {
    double flat, cum, flat_samples, cum_samples;
};

struct summing {
    struct pp_diff *diff;
    struct pp_diff_groups groups;
    pp_id *names;          /* strings, by line; behind all lines, by location without lines */
    uint32_t *of_name;     /* 1 + the group, by string */
    uint32_t *of_line;     /* the group, as 'names' */
    uint32_t *of_location; /* the group of one that is a single frame; SEVERAL */
    struct batch_sums *sums;
    uint32_t *seen_by; /* by group: 1 + the sample that walks through it */
    uint32_t *touched; /* groups of the batch */
    uint32_t n_touched;
    uint32_t *in_batch; /* by group: 1 + the batch that touched it last */
    uint32_t *order;    /* samples by batch */
};

static void summing_done(struct summing *summing)
{
    free(summing->names);
    free(summing->of_name);
    free(summing->of_line);
    free(summing->of_location);
    free(summing->sums);
    free(summing->seen_by);
    free(summing->touched);
    free(summing->in_batch);
    free(summing->order);
}

/* ---- groups ---- */

static pp_id name_of(struct pprofc_profile *joint, pp_id location, uint32_t line)
{
    const struct pp_location *frame = &joint->locations[location];
    char scratch[512];

    if (line < frame->n_lines) {
        const pp_id function = joint->lines[frame->first_line + line].function;
        if (joint->functions[function].name != 0)
            return joint->functions[function].name;
    }
    return pp_profile_text(joint,
                           pp_profile_frame_name(joint, location, line, scratch, sizeof scratch));
}

/* Made-up names are strings like any other: all of them are there before strings are counted. */
static int name_all(struct summing *summing)
{
    struct pprofc_profile *joint = summing->diff->joint;

    summing->names =
        calloc((size_t)joint->n_lines + joint->n_locations + 1, sizeof *summing->names);
    if (summing->names == NULL)
        return -ENOMEM;
    for (pp_id location = 1; location < joint->n_locations; location++) {
        const struct pp_location *frame = &joint->locations[location];
        for (uint32_t k = 0; k < frame->n_lines; k++)
            summing->names[frame->first_line + k] = name_of(joint, location, k);
        if (frame->n_lines == 0)
            summing->names[joint->n_lines + location] = name_of(joint, location, 0);
    }
    return pp_profile_failed(joint) ? -ENOMEM : 0;
}

/* The group of a name; its place is that of the first frame that tells one. */
static int put_in_group(struct summing *summing, size_t at, pp_id location,
                        const struct pp_line *line)
{
    const struct pprofc_profile *joint = summing->diff->joint;
    struct pp_diff_groups *groups = &summing->groups;
    uint32_t *number = &summing->of_name[summing->names[at]];
    struct pp_diff_group *group;

    if (*number == 0) {
        if (pp_array_reserve(&groups->items, &groups->capacity, (size_t)groups->n + 1,
                             sizeof *groups->items) != 0)
            return -ENOMEM;
        groups->items[groups->n] = (struct pp_diff_group){.name = summing->names[at]};
        *number = ++groups->n;
    }
    summing->of_line[at] = *number - 1;
    group = &groups->items[*number - 1];
    if (group->module == 0)
        group->module = joint->mappings[joint->locations[location].mapping].path;
    if (line != NULL && group->file == 0) {
        group->file = joint->functions[line->function].file;
        group->line = joint->functions[line->function].start_line;
    }
    return 0;
}

static int group_all(struct summing *summing)
{
    const struct pprofc_profile *joint = summing->diff->joint;

    summing->of_name = calloc((size_t)joint->n_strings + 1, sizeof *summing->of_name);
    summing->of_line =
        calloc((size_t)joint->n_lines + joint->n_locations + 1, sizeof *summing->of_line);
    summing->of_location = calloc((size_t)joint->n_locations + 1, sizeof *summing->of_location);
    if (summing->of_name == NULL || summing->of_line == NULL || summing->of_location == NULL)
        return -ENOMEM;
    for (pp_id location = 1; location < joint->n_locations; location++) {
        const struct pp_location *frame = &joint->locations[location];
        int rc = 0;
        for (uint32_t k = 0; k < frame->n_lines && rc == 0; k++)
            rc = put_in_group(summing, frame->first_line + k, location,
                              &joint->lines[frame->first_line + k]);
        if (frame->n_lines == 0)
            rc = put_in_group(summing, (size_t)joint->n_lines + location, location, NULL);
        if (rc != 0)
            return rc;
        summing->of_location[location] =
            frame->n_lines > 1
                ? SEVERAL
                : summing->of_line[frame->n_lines == 1 ? frame->first_line
                                                       : (size_t)joint->n_lines + location];
    }
    return 0;
}

/* ---- samples ---- */

static int order_samples(struct summing *summing)
{
    const struct pprofc_profile *joint = summing->diff->joint;
    const uint32_t n_batches =
        summing->diff->total[PP_BEFORE].n_batches + summing->diff->total[PP_AFTER].n_batches;
    pp_autofree uint32_t *next = calloc((size_t)n_batches + 1, sizeof *next);

    summing->order = malloc(((size_t)joint->n_samples + 1) * sizeof *summing->order);
    if (next == NULL || summing->order == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < joint->n_samples; i++)
        next[joint->sample_slice[i] + 1]++;
    for (uint32_t batch = 0; batch < n_batches; batch++)
        next[batch + 1] += next[batch];
    for (uint32_t i = 0; i < joint->n_samples; i++)
        summing->order[next[joint->sample_slice[i]]++] = i;
    return 0;
}

static void add_estimate(struct pp_diff_moments *moments, const struct pp_estimate *estimate)
{
    moments->variance += estimate->variance;
    moments->n_sampled += estimate->n_sampled;
}

static void touch(struct summing *summing, uint32_t group, uint32_t batch)
{
    if (summing->in_batch[group] == batch + 1)
        return;
    summing->in_batch[group] = batch + 1;
    summing->touched[summing->n_touched++] = group;
}

/* One sample on its way to the root. */
struct walk {
    enum pp_diff_side side;
    uint32_t sample, batch;
    double value, n_samples;
    const struct pp_estimate *estimate;
};

static inline void visit(struct summing *summing, const struct walk *walk, uint32_t group)
{
    struct batch_sums *sums = &summing->sums[group];

    if (summing->seen_by[group] == walk->sample + 1)
        return; /* recursion: a sample counts once */
    summing->seen_by[group] = walk->sample + 1;
    touch(summing, group, walk->batch);
    sums->cum += walk->value;
    sums->cum_samples += walk->n_samples;
    if (walk->estimate != NULL)
        add_estimate(&summing->groups.items[group].cum[walk->side], walk->estimate);
}

static void visit_leaf(struct summing *summing, const struct walk *walk, uint32_t group)
{
    summing->sums[group].flat += walk->value;
    summing->sums[group].flat_samples += walk->n_samples;
    if (walk->estimate != NULL)
        add_estimate(&summing->groups.items[group].flat[walk->side], walk->estimate);
}

static void add_sample(struct summing *summing, uint32_t sample, enum pp_diff_side side)
{
    const struct pprofc_profile *joint = summing->diff->joint;
    const int64_t *values = joint->sample_values + (size_t)sample * joint->n_types + 2 * side;
    const struct walk walk = {.side = side,
                              .sample = sample,
                              .batch = joint->sample_slice[sample],
                              .value = (double)values[0],
                              .n_samples = (double)values[1],
                              .estimate = pp_profile_estimate(joint, sample, 2 * (uint32_t)side)};
    const pp_id leaf = joint->sample_stack[sample];
    const struct pp_location *frame;
    uint32_t group;

    if (leaf != 0) {
        group = summing->of_location[joint->node_location[leaf]];
        frame = &joint->locations[joint->node_location[leaf]];
        visit_leaf(summing, &walk, group != SEVERAL ? group : summing->of_line[frame->first_line]);
    }
    for (pp_id node = leaf; node != 0; node = joint->node_parent[node]) {
        group = summing->of_location[joint->node_location[node]];
        if (group != SEVERAL) {
            visit(summing, &walk, group);
            continue;
        }
        frame = &joint->locations[joint->node_location[node]];
        for (uint32_t k = 0; k < frame->n_lines; k++)
            visit(summing, &walk, summing->of_line[frame->first_line + k]);
    }
}

static void add_batch(struct pp_diff_moments *moments, double value, double n_samples, double total,
                      double width)
{
    moments->value += value;
    moments->n_samples += n_samples;
    moments->squares += value * value;
    moments->products += value * total;
    moments->by_width += value * width;
    moments->n_batches += value > 0;
}

static void end_batch(struct summing *summing, enum pp_diff_side side, double total, double width)
{
    summing->diff->total[side].squares += total * total;
    for (uint32_t i = 0; i < summing->n_touched; i++) {
        const uint32_t group = summing->touched[i];
        struct batch_sums *sums = &summing->sums[group];
        add_batch(&summing->groups.items[group].flat[side], sums->flat, sums->flat_samples, total,
                  width);
        add_batch(&summing->groups.items[group].cum[side], sums->cum, sums->cum_samples, total,
                  width);
        *sums = (struct batch_sums){0, 0, 0, 0};
    }
    summing->n_touched = 0;
}

static void add_samples(struct summing *summing)
{
    const struct pprofc_profile *joint = summing->diff->joint;
    const uint32_t n_before = summing->diff->total[PP_BEFORE].n_batches;

    for (uint32_t i = 0; i < joint->n_samples;) {
        const uint32_t batch = joint->sample_slice[summing->order[i]];
        const enum pp_diff_side side = batch < n_before ? PP_BEFORE : PP_AFTER;
        double total = 0;
        for (; i < joint->n_samples && joint->sample_slice[summing->order[i]] == batch; i++) {
            const uint32_t sample = summing->order[i];
            add_sample(summing, sample, side);
            total += (double)joint->sample_values[(size_t)sample * joint->n_types + 2 * side];
        }
        end_batch(summing, side, total, summing->diff->widths[batch]);
    }
}

static int sum(struct summing *summing)
{
    size_t n_groups;

    if (name_all(summing) != 0 || group_all(summing) != 0 || order_samples(summing) != 0)
        return -ENOMEM;
    n_groups = (size_t)summing->groups.n + 1;
    summing->sums = calloc(n_groups, sizeof *summing->sums);
    summing->seen_by = calloc(n_groups, sizeof *summing->seen_by);
    summing->touched = calloc(n_groups, sizeof *summing->touched);
    summing->in_batch = calloc(n_groups, sizeof *summing->in_batch);
    if (summing->sums == NULL || summing->seen_by == NULL || summing->touched == NULL ||
        summing->in_batch == NULL)
        return -ENOMEM;
    add_samples(summing);
    return 0;
}

int pp_diff_sum(struct pp_diff *diff, struct pp_diff_groups *groups_out)
{
    struct summing summing = {.diff = diff};
    const int rc = sum(&summing);

    if (rc == 0)
        *groups_out = summing.groups;
    else
        free(summing.groups.items);
    summing_done(&summing);
    return rc;
}
