/* How often a comparison is wrong, and how often it finds what is there.
 *
 *     diff_statistics false-changes | bursts | mixed | found | found-slices [SERIES]    by
 * simulation diff_statistics halves RECORDING.ppc [SERIES]                  random halves of its
 * slices
 *
 * Prints {"n": comparisons, "hits": those that said something changed, or found it}. */
#include <errno.h>

#include "../tests/unit/profile/diff_simulation.h"

enum { N_COMPARISONS = 200, N_SAMPLES = 30000, N_A_SAMPLES = 10000, DWELL = 20 };

static void fail(const char *message)
{
    (void)fprintf(stderr, "diff_statistics: %s\n", message);
    exit(1);
}

static uint32_t count_slices(const struct pprofc_profile *profile)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < profile->n_samples; i++)
        n = profile->sample_slice[i] >= n ? profile->sample_slice[i] + 1 : n;
    return n;
}

/* Half of the slices, which 'place' numbers anew (UINT32_MAX: not in this half). */
static struct pprofc_profile *half_of(const struct pprofc_profile *whole, const uint32_t *place)
{
    struct pprofc_profile *half = pp_profile_new();
    pp_id *nodes = NULL;

    if (pp_profile_merge_stacks(half, whole, &nodes, NULL) != 0)
        fail("no memory");
    for (uint32_t type = 0; type < whole->n_types; type++)
        (void)pp_profile_add_type(half, pp_profile_chars(whole, whole->types[type].type),
                                  pp_profile_chars(whole, whole->types[type].unit));
    half->default_type = whole->default_type;
    half->slice_ns = whole->slice_ns;
    for (uint32_t i = 0; i < whole->n_samples; i++)
        if (place[whole->sample_slice[i]] != UINT32_MAX)
            pp_profile_add(half, nodes[whole->sample_stack[i]], 0, place[whole->sample_slice[i]],
                           whole->sample_values + (size_t)i * whole->n_types);
    free(nodes);
    return half;
}

/* Halves of one recording differ by chance alone. */
static uint32_t false_changes_of_halves(const char *path)
{
    struct pprofc_profile *whole = NULL;
    struct pprofc_error err;
    uint32_t n_slices, n_false = 0, *places[2];

    if (pprofc_profile_read(path, &whole, &err) != 0)
        fail(err.message);
    n_slices = count_slices(whole);
    places[0] = calloc(n_slices, sizeof(uint32_t));
    places[1] = calloc(n_slices, sizeof(uint32_t));
    if (whole->slice_ns <= 0 || n_slices < 20 || places[0] == NULL || places[1] == NULL)
        fail("the recording has too few slices");
    for (uint32_t i = 0; i < N_COMPARISONS; i++) {
        uint32_t n_in[2] = {0, 0};
        for (uint32_t slice = 0; slice < n_slices; slice++) {
            const uint32_t left = n_slices - slice, wanted = n_slices / 2 - n_in[0];
            const int side = simulated_uniform() * left < wanted ? 0 : 1;
            places[side][slice] = n_in[side]++;
            places[1 - side][slice] = UINT32_MAX;
        }
        n_false +=
            simulated_compare(half_of(whole, places[0]), half_of(whole, places[1])).n_changes > 0;
    }
    free(places[0]);
    free(places[1]);
    pprofc_profile_free(whole);
    return n_false;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const bool has_file = strcmp(what, "halves") == 0;
    uint32_t n;

    if (argc > 2 + has_file)
        simulation_state ^= strtoull(argv[2 + has_file], NULL, 10) * UINT64_C(0x9E3779B97F4A7C15);
    if (strcmp(what, "false-changes") == 0)
        n = simulated_false_changes(N_COMPARISONS, N_A_SAMPLES, 1, false);
    else if (strcmp(what, "bursts") == 0)
        n = simulated_false_changes(N_COMPARISONS, N_A_SAMPLES, DWELL, true);
    else if (strcmp(what, "mixed") == 0)
        n = simulated_false_changes_mixed(N_COMPARISONS, N_A_SAMPLES);
    else if (strcmp(what, "found") == 0)
        n = simulated_found(N_COMPARISONS, N_SAMPLES, false);
    else if (strcmp(what, "found-slices") == 0)
        n = simulated_found(N_COMPARISONS, N_SAMPLES, true);
    else if (has_file && argc > 2)
        n = false_changes_of_halves(argv[2]);
    else
        return 2;
    printf("{\"n\": %d, \"hits\": %u}\n", N_COMPARISONS, n);
    return 0;
}
