/* Writes a large profile as other tools' producers would:
 * big_profile random|tree|huge|new|again FILE.
 *
 * random: 200 000 samples over 50 000 locations of 10 000 functions, stacks up to 30 deep that have
 * nothing in common: the worst case for all that puts stacks together.  tree: the same number of
 * samples and locations, stacks up to 16 deep that share their callers as those of programs do.
 * huge: 500 000 samples, 40 deep, of 100 000 stacks or so, with two labels each: 75 MB before gzip,
 * a fifth of it behind.
 * new, again: smaller ones, to count instructions on: a tree of 20 000 samples, and as many samples
 * of 324 stacks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"

struct shape {
    const char *name;
    uint32_t n_samples, n_locations, n_functions, max_depth;
    uint32_t n_callees[2]; /* of the first frames, and of later ones; 0: any location follows */
    uint32_t n_first, every;
    bool has_labels;
};

static const struct shape shapes[] = {
    {"random", 200000, 50000, 10000, 30, {0, 0}, 0, 1, false},
    {"tree", 200000, 50000, 10000, 16, {5, 3}, 6, 1, false},
    {"huge", 500000, 100000, 30000, 40, {3, 2}, 8, 8, true},
    {"new", 20000, 5000, 1000, 16, {5, 3}, 6, 1, false},
    {"again", 100000, 5000, 1000, 40, {3, 2}, 4, 16, true},
};

static uint64_t state = 88172645463325252ULL;

static uint32_t draw(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * n >> 32);
}

static pp_id make_location(struct pprofc_profile *profile, const struct shape *shape, uint32_t i,
                           pp_id mapping)
{
    char name[64], file[64];
    const uint32_t number = i % shape->n_functions;
    struct pp_function function = {.start_line = 1};
    struct pp_line line = {.line = 1 + i / shape->n_functions * 7};
    const struct pp_location location = {
        .address = 0x400000 + 16ULL * i, .mapping = mapping, .n_lines = 1};

    (void)snprintf(name, sizeof name, "module_%u::function_%u(int, char const*)", number / 50,
                   number);
    (void)snprintf(file, sizeof file, "/src/module_%u/file_%u.cc", number / 50, number / 10);
    function.name = function.system_name = pp_profile_text(profile, name);
    function.file = pp_profile_text(profile, file);
    line.function = pp_profile_function(profile, &function);
    return pp_profile_location(profile, &location, &line);
}

/* In a tree a frame has few callees, which its path from the root decides; the deeper the fewer,
 * and behind the first frames but every so often only one. */
static pp_id make_stack(struct pprofc_profile *profile, const struct shape *shape,
                        const pp_id *locations)
{
    const uint32_t depth = shape->max_depth == 40 ? 40 : 1 + draw(shape->max_depth);
    uint64_t path = 1;
    pp_id node = 0;

    for (uint32_t i = 0; i < depth; i++) {
        uint32_t which = draw(shape->n_locations);
        if (shape->n_callees[0] > 0) {
            const uint32_t n_callees = i < shape->n_first      ? shape->n_callees[0]
                                       : i % shape->every == 0 ? shape->n_callees[1]
                                                               : 1;
            path = (path * 8 + draw(n_callees)) * 0x9e3779b97f4a7c15ULL;
            which = (uint32_t)((path >> 32) * shape->n_locations >> 32);
        }
        node = pp_profile_child(profile, node, locations[which]);
    }
    return node;
}

static pp_id make_labels(struct pprofc_profile *profile)
{
    char thread[32];
    struct pp_label labels[2] = {{.key = pp_profile_text(profile, "thread_name")},
                                 {.key = pp_profile_text(profile, "thread_id")}};
    const uint32_t number = draw(64);

    (void)snprintf(thread, sizeof thread, "worker-%u", number);
    labels[0].text = pp_profile_text(profile, thread);
    labels[1].number = 4000 + number;
    return pp_profile_label_set(profile, labels, 2);
}

static struct pprofc_profile *make(const struct shape *shape)
{
    struct pprofc_profile *profile = pp_profile_new();
    pp_id *locations = calloc(shape->n_locations, sizeof *locations);
    struct pp_mapping mapping = {.start = 0x400000, .limit = 0x4000000, .has_functions = true};

    if (profile == NULL || locations == NULL)
        exit(1);
    mapping.path = pp_profile_text(profile, "/usr/bin/program");
    (void)pp_profile_add_type(profile, "samples", "count");
    (void)pp_profile_add_type(profile, "cpu", "nanoseconds");
    profile->default_type = 1;
    for (uint32_t i = 0; i < shape->n_locations; i++)
        locations[i] = make_location(profile, shape, i, pp_profile_mapping(profile, &mapping));
    for (uint32_t i = 0; i < shape->n_samples; i++) {
        const int64_t values[] = {1, 10000000};
        const pp_id stack = make_stack(profile, shape, locations);
        pp_profile_add(profile, stack, shape->has_labels ? make_labels(profile) : 0, 0, values);
    }
    free(locations);
    return profile;
}

int main(int argc, char **argv)
{
    struct pprofc_profile *profile;
    struct pprofc_error err;

    for (size_t i = 0; argc == 3 && i < sizeof shapes / sizeof shapes[0]; i++) {
        if (strcmp(shapes[i].name, argv[1]) != 0)
            continue;
        profile = make(&shapes[i]);
        if (pp_profile_failed(profile) || pprofc_profile_write(profile, argv[2], &err) < 0) {
            (void)fprintf(stderr, "big_profile: %s\n", argv[2]);
            return 1;
        }
        pprofc_profile_free(profile);
        return 0;
    }
    (void)fprintf(stderr, "big_profile random|tree|huge|new|again FILE\n");
    return 2;
}
