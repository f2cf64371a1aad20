/* Comments of ours in a pprof file: "pprofc: key=value". */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "formats/pprof.h"
#include "profile/fragmentation.h"

static const char prefix[] = "pprofc: ";
static const char loss_prefix[] = "loss.";

/* The figures, in the order in which they are written. */
static const struct {
    const char *key;
    size_t offset;
} figures[] = {
    {"delivered", offsetof(struct pp_quality, n_samples)},
    {"lost", offsetof(struct pp_quality, n_lost)},
    {"truncated", offsetof(struct pp_quality, n_truncated)},
    {"unsymbolised", offsetof(struct pp_quality, n_unsymbolised)},
    {"dropped", offsetof(struct pp_quality, n_dropped)},
    {"cpu_ns", offsetof(struct pp_quality, cpu_ns)},
    {"sampled_ns", offsetof(struct pp_quality, sampled_ns)},
    {"unsampled_ns", offsetof(struct pp_quality, unsampled_ns)},
    {"own_cpu_ns", offsetof(struct pp_quality, own_cpu_ns)},
    {"throttled", offsetof(struct pp_quality, n_throttled)},
    {"throttled_ns", offsetof(struct pp_quality, throttled_ns)},
    {"children_cpu_ns", offsetof(struct pp_quality, children_cpu_ns)},
    {"budget_ppm", offsetof(struct pp_quality, budget_ppm)},
    {"budget_changes", offsetof(struct pp_quality, n_budget_changes)},
};
enum { N_FIGURES = sizeof figures / sizeof figures[0], FIRST_OF_BUDGET = N_FIGURES - 2 };

/* Those of a budget only where there is one. */
static bool is_written(const struct pp_quality *quality, size_t i, int64_t value)
{
    return value >= 0 && (i < FIRST_OF_BUDGET || quality->budget_ppm > 0);
}

static int64_t *figure_of(struct pp_quality *quality, size_t i)
{
    return (int64_t *)(void *)((char *)quality + figures[i].offset);
}

/* Exact totals of a heap profile. */
static const struct {
    const char *key;
    size_t offset;
} totals[] = {
    {"heap_allocs", offsetof(struct pp_heap_totals, n_allocs)},
    {"heap_reallocs", offsetof(struct pp_heap_totals, n_reallocs)},
    {"heap_frees", offsetof(struct pp_heap_totals, n_frees)},
    {"heap_requested_bytes", offsetof(struct pp_heap_totals, requested_bytes)},
    {"heap_usable_allocated_bytes", offsetof(struct pp_heap_totals, usable_allocated_bytes)},
    {"heap_usable_freed_bytes", offsetof(struct pp_heap_totals, usable_freed_bytes)},
};
enum { N_TOTALS = sizeof totals / sizeof totals[0], FIRST_USABLE_TOTAL = N_TOTALS - 2 };

/* Likewise of what the program mapped by itself, where that was followed. */
static const struct {
    const char *key;
    size_t offset;
} mappings[] = {
    {"heap_maps", offsetof(struct pp_heap_totals, n_maps)},
    {"heap_mapped_bytes", offsetof(struct pp_heap_totals, mapped_bytes)},
    {"heap_other_maps", offsetof(struct pp_heap_totals, n_other_maps)},
    {"heap_other_mapped_bytes", offsetof(struct pp_heap_totals, other_mapped_bytes)},
    {"heap_unmaps", offsetof(struct pp_heap_totals, n_unmaps)},
    {"heap_unmapped_bytes", offsetof(struct pp_heap_totals, unmapped_bytes)},
};
enum { N_MAPPINGS = sizeof mappings / sizeof mappings[0] };

