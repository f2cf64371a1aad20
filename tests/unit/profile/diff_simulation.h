/* Profiles drawn at random from known programs, and what a comparison says of them: for the unit
 * test and for bench/diff_statistics. */
#ifndef TESTS_DIFF_SIMULATION_H
#define TESTS_DIFF_SIMULATION_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "profile/diff.h"

enum { MOST_FUNCTIONS = 512 };

/* Where a program spends its time: the shares of its functions, summed up. */
struct simulated_program {
    uint32_t n_functions;
    double up_to[MOST_FUNCTIONS];
};

static uint64_t simulation_state = UINT64_C(88172645463325252);

static inline double simulated_uniform(void)
{
    simulation_state ^= simulation_state << 13;
    simulation_state ^= simulation_state >> 7;
    simulation_state ^= simulation_state << 17;
    return ((double)(simulation_state >> 11) + 0.5) * 0x1p-53;
}

/* Function 0 has 'first' of the time (0: Zipf's part), the others fall as 1 / rank. */
static inline struct simulated_program simulated_zipf(uint32_t n_functions, double first)
{
    struct simulated_program program = {.n_functions = n_functions};
    double sum = 0, rest = 0;

    for (uint32_t i = first > 0; i < n_functions; i++)
        rest += 1.0 / (i + 1);
    for (uint32_t i = 0; i < n_functions; i++) {
        const double part = i == 0 && first > 0 ? first : (1 - first) / rest / (i + 1);
        sum += part;
        program.up_to[i] = sum;
    }
    return program;
}

/* The same program when function 0 costs 'factor' as much; its total grows to what is returned. */
static inline double simulated_dearer(struct simulated_program *program, double factor)
{
    const double more = program->up_to[0] * (factor - 1), total = 1 + more;

    for (uint32_t i = 0; i < program->n_functions; i++)
        program->up_to[i] = (program->up_to[i] + more) / total;
    return total;
}

static inline uint32_t simulated_function(const struct simulated_program *program)
{
    const double x = simulated_uniform();
    uint32_t low = 0, high = program->n_functions - 1;

    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (program->up_to[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A profile of 'n_samples', 100 in a slice where it has slices.  A function goes on for 'dwell'
 * samples on average. */
static inline struct pprofc_profile *simulated_profile(const struct simulated_program *program,
                                                       uint32_t n_samples, double dwell,
                                                       bool has_slices)
{
    struct pprofc_profile *profile = pp_profile_new();
    const pp_id root = pp_profile_child(profile, 0, pp_profile_named_location(profile, "main", 4));
    pp_id stacks[MOST_FUNCTIONS];
    uint32_t function = simulated_function(program);
    const int64_t one = 1;

    (void)pp_profile_add_type(profile, "samples", "count");
    for (uint32_t i = 0; i < program->n_functions; i++) {
        char name[32];
        const int n = snprintf(name, sizeof name, "function_%u", i);
        stacks[i] =
            pp_profile_child(profile, root, pp_profile_named_location(profile, name, (size_t)n));
    }
    profile->slice_ns = has_slices ? 100000000 : 0;
    for (uint32_t i = 0; i < n_samples; i++) {
        if (simulated_uniform() * dwell < 1)
            function = simulated_function(program);
        pp_profile_add(profile, stacks[function], 0, has_slices ? i / 100 : 0, &one);
    }
    return profile;
}

/* The same, when every third function goes on for one sample, five and twenty: what one function's
 * bursts are like tells nothing of another's. */
static inline struct pprofc_profile *simulated_mixed_profile(
    const struct simulated_program *program, uint32_t n_samples)
{
    static const double dwell[] = {1, 5, 20};
    struct pprofc_profile *profile = simulated_profile(program, 0, 1, true);
    const pp_id root = pp_profile_child(profile, 0, pp_profile_named_location(profile, "main", 4));
    uint32_t function = simulated_function(program);
    const int64_t one = 1;

    for (uint32_t i = 0; i < n_samples; i++) {
        char name[32];
        const int n = snprintf(name, sizeof name, "function_%u", function);
        pp_profile_add(
            profile,
            pp_profile_child(profile, root, pp_profile_named_location(profile, name, (size_t)n)), 0,
            i / 100, &one);
        if (simulated_uniform() * dwell[function % 3] < 1)
            function = simulated_function(program);
    }
    return profile;
}

struct simulated_finding {
    uint32_t n_changes; /* functions that are said to have changed */
    bool finds_first;   /* function_0 is said to be dearer */
};

/* Compare the two and free them. */
static inline struct simulated_finding simulated_compare(struct pprofc_profile *before,
                                                         struct pprofc_profile *after)
{
    const struct pprofc_profile *one = before, *other = after;
    const struct pp_diff_options options = {.sample = NULL};
    struct simulated_finding finding = {0, false};
    struct pprofc_error err;
    struct pp_diff *diff = NULL;

    if (pp_diff_make(&one, 1, &other, 1, &options, &diff, &err) != 0) {
        (void)fprintf(stderr, "simulation: %s\n", err.message);
        abort();
    }
    for (uint32_t i = 0; i < diff->n_rows; i++) {
        const struct pp_diff_row *row = &diff->rows[i];
        finding.n_changes += row->flat.state < PP_DIFF_NOISE;
        finding.finds_first |=
            row->flat.state == PP_DIFF_REGRESSED && strcmp(row->name, "function_0") == 0;
    }
    pp_diff_free(diff);
    pprofc_profile_free(before);
    pprofc_profile_free(after);
    return finding;
}

/* Of 'n' comparisons of a program with itself, how many find a change. */
static inline uint32_t simulated_false_changes(uint32_t n, uint32_t n_samples, double dwell,
                                               bool has_slices)
{
    const struct simulated_program program = simulated_zipf(300, 0);
    uint32_t n_false = 0;

    for (uint32_t i = 0; i < n; i++)
        n_false += simulated_compare(simulated_profile(&program, n_samples, dwell, has_slices),
                                     simulated_profile(&program, n_samples, dwell, has_slices))
                       .n_changes > 0;
    return n_false;
}

static inline uint32_t simulated_false_changes_mixed(uint32_t n, uint32_t n_samples)
{
    const struct simulated_program program = simulated_zipf(300, 0);
    uint32_t n_false = 0;

    for (uint32_t i = 0; i < n; i++)
        n_false += simulated_compare(simulated_mixed_profile(&program, n_samples),
                                     simulated_mixed_profile(&program, n_samples))
                       .n_changes > 0;
    return n_false;
}

/* Of 'n' comparisons in which a function of 30 % became 5 % dearer, with 'n_samples' before, how
 * many find it. */
static inline uint32_t simulated_found(uint32_t n, uint32_t n_samples, bool has_slices)
{
    const struct simulated_program before = simulated_zipf(300, 0.3);
    struct simulated_program after = before;
    const double total = simulated_dearer(&after, 1.05);
    uint32_t n_found = 0;

    for (uint32_t i = 0; i < n; i++)
        n_found += simulated_compare(simulated_profile(&before, n_samples, 1, has_slices),
                                     simulated_profile(&after, (uint32_t)lround(n_samples * total),
                                                       1, has_slices))
                       .finds_first;
    return n_found;
}

#endif
