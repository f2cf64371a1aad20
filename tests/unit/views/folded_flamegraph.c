/* folded_flamegraph IN.folded OUT.svg [KIND]: draws folded stacks, for the browser tests and for
 * looking at. A frame may say more than its name: NAME@MODULE@FILE:LINE, with '^' before NAME when
 * it was inlined. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "views/flamegraph.h"

enum { MAX_DEPTH = 1 << 20 };

struct input {
    struct pprofc_profile *profile;
    pp_id *locations; /* root first */
    size_t n_locations;
};

static pp_id module_of(struct pprofc_profile *profile, const char *path)
{
    const struct pp_mapping mapping = {
        .start = 0x1000, .limit = 0x2000, .path = pp_profile_text(profile, path)};

    return path[0] == '\0' ? 0 : pp_profile_mapping(profile, &mapping);
}

static struct pp_line line_of(struct pprofc_profile *profile, char *name, pp_id *mapping_out)
{
    char *module = strchr(name, '@'), *file = module != NULL ? strchr(module + 1, '@') : NULL,
         *line = NULL;
    struct pp_function function = {0};

    if (module != NULL)
        *module++ = '\0';
    if (file != NULL) {
        *file++ = '\0';
        line = strrchr(file, ':');
        if (line != NULL)
            *line++ = '\0';
    }
    function.name = pp_profile_text(profile, name);
    function.file = pp_profile_text(profile, file);
    function.start_line = line != NULL ? atol(line) : 0;
    *mapping_out = module_of(profile, module != NULL ? module : "");
    return (struct pp_line){pp_profile_function(profile, &function), function.start_line + 3};
}

/* One location: a physical function and the '^' frames behind it. */
static char *add_location(struct input *input, char *at)
{
    struct pp_line lines[64], innermost_first[64];
    uint32_t n_lines = 0, i;
    pp_id mapping = 0, other;
    struct pp_location location;

    do {
        char *end = strchrnul(at, ';');
        const char after = *end;
        *end = '\0';
        lines[n_lines] = line_of(input->profile, at + (at[0] == '^' && n_lines > 0),
                                 n_lines == 0 ? &mapping : &other);
        n_lines++;
        at = after != '\0' ? end + 1 : end;
    } while (at[0] == '^' && n_lines < 64);
    for (i = 0; i < n_lines; i++)
        innermost_first[i] = lines[n_lines - 1 - i];
    location = (struct pp_location){
        .address = 0x1000 + lines[0].function, .mapping = mapping, .n_lines = n_lines};
    input->locations[input->n_locations++] =
        pp_profile_location(input->profile, &location, innermost_first);
    return at;
}

static void add_stack(struct input *input, char *stack, int64_t value)
{
    pp_id node = 0;
    size_t i;

    input->n_locations = 0;
    while (*stack != '\0' && input->n_locations < MAX_DEPTH)
        stack = add_location(input, stack);
    for (i = 0; i < input->n_locations; i++)
        node = pp_profile_child(input->profile, node, input->locations[i]);
    pp_profile_add(input->profile, node, 0, 0, &value);
}

static void describe(struct pprofc_profile *profile, const char *kind, const char *path)
{
    if (strcmp(kind, "heap") == 0)
        pp_profile_add_type(profile, "inuse_space", "bytes");
    else if (strcmp(kind, "count") == 0)
        pp_profile_add_type(profile, "samples", "count");
    else
        pp_profile_add_type(profile, kind, "nanoseconds");
    profile->kind = pp_profile_text(profile, strcmp(kind, "count") == 0 ? "" : kind);
    profile->command = pp_profile_text(profile, path);
    profile->time_ns = INT64_C(1764000000000000000);
    profile->duration_ns = INT64_C(12310000000);
    profile->quality.is_known = true;
    profile->quality.n_samples = 1229;
    profile->quality.asked_hz = 100;
    profile->quality.cpu_ns = INT64_C(12310000000);
    profile->quality.sampled_ns = INT64_C(12280000000);
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    struct pp_flamegraph_options options = {0};
    pp_autobuffer struct pp_buffer svg = PP_BUFFER_INIT;
    struct pprofc_error err = {0};
    struct input input = {0};
    pp_autofree char *line = NULL;
    pp_autoclose FILE *in = NULL, *out = NULL;
    size_t capacity = 0;
    double start_s;
    int rc;

    if (argc < 3 || (in = fopen(argv[1], "re")) == NULL || (out = fopen(argv[2], "we")) == NULL)
        return 2;
    input.profile = pp_profile_new();
    input.locations = calloc(MAX_DEPTH, sizeof *input.locations);
    if (input.profile == NULL || input.locations == NULL)
        return 1;
    describe(input.profile, argc > 3 ? argv[3] : "count", argv[1]);
    options.color = argc > 4 && strcmp(argv[4], "name") == 0 ? PP_COLOR_NAME : PP_COLOR_MODULE;
    while (getline(&line, &capacity, in) > 0) {
        char *space = strrchr(line, ' ');
        if (space == NULL)
            continue;
        *space = '\0';
        add_stack(&input, line, strtoll(space + 1, NULL, 10));
    }
    start_s = now_s();
    rc = pp_profile_failed(input.profile)
             ? -1
             : pp_flamegraph_write(input.profile, &options, &svg, &err);
    printf("%u nodes, %zu bytes, %.3f s CPU\n", input.profile->n_nodes, svg.n_bytes,
           now_s() - start_s);
    if (rc == 0 && fwrite(svg.bytes, 1, svg.n_bytes, out) != svg.n_bytes)
        rc = -1;
    if (rc != 0)
        fprintf(stderr, "folded_flamegraph: %s\n", err.message);
    pprofc_profile_free(input.profile);
    free(input.locations);
    return rc != 0;
}
