/* Heap profiles as text. */
#include "formats/heap_text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "formats/gperftools.h"
#include "profile/tables.h"

enum { ALLOC_OBJECTS, ALLOC_SPACE, INUSE_OBJECTS, INUSE_SPACE, N_TYPES };

static int check(const struct pprofc_profile *profile, struct pprofc_error *err)
{
    static const char *const names[N_TYPES] = {"alloc_objects", "alloc_space", "inuse_objects",
                                               "inuse_space"};

    for (uint32_t type = 0; type < N_TYPES; type++)
        if (profile->n_types != N_TYPES ||
            strcmp(pp_profile_chars(profile, profile->types[type].type), names[type]) != 0)
            return pp_fail(err, -ENOTSUP, 0, "the text of a heap profile holds heaps only");
    return 0;
}

/* What was sampled of values that stand for more: n samples of the mean size. */
static void sampled_values(const struct pprofc_profile *profile, uint32_t sample,
                           int64_t values[N_TYPES])
{
    const int64_t *all = profile->sample_values + (size_t)sample * N_TYPES;

    memcpy(values, all, N_TYPES * sizeof *values);
    for (uint32_t type = 0; profile->sample_estimates != NULL && type < N_TYPES; type += 2) {
        const double n = pp_profile_estimate(profile, sample, type)->n_sampled;
        const double size = all[type] > 0 ? (double)all[type + 1] / (double)all[type] : 0;
        values[type] = (int64_t)(n + 0.5);
        values[type + 1] = (int64_t)((double)values[type] * size + 0.5);
    }
}

static void put_values(struct pp_buffer *out, const int64_t values[N_TYPES])
{
    pp_buffer_printf(out, "%" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "] @",
                     values[INUSE_OBJECTS], values[INUSE_SPACE], values[ALLOC_OBJECTS],
                     values[ALLOC_SPACE]);
}

/* All as return addresses, of which readers take one off again. */
static void put_addresses(struct pp_buffer *out, const struct pprofc_profile *profile, pp_id node)
{
    for (; node != 0; node = profile->node_parent[node]) {
        const uint64_t address = profile->locations[profile->node_location[node]].address;
        if (address != 0)
            pp_buffer_printf(out, " 0x%" PRIx64, address + 1);
    }
    pp_buffer_text(out, "\n");
}

static void put_clean(struct pp_buffer *out, const char *text)
{
    for (; *text != '\0'; text++)
        pp_buffer_append(out, (unsigned char)*text < ' ' ? "?" : text, 1);
}

/* "#\t0x4a3f51\tmain.parse\tmain.c:118", as Go has it but for the distance from the function's
 * begin. */
static void put_frames(struct pp_buffer *out, const struct pprofc_profile *profile, pp_id node)
{
    for (; node != 0; node = profile->node_parent[node]) {
        const pp_id location = profile->node_location[node];
        const struct pp_location *frame = &profile->locations[location];
        for (uint32_t i = 0; i == 0 || i < frame->n_lines; i++) {
            char scratch[256];
            pp_buffer_printf(out, "#\t0x%" PRIx64 "\t", frame->address);
            put_clean(out, pp_profile_frame_name(profile, location, i, scratch, sizeof scratch));
            if (i < frame->n_lines) {
                const struct pp_line *line = &profile->lines[frame->first_line + i];
                pp_buffer_text(out, "\t");
                put_clean(out, pp_profile_chars(profile, profile->functions[line->function].file));
                pp_buffer_printf(out, ":%" PRId64, line->line);
            }
            pp_buffer_text(out, "\n");
        }
    }
    pp_buffer_text(out, "\n");
}

static void put_head(struct pp_buffer *out, const struct pprofc_profile *profile, bool is_weighed)
{
    int64_t sums[N_TYPES] = {0};

    for (uint32_t i = 0; i < profile->n_samples; i++) {
        int64_t values[N_TYPES];
        memcpy(values, profile->sample_values + (size_t)i * N_TYPES, sizeof values);
        if (!is_weighed)
            sampled_values(profile, i, values);
        for (uint32_t type = 0; type < N_TYPES; type++)
            sums[type] = pp_add_values(sums[type], values[type]);
    }
    pp_buffer_text(out, "heap profile: ");
    put_values(out, sums);
}

int pp_heap_text_write_go(const struct pprofc_profile *profile, struct pp_buffer *out,
                          struct pprofc_error *err)
{
    const int status = check(profile, err);

    if (status != 0)
        return status;
    put_head(out, profile, false);
    pp_buffer_printf(out, " heap/%" PRId64 "\n", pp_add_values(profile->period, profile->period));
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        int64_t values[N_TYPES];
        sampled_values(profile, i, values);
        put_values(out, values);
        put_addresses(out, profile, profile->sample_stack[i]);
        put_frames(out, profile, profile->sample_stack[i]);
    }
    return out->failed ? pp_fail(err, -ENOMEM, 0, "no memory for the profile") : 0;
}

int pp_heap_text_write_gperftools(const struct pprofc_profile *profile, const char *name,
                                  struct pp_buffer *out, struct pprofc_error *err)
{
    const int status = check(profile, err);

    if (status != 0)
        return status;
    put_head(out, profile, true);
    pp_buffer_printf(out, " %s\n", name);
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        put_values(out, profile->sample_values + (size_t)i * N_TYPES);
        put_addresses(out, profile, profile->sample_stack[i]);
    }
    pp_buffer_text(out, "\nMAPPED_LIBRARIES:\n");
    pp_gperftools_put_mappings(profile, out);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "no memory for the profile") : 0;
}
