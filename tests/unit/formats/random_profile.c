/* Random profiles that use everything the model has, and equality of profiles by meaning. */
#include "random_profile.h"

#include <stdio.h>
#include <string.h>

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint32_t below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)(next_random(state) >> 33) % limit;
}

static pp_id random_string(struct pprofc_profile *profile, uint64_t *state)
{
    static const char *const stems[] = {"f",
                                        "operator<<",
                                        "std::vector<int, std::allocator<int> >::push_back",
                                        "\xc3\xa9t\xc3\xa9",
                                        "a;b",
                                        "with \"quotes\"",
                                        "line\nbreak",
                                        "<&>"};
    char name[128];

    if (below(state, 20) == 0)
        return 0;
    (void)snprintf(name, sizeof name, "%s%u", stems[below(state, 8)], below(state, 50));
    return pp_profile_text(profile, name);
}

static pp_id random_location(struct pprofc_profile *profile, uint64_t *state)
{
    const struct pp_mapping mapping = {.start = below(state, 4) * 0x1000ULL,
                                       .limit = UINT64_MAX - below(state, 2),
                                       .offset = below(state, 2) * 0x1000ULL,
                                       .path = random_string(profile, state),
                                       .build_id = random_string(profile, state),
                                       .has_functions = below(state, 2) != 0,
                                       .has_filenames = below(state, 2) != 0,
                                       .has_lines = below(state, 2) != 0,
                                       .has_inlines = below(state, 2) != 0};
    struct pp_location location = {
        .address = next_random(state),
        .mapping = below(state, 5) == 0 ? 0 : pp_profile_mapping(profile, &mapping),
        .n_lines = below(state, 4),
        .is_folded = below(state, 9) == 0};
    struct pp_line lines[4];

    for (uint32_t i = 0; i < location.n_lines; i++) {
        const struct pp_function function = {.name = random_string(profile, state),
                                             .system_name = random_string(profile, state),
                                             .file = random_string(profile, state),
                                             .start_line = below(state, 1000)};
        lines[i].function = pp_profile_function(profile, &function);
        lines[i].line = (int64_t)below(state, 1000) - 1;
    }
    return pp_profile_location(profile, &location, lines);
}

static pp_id random_labels(struct pprofc_profile *profile, uint64_t *state)
{
    struct pp_label labels[3];
    const uint32_t n_labels = below(state, 4);

    for (uint32_t i = 0; i < n_labels; i++) {
        const bool is_number = below(state, 2) != 0;
        labels[i] = (struct pp_label){.key = random_string(profile, state)};
        if (is_number) {
            labels[i].number = (int64_t)next_random(state);
            labels[i].unit = random_string(profile, state);
        } else {
            labels[i].text = random_string(profile, state);
        }
    }
    return pp_profile_label_set(profile, labels, n_labels);
}

static void random_quality(struct pprofc_profile *profile, uint64_t *state)
{
    struct pp_quality *quality = &profile->quality;

    *quality = (struct pp_quality){.is_known = true,
                                   .asked_hz = below(state, 10000) + 0.125,
                                   .n_samples = below(state, 100000),
                                   .n_lost = below(state, 10),
                                   .n_truncated = below(state, 10),
                                   .n_unsymbolised = -1,
                                   .n_dropped = below(state, 10),
                                   .cpu_ns = (int64_t)(next_random(state) >> 1),
                                   .sampled_ns = (int64_t)(next_random(state) >> 1),
                                   .unsampled_ns = 0,
                                   .own_cpu_ns = -1,
                                   .n_throttled = -1,
                                   .throttled_ns = below(state, 1000),
                                   .children_cpu_ns = below(state, 10),
                                   .budget_ppm = 5000,
                                   .n_budget_changes = below(state, 10),
                                   .delivery = pp_profile_text(profile, "perf-sigtrap"),
                                   .delivery_reason = random_string(profile, state),
                                   .missing_modules = random_string(profile, state)};
    quality->n_losses = below(state, 3);
    for (uint32_t i = 0; i < quality->n_losses; i++) {
        quality->losses[i].cause = pp_profile_text(profile, i == 0 ? "no_space" : "no_thread_slot");
        quality->losses[i].n = below(state, 100);
    }
}