/* The allocator's figures; its name is a text. */
static const struct {
    const char *key;
    size_t offset;
} memory[] = {
    {"heap_object_bytes", offsetof(struct pp_heap_memory, object_bytes)},
    {"heap_held_bytes", offsetof(struct pp_heap_memory, held_bytes)},
    {"heap_resident_bytes", offsetof(struct pp_heap_memory, resident_bytes)},
    {"heap_retained_bytes", offsetof(struct pp_heap_memory, retained_bytes)},
    {"heap_live_bytes", offsetof(struct pp_heap_memory, live_bytes)},
    {"heap_live_error_bytes", offsetof(struct pp_heap_memory, live_error_bytes)},
    {"heap_tables_bytes", offsetof(struct pp_heap_memory, tables_bytes)},
};
enum { N_MEMORY = sizeof memory / sizeof memory[0] };

static int64_t *memory_of(struct pp_heap_memory *figures_of_heap, size_t i)
{
    return (int64_t *)(void *)((char *)figures_of_heap + memory[i].offset);
}

/* What comes of those, for people: readers have it from the figures. */
static const char *const made_of_memory[] = {"heap_fragmentation", "heap_external_bytes",
                                             "heap_internal_bytes"};
enum { N_MADE_OF_MEMORY = sizeof made_of_memory / sizeof made_of_memory[0] };

static bool is_made_of_memory(const char *key, size_t n_key)
{
    for (size_t i = 0; i < N_MADE_OF_MEMORY; i++)
        if (n_key == strlen(made_of_memory[i]) && memcmp(key, made_of_memory[i], n_key) == 0)
            return true;
    return false;
}

static const char totals_behind[] = "heap_totals_behind";

static int64_t *total_at(struct pp_heap_totals *heap, size_t offset)
{
    return (int64_t *)(void *)((char *)heap + offset);
}

/* ---- writing ---- */

struct writer {
    void (*put)(void *context, const char *comment);
    void *context;
};

static void write_text(const struct writer *writer, const char *key, const char *text)
{
    pp_autobuffer struct pp_buffer comment = PP_BUFFER_INIT;

    if (text[0] == '\0')
        return;
    pp_buffer_text(&comment, prefix);
    pp_buffer_text(&comment, key);
    pp_buffer_text(&comment, "=");
    pp_buffer_text(&comment, text);
    writer->put(writer->context, comment.failed ? NULL : comment.bytes);
}

static void write_number(const struct writer *writer, const char *key, int64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRId64, number);
    write_text(writer, key, text);
}

/* "100" or "999.5", to thousandths.  Without printf's %f: its point is a comma in some locales. */
static void write_rate(const struct writer *writer, const char *key, double rate_hz)
{
    const int64_t millihertz = rate_hz > 0 && rate_hz < 1e12 ? (int64_t)(rate_hz * 1e3 + 0.5) : 0;
    char text[40];

    if (millihertz % 1000 == 0)
        (void)snprintf(text, sizeof text, "%" PRId64, millihertz / 1000);
    else
        (void)snprintf(text, sizeof text, "%" PRId64 ".%03" PRId64, millihertz / 1000,
                       millihertz % 1000);
    if (millihertz > 0)
        write_text(writer, key, text);
}

static void write_quality(const struct writer *writer, const struct pprofc_profile *profile)
{
    struct pp_quality quality = profile->quality;

    write_rate(writer, "asked_hz", quality.asked_hz);
    /* For people: readers have it from the figures. */
    write_rate(writer, "delivered_hz", pp_quality_delivered_hz(&quality));
    for (size_t i = 0; i < N_FIGURES; i++) {
        if (is_written(&quality, i, *figure_of(&quality, i)))
            write_number(writer, figures[i].key, *figure_of(&quality, i));
    }
    for (uint32_t i = 0; i < quality.n_losses && i < PP_N_LOSSES; i++) {
        char key[128];
        (void)snprintf(key, sizeof key, "%s%s", loss_prefix,
                       profile->strings[quality.losses[i].cause]);
        write_number(writer, key, quality.losses[i].n);
    }
    write_text(writer, "delivery", profile->strings[quality.delivery]);
    write_text(writer, "delivery_reason", profile->strings[quality.delivery_reason]);
    write_text(writer, "missing_modules", profile->strings[quality.missing_modules]);
}

