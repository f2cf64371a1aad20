/* Rows of a heap profile, of the sums of a recording's sites. */
#include "formats/recording_heap_rows.h"

#include <math.h>
#include <string.h>

#include "profile/lifetimes.h"
#include "profile/tables.h"

_Static_assert((int)PP_N_LIFETIMES == (int)PP_REC_N_LIFETIMES &&
                   (int)PP_LIFETIME_OF_1_MS == (int)PP_REC_LIFETIME_OF_1_MS,
               "lifetimes mean in a profile what they mean in a recording");

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static double load_variance(const _Atomic uint64_t *bits)
{
    const uint64_t loaded = load(bits);
    double number;

    memcpy(&number, &loaded, sizeof number);
    return isfinite(number) && number > 0 ? number : 0;
}

struct pp_heap_sums pp_heap_sums_load(const struct pp_rec_heap_sums *sums)
{
    return (struct pp_heap_sums){
        .n_samples = load(&sums->n_samples),
        .bytes = load(&sums->bytes),
        .excess = load(&sums->excess),
        .bytes_variance = load_variance(&sums->bytes_variance),
        .count_variance = load_variance(&sums->count_variance),
    };
}

static int64_t bounded(uint64_t number)
{
    return number > INT64_MAX ? INT64_MAX : (int64_t)number;
}

int64_t pp_heap_sums_objects(const struct pp_heap_sums *sums)
{
    return pp_add_values(bounded(sums->n_samples), bounded((sums->excess + 512) / 1024));
}

void pp_heap_row_set(struct pp_heap_row *row, int objects, const struct pp_heap_sums *sums)
{
    row->values[objects] = pp_heap_sums_objects(sums);
    row->values[objects + 1] = bounded(sums->bytes);
    row->estimates[objects] = (struct pp_estimate){sums->count_variance, (double)sums->n_samples};
    row->estimates[objects + 1] =
        (struct pp_estimate){sums->bytes_variance, (double)sums->n_samples};
}

/* 'part' gets at most what 'row' has left: counters are read one after the other. */
static void move(struct pp_heap_row *row, struct pp_heap_row *part, int type)
{
    struct pp_estimate *left = &row->estimates[type], *moved = &part->estimates[type];

    if (part->values[type] > row->values[type])
        part->values[type] = row->values[type];
    row->values[type] -= part->values[type];
    moved->variance = fmin(moved->variance, left->variance);
    moved->n_sampled = fmin(moved->n_sampled, left->n_sampled);
    left->variance -= moved->variance;
    left->n_sampled -= moved->n_sampled;
}

void pp_heap_row_split(struct pp_heap_row *row, struct pprofc_profile *profile, pp_id stack,
                       const struct pp_label *beside, uint32_t n_beside,
                       const struct pp_rec_lifetimes *lifetimes, bool is_exact)
{
    for (uint32_t bucket = 0; bucket < PP_N_LIFETIMES; bucket++) {
        const struct pp_heap_sums sums = pp_heap_sums_load(&lifetimes->freed[bucket]);
        struct pp_heap_row part = {.values = {0}};

        pp_heap_row_set(&part, PP_HEAP_ALLOC_OBJECTS, &sums);
        move(row, &part, PP_HEAP_ALLOC_OBJECTS);
        move(row, &part, PP_HEAP_ALLOC_SPACE);
        if (part.values[PP_HEAP_ALLOC_OBJECTS] != 0 || part.values[PP_HEAP_ALLOC_SPACE] != 0)
            pp_profile_add_estimate(profile, stack,
                                    pp_lifetime_labels(profile, bucket, beside, n_beside), 0,
                                    part.values, is_exact ? NULL : part.estimates);
    }
}