static void random_head(struct pprofc_profile *profile, uint64_t *state)
{
    profile->time_ns = (int64_t)(next_random(state) >> 2);
    profile->duration_ns = below(state, 1000000);
    profile->period = below(state, 1000000);
    profile->period_type.type = random_string(profile, state);
    profile->period_type.unit = random_string(profile, state);
    profile->drop_frames = random_string(profile, state);
    profile->keep_frames = random_string(profile, state);
    profile->command = random_string(profile, state);
    profile->kind = random_string(profile, state);
    for (uint32_t i = below(state, 3); i > 0; i--)
        pp_profile_comment(profile, "remark %u", below(state, 100));
    if (below(state, 2) != 0)
        random_quality(profile, state);
}

struct pprofc_profile *make_random_profile(uint64_t seed)
{
    static const char *const types[] = {"samples", "cpu", "alloc_space", "delay",
                                        "x",       "y",   "z",           "w"};
    struct pprofc_profile *profile = pp_profile_new();
    enum { N_TYPES = sizeof types / sizeof types[0] };
    uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
    pp_id locations[40];
    pp_id stack[64];

    if (profile == NULL)
        return NULL;
    for (uint32_t n_types = 1 + below(&state, N_TYPES); n_types > 0; n_types--)
        (void)pp_profile_add_type(profile, types[profile->n_types],
                                  below(&state, 2) != 0 ? "count" : "bytes");
    profile->default_type = below(&state, profile->n_types);
    random_head(profile, &state);
    for (uint32_t i = 0; i < 40; i++)
        locations[i] = random_location(profile, &state);
    for (uint32_t n_samples = below(&state, 60); n_samples > 0; n_samples--) {
        const uint32_t depth = below(&state, 64);
        int64_t values[N_TYPES];
        for (uint32_t i = 0; i < depth; i++)
            stack[i] = locations[below(&state, 40)];
        for (uint32_t i = 0; i < N_TYPES; i++)
            values[i] = (int64_t)(next_random(&state) >> (8 + below(&state, 50))) - 100;
        pp_profile_add(profile, pp_profile_stack(profile, stack, depth),
                       random_labels(profile, &state), 0, values);
    }
    return profile;
}

/* ---- equality ---- */

static bool same_string(const struct pprofc_profile *a, pp_id in_a, const struct pprofc_profile *b,
                        pp_id in_b)
{
    return strcmp(a->strings[in_a], b->strings[in_b]) == 0;
}

static bool same_mapping(const struct pprofc_profile *a, pp_id in_a, const struct pprofc_profile *b,
                         pp_id in_b)
{
    const struct pp_mapping *x = &a->mappings[in_a], *y = &b->mappings[in_b];

    return (in_a == 0) == (in_b == 0) && x->start == y->start && x->limit == y->limit &&
           x->offset == y->offset && same_string(a, x->path, b, y->path) &&
           same_string(a, x->build_id, b, y->build_id) && x->has_functions == y->has_functions &&
           x->has_filenames == y->has_filenames && x->has_lines == y->has_lines &&
           x->has_inlines == y->has_inlines;
}

static bool same_function(const struct pprofc_profile *a, pp_id in_a,
                          const struct pprofc_profile *b, pp_id in_b)
{
    const struct pp_function *x = &a->functions[in_a], *y = &b->functions[in_b];

    return same_string(a, x->name, b, y->name) &&
           same_string(a, x->system_name, b, y->system_name) &&
           same_string(a, x->file, b, y->file) && x->start_line == y->start_line;
}

static bool same_location(const struct pprofc_profile *a, pp_id in_a,
                          const struct pprofc_profile *b, pp_id in_b)
{
    const struct pp_location *x = &a->locations[in_a], *y = &b->locations[in_b];

    if (x->address != y->address || x->n_lines != y->n_lines || x->is_folded != y->is_folded ||
        !same_mapping(a, x->mapping, b, y->mapping))
        return false;
    for (uint32_t i = 0; i < x->n_lines; i++) {
        const struct pp_line *line = &a->lines[x->first_line + i],
                             *other = &b->lines[y->first_line + i];
        if (line->line != other->line || !same_function(a, line->function, b, other->function))
            return false;
    }
    return true;
}

static bool same_stack(const struct pprofc_profile *a, pp_id in_a, const struct pprofc_profile *b,
                       pp_id in_b)
{
    while (in_a != 0 && in_b != 0) {
        if (!same_location(a, a->node_location[in_a], b, b->node_location[in_b]))
            return false;
        in_a = a->node_parent[in_a];
        in_b = b->node_parent[in_b];
    }
    return in_a == 0 && in_b == 0;
}