static void write_fragmentation(const struct writer *writer,
                                const struct pp_heap_memory *figures_of_heap)
{
    struct pp_fragmentation found;
    char ratio[24];
    int n;

    if (!pp_fragmentation_make(figures_of_heap, &found))
        return;
    n = (int)(found.ratio * 1e4 + 0.5);
    (void)snprintf(ratio, sizeof ratio, "%d.%04d", n / 10000, n % 10000);
    write_text(writer, made_of_memory[0], ratio);
    write_number(writer, made_of_memory[1], found.external);
    if (found.internal >= 0)
        write_number(writer, made_of_memory[2], found.internal);
}

static void write_memory(const struct writer *writer, const struct pprofc_profile *profile)
{
    struct pp_heap_memory figures_of_heap = profile->memory;

    write_text(writer, "heap_allocator", profile->strings[profile->memory.allocator]);
    for (size_t i = 0; i < N_MEMORY; i++)
        if (*memory_of(&figures_of_heap, i) >= 0)
            write_number(writer, memory[i].key, *memory_of(&figures_of_heap, i));
    write_fragmentation(writer, &figures_of_heap);
}

static void write_totals(const struct writer *writer, const struct pprofc_profile *profile)
{
    struct pp_heap_totals heap = profile->heap;
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;

    for (size_t i = 0; i < (heap.counts_usable ? N_TOTALS : FIRST_USABLE_TOTAL); i++)
        write_number(writer, totals[i].key, *total_at(&heap, totals[i].offset));
    for (size_t i = 0; i < N_MAPPINGS && heap.follows_mappings; i++)
        write_number(writer, mappings[i].key, *total_at(&heap, mappings[i].offset));
    if (heap.is_behind)
        write_number(writer, totals_behind, 1);
    for (uint32_t i = 0; i <= heap.n_threads; i++) {
        const struct pp_heap_thread *thread =
            i < heap.n_threads ? &heap.threads[i] : &heap.other_threads;
        if (pp_heap_thread_is_idle(thread))
            continue;
        text.n_bytes = 0;
        pp_pprof_thread_text(profile, thread, &text);
        if (text.failed)
            writer->put(writer->context, NULL);
        else
            write_text(writer, pp_pprof_thread_key, text.bytes);
    }
}

void pp_pprof_write_comments(const struct pprofc_profile *profile,
                             void (*put)(void *context, const char *comment), void *context)
{
    const struct writer writer = {put, context};

    write_text(&writer, "command", profile->strings[profile->command]);
    write_text(&writer, "kind", profile->strings[profile->kind]);
    if (profile->quality.is_known)
        write_quality(&writer, profile);
    if (profile->heap.is_known)
        write_totals(&writer, profile);
    if (profile->memory.allocator != 0)
        write_memory(&writer, profile);
    pp_pprof_waits_write(profile, put, context);
}

/* ---- reading ---- */

/* What a file does not say is not known. */
static void begin_quality(struct pp_quality *quality)
{
    if (quality->is_known)
        return;
    *quality = (struct pp_quality){.is_known = true, .asked_hz = -1};
    for (size_t i = 0; i < N_FIGURES; i++)
        *figure_of(quality, i) = -1;
}

static bool read_loss(struct pprofc_profile *profile, const char *cause, size_t n_cause,
                      int64_t number)
{
    struct pp_quality *quality = &profile->quality;

    begin_quality(quality);
    if (quality->n_losses == PP_N_LOSSES)
        return false;
    quality->losses[quality->n_losses].cause = pp_profile_string(profile, cause, n_cause);
    quality->losses[quality->n_losses].n = number;
    quality->n_losses++;
    return true;
}

