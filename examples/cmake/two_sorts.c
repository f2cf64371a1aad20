/* Sorts the same numbers in two ways and draws where the time went, by itself: two_sorts.svg. */
#include <pprofc/pprofc.h>
#include <pprofc/profile.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_NUMBERS = 1 << 21 };

static uint32_t numbers[N_NUMBERS], sorted[N_NUMBERS];

static void fill(void)
{
    uint32_t seed = 1;

    for (size_t i = 0; i < N_NUMBERS; i++)
        numbers[i] = seed = seed * 1664525u + 1013904223u;
}

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void sort_by_comparing(void)
{
    memcpy(sorted, numbers, sizeof sorted);
    qsort(sorted, N_NUMBERS, sizeof sorted[0], compare);
}

/* One pass a byte, the lowest first. */
static void sort_by_bytes(void)
{
    static uint32_t other[N_NUMBERS];
    uint32_t *from = other, *to = sorted;

    memcpy(from, numbers, sizeof other);
    for (unsigned shift = 0; shift < 32; shift += 8) {
        size_t starts[257] = {0};
        uint32_t *swapped = from;
        for (size_t i = 0; i < N_NUMBERS; i++)
            starts[(from[i] >> shift & 255) + 1]++;
        for (size_t digit = 0; digit < 256; digit++)
            starts[digit + 1] += starts[digit];
        for (size_t i = 0; i < N_NUMBERS; i++)
            to[starts[from[i] >> shift & 255]++] = from[i];
        from = to;
        to = swapped;
    }
    memcpy(sorted, from, sizeof sorted);
}

static void sort_both(void *unused)
{
    (void)unused;
    fill();
    sort_by_comparing();
    sort_by_bytes();
}

int main(void)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int result;

    options.frequency_hz = PPROFC_MODE_HIGH;
    result = pprofc_profile_call(sort_both, NULL, &options, &recording, &err);
    if (result == 0)
        result = pprofc_profile_from_recording(recording, &profile, &err);
    if (result == 0)
        result = pprofc_profile_write(profile, "two_sorts.svg", &err);
    pprofc_profile_free(profile);
    pprofc_recording_free(recording);
    if (result != 0) {
        fprintf(stderr, "two_sorts: %s\n", err.message);
        return 1;
    }
    printf("sorted %d numbers twice: see two_sorts.svg\n", N_NUMBERS);
    return 0;
}
