/* Which stacks come first. */
#include "profile/leaks.h"

#include <errno.h>
#include <stdlib.h>

#include "profile/tables.h"

/* One of 'rows' and what it is sorted by. */
struct place {
    double key;
    uint32_t row;
};

static int by_key(const void *a, const void *b)
{
    const struct place *one = a, *other = b;

    if (one->key != other->key)
        return one->key > other->key ? -1 : 1;
    return one->row < other->row ? -1 : one->row > other->row;
}

static void take_rows(const struct place *places, uint32_t n, uint32_t *rows_out)
{
    for (uint32_t i = 0; i < n; i++)
        rows_out[i] = places[i].row;
}

static void count(struct pp_leak_report *report, const struct pp_leak_row *row)
{
    report->n_stable += row->growth.verdict == PP_GROWTH_STABLE;
    report->n_too_early += row->growth.verdict == PP_GROWTH_TOO_EARLY;
    report->whole.suspect_objects =
        pp_add_values(report->whole.suspect_objects, row->suspect_objects);
    report->whole.suspect_bytes = pp_add_values(report->whole.suspect_bytes, row->suspect_bytes);
    if (row->suspect_objects > 0 && row->oldest_ns > report->whole.oldest_ns)
        report->whole.oldest_ns = row->oldest_ns;
}

int pp_leak_report_sort(struct pp_leak_report *report)
{
    struct place *places = calloc(report->n_rows + 1UL, sizeof *places);

    report->growing = calloc(report->n_rows + 1UL, sizeof *report->growing);
    report->suspected = calloc(report->n_rows + 1UL, sizeof *report->suspected);
    if (places == NULL || report->growing == NULL || report->suspected == NULL) {
        free(places);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < report->n_rows; i++) {
        count(report, &report->rows[i]);
        if (report->rows[i].growth.verdict == PP_GROWTH_GROWING)
            places[report->n_growing++] = (struct place){report->rows[i].growth.bytes_per_s, i};
    }
    qsort(places, report->n_growing, sizeof *places, by_key);
    take_rows(places, report->n_growing, report->growing);
    for (uint32_t i = 0; i < report->n_rows; i++)
        if (report->rows[i].suspect_objects > 0)
            places[report->n_suspected++] =
                (struct place){(double)report->rows[i].suspect_bytes, i};
    qsort(places, report->n_suspected, sizeof *places, by_key);
    take_rows(places, report->n_suspected, report->suspected);
    free(places);
    return 0;
}

void pp_leak_report_done(struct pp_leak_report *report)
{
    pprofc_profile_free(report->profile);
    free(report->rows);
    free(report->growing);
    free(report->suspected);
    *report = (struct pp_leak_report){.profile = NULL};
}