static bool read_number(struct pprofc_profile *profile, const char *key, size_t n_key,
                        int64_t number)
{
    const size_t n_loss_prefix = strlen(loss_prefix);

    if (number < 0)
        return false;
    if (n_key > n_loss_prefix && memcmp(key, loss_prefix, n_loss_prefix) == 0)
        return read_loss(profile, key + n_loss_prefix, n_key - n_loss_prefix, number);
    for (size_t i = 0; i < N_FIGURES; i++) {
        if (n_key == strlen(figures[i].key) && memcmp(key, figures[i].key, n_key) == 0) {
            begin_quality(&profile->quality);
            *figure_of(&profile->quality, i) = number;
            return true;
        }
    }
    if (n_key == strlen(totals_behind) && memcmp(key, totals_behind, n_key) == 0) {
        profile->heap.is_behind = number != 0;
        return true;
    }
    for (size_t i = 0; i < N_MEMORY; i++) {
        if (n_key == strlen(memory[i].key) && memcmp(key, memory[i].key, n_key) == 0) {
            *memory_of(&profile->memory, i) = number;
            return true;
        }
    }
    for (size_t i = 0; i < N_TOTALS; i++) {
        if (n_key == strlen(totals[i].key) && memcmp(key, totals[i].key, n_key) == 0) {
            profile->heap.is_known = true;
            profile->heap.counts_usable |= i >= FIRST_USABLE_TOTAL;
            *total_at(&profile->heap, totals[i].offset) = number;
            return true;
        }
    }
    for (size_t i = 0; i < N_MAPPINGS; i++) {
        if (n_key == strlen(mappings[i].key) && memcmp(key, mappings[i].key, n_key) == 0) {
            profile->heap.follows_mappings = true;
            *total_at(&profile->heap, mappings[i].offset) = number;
            return true;
        }
    }
    return false;
}

static bool read_text(struct pprofc_profile *profile, const char *key, size_t n_key,
                      const char *text)
{
    struct {
        const char *key;
        pp_id *target;
        bool is_quality;
    } const texts[] = {
        {"command", &profile->command, false},
        {"kind", &profile->kind, false},
        {"heap_allocator", &profile->memory.allocator, false},
        {"delivery", &profile->quality.delivery, true},
        {"delivery_reason", &profile->quality.delivery_reason, true},
        {"missing_modules", &profile->quality.missing_modules, true},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (n_key != strlen(texts[i].key) || memcmp(key, texts[i].key, n_key) != 0)
            continue;
        if (texts[i].is_quality)
            begin_quality(&profile->quality);
        *texts[i].target = pp_profile_text(profile, text);
        return true;
    }
    return false;
}

static bool read_rate(struct pprofc_profile *profile, const char *text)
{
    const size_t n_whole = strcspn(text, ".");
    const char *rest = text + n_whole + (text[n_whole] == '.');
    int64_t whole, thousandths = 0;

    if (!pp_parse_int64(text, n_whole, &whole) || whole < 0 ||
        (rest[0] != '\0' &&
         (strlen(rest) != 3 || !pp_parse_int64(rest, 3, &thousandths) || thousandths < 0)))
        return false;
    begin_quality(&profile->quality);
    profile->quality.asked_hz = (double)whole + (double)thousandths / 1e3;
    return true;
}

bool pp_pprof_read_comment(struct pprofc_profile *profile, const char *comment)
{
    const char *key = comment + strlen(prefix);
    const char *equals;
    int64_t number;

    if (strncmp(comment, prefix, strlen(prefix)) != 0)
        return false;
    equals = strchr(key, '=');
    if (equals == NULL || equals[1] == '\0')
        return false;
    if (strncmp(key, "asked_hz=", strlen("asked_hz=")) == 0)
        return read_rate(profile, equals + 1);
    if (strncmp(key, "delivered_hz=", strlen("delivered_hz=")) == 0 ||
        is_made_of_memory(key, (size_t)(equals - key)))
        return true;
    if ((size_t)(equals - key) == strlen(pp_pprof_thread_key) &&
        memcmp(key, pp_pprof_thread_key, strlen(pp_pprof_thread_key)) == 0)
        return pp_pprof_thread_read(profile, equals + 1);
    if (read_text(profile, key, (size_t)(equals - key), equals + 1) ||
        pp_pprof_waits_read(profile, key, (size_t)(equals - key), equals + 1))
        return true;
    return pp_parse_int64(equals + 1, strlen(equals + 1), &number) &&
           read_number(profile, key, (size_t)(equals - key), number);
}