static bool same_labels(const struct pprofc_profile *a, pp_id in_a, const struct pprofc_profile *b,
                        pp_id in_b)
{
    const struct pp_label_set *x = &a->label_sets[in_a], *y = &b->label_sets[in_b];

    if (x->n_labels != y->n_labels)
        return false;
    for (uint32_t i = 0; i < x->n_labels; i++) {
        const struct pp_label *label = &a->labels[x->first + i], *other = &b->labels[y->first + i];
        if (!same_string(a, label->key, b, other->key) ||
            !same_string(a, label->text, b, other->text) || label->number != other->number ||
            !same_string(a, label->unit, b, other->unit))
            return false;
    }
    return true;
}

static bool same_quality(const struct pprofc_profile *a, const struct pprofc_profile *b)
{
    const struct pp_quality *x = &a->quality, *y = &b->quality;

    if (x->is_known != y->is_known || !x->is_known)
        return x->is_known == y->is_known;
    for (uint32_t i = 0; i < x->n_losses && x->n_losses == y->n_losses; i++) {
        if (x->losses[i].n != y->losses[i].n ||
            !same_string(a, x->losses[i].cause, b, y->losses[i].cause))
            return false;
    }
    return x->n_losses == y->n_losses && x->asked_hz <= y->asked_hz && x->asked_hz >= y->asked_hz &&
           x->n_samples == y->n_samples && x->n_lost == y->n_lost &&
           x->n_truncated == y->n_truncated && x->n_unsymbolised == y->n_unsymbolised &&
           x->n_dropped == y->n_dropped && x->cpu_ns == y->cpu_ns &&
           x->sampled_ns == y->sampled_ns && x->unsampled_ns == y->unsampled_ns &&
           x->own_cpu_ns == y->own_cpu_ns && x->children_cpu_ns == y->children_cpu_ns &&
           x->budget_ppm == y->budget_ppm && x->n_budget_changes == y->n_budget_changes &&
           x->n_throttled == y->n_throttled && x->throttled_ns == y->throttled_ns &&
           same_string(a, x->delivery, b, y->delivery) &&
           same_string(a, x->delivery_reason, b, y->delivery_reason) &&
           same_string(a, x->missing_modules, b, y->missing_modules);
}

static const char *head_difference(const struct pprofc_profile *a, const struct pprofc_profile *b)
{
    if (a->n_types != b->n_types || a->default_type != b->default_type)
        return "sample types";
    for (uint32_t i = 0; i < a->n_types; i++) {
        if (!same_string(a, a->types[i].type, b, b->types[i].type) ||
            !same_string(a, a->types[i].unit, b, b->types[i].unit))
            return "a sample type";
    }
    if (a->time_ns != b->time_ns || a->duration_ns != b->duration_ns || a->period != b->period)
        return "time, duration or period";
    if (!same_string(a, a->period_type.type, b, b->period_type.type) ||
        !same_string(a, a->period_type.unit, b, b->period_type.unit))
        return "period type";
    if (!same_string(a, a->drop_frames, b, b->drop_frames) ||
        !same_string(a, a->keep_frames, b, b->keep_frames))
        return "drop or keep frames";
    if (!same_string(a, a->command, b, b->command) || !same_string(a, a->kind, b, b->kind))
        return "command or kind";
    if (a->n_comments != b->n_comments)
        return "number of comments";
    for (uint32_t i = 0; i < a->n_comments; i++) {
        if (!same_string(a, a->comments[i], b, b->comments[i]))
            return "a comment";
    }
    return same_quality(a, b) ? NULL : "quality";
}

const char *profile_difference(const struct pprofc_profile *a, const struct pprofc_profile *b)
{
    const char *difference = head_difference(a, b);

    if (difference != NULL)
        return difference;
    if (a->n_samples != b->n_samples)
        return "number of samples";
    if (a->n_mappings != b->n_mappings)
        return "number of mappings";
    for (uint32_t i = 0; i < a->n_samples; i++) {
        const size_t first = (size_t)i * a->n_types;
        if (!same_stack(a, a->sample_stack[i], b, b->sample_stack[i]))
            return "a stack";
        if (!same_labels(a, a->sample_labels[i], b, b->sample_labels[i]))
            return "labels";
        if (memcmp(a->sample_values + first, b->sample_values + first,
                   a->n_types * sizeof(int64_t)) != 0)
            return "values";
    }
    return NULL;
}
