/* Sites of equal stacks are one row; trusts nothing that the recording says. */
#include "formats/recording_leaks.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "formats/recording_frames.h"
#include "formats/recording_modules.h"
#include "formats/recording_sites.h"

enum { MOST_FRAMES = 64 }; /* of a stack, from where it allocates */

struct site {
    const struct pp_rec_site *site;
    const uint64_t *pcs;
    uint32_t n_frames, index;
};

/* One report at work. */
struct maker {
    struct pp_leak_report *report;
    struct pp_recording_reader *reader;
    const struct pp_rec_header *head;
    struct pprofc_error *err;
    struct site *sites; /* sorted by stack */
    uint32_t n_sites, n_points;
    uint64_t end_ns;
    struct site *first_of_row; /* one a row */
};

static int no_memory(const struct maker *maker)
{
    return pp_fail(maker->err, -ENOMEM, 0, "no memory for the report on leaks");
}

/* ---- what a recording says ---- */

static double trend_bytes(const struct pp_rec_site *site, uint32_t point)
{
    const uint32_t bits = atomic_load_explicit(&site->trend[point], memory_order_relaxed);
    float bytes;

    memcpy(&bytes, &bits, sizeof bytes);
    return isfinite(bytes) && bytes > 0 ? (double)bytes : 0;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void find_end(struct maker *maker)
{
    const struct pp_rec_heap *heap = &maker->head->heap;

    maker->end_ns =
        later(pp_site_load(&maker->head->end_ns), pp_site_load(&maker->head->cpu_time_ns));
    maker->end_ns = later(maker->end_ns, pp_site_load(&heap->leaks.time_ns));
    if (maker->n_points > 0)
        maker->end_ns = later(maker->end_ns, heap->trend_time_ns[maker->n_points - 1]);
}

static int64_t age_ns(const struct maker *maker, uint64_t birth_ns)
{
    return maker->end_ns > birth_ns ? pp_site_bounded(maker->end_ns - birth_ns) : 0;
}

/* ---- equal stacks ---- */

static int by_stack(const void *a, const void *b)
{
    const struct site *one = a, *other = b;
    int order;

    if (one->n_frames != other->n_frames)
        return one->n_frames < other->n_frames ? -1 : 1;
    order = memcmp(one->pcs, other->pcs, one->n_frames * sizeof *one->pcs);
    return order != 0 ? order : one->index < other->index ? -1 : one->index > other->index;
}

static bool is_same_stack(const struct site *one, const struct site *other)
{
    return one->n_frames == other->n_frames &&
           memcmp(one->pcs, other->pcs, one->n_frames * sizeof *one->pcs) == 0;
}

static int gather_sites(struct maker *maker)
{
    const struct pp_rec_site *site;
    uint32_t n = 0;

    while (pp_recording_site(maker->reader, n) != NULL)
        n++;
    maker->sites = calloc(n + 1UL, sizeof *maker->sites);
    maker->first_of_row = calloc(n + 1UL, sizeof *maker->first_of_row);
    maker->report->rows = calloc(n + 1UL, sizeof *maker->report->rows);
    if (maker->sites == NULL || maker->first_of_row == NULL || maker->report->rows == NULL)
        return no_memory(maker);
    for (uint32_t i = 0; i < n; i++) {
        struct site *to = &maker->sites[maker->n_sites];
        site = pp_recording_site(maker->reader, i);
        if (pp_site_load(&site->hash) == 0)
            continue;
        *to = (struct site){.site = site, .index = i};
        to->pcs = pp_recording_site_frames(maker->reader, site, &to->n_frames);
        if (to->pcs == NULL)
            return pp_fail(maker->err, -EBADMSG, 0, "the recording is damaged: a stack is missing");
        maker->n_sites++;
    }
    qsort(maker->sites, maker->n_sites, sizeof *maker->sites, by_stack);
    return 0;
}

/* ---- rows ---- */

/* What is added up over sites before it can be judged. */
struct sums {
    double bytes[PP_REC_N_TREND];
    double turnover_bytes;
    double birth_ns, n_births;
};

static void add_site(const struct maker *maker, struct pp_leak_row *row, struct sums *sums,
                     const struct pp_rec_site *site)
{
    const int64_t n_samples = pp_site_left(&site->allocated.n_samples, &site->freed.n_samples);
    const struct pp_site_amount in_use = pp_site_in_use(site), suspects = pp_site_suspects(site);
    const uint64_t oldest_ns = atomic_load(&site->unreached_oldest_ms) * UINT64_C(1000000);

    row->in_use_objects = pp_add_values(row->in_use_objects, in_use.objects);
    row->in_use_bytes = pp_add_values(row->in_use_bytes, in_use.bytes);
    sums->turnover_bytes +=
        (double)pp_site_load(&site->allocated.bytes) + (double)pp_site_load(&site->freed.bytes);
    sums->birth_ns += (double)pp_site_load(&site->mean_birth_ns) * (double)n_samples;
    sums->n_births += (double)n_samples;
    for (uint32_t k = 0; k < maker->n_points; k++)
        sums->bytes[k] += trend_bytes(site, k);
    if (suspects.objects == 0)
        return;
    row->suspect_objects = pp_add_values(row->suspect_objects, suspects.objects);
    row->suspect_bytes = pp_add_values(row->suspect_bytes, suspects.bytes);
    if (age_ns(maker, oldest_ns) > row->oldest_ns)
        row->oldest_ns = age_ns(maker, oldest_ns);
}

static void judge(const struct maker *maker, struct pp_leak_row *row, const struct sums *sums)
{
    struct pp_growth_point points[PP_REC_N_TREND];

    for (uint32_t k = 0; k < maker->n_points; k++)
        points[k] = (struct pp_growth_point){(double)maker->head->heap.trend_time_ns[k] / 1e9,
                                             sums->bytes[k]};
    row->growth = pp_growth_judge(points, maker->n_points, (double)maker->report->interval_bytes,
                                  sums->turnover_bytes);
    if (sums->n_births > 0)
        row->mean_age_ns = age_ns(maker, (uint64_t)(sums->birth_ns / sums->n_births));
}

static void add_sums(struct sums *all, const struct sums *part)
{
    for (uint32_t k = 0; k < PP_REC_N_TREND; k++)
        all->bytes[k] += part->bytes[k];
    all->turnover_bytes += part->turnover_bytes;
    all->birth_ns += part->birth_ns;
    all->n_births += part->n_births;
}

static void make_rows(struct maker *maker)
{
    struct pp_leak_report *report = maker->report;
    struct sums all = {.birth_ns = 0};

    for (uint32_t i = 0, end; i < maker->n_sites; i = end) {
        struct pp_leak_row row = {.stack = 0};
        struct sums sums = {.birth_ns = 0};

        for (end = i; end < maker->n_sites && is_same_stack(&maker->sites[i], &maker->sites[end]);
             end++)
            add_site(maker, &row, &sums, maker->sites[end].site);
        add_sums(&all, &sums);
        report->whole.in_use_bytes = pp_add_values(report->whole.in_use_bytes, row.in_use_bytes);
        report->whole.in_use_objects =
            pp_add_values(report->whole.in_use_objects, row.in_use_objects);
        if (row.in_use_bytes == 0 && row.in_use_objects == 0 && row.suspect_objects == 0)
            continue; /* all of it was freed */
        judge(maker, &row, &sums);
        maker->first_of_row[report->n_rows] = maker->sites[i];
        report->rows[report->n_rows++] = row;
    }
    judge(maker, &report->whole, &all);
}

/* ---- names ---- */

static int name_stack(struct maker *maker, struct pp_recorded_frames *frames,
                      const struct pp_recorded_modules *modules, uint32_t row)
{
    const struct site *site = &maker->first_of_row[row];
    const uint32_t epoch = pp_recorded_modules_epoch(modules, maker->end_ns);
    pp_id locations[MOST_FRAMES];
    size_t n = 0;

    for (uint32_t i = 0; i < site->n_frames && n < MOST_FRAMES; i++) {
        const struct pp_recorded_frame *frame;
        if (pp_recorded_frame(frames, site->pcs[i], false, maker->end_ns, epoch, &frame) != 0)
            return no_memory(maker);
        if (frame->location != 0)
            locations[n++] = frame->location;
    }
    maker->report->rows[row].stack = pp_profile_stack(maker->report->profile, locations, n);
    return 0;
}

static int name_rows(struct maker *maker, struct pp_recorded_frames *frames,
                     const struct pp_recorded_modules *modules, uint32_t n_named)
{
    const struct pp_leak_report *report = maker->report;
    int status = 0;

    for (uint32_t i = 0; i < report->n_growing && i < n_named && status == 0; i++)
        status = name_stack(maker, frames, modules, report->growing[i]);
    for (uint32_t i = 0; i < report->n_suspected && i < n_named && status == 0; i++)
        status = name_stack(maker, frames, modules, report->suspected[i]);
    return status == 0 && pp_profile_failed(report->profile) ? no_memory(maker) : status;
}

static int name(struct maker *maker, struct pp_symbolizer *symbolizer, uint32_t n_named)
{
    struct pp_recorded_modules modules = {.modules = NULL};
    struct pp_recorded_frames frames = {.profile = NULL};
    int status;

    if (pp_recorded_modules_init(&modules, maker->reader) != 0 ||
        pp_recorded_frames_init(&frames, maker->report->profile, symbolizer, &modules) != 0)
        status = no_memory(maker);
    else
        status = name_rows(maker, &frames, &modules, n_named);
    pp_recorded_frames_done(&frames);
    pp_recorded_modules_done(&modules);
    return status;
}

/* ---- the whole ---- */

static void set_facts(struct maker *maker)
{
    const struct pp_rec_header *head = maker->head;
    const struct pp_rec_leak_scan *leaks = &head->heap.leaks;
    struct pp_leak_report *report = maker->report;
    char name[PP_PROGRAM_NAME_BYTES];

    report->program = pp_profile_chars(
        report->profile, pp_profile_text(report->profile, pp_recording_program_name(head, name)));
    report->pid = head->pid;
    report->interval_bytes = pp_site_bounded(pp_site_load(&head->heap.interval_bytes));
    if (report->interval_bytes < 1)
        report->interval_bytes = 1;
    report->duration_ns = pp_site_bounded(maker->end_ns);
    report->look = (struct pp_leak_look){
        .was_made = atomic_load(&leaks->generation) != 0,
        .predicted_ns = pp_site_bounded(pp_site_load(&leaks->predicted_ns)),
        .pause_ns = pp_site_bounded(pp_site_load(&leaks->pause_ns)),
        .scan_ns = pp_site_bounded(pp_site_load(&leaks->scan_ns)),
        .scanned_bytes = pp_site_bounded(pp_site_load(&leaks->scanned_bytes)),
        .n_objects = pp_site_bounded(pp_site_load(&leaks->n_objects)),
        .n_young = pp_site_bounded(pp_site_load(&leaks->n_young)),
        .n_unseen_threads = atomic_load(&leaks->n_unseen),
        .n_passes = atomic_load(&leaks->n_passes),
        .age_ns = age_ns(maker, pp_site_load(&leaks->time_ns)),
    };
}

static int make(struct maker *maker, struct pp_symbolizer *symbolizer, uint32_t n_named)
{
    const struct pp_rec_heap *heap = &maker->head->heap;
    int status;

    if (atomic_load(&heap->mode) == PP_HEAP_OFF)
        return pp_fail(maker->err, -ENODATA, 0,
                       "the heap was not profiled: start the program with PPROFC=heap and "
                       "libpprofc-preload-heap.so, or pprofc_start() with PPROFC_KIND_HEAP");
    if (atomic_load(&heap->trend_generation) % 2 != 0 ||
        atomic_load(&heap->leaks.generation) % 2 != 0)
        return pp_fail(maker->err, -EAGAIN, 0, "the recording was being written; try again");
    maker->n_points = atomic_load(&heap->n_trend);
    if (maker->n_points > PP_REC_N_TREND)
        maker->n_points = PP_REC_N_TREND;
    find_end(maker);
    set_facts(maker);
    status = gather_sites(maker);
    if (status != 0)
        return status;
    make_rows(maker);
    if (pp_leak_report_sort(maker->report) != 0)
        return no_memory(maker);
    return name(maker, symbolizer, n_named);
}

int pp_recording_leaks(struct pp_recording_reader *reader, struct pp_symbolizer *symbolizer,
                       uint32_t n_named, struct pp_leak_report *report_out,
                       struct pprofc_error *err)
{
    struct pp_leak_report report = {.profile = pp_profile_new()};
    struct maker maker = {
        .report = &report, .reader = reader, .head = pp_recording_header(reader), .err = err};
    const int status =
        report.profile == NULL ? no_memory(&maker) : make(&maker, symbolizer, n_named);

    free(maker.sites);
    free(maker.first_of_row);
    if (status != 0)
        pp_leak_report_done(&report);
    else
        *report_out = report;
    return status;
}
