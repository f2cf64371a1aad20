/* A header of five words, a record a stack (count, depth, addresses), a trailer, and the text of
 * what is mapped.  https://gperftools.github.io/gperftools/cpuprofile-fileformat.html */
#include "formats/gperftools.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"

enum { MAX_DEPTH = 1024, VALUE_NS = 1 }; /* cpu profiles: samples, then nanoseconds */

static void put_words(struct pp_buffer *out, const uint64_t *words, size_t n)
{
    pp_buffer_append(out, (const char *)words, n * sizeof *words);
}

/* Leaf first; callers as return addresses, of which readers take one off again. */
static uint32_t addresses_of(const struct pprofc_profile *profile, pp_id node, uint64_t *out)
{
    uint32_t n = 0;

    for (; node != 0 && n < MAX_DEPTH; node = profile->node_parent[node]) {
        const uint64_t address = profile->locations[profile->node_location[node]].address;
        if (address == 0)
            continue;
        out[n] = address + (n > 0);
        n++;
    }
    return n;
}

static void put_samples(const struct pprofc_profile *profile, int64_t period_ns,
                        struct pp_buffer *out)
{
    uint64_t words[2 + MAX_DEPTH];
    int64_t rest_ns = 0; /* less than a period: it goes to the next record */

    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const int64_t *values = &profile->sample_values[(size_t)i * profile->n_types];
        words[1] = addresses_of(profile, profile->sample_stack[i], words + 2);
        if (words[1] == 0)
            continue;
        rest_ns += values[VALUE_NS];
        words[0] = (uint64_t)(rest_ns / period_ns);
        rest_ns %= period_ns;
        if (words[0] > 0)
            put_words(out, words, 2 + words[1]);
    }
}

void pp_gperftools_put_mappings(const struct pprofc_profile *profile, struct pp_buffer *out)
{
    for (uint32_t i = 1; i < profile->n_mappings; i++) {
        const struct pp_mapping *mapping = &profile->mappings[i];
        pp_buffer_printf(out, "%08" PRIx64 "-%08" PRIx64 " r-xp %08" PRIx64 " 00:00 0 %s\n",
                         mapping->start, mapping->limit, mapping->offset,
                         pp_profile_chars(profile, mapping->path));
    }
}

int pp_gperftools_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                        struct pprofc_error *err)
{
    static const uint64_t trailer[] = {0, 1, 0};
    const int64_t period_us = profile->period >= 1000 ? profile->period / 1000 : 1;
    const uint64_t header[] = {0, 3, 0, (uint64_t)period_us, 0};

    if (profile->n_types <= VALUE_NS)
        return pp_fail(err, -ENOTSUP, 0, "gperftools' format holds CPU profiles only");
    put_words(out, header, sizeof header / sizeof *header);
    put_samples(profile, period_us * 1000, out);
    put_words(out, trailer, sizeof trailer / sizeof *trailer);
    pp_gperftools_put_mappings(profile, out);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "no memory for the profile") : 0;
}

int pp_gperftools_write_contentions(const struct pprofc_profile *profile, struct pp_buffer *out,
                                    struct pprofc_error *err)
{
    uint64_t addresses[MAX_DEPTH];

    pp_buffer_text(out, "--- contention:\ncycles/second = 1000000000\nsampling period = 1\n");
    for (uint32_t i = 0; i < profile->n_samples && profile->n_types > VALUE_NS; i++) {
        const int64_t *values = &profile->sample_values[(size_t)i * profile->n_types];
        const uint32_t n = addresses_of(profile, profile->sample_stack[i], addresses);
        if (n == 0 || values[0] <= 0)
            continue;
        pp_buffer_printf(out, "%" PRId64 " %" PRId64 " @", values[VALUE_NS], values[0]);
        for (uint32_t k = 0; k < n; k++)
            pp_buffer_printf(out, " 0x%" PRIx64, addresses[k]);
        pp_buffer_text(out, "\n");
    }
    pp_buffer_text(out, "\nMAPPED_LIBRARIES:\n");
    pp_gperftools_put_mappings(profile, out);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "no memory for the profile") : 0;
}
